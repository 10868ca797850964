"""`callgate blocked`: the refused calls, from the gate's journal."""

import argparse
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from callgate.commands import Exit
from callgate.commands.context import say, settings_of, state_folder, warn
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.texts.catalog import Language, text

FOLLOW_PAUSE_S = 0.2
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def since_instant(word: str) -> datetime:
    """Read ``12h``, ``30m``, ``7d`` or an ISO instant; one without a zone is local time.

    Raises:
        argparse.ArgumentTypeError: for anything else.
    """
    span = _SPAN.fullmatch(word)
    if span is not None:
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        return datetime.fromisoformat(word).astimezone(UTC)
    except ValueError:
        message = f'"{word}" is neither a span (30m, 12h, 7d) nor an ISO instant (2026-11-21T19:00)'
        raise argparse.ArgumentTypeError(message) from None


def blocked(arguments: argparse.Namespace) -> Exit:
    """List the refusals, oldest first; with ``--follow`` go on until interrupted."""
    settings, folder = settings_of(arguments)
    file = state_folder(settings, folder) / JOURNAL_FILE
    language = Language(arguments.language)
    try:
        offset, shown = _show(file, 0, arguments)
    except PermissionError:
        warn(f"callgate: {file} may not be read by you. Remedy: run as the user of the daemon, or as root")
        return Exit.PERMISSION
    if not shown and not arguments.json and not arguments.follow:
        say(text("cli.no_refusal", language))
    while arguments.follow:
        time.sleep(FOLLOW_PAUSE_S)
        offset, _ = _show(file, offset, arguments)
    return Exit.OK


def _show(file: Path, start: int, arguments: argparse.Namespace) -> tuple[int, int]:
    """Show the refusals from byte `start` on; returns where to go on, and how many there were."""
    offset, shown = start, 0
    if not file.exists():
        return offset, shown
    for row, behind in read_rows(file, start):
        offset = behind
        if row.event != "call.refused" or (arguments.since is not None and row.at < arguments.since):
            continue
        shown += 1
        say(msgspec.json.encode(row).decode() if arguments.json else blocked_line(row, Language(arguments.language)))
    return offset, shown


def blocked_line(row: JournalRow, language: Language, zone: ZoneInfo | None = None) -> str:
    """Write one refusal for a person: when, which extension, what was dialled, and why."""
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    printable = row.dialled.encode("unicode_escape", "backslashreplace").decode() if _hostile(row) else row.dialled
    why = text(f"reason.{row.reasons[0].value}", language)
    observed = f" [{text('cli.observed', language)}]" if row.observed else ""
    return f"{at}  {row.extension or '-':>6}  {printable:<18}  {row.reasons[0].value}: {why}{observed}"


def _hostile(row: JournalRow) -> bool:
    """Whether what was dialled could move a terminal's cursor."""
    return not row.dialled.isprintable()
