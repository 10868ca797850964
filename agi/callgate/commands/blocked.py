"""`callgate blocked`: the calls that were refused, or ended while they were up, from the gate's journal."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from callgate.commands import Exit
from callgate.commands.context import printable, say, say_json, settings_of, state_folder, warn
from callgate.commands.reveal import reveal, short_call
from callgate.commands.words import span
from callgate.control.guard import Cause
from callgate.control.reconcile import NO_HOLD
from callgate.journal import JOURNAL_FILE, JournalRow
from callgate.journal_file import Damage, Record
from callgate.journal_rows import Place, rows_behind
from callgate.limits_text import limit_lines
from callgate.locks_text import lock_line
from callgate.texts.catalog import Language, text

FOLLOW_PAUSE_S = 0.2
_SHOWN = frozenset({"call.refused", "call.cut", "call.ungated"})


def since_instant(word: str) -> datetime:
    """Read ``12h``, ``30m``, ``7d`` or an ISO instant; one without a zone is local time.

    Raises:
        argparse.ArgumentTypeError: for anything else.
    """
    length = span(word)
    if length is not None:
        return datetime.now(UTC) - length
    try:
        return datetime.fromisoformat(word).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f'"{word}" is neither a span (30m, 12h, 7d) nor an ISO instant (2026-11-21T19:00)'
        raise argparse.ArgumentTypeError(message) from None


def blocked(arguments: argparse.Namespace) -> Exit:
    """List them, oldest first; with ``--follow`` go on until interrupted. With ``--reveal`` show one number."""
    if arguments.reveal is not None:
        return reveal(arguments)
    settings, folder = settings_of(arguments)
    file = state_folder(settings, folder) / JOURNAL_FILE
    faults = Faults()
    place, shown = _show(file, None, arguments, faults)
    if not shown and not arguments.json and not arguments.follow:
        say(text("cli.no_refusal", Language(arguments.language)))
    while arguments.follow:
        # Whoever reads along through a pipe waits for each line.
        sys.stdout.flush()
        time.sleep(FOLLOW_PAUSE_S)
        place, _ = _show(file, place, arguments, faults)
    return faults.told(Language(arguments.language))


@dataclass(slots=True, kw_only=True)
class Faults:
    """Counts the places of a journal that cannot be shown."""

    count: int = 0

    def note(self, _fault: Damage | Record) -> None:
        """Count one."""
        self.count += 1

    def told(self, language: Language) -> Exit:
        """Say how many there were, if any, and that a list which lacks them is not whole."""
        if not self.count:
            return Exit.OK
        warn(f"callgate: {text('cli.journal_unread', language, count=self.count)}")
        return Exit.NEGATIVE


def _show(file: Path, place: Place | None, arguments: argparse.Namespace, faults: Faults) -> tuple[Place | None, int]:
    """Show what is behind a place; returns where to go on, and how many calls there were."""
    if not file.exists():
        return None, 0
    shown = 0
    for row, behind in rows_behind(file, place, faults.note):
        place = behind
        if row.event not in _SHOWN or (arguments.since is not None and row.last_at < arguments.since):
            continue
        shown += 1
        if arguments.json:
            say_json(row)
            continue
        for line in (blocked_line(row, Language(arguments.language)), *_limit_lines(row, arguments)):
            say(line)
    return place, shown


def _limit_lines(row: JournalRow, arguments: argparse.Namespace) -> list[str]:
    """Say which limits were hit and which locks stopped it, below the refusal; nothing for one that hit none."""
    if not row.limits and not row.locks:
        return []
    zone, language = _zone(row.zone), Language(arguments.language)
    told = limit_lines(row.limits, at=row.at, zone=zone, currency=row.currency, language=language)
    told += [lock_line(lock, zone, language) for lock in row.locks]
    return [f"    {printable(line)}" for line in told]


def _zone(name: str) -> ZoneInfo:
    """The clinic's zone; UTC where this machine knows no such one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def blocked_line(row: JournalRow, language: Language, zone: ZoneInfo | None = None) -> str:
    """Write one call for a person: when, which extension, where to, why, and how it ended if it was not refused."""
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    extension, called = printable(row.extension) or "-", printable(row.dialled or row.number) or "-"
    marks = "".join(f" [{mark}]" for mark in _marks(row, language, zone))
    return f"{at}  {extension:>6}  {called:<18}  {_why(row, language)}{marks}"


def ungated_words(row: JournalRow, language: Language) -> str:
    """Say why no grant covered a call."""
    # A row of a newer callgate may know other causes.
    return text(f"ungated.{row.note}", language) if row.note in set(Cause) else printable(row.note)


def _why(row: JournalRow, language: Language) -> str:
    if row.event == "call.ungated":
        return ungated_words(row, language)
    if row.event == "call.cut":
        # The sentence of a reason speaks of a call that was never placed.
        key = "cli.blocked_no_hold" if row.note == NO_HOLD else "cli.blocked_cut"
        return text(key, language, seconds=row.seconds, reasons=", ".join(row.reasons) or printable(row.note))
    return "; ".join(f"{reason.value}: {text(f'reason.{reason.value}', language)}" for reason in row.reasons[:1])


def _marks(row: JournalRow, language: Language, zone: ZoneInfo | None) -> Iterator[str]:
    if row.risk_because:
        yield f"{text(f'cli.risk_{row.risk}', language)}, {printable(row.risk_because)}"
    if row.event == "call.ungated":
        yield text("cli.blocked_ungated_observed" if row.observed else "cli.blocked_ungated", language)
    elif row.observed:
        yield text("cli.observed", language)
    if row.sealed:
        yield text("cli.blocked_sealed", language, call=printable(short_call(row)))
    if row.until is not None:
        until = row.until.astimezone(zone)
        yield text("cli.blocked_counted", language, count=row.count, until=f"{until:%H:%M:%S}")
    elif row.count > 1:
        yield text("cli.blocked_many", language, count=row.count)
