"""The contract of the limits, kept by both ledgers: lines, starts, months, totals, and when a window reopens."""

from dataclasses import replace

import pytest

from callgate.core.hold import (
    Ceiling,
    Denial,
    DenialKind,
    Denied,
    Held,
    Purse,
    Window,
)
from ledger.samples import (
    CENT,
    FREE,
    MONTH,
    NO_LINE,
    T0,
    Bench,
    answered,
    costly,
    hold_id,
    local_call,
    no_money,
    request,
    starts,
    unanswered,
)


async def test_no_more_calls_are_up_than_there_are_lines(bench: Bench) -> None:
    for name in "ab":
        await bench.held(replace(request(name), purses=costly(lines=2)))
    third = replace(request("c"), purses=costly(lines=2), rate=FREE)
    assert await bench.hold(third) == Denied(denials=(NO_LINE,))
    await bench.settle(unanswered("a"))
    await bench.held(third)


async def test_an_overdue_hold_counts_in_full_until_it_lapses(bench: Bench) -> None:
    await bench.held(replace(request("a"), purses=costly(hour=60, lines=1)))
    await bench.at(86_400)
    again = replace(request("b"), purses=costly(hour=60, lines=1))
    assert await bench.hold(again) == Denied(denials=(no_money(0, 0), NO_LINE))


async def test_calls_start_no_more_often_than_allowed_in_any_span(bench: Bench) -> None:
    async def start(second: int) -> object:
        await bench.at(second)
        return await bench.hold(replace(request(f"s{second}"), velocities=starts(2, 900)))

    def denied(retry_s: int) -> Denied:
        return Denied(denials=(Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=retry_s),))

    assert isinstance(await start(0), Held)
    assert isinstance(await start(600), Held)
    assert await start(899) == denied(1)
    assert isinstance(await start(900), Held)
    assert await start(901) == denied(1500 - 901)


async def test_a_number_called_before_is_not_a_further_different_number(bench: Bench) -> None:
    async def call(second: int, tag: str) -> object:
        await bench.at(second)
        return await bench.hold(replace(request(f"{tag}{second}"), velocities=starts(2, 900, tag)))

    assert isinstance(await call(0, "x"), Held)
    assert isinstance(await call(1, "y"), Held)
    assert isinstance(await call(500, "x"), Held)
    denial = Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=901 - 501)
    assert await call(501, "z") == Denied(denials=(denial,))
    assert isinstance(await call(901, "z"), Held)


async def test_a_start_limit_that_was_lowered_waits_for_enough_starts_to_leave(bench: Bench) -> None:
    for second in range(3):
        await bench.at(second * 10)
        await bench.held(replace(request(f"s{second}"), velocities=starts(3, 900)))
    lowered = replace(request("z"), velocities=starts(1, 900))
    denial = Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=900)
    assert await bench.hold(lowered) == Denied(denials=(denial,))


async def test_a_start_limit_that_only_warns_grants_the_call_with_an_alarm(bench: Bench) -> None:
    velocities = starts(1, 900, enforced=False)
    assert (await bench.held(replace(request("a"), velocities=velocities))).alarms == ()
    alarm = Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=900)
    assert (await bench.held(replace(request("b"), velocities=velocities))).alarms == (alarm,)


async def test_a_ceiling_without_a_window_counts_only_the_calls_held_under_it(bench: Bench) -> None:
    def under_total(name: str) -> object:
        ceiling = Ceiling(window=Window.TOTAL, limit_micros=100 * CENT)
        return bench.hold(replace(request(name), purses=(Purse(name="costly", ceilings=(ceiling,)),)))

    await bench.held(request("a"))
    await bench.settle(answered("a"))
    assert isinstance(await bench.hold(request("b")), Held)
    await bench.settle(answered("b"))
    purse = Purse(name="costly", ceilings=(Ceiling(window=Window.TOTAL, limit_micros=100 * CENT),))
    await bench.held(replace(request("c"), purses=(purse,)))
    await bench.settle(answered("c"))
    assert (await bench.purse()).total_micros == 60 * CENT
    assert await bench.hold(replace(request("d"), purses=(purse,))) == Denied(
        denials=(no_money(40 * CENT, 0, Window.TOTAL),)
    )


async def test_a_month_is_that_of_the_calls_start(bench: Bench) -> None:
    purse = Purse(name="costly", ceilings=(Ceiling(window=Window.MONTH, limit_micros=100 * CENT),))
    january = replace(request("a"), purses=(purse,))
    await bench.held(january)
    await bench.at(31 * 86_400)
    await bench.settle(answered("a"))
    made_later = T0 + 31 * 86_400
    later = replace(january, hold_id=hold_id("b", made_later))
    assert await bench.hold(later) == Denied(denials=(no_money(40 * CENT, 0, Window.MONTH),))
    assert isinstance(await bench.hold(replace(later, month="2027-02")), Held)
    assert [(month.month, month.micros) for month in (await bench.purse()).months] == [(MONTH, 60 * CENT)]


@pytest.mark.parametrize(
    ("window", "width_s", "buckets"),
    [(Window.HOUR, 60, 60), (Window.DAY, 900, 96), (Window.WEEK, 21_600, 28)],
)
async def test_a_window_reopens_never_too_early_and_at_most_a_bucket_and_15_s_late(
    bench: Bench, window: Window, width_s: int, buckets: int
) -> None:
    """T0 begins a bucket of every width; the money is spent at its very end."""
    purse = Purse(name="costly", ceilings=(Ceiling(window=window, limit_micros=100 * CENT),))
    spent_at = width_s - 1
    opens_at = (buckets + 1) * width_s + 15
    await bench.held(replace(request("a"), purses=(purse,)))
    await bench.at(spent_at)
    await bench.settle(answered("a"))
    asked = replace(request("b", "clinic"), hold_id=hold_id("b", T0 + opens_at), purses=(purse,))
    for second in (spent_at, opens_at - 1):
        await bench.at(second)
        retry_s = opens_at - second
        assert await bench.hold(asked) == Denied(denials=(no_money(40 * CENT, retry_s, window),))
    await bench.at(opens_at)
    assert isinstance(await bench.hold(asked), Held)
    assert opens_at - spent_at > width_s * buckets


async def test_reopening_waits_for_as_many_buckets_as_the_call_needs(bench: Bench) -> None:
    await bench.settle(local_call(hold_id("two-hours-ago"), 500, purse="costly"))
    for minute, seconds in ((120, 10), (121, 30), (122, 50)):
        await bench.at(minute * 60)
        await bench.held(request(f"m{minute}"))
        await bench.settle(answered(f"m{minute}", seconds))
    asked = replace(request("z"), purses=costly(hour=110))
    assert await bench.hold(asked) == Denied(denials=(no_money(20 * CENT, (121 + 61 - 122) * 60 + 15),))
    partial = replace(asked, partial=True, purses=costly(hour=90))
    assert await bench.hold(partial) == Denied(denials=(no_money(0, (120 + 61 - 122) * 60 + 15),))
