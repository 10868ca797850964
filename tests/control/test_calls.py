"""Which calls live control knows, and what it makes of what it is told."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.control import calls as calls_module
from callgate.control.calls import LiveCall
from clinic_samples import PARIS, POINTE_A_PITRE
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
