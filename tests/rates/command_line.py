"""The command line of `callgate rates` by itself, on a clinic's own files."""

import argparse
import shlex
from pathlib import Path

from callgate.commands import Exit
from callgate.commands.rates import add_rates


def run(words: str, settings: Path) -> Exit:
    """Run `callgate rates ...` with these settings; an answer goes to standard output."""
    parser = argparse.ArgumentParser(prog="callgate")
    parser.add_argument("--settings", type=Path, default=settings)
    add_rates(parser.add_subparsers(required=True).add_parser)
    arguments = parser.parse_args(shlex.split(words))
    ended = arguments.run(arguments)
    assert isinstance(ended, Exit)
    return ended
