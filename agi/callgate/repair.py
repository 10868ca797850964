"""Repairs frozen ledgers in the background: restores them from the gate's journal, and thaws them.

A ledger that has lost entries (a failover, an old backup, a flush) freezes itself, and every answer says so
(`callgate.ledger.restoration`). Until it has thawed, costly calls are refused and all others go on.

A store that is lost freezes every clinic at once. All are told first that this gate has something to restore; then the
journal is read once, to learn where each clinic's changes are, and the clinics are restored and thawed one by one,
those with the fewest changes first.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import structlog

from callgate.core.hold import FrozenCause, Unavailable
from callgate.core.policy import Policy
from callgate.journal import Journal
from callgate.ledger.restoration import Change, Coverage, Restoration, Restored, ThawReport
from callgate.ledger_memory import FoundChange, Freeze, LedgerMemory, Places, changes_at, find_changes
from callgate.policies import PolicyShelf

BATCH = 200
"""Changes restored at once: the most that `Restoration.restore` takes."""
BATCH_BYTES = 32 * 1024
"""And so many bytes of them: the store does nothing else meanwhile, and calls wait for two of these."""
PATIENCE_S = 3
"""How long the other gates' journals are waited for."""
GREETING_S = 86_400
"""The patience of a gate that has restored nothing yet: as long as the ledger takes one."""
AGAIN_S = PATIENCE_S + 1.0
"""A ledger that waits for other gates is asked again no sooner; it gives a second away when it begins to count time."""
SKIPPED = 1_000_000
"""So many numbers a ledger leaves out when it freezes; it looks for lost ones no further (`ledger.restoration`)."""
PRICE_MICROS = 5_000_000
"""What a lost change may have cost where the policy sets no bound to one call or one hour."""

