"""Opening hours: when a clinic is open by the clock on its own wall, and when it opens next.

Everything is read on the wall clock of the clinic's zone, so a day of 23 or 25 hours needs no rule of its own: an hour
that does not exist is never asked about, and one that comes twice is open or closed twice.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

MINUTES_PER_DAY = 24 * 60
SEARCH_DAYS = 366
"""`next_opening` looks no further than this many days ahead."""

_ONE_DAY = timedelta(days=1)
_ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSpan:
    """One stretch of opening hours, in minutes from midnight of the day it begins on.

    `first_minute` is the first open one (0 to 1439). `end_minute` is the first closed one: at most 1440 within the day,
    more for a span past midnight (``22:00-06:00`` is 1320 to 1800).
    """

    first_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedDays:
    """A holiday of the clinic itself: closed from `first` to `last`, both included."""

    first: date
    last: date


class WhenClosed(StrEnum):
    """What may still be dialled outside opening hours."""

    EMERGENCY = "emergency"
    NATIONAL = "national"
    AS_OPEN = "as_open"


class Weekly(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``weekly``: the spans of each day; a day that is left out is closed."""

    mon: tuple[OpenSpan, ...] = ()
    tue: tuple[OpenSpan, ...] = ()
    wed: tuple[OpenSpan, ...] = ()
    thu: tuple[OpenSpan, ...] = ()
    fri: tuple[OpenSpan, ...] = ()
    sat: tuple[OpenSpan, ...] = ()
    sun: tuple[OpenSpan, ...] = ()

    def by_day(self) -> tuple[tuple[OpenSpan, ...], ...]:
        """Return the spans of the seven days, Monday first, as `date.weekday` counts."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)


_WORKING_DAY = (OpenSpan(first_minute=8 * 60, end_minute=19 * 60),)
_SATURDAY = (OpenSpan(first_minute=8 * 60, end_minute=12 * 60 + 30),)
FACTORY_WEEK = Weekly(
    mon=_WORKING_DAY, tue=_WORKING_DAY, wed=_WORKING_DAY, thu=_WORKING_DAY, fri=_WORKING_DAY, sat=_SATURDAY
)


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[hours]``: when the clinic is open, and what may be dialled when it is not.

    Fields:
        weekly: the spans of each day of the week.
        closed: days on which the clinic is closed whatever the week says.
        outside: what may still be dialled when closed.
    """

    weekly: Weekly = FACTORY_WEEK
    closed: tuple[ClosedDays, ...] = ()
    outside: WhenClosed = WhenClosed.NATIONAL


def is_open(hours: Hours, instant: datetime, zone: ZoneInfo, closed_days: frozenset[date]) -> bool:
    """Say whether the clinic is open.

    Args:
        hours: its opening hours.
        instant: an aware instant.
        zone: the clinic's time zone.
        closed_days: public holidays, as dates in that zone; the clinic's own closed days are in `hours`.

    Returns:
        True from the first minute of a span to its end. A closed day is closed from midnight to midnight: it ends a
        span that came over midnight, and begins none.
    """
    wall = instant.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    return any(span.first_minute <= minute < span.end_minute for span in _spans_of_day(hours, wall.date(), closed_days))


def next_opening(hours: Hours, instant: datetime, zone: ZoneInfo, closed_days: frozenset[date]) -> datetime | None:
    """Find when the clinic is open next.

    Args:
        hours: its opening hours.
        instant: an aware instant to look from.
        zone: the clinic's time zone.
        closed_days: public holidays, as for `is_open`; they should reach a year ahead.

    Returns:
        The first open instant at or after `instant` (itself, if the clinic is open then), aware UTC; None if there is
        none within `SEARCH_DAYS` days.
    """
    if is_open(hours, instant, zone, closed_days):
        return instant.astimezone(UTC)
    today = instant.astimezone(zone).date()
    for day in (today + _ONE_DAY * ahead for ahead in range(SEARCH_DAYS + 1)):
        if not _spans_of_day(hours, day, closed_days):
            continue
        # Minute by minute through the one day, because a change of the clock can open a clinic in mid-span.
        moment = datetime.combine(day, time.min, zone).astimezone(UTC)
        end = datetime.combine(day + _ONE_DAY, time.min, zone).astimezone(UTC)
        while moment < end:
            if moment > instant and is_open(hours, moment, zone, closed_days):
                return moment
            moment += _ONE_MINUTE
    return None


def calendar_month(instant: datetime, zone: ZoneInfo) -> str:
    """Name the month an aware instant falls in on the clinic's wall, as ``2026-11``: the month of its bill."""
    return instant.astimezone(zone).strftime("%Y-%m")


def next_month(instant: datetime, zone: ZoneInfo) -> datetime:
    """Find when the month after that of an aware instant begins on the clinic's wall, aware UTC."""
    # The 28th and four days are in the next month, whichever month it is.
    first = (instant.astimezone(zone).date().replace(day=28) + 4 * _ONE_DAY).replace(day=1)
    return datetime.combine(first, time.min, zone).astimezone(UTC)


def overlapping_day(weekly: Weekly) -> int | None:
    """Return the first day (0 is Monday) on which two spans of the week share a minute, or None."""
    week = sorted(
        (day * MINUTES_PER_DAY + span.first_minute, day * MINUTES_PER_DAY + span.end_minute)
        for day, spans in enumerate(weekly.by_day())
        for span in spans
    )
    if not week:
        return None
    first_minute, end_minute = week[0]
    # The week is a circle: the last span may run past Sunday's midnight into the first.
    around = (first_minute + 7 * MINUTES_PER_DAY, end_minute + 7 * MINUTES_PER_DAY)
    for (_, earlier_end), (later_first, _) in pairwise([*week, around]):
        if earlier_end > later_first:
            return later_first // MINUTES_PER_DAY % 7
    return None


def _spans_of_day(hours: Hours, day: date, closed_days: frozenset[date]) -> tuple[OpenSpan, ...]:
    """Return what is open on `day`, from its own midnight: its spans, and what yesterday's leave past midnight."""
    if _is_closed(hours, day, closed_days):
        return ()
    week = hours.weekly.by_day()
    yesterday = day - _ONE_DAY
    if _is_closed(hours, yesterday, closed_days):
        return week[day.weekday()]
    carried = tuple(
        OpenSpan(first_minute=0, end_minute=span.end_minute - MINUTES_PER_DAY)
        for span in week[yesterday.weekday()]
        if span.end_minute > MINUTES_PER_DAY
    )
    return (*carried, *week[day.weekday()])


def _is_closed(hours: Hours, day: date, closed_days: frozenset[date]) -> bool:
    return day in closed_days or any(days.first <= day <= days.last for days in hours.closed)
