"""What the dialplan lets go by itself while no gate answers is ordinary in every home country, lifelines included."""

import random
import re
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from callgate.clinic import load_plan, plan_countries
from callgate.core.deck import COLUMNS_WITH_HOURS, parse_deck
from callgate.core.dialling import read_dialled
from callgate.core.plan import ORDINARY_CLASSES, NumberClass
from callgate.core.ranges import meet, places_of
from callgate.install.ordinary import OrdinaryPattern, ordinary_patterns

ROOT = Path(__file__).parent.parent.parent
NO_RATES = (ROOT / "policies" / "rates" / "none.csv").read_text(encoding="utf-8")
TODAY = date(2026, 11, 22)
SAMPLES = 4
SEED = 20261122


@cache
def patterns_of(country: str) -> list[OrdinaryPattern]:
    plan = load_plan(country)
    return ordinary_patterns(plan, parse_deck(NO_RATES, plan.currency), TODAY)


def fits(pattern: OrdinaryPattern, dialled: str) -> bool:
    return len(dialled) == len(places(pattern)) and all(
        sign in place for sign, place in zip(dialled, places(pattern), strict=False)
    )


def places(pattern: OrdinaryPattern) -> tuple[frozenset[str], ...]:
    plus = (frozenset("+"),) if pattern.pattern.startswith("+") else ()
    return plus + places_of(pattern.pattern.removeprefix("+"))


@pytest.mark.parametrize("country", plan_countries())
def test_no_number_that_costs_more_fits_an_ordinary_pattern(country: str) -> None:
    plan, draw = load_plan(country), random.Random(f"{SEED} {country}")
    ordinary = 0
    for pattern in patterns_of(country):
        for _ in range(SAMPLES):
            dialled = "".join(draw.choice(sorted(place)) for place in places(pattern))
            found = read_dialled(dialled, plan=plan, outside_prefix="")
            if pattern.number:
                assert (found.number, found.must_reach) == (pattern.number, True)
            if found.number_class is NumberClass.INVALID or found.must_reach:
                continue
            assert (found.region, found.number_class in ORDINARY_CLASSES) == (country, True), (dialled, found)
            ordinary += 1
            sent = dialled[pattern.strip :]
            assert found.number == (sent if pattern.trunk is None else f"+{plan.dial_code}{sent}")
    assert ordinary


@pytest.mark.parametrize("country", ["AU", "DE", "FR", "GB", "IT"])
def test_no_number_fits_two_patterns(country: str) -> None:
    wide = [pattern for pattern in patterns_of(country) if re.search(r"[X[]", pattern.pattern)]
    laid_out = [(pattern.pattern, len(places(pattern)), places(pattern)) for pattern in wide]
    for (one, length, mine), (other, other_length, theirs) in combinations(laid_out, 2):
        assert length != other_length or not meet(mine, theirs), (one, other)


def minutes(*rows: str) -> dict[str, int]:
    """The minute of each French pattern under a deck of rows such as ``+33 0 0.02 1 1`` with what follows them."""
    lines = [",".join((prefix, "a rate", *figures, "EUR", "0", *more)) for prefix, *figures, more in map(split, rows)]
    deck = parse_deck("\n".join((",".join(COLUMNS_WITH_HOURS), *lines)), "EUR")
    return {found.pattern: found.minute_micros for found in ordinary_patterns(load_plan("FR"), deck, TODAY)}


def split(row: str) -> tuple[str, str, str, str, str, tuple[str, str, str]]:
    prefix, connect, minute, first, following, *more = row.split(maxsplit=5)
    first_day, last_day, hours = (*(more[0].split("|") if more else ()), "", "", "")[:3]
    return prefix, connect, minute, first, following, (first_day, last_day, hours)


@pytest.mark.parametrize(
    ("rows", "minute_micros"),
    [
        ((), 150_000),
        (("+33 0 0.02 1 1",), 20_000),
        (("+331 0 0.02 1 1",), 20_000),
        # A deck that prices a part of the range leaves the rest at what a minute without a rate is held at.
        (("+33155 0 0 1 1",), 150_000),
        (("+33 0 0.02 1 1", "+33155 0 0.05 1 1"), 50_000),
        (tuple(f"+331{digit} 0 0.0{digit} 1 1" for digit in range(10)), 90_000),
        # What a longer prefix no longer prices has no rate, whatever the shorter one says.
        (("+33 0 0.01 1 1", "+331 0 0.01 1 1 |2026-01-31|"), 150_000),
        # A dialplan stays as it was written: rates to come count, and times that no row names.
        (("+33 0 0.02 1 1 |2026-12-31|", "+33 0 0.05 1 1 2027-01-01||"), 150_000),
        (("+33 0 0.02 1 1", "+331 0 0.05 60 60 ||mon-fri 08:00-19:00"), 150_000),
        (("+33 0 0.10 60 60 ||mon-fri 08:00-19:00", "+33 0 0.05 1 1"), 100_000),
        (("+33 0 0.16 1 1",), None),
        (("+33 0 0.02 1 1", "+33155 0 0.16 1 1"), None),
    ],
)
def test_a_pattern_is_priced_at_its_dearest_number_and_dropped_where_one_is_not_ordinary(
    rows: tuple[str, ...], minute_micros: int | None
) -> None:
    assert minutes(*rows).get("01XXXXXXXX") == minute_micros


def test_without_a_rate_in_the_clinics_currency_only_lifelines_go() -> None:
    plan = load_plan("FR")
    found = ordinary_patterns(plan, parse_deck(NO_RATES, "CHF"), TODAY)
    assert {read_dialled(pattern.pattern, plan=plan, outside_prefix="").must_reach for pattern in found} == {True}


@pytest.mark.parametrize("country", plan_countries())
def test_every_lifeline_goes_while_no_gate_answers(country: str) -> None:
    for number in load_plan(country).must_reach_numbers:
        assert any(fits(pattern, number) for pattern in patterns_of(country)), number
