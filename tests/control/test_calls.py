"""Which calls live control knows, and what it makes of what it is told."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.control import calls as calls_module
from callgate.control.calls import LiveCall
from callgate.control.switch import Leg
from clinic_samples import CLINIC, PARIS, POINTE_A_PITRE
from control.samples import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return await open_stage(tmp_path)


def known(stage: Stage) -> dict[str, LiveCall]:
    return {call.leg.channel: call for call in stage.control.calls.live.values()}


@pytest.mark.parametrize("grant", ["", "emergency"])
async def test_a_leg_without_a_grant_and_an_emergency_call_are_none_of_its_business(stage: Stage, grant: str) -> None:
    leg = await stage.dial(PARIS)
    stage.pbx.begin(replace(leg, channel="other", uniqueid="1795000000.99", grant=grant), 60)
    assert {*known(stage)} == {leg.channel}


async def test_a_grant_nobody_can_make_out_is_none_either(stage: Stage) -> None:
    leg = await stage.dial(PARIS)
    stage.pbx.begin(replace(leg, channel="other", uniqueid="1795000000.99", grant="pbx1.x.1.7", entry="unknown"), 60)
    assert {*known(stage)} == {leg.channel}


async def test_a_grant_of_an_earlier_run_is_made_out_when_its_number_is_told(stage: Stage) -> None:
    """It was nobody's call, got no second slice, and was cut by its first."""
    leg = await stage.dial(POINTE_A_PITRE)
    for call in known(stage).values():
        stage.control.calls.ended(call.leg)
    stage.control.calls.began(replace(leg, dialled=""))
    assert known(stage) == {}
    stage.control.calls.numbered(replace(leg, answered=stage.site.now))
    (call,) = known(stage).values()
    assert (call.issued.number, call.answered_s) == (leg.dialled, stage.clock.s)
    stage.control.calls.numbered(leg)
    assert known(stage) == {leg.channel: call}


async def test_a_grant_that_is_used_twice_stays_the_first_ones(stage: Stage) -> None:
    """The second is the guard's; when that has hung it up, the first call goes on."""
    leg = await stage.talk(POINTE_A_PITRE)
    forged = replace(leg, channel="forged", uniqueid="1795000000.99")
    stage.pbx.begin(forged, 60)
    stage.pbx.lost.add("forged")
    stage.pbx.end("forged")
    assert {*known(stage)} == {leg.channel}
    await stage.wait(65)
    assert leg.channel in stage.pbx.up


async def test_a_name_that_asterisk_gives_again_after_its_restart_is_another_call(stage: Stage) -> None:
    first = await stage.talk(POINTE_A_PITRE)
    stage.pbx.watcher.with_emergency(first)
    stage.pbx.unlink()
    stage.pbx.end(first.channel)
    second = replace(await stage.dial(PARIS), channel=first.channel)
    stage.pbx.up = {first.channel: second}
    stage.pbx.link()
    (call,) = stage.control.calls.live.values()
    assert call.leg.uniqueid == second.uniqueid
    assert stage.control.calls.can_touch(call)
    assert stage.control.calls.unfreed == {}


async def test_how_long_a_call_has_talked_is_known_from_its_leg_whenever_that_is_found(stage: Stage) -> None:
    await stage.talk(POINTE_A_PITRE)
    await stage.wait(20)
    stage.restart_gate()
    (call,) = known(stage).values()
    assert call.talked_s(stage.clock.s) == 20.0
    stage.pbx.watcher.began(call.leg)
    await stage.wait(5)
    assert call.talked_s(stage.clock.s) == 25.0
    assert call.progress(stage.clock.s).elapsed_s == 25


async def test_a_clock_that_was_set_makes_no_call_longer(stage: Stage) -> None:
    leg = await stage.dial(POINTE_A_PITRE)
    stage.pbx.answer(leg, stage.site.now + timedelta(hours=1), 58)
    await stage.wait(10)
    assert known(stage)[leg.channel].talked_s(stage.clock.s) == 10.0


