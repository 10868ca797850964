"""What the model keeps of each hold id that it knows, until 8 days after its end."""

import re
from dataclasses import dataclass

from callgate.core.hold import Held, HoldRequest, Purse
from callgate.ledger.validity import KEPT_S

_MADE_AT = re.compile(r"\.([0-9]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Money booked at a ledger second; negative if given back."""

    at_s: int
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A hold that has not ended.

    Fields:
        month: in which it counts.
        counted: the purses that count it: those of its request, and those that renewals added.
        held: the answer to its last renewal, or to the hold.
        renewals: how many it had.
        held_s: the ledger second of the hold.
        lapses_s: the ledger second at which its time is over.
        starts: whether it carries its passage's start, which the next trunk attempt inherits.
    """

    request: HoldRequest
    month: str
    counted: tuple[Purse, ...]
    held: Held
    renewals: int = 0
    held_s: int
    lapses_s: int
    starts: bool = True

    @property
    def purses(self) -> tuple[str, ...]:
        """The names of the purses that count it."""
        return tuple(purse.name for purse in self.counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed:
    """A hold whose time was over: booked in full, until a settlement says less."""

    request: HoldRequest
    month: str
    counted: tuple[Purse, ...]
    post: Post
    starts: bool

    @property
    def purses(self) -> tuple[str, ...]:
        """The names of the purses that count it."""
        return tuple(purse.name for purse in self.counted)

    @property
    def amount_micros(self) -> int:
        """What is booked."""
        return self.post.micros

    @property
    def posts(self) -> tuple[Post, ...]:
        """All that was booked."""
        return (self.post,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A hold that was settled or voided, or an id that was never held and never will be."""

    amount_micros: int = 0
    purses: tuple[str, ...] = ()
    posts: tuple[Post, ...] = ()
    starts: bool = False
    void: bool = False


Ended = Lapsed | Over


def made_at(hold_id: str) -> int:
    """Read the epoch second at the end of an id, or 0."""
    match = _MADE_AT.search(hold_id)
    return int(match[1]) if match else 0


def is_too_old(hold_id: str, now_s: int) -> bool:
    """Tell whether an unknown id may be one whose record was forgotten."""
    return 0 < made_at(hold_id) < now_s - KEPT_S
