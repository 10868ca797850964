"""The contract of ending a hold, kept by both ledgers: settle, void, lapse."""

from dataclasses import replace
from datetime import datetime

import pytest

from callgate.core.hold import Ceiling, Denied, Gone, Purse, Settled, SettleState, Window
from callgate.ledger.base import LapseReport, Settlement
from ledger.samples import (
    CENT,
    MONTH,
    PER_CALL,
    PER_MINUTE,
    T0,
    Bench,
    answered,
    hold_id,
    local_call,
    no_money,
    renewal,
    request,
    starts,
    unanswered,
)

DAY_S = 86_400


def done(cents: int) -> Settled:
    return Settled(state=SettleState.DONE, amount_micros=cents * CENT)


def overrun(cents: int) -> Settled:
    return Settled(state=SettleState.OVERRUN, amount_micros=cents * CENT)


def already(cents: int) -> Settled:
    return Settled(state=SettleState.ALREADY, amount_micros=cents * CENT)


def orphan(cents: int) -> Settled:
    return Settled(state=SettleState.ORPHAN, amount_micros=cents * CENT)


@pytest.mark.parametrize(
    ("settlement", "outcome"),
    [
        pytest.param(answered("a", 0), done(10), id="answered for no time: the connect fee"),
        pytest.param(answered("a", 1), done(70), id="one second: the first minute"),
        pytest.param(answered("a", 60), done(70), id="a minute sharp"),
        pytest.param(answered("a", 61), overrun(130), id="a second into the next, which was not held"),
        pytest.param(answered("a", 3600), overrun(3610), id="longer than was held: in full, and said"),
        pytest.param(unanswered("a"), done(0), id="not answered"),
    ],
)
async def test_a_call_costs_what_the_tariff_says(bench: Bench, settlement: Settlement, outcome: Settled) -> None:
    await bench.held(replace(request("a"), rate=PER_MINUTE))
    assert await bench.settle(settlement) == outcome
    cents = outcome.amount_micros // CENT
    purse = await bench.purse()
    assert (purse.live, purse.held_micros) == (0, 0)
    assert (purse.hour_micros, purse.day_micros, purse.week_micros) == (cents * CENT,) * 3
    assert sum(month.micros for month in purse.months) == cents * CENT
    assert purse.total_micros == 0


