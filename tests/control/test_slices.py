"""Costly calls go on slice by slice: never more than one ahead, and nobody is cut without a warning."""

from pathlib import Path

import pytest

from clinic_samples import CLINIC, OBSERVING, PARIS, POINTE_A_PITRE
from control.samples import Stage, open_stage

ONE_EURO = {'hour           = "10.00"': 'hour = "1.00"'}


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return await open_stage(tmp_path)


def warned_at(stage: Stage) -> list[float]:
    return [done.at_s for done in stage.pbx.told("warn")]


async def test_a_costly_call_goes_on_as_long_as_it_may_in_steps_of_half_a_slice(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(125)
    limits = stage.pbx.told("limit")
    assert [(done.at_s, done.seconds) for done in limits] == [(29.0, 60), (59.0, 59), (88.5, 59), (118.25, 59)]
    assert leg.channel in stage.pbx.up
    assert warned_at(stage) == []


async def test_it_never_holds_more_than_a_slice_beyond_what_is_spoken_and_pays_what_it_lasted(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    for second in range(1, 300):
        await stage.wait(1)
        hold = await stage.hold(leg)
        assert hold is not None
        assert second < hold.seconds <= second + 60, second
        assert stage.pbx.ends_at[leg.channel] <= hold.seconds
        assert stage.price(leg, second) <= hold.amount_micros <= stage.price(leg, second + 62)
    cost = stage.price(leg, 300)
    await stage.wait(0.75)
    stage.pbx.end(leg.channel)
    await stage.settle()
    assert (await stage.site.purse("overseas")).day_micros == cost
    assert await stage.hold(leg) is None


async def test_ringing_is_no_part_of_a_slice(stage: Stage) -> None:
    leg = await stage.dial(POINTE_A_PITRE)
    await stage.wait(40)
    assert stage.pbx.done == []
    stage.answer(leg)
    await stage.wait(35)
    assert [done.at_s for done in stage.pbx.told("limit")] == [69.0]


async def test_an_ordinary_call_is_left_alone(stage: Stage) -> None:
    await stage.talk(PARIS)
    await stage.wait(90)
    assert (stage.pbx.done, stage.store.renewals) == ([], 0)


async def test_the_longest_call_is_warned_before_its_end(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, {"costly   = 1800": "costly = 100"})
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(110)
    assert warned_at(stage) == [85.0]
    assert stage.pbx.ended[leg.channel] == 100.0


async def test_a_call_that_was_granted_in_full_before_the_link_came_up_is_warned_too(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, {"costly   = 1800": "costly = 100"})
    stage.pbx.unlink()
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.link()
    await stage.wait(110)
    assert (warned_at(stage), stage.pbx.ended[leg.channel]) == ([85.0], 100.0)
    assert stage.store.renewals == 0


async def test_a_ceiling_that_is_used_up_warns_at_once_and_ends_the_call_with_its_slice(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, ONE_EURO)
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(400)
    # A quarter a minute: four are paid, and the last one is not begun.
    assert 237 <= stage.pbx.ended[leg.channel] <= 238
    assert warned_at(stage) == [208.25]
    assert (await stage.site.purse("overseas")).day_micros == 1_000_000


async def test_two_calls_share_what_is_left_and_both_are_warned(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, ONE_EURO)
    first, second = await stage.talk(POINTE_A_PITRE), await stage.talk(POINTE_A_PITRE)
    await stage.wait(200)
    ends = [stage.pbx.ended[leg.channel] for leg in (first, second)]
    assert sorted(ends) == [118.0, 118.0]
    assert len(warned_at(stage)) == 2
    assert all(end - at_s >= 10 for end, at_s in zip(sorted(ends), warned_at(stage), strict=True))
    assert (await stage.site.purse("overseas")).day_micros == 1_000_000


async def test_without_the_store_each_costly_call_is_warned_and_ends_within_its_slice(stage: Stage) -> None:
    costly, national = await stage.talk(POINTE_A_PITRE), await stage.talk(PARIS)
    await stage.wait(45)
    stage.store.is_down = True
    await stage.wait(100)
    assert stage.pbx.ended[costly.channel] == 89.0
    assert warned_at(stage) == [59.0]
    assert national.channel in stage.pbx.up
    assert 5 <= stage.store.renewals <= 8, "it is asked again as long as there is time, and not every moment"


async def test_a_store_that_comes_back_in_time_saves_the_call(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.store.is_down = True
    await stage.wait(40)
    assert warned_at(stage) == [29.0]
    stage.store.is_down = False
    await stage.wait(60)
    assert leg.channel in stage.pbx.up
    assert warned_at(stage) == [29.0]


async def test_a_ledger_that_lost_something_lengthens_no_call(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.store.is_frozen = True
    await stage.wait(100)
    assert (warned_at(stage), stage.pbx.ended[leg.channel]) == ([29.0], 58.0)


async def test_a_renewal_judged_by_an_outdated_policy_is_judged_again_at_once(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(28.75)
    await stage.publish({"costly   = 1800": "costly = 1700"})
    stage.clock.s += 0.25
    await stage.control.slices.look()
    assert [done.what for done in stage.pbx.done] == ["limit"]
    assert stage.store.renewals == 2
    assert leg.channel in stage.pbx.up


async def test_without_a_link_nothing_is_asked_that_could_not_be_armed(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.unlink()
    await stage.wait(45)
    assert stage.store.renewals == 0
    stage.pbx.link()
    await stage.wait(30)
    assert leg.channel in stage.pbx.up


async def test_a_limit_that_asterisk_did_not_take_is_told_again(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.deaf = True
    await stage.wait(35)
    stage.pbx.deaf = False
    await stage.wait(20)
    assert leg.channel in stage.pbx.up
    assert stage.pbx.ends_at[leg.channel] > 80
    assert stage.store.renewals == 1


async def test_no_limit_is_ever_none(tmp_path: Path) -> None:
    """`TIMEOUT(absolute)` of 0 is no limit at all, and a part of a second is one second."""
    stage = await open_stage(tmp_path, {"costly   = 1800": "costly = 80"})
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.deaf = True
    await stage.wait(35)
    stage.pbx.ends_at[leg.channel] = 1000.0
    await stage.wait(44.25)
    stage.pbx.deaf = False
    await stage.wait(5)
    assert stage.pbx.told("limit")[-1].seconds == 1
    assert 80 <= stage.pbx.ended[leg.channel] <= 82, "within the margin that is paid"


@pytest.mark.parametrize("dialled", [POINTE_A_PITRE, PARIS])
async def test_in_a_clinic_that_only_observes_nobody_is_warned_or_cut(tmp_path: Path, dialled: str) -> None:
    stage = await open_stage(tmp_path, {**OBSERVING, "costly   = 1800": "costly = 100"})
    await stage.talk(dialled)
    await stage.wait(95)
    assert stage.pbx.done == []


# After a restart.


async def test_a_gate_that_was_restarted_takes_its_calls_up_again(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(40)
    stage.restart_gate()
    await stage.wait(100)
    assert leg.channel in stage.pbx.up
    hold = await stage.hold(leg)
    assert hold is not None
    assert 140 < hold.seconds <= 200
    assert warned_at(stage) == []


async def test_a_limit_that_a_gate_died_before_arming_is_armed_by_the_next(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.deaf = True
    await stage.wait(29.5)
    stage.pbx.deaf = False
    stage.restart_gate()
    await stage.wait(28)
    assert stage.pbx.ends_at[leg.channel] > 88


async def test_a_restarted_gate_waits_for_a_store_that_is_away(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(20)
    stage.store.is_down = True
    stage.restart_gate()
    await stage.wait(20)
    stage.store.is_down = False
    await stage.wait(40)
    assert leg.channel in stage.pbx.up


async def test_a_call_the_ledger_does_not_hold_gets_no_more_time(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.store.void(CLINIC, leg.grant)
    await stage.wait(65)
    assert stage.pbx.ended[leg.channel] == 58.0
