"""`callgate journal rebuild-ledger`: the gate's own repair, done by hand where it does not suffice."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from callgate import acts
from callgate.clinic import Clinic, load_clinics
from callgate.commands import Exit
from callgate.commands.consent import consents
from callgate.commands.context import (
    clinic_named,
    ledger_link,
    ledger_place,
    repair_deadlines,
    say,
    settings_of,
    state_folder,
    warn,
)
from callgate.core.hold import Unavailable
from callgate.core.money import format_amount
from callgate.core.sighting import Seen
from callgate.journal import JOURNAL_FILE, JournalRow
from callgate.journal_file import identity_of
from callgate.journal_reading import JournalReading
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Change, ThawReport
from callgate.ledger_memory import LedgerMemory, Places, gate_name
from callgate.policies import author, deck_to_serve
from callgate.repair import AGAIN_S, find_loss, greet, missing_price, places_of, restore_and_thaw
from callgate.texts.catalog import Language, text


class _Remembering(LedgerMemory):
    """The gate's memory as its journal has it; what is changed meanwhile goes to the daemon, which writes it."""

    def __init__(self, journal: Path, pbx: str) -> None:
        super().__init__()
        self._courier = acts.Courier(journal.parent)
        reading = JournalReading(journal)
        reading.go_on(self.recall)
        self.gate = gate_name(pbx, identity_of(reading.beginning))

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`."""
        super().witness(clinic, seen, change)
        self._courier.witness(clinic, seen, change)


def rebuild_ledger(arguments: argparse.Namespace) -> Exit:
    """Restore the ledger of each clinic, or of one."""
    settings, folder = settings_of(arguments)
    language = Language(arguments.language)
    clinics = load_clinics(settings, folder, deck_to_serve)
    names = [clinic_named(settings, arguments.clinic)] if arguments.clinic or len(clinics) == 1 else list(clinics)
    journal = state_folder(settings, folder) / JOURNAL_FILE
    memory = _Remembering(journal, settings.gate.pbx)
    places = asyncio.run(places_of(journal, names))
    for name in names:
        say(text("cli.rebuild_plan", language, clinic=name, changes=len(places[name]), ledger=ledger_place(settings)))
    if not consents(text("cli.consent", language), is_given=arguments.yes):
        return Exit.NEGATIVE

    async def rebuild() -> list[ThawReport | Unavailable]:
        patient = repair_deadlines(settings)
        async with ledger_link(settings, folder, patient) as client:
            ledger = RedisLedger(client, patient, gate=memory.gate, witness=memory)
            return [await _rebuilt(ledger, places[name], clinics[name], memory) for name in names]

    reports = asyncio.run(rebuild())
    return _told(names, reports, language, journal.parent)


async def _rebuilt(
    ledger: RedisLedger, places: Places, clinic: Clinic, memory: LedgerMemory
) -> ThawReport | Unavailable:
    price_micros = missing_price(clinic.policy)
    report: ThawReport | Unavailable = Unavailable(cause="frozen")
    for pause_s in (0.0, AGAIN_S):
        # Other gates' journals are waited for.
        await asyncio.sleep(pause_s)
        # Its first operation finds a loss out, and freezes the ledger.
        loss = await find_loss(ledger, memory, clinic.name)
        if isinstance(loss, Unavailable):
            return loss
        if not pause_s:
            await greet(ledger, loss, price_micros)
        report = await restore_and_thaw(ledger, loss, places, price_micros)
        if isinstance(report, Unavailable) or not report.is_frozen:
            break
    return report


def _told(names: Sequence[str], reports: Sequence[ThawReport | Unavailable], language: Language, state: Path) -> Exit:
    ended = Exit.OK
    for name, report in zip(names, reports, strict=True):
        match report:
            case Unavailable():
                warn(f"callgate: {text('cli.rebuild_failed', language, clinic=name, cause=report.cause)}")
                ended = Exit.UNREACHABLE
            case ThawReport(is_frozen=True):
                cause = text("cli.rebuild_waits", language, missing=report.missing)
                warn(f"callgate: {text('cli.rebuild_failed', language, clinic=name, cause=cause)}")
                ended = Exit.UNREACHABLE
            case ThawReport():
                booked = format_amount(report.booked_micros)
                say(text("cli.rebuilt", language, clinic=name, missing=report.missing, booked=booked))
                note = f"{author()}: {report.missing} missing, {booked} booked"
                at = datetime.now(UTC)
                acts.leave(state, JournalRow(at=at, event="ledger.rebuilt", clinic=name, call="", note=note))
    return ended
