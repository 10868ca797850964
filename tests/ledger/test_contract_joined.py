"""The contract of a call that comes to count in more purses while it is up, such as after a transfer to outside."""

from dataclasses import replace

import pytest

from callgate.core.hold import Ceiling, Denial, DenialKind, Denied, Held, Purse, RenewRequest, Unavailable, Window
from ledger.samples import CENT, EURO, Bench, answered, costly, hold_id, local_call, renewal, request, sliced

LONG = sliced(seconds=1800)
NO_LINE_OUTSIDE = Denial(kind=DenialKind.LINES, name="outside", window=None, left=0, retry_s=0)


def outside(cents: int, lines: int | None = None, window: Window = Window.HOUR) -> Purse:
    """The purse of calls that join two outside parties."""
    return Purse(name="outside", ceilings=(Ceiling(window=window, limit_micros=cents * CENT),), concurrent_max=lines)


def joined(purse: Purse, number: int = 1) -> RenewRequest:
    """The next slice of a call that counts in one more purse by now."""
    return replace(renewal(LONG, number), purses=(*LONG.purses, purse))


def no_money_outside(left_cents: int, retry_s: int = 0) -> Denial:
    return Denial(kind=DenialKind.MONEY, name="outside", window=Window.HOUR, left=left_cents * CENT, retry_s=retry_s)


async def test_from_then_on_the_purse_counts_the_whole_call(bench: Bench) -> None:
    await bench.held(LONG)
    await bench.renewed(renewal(LONG, 1))
    assert (await bench.renewed(joined(outside(1000, lines=1), 2))).amount_micros == 182 * CENT
    purse = await bench.purse("outside")
    assert (purse.live, purse.held_micros) == (1, 182 * CENT)
    assert (await bench.renewed(joined(outside(1000, lines=1), 3))).amount_micros == 242 * CENT, "its line is its own"
    assert (await bench.renewed(renewal(LONG, 4))).amount_micros == 302 * CENT, "named or not"
    assert (await bench.purse("outside")).held_micros == 302 * CENT
    await bench.settle(answered("a", 250))
    purse = await bench.purse("outside")
    assert (purse.live, purse.held_micros, purse.hour_micros) == (0, 0, 250 * CENT)
    assert (await bench.audit()).findings == ()


@pytest.mark.parametrize(("cents", "granted"), [(121, 119), (122, 120), (181, 120)])
async def test_the_whole_call_must_fit_the_purse(bench: Bench, cents: int, granted: int) -> None:
    await bench.held(LONG)
    held = await bench.renewed(joined(outside(cents)))
    assert (held.seconds, held.is_final) == (granted, granted < 120)
    assert (await bench.purse("outside")).held_micros == held.amount_micros == (granted + 2) * CENT


@pytest.mark.parametrize(("cents", "partial"), [(0, True), (62, True), (121, False)])
async def test_a_call_that_is_too_dear_already_gets_no_more_and_stays_what_it_was(
    bench: Bench, cents: int, *, partial: bool
) -> None:
    await bench.held(LONG)
    before = await bench.book()
    assert await bench.renew(replace(joined(outside(cents)), partial=partial)) == Denied(
        denials=(no_money_outside(cents),)
    )
    assert await bench.book() == before


async def test_the_purse_says_when_the_whole_call_and_a_second_more_would_fit(bench: Bench) -> None:
    await bench.settle(local_call(hold_id("spent"), 40, purse="outside"))
    await bench.held(LONG)
    assert await bench.renew(joined(outside(102))) == Denied(denials=(no_money_outside(62, 3675),))


async def test_a_purse_whose_lines_are_busy_admits_no_call_that_it_does_not_count_yet(bench: Bench) -> None:
    await bench.held(replace(request("other"), purses=(outside(1000),)))
    await bench.held(LONG)
    denials = (no_money_outside(0), NO_LINE_OUTSIDE)
    assert await bench.renew(joined(outside(60, lines=1))) == Denied(denials=denials), "each limit that was hit"
    assert await bench.renew(joined(outside(1000, lines=1))) == Denied(denials=(NO_LINE_OUTSIDE,))
    await bench.renewed(joined(outside(1000, lines=2)))
    assert (await bench.purse("outside")).live == 2


