"""The contract of holding money, kept by both ledgers."""

from dataclasses import replace

import pytest

from callgate.core.hold import (
    Ceiling,
    Denial,
    DenialKind,
    Denied,
    Gone,
    Held,
    Purse,
    Settled,
    SettleState,
    Stale,
    Window,
)
from callgate.core.tariff import Rate, price
from ledger.samples import (
    CENT,
    EURO,
    FREE,
    NO_LINE,
    PER_CALL,
    PER_MINUTE,
    PER_SECOND,
    T0,
    Bench,
    answered,
    costly,
    hold_id,
    local_call,
    no_money,
    policy,
    request,
    starts,
    unanswered,
)


async def test_a_held_call_sets_its_money_aside_until_it_is_settled(bench: Bench) -> None:
    held = await bench.held(request())
    assert held == Held(hold_id=hold_id("a"), seconds=58, amount_micros=60 * CENT)
    purse = await bench.purse()
    assert (purse.live, purse.held_micros, purse.hour_micros) == (1, 60 * CENT, 0)
    book = await bench.book()
    assert [(hold.hold_id, hold.seconds, hold.amount_micros) for hold in book.holds] == [(hold_id("a"), 58, 60 * CENT)]
    assert (book.holds[0].lapses_at.timestamp(), book.holds[0].renewals) == (T0 + 58 + 90, 0)
    assert book.now.timestamp() == T0


@pytest.mark.parametrize(
    ("rate", "seconds", "amount_micros"),
    [
        pytest.param(PER_SECOND, 58, 60 * CENT, id="by the second: two seconds more than may be spoken"),
        pytest.param(PER_MINUTE, 58, 70 * CENT, id="58 s fit the first minute"),
        pytest.param(PER_MINUTE, 59, 130 * CENT, id="59 s could be cut in the second minute"),
        pytest.param(PER_CALL, 1800, 3 * EURO, id="a price per call"),
        pytest.param(FREE, 7200, 0, id="a free call"),
        pytest.param(replace(PER_SECOND, per_minute_micros=1), 1, 1, id="a part of a micro is a whole one"),
    ],
)
async def test_enough_is_held_that_a_cut_never_falls_on_an_unpaid_increment(
    bench: Bench, rate: Rate, seconds: int, amount_micros: int
) -> None:
    held = await bench.held(replace(request(), rate=rate, seconds=seconds))
    assert (held.seconds, held.amount_micros) == (seconds, amount_micros)


async def test_an_ordinary_call_holds_one_slice_and_is_granted_in_full(bench: Bench) -> None:
    asked = replace(request(), costly=False, seconds=7200, slice_s=60, purses=costly(hour=60), partial=True)
    held = await bench.held(asked)
    assert (held.seconds, held.amount_micros, held.is_final) == (7200, 60 * CENT, True)


@pytest.mark.parametrize(
    ("rate", "ceiling_cents", "seconds", "held_cents"),
    [
        pytest.param(PER_SECOND, 100, 98, 100, id="as many seconds as the money buys, less two"),
        pytest.param(PER_SECOND, 3, 1, 3, id="one second is the least"),
        pytest.param(PER_MINUTE, 200, 178, 190, id="whole minutes only"),
        pytest.param(PER_MINUTE, 190, 178, 190, id="to the last cent"),
        pytest.param(PER_MINUTE, 189, 118, 130, id="one cent short of a minute"),
        pytest.param(PER_MINUTE, 70, 58, 70, id="the first minute alone"),
        pytest.param(PER_SECOND, 902, 900, 902, id="all that was asked"),
    ],
)
async def test_a_call_is_granted_for_as_long_as_the_money_lasts(
    bench: Bench, *, rate: Rate, ceiling_cents: int, seconds: int, held_cents: int
) -> None:
    asked = replace(request(), rate=rate, seconds=900, partial=True, purses=costly(hour=10_000, day=ceiling_cents))
    held = await bench.held(asked)
    assert (held.seconds, held.amount_micros) == (seconds, held_cents * CENT)


@pytest.mark.parametrize(
    ("rate", "partial", "ceiling_cents"),
    [
        pytest.param(PER_SECOND, True, 2, id="two seconds are no call"),
        pytest.param(PER_MINUTE, True, 69, id="not even the first minute"),
        pytest.param(PER_CALL, True, 299, id="a price per call has no parts"),
        pytest.param(PER_SECOND, False, 901, id="all or nothing was asked"),
    ],
)
async def test_a_call_that_money_cannot_pay_is_denied(
    bench: Bench, rate: Rate, ceiling_cents: int, *, partial: bool
) -> None:
    asked = replace(request(), rate=rate, seconds=900, partial=partial, purses=costly(hour=ceiling_cents))
    assert await bench.hold(asked) == Denied(denials=(no_money(ceiling_cents * CENT, 0),))