async def test_a_settlement_that_arrives_twice_counts_once(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.settle(answered("a", 30))
    before = await bench.book()
    assert await bench.settle(answered("a", 50)) == already(30)
    assert await bench.settle(unanswered("a")) == already(30)
    assert await bench.void("a") == already(30)
    assert await bench.book() == before


async def test_a_voided_call_costs_nothing_whatever_comes_later(bench: Bench) -> None:
    await bench.held(request("a"))
    assert await bench.void("a") == done(0)
    before = await bench.book()
    assert await bench.void("a") == already(0)
    assert await bench.settle(answered("a")) == already(0)
    assert await bench.book() == before
    assert (await bench.purse()).held_micros == 0


async def test_a_void_laid_before_the_hold_is_laid_once(bench: Bench) -> None:
    assert await bench.void("a") == orphan(0)
    assert await bench.void("a") == already(0)
    assert await bench.settle(answered("a")) == already(0)


async def test_a_call_let_through_locally_is_booked_once(bench: Bench) -> None:
    call = local_call(hold_id("local:x"), 25)
    assert await bench.settle(call) == orphan(25)
    assert await bench.settle(call) == already(25)
    purse = await bench.purse("national")
    assert (purse.live, purse.hour_micros, purse.total_micros) == (0, 25 * CENT, 0)
    assert [(month.month, month.micros) for month in purse.months] == [(MONTH, 25 * CENT)]


async def test_a_local_call_that_was_not_answered_costs_nothing(bench: Bench) -> None:
    assert await bench.settle(replace(local_call("local:nonce", 25), answered=False)) == orphan(0)
    assert (await bench.book()).purses == ()


async def test_a_settlement_the_ledger_knows_nothing_of_books_nothing_and_bars_the_id(bench: Bench) -> None:
    assert await bench.settle(answered("a")) == orphan(0)
    assert await bench.settle(local_call(hold_id("a"), 5)) == already(0)


async def test_a_call_that_talked_on_a_voided_hold_is_booked_once(bench: Bench) -> None:
    """A gate frozen at the wrong moment voids the grant it could not confirm, and the call goes on."""
    await bench.held(request("a"))
    await bench.void("a")
    assert await bench.settle(local_call(hold_id("a"), 450, "costly")) == orphan(450)
    assert await bench.settle(local_call(hold_id("a"), 450, "costly")) == already(450)
    assert await bench.settle(answered("a")) == already(450)


async def test_an_unknown_call_from_before_memory_books_nothing(bench: Bench) -> None:
    too_old = Settled(state=SettleState.TOO_OLD, amount_micros=0)
    await bench.at(8 * DAY_S + 1)
    before = await bench.book()
    assert await bench.settle(local_call(hold_id("a"), 25)) == too_old
    assert await bench.void("a") == too_old
    assert await bench.book() == before
    assert await bench.settle(local_call(hold_id("a", T0 + 1), 25)) == orphan(25)
    assert await bench.settle(local_call("local:without-a-time", 25)) == orphan(25)


async def test_a_hold_whose_time_is_over_is_booked_in_full(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.at(147)
    assert await bench.lapse() == LapseReport(lapsed=(), forgotten=0, left=0)
    await bench.at(148)
    assert await bench.lapse() == LapseReport(lapsed=(hold_id("a"),), forgotten=0, left=0)
    purse = await bench.purse()
    assert (purse.live, purse.held_micros, purse.hour_micros) == (0, 0, 60 * CENT)
    assert await bench.void("a") == already(60)


async def test_a_lapse_with_nothing_to_do_writes_nothing(bench: Bench) -> None:
    await bench.held(request("a"))
    before = await bench.book()
    await bench.lapse()
    assert await bench.book() == before


async def test_a_lapsed_call_still_reaches_its_true_price_within_the_hour(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.held(request("b"))
    await bench.at(600)
    await bench.lapse()
    await bench.at(1200)
    assert await bench.settle(answered("a", 20)) == done(20)
    assert await bench.settle(answered("b", 90)) == overrun(90)
    purse = await bench.purse()
    assert (purse.hour_micros, purse.day_micros, purse.week_micros) == (110 * CENT,) * 3
    assert await bench.settle(answered("b", 20)) == already(90)


async def test_a_late_refund_goes_where_the_money_was_booked(bench: Bench) -> None:
    """A refund booked now let real spending reach 140 % of a limit (facts/reliability.md 0.11)."""
    await bench.held(request("a"))
    await bench.at(600)
    await bench.lapse()
    await bench.held(request("b"))
    await bench.at(7200)
    await bench.settle(answered("b", 50))
    await bench.settle(answered("a", 20))
    purse = await bench.purse()
    assert purse.hour_micros == 50 * CENT, (
        "the lapse left the hour by itself; its refund takes nothing from later calls"
    )
    assert (purse.day_micros, purse.week_micros) == (70 * CENT, 70 * CENT)
    assert sum(month.micros for month in purse.months) == 70 * CENT


async def test_a_late_increase_is_spent_when_it_becomes_known(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.at(600)
    await bench.lapse()
    await bench.at(7200)
    await bench.settle(answered("a", 90))
    purse = await bench.purse()
    assert (purse.hour_micros, purse.day_micros) == (30 * CENT, 90 * CENT)


async def test_a_lapse_does_so_much_at_a_time_and_says_what_is_left(bench: Bench) -> None:
    for name in "abc":
        await bench.held(replace(request(name), velocities=(replace(starts(1, 60)[0], name=name),)))
    await bench.at(1000)
    first = await bench.lapse(2)
    assert first == LapseReport(lapsed=(hold_id("a"), hold_id("b")), forgotten=2, left=2)
    assert await bench.lapse(2) == LapseReport(lapsed=(hold_id("c"),), forgotten=1, left=0)
    assert await bench.lapse(2) == LapseReport(lapsed=(), forgotten=0, left=0)


async def test_records_are_forgotten_8_days_after_their_end(bench: Bench) -> None:
    """With 48 h a lapsed EUR 5 hold that was settled on Monday as 0.20 left 5.20 (facts/semantics.md 8)."""
    await bench.held(request("a"))
    await bench.settle(answered("a"))
    await bench.at(8 * DAY_S)
    assert await bench.lapse() == LapseReport(lapsed=(), forgotten=0, left=0)
    assert await bench.settle(answered("a")) == already(60)
    await bench.at(8 * DAY_S + 1)
    assert await bench.lapse(1) == LapseReport(lapsed=(), forgotten=1, left=0)
    assert await bench.settle(answered("a")) == Settled(state=SettleState.TOO_OLD, amount_micros=0)


async def test_a_late_settlement_keeps_its_record_for_another_8_days(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.at(600)
    await bench.lapse()
    await bench.at(5 * DAY_S)
    await bench.settle(answered("a", 20))
    await bench.at(9 * DAY_S)
    assert await bench.lapse() == LapseReport(lapsed=(), forgotten=0, left=0)
    assert await bench.settle(answered("a", 20)) == already(20)


async def test_an_id_from_a_clock_ahead_is_kept_until_it_too_is_old(bench: Bench) -> None:
    ahead = local_call(hold_id("x", T0 + DAY_S), 25)
    assert await bench.settle(ahead) == orphan(25)
    await bench.at(8 * DAY_S + 1)
    assert await bench.lapse() == LapseReport(lapsed=(), forgotten=0, left=0)
    assert await bench.settle(ahead) == already(25)
    await bench.at(9 * DAY_S + 1)
    assert await bench.lapse() == LapseReport(lapsed=(), forgotten=1, left=0)
    assert await bench.settle(ahead) == Settled(state=SettleState.TOO_OLD, amount_micros=0)


def in_month(name: str, month: str) -> Settlement:
    call = local_call(f"local:{name}", 1)
    assert call.orphan is not None
    return replace(call, orphan=replace(call.orphan, month=month))


async def test_the_latest_13_months_are_kept_and_the_one_just_posted_in_any_case(bench: Bench) -> None:
    """A clock that was years ahead once made 13 months to come: then no call counted in its own."""

    async def months() -> list[str]:
        return [month.month for month in (await bench.purse("national")).months]

    called = [f"2026-{month:02}" for month in range(1, 13)] + ["2027-01", "2027-02"]
    for month in called:
        await bench.set_clock(int(datetime.fromisoformat(f"{month}-15T12:00:00+00:00").timestamp()))
        await bench.settle(in_month(month, month))
    assert await months() == called[1:]
    await bench.set_clock(T0 - 365 * DAY_S)
    await bench.settle(in_month("early", "2026-01"))
    assert await months() == ["2026-01", *called[2:]]


@pytest.mark.parametrize(
    ("month", "counted"),
    [
        ("2026-11", "2027-01"),
        ("2026-12", "2026-12"),
        ("2027-01", "2027-01"),
        ("2027-02", "2027-02"),
        ("2027-03", "2027-01"),
        ("2099-01", "2027-01"),
    ],
)
async def test_a_month_that_is_far_from_ledger_time_is_not_believed(bench: Bench, month: str, counted: str) -> None:
    """A clock that jumps from month to month would open a new month of money each time."""
    ceiling = Ceiling(window=Window.MONTH, limit_micros=100 * CENT)
    asked = replace(request("a"), month=month, purses=(Purse(name="costly", ceilings=(ceiling,)),))
    for _ in range(2):
        assert (await bench.held(asked)).seconds == 58
    await bench.renewed(replace(renewal(asked, 1), slice_s=60))
    await bench.settle(answered("a"))
    await bench.settle(in_month("b", month))
    again = replace(asked, hold_id=hold_id("again"), month=counted)
    assert await bench.hold(again) == Denied(denials=(no_money(40 * CENT, 0, Window.MONTH),))
    for name in ("costly", "national"):
        assert [each.month for each in (await bench.purse(name)).months] == [counted]
    assert await bench.hold(asked) == Gone()


async def test_a_lapsed_free_attempt_hands_its_start_on(bench: Bench) -> None:
    free = replace(request("a"), rate=replace(PER_CALL, connect_micros=0), velocities=starts(1, DAY_S))
    await bench.held(free)
    await bench.at(2000)
    await bench.lapse()
    await bench.held(replace(free, hold_id=hold_id("b"), supersedes=hold_id("a")))
    assert await bench.settle(unanswered("a")) == done(0)


async def test_a_refund_under_a_ceiling_without_a_window_gives_the_money_back(bench: Bench) -> None:
    purse = Purse(name="costly", ceilings=(Ceiling(window=Window.TOTAL, limit_micros=100 * CENT),))
    await bench.held(replace(request("a"), purses=(purse,)))
    await bench.at(600)
    await bench.lapse()
    assert (await bench.purse()).total_micros == 60 * CENT
    await bench.settle(answered("a", 20))
    assert (await bench.purse()).total_micros == 20 * CENT
