"""The local allowance: so many ordinary calls in a span, and so much money in an hour, while the ledger is silent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.allowance import LENT_SECONDS, AllowanceUse, Lent, draw
from callgate.core.policy_tables import Allowance
from callgate.core.policy_values import Count, Micros, Span
from callgate.core.tariff import Rate, price
from core.samples import CENT, EURO, FACTORY, a_rate

NOON = 1_795_521_600
FREE, FIXED = a_rate(), a_rate(per_minute_micros=2 * CENT)
UNKNOWN = a_rate(per_minute_micros=15 * CENT, first_increment_s=60, increment_s=60)
FACTORY_ALLOWANCE = FACTORY.when_the_ledger_is_down.ordinary


def drawn(allowance: Allowance, rate: Rate, *instants: int) -> AllowanceUse | None:
    """Take a call at each instant; None if any of them but the last was not lent, or the last was not."""
    use: AllowanceUse | None = AllowanceUse()
    for now_s in instants:
        assert use is not None
        use = draw(use, allowance, rate, now_s)
    return use


def test_a_call_takes_one_place_and_the_price_of_a_quarter_of_an_hour() -> None:
    assert LENT_SECONDS == 900
    assert drawn(FACTORY_ALLOWANCE, FIXED, NOON + 61) == AllowanceUse(
        span_s=NOON + 60, calls=1, hour_s=NOON, spent_micros=30 * CENT
    )


@pytest.mark.parametrize(
    ("rate", "calls"),
    [
        # 30 calls a minute, whatever they cost.
        (FREE, 30),
        # EUR 5 an hour: 16 quarters of an hour at 0.02, two at the bound of an ordinary rate.
        (FIXED, 16),
        (UNKNOWN, 2),
        (a_rate(connect_micros=5 * EURO), 1),
        (a_rate(connect_micros=5 * EURO + 1), 0),
    ],
)
def test_the_factory_allowance_lends_thirty_calls_a_minute_and_five_euros_an_hour(rate: Rate, calls: int) -> None:
    if calls:
        assert drawn(FACTORY_ALLOWANCE, rate, *[NOON] * calls) is not None
    assert drawn(FACTORY_ALLOWANCE, rate, *[NOON] * (calls + 1)) is None


@pytest.mark.parametrize(
    ("rate", "instants", "is_lent"),
    [
        (FREE, (NOON, NOON, NOON + 59), False),
        (FREE, (NOON, NOON, NOON + 60), True),
        (UNKNOWN, (NOON, NOON + 60, NOON + 120), False),
        (UNKNOWN, (NOON, NOON + 60, NOON + 3599), False),
        (UNKNOWN, (NOON, NOON + 60, NOON + 3600), True),
        # A clock that was set back begins a span and an hour of its own, and no more.
        (FREE, (NOON, NOON, NOON - 60, NOON - 60, NOON - 1), False),
    ],
)
def test_places_come_back_with_the_next_span_and_money_with_the_next_hour(
    rate: Rate, instants: tuple[int, ...], *, is_lent: bool
) -> None:
    allowance = Allowance(calls=Count(2), per=Span(60), total=Micros(5 * EURO))
    assert (drawn(allowance, rate, *instants) is not None) is is_lent


def test_an_allowance_of_no_calls_lends_none() -> None:
    assert drawn(Allowance(calls=Count(0)), FREE, NOON) is None


def test_a_lent_call_has_its_own_kind_of_grant() -> None:
    assert Lent(grant_id="local:nonce.1", seconds=LENT_SECONDS).seconds == 900


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 60)), max_size=60))
def test_no_hour_lends_more_money_and_no_span_more_calls_than_the_policy_says(calls: list[tuple[int, int]]) -> None:
    """Each call comes some seconds after the last, at some cents a minute."""
    use, now_s = AllowanceUse(), NOON
    spent: dict[int, int] = {}
    lent: dict[int, int] = {}
    for later_s, cents in calls:
        now_s += later_s
        rate = a_rate(per_minute_micros=cents * CENT)
        after = draw(use, FACTORY_ALLOWANCE, rate, now_s)
        if after is not None:
            use = after
            spent[now_s // 3600] = spent.get(now_s // 3600, 0) + price(rate, LENT_SECONDS)
            lent[now_s // 60] = lent.get(now_s // 60, 0) + 1
    assert max(spent.values(), default=0) <= FACTORY_ALLOWANCE.total
    assert max(lent.values(), default=0) <= FACTORY_ALLOWANCE.calls
