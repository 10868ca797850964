"""What a tightened policy or a transfer to outsiders ends, and what nothing ever ends."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.control.switch import Leg
from callgate.core.attempt import Origin
from callgate.core.locks import Lock, LockScope
from callgate.core.reasons import Reason
from callgate.ledger.base import PurseBook
from clinic_samples import CLINIC, OBSERVING, PARIS, POINTE_A_PITRE
from control.samples import Stage, open_stage
from core.samples import a_lock

NO_OVERSEAS = {'allow = ["FR", "GP",': 'allow = ["FR",'}
NO_PARIS = {"always_refuse = []": 'always_refuse = ["+33142685300"]'}
_NUMBERS = "# [[external_to_external.number]]"


def listed(number: str, day: str = "5.00") -> dict[str, str]:
    return {_NUMBERS: f'[[external_to_external.number]]\nnumber = "{number}"\nday = "{day}"\n{_NUMBERS}'}


LISTED = listed("+590590271212")


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return await open_stage(tmp_path)


def reasons(stage: Stage) -> list[tuple[Reason, ...]]:
    return [row.reasons for row in stage.rows("call.cut")]


async def test_a_tightened_policy_ends_the_calls_it_forbids_within_a_second_and_no_others(stage: Stage) -> None:
    talking, ringing = await stage.talk(POINTE_A_PITRE), await stage.dial(POINTE_A_PITRE)
    national = await stage.talk(PARIS)
    await stage.wait(10)
    await stage.publish(NO_OVERSEAS)
    await stage.wait(1)
    assert {*stage.pbx.ended} == {talking.channel, ringing.channel}
    assert national.channel in stage.pbx.up
    rows = stage.rows("call.cut")
    assert [(row.reasons, row.policy_revision) for row in rows] == [((Reason.COUNTRY_REFUSED,), 2)] * 2
    assert ([row.seconds for row in rows], {row.number for row in rows}) == ([10, 0], {"+59059027••••"})
    assert (await stage.site.purse("overseas")).live == 0


async def test_an_ordinary_call_is_ended_too_if_it_is_forbidden(stage: Stage) -> None:
    await stage.talk(PARIS)
    await stage.publish(NO_PARIS)
    await stage.wait(1)
    assert reasons(stage) == [(Reason.NUMBER_REFUSED,)]


async def test_a_call_on_the_local_allowance_is_ended_too(stage: Stage) -> None:
    stage.store.is_down = True
    leg = await stage.talk(PARIS)
    await stage.wait(1)
    assert leg.channel in stage.pbx.up
    stage.store.is_down = False
    await stage.publish(NO_PARIS)
    await stage.wait(1)
    assert reasons(stage) == [(Reason.NUMBER_REFUSED,)]


async def test_a_call_that_was_granted_by_the_former_policy_is_ended_when_it_appears(stage: Stage) -> None:
    """A lock races the call that was granted and not dialled yet (facts/semantics.md 10)."""
    stage.pbx.unlink()
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.publish(NO_OVERSEAS)
    await stage.site.shelf.fetch(CLINIC)
    stage.pbx.link()
    await stage.wait(0.5)
    assert leg.channel in stage.pbx.ended


async def test_a_policy_that_changes_nothing_for_a_call_leaves_it_alone(stage: Stage) -> None:
    await stage.talk(POINTE_A_PITRE)
    await stage.publish(NO_PARIS)
    await stage.wait(5)
    assert stage.pbx.done == []


async def test_closing_time_ends_no_conversation_for_a_quarter_of_an_hour(stage: Stage) -> None:
    """A new policy at five past closes nothing that closing time left; a call ends then, with its slice and a tone."""
    stage.start_at(timedelta(hours=7, minutes=57))
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(8 * 60)
    await stage.publish(NO_PARIS)
    await stage.wait(9 * 60)
    assert leg.channel in stage.pbx.up
    await stage.wait(3 * 60)
    assert leg.channel in stage.pbx.ended
    assert stage.pbx.told("hang_up") == []
    assert len(stage.pbx.told("warn")) == 1


async def test_a_lock_that_cuts_ends_every_call_but_help(stage: Stage) -> None:
    legs = [await stage.talk(POINTE_A_PITRE), await stage.talk(PARIS), await stage.dial(PARIS)]
    await stage.publish({}, replace(a_lock(), cut=True))
    await stage.wait(1)
    assert {*stage.pbx.ended} == {leg.channel for leg in legs}
    assert reasons(stage) == [(Reason.LOCKED,)] * 3


async def test_a_lock_is_an_order_where_the_policy_is_only_observed(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, OBSERVING)
    leg = await stage.talk(PARIS)
    await stage.publish({**OBSERVING, **NO_PARIS}, replace(a_lock(), cut=True))
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended
    assert reasons(stage) == [(Reason.LOCKED,)]


async def test_a_lock_that_cuts_nobody_leaves_a_costly_call_its_slice_and_an_ordinary_one_alone(stage: Stage) -> None:
    costly, ordinary = await stage.talk(POINTE_A_PITRE), await stage.talk(PARIS)
    await stage.publish({}, a_lock())
    await stage.wait(70)
    assert (stage.pbx.told("hang_up"), stage.pbx.ended) == ([], {costly.channel: 58.0})
    assert [(done.at_s, done.channel) for done in stage.pbx.told("warn")] == [(29.0, costly.channel)]
    assert ordinary.channel in stage.pbx.up


async def test_a_lock_of_one_extension_ends_its_calls_only(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    await stage.publish({}, replace(a_lock(), cut=True, scope=LockScope(extension="102")))
    await stage.wait(2)
    assert leg.channel in stage.pbx.up


async def test_a_cut_that_asterisk_did_not_hear_is_told_again(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stage.pbx.deaf = True
    await stage.publish(NO_PARIS)
    await stage.wait(1)
    assert stage.rows("call.cut") == []
    stage.pbx.deaf = False
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended
    assert len(stage.rows("call.cut")) == 1


async def test_a_broken_journal_keeps_no_call_alive(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stage.site.journal.close()
    stage.site.journal.file.unlink()
    stage.site.journal.file.mkdir()
    await stage.publish(NO_PARIS)
    await stage.look()
    assert leg.channel in stage.pbx.ended


async def test_without_a_link_nobody_asks_and_after_it_the_policy_of_then_counts(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stage.pbx.unlink()
    fetches = stage.store.fetches
    await stage.publish(NO_PARIS)
    await stage.wait(5)
    assert stage.store.fetches == fetches
    stage.pbx.link()
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended


async def test_a_clinic_without_calls_is_not_asked_for(stage: Stage) -> None:
    fetches = stage.store.fetches
    await stage.wait(5)
    assert stage.store.fetches == fetches


async def test_in_a_clinic_that_observes_nothing_is_cut(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, OBSERVING)
    leg = await stage.talk(PARIS)
    await stage.publish({**OBSERVING, **NO_PARIS})
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(3)
    assert stage.pbx.done == []
    await stage.publish(NO_PARIS)
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended, "from now on it is enforced"


async def test_a_restarted_gate_ends_what_was_forbidden_while_it_was_away(stage: Stage) -> None:
    costly, national = await stage.talk(POINTE_A_PITRE), await stage.talk(PARIS)
    await stage.publish(NO_OVERSEAS)
    stage.restart_gate()
    await stage.wait(1)
    assert {*stage.pbx.ended} == {costly.channel}
    assert national.channel in stage.pbx.up


async def test_a_restarted_gate_does_not_end_a_call_because_it_lost_its_origin(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    stage.pbx.change(leg, origin=Origin.UNKNOWN, extension="")
    stage.restart_gate()
    await stage.wait(5)
    assert leg.channel in stage.pbx.up


# Calls that the dialplan let go by itself while no gate answered.

NIGHT = {'outside = "national"': 'outside = "emergency"'}


async def let_go(stage: Stage) -> Leg:
    """Such a call, and a gate that comes back a moment later."""
    leg = Leg(
        channel="PJSIP/carrier-a-000000ff",
        uniqueid="1795000000.255",
        linkedid="",
        endpoint="carrier-a",
        dialled="+33142685300",
        grant=f"local:22222222-2222-4222-8222-222222222222.{int(stage.site.now.timestamp())}",
        entry="callgate",
        extension="101",
        origin=Origin.EXTENSION,
        answered=stage.site.now,
        is_new=True,
    )
    stage.pbx.is_up = False
    stage.pbx.begin(leg, 900)
    await stage.wait(2)
    stage.restart_gate()
    await stage.wait(2)
    return leg


def lock(stage: Stage, *, extension: str = "", ago: timedelta = timedelta(0)) -> Lock:
    return replace(a_lock(extension=extension, cut=True), at=stage.site.now - ago)


@pytest.mark.parametrize("policy", [NO_PARIS, NIGHT], ids=["a number that is refused", "out of hours"])
async def test_a_call_let_go_without_a_gate_is_ended_by_no_policy_but_one_that_is_made_since(
    stage: Stage, policy: Mapping[str, str]
) -> None:
    """It was once hung up in the middle of a sentence as soon as the gate was back."""
    stage.start_at(timedelta(hours=11))
    await stage.publish(policy)
    stage.start_at(timedelta(seconds=1))
    leg = await let_go(stage)
    await stage.publish(policy, lock(stage, extension="102"))
    await stage.wait(2)
    assert leg.channel in stage.pbx.up, "a lock of another line is no other policy"
    await stage.publish({**policy, "costly   = 1800": "costly = 1700"})
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended


async def test_a_call_let_go_without_a_gate_is_ended_by_no_lock_but_one_that_is_made_since(stage: Stage) -> None:
    earlier = lock(stage, ago=timedelta(seconds=1))
    await stage.publish({}, earlier)
    leg = await let_go(stage)
    await stage.publish({}, earlier, lock(stage, extension="102"))
    await stage.wait(1)
    assert leg.channel in stage.pbx.up
    await stage.publish({}, lock(stage))
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended
    assert reasons(stage) == [(Reason.LOCKED,)]


async def test_a_call_let_go_without_a_gate_and_left_to_outsiders_is_judged_as_theirs(stage: Stage) -> None:
    leg = await let_go(stage)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(1)
    assert reasons(stage) == [(Reason.EXTERNAL_TO_EXTERNAL,)]


# Calls left to outside parties.


async def test_a_costly_call_left_to_outsiders_is_ended_within_a_second(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(10)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended
    assert reasons(stage) == [(Reason.EXTERNAL_TO_EXTERNAL,)]


@pytest.mark.parametrize(
    ("dialled", "policy"),
    [(POINTE_A_PITRE, LISTED), (PARIS, listed("+33142685300"))],
    ids=["a costly call", "an ordinary call"],
)
async def test_where_it_is_permitted_the_whole_call_counts_in_the_numbers_own_purse(
    tmp_path: Path, dialled: str, policy: Mapping[str, str]
) -> None:
    stage = await open_stage(tmp_path, policy)
    leg = await stage.talk(dialled)
    await stage.wait(10)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(1)
    purses = {purse.name.partition(":")[0]: purse for purse in (await stage.site.book()).purses}
    assert (purses["external"].live, purses["external_to_external"].live) == (1, 1)
    await stage.wait(100)
    assert leg.channel in stage.pbx.up
    cost = stage.price(leg, 111)
    stage.pbx.end(leg.channel)
    await stage.settle()
    purses = {purse.name.partition(":")[0]: purse for purse in (await stage.site.book()).purses}
    assert (purses["external"].day_micros, purses["external"].live) == (cost, 0)


async def test_where_its_purse_pays_for_no_more_it_ends_with_what_it_was_granted(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, listed("+590590271212", "0.40"))
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(10)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(50)
    assert reasons(stage) == []
    assert (stage.pbx.ended[leg.channel], [done.at_s for done in stage.pbx.told("warn")]) == (58.0, [43.0])
    assert (await external(stage)).day_micros == 250_000


async def test_where_its_purse_does_not_even_pay_for_that_it_is_ended(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, listed("+590590271212", "0.20"))
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(10)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(1)
    assert leg.channel in stage.pbx.ended
    (row,) = stage.rows("call.cut")
    assert row.reasons == (Reason.EXTERNAL_TO_EXTERNAL,)
    assert [(limit.name.partition(":")[0], limit.left) for limit in row.limits] == [("external", 200_000)]


async def test_without_the_store_a_call_left_to_outsiders_is_charged_when_that_is_back(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, listed("+33142685300"))
    leg = await stage.talk(PARIS)
    stage.store.is_down = True
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(30)
    assert leg.channel in stage.pbx.up, "in doubt nobody is hung up"
    stage.store.is_down = False
    await stage.wait(1)
    assert (await external(stage)).live == 1


async def test_a_call_of_the_former_gate_is_charged_once_its_hold_is_known(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, listed("+33142685300"))
    leg = await stage.talk(PARIS)
    stage.restart_gate()
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(2)
    assert (await external(stage)).live == 1


async def test_a_call_that_was_outsiders_from_the_start_is_not_judged_again(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, LISTED)
    leg = await stage.talk(POINTE_A_PITRE, origin=Origin.EXTERNAL)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(2)
    assert stage.store.renewals == 0
    assert stage.pbx.done == []


async def test_a_call_whose_hold_is_gone_is_not_ended_for_that_at_once(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, LISTED)
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.store.void(CLINIC, leg.grant)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.wait(2)
    assert leg.channel in stage.pbx.up


# Conversations with an emergency call.


async def test_nothing_ends_a_leg_that_came_into_one_conversation_with_an_emergency_call(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(10)
    stage.pbx.watcher.with_emergency(leg)
    stage.pbx.watcher.between_outsiders(leg)
    await stage.publish(NO_OVERSEAS)
    await stage.store.void(CLINIC, leg.grant)
    for _ in range(5):
        await stage.wait(60)
        await stage.control.reconciliation.look()
    assert [(done.what, done.seconds) for done in stage.pbx.done] == [("limit", 0)]
    assert leg.channel in stage.pbx.up


async def test_its_timer_is_taken_off_until_asterisk_has_done_it(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stage.pbx.deaf = True
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(1)
    stage.pbx.deaf = False
    await stage.wait(1)
    stage.pbx.watcher.with_emergency(leg)
    await stage.wait(1)
    assert len(stage.pbx.told("limit")) == 5
    assert leg.channel not in stage.pbx.ends_at


async def test_a_leg_of_nobodys_grant_is_freed_too(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    stage.pbx.end(leg.channel)
    forged = replace(leg, channel="PJSIP/carrier-a-000000ff", uniqueid="1795000000.255", grant="forged")
    stage.pbx.begin(forged, 10)
    stage.pbx.watcher.with_emergency(forged)
    await stage.wait(60)
    assert forged.channel in stage.pbx.up


async def external(stage: Stage) -> PurseBook:
    """The purse of calls between outsiders."""
    return next(purse for purse in (await stage.site.book()).purses if purse.name.startswith("external:"))
