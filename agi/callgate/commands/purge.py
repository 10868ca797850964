"""`callgate purge`: what the daemon does every hour, now: removes what of numbers has had its time."""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callgate import acts
from callgate.commands import Exit
from callgate.commands.context import say, settings_of, state_folder
from callgate.errors import JournalInUseError
from callgate.journal import JOURNAL_FILE, Journal
from callgate.journal_purge import find_due, is_doubted
from callgate.ledger_memory import Purged, gate_name
from callgate.lived import MONTH_DAYS, periods_lived
from callgate.policies import author
from callgate.retention import purge_journal, purge_rows
from callgate.sealing import key_folder, keys_due, purge_keys
from callgate.settings import Settings
from callgate.texts.catalog import Language, text


def purge(arguments: argparse.Namespace) -> Exit:
    """Remove keys and files of the journal, leave rows in it, and say what is gone."""
    settings, folder = settings_of(arguments)
    language, now, days = Language(arguments.language), datetime.now(UTC), settings.privacy.full_number_days
    removed = purge_keys(key_folder(settings, folder), now, days)
    for row in purge_rows(removed, now, author()):
        acts.leave(state_folder(settings, folder), row)
    for name in removed:
        say(text("cli.purged", language, clinic=name.clinic, week=name.week))
    if doubted := len(keys_due(key_folder(settings, folder), now, days)):
        say(text("cli.purge_doubted_keys", language, days=days, count=doubted))
    elif not removed:
        say(text("cli.purged_nothing", language, days=days))
    return _purge_journal(settings, state_folder(settings, folder), now, language)


def _purge_journal(settings: Settings, state: Path, now: datetime, language: Language) -> Exit:
    days, file = settings.privacy.journal_days, state / JOURNAL_FILE
    before, months = now - timedelta(days=days), periods_lived(days, MONTH_DAYS)
    if not file.exists():
        return Exit.OK
    if find_due(file, before, Purged(), months=months) is None:
        if is_doubted(file, before, months):
            say(text("cli.purge_doubted", language, days=days))
        return Exit.OK
    journal = Journal(state, quota_bytes=settings.gate.journal_max_bytes)
    try:
        journal.memory.gate = gate_name(settings.gate.pbx, journal.open())
        due = asyncio.run(purge_journal(journal, now, days, author()))
    except JournalInUseError:
        # Two must not write it.
        say(text("cli.purge_waits", language, days=days))
        return Exit.OK
    finally:
        journal.close()
    if due is not None:
        until = f"{due.until:%Y-%m-%d}"
        say(text("cli.purged_journal", language, first=due.first, last=due.note.number, until=until))
    return Exit.OK
