"""The hours of a rate: at which times of the week a row of the deck counts, such as peak and off-peak.

``mon-fri 08:00-19:00; sat 08:00-12:30``: days, then one or several spans on the clinic's wall clock. A span past
midnight (``fri 22:00-06:00``) ends on the next day. Public holidays are days like any other: a deck cannot name them.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

from callgate.core.hours import MINUTES_PER_DAY, OpenSpan
from callgate.core.policy_values import READERS, UnreadableError, shown

HOURS_MAX_CHARACTERS = 300
KEPT = 1024
"""How many different texts are remembered: a deck says the same hours in thousands of rows."""
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY

_ONE_DAY = timedelta(days=1)
_ONE_MINUTE = timedelta(minutes=1)
_ONE_SECOND = timedelta(seconds=1)
_EXAMPLE = "mon-fri 08:00-19:00; sat 08:00-12:30"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(_DAYS)
_PART = re.compile(rf"({_DAY})(?:-({_DAY}))?((?: +[0-9:]+-[0-9:]+)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekSpan:
    """One stretch of the week, in minutes from Monday 00:00: `first_minute` belongs to it, `end_minute` does not."""

    first_minute: int
    end_minute: int

    @property
    def begins(self) -> timedelta:
        """When it begins, from Monday 00:00 on."""
        return self.first_minute * _ONE_MINUTE

    @property
    def ends(self) -> timedelta:
        """When it ends, from Monday 00:00 on."""
        return self.end_minute * _ONE_MINUTE

    def meets(self, other: "WeekSpan") -> bool:
        """Tell whether the two share a minute."""
        return self.first_minute < other.end_minute and other.first_minute < self.end_minute


@dataclass(frozen=True, slots=True, kw_only=True)
class RateHours:
    """Times of the week: `text` as the deck has it, `spans` in the order of the week, no two sharing a minute."""

    text: str
    spans: tuple[WeekSpan, ...]

    def cover(self, wall: datetime) -> bool:
        """Tell whether an instant, on the clinic's wall clock, is within these hours."""
        minute = wall.weekday() * MINUTES_PER_DAY + wall.hour * 60 + wall.minute
        return any(span.first_minute <= minute < span.end_minute for span in self.spans)

    def between(self, begins: timedelta, ends: timedelta) -> tuple[WeekSpan, ...]:
        """List the spans that share some time with a stretch of the week, from Monday 00:00 on, in its order."""
        first = bisect_right(self.spans, begins, key=lambda span: span.ends)
        return self.spans[first : bisect_left(self.spans, ends, key=lambda span: span.begins)]

    def meet(self, other: "RateHours") -> bool:
        """Tell whether the two share a minute of the week."""
        return any(span.meets(another) for span in self.spans for another in other.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class WallStretch:
    """A part of one calendar day in which the clinic's wall clock runs on, without a change to or from summer time.

    Fields:
        begins: the instant, aware UTC.
        wall_begins: what the clock shows then, without a zone.
        wall_ends: the first that does not belong to it; the next midnight at the latest.
    """

    begins: datetime
    wall_begins: datetime
    wall_ends: datetime


def wall_stretches(at: datetime, duration_s: int) -> Iterator[WallStretch]:
    """Cut a time into stretches of the wall clock.

    Args:
        at: its begin, aware in the clinic's zone (`zoneinfo`).
        duration_s: its length.
    """
    now = at.astimezone(UTC)
    end = now + duration_s * _ONE_SECOND
    while now < end:
        wall = now.astimezone(at.tzinfo).replace(tzinfo=None)
        midnight = datetime.combine(wall.date() + _ONE_DAY, time.min)
        until = _clock_change(at, now, min(end, now + (midnight - wall)))
        yield WallStretch(begins=now, wall_begins=wall, wall_ends=wall + (until - now))
        now = until


def _clock_change(at: datetime, begin: datetime, end: datetime) -> datetime:
    """Find the instant between two, at most a day apart, at which `at`'s zone changes its clock; the later if none."""

    def offset(instant: datetime) -> timedelta | None:
        return instant.astimezone(at.tzinfo).utcoffset()

    before = offset(begin)
    if offset(end - datetime.resolution) == before:
        return end
    whole = begin.replace(microsecond=0)
    seconds = range((end - whole) // _ONE_SECOND)
    change = bisect_left(seconds, 1, key=lambda second: int(offset(whole + second * _ONE_SECOND) != before))
    return whole + change * _ONE_SECOND


@lru_cache(maxsize=KEPT)
def parse_rate_hours(text: str) -> RateHours:
    """Read the hours of a rate.

    Args:
        text: parts such as ``mon-fri 08:00-12:00 14:00-19:00``, between semicolons; times as in a policy's ``[hours]``.

    Raises:
        UnreadableError: with problem and remedy, also where a minute of the week is named twice.
    """
    if len(text) > HOURS_MAX_CHARACTERS:
        raise UnreadableError(problem=f"{shown(text)} is too long", remedy=f'write it such as "{_EXAMPLE}"')
    spans = [span for part in text.split(";") for span in _read_part(part.strip(" "))]
    spans.sort(key=lambda span: span.first_minute)
    if any(earlier.meets(later) for earlier, later in pairwise(spans)):
        raise UnreadableError(problem=f"{shown(text)} names some time twice", remedy="name each time once")
    return RateHours(text=text, spans=tuple(spans))


def _read_part(part: str) -> list[WeekSpan]:
    match = _PART.fullmatch(part)
    if match is None:
        problem = f"{shown(part)} is not days with their hours"
        raise UnreadableError(problem=problem, remedy=f'write it such as "{_EXAMPLE}"')
    first, last = _DAYS.index(match[1]), _DAYS.index(match[2] or match[1])
    # sat-mon runs over the end of the week.
    days = [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]
    return [span for word in match[3].split() for day in days for span in _in_week(day, _read_span(word))]


def _read_span(word: str) -> OpenSpan:
    span = READERS[OpenSpan](word)
    assert isinstance(span, OpenSpan)
    return span


def _in_week(day: int, span: OpenSpan) -> list[WeekSpan]:
    """Place a span of a day in the week; Sunday night ends on Monday."""
    first, end = (day * MINUTES_PER_DAY + minute for minute in (span.first_minute, span.end_minute))
    if end <= MINUTES_PER_WEEK:
        return [WeekSpan(first_minute=first, end_minute=end)]
    return [
        WeekSpan(first_minute=first, end_minute=MINUTES_PER_WEEK),
        WeekSpan(first_minute=0, end_minute=end - MINUTES_PER_WEEK),
    ]
