"""What ordinary calls may cost where no ceiling binds: their rates, and what a line costs in time."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.deck import COLUMNS, RateDeck, parse_deck
from callgate.core.ordinary_calls import START_GAP_S, home_rates, lifeline_rates, line_cost, ordinary_calls
from callgate.core.plan import NumberClass, ServiceNumber, parse_plan
from callgate.core.policy_tables import Bundle
from callgate.core.tariff import Rate, price
from core.samples import DECK, PLAN, POLICIES, a_rate, clinic_rules, deck_of

FREE, FIXED, MOBILE, UNKNOWN = (0, 0), (0, 20_000), (0, 60_000), (0, 150_000)


def figures(rates: tuple[Rate, ...]) -> set[tuple[int, int]]:
    return {(rate.connect_micros, rate.per_minute_micros) for rate in rates}


def deck_with(row: str) -> RateDeck:
    return parse_deck(f"{','.join((*COLUMNS, 'hours'))}\n{row}", "EUR")


NOTHING, ALL_HOME = deck_of("+32 0 0.30 1 1"), "+33 0 0.02 1 1"
CAPPED = UNKNOWN
"""0806 to 0809 cost as much by the plan, unless a row is about them."""


@pytest.mark.parametrize(
    ("deck", "expected"),
    [
        (DECK, {FREE, FIXED, MOBILE}),
        (deck_of(ALL_HOME, "+338 0 0.02 1 1"), {FIXED, CAPPED}),
        (deck_of(ALL_HOME, "+3380 0 0.02 1 1"), {FIXED}),
        (deck_of("+3 0 0.02 1 1"), {FIXED, CAPPED}),
        (deck_of(ALL_HOME, "+336 0 0.06 1 1"), {FIXED, MOBILE, CAPPED}),
        (deck_of(ALL_HOME, "+336 0.20 0.06 1 1"), {FIXED, CAPPED}),
        (deck_of("+336 0 0.06 1 1"), {MOBILE, UNKNOWN}),
        (NOTHING, {UNKNOWN}),
    ],
)
def test_the_rates_of_home_lines_are_those_that_count_as_ordinary(
    deck: RateDeck, expected: set[tuple[int, int]]
) -> None:
    """A dear row makes its numbers costly; what the deck does not name is held at the plan's cap."""
    assert figures(home_rates(PLAN, deck, Bundle())) == expected


def test_what_the_flat_rate_includes_costs_nothing() -> None:
    included = (NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE)
    """What is left are freephone numbers: 3977 alone has a rate in the shipped deck."""
    assert figures(home_rates(PLAN, DECK, Bundle(included=included))) == {FREE, FIXED}
    assert home_rates(PLAN, DECK, Bundle(included=(*included, NumberClass.FREEPHONE))) == ()


def test_a_rate_of_some_hours_alone_leaves_others_at_the_cap() -> None:
    rates = home_rates(PLAN, deck_with("+33,a rate,0,0.02,60,60,EUR,0,,,mon-fri 08:00-19:00"), Bundle())
    assert {rate.per_minute_micros for rate in rates} == {150_000}


def test_must_reach_numbers_have_their_rate_however_dear() -> None:
    assert figures(lifeline_rates(PLAN, DECK)) == {FREE, FIXED}
    assert figures(lifeline_rates(PLAN, deck_of(ALL_HOME, "+33140054848 1 2 1 1"))) == {FIXED, (1_000_000, 2_000_000)}
    assert figures(lifeline_rates(PLAN, NOTHING)) == {UNKNOWN}


@pytest.mark.parametrize(
    ("deck", "expected"),
    [
        (deck_of(ALL_HOME, "short:39 0 0.50 60 60"), {FIXED}),
        (deck_of(ALL_HOME, "short:3919 0 0.10 60 60"), {FIXED, (0, 100_000)}),
    ],
)
def test_a_row_about_other_numbers_does_not_price_a_lifeline(deck: RateDeck, expected: set[tuple[int, int]]) -> None:
    """3919 is free of charge by the plan; a row for all of 39 says nothing about it."""
    assert figures(lifeline_rates(PLAN, deck)) == expected


SWISS = parse_plan((POLICIES / "plans" / "CH.toml").read_text(encoding="utf-8"))


def test_of_a_dear_lifeline_the_dearer_of_row_and_cap_counts() -> None:
    """140, roadside assistance, may cost 2.00 a call and 2.00 a minute; the row is about all that begins with 1."""
    header = ",".join(COLUMNS)
    deck = parse_deck(f"{header}\nshort:1,a rate,0,3,60,60,CHF,0,,\n+41,a rate,0,0.05,1,1,CHF,0,,", "CHF")
    assert (2_000_000, 3_000_000) in figures(lifeline_rates(SWISS, deck))


def test_a_line_talking_costs_its_minutes() -> None:
    line = line_cost([a_rate(per_minute_micros=60_000)])
    assert line.per_s * 60 == 60_000
    assert line.micros(3600) == 61 * 60_000 + 1000


