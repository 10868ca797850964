"""What a word on the command line means, where several commands take it; argparse says what is wrong with one."""

import argparse
import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
YEARS = range(2000, 2100)
"""`--at` asks about these: beyond them holidays are not known, and a zone's arithmetic ends."""


UNTIL_MAX = timedelta(days=366)
"""What ends by itself ends within a year: a date beyond it is a slip of the pen."""


def iso_instant(word: str) -> datetime:
    """Read an instant such as ``2026-12-25T03:00``; one without a zone is for the caller to place."""
    with contextlib.suppress(ValueError):
        instant = datetime.fromisoformat(word)
        if instant.year in YEARS:
            return instant
    message = f'"{word}" is not an ISO instant of these decades, such as 2026-12-25T03:00'
    raise argparse.ArgumentTypeError(message)


def span(word: str) -> timedelta | None:
    """Read ``30m``, ``12h`` or ``7d``; None for anything else."""
    found = _SPAN.fullmatch(word)
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})


def until_instant(word: str) -> datetime:
    """Read when something ends, within a year: a span from now, or an ISO instant with its zone; aware UTC.

    Raises:
        argparse.ArgumentTypeError: for anything else.
    """
    now, length = datetime.now(UTC).replace(microsecond=0), span(word)
    instant = _with_zone(word) if length is None else now + length
    if instant <= now:
        message = f'"{word}" is past; it is {now.isoformat()} now'
        raise argparse.ArgumentTypeError(message)
    if instant > now + UNTIL_MAX:
        message = f'"{word}" is more than a year away; for what shall not end by itself, leave it out'
        raise argparse.ArgumentTypeError(message)
    return instant.astimezone(UTC)


def _with_zone(word: str) -> datetime:
    try:
        instant = iso_instant(word)
    except argparse.ArgumentTypeError:
        such = datetime.now(UTC).astimezone().isoformat(timespec="minutes")
        message = f'"{word}" is neither a span such as 30m, 12h or 7d nor an instant such as {such}'
        raise argparse.ArgumentTypeError(message) from None
    if instant.tzinfo is None:
        # An hour too early or too late would be noticed by nobody.
        here = instant.astimezone().isoformat(timespec="minutes")
        message = f'"{word}" does not say on which clock; write it such as {here}, or a span such as 12h'
        raise argparse.ArgumentTypeError(message)
    return instant


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
