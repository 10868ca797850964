"""`callgate purge`: what the daemon does every hour, now: removes the keys of full numbers whose time is over."""

import argparse
from datetime import UTC, datetime

from callgate import acts
from callgate.commands import Exit
from callgate.commands.context import say, settings_of, state_folder
from callgate.policies import author
from callgate.retention import purge_rows
from callgate.sealing import key_folder, purge_keys
from callgate.texts.catalog import Language, text


def purge(arguments: argparse.Namespace) -> Exit:
    """Remove them, leave a row for the journal, and say which numbers can be read no more."""
    settings, folder = settings_of(arguments)
    language, now, days = Language(arguments.language), datetime.now(UTC), settings.privacy.full_number_days
    removed = purge_keys(key_folder(settings, folder), now, days)
    for row in purge_rows(removed, now, author()):
        acts.leave(state_folder(settings, folder), row)
    for name in removed:
        say(text("cli.purged", language, clinic=name.clinic, week=name.week))
    if not removed:
        say(text("cli.purged_nothing", language, days=days))
    return Exit.OK