async def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(bench: Bench) -> None:
    asked = replace(
        request(), partial=True, seconds=900, velocities=starts(1, 60, enforced=False), purses=costly(hour=100, lines=1)
    )
    alarmed = replace(asked, hold_id=hold_id("b"), supersedes="", purses=costly(hour=200, lines=2))
    await bench.hold(asked)
    first = await bench.held(alarmed)
    assert first.alarms
    before = await bench.book()
    assert await bench.hold(alarmed) == first
    assert await bench.hold(replace(alarmed, policy_revision=7)) == first
    assert await bench.book() == before


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(answered(), id="settled"),
        pytest.param(unanswered(), id="not answered"),
        pytest.param(local_call(hold_id("a"), 5), id="settled as local before it was held"),
    ],
)
async def test_a_call_that_has_ended_is_never_granted_again(bench: Bench, ending: object) -> None:
    assert isinstance(ending, type(answered()))
    if ending.orphan is None:
        await bench.held(request())
    await bench.settle(ending)
    assert await bench.hold(request()) == Gone()


async def test_a_call_is_not_granted_after_its_void_or_its_lapse(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.void("a")
    await bench.held(request("b"))
    await bench.at(1000)
    await bench.lapse()
    assert [await bench.hold(request(name)) for name in "ab"] == [Gone(), Gone()]


async def test_a_void_that_overtakes_its_hold_kills_it(bench: Bench) -> None:
    assert await bench.void("a") == Settled(state=SettleState.ORPHAN, amount_micros=0)
    assert await bench.hold(request()) == Gone()
    assert (await bench.book()).purses == ()


async def test_one_id_never_names_two_calls(bench: Bench) -> None:
    await bench.held(request())
    assert await bench.hold(replace(request(), rate=PER_MINUTE)) == Gone()


async def test_a_clock_that_once_ran_far_ahead_refuses_nobody(bench: Bench) -> None:
    """A hold was once judged by its id's age: after a jump of ledger time by 10 days every call was Gone for 2 days."""
    await bench.at(10 * 86_400)
    await bench.held(request("a"))


async def test_a_call_judged_by_an_outdated_policy_is_judged_again(bench: Bench) -> None:
    assert isinstance(await bench.hold(replace(request("a"), policy_revision=3)), Held)
    await bench.publish(policy(1), 0)
    before = await bench.book()
    assert await bench.hold(replace(request("b"), policy_revision=3)) == Stale(revision=1)
    assert await bench.book() == before
    assert isinstance(await bench.hold(replace(request("b"), policy_revision=1)), Held)
    assert isinstance(await bench.hold(replace(request("c"), policy_revision=0)), Held)


async def test_a_denied_call_uses_up_nothing(bench: Bench) -> None:
    asked = replace(request("a"), purses=costly(hour=10, lines=1), velocities=starts(1, 60))
    before = await bench.book()
    assert await bench.hold(asked) == Denied(denials=(no_money(10 * CENT, 0),))
    assert await bench.book() == before
    await bench.held(replace(asked, hold_id=hold_id("b"), purses=costly(hour=60, lines=1)))


async def test_every_limit_that_forbids_a_call_is_named_in_order(bench: Bench) -> None:
    ceilings = tuple(
        Ceiling(window=window, limit_micros=limit * CENT)
        for window, limit in (
            (Window.TOTAL, 1),
            (Window.WEEK, 60),
            (Window.HOUR, 2),
            (Window.DAY, 59),
            (Window.MONTH, 3),
        )
    )
    purses = (
        Purse(name="extension:101", concurrent_max=0),
        Purse(name="costly", ceilings=ceilings, concurrent_max=0),
    )
    assert await bench.hold(replace(request(), purses=purses, velocities=starts(0, 60))) == Denied(
        denials=(
            replace(NO_LINE, name="extension:101"),
            no_money(1 * CENT, 0, Window.TOTAL),
            no_money(2 * CENT, 0, Window.HOUR),
            no_money(59 * CENT, 0, Window.DAY),
            no_money(3 * CENT, 0, Window.MONTH),
            NO_LINE,
            Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=0),
        )
    )


async def test_a_ceiling_that_only_warns_grants_the_call_with_an_alarm(bench: Bench) -> None:
    purse = Purse(name="national", ceilings=(Ceiling(window=Window.DAY, limit_micros=59 * CENT, enforced=False),))
    held = await bench.held(replace(request(), purses=(purse,), partial=True))
    alarm = Denial(kind=DenialKind.MONEY, name="national", window=Window.DAY, left=59 * CENT, retry_s=0)
    assert held == Held(hold_id=hold_id("a"), seconds=58, amount_micros=60 * CENT, alarms=(alarm,))


