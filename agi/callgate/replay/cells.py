"""What stands in one cell of a row: an instant, an extension, a duration, an origin."""

import re
from datetime import datetime

from callgate.core.attempt import Origin
from callgate.replay.attempts import Fault, LineError

DURATION_MAX_S = 7 * 86_400
"""No call is longer than a week: a larger figure is in another unit."""
YEARS = range(2000, 2100)

_SECONDS = re.compile(r"[0-9]{1,6}")
_EXTENSION = re.compile(r"[0-9A-Za-z_-]{0,64}")
_ORIGINS = {"": Origin.EXTENSION, **{origin.value: origin for origin in Origin}}


def instant_in(word: str) -> datetime:
    """Read an instant as it is written, with or without a zone; a day alone is none.

    Raises:
        LineError: if it is none of `YEARS`.
    """
    try:
        instant = datetime.fromisoformat(word.strip())
    except ValueError:
        raise LineError(Fault.START, word) from None
    if instant.year not in YEARS or ":" not in word:
        raise LineError(Fault.START, word)
    return instant


def extension_in(word: str) -> str:
    """Read an extension; "" for none.

    Raises:
        LineError: if no extension is written so.
    """
    extension = word.strip()
    if _EXTENSION.fullmatch(extension) is None:
        raise LineError(Fault.EXTENSION, extension)
    return extension


def seconds_in(word: str) -> int:
    """Read a duration in whole seconds, 0 to `DURATION_MAX_S`.

    Raises:
        LineError: if it is none.
    """
    if _SECONDS.fullmatch(word.strip()) is None or int(word) > DURATION_MAX_S:
        raise LineError(Fault.DURATION, word)
    return int(word)


def origin_in(word: str) -> Origin:
    """Read an origin; a call whose cell is empty came from an extension.

    Raises:
        LineError: if the gate knows none of that name.
    """
    origin = _ORIGINS.get(word.strip().lower())
    if origin is None:
        raise LineError(Fault.ORIGIN, word)
    return origin
