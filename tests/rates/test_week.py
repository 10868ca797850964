"""Hours of a rate, as one reads them and as the deck has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rate_hours import MINUTES_PER_WEEK, parse_rate_hours
from callgate.rates.findings import Problem, UnusableError
from callgate.rates.week import WHOLE_WEEK, read_hours, span_mask, write_hours

DAY = 1440


@pytest.mark.parametrize(
    ("words", "canonical"),
    [
        ("mon-fri 08:00-19:00", "mon-fri 08:00-19:00"),
        ("mon-fri 08:00-19:00; sat 08:00-12:30", "mon-fri 08:00-19:00; sat 08:00-12:30"),
        ("lun-ven 8h-19h", "mon-fri 08:00-19:00"),
        ("Lun-Ven 8h30-12h 14h-19h; sam 08:00-12:30", "mon-fri 08:30-12:00 14:00-19:00; sat 08:00-12:30"),
        ("fri 22:00-06:00", "fri 22:00-24:00; sat 00:00-06:00"),
        ("sun 22:00-06:00", "mon 00:00-06:00; sun 22:00-24:00"),
        ("mon 00:00-24:00; wed 00:00-24:00", "mon 00:00-24:00; wed 00:00-24:00"),
    ],
)
def test_hours_are_read_in_french_and_english_and_written_as_the_deck_has_them(words: str, canonical: str) -> None:
    assert write_hours(read_hours(words)) == canonical


@pytest.mark.parametrize("words", ["", "toujours", "mon-fri", "mon 25:00-26:00", "mon 8h-8h", "lun 8h-12h; lun 9h-10h"])
def test_what_are_no_hours_is_refused(words: str) -> None:
    with pytest.raises(UnusableError) as caught:
        read_hours(words)
    assert caught.value.kind is Problem.BAD_HOURS


def test_the_whole_week_is_every_minute_of_it() -> None:
    assert read_hours("mon-sun 00:00-24:00") == WHOLE_WEEK == span_mask(0, MINUTES_PER_WEEK)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, DAY - 1), st.integers(1, 300)), min_size=1, max_size=4))
def test_hours_that_are_written_are_read_back_the_same(spans: list[tuple[int, int, int]]) -> None:
    mask = 0
    for day, first, long in spans:
        mask |= span_mask(day * DAY + first, min(day * DAY + first + long, MINUTES_PER_WEEK))
    written = write_hours(mask)
    assert read_hours(written) == mask
    assert parse_rate_hours(written).text == written
