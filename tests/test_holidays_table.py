"""Public holidays as dates: France, Alsace-Moselle, other countries, and codes nobody knows."""

from datetime import date

import pytest

from callgate.holidays_table import HolidayError, holiday_dates

FRANCE_2026 = {
    date(2026, 1, 1),
    date(2026, 4, 6),
    date(2026, 5, 1),
    date(2026, 5, 8),
    date(2026, 5, 14),
    date(2026, 5, 25),
    date(2026, 7, 14),
    date(2026, 8, 15),
    date(2026, 11, 1),
    date(2026, 11, 11),
    date(2026, 12, 25),
}
GOOD_FRIDAY_AND_SAINT_STEPHEN = {date(2026, 4, 3), date(2026, 12, 26)}


@pytest.mark.parametrize(
    ("code", "dates"),
    [
        ("FR", FRANCE_2026),
        ("FR-57", FRANCE_2026 | GOOD_FRIDAY_AND_SAINT_STEPHEN),
        ("FR-6AE", FRANCE_2026 | GOOD_FRIDAY_AND_SAINT_STEPHEN),
        ("none", set()),
    ],
)
def test_a_clinic_knows_the_public_holidays_of_its_part_of_france(code: str, dates: set[date]) -> None:
    assert holiday_dates(code, (2026,)) == dates


def test_holidays_reach_over_new_year() -> None:
    assert {date(2026, 12, 25), date(2027, 1, 1)} <= holiday_dates("FR", range(2026, 2028))


def test_other_countries_are_known() -> None:
    assert date(2026, 7, 21) in holiday_dates("BE", (2026,))


@pytest.mark.parametrize("code", ["XX", "FR-99", "", "fr"])
def test_a_code_nobody_knows_is_told_with_a_remedy(code: str) -> None:
    with pytest.raises(HolidayError, match=r"Remedy: write") as caught:
        holiday_dates(code, (2026,))
    assert caught.value.code == code
