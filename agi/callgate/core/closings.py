"""How long a clinic is open and closed at a stretch, from its timetable: the nights and week-ends of `exposure`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from callgate.core.hours import MINUTES_PER_DAY, Hours, Weekly, is_open, next_opening

WEEK_MINUTES = 7 * MINUTES_PER_DAY
CLOSING_MAX_DAYS = 31
"""`longest_closing_s` says no more: a clinic may be closed for good."""

_CLOSING_MAX_S = CLOSING_MAX_DAYS * 86_400
_OPEN, _CLOSED = b"o", b"c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some time on a clinic's clock.

    Fields:
        seconds: in all.
        open_s: in which it is open.
        closings: how often it closes in it, and once more if it is closed from before on: calls may still be up then.
    """

    seconds: int
    open_s: int
    closings: int


def open_week(weekly: Weekly) -> bytes:
    """Lay a timetable out, without holidays: ``o`` or ``c`` for each minute from Monday 00:00, round and round."""
    week = bytearray(_CLOSED * WEEK_MINUTES)
    for day, spans in enumerate(weekly.by_day()):
        for span in spans:
            for minute in range(span.first_minute, span.end_minute):
                week[(day * MINUTES_PER_DAY + minute) % WEEK_MINUTES] = _OPEN[0]
    return bytes(week)


def stretch(week: bytes, first_minute: int, minutes: int) -> Stretch:
    """Look at some minutes of a laid out week, at least one, from one of it on."""
    part = (week * (minutes // WEEK_MINUTES + 2))[first_minute : first_minute + minutes]
    turns = [*pairwise(week[first_minute - 1 :][:1] + part)]
    closings = turns.count((_OPEN[0], _CLOSED[0])) + (turns[0] == (_CLOSED[0], _CLOSED[0]))
    return Stretch(seconds=60 * minutes, open_s=60 * part.count(_OPEN), closings=closings)


def closed_stretches(week: bytes) -> list[int]:
    """List the stretches in which a laid out week is closed, each once, in minutes."""
    first = max(0, week.find(_OPEN))
    return [len(closed) for closed in (week[first:] + week[:first]).split(_OPEN) if closed]


def longest_closing_s(hours: Hours, zone: ZoneInfo, closed_days: frozenset[date]) -> int:
    """Find the longest time the clinic is closed without a break, in seconds; at most `CLOSING_MAX_DAYS`.

    Args:
        hours: its opening hours and its own closed days.
        zone: its time zone; a closing at which the clocks go back is an hour longer.
        closed_days: public holidays, as for `hours.is_open`.
    """
    week = open_week(hours.weekly)
    days = sorted({*closed_days, *(own.first for own in hours.closed)})
    around = (_closed_around(day, hours, zone, closed_days) for day in days)
    longest_s = max((*(60 * minutes for minutes in closed_stretches(week)), *around), default=0)
    return min(_CLOSING_MAX_S, longest_s) if _OPEN in week else _CLOSING_MAX_S


def _closed_around(closed: date, hours: Hours, zone: ZoneInfo, closed_days: frozenset[date]) -> int:
    """Measure the closing that a closed day is part of, in seconds."""
    opens = next_opening(hours, datetime.combine(closed, time.min, zone), zone, closed_days)
    closes = next((end for end in _ends_before(closed, hours, zone) if _closes(end, hours, zone, closed_days)), None)
    if opens is None or closes is None:
        return _CLOSING_MAX_S
    return int((opens - closes).total_seconds())


def _closes(end: datetime, hours: Hours, zone: ZoneInfo, closed_days: frozenset[date]) -> bool:
    return is_open(hours, end - timedelta(minutes=1), zone, closed_days)


def _ends_before(day: date, hours: Hours, zone: ZoneInfo) -> Iterator[datetime]:
    """Go back through the instants at which a span of the timetable, or a day, ends; aware UTC."""
    week = hours.weekly.by_day()
    for back in range(1, CLOSING_MAX_DAYS + 1):
        midnight = datetime.combine(day - timedelta(days=back), time.min)
        over = {span.end_minute - MINUTES_PER_DAY for span in week[midnight.weekday() - 1]}
        ends = {MINUTES_PER_DAY, *over, *(span.end_minute for span in week[midnight.weekday()])}
        for minute in sorted((end for end in ends if 0 < end <= MINUTES_PER_DAY), reverse=True):
            yield (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)
