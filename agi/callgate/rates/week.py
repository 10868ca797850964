"""Hours of a rate as a set of minutes of the week: one integer with a bit a minute, Monday 00:00 first."""

import re

from callgate.core.hours import MINUTES_PER_DAY
from callgate.core.policy_values import UnreadableError, shown
from callgate.core.rate_hours import MINUTES_PER_WEEK, parse_rate_hours
from callgate.rates.findings import Problem, UnusableError

WHOLE_WEEK = (1 << MINUTES_PER_WEEK) - 1

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FRENCH = dict(zip(("lun", "mar", "mer", "jeu", "ven", "sam", "dim"), _DAYS, strict=True))
_HOUR = re.compile(r"\b([01]?[0-9]|2[0-4])h([0-5][0-9])?\b")


def span_mask(first_minute: int, end_minute: int) -> int:
    """The minutes from `first_minute` to before `end_minute`, both 0 to 10080."""
    return (1 << end_minute) - (1 << first_minute)


def read_hours(word: str) -> int:
    """Read hours such as ``mon-fri 08:00-19:00; sat 08:00-12:30``, also ``lun-ven 8h-19h``.

    Raises:
        UnusableError: for anything else.
    """
    text = re.sub("|".join(_FRENCH), lambda day: _FRENCH[day[0]], word.lower().strip())
    text = _HOUR.sub(lambda hour: f"{int(hour[1]):02d}:{hour[2] or '00'}", text)
    try:
        hours = parse_rate_hours(text)
    except UnreadableError:
        raise UnusableError(Problem.BAD_HOURS, cell=shown(word), example="mon-fri 08:00-19:00") from None
    return sum(span_mask(span.first_minute, span.end_minute) for span in hours.spans)


def write_hours(mask: int) -> str:
    """Write hours so that `read_hours` and the deck read them back: days with the same spans stand together."""
    by_day = [_day_spans(mask >> day * MINUTES_PER_DAY) for day in range(len(_DAYS))]
    parts: list[str] = []
    first = 0
    for day in range(1, len(_DAYS) + 1):
        if day < len(_DAYS) and by_day[day] == by_day[first]:
            continue
        if by_day[first]:
            days = _DAYS[first] if day == first + 1 else f"{_DAYS[first]}-{_DAYS[day - 1]}"
            parts.append(" ".join((days, *by_day[first])))
        first = day
    return "; ".join(parts)


def _day_spans(mask: int) -> list[str]:
    bits = f"{mask & ((1 << MINUTES_PER_DAY) - 1):0{MINUTES_PER_DAY}b}"[::-1]
    return [f"{_clock(span.start())}-{_clock(span.end())}" for span in re.finditer("1+", bits)]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