def test_a_line_without_rates_costs_nothing() -> None:
    assert line_cost([]).micros(3600) == 0


def test_a_call_that_just_begins_its_second_minute_is_the_dearest_a_second() -> None:
    line = line_cost([a_rate(per_minute_micros=60_000, first_increment_s=60, increment_s=60)])
    assert line.per_s == Fraction(120_000, 61)


RATES = st.builds(
    a_rate,
    connect_micros=st.sampled_from((0, 50_000, 3_000_000)),
    per_minute_micros=st.sampled_from((0, 20_000, 150_000, 2_000_000)),
    first_increment_s=st.sampled_from((1, 6, 30, 60, 180)),
    increment_s=st.sampled_from((1, 6, 30, 60, 180)),
)


@given(rate=RATES, talks=st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_calls_one_after_another_never_cost_more_than_a_line_may(rate: Rate, talks: list[int]) -> None:
    """Each begins a minute after the one before at the earliest, and when that has ended."""
    seconds = sum(max(talk_s, START_GAP_S) for talk_s in talks[:-1]) + talks[-1]
    assert sum(price(rate, talk_s) for talk_s in talks) <= line_cost([rate]).micros(seconds)


@given(rate=RATES, before_s=st.integers(0, 1000), within_s=st.integers(1, 1000))
def test_a_call_that_was_up_before_costs_no_more_than_a_line_may(rate: Rate, before_s: int, within_s: int) -> None:
    paid = price(rate, before_s + within_s) - price(rate, max(1, before_s))
    assert paid <= line_cost([rate]).micros(within_s)


HELPLINE_MINUTE = Fraction(60 * 20_334, 61)
"""61 s at 0.02 a minute, rounded up to the micro, and by the second."""


@pytest.mark.parametrize(
    ("line", "listed_per_minute"),
    [
        ("", HELPLINE_MINUTE),
        ('numbers.always_allow = ["+33612345678"]', 60_000),
        ('numbers.always_allow = ["3646"]', 60_000),
        ('numbers.always_allow = ["+3225551212"]', HELPLINE_MINUTE),
        ('[[numbers.exception]]\nnumber = "+33612345678"\nuntil = 2030-01-01T00:00:00Z', 60_000),
    ],
)
def test_a_listed_home_number_may_be_any_home_line(line: str, listed_per_minute: Fraction) -> None:
    calls = ordinary_calls(clinic_rules(line), PLAN, DECK)
    assert calls.listed_line.per_s * 60 == listed_per_minute
    assert calls.home_line.per_s * 60 == 60_000


@pytest.mark.parametrize(
    ("line", "call_micros", "bound_call_micros"),
    [
        ("", 7_202_000, 7_202_000),
        ("limits.max_duration_s.ordinary = 600", 602_000, 602_000),
        ('ceilings.national.per_call = "1.00"', 7_202_000, 1_000_000),
        ('ceilings.national.per_call = "9.00"', 7_202_000, 7_202_000),
        ('bundle.included = ["national_fixed", "national_mobile"]', 2_400_667, 2_400_667),
        ('bundle.included = ["national_fixed", "national_mobile", "freephone"]', 2_400_667, 0),
    ],
)
def test_the_dearest_ordinary_call_lasts_longest_at_the_dearest_rate(
    line: str, call_micros: int, bound_call_micros: int
) -> None:
    """Two hours and the cut margin to a mobile; what is in the bundle is free, and 3977 is not."""
    calls = ordinary_calls(clinic_rules(line), PLAN, DECK)
    assert (calls.call_micros, calls.bound_call_micros) == (call_micros, bound_call_micros)


@pytest.mark.parametrize(
    ("lines", "goes"),
    [
        ((), True),
        (('hours.outside = "as_open"',), True),
        (('hours.outside = "emergency"',), False),
        (('hours.outside = "emergency"', '[[countries.rule]]\ncountry = "FR"\nhours = "always"'), True),
        (('hours.outside = "emergency"', '[[countries.rule]]\ncountry = "FR"'), False),
        (('hours.outside = "emergency"', '[[countries.rule]]\ncountry = "RE"\nhours = "always"'), False),
    ],
)
def test_ordinary_calls_begin_in_a_closed_clinic_unless_the_policy_leaves_emergencies_alone(
    lines: tuple[str, ...], *, goes: bool
) -> None:
    assert ordinary_calls(clinic_rules(*lines), PLAN, DECK).go_when_closed is goes


def test_a_practice_number_of_an_ordinary_class_begins_in_any_closed_clinic() -> None:
    cardiologist = ServiceNumber(number="+33142685300", service="a hospital", source="arcep")
    plan = msgspec.structs.replace(PLAN, practice_numbers=(cardiologist,))
    assert ordinary_calls(clinic_rules('hours.outside = "emergency"'), plan, DECK).go_when_closed
