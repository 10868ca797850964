"""What a word on the command line means, where several commands take it; argparse says what is wrong with one."""

import argparse
import contextlib
import re
from collections.abc import Callable
from datetime import datetime

YEARS = range(2000, 2100)
"""`--at` asks about these: beyond them holidays are not known, and a zone's arithmetic ends."""


def iso_instant(word: str) -> datetime:
    """Read an instant such as ``2026-12-25T03:00``; one without a zone is for the caller to place."""
    with contextlib.suppress(ValueError):
        instant = datetime.fromisoformat(word)
        if instant.year in YEARS:
            return instant
    message = f'"{word}" is not an ISO instant of these decades, such as 2026-12-25T03:00'
    raise argparse.ArgumentTypeError(message)


def matching(pattern: str, meaning: str) -> Callable[[str], str]:
    """Make a reader of words that fit a pattern."""

    def read(word: str) -> str:
        if re.fullmatch(pattern, word) is None:
            message = f"{word!r} is not {meaning}"
            raise argparse.ArgumentTypeError(message)
        return word

    return read


outside_prefix = matching(r"[0-9]?", 'one digit, or ""')
country = matching(r"[A-Z]{2}", "a country of two capital letters, such as FR")
