"""The contract of renewing a hold, kept by both ledgers."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from callgate.core.hold import Ceiling, Denial, DenialKind, Denied, Gone, Held, Purse, Stale, Window
from callgate.core.tariff import Rate
from callgate.ledger.base import LapseReport
from ledger.samples import (
    CENT,
    MONTH,
    PER_MINUTE,
    PER_SECOND,
    T0,
    THIRTY_SIX,
    THREE_MINUTES,
    Bench,
    answered,
    costly,
    hold_id,
    local_call,
    no_money,
    policy,
    renewal,
    request,
    sliced,
)


@pytest.mark.parametrize(
    ("rate", "ceiling_cents", "seconds", "cents"),
    [
        pytest.param(PER_SECOND, 122, 120, 122, id="to the last cent"),
        pytest.param(PER_SECOND, 121, 119, 121, id="one cent short"),
        pytest.param(PER_SECOND, 63, 61, 63, id="one second more"),
        pytest.param(THIRTY_SIX, 100, 94, 96, id="whole increments"),
    ],
)
async def test_a_renewal_adds_as_much_as_the_money_allows(
    bench: Bench, *, rate: Rate, ceiling_cents: int, seconds: int, cents: int
) -> None:
    asked = replace(sliced(rate), purses=costly(hour=200, day=ceiling_cents))
    await bench.held(asked)
    held = await bench.renewed(renewal(asked, 1))
    assert (held.seconds, held.amount_micros) == (seconds, cents * CENT)
    assert held.is_final == (cents < 122)


@pytest.mark.parametrize(
    ("rate", "partial", "ceiling_cents", "left_cents"),
    [
        pytest.param(PER_SECOND, True, 62, 0, id="not a second more"),
        pytest.param(PER_SECOND, False, 100, 38, id="all or nothing was asked"),
        pytest.param(PER_MINUTE, True, 129, 59, id="not another minute"),
    ],
)
async def test_a_renewal_that_money_cannot_pay_is_denied_and_the_call_keeps_what_it_has(
    bench: Bench, rate: Rate, *, partial: bool, ceiling_cents: int, left_cents: int
) -> None:
    asked = replace(sliced(rate), purses=costly(hour=ceiling_cents))
    first = await bench.held(asked)
    before = await bench.book()
    more = replace(renewal(asked, 1), partial=partial)
    for _ in range(2):
        assert await bench.renew(more) == Denied(denials=(no_money(left_cents * CENT, 0),))
    assert await bench.book() == before
    assert await bench.hold(asked) == first
    assert (await bench.renewed(replace(more, purses=costly(hour=1000)))).seconds > first.seconds, "the number was free"


async def test_a_denied_renewal_says_when_the_ceiling_reopens(bench: Bench) -> None:
    """Live holds may all end at once, for nothing: only what was spent keeps a ceiling shut for a known time."""
    asked = replace(sliced(), purses=costly(hour=200))
    await bench.settle(local_call(hold_id("earlier"), 138, purse="costly"))
    await bench.held(asked)
    await bench.at(50)
    assert await bench.renew(renewal(asked, 1)) == Denied(denials=(no_money(0, 0),))
    lower = replace(renewal(asked, 1), purses=costly(hour=138))
    assert await bench.renew(lower) == Denied(denials=(no_money(0, 3660 - 50),)), "of the least that gains a second"
    lower = replace(renewal(asked, 1), purses=costly(hour=139))
    assert await bench.renew(lower) == Denied(denials=(no_money(0, 0),))
    whole_slice = replace(lower, partial=False)
    assert await bench.renew(whole_slice) == Denied(denials=(no_money(0, 3660 - 50),))


async def test_what_is_paid_already_is_granted_under_an_overdrawn_ceiling(bench: Bench) -> None:
    asked = replace(sliced(THREE_MINUTES), purses=costly(hour=180))
    await bench.held(asked)
    await bench.settle(local_call(hold_id("other"), 500, purse="costly"))
    for number, seconds in ((1, 120), (2, 178)):
        held = await bench.renewed(renewal(asked, number))
        assert (held.seconds, held.amount_micros, held.is_final) == (seconds, 180 * CENT, False)
    assert await bench.renew(renewal(asked, 3)) == Denied(denials=(no_money(0, 3660),))


async def test_a_renewal_goes_as_far_as_a_price_below_a_micro_does_not_rise(bench: Bench) -> None:
    asked = sliced(replace(PER_SECOND, per_minute_micros=1))
    assert (await bench.held(asked)).amount_micros == 2
    overdrawn = Purse(name="costly", ceilings=(Ceiling(window=Window.HOUR, limit_micros=1),))
    held = await bench.renewed(replace(renewal(asked, 1), purses=(overdrawn,)))
    assert (held.seconds, held.amount_micros, held.is_final) == (118, 2, True)


async def test_tighter_ceilings_bind_the_next_slice(bench: Bench) -> None:
    asked = replace(sliced(), purses=costly(hour=1000))
    await bench.held(asked)
    held = await bench.renewed(replace(renewal(asked, 1), purses=costly(hour=70)))
    assert (held.seconds, held.amount_micros, held.is_final) == (68, 70 * CENT, True)
    assert await bench.renew(replace(renewal(asked, 2), purses=costly(hour=0))) == Denied(denials=(no_money(0, 0),))


@pytest.mark.parametrize("seconds", [1, 59, 60])
async def test_a_call_that_may_no_longer_be_so_long_keeps_what_it_has(bench: Bench, seconds: int) -> None:
    await bench.held(sliced())
    held = await bench.renewed(replace(renewal(sliced(), 1), seconds=seconds, purses=costly(hour=0)))
    assert held == Held(hold_id=hold_id("a"), seconds=60, amount_micros=62 * CENT, is_final=True)
    held = await bench.renewed(replace(renewal(sliced(), 2), seconds=70))
    assert held == Held(hold_id=hold_id("a"), seconds=70, amount_micros=72 * CENT, is_final=True)


async def test_a_call_that_was_granted_whole_is_lengthened_by_slices_if_it_may_be_longer(bench: Bench) -> None:
    await bench.held(replace(request(), rate=PER_MINUTE, seconds=58))
    held = await bench.renewed(replace(renewal(sliced(PER_MINUTE), 1), seconds=600))
    assert (held.seconds, held.amount_micros, held.is_final) == (118, 130 * CENT, False)


async def test_an_ordinary_call_that_was_granted_whole_pays_nothing_for_a_renewal(bench: Bench) -> None:
    asked = replace(request(), costly=False, seconds=600, slice_s=60)
    first = await bench.held(asked)
    assert await bench.renew(renewal(asked, 1)) == first


async def test_every_ceiling_that_forbids_a_renewal_is_named_in_order(bench: Bench) -> None:
    await bench.held(sliced())
    purses = (
        Purse(name="international", ceilings=(Ceiling(window=Window.DAY, limit_micros=0),)),
        *costly(hour=62, day=62),
    )
    denials = (
        Denial(kind=DenialKind.MONEY, name="international", window=Window.DAY, left=0, retry_s=0),
        no_money(0, 0),
        no_money(0, 0, Window.DAY),
    )
    assert await bench.renew(replace(renewal(sliced(), 1), purses=purses)) == Denied(denials=denials)


async def test_a_ceiling_that_only_warns_lets_the_renewal_pass_with_an_alarm(bench: Bench) -> None:
    await bench.held(sliced())
    warning = Purse(name="costly", ceilings=(Ceiling(window=Window.HOUR, limit_micros=70 * CENT, enforced=False),))
    more = replace(renewal(sliced(), 1), purses=(warning,))
    held = Held(
        hold_id=hold_id("a"),
        seconds=120,
        amount_micros=122 * CENT,
        alarms=(no_money(8 * CENT, 0),),
        is_final=False,
    )
    assert [await bench.renew(more), await bench.renew(more)] == [held, held]


async def test_lines_are_not_counted_again(bench: Bench) -> None:
    await bench.held(sliced())
    assert (await bench.renewed(replace(renewal(sliced(), 1), purses=costly(lines=0)))).seconds == 120


async def test_the_last_renewal_again_gets_the_same_answer_and_changes_nothing(bench: Bench) -> None:
    await bench.held(sliced())
    first = await bench.renewed(renewal(sliced(), 1))
    await bench.publish(policy(1), 0)
    before = await bench.book()
    await bench.at(30)
    again = replace(renewal(sliced(), 1), policy_revision=7, purses=costly(hour=0))
    assert await bench.renew(again) == first
    assert (await bench.book()).purses == before.purses
    assert (await bench.book()).holds == before.holds
    assert (await bench.book()).sequence == before.sequence


async def test_a_hold_asked_again_after_renewals_gets_what_is_held_now(bench: Bench) -> None:
    await bench.held(sliced())
    renewed = await bench.renewed(renewal(sliced(), 1))
    before = await bench.book()
    assert await bench.hold(sliced()) == renewed
    assert await bench.book() == before


@pytest.mark.parametrize("number", [1, 4, 5])
async def test_a_renewal_out_of_turn_is_gone(bench: Bench, number: int) -> None:
    await bench.held(sliced())
    for earlier in (1, 2):
        await bench.renewed(renewal(sliced(), earlier))
    before = await bench.book()
    assert await bench.renew(renewal(sliced(), number)) == Gone()
    assert await bench.book() == before


async def settled(bench: Bench) -> None:
    await bench.settle(answered("a"))


async def voided(bench: Bench) -> None:
    await bench.void("a")


async def lapsed(bench: Bench) -> None:
    await bench.at(1000)
    await bench.lapse()


async def superseded(bench: Bench) -> None:
    await bench.held(replace(request("b"), supersedes=hold_id("a")))


@pytest.mark.parametrize("ending", [settled, voided, lapsed, superseded])
async def test_a_call_that_has_ended_gets_no_more_money(
    bench: Bench, ending: Callable[[Bench], Awaitable[None]]
) -> None:
    await bench.held(sliced())
    await bench.renewed(renewal(sliced(), 1))
    await ending(bench)
    before = await bench.book()
    assert [await bench.renew(renewal(sliced(), number)) for number in (1, 2)] == [Gone(), Gone()]
    assert await bench.book() == before


async def test_a_call_that_was_never_held_gets_no_money(bench: Bench) -> None:
    assert await bench.renew(renewal(sliced(), 1)) == Gone()
    assert (await bench.book()).purses == ()


async def test_a_renewal_judged_by_an_outdated_policy_is_judged_again(bench: Bench) -> None:
    await bench.held(sliced())
    await bench.publish(policy(1), 0)
    before = await bench.book()
    assert await bench.renew(replace(renewal(sliced(), 1), policy_revision=3)) == Stale(revision=1)
    assert await bench.renew(replace(renewal(sliced(), 2), policy_revision=3)) == Gone()
    assert await bench.book() == before
    assert (await bench.renewed(replace(renewal(sliced(), 1), policy_revision=1))).seconds == 120


async def test_a_renewed_hold_lapses_after_all_that_was_granted_and_is_booked_in_full(bench: Bench) -> None:
    await bench.held(sliced())
    await bench.at(45)
    await bench.renewed(replace(renewal(sliced(), 1), grace_s=100))
    (hold,) = (await bench.book()).holds
    assert (hold.lapses_at.timestamp(), hold.renewals) == (T0 + 120 + 100, 1)
    await bench.at(219)
    assert await bench.lapse() == LapseReport(lapsed=(), forgotten=0, left=0)
    await bench.at(220)
    assert await bench.lapse() == LapseReport(lapsed=(hold_id("a"),), forgotten=0, left=0)
    purse = await bench.purse()
    assert (purse.live, purse.held_micros, purse.hour_micros) == (0, 0, 122 * CENT)


@pytest.mark.parametrize(("duration_s", "cents"), [(30, 30), (120, 120), (150, 150)])
async def test_a_renewed_call_costs_what_the_tariff_says(bench: Bench, duration_s: int, cents: int) -> None:
    await bench.held(sliced())
    await bench.renewed(renewal(sliced(), 1))
    await bench.settle(answered("a", duration_s))
    purse = await bench.purse()
    assert (purse.live, purse.held_micros, purse.hour_micros) == (0, 0, cents * CENT)


async def test_a_voided_call_gives_back_all_its_slices(bench: Bench) -> None:
    await bench.held(sliced())
    await bench.renewed(renewal(sliced(), 1))
    await bench.void("a")
    purse = await bench.purse()
    assert (purse.live, purse.held_micros, purse.hour_micros) == (0, 0, 0)


async def test_a_next_trunk_attempt_takes_over_from_all_slices_of_the_one_before(bench: Bench) -> None:
    await bench.held(replace(sliced(), purses=costly(hour=122, lines=1)))
    await bench.renewed(renewal(sliced(), 1))
    held = await bench.held(
        replace(sliced(), hold_id=hold_id("b"), supersedes=hold_id("a"), purses=costly(hour=122, lines=1))
    )
    assert (await bench.purse()).held_micros == held.amount_micros == 62 * CENT


async def test_renewals_count_in_the_month_of_the_start(bench: Bench) -> None:
    """A call that crosses midnight of the last day is billed with the month it began in."""
    asked = replace(sliced(), month="2026-12")
    await bench.held(asked)
    for month, cents in (("2026-12", 20), (MONTH, 1000)):
        call = local_call(hold_id(month), cents, purse="costly")
        assert call.orphan is not None
        await bench.settle(replace(call, orphan=replace(call.orphan, month=month)))
    month_ceiling = Purse(name="costly", ceilings=(Ceiling(window=Window.MONTH, limit_micros=102 * CENT),))
    held = await bench.renewed(replace(renewal(asked, 1), purses=(month_ceiling,)))
    assert (held.seconds, held.amount_micros) == (80, 82 * CENT)
    await bench.settle(answered("a", 80))
    months = [(month.month, month.micros) for month in (await bench.purse()).months]
    assert months == [("2026-12", 100 * CENT), (MONTH, 1000 * CENT)]


async def test_a_call_under_a_ceiling_without_a_window_renews_within_it(bench: Bench) -> None:
    listed = (Purse(name="costly", ceilings=(Ceiling(window=Window.TOTAL, limit_micros=100 * CENT),)),)
    asked = replace(sliced(), purses=listed)
    await bench.held(asked)
    assert (await bench.renewed(renewal(asked, 1))).amount_micros == 100 * CENT
    await bench.settle(answered("a", 98))
    assert (await bench.purse()).total_micros == 98 * CENT
