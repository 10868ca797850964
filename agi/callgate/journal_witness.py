"""What the journal does as the ledgers' witness: it keeps what they are known to say, and owes it to its file."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable

import structlog

from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.journal_file import PAYLOAD_MAX_BYTES, Kind
from callgate.journal_rows import JournalRow
from callgate.ledger.restoration import Change, Witness
from callgate.ledger_memory import LedgerMemory, change_payload, later, seen_in

OWED_MAX = 10_000
"""Changes kept in memory while the disk takes none; of those beyond it the oldest are lost, and priced if missed."""

log = structlog.get_logger()


class JournalWitness(Witness):
    """Learns what the ledgers say, and at once forgets nothing of it: what the file cannot take now is owed.

    Args:
        clock: epoch milliseconds, for the instant of each record.

    Attributes:
        memory: what the gate knows of its ledgers.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self.memory = LedgerMemory()
        self._clock = clock
        self._unchecked: set[str] = set()
        self._owed: deque[tuple[Kind, bytes]] = deque()

    @abstractmethod
    def _try_to_pay(self) -> None:
        """Write what is owed; if that cannot be, it is written before the next row, or that is not either."""

    def take_over(self) -> None:
        """Learn that other workers of this gate have gone on meanwhile: what they will tell is not missing here."""
        self._unchecked.clear()

    def seen(self, clinic: str) -> Seen:
        """See `Witness.seen`: from memory."""
        return self.memory.seen(clinic)

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`. What is known is written first: of a replaced ledger, what was known of the former."""
        kept, was_noted = self.memory.seen(clinic), self.memory.is_noted(clinic)
        freeze = self.memory.frozen.get(clinic)
        if clinic in self._unchecked:
            self._unchecked.discard(clinic)
            if was_noted and change is None:
                self._compare(clinic, seen)
        self.memory.witness(clinic, seen, change)
        payload, told = b"", kept
        if change is not None and len(written := change_payload(change)) <= PAYLOAD_MAX_BYTES:
            payload, told = written, later(kept, seen_in(change))
        now = self.memory.seen(clinic)
        if now.epoch != kept.epoch:
            log.info("ledger.adopted", clinic=clinic, epoch=now.epoch, known=kept.epoch)
        if now != told or now.epoch != kept.epoch or not was_noted:
            self._owe(Kind.SEEN, self.memory.noted(clinic))
        if payload:
            self._owe(Kind.CHANGE, payload)
        if self.memory.frozen.get(clinic) != freeze:
            self._say_frozen(clinic)
        self._try_to_pay()

    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        """See `Witness.freeze`: `Repair` looks in `memory.frozen`."""
        freeze = self.memory.frozen.get(clinic)
        self.memory.freeze(clinic, cause)
        if self.memory.frozen[clinic] != freeze:
            self._say_frozen(clinic)
            self._owe(Kind.SEEN, self.memory.noted(clinic))
            self._try_to_pay()

    def thaw(self, clinic: str) -> None:
        """Learn that the ledger of a clinic has thawed."""
        self.memory.thaw(clinic)
        self._owe(Kind.SEEN, self.memory.noted(clinic))
        self._try_to_pay()

    def _compare(self, clinic: str, seen: Seen) -> None:
        """Say so if the ledger knows more of this gate than the journal: its end was taken away, or an answer lost."""
        kept, highest = self.memory.seen(clinic), self.memory.highest(clinic)
        known = max(kept.mine, highest.mine if highest.epoch == kept.epoch else 0)
        if seen.epoch == kept.epoch and seen.mine > known:
            log.error("journal.behind", clinic=clinic, journal=known, ledger=seen.mine)
            note = f"the ledger knows change {seen.mine} of this gate, the journal ends with {known}"
            self._owe(Kind.ROW, JournalRow.own(self._clock(), "journal.behind", note, clinic))

    def _say_frozen(self, clinic: str) -> None:
        freeze = self.memory.frozen[clinic]
        before = freeze.before
        log.error("ledger.frozen", clinic=clinic, cause=freeze.cause.value, epoch=before.epoch, mine=before.mine)

    def _owe(self, kind: Kind, payload: bytes) -> None:
        if len(self._owed) >= OWED_MAX:
            self._owed.popleft()
            log.error("change.lost", owed=OWED_MAX)
        self._owed.append((kind, payload))
