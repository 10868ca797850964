"""How a ledger that has lost entries is found out, frozen, restored from the gates' journals and thawed.

Every operation carries a `Sighting` (core/sighting.py). With it the ledger keeps these promises:

* **Nothing is lost unseen.** Each change gets the next sequence number, and the ledger keeps the last number of each
  gate. If the epoch of a sighting is not the ledger's (`FrozenCause.REPLACED`), if it has none although the gate knows
  one (`ERASED`; that epoch is taken up again), or if the last number kept for the gate is lower than `seen.mine`
  (`REGRESSED`), the ledger freezes in the same operation: costly holds and renewals are `Frozen`, all else goes on.
* **It can be restored.** Every change answers, beside its outcome, with the records it changed, as opaque text that the
  gate keeps in its journal: a `Change`. `restore` takes them back in any order and any number of times. What a record
  counts is worked out from the record alone, so that one restored twice counts once; one that has ended is never
  replaced by an earlier state of it.
* **It thaws.** The numbers that were lost begin after `base`, the sequence number found at the freeze (0 if replaced);
  the ledger itself goes on at `base` + 1,000,000. Each gate says how many numbers between it has restored, and the
  highest. The ledger thaws once all up to the highest of any gate are covered and each gate whose sighting showed a
  loss has said thaw; or `patience_s` after the last news (a gate not yet heard, or more covered; at most 60 s, or the
  patience, after the freeze) with `price_micros` booked in the purse ``costly`` for each that is missing. It takes each
  gate's `seen.mine` as its own. A gate that was not waited for loses nothing for good, if it restores what it has all
  the same: an unknown hold younger than 8 days is taken at any time, with its starts, and what was booked for its
  number is given back, if it is restored in its order: after a later change of its call it looks as if it was known.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from callgate.core.hold import FrozenCause, Unavailable
from callgate.core.sighting import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one operation changed, for the gate's journal.

    Fields:
        clinic: whose ledger.
        epoch: which ledger; sequence numbers of another epoch say nothing.
        sequence: the change's own number; 0 if it tells again what another gate may have changed, or this one long ago:
            it can be restored, and makes up for no number.
        records: what `Restoration.restore` takes, opaque.
    """

    clinic: str
    epoch: str
    sequence: int
    records: str


class Witness(ABC):
    """The gate's own memory of the ledger, on its own disk: asked before each operation, and told after it."""

    @abstractmethod
    def seen(self, clinic: str) -> Seen:
        """Say what this gate knows of a clinic's ledger."""

    @abstractmethod
    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """Keep what an answer said, and what it changed (None: nothing).

        The change need not be on the disk when this returns, but it is before any journal row that is written later.
        """

    @abstractmethod
    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        """Learn that the ledger of a clinic is frozen; told with every answer until it thaws."""


class ForgetfulWitness(Witness):
    """A witness without a disk, for a command: it knows what was seen since it was made, and keeps no change."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def seen(self, clinic: str) -> Seen:
        """See `Witness.seen`."""
        return self._seen.get(clinic, Seen())

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`. Answers may come in another order than they were made."""
        del change
        known = self.seen(clinic)
        if seen.epoch != known.epoch or seen.mine > known.mine:
            self._seen[clinic] = seen

    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        """See `Witness.freeze`: nothing here could restore the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did: how many records were taken, and the sequence number after which numbers were lost."""

    taken: int
    base: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What one gate's journal has restored: how many different numbers above `base`, and the highest (0: none)."""

    covered: int
    highest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThawReport:
    """Whether the ledger is frozen still, how many numbers nobody has restored, and what was booked for them."""

    is_frozen: bool
    missing: int
    booked_micros: int


class Restoration(ABC):
    """What a ledger can do that may lose entries."""

    @abstractmethod
    async def restore(self, clinic: str, records: tuple[str, ...]) -> Restored | Unavailable:
        """Take back what the gate's journal says was written: at most 200 `Change.records`, oldest first."""

    @abstractmethod
    async def thaw(
        self, clinic: str, coverage: Coverage, price_micros: int, patience_s: int
    ) -> ThawReport | Unavailable:
        """Say that this gate has restored all it has; thaw if nothing is missing any more (see the module).

        Args:
            clinic: whose.
            coverage: of this gate's whole journal.
            price_micros: what each missing change is booked at; the most that one call may cost.
            patience_s: how long after the last news other gates are waited for. A day (86,400) greets: the gate only
                says that it will restore what it has, and is waited for.
        """
