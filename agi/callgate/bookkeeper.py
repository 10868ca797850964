"""Settles: reads the spool, books what calls really cost, lapses holds nobody reported on, voids the doubtful ones."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec
import structlog

from callgate.clinic import Clinic
from callgate.control.guard import Cause
from callgate.core.dialling import read_dialled
from callgate.core.hold import Settled, SettleState, Unavailable
from callgate.core.pricing import PricedDestination, is_overrun, price_destination
from callgate.core.reasons import Reason
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.core.wire import mask
from callgate.errors import JournalError
from callgate.grants import is_held
from callgate.journal import Journal, JournalRow
from callgate.journal_tally import Tally
from callgate.ledger.base import Ledger, OrphanCharge, Settlement
from callgate.ledger.validity import KEPT_S
from callgate.orphans import OBSERVED, orphan_charge
from callgate.policies import PolicyShelf
from callgate.repeating import repeat
from callgate.settings import Settings
from callgate.spool import GrantUnused, LegEnded, LocalGrant, LocalRefusal, Spool, SpoolLine, parse_line

SPOOL_PAUSE_S = 0.1
CHORES_PAUSE_S = 1.0
DECKS_PAUSE_S = 3.0
TURN_PAUSE_S = 3600.0
LAPSE_LIMIT = 100
OVERRAN_MAX = 3
REFUSED = "call.refused"
_SILENCES = ("", "timeout", "connection")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookkeeper:
    """Everything after the answer, in the background; calls never wait for it.

    Fields:
        others: more work, as often.
        up: the grants of the legs that control sees; None while nobody looks.
        kept: what the spool says of the end of those, by grant; its own.
        seen: the grants of those that were up at the last look, or have been since; its own.
        silent: the clinics whose ledger did not answer the last chore, and why; its own.
        overran: the last costly calls that cost more than was held for them, by grant; its own.
        tally: of the refusals that the dialplan spoke alone; its own.
        unsynced: set as long as the disk may lack rows of lines that are handled.
    """

    settings: Settings
    shelf: PolicyShelf
    ledger: Ledger
    journal: Journal
    spool: Spool
    clock: Callable[[], datetime]
    others: tuple[Callable[[], Awaitable[None]], ...] = ()
    up: Callable[[], Collection[str] | None] = lambda: None
    kept: dict[str, LegEnded | GrantUnused] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    silent: dict[str, str] = field(default_factory=dict)
    overran: deque[str] = field(default_factory=lambda: deque(maxlen=OVERRAN_MAX))
    tally: Tally = field(default_factory=Tally)
    unsynced: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            await asyncio.gather(
                repeat(self.read_spool, SPOOL_PAUSE_S),
                repeat(self.do_chores, CHORES_PAUSE_S),
                repeat(self.turn_spool, TURN_PAUSE_S),
                repeat(self.shelf.reload_decks, DECKS_PAUSE_S),
                *(repeat(work, CHORES_PAUSE_S) for work in self.others),
            )
        finally:
            # Who ends leaves it to the system to bring the rows to the disk: the next one must not write them again.
            with suppress(OSError):
                self.spool.acknowledge()

    async def read_spool(self) -> None:
        """Handle what is new; stop at the first line that the ledger cannot take now, and keep it.

        Whoever may write a file may write a line. What is said of the end of a leg that is up waits until it has ended,
        and gives way to what Asterisk says then.

        Raises:
            JournalError: a row could not be written; the lines are kept.
        """
        # First: what Asterisk writes of a leg's end stands in the file by the time it says that the leg is gone.
        up = self.up()
        self.seen.update(up or ())
        if not await self._read_lines(up):
            return
        if up is not None:
            for grant in self.kept.keys() - up:
                if await self._end(self.kept[grant]):
                    self.kept.pop(grant, None)
        self.seen.intersection_update(up or ())

    async def turn_spool(self) -> None:
        """Have no full number stand in the spool for much more than a day after it was handled."""
        self.spool.turn(self.clock().timestamp())

    async def _read_lines(self, up: Collection[str] | None) -> bool:
        """Handle them; returns whether that was all. Together they cost the disk one flush: a phone makes hundreds.

        Behind a line that the journal cannot take now refusals are handled all the same: nearly full it takes those.
        """
        is_all, handled, unreadable = True, 0, 0
        failed: JournalError | None = None
        decided: list[tuple[int, JournalRow]] = []
        for line, offset in self.spool.read():
            match parse_line(line):
                case _ if offset in self.spool.ahead:
                    pass
                case LocalGrant() | LocalRefusal() as alone:
                    decided.extend((offset, row) for row in self._local_rows(alone))
                case _ if failed is not None:
                    pass
                case None:
                    unreadable += 1
                case ended:
                    try:
                        is_all = await self._end_or_keep(ended, up)
                    except JournalError as error:
                        failed = error
            if not is_all:
                break
            handled = offset if failed is None else handled
        if unreadable:
            log.warning("spool.unreadable", lines=unreadable)
        await self._acknowledge(handled, decided)
        if failed is not None:
            raise failed
        return is_all

    async def _acknowledge(self, handled: int, decided: Collection[tuple[int, JournalRow]]) -> None:
        """Have no line read again that is handled: by this process at once, by the next once the disk has its row."""
        failed = await self._write_down(decided)
        if handled and failed is None:
            self.spool.pass_over(handled)
        if self.unsynced.is_set():
            await self.journal.sync()
            self.unsynced.clear()
        self.spool.acknowledge()
        if failed is not None:
            raise failed

    async def _write_down(self, decided: Collection[tuple[int, JournalRow]]) -> JournalError | None:
        """Write what the dialplan decided alone; in a flood a refusal is only counted.

        Whoever has a phone can cause one with every call that is no number, without the gate ever being asked.

        Returns:
            Why the first grant that is not written was not; those behind it wait, too.

        Raises:
            JournalError: not even a refusal could be written.
        """
        failed: JournalError | None = None
        # What is counted here is written here, or read again: nothing of it stays.
        tally = Tally(windows=self.tally.windows)
        for offset, row in decided:
            if row.is_refusal and not tally.has_room(row):
                tally.count(row, offset)
            elif row.is_refusal:
                await self._write(row, offset)
            elif failed is None:
                try:
                    await self._write(row, offset)
                except JournalError as error:
                    failed = error
        for counted in tally.take_placed():
            await self._write(counted.row, *counted.places)
        return failed

    async def _write(self, row: JournalRow, *offsets: int) -> None:
        """Write the row of some lines; they are handled then, whatever becomes of those before them."""
        await self.journal.write(row, durable=False)
        self.unsynced.set()
        self.spool.ahead.update(offsets)

    def is_spool_read(self) -> bool:
        """Whether the ledger has all that Asterisk has written down so far of calls that are over."""
        return self.spool.is_read() and self.kept.keys() <= {*(self.up() or ())}

    async def do_chores(self) -> None:
        """Post lapsed holds, void doubtful ones, and bring clinics that started without Redis under their policy."""
        for name in self.shelf.names():
            report = await self.ledger.lapse(name, LAPSE_LIMIT)
            if isinstance(report, Unavailable):
                self.silent[name] = _weightier(self.silent.get(name, ""), report.last_cause or report.cause)
                continue
            self.silent.pop(name, None)
            if report.lapsed:
                log.warning("holds.lapsed", clinic=name, grants=list(report.lapsed))
        await self.ledger.void_doubtful()
        await self.shelf.fetch_missing()

    async def _end_or_keep(self, line: LegEnded | GrantUnused, up: Collection[str] | None) -> bool:
        if up is None or line.grant not in up:
            return await self._end(line)
        self.kept[line.grant] = line
        return True

    def _clinic(self, line: SpoolLine) -> Clinic | None:
        entry = self.settings.entry_named(line.entry)
        if entry is None:
            log.warning("spool.unknown_entry", length=len(line.entry))
            return None
        return self.shelf.clinic(entry.clinic)

    def _local_rows(self, line: LocalGrant | LocalRefusal) -> Iterator[JournalRow]:
        if (clinic := self._clinic(line)) is not None:
            yield _local_row(line, clinic)

    async def _end(self, line: LegEnded | GrantUnused) -> bool:
        """Carry out what is said of a grant. Returns whether it is done with."""
        if (clinic := self._clinic(line)) is None:
            return True
        if isinstance(line, LegEnded):
            is_done = await self._settle(line, clinic)
        else:
            outcome = await self.ledger.void(clinic.name, line.grant)
            is_done = not isinstance(outcome, Unavailable) or _give_up(outcome)
        if is_done:
            self.kept.pop(line.grant, None)
        return is_done

    def _is_strange(self, grant: str) -> bool:
        """Whether a hold is named that this gate never granted, for a leg that control, which looks, never saw."""
        is_known = grant in self.seen or grant in self.kept or grant in self.journal.memory.granted
        return is_held(grant) and self.up() is not None and not is_known

    async def _settle(self, line: LegEnded, clinic: Clinic) -> bool:
        if line.clock_ran_back and is_held(line.grant):
            # Nobody knows how long it was. Its hold lapses, which books it in full.
            log.warning("settlement.clock_ran_back", grant=line.grant)
            return True
        is_strange = self._is_strange(line.grant)
        at = self.clock() if line.answered is None else datetime.fromtimestamp(line.answered, UTC)
        priced = _priced(line.number, clinic, at, line.duration_s)
        settlement = Settlement(
            clinic=clinic.name,
            hold_id=line.grant,
            answered=line.answered is not None,
            duration_s=line.duration_s,
            orphan=None if is_strange else _orphan(line, priced, clinic),
        )
        was_settled = line.grant in self.journal.memory.settled
        outcome = await self.ledger.settle(settlement)
        if isinstance(outcome, Unavailable):
            return _give_up(outcome)
        if was_settled and outcome.state is SettleState.ALREADY:
            # A crash handed the line out again; the books and the journal have it.
            return True
        if outcome.state is SettleState.OVERRUN and not priced.ordinary:
            # Of an ordinary call a slice is held, however long it lasts (facts/semantics.md 1).
            self.overran.append(line.grant)
            log.error("call.overran", grant=line.grant, amount_micros=outcome.amount_micros)
        if outcome.state is SettleState.ORPHAN and is_held(line.grant):
            log.warning("settlement.orphan", grant=line.grant, amount_micros=outcome.amount_micros)
        row = _settled_row(line, priced, clinic, outcome)
        if outcome.state is SettleState.ORPHAN and is_strange:
            row = msgspec.structs.replace(row, event="call.ungated", call="", observed=True, note=Cause.UNKNOWN_GRANT)
        await self.journal.write(row, durable=False)
        reasons = [reason.value for reason in row.reasons]
        log.info(
            "call.settled",
            grant=line.grant,
            seconds=line.duration_s,
            amount_micros=outcome.amount_micros,
            reasons=reasons,
        )
        return True


def _give_up(outcome: Unavailable) -> bool:
    """Whether a line is done with that was not booked: kept, it would hold up every later one. Its hold lapses."""
    if outcome.is_hopeless:
        log.error("spool.unsound", cause=outcome.cause)
    return outcome.is_hopeless


def _weightier(known: str, cause: str) -> str:
    """The cause to name: what a store says of itself stays, though it may be silent now and then."""
    return known if known not in _SILENCES and cause in _SILENCES else cause


def _priced(number: str, clinic: Clinic, at: datetime, duration_s: int) -> PricedDestination:
    """Read a number in wire format (national, or E.164 with or without its plus); the rate is that of such a call."""
    destination = read_dialled(number, plan=clinic.plan, outside_prefix="")
    if not destination.number:
        destination = read_dialled(f"+{number}", plan=clinic.plan, outside_prefix="")
    return price_destination(
        destination,
        plan=clinic.plan,
        deck=clinic.deck,
        bundle=clinic.policy.bundle,
        at=at.astimezone(clinic.policy.timezone),
        longest_s=min(duration_s, KEPT_S),
    )


def _orphan(line: LegEnded, priced: PricedDestination, clinic: Clinic) -> OrphanCharge | None:
    """How to book an answered call without a hold: it had none (local allowance, observation), or lost it (voided)."""
    if line.answered is None or line.grant == EMERGENCY_GRANT:
        return None
    charge = orphan_charge(priced, clinic, datetime.fromtimestamp(line.answered, UTC), line.duration_s)
    if charge is not None and line.grant.startswith("observe:"):
        return replace(charge, purses=OBSERVED)
    return charge


def _settled_row(line: LegEnded, priced: PricedDestination, clinic: Clinic, outcome: Settled) -> JournalRow:
    return JournalRow(
        at=datetime.fromtimestamp(line.ended, UTC),
        event="call.settled",
        clinic=clinic.name,
        call=line.grant.rsplit(".", 2)[0],
        number=mask(line.number),
        region=priced.destination.region,
        number_class=priced.destination.number_class.value,
        ordinary=priced.ordinary,
        grant=line.grant,
        seconds=line.duration_s,
        amount_micros=outcome.amount_micros,
        reasons=(Reason.BUNDLE_OVERRUN,) if _ran_over(line, priced, clinic) else (),
        policy_revision=clinic.revision,
    )


def _ran_over(line: LegEnded, priced: PricedDestination, clinic: Clinic) -> bool:
    bundle = clinic.policy.bundle
    return is_overrun(priced.destination, plan=clinic.plan, bundle=bundle, duration_s=line.duration_s)


def _local_row(line: LocalGrant | LocalRefusal, clinic: Clinic) -> JournalRow:
    at = datetime.fromtimestamp(line.at, UTC)
    match line:
        case LocalGrant():
            return JournalRow(
                at=at,
                event="call.local",
                clinic=clinic.name,
                call=line.grant,
                extension=line.extension,
                number=mask(line.number),
                ordinary=True,
                grant=line.grant,
                seconds=line.seconds,
            )
        case LocalRefusal():
            return JournalRow(
                at=at,
                event=REFUSED,
                clinic=clinic.name,
                call="",
                extension=line.extension,
                dialled=mask(unquote(line.dialled)),
                reasons=(line.reason,),
            )
