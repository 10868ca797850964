"""What every reply of a script carries beside its own words (``lua/start.lua``): for the gate's witness.

A reply that is none of those agreed on is `Unavailable`.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from callgate.core.hold import FrozenCause, Unavailable
from callgate.core.sighting import Seen, Told
from callgate.ledger.restoration import Change

GARBLED = "garbled"
WHOLE_MAX = 2**52
"""The highest whole number that the scripts take (``lua/start.lua``)."""

ShapeT = TypeVar("ShapeT")
Cause = Literal["", "regressed", "erased", "replaced"]
Count = Annotated[int, msgspec.Meta(ge=0, le=WHOLE_MAX)]


class Shaped(msgspec.Struct, Generic[ShapeT]):
    """Wraps a reply, so that a union of shapes can be asked for by name."""

    reply: ShapeT


class Reply(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A list; of several shapes, its first item says which."""


class _Envelope(Reply):
    epoch: str
    number: int
    mine: int
    frozen: Cause
    reply: list[Any]
    records: str
    count: Count
    taken: Count
    born: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply, unwrapped.

    Fields:
        seen: what this gate knows of the ledger from now on.
        change: what the reply speaks of; None if that changed nothing.
        frozen: why the ledger is frozen, or None.
        told: of ledger time; None by a script that only reads.
        reply: the script's own words, for a reader of `wire`.
    """

    seen: Seen
    change: Change | None
    frozen: FrozenCause | None
    told: Told | None
    reply: object


def read_answer(clinic: str, reply: object) -> Answer | Unavailable:
    """Unwrap the reply of any script."""
    match read(reply, Shaped[_Envelope]):
        case _Envelope(epoch=epoch, number=number) as found:
            change = Change(clinic=clinic, epoch=epoch, sequence=number, records=found.records)
            return Answer(
                seen=Seen(epoch=epoch, mine=found.mine),
                change=change if found.records else None,
                frozen=frozen_cause(found.frozen),
                told=Told(count=found.count, taken=found.taken, born=found.born) if found.born else None,
                reply=found.reply,
            )
        case unavailable:
            return unavailable


def read(reply: object, shape: type[Shaped[ShapeT]]) -> ShapeT | Unavailable:
    """Read a reply of one of the shapes agreed on; one that is no answer stays none."""
    if isinstance(reply, Unavailable):
        return reply
    try:
        return msgspec.convert({"reply": reply}, shape).reply
    except msgspec.ValidationError:
        return Unavailable(cause=GARBLED)


def frozen_cause(cause: Cause) -> FrozenCause | None:
    """Read why the ledger is frozen; "" says that it is not."""
    return FrozenCause(cause) if cause else None
