"""The hours of a rate, as a deck writes them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.policy_values import UnreadableError
from callgate.core.rate_hours import HOURS_MAX_CHARACTERS, MINUTES_PER_WEEK, parse_rate_hours, wall_stretches

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
    ("begins", "ends", "spans"),
    [
        (0, 479, []),
        (0, 480, []),
        (0, 481, [480]),
        (719, 840, [480]),
        (720, 840, []),
        (720, 841, [840]),
        (500, 500.5, [480]),
        (0, MINUTES_PER_WEEK, [480, 840, DAY + 480, DAY + 840]),
        (1140, DAY, []),
        (1139.9, DAY + 900, [840, DAY + 480, DAY + 840]),
    ],
)
def test_the_hours_that_fall_into_a_part_of_the_week_are_found(begins: float, ends: float, spans: list[int]) -> None:
    hours = parse_rate_hours("mon-tue 08:00-12:00 14:00-19:00")
    found = hours.between(timedelta(minutes=begins), timedelta(minutes=ends))
    assert [span.first_minute for span in found] == spans


@pytest.mark.parametrize(
    ("zone", "answered", "duration_s", "stretches"),
    [
        ("Europe/Paris", "2026-11-24T10:00:00+00:00", 0, []),
        ("Europe/Paris", "2026-11-24T10:00:00+00:00", 7200, [(0, "24 11:00:00", "24 13:00:00")]),
        ("Europe/Paris", "2026-11-24T22:59:30+00:00", 30, [(0, "24 23:59:30", "25 00:00:00")]),
        (
            "Europe/Paris",
            "2026-11-24T22:59:30+00:00",
            86_431,
            [
                (0, "24 23:59:30", "25 00:00:00"),
                (30, "25 00:00:00", "26 00:00:00"),
                (86_430, "26 00:00:00", "26 00:00:01"),
            ],
        ),
        # The night of 25 October has an hour twice, that of 29 March lacks one.
        (
            "Europe/Paris",
            "2026-10-25T00:30:00.5+00:00",
            7200,
            [(0, "25 02:30:00.500", "25 03:00:00"), (1799.5, "25 02:00:00", "25 03:30:00.500")],
        ),
        (
            "Europe/Paris",
            "2026-03-29T00:30:00+00:00",
            7200,
            [(0, "29 01:30:00", "29 02:00:00"), (1800, "29 03:00:00", "29 04:30:00")],
        ),
        # Elsewhere the clock changes at midnight: a day begins at one o'clock, or its last hour comes again.
        (
            "Asia/Beirut",
            "2022-03-26T21:30:00+00:00",
            3600,
            [(0, "26 23:30:00", "27 00:00:00"), (1800, "27 01:00:00", "27 01:30:00")],
        ),
        (
            "Asia/Beirut",
            "2022-10-29T20:30:00+00:00",
            7200,
            [
                (0, "29 23:30:00", "30 00:00:00"),
                (1800, "29 23:00:00", "30 00:00:00"),
                (5400, "30 00:00:00", "30 00:30:00"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            "2022-04-02T14:50:00+00:00",
            1200,
            [(0, "03 01:50:00", "03 02:00:00"), (600, "03 01:30:00", "03 01:40:00")],
        ),
    ],
)
def test_a_call_is_cut_where_the_day_ends_and_where_the_clock_is_changed(
    zone: str, answered: str, duration_s: int, stretches: list[tuple[float, str, str]]
) -> None:
    at = datetime.fromisoformat(answered)
    found = list(wall_stretches(at.astimezone(ZoneInfo(zone)), duration_s))
    assert [
        ((stretch.begins - at).total_seconds(), *shown(stretch.wall_begins, stretch.wall_ends)) for stretch in found
    ] == stretches


def shown(*walls: datetime) -> list[str]:
    """What the clock shows, with the day of the month."""
    return [
        wall.strftime("%d %H:%M:%S") + (f".{wall.microsecond // 1000}" if wall.microsecond else "") for wall in walls
    ]


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