async def test_five_calls_at_once_that_are_joined_to_outside_do_not_pass_its_ceiling(bench: Bench) -> None:
    """Each renewal was once tested alone: five calls spent 5 times the ceiling and left no trace in the purse."""
    for name in "abcde":
        asked = replace(LONG, hold_id=hold_id(name))
        await bench.held(asked)
        held = await bench.renew(replace(joined(outside(300, lines=2)), hold_id=asked.hold_id))
        assert isinstance(held, Held) == (name in "ab")
    for name in "abcde":
        await bench.settle(answered(name, 120))
    assert (await bench.purse("outside")).hour_micros == 240 * CENT


async def test_a_call_that_has_all_its_time_is_counted_all_the_same(bench: Bench) -> None:
    asked = replace(request(), costly=False, seconds=1800, slice_s=60)
    first = await bench.held(asked)
    purses = (*asked.purses, outside(first.amount_micros // CENT - 1))
    assert isinstance(await bench.renew(replace(renewal(asked, 1), purses=purses)), Denied)
    assert await bench.renew(replace(renewal(asked, 1), purses=(outside(first.amount_micros // CENT),))) == first
    assert (await bench.purse("outside")).held_micros == first.amount_micros


async def test_a_ceiling_without_a_window_counts_the_whole_call(bench: Bench) -> None:
    await bench.held(LONG)
    assert (await bench.renewed(joined(outside(100, window=Window.TOTAL)))).amount_micros == 100 * CENT
    await bench.settle(answered("a", 98))
    assert ((await bench.purse("outside")).total_micros, (await bench.purse()).total_micros) == (98 * CENT, 0)


async def test_a_call_that_lapses_is_booked_in_every_purse_and_corrected_there(bench: Bench) -> None:
    await bench.held(LONG)
    await bench.renewed(joined(outside(1000)))
    await bench.at(1000)
    await bench.lapse()
    assert (await bench.purse("outside")).hour_micros == 122 * CENT
    await bench.settle(answered("a", 70))
    assert (await bench.purse("outside")).hour_micros == (await bench.purse()).hour_micros == 70 * CENT


async def test_a_call_that_ends_for_nothing_frees_every_purse(bench: Bench) -> None:
    await bench.held(LONG)
    await bench.renewed(joined(outside(122, lines=1)))
    again = replace(LONG, hold_id=hold_id("b"), supersedes=LONG.hold_id, purses=(*costly(), outside(62, lines=1)))
    assert (await bench.held(again)).amount_micros == 62 * CENT, "the next trunk attempt takes its place"
    await bench.void("b")
    purse = await bench.purse("outside")
    assert (purse.live, purse.held_micros, purse.hour_micros) == (0, 0, 0)


async def test_the_last_renewal_and_the_hold_again_get_the_same_answer(bench: Bench) -> None:
    await bench.held(LONG)
    more = joined(outside(122, lines=1))
    held = await bench.renewed(more)
    before = await bench.book()
    assert [await bench.renew(more), await bench.hold(LONG)] == [held, held]
    assert await bench.book() == before


async def test_a_call_never_counts_in_more_than_16_purses(bench: Bench) -> None:
    fifteen = tuple(Purse(name=f"purse-{number}") for number in range(15))
    await bench.held(replace(LONG, purses=fifteen[:8]))
    await bench.renewed(replace(renewal(LONG, 1), purses=fifteen[7:]))
    before = await bench.book()
    two_more = replace(renewal(LONG, 2), purses=(Purse(name="17th"), outside(EURO)))
    assert isinstance(await bench.renew(two_more), Unavailable)
    assert await bench.book() == before
    await bench.renewed(replace(two_more, purses=(outside(EURO),)))
    assert len((await bench.book()).purses) == 16
