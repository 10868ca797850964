"""Opening hours on the clinic's wall clock, through holidays and both changes of the clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.hours import (
    ClosedDays,
    Hours,
    OpenSpan,
    Weekly,
    calendar_month,
    is_open,
    next_month,
    next_opening,
    overlapping_day,
)

PARIS = ZoneInfo("Europe/Paris")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
CAIRO = ZoneInfo("Africa/Cairo")
NO_DAYS: frozenset[date] = frozenset()
FRANCE = frozenset({date(2026, 4, 6), date(2026, 12, 25), date(2027, 1, 1)})
MOSELLE = FRANCE | {date(2026, 4, 3), date(2026, 12, 26)}
NEW_YEAR = (ClosedDays(first=date(2026, 12, 24), last=date(2027, 1, 2)),)


def span(first: str, end: str) -> OpenSpan:
    first_minute, end_minute = (int(text[:2]) * 60 + int(text[3:]) for text in (first, end))
    return OpenSpan(first_minute=first_minute, end_minute=end_minute)


def every_day(*spans: OpenSpan) -> Weekly:
    return Weekly(mon=spans, tue=spans, wed=spans, thu=spans, fri=spans, sat=spans, sun=spans)


OFFICE = Hours()
NIGHT = Hours(weekly=every_day(span("22:00", "30:00")))
EARLY = Hours(weekly=every_day(span("02:30", "02:45")))
EARLY_LATE = Hours(weekly=every_day(span("02:30", "06:00")))
SMALL_HOURS = Hours(weekly=every_day(span("01:00", "02:30")))
NEVER = Hours(weekly=Weekly())
HOLIDAY = Hours(closed=NEW_YEAR)


def at(text: str, zone: ZoneInfo = PARIS) -> datetime:
    """Read an instant; one without an offset is on the wall clock of `zone`."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "instant", "closed_days", "state"),
    [
        pytest.param(OFFICE, "2026-11-23T07:59:59", NO_DAYS, "closed", id="a second before opening on Monday"),
        pytest.param(OFFICE, "2026-11-23T08:00:00", NO_DAYS, "open", id="at opening"),
        pytest.param(OFFICE, "2026-11-23T18:59:59", NO_DAYS, "open", id="the last second"),
        pytest.param(OFFICE, "2026-11-23T19:00:00", NO_DAYS, "closed", id="at closing"),
        pytest.param(OFFICE, "2026-11-28T12:00:00", NO_DAYS, "open", id="Saturday morning"),
        pytest.param(OFFICE, "2026-11-28T12:30:00", NO_DAYS, "closed", id="Saturday afternoon"),
        pytest.param(OFFICE, "2026-11-29T10:00:00", NO_DAYS, "closed", id="Sunday"),
        pytest.param(
            OFFICE, "2026-11-23T07:30:00+00:00", NO_DAYS, "open", id="the zone of the clinic counts, in winter"
        ),
        pytest.param(
            OFFICE, "2026-07-06T06:30:00+00:00", NO_DAYS, "open", id="the zone of the clinic counts, in summer"
        ),
        pytest.param(OFFICE, "2026-12-25T10:00:00", FRANCE, "closed", id="Christmas, a Friday"),
        pytest.param(OFFICE, "2026-12-26T10:00:00", FRANCE, "open", id="26 December in most of France, a Saturday"),
        pytest.param(OFFICE, "2026-12-26T10:00:00", MOSELLE, "closed", id="26 December in Moselle"),
        pytest.param(OFFICE, "2026-04-03T10:00:00", FRANCE, "open", id="Good Friday in most of France"),
        pytest.param(OFFICE, "2026-04-03T10:00:00", MOSELLE, "closed", id="Good Friday in Moselle"),
        pytest.param(HOLIDAY, "2026-12-23T10:00:00", NO_DAYS, "open", id="the day before the clinic's holiday"),
        pytest.param(HOLIDAY, "2026-12-24T10:00:00", NO_DAYS, "closed", id="its first day"),
        pytest.param(HOLIDAY, "2026-12-31T10:00:00", NO_DAYS, "closed", id="New Year's Eve inside it"),
        pytest.param(HOLIDAY, "2027-01-02T10:00:00", NO_DAYS, "closed", id="its last day"),
        pytest.param(HOLIDAY, "2027-01-04T10:00:00", NO_DAYS, "open", id="the Monday after it"),
        pytest.param(NIGHT, "2026-11-23T21:59:00", NO_DAYS, "closed", id="before the night"),
        pytest.param(NIGHT, "2026-11-23T23:00:00", NO_DAYS, "open", id="the night before midnight"),
        pytest.param(NIGHT, "2026-11-24T05:59:59", NO_DAYS, "open", id="the night after midnight"),
        pytest.param(NIGHT, "2026-11-24T06:00:00", NO_DAYS, "closed", id="the end of the night"),
        pytest.param(
            NIGHT, "2026-11-24T01:00:00", frozenset({date(2026, 11, 24)}), "closed", id="a holiday ends the night"
        ),
        pytest.param(
            NIGHT, "2026-11-24T01:00:00", frozenset({date(2026, 11, 23)}), "closed", id="a holiday has no night"
        ),
        pytest.param(NIGHT, "2026-11-23T23:00:00", frozenset({date(2026, 11, 24)}), "open", id="the eve of a holiday"),
        pytest.param(
            EARLY_LATE, "2026-03-29T00:59:59+00:00", NO_DAYS, "closed", id="a second before the short night's jump"
        ),
        pytest.param(EARLY_LATE, "2026-03-29T01:00:00+00:00", NO_DAYS, "open", id="the jump lands inside the span"),
        pytest.param(EARLY, "2026-03-29T01:00:00+00:00", NO_DAYS, "closed", id="the span does not exist that day"),
        pytest.param(EARLY, "2026-10-25T00:30:00+00:00", NO_DAYS, "open", id="the span of the long night, first time"),
        pytest.param(EARLY, "2026-10-25T01:30:00+00:00", NO_DAYS, "open", id="the span of the long night, again"),
        pytest.param(EARLY, "2026-10-25T01:00:00+00:00", NO_DAYS, "closed", id="between the two"),
        pytest.param(OFFICE, "2026-10-26T07:00:00+00:00", NO_DAYS, "open", id="the morning after the long night"),
        pytest.param(NEVER, "2026-11-23T10:00:00", NO_DAYS, "closed", id="a week without hours"),
    ],
)
def test_the_clinic_is_open_by_the_clock_on_its_wall(
    hours: Hours, instant: str, closed_days: frozenset[date], state: str
) -> None:
    assert is_open(hours, at(instant), PARIS, closed_days) is (state == "open")


