"""What the dialplan lets go by itself while no gate answers is ordinary in every home country, lifelines included."""

import random
import re
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from callgate.clinic import load_plan, plan_countries
from callgate.core.deck import parse_deck
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
            if found.number_class is NumberClass.INVALID or found.must_reach:
                continue
            assert (found.region, found.number_class in ORDINARY_CLASSES) == (country, True), (dialled, found)
            ordinary += 1
            if pattern.strip is not None:
                assert found.number == f"+{plan.dial_code}{dialled[pattern.strip :]}"
    assert ordinary


@pytest.mark.parametrize("country", ["AU", "DE", "FR", "GB", "IT"])
def test_no_number_fits_two_patterns(country: str) -> None:
    wide = [pattern for pattern in patterns_of(country) if re.search(r"[X[]", pattern.pattern)]
    laid_out = [(pattern.pattern, len(places(pattern)), places(pattern)) for pattern in wide]
    for (one, length, mine), (other, other_length, theirs) in combinations(laid_out, 2):
        assert length != other_length or not meet(mine, theirs), (one, other)


@pytest.mark.parametrize("country", plan_countries())
def test_every_lifeline_goes_while_no_gate_answers(country: str) -> None:
    for number in load_plan(country).must_reach_numbers:
        assert any(fits(pattern, number) for pattern in patterns_of(country)), number