@pytest.mark.parametrize("step", [timedelta(minutes=-40), timedelta(minutes=10), timedelta(minutes=40)])
async def test_a_call_found_after_a_clock_was_set_goes_on_within_what_is_paid(stage: Stage, step: timedelta) -> None:
    """Its answer is known by the wall clock only: the limit was once set to a second, and a paid call ended."""
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(40)
    stage.began += step
    stage.site.now += step
    stage.restart_gate()
    await stage.wait(10)
    hold = await stage.hold(leg)
    assert hold is not None
    assert 60 < stage.pbx.ends_at[leg.channel] <= hold.seconds
    assert (known(stage)[leg.channel].talked_s(stage.clock.s) <= hold.seconds, stage.pbx.told("warn")) == (True, [])


async def test_a_call_granted_before_the_link_came_up_and_the_clock_was_set_goes_on_too(stage: Stage) -> None:
    leg = await stage.dial(POINTE_A_PITRE)
    stage.pbx.unlink()
    stage.answer(leg)
    stage.began += timedelta(minutes=40)
    stage.site.now = stage.began
    stage.pbx.link()
    await stage.wait(70)
    assert leg.channel in stage.pbx.up


async def test_news_of_a_leg_it_does_not_know_changes_nothing(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stranger = replace(leg, channel="stranger", uniqueid="1795000000.99", grant="")
    for told in (stage.pbx.watcher.answered, stage.pbx.watcher.between_outsiders, stage.pbx.watcher.ended):
        told(stranger)
    assert {*known(stage)} == {leg.channel}


async def test_a_call_that_ended_while_the_link_was_lost_was_seen_when_it_was_lost(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(10)
    stage.pbx.unlink()
    await stage.wait(20)
    stage.pbx.end(leg.channel)
    stage.pbx.link()
    assert stage.control.calls.gone == {leg.grant: 10.0}
    assert stage.gate.grants.get(leg.grant) is None


async def test_so_many_that_are_gone_are_remembered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "GONE_MAX", 2)
    legs = [await stage.talk(PARIS) for _ in range(3)]
    for leg in legs:
        stage.pbx.end(leg.channel)
    assert [*stage.control.calls.gone] == [leg.grant for leg in legs[1:]]


async def test_a_call_on_the_local_allowance_leaves_no_hold_behind(stage: Stage) -> None:
    stage.store.is_down = True
    leg = await stage.talk(PARIS)
    await stage.wait(1)
    stage.pbx.end(leg.channel)
    assert (known(stage), stage.control.calls.gone) == ({}, {})


# Calls that help is with, or was.

ONE_EURO = {'hour           = "10.00"': 'hour = "1.00"'}
NO_OVERSEAS = {'allow = ["FR", "GP",': 'allow = ["FR",'}


def limits(stage: Stage) -> list[tuple[float, int]]:
    return [(done.at_s, done.seconds) for done in stage.pbx.told("limit")]


async def helped(stage: Stage, leg: Leg, seconds: float) -> None:
    """Help is with a leg for a while."""
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(seconds)
    stage.pbx.watcher.without_emergency(leg)


async def test_while_help_is_with_it_a_costly_call_is_charged_slice_by_slice_and_has_no_limit(stage: Stage) -> None:
    """It was once limitless and uncharged: its hold lapsed, and the line was free for the next one."""
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(10)
    stage.pbx.watcher.with_emergency(leg)
    for _ in range(10):
        await stage.wait(30)
        hold = await stage.hold(leg)
        assert hold is not None
        assert stage.clock.s < hold.seconds <= stage.clock.s + 60
        assert hold.amount_micros >= stage.price(leg, int(stage.clock.s))
    assert (limits(stage), stage.pbx.told("warn"), stage.pbx.ends_at) == ([(10.25, 0)], [], {})


async def test_what_the_ledger_refuses_then_is_asked_for_again_and_ends_nothing(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, ONE_EURO)
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(200)
    stage.store.is_down = True
    renewals = stage.store.renewals
    await stage.wait(200)
    assert stage.store.renewals >= renewals + 30
    assert (leg.channel in stage.pbx.up, stage.pbx.told("warn"), limits(stage)) == (True, [], [(0.25, 0)])


async def test_when_help_has_left_a_call_it_is_armed_with_what_is_held_and_goes_on(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await helped(stage, leg, 100)
    await stage.wait(0.25)
    hold = await stage.hold(leg)
    assert hold is not None
    (_, freed), (at_s, seconds) = limits(stage)
    assert (freed, at_s) == (0, 100.25)
    assert 30 <= seconds <= hold.seconds - 100
    await stage.wait(200)
    assert (leg.channel in stage.pbx.up, stage.pbx.told("warn")) == (True, [])


@pytest.mark.parametrize("seconds", [300, 900], ids=["its hold is live", "its hold has lapsed"])
async def test_when_nothing_is_left_it_is_warned_and_has_fifteen_seconds_yet(tmp_path: Path, seconds: int) -> None:
    stage = await open_stage(tmp_path, ONE_EURO)
    leg = await stage.talk(POINTE_A_PITRE)
    await helped(stage, leg, seconds)
    for _ in range(4):
        await stage.wait(5)
        await stage.control.reconciliation.look()
    (warned,) = stage.pbx.told("warn")
    ended = stage.pbx.ended[leg.channel]
    assert 15 <= ended - seconds <= 16.25
    assert ended - warned.at_s >= 14.5
    assert stage.pbx.told("hang_up") == []


async def test_a_lock_or_a_policy_of_meanwhile_ends_it_when_help_has_left(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.watcher.with_emergency(leg)
    await stage.publish(NO_OVERSEAS)
    await stage.wait(30)
    assert leg.channel in stage.pbx.up
    stage.pbx.watcher.without_emergency(leg)
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended


@pytest.mark.parametrize("is_lent", [False, True], ids=["held", "on the local allowance"])
async def test_an_ordinary_call_has_its_old_limit_again(stage: Stage, *, is_lent: bool) -> None:
    stage.store.is_down = is_lent
    leg = await stage.talk(PARIS)
    await helped(stage, leg, 100)
    await stage.wait(1)
    (_, (_, seconds)) = limits(stage)
    assert seconds == stage.granted[leg.channel] - 101
    assert stage.store.renewals == 0


async def test_a_limit_that_asterisk_did_not_take_when_help_had_left_is_told_again(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(10)
    stage.pbx.deaf = True
    stage.pbx.watcher.without_emergency(leg)
    await stage.wait(5)
    stage.pbx.deaf = False
    await stage.wait(2)
    assert leg.channel in stage.pbx.ends_at


async def test_help_that_leaves_while_a_call_is_looked_after_is_not_overlooked(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(20)
    call = known(stage)[leg.channel]
    async with call.lock:
        call.next_s = 0.0
        looking = asyncio.create_task(stage.control.slices.look())
        await asyncio.sleep(0)
    await stage.store.void(CLINIC, leg.grant)
    stage.pbx.watcher.without_emergency(leg)
    await looking
    await stage.wait(1)
    assert leg.channel in stage.pbx.ends_at


async def test_after_a_lost_link_help_is_with_those_it_is_found_with(stage: Stage) -> None:
    with_help, without = await stage.talk(POINTE_A_PITRE), await stage.talk(POINTE_A_PITRE)
    for leg in (with_help, without):
        stage.pbx.watcher.with_emergency(leg)
    await stage.wait(10)
    stage.pbx.unlink()
    stage.pbx.watcher.with_emergency(with_help)
    stage.pbx.link()
    await stage.wait(1)
    assert {*stage.pbx.ends_at} == {without.channel}


@pytest.mark.parametrize("is_helped", [True, False])
async def test_a_restarted_gate_arms_a_call_whose_help_left_while_it_was_away(
    tmp_path: Path, *, is_helped: bool
) -> None:
    """Nobody knows of its help any more, and its ceiling is used up: without a limit it would go on for ever."""
    stage = await open_stage(tmp_path, ONE_EURO)
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(300)
    stage.restart_gate()
    if is_helped:
        stage.pbx.watcher.with_emergency(leg)
    await stage.wait(40)
    assert (leg.channel in stage.pbx.up, len(stage.pbx.told("warn"))) == ((True, 0) if is_helped else (False, 1))


async def test_a_restarted_gate_asks_until_it_knows_whether_a_call_has_a_limit(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    del stage.pbx.ends_at[leg.channel]
    stage.pbx.deaf = True
    stage.restart_gate()
    await stage.wait(3)
    stage.pbx.deaf = False
    await stage.wait(3)
    assert leg.channel in stage.pbx.ends_at
