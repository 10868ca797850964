"""What one range leaves of another is exactly the numbers of the one that are not in the other, each once."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.ranges import counts_downwards, meet, pattern_of, places_of, regex_of, without

PLACE = st.sampled_from(["0", "1", "2", "[01]", "[0-2]", "[12]", "X"])
PATTERN = st.lists(PLACE, min_size=1, max_size=3).map("".join)
NUMBERS = ["".join(digits) for digits in product("0123", repeat=3)]


def covered(pattern: str) -> set[str]:
    return {number for number in NUMBERS if re.match(regex_of(pattern), number)}


@pytest.mark.parametrize("pattern", ["01XXXXXXXX", "2[0-57-9]X5", "[12]", "7", "[0-8]"])
def test_a_pattern_is_written_as_it_was_read(pattern: str) -> None:
    places = places_of(pattern)
    assert pattern_of(places, len(places)) == pattern


def test_a_pattern_is_filled_up_to_its_length() -> None:
    assert pattern_of(places_of("01"), 4) == "01XX"


@pytest.mark.parametrize(
    ("pattern", "downwards"), [("[4-0]X", True), ("[0-4]X", False), ("12[3-5][9-1]", True), ("12", False)]
)
def test_a_set_whose_larger_digit_stands_first_is_seen(pattern: str, *, downwards: bool) -> None:
    assert counts_downwards(pattern) is downwards


@given(one=PATTERN, other=PATTERN)
def test_what_is_left_of_a_range_is_what_the_other_does_not_cover(one: str, other: str) -> None:
    left = [covered(pattern_of(piece, len(piece))) for piece in without(places_of(one), places_of(other))]
    assert set().union(*left) == covered(one) - covered(other)
    assert sum(map(len, left)) == len(set().union(*left))


@given(one=PATTERN, other=PATTERN)
def test_two_ranges_meet_where_a_number_fits_both(one: str, other: str) -> None:
    assert meet(places_of(one), places_of(other)) == bool(covered(one) & covered(other))
