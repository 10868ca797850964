"""The contract of a call in slices, kept by both ledgers: how long each is, and what it costs."""

from dataclasses import replace

import pytest

from callgate.core.hold import Denied, Held, Window
from callgate.core.tariff import Rate
from ledger.samples import (
    CENT,
    FREE,
    PER_CALL,
    PER_MINUTE,
    PER_SECOND,
    THIRTY_SIX,
    THREE_MINUTES,
    Bench,
    costly,
    hold_id,
    local_call,
    no_money,
    renewal,
    sliced,
)


@pytest.mark.parametrize(
    ("rate", "slice_s", "seconds", "expected"),
    [
        pytest.param(PER_MINUTE, 60, 180, [(58, 70), (118, 130), (178, 190), (180, 250)], id="60/60 and a connect fee"),
        pytest.param(PER_SECOND, 60, 150, [(60, 62), (120, 122), (150, 152)], id="1/1"),
        pytest.param(THIRTY_SIX, 60, 100, [(58, 60), (100, 102)], id="30/6"),
        pytest.param(THIRTY_SIX, 30, 67, [(28, 30), (58, 60), (64, 66), (67, 72)], id="30/6 in slices of 30 s"),
        pytest.param(
            THREE_MINUTES,
            60,
            400,
            [(60, 180), (120, 180), (178, 180), (238, 360), (298, 360), (358, 360), (400, 540)],
            id="180/180: three slices for the price of one",
        ),
        pytest.param(PER_CALL, 60, 150, [(60, 300), (120, 300), (150, 300)], id="a price per call is paid once"),
        pytest.param(PER_MINUTE, 30, 100, [(30, 70), (58, 70), (88, 130), (100, 130)], id="60/60 in slices of 30 s"),
        pytest.param(PER_MINUTE, 60, 60, [(58, 70), (60, 130)], id="the last two seconds cost a minute"),
        pytest.param(PER_MINUTE, 60, 58, [(58, 70)], id="a first slice that is the last"),
        pytest.param(replace(PER_SECOND, increment_s=2), 60, 1, [(1, 3)], id="one second"),
        pytest.param(FREE, 60, 61, [(60, 0), (61, 0)], id="free"),
    ],
)
async def test_a_slice_ends_where_nothing_more_is_paid_for_its_end(
    bench: Bench, *, rate: Rate, slice_s: int, seconds: int, expected: list[tuple[int, int]]
) -> None:
    asked = sliced(rate, seconds, slice_s)
    held = await bench.held(asked)
    found = [held]
    while not held.is_final:
        held = await bench.renewed(renewal(asked, len(found)))
        found.append(held)
        assert (await bench.purse()).held_micros == held.amount_micros
    assert [(each.seconds, each.amount_micros) for each in found] == [(s, cents * CENT) for s, cents in expected]
    assert [each.is_final for each in found] == [False] * (len(found) - 1) + [True]
    assert (await bench.purse()).live == 1
    assert [(hold.seconds, hold.amount_micros) for hold in (await bench.book()).holds] == [
        (held.seconds, held.amount_micros)
    ]


@pytest.mark.parametrize(
    ("rate", "ceiling_cents", "seconds", "cents"),
    [
        pytest.param(PER_SECOND, 61, 59, 61, id="one second less"),
        pytest.param(PER_SECOND, 3, 1, 3, id="one second is the least"),
        pytest.param(THIRTY_SIX, 59, 52, 54, id="whole increments"),
    ],
)
async def test_a_first_slice_is_cut_to_what_is_left_and_is_then_final(
    bench: Bench, *, rate: Rate, ceiling_cents: int, seconds: int, cents: int
) -> None:
    asked = replace(sliced(rate), purses=costly(hour=ceiling_cents))
    held = Held(hold_id=hold_id("a"), seconds=seconds, amount_micros=cents * CENT, is_final=True)
    assert await bench.hold(asked) == held


async def test_a_first_slice_is_denied_only_for_as_long_as_not_one_second_is_left(bench: Bench) -> None:
    """It was once said to be denied until a whole slice was left, though a shorter one was granted long before."""
    for second, cents in ((0, 20), (600, 45), (1200, 35)):
        await bench.at(second)
        await bench.settle(local_call(hold_id(f"spent-{second}"), cents, purse="costly"))
    asked = replace(sliced(), purses=costly(hour=100))
    assert await bench.hold(replace(asked, partial=False)) == Denied(denials=(no_money(0, 3675 + 600 - 1200),))
    assert await bench.hold(asked) == Denied(denials=(no_money(0, 3675 - 1200),))
    await bench.at(3674)
    assert await bench.hold(asked) == Denied(denials=(no_money(0, 1),))
    await bench.at(3675)
    assert (await bench.held(asked)).seconds == 18


async def test_only_the_ceilings_that_forbid_even_one_second_are_named(bench: Bench) -> None:
    asked = replace(sliced(), purses=costly(hour=30, day=2))
    assert await bench.hold(asked) == Denied(denials=(no_money(2 * CENT, 0, Window.DAY),))


@pytest.mark.parametrize(
    ("rate", "partial", "ceiling_cents"),
    [
        pytest.param(PER_SECOND, True, 2, id="two seconds are no call"),
        pytest.param(PER_SECOND, False, 61, id="all or nothing was asked"),
        pytest.param(PER_MINUTE, True, 69, id="not even the first minute"),
    ],
)
async def test_a_first_slice_that_money_cannot_pay_is_denied(
    bench: Bench, rate: Rate, ceiling_cents: int, *, partial: bool
) -> None:
    asked = replace(sliced(rate), partial=partial, purses=costly(hour=ceiling_cents))
    assert await bench.hold(asked) == Denied(denials=(no_money(ceiling_cents * CENT, 0),))