@pytest.mark.parametrize(
    ("clinic", "instant", "closed_days", "opening"),
    [
        pytest.param((OFFICE, PARIS), "2026-11-23T10:00", NO_DAYS, "2026-11-23T10:00", id="open now"),
        pytest.param((OFFICE, PARIS), "2026-11-23T06:00", NO_DAYS, "2026-11-23T08:00", id="later today"),
        pytest.param((OFFICE, PARIS), "2026-11-23T07:59:59", NO_DAYS, "2026-11-23T08:00", id="in a second"),
        pytest.param((OFFICE, PARIS), "2026-11-23T19:00", NO_DAYS, "2026-11-24T08:00", id="tomorrow"),
        pytest.param((OFFICE, PARIS), "2026-11-28T12:30", NO_DAYS, "2026-11-30T08:00", id="after the weekend"),
        pytest.param((OFFICE, PARIS), "2026-12-24T19:00", FRANCE, "2026-12-26T08:00", id="after Christmas"),
        pytest.param((OFFICE, PARIS), "2026-12-24T19:00", MOSELLE, "2026-12-28T08:00", id="after Christmas in Moselle"),
        pytest.param(
            (HOLIDAY, PARIS), "2026-12-23T20:00", NO_DAYS, "2027-01-04T08:00", id="after the clinic's holiday"
        ),
        pytest.param((NIGHT, PARIS), "2026-11-24T06:00", NO_DAYS, "2026-11-24T22:00", id="the next night"),
        pytest.param(
            (EARLY_LATE, PARIS), "2026-03-29T00:30", NO_DAYS, "2026-03-29T03:00", id="the jump is the opening"
        ),
        pytest.param(
            (EARLY, PARIS), "2026-03-28T12:00", NO_DAYS, "2026-03-30T02:30", id="no such hour on the short day"
        ),
        pytest.param(
            (EARLY, PARIS), "2026-10-25T02:50", NO_DAYS, "2026-10-25T01:30:00+00:00", id="the same hour once more"
        ),
        pytest.param(
            (SMALL_HOURS, PARIS), "2026-10-25T02:50", NO_DAYS, "2026-10-25T01:00:00+00:00", id="reopened by the clock"
        ),
        pytest.param(
            (EARLY_LATE, LORD_HOWE), "2026-10-04T01:00", NO_DAYS, "2026-10-04T02:30", id="a change of half an hour"
        ),
        pytest.param(
            (Hours(weekly=every_day(span("00:00", "04:00"))), CAIRO),
            "2026-04-23T12:00",
            NO_DAYS,
            "2026-04-24T01:00",
            id="a midnight that does not exist",
        ),
        pytest.param((NEVER, PARIS), "2026-11-23T10:00", NO_DAYS, None, id="never"),
    ],
)
def test_the_next_opening_is_told(
    clinic: tuple[Hours, ZoneInfo], instant: str, closed_days: frozenset[date], opening: str | None
) -> None:
    hours, zone = clinic
    expected = None if opening is None else at(opening, zone).astimezone(UTC)
    found = next_opening(hours, at(instant, zone), zone, closed_days)
    assert found == expected
    assert found is None or found.tzinfo is UTC


