"""The price of a call by its billing increments, and the time that an amount pays for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.tariff import (
    CUT_MARGIN_S,
    Rate,
    TimedRate,
    affordable_seconds,
    bill,
    billed_seconds,
    dearest,
    price,
)


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


# A call that crosses a change of rate.

PEAK = rate(connect=100_000, minute=600_000, first=60, step=60)
OFF_PEAK = rate(connect=50_000, minute=60_000)
Timed = tuple[tuple[int, Rate | None], ...]
TIMED = st.lists(st.tuples(st.integers(1, 400), st.none() | RATES), max_size=4).flatmap(
    lambda later: RATES.map(lambda first: ((0, first), *sorted(dict(later).items())))
)


def timed(rates: Timed) -> tuple[TimedRate, ...]:
    return tuple(TimedRate(begins_s=begins_s, rate=found) for begins_s, found in rates)


@pytest.mark.parametrize(
    ("rates", "duration_s", "parts", "micros"),
    [
        (((0, PEAK),), 90, [(0, 120, 1_200_000)], 1_300_000),
        # The minute that began at the dear rate is paid in full; the seconds after it are cheap.
        (((0, PEAK), (90, OFF_PEAK)), 150, [(0, 120, 1_200_000), (120, 30, 30_000)], 1_330_000),
        (((0, PEAK), (120, OFF_PEAK)), 121, [(0, 120, 1_200_000), (120, 1, 1_000)], 1_301_000),
        (((0, PEAK), (121, OFF_PEAK)), 121, [(0, 180, 1_800_000)], 1_900_000),
        # The fee is that of the rate at the answer, and so is the first increment.
        (((0, OFF_PEAK), (10, PEAK)), 11, [(0, 10, 10_000), (10, 60, 600_000)], 660_000),
        (((0, OFF_PEAK), (10, PEAK)), 10, [(0, 10, 10_000)], 60_000),
        (((0, OFF_PEAK), (1, PEAK), (50, OFF_PEAK)), 61, [(0, 1, 1_000), (1, 60, 600_000)], 651_000),
        # A rate that comes and goes within one increment is never met.
        (((0, PEAK), (20, None), (40, OFF_PEAK)), 70, [(0, 60, 600_000), (60, 10, 10_000)], 710_000),
        (((0, PEAK), (90, OFF_PEAK)), 0, [], 100_000),
        # Rounded once: three thirds of a micro are one.
        (((0, rate(minute=20)), (1, rate(minute=20, step=2))), 3, [(0, 1, 1), (1, 2, 0)], 1),
    ],
)
def test_an_increment_is_billed_at_the_rate_in_force_when_it_begins(
    rates: Timed, duration_s: int, parts: list[tuple[int, int, int]], micros: int
) -> None:
    found = bill(timed(rates), duration_s)
    assert found is not None
    assert [(part.begins_s, part.billed_s, part.micros) for part in found.parts] == parts
    assert found.micros == micros


@pytest.mark.parametrize(
    ("rates", "duration_s"),
    [(((0, None),), 10), (((0, None),), 0), (((0, PEAK), (60, None)), 61), (((0, None), (60, PEAK)), 61)],
)
def test_nobody_knows_the_price_of_a_call_of_which_a_part_has_no_rate(rates: Timed, duration_s: int) -> None:
    assert bill(timed(rates), duration_s) is None


def test_the_time_before_the_gap_has_its_price() -> None:
    found = bill(timed(((0, PEAK), (60, None))), 60)
    assert found is not None
    assert found.micros == 700_000


@given(RATES, st.integers(0, 7200))
def test_a_call_under_one_rate_has_the_price_of_that_rate(tariff: Rate, duration_s: int) -> None:
    found = bill(timed(((0, tariff),)), duration_s)
    assert found is not None
    assert found.micros == price(tariff, duration_s)


@given(TIMED, st.integers(0, 900))
def test_a_hold_is_never_below_the_price_whatever_rates_the_call_meets(rates: Timed, duration_s: int) -> None:
    found = bill(timed(rates), duration_s)
    if found is not None:
        held = dearest([met for _, met in rates if met is not None])
        assert price(held, duration_s) >= found.micros


def test_one_rate_is_held_as_it_is() -> None:
    assert dearest([PEAK]) is PEAK
    assert dearest([PEAK, PEAK]) is PEAK


def test_rates_of_the_same_increments_are_held_at_the_worst_of_each_figure() -> None:
    cheap_fee, cheap_time = (
        rate(connect=1, minute=600, first=30, step=6),
        rate(connect=900, minute=60, first=30, step=6),
    )
    assert dearest([cheap_fee, cheap_time]) == rate(connect=900, minute=600, first=30, step=6)


def test_rates_of_different_increments_are_held_with_the_longest_that_may_be_billed_beyond_the_end() -> None:
    held = dearest([PEAK, OFF_PEAK])
    assert held == rate(connect=100_000 + 590_000, minute=600_000, first=60, step=1)
    # The worst way through them: cheap for a minute, and a second before the end the dear minute begins.
    worst = bill(timed(((0, rate(minute=600_000)), (59, PEAK))), 60)
    assert worst is not None
    assert worst.micros == price(held, 60) - 100_000


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
