"""The oracle is judged by calls that a person can price on paper."""

import itertools
from fractions import Fraction
from random import Random

import pytest

from callgate.core.hold import Window
from callgate.core.tariff import Rate
from soak.truth import HOUR_MS, PARTS, RealCall, meter, most_up, most_within, owed, peaks

EURO = 1_000_000


def rate(connect: int, minute: int, first_s: int, next_s: int) -> Rate:
    return Rate(
        prefix="32",
        label="",
        connect_micros=connect,
        per_minute_micros=minute,
        first_increment_s=first_s,
        increment_s=next_s,
    )


def call(tariff: Rate, duration_ms: int, answer_ms: int = 0) -> RealCall:
    return RealCall(purses=("costly",), month="2027-01", rate=tariff, answer_ms=answer_ms, duration_ms=duration_ms)


@pytest.mark.parametrize(
    ("tariff", "duration_ms", "micros"),
    [
        (rate(0, 3 * EURO, 60, 60), 60_000, 3 * EURO),
        (rate(0, 3 * EURO, 60, 60), 60_050, 6 * EURO),
        (rate(0, 3 * EURO, 60, 60), 1, 3 * EURO),
        (rate(100_000, 600_000, 60, 1), 61_500, 100_000 + 620_000),
        (rate(3 * EURO, 0, 1, 1), 7_200_000, 3 * EURO),
        (rate(3 * EURO, EURO, 60, 60), 0, 3 * EURO),
        (rate(0, 1, 1, 1), 1_000, 1),
        (rate(0, 1, 1, 1), 60_000, 1),
        (rate(0, 1, 1, 1), 60_001, 2),
        (rate(0, 100, 30, 6), 37_000, 70),
    ],
)
def test_a_call_costs_what_the_operator_bills(tariff: Rate, duration_ms: int, micros: int) -> None:
    assert owed(call(tariff, duration_ms)) == micros


def test_an_increment_is_owed_when_it_begins_and_the_fee_at_the_answer() -> None:
    tariff = rate(5, 60, 60, 30)
    assert list(meter(call(tariff, 91_000, answer_ms=7))) == [
        (7, 5 * PARTS),
        (7, 60 * 60),
        (60_007, 60 * 30),
        (90_007, 60 * 30),
    ]


def test_two_calls_exactly_an_hour_apart_are_within_one_hour_and_a_millisecond_more_is_not() -> None:
    tariff = rate(0, 3 * EURO, 60, 60)
    limits = {("costly", Window.HOUR): 5 * EURO}
    together = peaks([call(tariff, 1), call(tariff, 1, answer_ms=HOUR_MS)], limits)
    apart = peaks([call(tariff, 1), call(tariff, 1, answer_ms=HOUR_MS + 1)], limits)
    assert [peak.over_micros for peak in together] == [EURO]
    assert [peak.over_micros for peak in apart] == [0]
    assert together[0].share == pytest.approx(1.2)


def test_a_month_counts_the_calls_that_began_in_it_and_a_total_all() -> None:
    tariff = rate(EURO, 0, 1, 1)
    calls = [
        RealCall(purses=("costly", "BE"), month=month, rate=tariff, answer_ms=index * 40 * HOUR_MS, duration_ms=1)
        for index, month in enumerate(["2027-01", "2027-01", "2027-02"])
    ]
    limits = {("costly", Window.MONTH): 1, ("BE", Window.TOTAL): 1, ("BE", Window.DAY): 1, ("CH", Window.WEEK): 1}
    found = {(peak.purse, peak.window): peak.most_micros for peak in peaks(calls, limits)}
    assert found == {
        ("costly", Window.MONTH): 2 * EURO,
        ("BE", Window.TOTAL): 3 * EURO,
        ("BE", Window.DAY): EURO,
        ("CH", Window.WEEK): 0,
    }


def test_the_sweep_finds_what_looking_at_every_interval_finds() -> None:
    chance = Random("sweep")
    for _ in range(200):
        charges = sorted((chance.randrange(100), chance.randrange(1, 50)) for _ in range(chance.randrange(30)))
        window_ms = chance.randrange(60)
        looked_at = [
            sum(parts for instant, parts in charges if begin <= instant <= begin + window_ms) for begin in range(100)
        ]
        assert most_within(charges, window_ms) == max(looked_at)


def test_the_price_of_any_call_is_the_sum_of_its_seconds_in_fractions() -> None:
    chance = Random("fractions")
    for _ in range(500):
        tariff = rate(chance.randrange(99), chance.randrange(10**6), chance.randrange(1, 90), chance.randrange(1, 90))
        duration_ms = chance.randrange(1, 400_000)
        steps_ms = itertools.repeat(tariff.increment_s * 1000)
        ends = itertools.accumulate(steps_ms, initial=tariff.first_increment_s * 1000)
        billed_ms = next(end for end in ends if end >= duration_ms)
        exact = tariff.connect_micros + Fraction(tariff.per_minute_micros * billed_ms, 60_000)
        assert owed(call(tariff, duration_ms)) == -(-exact.numerator // exact.denominator)


def test_a_call_that_begins_as_another_ends_is_not_up_beside_it() -> None:
    assert most_up([(0, 10), (10, 20), (5, 15)]) == 2
    assert most_up([]) == 0
