"""The price of a call by its billing increments, and the time that an amount pays for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.tariff import CUT_MARGIN_S, Rate, affordable_seconds, billed_seconds, price


def rate(connect: int = 0, minute: int = 0, first: int = 1, step: int = 1) -> Rate:
    return Rate(
        prefix="33899",
        label="a rate",
        connect_micros=connect,
        per_minute_micros=minute,
        first_increment_s=first,
        increment_s=step,
    )


RATES = st.builds(rate, st.integers(0, 10**8), st.integers(0, 10**8), st.integers(1, 240), st.integers(1, 120))


@pytest.mark.parametrize(
    ("first", "step", "duration_s", "billed_s"),
    [
        (1, 1, 0, 0),
        (1, 1, -3, 0),
        (1, 1, 1, 1),
        (1, 1, 61, 61),
        (60, 60, 0, 0),
        (60, 60, 1, 60),
        (60, 60, 60, 60),
        (60, 60, 61, 120),
        (30, 6, 1, 30),
        (30, 6, 30, 30),
        (30, 6, 31, 36),
        (30, 6, 36, 36),
        (1, 60, 2, 61),
    ],
)
def test_a_call_is_billed_by_whole_increments(first: int, step: int, duration_s: int, billed_s: int) -> None:
    assert billed_seconds(rate(first=first, step=step), duration_s) == billed_s


@pytest.mark.parametrize(
    ("tariff", "duration_s", "micros"),
    [
        (rate(minute=20_000), 60, 20_000),
        (rate(minute=20_000), 90, 30_000),
        (rate(minute=20_000), 1, 334),
        (rate(minute=300_000, first=60, step=60), 61, 600_000),
        (rate(connect=3_000_000), 0, 3_000_000),
        (rate(connect=3_000_000), 3600, 3_000_000),
        (rate(connect=3_000_000, minute=820_000, first=60, step=60), 61, 4_640_000),
        (rate(), 7200, 0),
    ],
)
def test_a_call_costs_its_connect_fee_and_its_time(tariff: Rate, duration_s: int, micros: int) -> None:
    assert price(tariff, duration_s) == micros


@pytest.mark.parametrize(
    ("tariff", "amount_micros", "longest_s", "seconds"),
    [
        (rate(), 0, 1800, 1800),
        (rate(connect=3_000_000), 2_999_999, 1800, 0),
        (rate(connect=3_000_000), 3_000_000, 1800, 1800),
        (rate(minute=600_000), 5_000_000, 1800, 498),
        (rate(minute=600_000), 20_000, 1800, 0),
        (rate(minute=600_000), 29_999, 1800, 0),
        (rate(minute=600_000), 30_000, 1800, 1),
        (rate(minute=300_000, first=60, step=60), 299_999, 1800, 0),
        (rate(minute=300_000, first=60, step=60), 300_000, 1800, 58),
        (rate(minute=300_000, first=60, step=60), 5_000_000, 1800, 958),
        (rate(minute=300_000, first=60, step=60), 5_000_000, 58, 58),
        (rate(minute=300_000, first=240, step=60), 1_199_999, 60, 0),
    ],
)
def test_an_amount_pays_for_whole_increments_less_the_cut_margin(
    tariff: Rate, amount_micros: int, longest_s: int, seconds: int
) -> None:
    assert affordable_seconds(tariff, amount_micros, longest_s) == seconds


@given(RATES, st.integers(0, 7200))
def test_a_longer_call_is_never_cheaper(tariff: Rate, duration_s: int) -> None:
    assert price(tariff, duration_s) <= price(tariff, duration_s + 1)


@given(RATES, st.integers(0, 10**10), st.integers(1, 7200))
def test_the_paid_time_is_within_the_amount_and_one_second_more_is_not(
    tariff: Rate, amount_micros: int, longest_s: int
) -> None:
    seconds = affordable_seconds(tariff, amount_micros, longest_s)
    assert 0 <= seconds <= longest_s
    if seconds:
        assert price(tariff, seconds + CUT_MARGIN_S) <= amount_micros
    if seconds < longest_s:
        assert price(tariff, seconds + CUT_MARGIN_S + 1) > amount_micros


@given(RATES, st.integers(0, 10**10), st.integers(1, 7200))
def test_a_call_that_money_ends_is_cut_within_its_last_paid_increment(
    tariff: Rate, amount_micros: int, longest_s: int
) -> None:
    """A cut takes up to two seconds: on the bound of an increment it doubled the bill (facts/semantics.md 5)."""
    seconds = affordable_seconds(tariff, amount_micros, longest_s)
    if 0 < seconds < longest_s:
        assert billed_seconds(tariff, seconds + CUT_MARGIN_S) == seconds + CUT_MARGIN_S


def test_ten_calls_of_three_euros_a_minute_cost_no_more_than_thirty() -> None:
    """Cut at 60.05 s they were booked at EUR 60 (facts/semantics.md 5)."""
    tariff = rate(minute=3_000_000, first=60, step=60)
    seconds = affordable_seconds(tariff, 3_000_000, 1800)
    assert seconds == 58
    assert 10 * price(tariff, seconds + 1) == 30_000_000


@given(RATES, st.integers(0, 10**10), st.integers(0, 10**8), st.integers(1, 7200))
def test_more_money_never_buys_less_time(tariff: Rate, amount_micros: int, more_micros: int, longest_s: int) -> None:
    shorter = affordable_seconds(tariff, amount_micros, longest_s)
    assert shorter <= affordable_seconds(tariff, amount_micros + more_micros, longest_s)
