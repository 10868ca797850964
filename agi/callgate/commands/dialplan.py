"""`callgate dialplan`: writes the dialplan of this installation to standard output."""

import argparse

from callgate.commands import Exit
from callgate.commands.context import clinics_of, say, settings_of
from callgate.install.dialplan import write_dialplan, write_last_resort


def dialplan(arguments: argparse.Namespace) -> Exit:
    """Write `callgate.conf`, or with ``--last-resort`` the context that stays in the installer's own file."""
    settings, folder = settings_of(arguments)
    clinics = clinics_of(settings, folder)
    if arguments.last_resort:
        say(write_last_resort(settings, clinics).rstrip("\n"))
    else:
        say(write_dialplan(settings, clinics).rstrip("\n"))
    return Exit.OK