_SLICE = 500
_REFUSED = ("err", "invalid")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A ledger that lost entries.

    Fields:
        freeze: what is known of that.
        epoch: the one it has now.
        base: the number after which entries were lost.
        purged: those of the numbers before the loss that the journal had once, as ranges (`ledger_memory.Purged`).
        is_over: whether others have thawed it since; what this gate has may still be missing, and `base` moves on.
    """

    clinic: str
    freeze: Freeze
    epoch: str
    base: int
    purged: tuple[tuple[int, int], ...] = ()
    is_over: bool = False

    @property
    def highest(self) -> int:
        """The highest number that this gate made before the loss; 0 for none."""
        before = self.freeze.before
        # Of the ledger that is there now nothing was lost: other gates knew the one before.
        is_of_this_one = self.freeze.cause is FrozenCause.REPLACED and before.epoch == self.epoch
        return 0 if is_of_this_one else before.mine

    @property
    def numbers(self) -> range:
        """Those of this gate's numbers that the ledger may lack."""
        return range(self.base + 1, min(self.highest, self.base + SKIPPED) + 1)

    @property
    def purged_numbers(self) -> set[int]:
        """Those of them that were removed from the journal in their time: the ledger needs them no more."""
        lost = self.numbers
        return {
            number for first, last in self.purged for number in range(max(first, lost.start), min(last + 1, lost.stop))
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What a repair needs. `mend` is called again and again, in the background.

    Fields:
        ledger: with a link of its own, which may wait longer than a call.
        monotonic: seconds that only go forward.
        waiting: the ledgers that were told of this gate, and when each is tried again; the repair's own.
        greeted: what each of these had lost when it was told; the repair's own.
    """

    journal: Journal
    ledger: Restoration
    shelf: PolicyShelf
    monotonic: Callable[[], float] = time.monotonic
    waiting: dict[str, float] = field(default_factory=dict)
    greeted: dict[str, Loss] = field(default_factory=dict)

    async def mend(self) -> None:
        """Restore and thaw each ledger that was said to be frozen; one that stays so waits for the next time.

        Raises:
            OSError: the journal cannot be read.
        """
        # A clinic may have left the settings.
        names = set(self.shelf.names()).intersection(self.journal.memory.frozen)
        due = [name for name in names if self.waiting.get(name, 0.0) <= self.monotonic()]
        losses = [loss for name in due if (loss := await self._greet(name)) is not None]
        if not losses:
            return
        places = await places_of(self.journal.file, [loss.clinic for loss in losses])
        for loss in sorted(losses, key=lambda loss: len(places[loss.clinic])):
            price_micros = missing_price(self.shelf.clinic(loss.clinic).policy)
            report = await restore_and_thaw(self.ledger, loss, places[loss.clinic], price_micros)
            match report:
                case ThawReport(is_frozen=False):
                    await self._end(loss.clinic)
                case ThawReport():
                    self.waiting[loss.clinic] = self.monotonic() + AGAIN_S
                case Unavailable():
                    pass

    async def _greet(self, clinic: str) -> Loss | None:
        """Learn what a ledger has lost, and tell it once that this gate will restore what it has; None if it cannot."""
        loss = await find_loss(self.ledger, self.journal.memory, clinic)
        if isinstance(loss, Unavailable):
            log.warning("ledger.not_restored", clinic=clinic, changes=0, cause=loss.cause)
            return None
        if not loss.is_over and self.greeted.get(clinic) != loss:
            self.greeted[clinic] = loss
            await greet(self.ledger, loss, missing_price(self.shelf.clinic(clinic).policy))
            self.waiting[clinic] = self.monotonic()
        return loss

    async def _end(self, clinic: str) -> None:
        self.waiting.pop(clinic, None)
        self.greeted.pop(clinic, None)
        self.journal.thaw(clinic)
        # Where the ledger has lost a revision, it gets the one in force here again.
        await self.shelf.fetch(clinic)


async def find_loss(ledger: Restoration, memory: LedgerMemory, clinic: str) -> Loss | Unavailable:
    """Ask a ledger what it has lost; if nobody knew yet, it finds that out by this question."""
    known = memory.seen(clinic)
    restored = await ledger.restore(clinic, ())
    if isinstance(restored, Unavailable):
        return restored
    freeze = memory.frozen.get(clinic, Freeze(cause=FrozenCause.REGRESSED, before=known))
    epoch, is_over = memory.seen(clinic).epoch, memory.is_sound(clinic)
    purged = memory.purged.changes.get(clinic, {}).get(freeze.before.epoch, [])
    return Loss(clinic=clinic, freeze=freeze, epoch=epoch, base=restored.base, purged=tuple(purged), is_over=is_over)


async def greet(ledger: Restoration, loss: Loss, price_micros: int) -> None:
    """Tell a ledger that this gate will restore what it has: it is waited for, however long that takes.

    A gate that has lost nothing says nothing, and is not waited for.
    """
    if loss.base < loss.highest <= loss.base + SKIPPED:
        await ledger.thaw(loss.clinic, Coverage(covered=0, highest=loss.highest), price_micros, GREETING_S)


async def places_of(journal: Path, clinics: Iterable[str]) -> dict[str, Places]:
    """Find out where a journal has the changes of some clinics, in a thread, a slice at a time: calls go on meanwhile.

    Raises:
        OSError: the journal cannot be read (`journal_file.scan`).
    """
    places = {clinic: Places(file=journal) for clinic in clinics}
    changes = find_changes(journal)
    while await asyncio.to_thread(_note_slice, changes, places):
        pass
    return places


def _note_slice(changes: Iterator[FoundChange | None], places: dict[str, Places]) -> int:
    count = 0
    for found in islice(changes, _SLICE):
        count += 1
        if found is not None and found.clinic in places:
            places[found.clinic].note(found)
    return count


async def restore_and_thaw(
    ledger: Restoration, loss: Loss, places: Places, price_micros: int
) -> ThawReport | Unavailable:
    """Take every change of a clinic from a journal back into its ledger, also those of former epochs, and thaw it.

    What of the journal is there already counts once, so that all of it may be taken again at any time, and is: the
    ledger may have been lost once more.

    Args:
        ledger: the frozen one.
        loss: what is known of it.
        places: where the journal has the clinic's changes.
        price_micros: what each change that no gate has kept is booked at.
    """
    began = time.monotonic()
    coverage = await _restore(ledger, loss, places)
    if isinstance(coverage, Unavailable):
        log.warning("ledger.not_restored", clinic=loss.clinic, changes=len(places), cause=coverage.cause)
        return coverage
    took_s = round(time.monotonic() - began, 3)
    counts = {"changes": len(places), "base": loss.base, **asdict(coverage)}
    log.info("ledger.restored", clinic=loss.clinic, seconds=took_s, **counts)
    report = await ledger.thaw(loss.clinic, coverage, price_micros, PATIENCE_S)
    match report:
        case Unavailable():
            log.warning("ledger.not_thawed", clinic=loss.clinic, cause=report.cause)
        case ThawReport(is_frozen=True):
            cause = "missing" if report.missing else "awaited"
            log.info("ledger.not_thawed", clinic=loss.clinic, cause=cause, missing=report.missing)
        case ThawReport():
            log.warning("ledger.thawed", clinic=loss.clinic, missing=report.missing, booked_micros=report.booked_micros)
    return report


async def _restore(ledger: Restoration, loss: Loss, places: Places) -> Coverage | Unavailable:
    """Restore all; says which of the lost numbers that makes up for.

    Two batches are under way at a time: while the store works on one, the next is read and sent.
    """
    taking = _Taking(ledger=ledger, loss=loss, covered=loss.purged_numbers)
    batches = _batches(places)

    async def take_some() -> None:
        for begin, end in batches:
            try:
                read = await asyncio.to_thread(_read, places, begin, end)
            except OSError as error:
                taking.failure = Unavailable(cause=f"journal: {error}")
            else:
                await taking.take(read)
            if taking.failure is not None:
                return

    async with asyncio.TaskGroup() as both:  # one that fails does not leave the other behind
        for _ in range(2):
            both.create_task(take_some())
    return taking.failure or Coverage(covered=len(taking.covered), highest=max(taking.covered, default=0))


def _batches(places: Places) -> Iterator[tuple[int, int]]:
    """Say from which place to which each batch goes."""
    end = 0
    while end < len(places):
        begin, end = end, places.end_of(end, BATCH, BATCH_BYTES)
        yield begin, end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A change, and where the journal has it."""

    offset: int
    change: Change


def _read(places: Places, begin: int, end: int) -> list[_Placed]:
    """Read some changes, all but those that are not sound."""
    read = []
    for offset, change in zip(places.offsets[begin:end], changes_at(places, begin, end), strict=True):
        if change is None:
            log.error("change.unreadable", file=str(places.file), offset=offset)
        else:
            read.append(_Placed(offset=offset, change=change))
    return read


@dataclass(slots=True, kw_only=True)
class _Taking:
    """Gives changes to a ledger, as many at once as the store takes in time.

    Fields:
        size, most: how many are tried the next time, and at most.
        covered: the lost numbers that are made up for.
        failure: what ended it.
    """

    ledger: Restoration
    loss: Loss
    size: int = BATCH
    most: int = BATCH
    covered: set[int] = field(default_factory=set)
    failure: Unavailable | None = None

    async def take(self, read: Sequence[_Placed]) -> None:
        """Restore some. One that the ledger does not take is left out: its number is not covered, and has its price."""
        begin = 0
        while begin < len(read) and self.failure is None:
            batch = read[begin : begin + self.size]
            outcome = await self.ledger.restore(self.loss.clinic, tuple(placed.change.records for placed in batch))
            match outcome:
                case Restored(base=base) if base != self.loss.base and not self.loss.is_over:
                    self.failure = Unavailable(cause="lost_again")
                case Restored():
                    self._cover(batch)
                    begin, self.size = begin + len(batch), min(2 * self.size, self.most)
                case Unavailable(cause="timeout") if len(batch) > 1:
                    self.size = self.most = min(self.most, len(batch) // 2)
                case Unavailable() if len(batch) > 1 and _is_refused(outcome):
                    self.size = len(batch) // 2
                case Unavailable() if _is_refused(outcome):
                    log.error("change.refused", clinic=self.loss.clinic, offset=batch[0].offset, cause=outcome.cause)
                    begin += 1
                case Unavailable():
                    self.failure = outcome

    def _cover(self, batch: Sequence[_Placed]) -> None:
        epoch, lost = self.loss.freeze.before.epoch, self.loss.numbers
        changes = (placed.change for placed in batch)
        self.covered.update(change.sequence for change in changes if change.epoch == epoch and change.sequence in lost)


def _is_refused(outcome: Unavailable) -> bool:
    """Whether the ledger answered, and will not take what it was given."""
    return outcome.cause.partition(":")[0] in _REFUSED


def missing_price(policy: Policy) -> int:
    """What each change that nobody has kept is booked at: the most that one call may cost, in micros."""
    costly = policy.ceilings.costly
    return costly.per_call or costly.hour or PRICE_MICROS
