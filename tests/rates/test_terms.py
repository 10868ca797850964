"""Every way of billing time, against the operator's own arithmetic: never cheaper, the same where it can be said."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.rates.terms import (
    Increments,
    Terms,
    per_minute_of,
    with_included_seconds,
    with_initial_cost,
    with_minimum,
)

amounts = st.integers(0, 300).map(lambda cents: Fraction(cents, 100))
steps = st.sampled_from([1, 6, 10, 30, 60])


def up(seconds: int, step: int) -> int:
    return -(-seconds // step) * step


def price(terms: Terms, seconds: int) -> Fraction:
    """What the deck makes of the terms."""
    beyond = up(max(0, seconds - terms.increments.first_s), terms.increments.next_s)
    return terms.connect + terms.per_minute * (terms.increments.first_s + beyond) / 60


@given(amounts, st.sampled_from([0, 30, 60, 120]), amounts, steps)
def test_an_initial_cost_is_never_put_cheaper(cost: Fraction, initial_s: int, per_minute: Fraction, step: int) -> None:
    terms = with_initial_cost(cost, initial_s, per_minute=per_minute, next_s=step)
    for seconds in range(1, 300, 7):
        theirs = cost + per_minute * up(max(0, seconds - initial_s), step) / 60
        assert price(terms, seconds) == theirs if terms.is_exact else price(terms, seconds) >= theirs


@given(amounts, amounts, st.sampled_from([0, 10, 30]), st.tuples(steps, steps))
def test_included_seconds_are_never_put_cheaper(
    connect: Fraction, per_minute: Fraction, included_s: int, increments: tuple[int, int]
) -> None:
    first, step = increments
    plain = Terms(connect=connect, per_minute=per_minute, increments=Increments(first_s=first, next_s=step))
    terms = with_included_seconds(plain, included_s)
    for seconds in range(1, 300, 7):
        beyond = max(0, seconds - included_s)
        charged = first + up(max(0, beyond - first), step) if beyond else 0
        theirs = connect + per_minute * (charged if included_s else max(charged, first)) / 60
        assert price(terms, seconds) >= theirs
        if terms.is_exact and first == step:
            assert price(terms, seconds) == theirs


@given(amounts, amounts, st.sampled_from([0, 1, 10, 30, 60]), steps)
def test_a_minimum_of_a2billing_is_never_put_cheaper(
    connect: Fraction, per_minute: Fraction, minimum_s: int, step: int
) -> None:
    increments = Increments(first_s=step, next_s=step)
    terms = with_minimum(Terms(connect=connect, per_minute=per_minute, increments=increments), minimum_s)
    for seconds in range(1, 300, 7):
        billed = minimum_s if seconds <= minimum_s else up(seconds, step)
        theirs = connect + per_minute * billed / 60
        assert price(terms, seconds) == theirs if terms.is_exact else price(terms, seconds) >= theirs


@pytest.mark.parametrize(("amount", "unit_s", "per_minute"), [("0.01", 1, "0.6"), ("0.5", 30, "1"), ("0.3", 60, "0.3")])
def test_a_price_for_a_unit_is_put_as_that_of_a_minute(amount: str, unit_s: int, per_minute: str) -> None:
    assert per_minute_of(Fraction(amount), unit_s) == Fraction(per_minute)
