"""`callgate ledger`: audit the books, show the ledger's clock, set it by hand."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate import acts
from callgate.commands import Exit
from callgate.commands.consent import consents
from callgate.commands.context import (
    clinic_named,
    ledger_place,
    say,
    settings_of,
    state_folder,
    warn,
    with_ledger,
)
from callgate.commands.words import iso_instant
from callgate.core.hold import Unavailable
from callgate.errors import SettingsError
from callgate.journal import JournalRow
from callgate.ledger.base import ClockSet
from callgate.policies import author
from callgate.settings import Settings
from callgate.texts.catalog import Language, text

AddCommand = Callable[..., argparse.ArgumentParser]
NOW = "now"


def add_ledger(add_command: AddCommand, words: Callable[[str], str]) -> None:
    """Describe ``callgate ledger``; `words` reads a reason."""
    ledgers = add_command("ledger", help="the books").add_subparsers(
        dest="ledger_command", required=True, metavar="audit|clock"
    )
    auditing = ledgers.add_parser("audit", help="work the books out again from the records; exit 1 if they differ")
    auditing.add_argument("--clinic", metavar="NAME")
    auditing.add_argument("--json", action="store_true", help="one JSON object")
    auditing.set_defaults(run=audit)
    setting = ledgers.add_parser("clock", help="the time by which money is counted")
    action = setting.add_mutually_exclusive_group(required=True)
    action.add_argument("--show", action="store_true", help="show it")
    action.add_argument(
        "--set", type=_instant_or_now, metavar="now|ISO", help="set it, for a person who knows the time"
    )
    setting.add_argument("--reason", type=words, default="", help="for the record; needed with --set")
    setting.add_argument("--clinic", metavar="NAME")
    setting.add_argument("--yes", action="store_true", help="do not ask")
    setting.set_defaults(run=clock)


def _instant_or_now(word: str) -> datetime | str:
    return NOW if word == NOW else iso_instant(word)


def audit(arguments: argparse.Namespace) -> Exit:
    """Say what does not add up, if anything."""
    settings, folder = settings_of(arguments)
    language = Language(arguments.language)
    name = clinic_named(settings, arguments.clinic)
    report = with_ledger(settings, folder, lambda ledger: ledger.audit(name))
    if isinstance(report, Unavailable):
        return _unreachable(settings, report)
    if arguments.json:
        say(msgspec.json.encode(report).decode())
    else:
        for finding in report.findings:
            amounts = {"expected": finding.expected, "found": finding.found}
            say(text("cli.audit_finding", language, place=finding.place, **amounts))
        key = "cli.audit_unsound" if report.findings else "cli.audit_sound"
        say(text(key, language, clinic=name, records=report.records, findings=len(report.findings)))
    return Exit.NEGATIVE if report.findings else Exit.OK


def clock(arguments: argparse.Namespace) -> Exit:
    """Show the ledger's clock; with ``--set`` set it, after asking, and have that recorded in the journal."""
    settings, folder = settings_of(arguments)
    language = Language(arguments.language)
    name = clinic_named(settings, arguments.clinic)
    if arguments.set is not None and not arguments.reason:
        raise SettingsError("--reason", "is needed with --set", "say why, for the record")
    book = with_ledger(settings, folder, lambda ledger: ledger.book(name))
    if isinstance(book, Unavailable):
        return _unreachable(settings, book)
    say(text("cli.clock", language, clinic=name, now=_instant(book.now), behind_s=book.wall_ahead_s))
    if arguments.set is None:
        return Exit.OK
    to_s = None if arguments.set == NOW else int(arguments.set.timestamp())
    wanted = arguments.set if isinstance(arguments.set, str) else _instant(arguments.set)
    say(text("cli.clock_plan", language, wanted=wanted))
    if not consents(text("cli.consent", language), is_given=arguments.yes):
        return Exit.NEGATIVE
    outcome = with_ledger(settings, folder, lambda ledger: ledger.set_clock(name, to_s))
    if isinstance(outcome, Unavailable):
        return _unreachable(settings, outcome)
    _record(state_folder(settings, folder), name, outcome, arguments.reason)
    say(text("cli.clock_set", language, before=_second(outcome.before_s), after=_second(outcome.after_s)))
    return Exit.OK


def _record(state: Path, clinic: str, outcome: ClockSet, reason: str) -> None:
    note = f"{author()}: {_second(outcome.before_s)} -> {_second(outcome.after_s)}: {reason}"
    row = JournalRow(at=datetime.now(UTC), event="ledger.clock_set", clinic=clinic, call="", note=note)
    acts.leave(state, row)


def _second(epoch_s: int) -> str:
    return _instant(datetime.fromtimestamp(epoch_s, UTC))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _unreachable(settings: Settings, found: Unavailable) -> Exit:
    where = ledger_place(settings)
    warn(f"callgate: {where} does not answer ({found.cause}). Remedy: start the daemon, or see 'callgate status'")
    return Exit.UNREACHABLE