async def test_a_free_call_passes_a_ceiling_that_is_already_exceeded(bench: Bench) -> None:
    """Spent 12, ceiling lowered to 10: calls that cost nothing were refused once (facts/semantics.md 9)."""
    await bench.held(request("a"))
    await bench.settle(answered("a", 1200))
    free = replace(request("b"), rate=FREE, seconds=900, partial=True, purses=costly(hour=1000))
    assert (await bench.held(free)).seconds == 900
    paid = replace(request("c"), purses=costly(hour=1000))
    assert await bench.hold(paid) == Denied(denials=(no_money(0, 3675),))


async def test_a_trunk_attempt_takes_the_place_of_the_one_before(bench: Bench) -> None:
    first = replace(request("a"), purses=costly(hour=60, lines=1), velocities=starts(1, 60))
    second = replace(first, hold_id=hold_id("b"), supersedes=hold_id("a"))
    await bench.held(first)
    held = await bench.held(second)
    assert await bench.hold(second) == held
    purse = await bench.purse()
    assert (purse.live, purse.held_micros, purse.hour_micros) == (1, 60 * CENT, 0)
    assert await bench.settle(unanswered("a")) == Settled(state=SettleState.ALREADY, amount_micros=0)
    assert await bench.hold(first) == Gone()


@pytest.mark.parametrize("early", ["settled", "voided"])
async def test_a_trunk_attempt_after_a_failed_one_that_is_already_over_is_no_new_start(
    bench: Bench, early: str
) -> None:
    first = replace(request("a"), velocities=starts(1, 60))
    await bench.held(first)
    await (bench.settle(unanswered("a")) if early == "settled" else bench.void("a"))
    await bench.held(replace(first, hold_id=hold_id("b"), supersedes=hold_id("a")))
    third = replace(first, hold_id=hold_id("c"), supersedes=hold_id("a"))
    assert isinstance(await bench.hold(third), Denied), "a start is inherited once"


@pytest.mark.parametrize("previous", ["answered", "never held", "tombstone"])
async def test_a_call_that_follows_no_failed_attempt_is_a_start_of_its_own(bench: Bench, previous: str) -> None:
    asked = replace(request("z"), velocities=starts(1, 60), supersedes=hold_id("a"))
    await bench.held(replace(request("a" if previous == "answered" else "b"), velocities=starts(1, 60)))
    if previous == "answered":
        await bench.settle(answered("a"))
    if previous == "tombstone":
        await bench.void("a")
    denial = Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=60)
    assert await bench.hold(asked) == Denied(denials=(denial,))


async def test_a_denied_trunk_attempt_leaves_the_one_before_as_it_was(bench: Bench) -> None:
    await bench.held(request("a"))
    dearer = replace(request("b"), supersedes=hold_id("a"), rate=PER_CALL, purses=costly(hour=60))
    before = await bench.book()
    assert await bench.hold(dearer) == Denied(denials=(no_money(60 * CENT, 0),))
    assert (await bench.book()).holds == before.holds


async def test_a_trunk_attempt_may_count_in_other_purses_than_the_one_before(bench: Bench) -> None:
    await bench.held(request("a"))
    await bench.held(replace(request("b"), supersedes=hold_id("a"), purses=(Purse(name="overseas"),)))
    assert [(purse.name, purse.live, purse.held_micros) for purse in (await bench.book()).purses] == [
        ("costly", 0, 0),
        ("overseas", 1, 60 * CENT),
    ]


async def test_ledger_time_never_runs_back(bench: Bench) -> None:
    await bench.at(5000)
    await bench.held(request())
    bench.server_clock_falls_back(86_400)
    assert (await bench.book()).now.timestamp() == T0 + 5000


async def test_money_never_passes_the_rate(bench: Bench) -> None:
    """Dividing by 60 in Lua's doubles agrees with whole numbers up to the largest sums."""
    dear = replace(PER_SECOND, per_minute_micros=999_999_999, connect_micros=999_999_999_999)
    held = await bench.held(replace(request(), rate=dear, seconds=7199))
    assert held.amount_micros == price(dear, 7201)
    assert await bench.settle(answered("a", 691_199)) == Settled(
        state=SettleState.OVERRUN, amount_micros=price(dear, 691_199)
    )


async def test_the_first_call_ever_under_a_novelty_sounds_an_alarm(bench: Bench) -> None:
    first_to_belgium = Denial(kind=DenialKind.NOVELTY, name="country:BE", window=None, left=0, retry_s=0)
    asked = replace(request("a"), novelty="country:BE", purses=costly(lines=0))
    assert await bench.hold(asked) == Denied(denials=(NO_LINE,)), "a denied call is none"
    asked = replace(asked, purses=costly(lines=3), velocities=starts(0, 60, enforced=False))
    no_start = Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=0)
    for _ in range(2):
        assert (await bench.held(asked)).alarms == (no_start, first_to_belgium)
    assert (await bench.held(replace(request("b"), novelty="country:BE"))).alarms == ()
    await bench.void("a")
    assert (await bench.held(replace(request("c"), novelty="country:BE"))).alarms == ()
    assert (await bench.held(replace(request("d"), novelty="country:CH"))).alarms != ()
