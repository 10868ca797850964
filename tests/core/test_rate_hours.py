"""The hours of a rate, as a deck writes them."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.policy_values import UnreadableError
from callgate.core.rate_hours import HOURS_MAX_CHARACTERS, MINUTES_PER_WEEK, parse_rate_hours

DAY = 24 * 60


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("mon 08:00-19:00", [(480, 1140)]),
        ("mon-tue 08:00-12:00 14:00-19:00", [(480, 720), (840, 1140), (DAY + 480, DAY + 720), (DAY + 840, DAY + 1140)]),
        ("mon 00:00-24:00", [(0, DAY)]),
        ("fri 22:00-06:00", [(4 * DAY + 1320, 5 * DAY + 360)]),
        ("sun 22:00-06:00", [(0, 360), (6 * DAY + 1320, MINUTES_PER_WEEK)]),
        ("sun-mon 10:00-11:00", [(600, 660), (6 * DAY + 600, 6 * DAY + 660)]),
        ("sat 08:00-12:30;  mon 08:00-09:00 ", [(480, 540), (5 * DAY + 480, 5 * DAY + 750)]),
        ("mon 08:00-09:00 09:00-10:00", [(480, 540), (540, 600)]),
        ("tue-mon 23:00-24:00", [(day * DAY + 1380, day * DAY + 1440) for day in range(7)]),
    ],
)
def test_hours_are_times_of_the_week(text: str, spans: list[tuple[int, int]]) -> None:
    found = parse_rate_hours(text)
    assert [(span.first_minute, span.end_minute) for span in found.spans] == spans
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not days with their hours"),
        ("mon", "is not days with their hours"),
        ("08:00-19:00", "is not days with their hours"),
        ("lun-ven 08:00-19:00", "is not days with their hours"),
        ("Mon 08:00-19:00", "is not days with their hours"),
        ("mon 08:00-19:00;", "is not days with their hours"),
        ("mon,tue 08:00-19:00", "is not days with their hours"),
        ("mon 8:00-19:00", "is not a span of hours"),
        ("mon 08:00-25:00", "is not a span of hours"),
        ("mon 08:00-08:00", "opens no time"),
        ("mon 19:00-08:00", "ends before it begins"),
        ("mon-fri 08:00-19:00; wed 12:00-13:00", "names some time twice"),
        ("sun 22:00-06:00; mon 05:00-07:00", "names some time twice"),
        ("mon 08:00-09:00" + " 08:00-09:00" * 30, "is too long"),
    ],
)
def test_hours_that_cannot_be_read_are_told_with_a_remedy(text: str, problem: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        parse_rate_hours(text)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_rate_counts_from_the_first_minute_of_its_hours_to_the_last() -> None:
    hours = parse_rate_hours("mon-fri 08:00-19:00")
    tuesday = datetime(2026, 11, 24, tzinfo=UTC)
    counts = [hours.cover(tuesday.replace(hour=hour, minute=minute, second=59)) for hour, minute in BOUNDS]
    assert counts == [False, True, True, False]


BOUNDS = [(7, 59), (8, 0), (18, 59), (19, 0)]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("mon 08:00-12:00", "mon 12:00-14:00", False),
        ("mon 08:00-12:01", "mon 12:00-14:00", True),
        ("mon 08:00-12:00", "tue 08:00-12:00", False),
        ("sun 22:00-06:00", "mon 05:00-07:00", True),
        ("mon-sun 00:00-24:00", "wed 03:00-03:01", True),
    ],
)
def test_two_rates_share_a_time_or_do_not(one: str, other: str, *, shared: bool) -> None:
    first, second = parse_rate_hours(one), parse_rate_hours(other)
    assert first.meet(second) is second.meet(first) is shared


@given(st.text(max_size=HOURS_MAX_CHARACTERS + 5) | st.from_regex(r"(mon|sun)(-tue)?( [0-2]\d:[03]0-[0-2]\d:00)+;?"))
def test_any_text_is_hours_within_one_week_or_a_mistake(text: str) -> None:
    with suppress(UnreadableError):
        spans = parse_rate_hours(text).spans
        assert all(0 <= span.first_minute < span.end_minute <= MINUTES_PER_WEEK for span in spans)
