"""The plan files as the second oracle takes them, and a third opinion on what they hold for cheap."""

from random import Random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from fuzz.automaton import Automaton
from fuzz.foreign import ForeignNumbers
from fuzz.grammar import abroad, digits_of
from fuzz.plan_files import PlanFile, Range, places_of, read_plan_files

PLAN_FILES = read_plan_files()
SAMPLES = 200
ORDINARY = frozenset({"national_fixed", "national_mobile", "freephone"})
DEAR = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
    }
)
CHEAP_ALL_THE_SAME = {"+3270245245"}
"""The Belgian poison centre answers free of charge on a premium number."""


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("0113", ("0", "1", "1", "3")),
        ("02[0-57-9]", ("0", "2", "012345789")),
        ("16XX", ("1", "6", "0123456789", "0123456789")),
        ("[24-9]", ("2456789",)),
        ("1[89]X", ("1", "89", "0123456789")),
    ],
)
def test_a_pattern_says_what_each_place_may_hold(pattern: str, places: tuple[str, ...]) -> None:
    assert places_of(pattern) == places


def test_there_is_a_plan_for_every_home_country_of_the_published_rows() -> None:
    assert set(PLAN_FILES) >= {"FR", "BE", "CH", "LU", "MC", "DE", "ES", "IT", "GB", "US", "CA", "AU", "PT"}


@pytest.mark.parametrize("plan", PLAN_FILES.values(), ids=PLAN_FILES)
def test_nothing_that_a_plan_holds_for_cheap_is_dear_or_elsewhere_by_libphonenumber(plan: PlanFile) -> None:
    automaton = Automaton(plan, ForeignNumbers([plan]))
    cheap = {
        number
        for found in plan.ranges
        if found.trunk is not None and found.region == plan.country
        for number in _drawn(found, plan)
        if any(answer.number_class in ORDINARY for answer in automaton.truth(number, "").answers)
    }
    assert {number for number in cheap if _is_doubted(number, plan.country)} <= CHEAP_ALL_THE_SAME
    assert cheap


def _drawn(found: Range, plan: PlanFile) -> list[str]:
    rng = Random("".join(found.places))
    return [f"+{abroad(digits_of(rng, found), found, plan)}" for _ in range(SAMPLES)]


def _is_doubted(number: str, home: str) -> bool:
    """Whether libphonenumber knows the number as a dear one, or as another country's."""
    parsed = phonenumbers.parse(number)
    kind, region = phonenumbers.number_type(parsed), phonenumbers.region_code_for_number(parsed)
    if kind in {PhoneNumberType.UNKNOWN, PhoneNumberType.TOLL_FREE}:
        return False
    return kind in DEAR or region != home
