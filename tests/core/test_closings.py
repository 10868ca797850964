"""A timetable laid out: how long the clinic is open and closed at a stretch."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from callgate.core.closings import CLOSING_MAX_DAYS, Stretch, closed_stretches, longest_closing_s, open_week, stretch
from callgate.core.hours import FACTORY_WEEK, ClosedDays, Hours, OpenSpan, Weekly

PARIS = ZoneInfo("Europe/Paris")
HOUR_S = 3600
FRIDAY_19, SATURDAY_12_30 = (4 * 24 + 19) * 60, (5 * 24 + 12) * 60 + 30
WEEK = open_week(FACTORY_WEEK)
NIGHT_SHIFT = Weekly(sun=(OpenSpan(first_minute=22 * 60, end_minute=30 * 60),))
_ALL_DAY = (OpenSpan(first_minute=0, end_minute=1440),)
ALWAYS = Weekly(mon=_ALL_DAY, tue=_ALL_DAY, wed=_ALL_DAY, thu=_ALL_DAY, fri=_ALL_DAY, sat=_ALL_DAY, sun=_ALL_DAY)


@pytest.mark.parametrize(
    ("first_minute", "minutes", "open_hours", "closings"),
    [
        (0, 60, 0, 1),
        (8 * 60, 60, 1, 0),
        (7 * 60 + 30, 60, 0.5, 1),
        (18 * 60, 120, 1, 1),
        (19 * 60, 60, 0, 1),
        (FRIDAY_19, 61 * 60, 4.5, 2),
        (SATURDAY_12_30, 60, 0, 1),
        (0, 7 * 24 * 60, 59.5, 7),
        (0, 14 * 24 * 60, 119, 13),
    ],
)
def test_a_stretch_of_the_factory_week_has_its_open_hours_and_closings(
    first_minute: int, minutes: int, open_hours: float, closings: int
) -> None:
    expected = Stretch(seconds=60 * minutes, open_s=round(open_hours * HOUR_S), closings=closings)
    assert stretch(WEEK, first_minute, minutes) == expected


def test_a_span_past_sunday_midnight_opens_monday_morning() -> None:
    assert stretch(open_week(NIGHT_SHIFT), 0, 7 * 60) == Stretch(seconds=7 * HOUR_S, open_s=6 * HOUR_S, closings=1)


@pytest.mark.parametrize(
    ("weekly", "hours"),
    [
        (FACTORY_WEEK, [13, 13, 13, 13, 13, 43.5]),
        (NIGHT_SHIFT, [160]),
        (ALWAYS, []),
        (Weekly(), [168]),
    ],
)
def test_each_closing_of_a_week_is_listed_once(weekly: Weekly, hours: list[float]) -> None:
    assert sorted(closed_stretches(open_week(weekly))) == [round(60 * length) for length in hours]


EASTER_MONDAY = date(2026, 4, 6)
CHRISTMAS = ClosedDays(first=date(2026, 12, 24), last=date(2027, 1, 2))


@pytest.mark.parametrize(
    ("hours", "closed_days", "expected_s"),
    [
        (Hours(), frozenset(), 43.5 * HOUR_S),
        (Hours(), frozenset({EASTER_MONDAY}), 67.5 * HOUR_S),
        (Hours(closed=(CHRISTMAS,)), frozenset(), (12 * 24 - 11) * HOUR_S),
        (Hours(closed=(ClosedDays(first=date(2026, 10, 25), last=date(2026, 10, 25)),)), frozenset(), 44.5 * HOUR_S),
        (Hours(weekly=NIGHT_SHIFT), frozenset(), 160 * HOUR_S),
        (Hours(weekly=NIGHT_SHIFT), frozenset({date(2026, 4, 5)}), (160 + 168) * HOUR_S),
        (Hours(weekly=NIGHT_SHIFT), frozenset({EASTER_MONDAY}), 166 * HOUR_S),
        (Hours(weekly=ALWAYS), frozenset(), 0),
        (Hours(weekly=ALWAYS), frozenset({EASTER_MONDAY}), 24 * HOUR_S),
        (Hours(weekly=Weekly()), frozenset(), CLOSING_MAX_DAYS * 24 * HOUR_S),
        (Hours(weekly=Weekly()), frozenset({EASTER_MONDAY}), CLOSING_MAX_DAYS * 24 * HOUR_S),
    ],
)
def test_holidays_and_leave_make_the_longest_closing(
    hours: Hours, closed_days: frozenset[date], expected_s: float
) -> None:
    """On 25 October the clocks go back: that closing has an hour more."""
    assert longest_closing_s(hours, PARIS, closed_days) == expected_s
