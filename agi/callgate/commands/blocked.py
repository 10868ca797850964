"""`callgate blocked`: the refused calls, from the gate's journal."""

import argparse
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from callgate.commands import Exit
from callgate.commands.context import printable, say, settings_of, state_folder
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
    except (ValueError, OverflowError):
        message = f'"{word}" is neither a span (30m, 12h, 7d) nor an ISO instant (2026-11-21T19:00)'
        raise argparse.ArgumentTypeError(message) from None


def blocked(arguments: argparse.Namespace) -> Exit:
    """List the refusals, oldest first; with ``--follow`` go on until interrupted."""
    settings, folder = settings_of(arguments)
    file = state_folder(settings, folder) / JOURNAL_FILE
    offset, shown = _show(file, 0, arguments)
    if not shown and not arguments.json and not arguments.follow:
        say(text("cli.no_refusal", Language(arguments.language)))
    while arguments.follow:
        # Whoever reads along through a pipe waits for each line.
        sys.stdout.flush()
        time.sleep(FOLLOW_PAUSE_S)
        offset, _ = _show(file, offset, arguments)
    return Exit.OK


def _show(file: Path, start: int, arguments: argparse.Namespace) -> tuple[int, int]:
    """Show the refusals from byte `start` on; returns where to go on, and how many there were."""
    if not file.exists():
        return 0, 0
    # A journal that has become shorter is another one.
    offset, shown = (start if start <= file.stat().st_size else 0), 0
    for row, behind in read_rows(file, offset):
        offset = behind
        if row.event != "call.refused" or (arguments.since is not None and row.at < arguments.since):
            continue
        shown += 1
        say(msgspec.json.encode(row).decode() if arguments.json else blocked_line(row, Language(arguments.language)))
    return offset, shown


def blocked_line(row: JournalRow, language: Language, zone: ZoneInfo | None = None) -> str:
    """Write one refusal for a person: when, which extension, what was dialled, and why."""
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    extension, dialled = printable(row.extension) or "-", printable(row.dialled)
    why = "; ".join(f"{reason.value}: {text(f'reason.{reason.value}', language)}" for reason in row.reasons[:1])
    observed = f" [{text('cli.observed', language)}]" if row.observed else ""
    risk = f" [{text(f'cli.risk_{row.risk}', language)}, {printable(row.risk_because)}]" if row.risk_because else ""
    return f"{at}  {extension:>6}  {dialled:<18}  {why}{risk}{observed}"
