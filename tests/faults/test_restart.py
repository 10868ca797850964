"""A new version, or a restart, while twenty calls are up and others come."""

import asyncio
import time

import pytest

import practice
from callgate.core.reasons import Reason
from callgate.journal import JournalRow
from faults.gate_process import REPLACED, SERVING, next_workers, said
from faults.matrix import proves
from faults.stage import REUNION, REUNION_WIRE, Stage
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system.rig import IVORY_COAST, PARIS, WITHIN_S, wait_for

pytestmark = pytest.mark.system

LIVE = 19
"""Ordinary calls; with the costly one there are twenty."""
RELOADS = 18
WHOLE = 2
BETWEEN_CALLS_S = 0.2
SLICE_S = 60
HANGS_UP_AFTER_S = 95.0
"""In the middle of a minute, so that both sides round to the same one."""


@pytest.fixture
def extra() -> practice.Practice:
    """A practice of many lines, whose gate has its hand on live calls and whose money lasts."""
    policy = practice.with_table(practice.preset(), "limits.concurrent", "clinic = 40\noverseas = 2")
    policy = practice.with_table(policy, "ceilings.national", 'day = "200.00"\nweek = "600.00"')
    return practice.Practice(control=True, policy=policy)


async def answered(phone: Phone, dialled: str) -> OutgoingCall:
    call = phone.call(dialled)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    await call.wait_joined(WITHIN_S)
    return call


async def reload_under_load(stage: Stage, phone: Phone) -> int:
    """Hand over so often while calls come; gives how many came."""
    calls: list[OutgoingCall] = []
    for _ in range(RELOADS):
        reloading = asyncio.create_task(asyncio.to_thread(next_workers, stage))
        while not reloading.done():
            calls.append(phone.call(IVORY_COAST))
            await asyncio.sleep(BETWEEN_CALLS_S)
        await reloading
    for call in calls:
        assert (await call.wait_for_final(2 * WITHIN_S)).code == 403
    return len(calls)


def restart_whole(stage: Stage) -> None:
    stage.rig.lab.gate_stop()
    stage.rig.lab.gate_start()


@proves(13)
async def test_of_twenty_calls_that_are_up_none_is_dropped_and_no_hold_lost_in_twenty_restarts(stage: Stage) -> None:
    """The costly one lives from slice to slice: whoever has taken over must renew it."""
    refused = len(stage.rig.rows("call.refused"))
    async with stage.during(lambda: None, lambda: None), stage.rig.phones("102", "103") as (other, loading):
        costly = await answered(stage.phone, REUNION)
        began = time.monotonic()
        calls = [await answered(other, PARIS) for _ in range(LIVE)]
        dialled = await reload_under_load(stage, loading)
        for _ in range(WHOLE):
            await asyncio.to_thread(restart_whole, stage)
        await asyncio.sleep(max(0.0, began + HANGS_UP_AFTER_S - time.monotonic()))
        assert [call.ending for call in (costly, *calls)] == [None] * (LIVE + 1)
        holds = (await stage.book()).holds
        assert len(holds) == LIVE + 1
        assert max(hold.renewals for hold in holds) >= 1, "the costly one was renewed"
        for call in (costly, *calls):
            call.hang_up()
        await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in (costly, *calls)))
    rows = await asyncio.to_thread(wait_for, lambda: _of_load(stage, refused, dialled))
    assert {row.reasons[0] for row in rows} == {Reason.COUNTRY_REFUSED}, "each was decided"
    ended = await stage.rig.logged("ended", REUNION_WIRE)
    assert ended.duration_s > SLICE_S
    assert said(stage, REPLACED) == []
    restarts = len(said(stage, SERVING)) // practice.WORKERS - 1
    stage.saw(f"{LIVE + 1} calls up, {restarts} restarts, {dialled} calls meanwhile all decided")


def _of_load(stage: Stage, before: int, dialled: int) -> list[JournalRow]:
    rows = stage.rig.rows("call.refused")[before:]
    return rows if sum(row.count for row in rows) >= dialled else []