def test_an_opening_more_than_a_year_ahead_is_not_looked_for() -> None:
    long_closed = Hours(closed=(ClosedDays(first=date(2026, 11, 23), last=date(2027, 11, 24)),))
    assert next_opening(long_closed, at("2026-11-23T10:00"), PARIS, NO_DAYS) is None


@given(st.integers(1_767_225_600, 1_827_619_200))
def test_the_clinic_is_open_when_it_said_it_would_be(epoch_s: int) -> None:
    instant = datetime.fromtimestamp(epoch_s, UTC)
    opening = next_opening(OFFICE, instant, PARIS, FRANCE)
    assert opening is not None
    assert opening >= instant
    assert is_open(OFFICE, opening, PARIS, FRANCE)


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        ("2026-11-30T23:59:59+01:00", "2026-11"),
        ("2026-11-30T22:59:59+00:00", "2026-11"),
        ("2026-11-30T23:00:00+00:00", "2026-12"),
        ("2026-12-31T23:00:00+00:00", "2027-01"),
        ("2026-06-30T22:00:00+00:00", "2026-07"),
    ],
)
def test_the_month_of_the_bill_is_the_one_on_the_wall(instant: str, month: str) -> None:
    assert calendar_month(at(instant), PARIS) == month


@pytest.mark.parametrize(
    ("instant", "begins"),
    [
        ("2026-11-24T09:00", "2026-12-01T00:00"),
        ("2026-11-30T23:59", "2026-12-01T00:00"),
        ("2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026-12-31T12:00", "2027-01-01T00:00"),
        ("2027-01-29T12:00", "2027-02-01T00:00"),
        ("2027-01-31T12:00", "2027-02-01T00:00"),
        ("2027-02-28T12:00", "2027-03-01T00:00"),
        ("2028-02-01T12:00", "2028-03-01T00:00"),
        # In Greenwich it is November still.
        ("2026-11-30T23:30+00:00", "2027-01-01T00:00"),
        # The clock changes on the way.
        ("2027-03-10T12:00", "2027-04-01T00:00"),
    ],
)
def test_the_next_month_begins_at_midnight_on_the_clinics_clock(instant: str, begins: str) -> None:
    assert next_month(at(instant), PARIS) == at(begins)


@pytest.mark.parametrize(
    ("weekly", "day"),
    [
        (Weekly(), None),
        (Weekly(mon=(span("08:00", "12:00"), span("12:00", "19:00"))), None),
        (Weekly(mon=(span("14:00", "19:00"), span("08:00", "12:00"))), None),
        (Weekly(tue=(span("08:00", "12:00"), span("11:59", "19:00"))), 1),
        (Weekly(wed=(span("22:00", "30:00"),), thu=(span("06:00", "08:00"),)), None),
        (Weekly(wed=(span("22:00", "30:00"),), thu=(span("05:00", "08:00"),)), 3),
        (Weekly(sun=(span("22:00", "30:00"),), mon=(span("06:00", "08:00"),)), None),
        (Weekly(sun=(span("22:00", "30:00"),), mon=(span("05:00", "08:00"),)), 0),
        (every_day(span("00:00", "24:00")), None),
    ],
)
def test_spans_that_share_a_minute_are_found(weekly: Weekly, day: int | None) -> None:
    assert overlapping_day(weekly) == day
