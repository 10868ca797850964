"""A new version, or a restart, while twenty calls are up and others come."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

import practice
from callgate.core.reasons import Reason
from callgate.core.wire import mask
from callgate.journal import JournalRow
from faults.gate_process import REPLACED, SERVING, next_workers, said
from faults.matrix import proves
from faults.stage import REUNION, REUNION_WIRE, Stage, is_measured
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system.rig import IVORY_COAST, MOBILE, PARIS, WITHIN_S, wait_for

pytestmark = pytest.mark.system

LIVE = 19
"""Ordinary calls; with the costly one there are twenty."""
RELOADS = 18
WHOLE = 2
BETWEEN_CALLS_S = 0.2
SLICE_S = 60
HANGS_UP_AFTER_S = 95.0
"""In the middle of a minute, so that both sides round to the same one."""
MOBILE_WIRE = "+33612345678"
GRANTED, LOCAL, REFUSED = "call.granted", "call.local", "call.refused"
LATE = {(GRANTED, Reason.LOCAL_ALLOWANCE), (REFUSED, Reason.GATE_UNAVAILABLE), (LOCAL,)}
"""What becomes of calls that a busy machine's store or worker answers too late: the outcome is the same."""


@pytest.fixture
def extra() -> practice.Practice:
    """A practice of many lines, whose gate has its hand on live calls and whose money and allowance last."""
    policy = practice.with_table(practice.preset(), "limits.concurrent", "clinic = 40\noverseas = 2")
    policy = practice.with_table(policy, "ceilings.national", 'day = "200.00"\nweek = "600.00"')
    policy = practice.with_table(
        policy, "when_the_ledger_is_down.ordinary", 'calls = 300\nper = "60s"\ntotal = "50.00"'
    )
    return practice.Practice(control=True, policy=policy)


async def answered(phone: Phone, dialled: str) -> OutgoingCall:
    call = phone.call(dialled)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    await call.wait_joined(WITHIN_S)
    return call


@dataclass(kw_only=True)
class Load:
    """Calls of one phone that come all the while: by turns one that is forbidden and an ordinary one."""

    stage: Stage
    phone: Phone
    forbidden: int = 0
    ordinary: int = 0
    _calls: list[asyncio.Task[None]] = field(default_factory=list)

    async def during(self, work: Callable[[], None]) -> None:
        """Place calls as long as something is done, and wait until each has had its right outcome."""
        working = asyncio.create_task(asyncio.to_thread(work))
        while not working.done():
            self._calls.append(asyncio.create_task(_is_refused(self.phone.call(IVORY_COAST))))
            self.forbidden += 1
            await asyncio.sleep(BETWEEN_CALLS_S)
            self._calls.append(asyncio.create_task(_goes(self.phone.call(MOBILE))))
            self.ordinary += 1
            await asyncio.sleep(BETWEEN_CALLS_S)
        await working
        await asyncio.gather(*self._calls)
        assert len(self.stage.rig.lab.invites(MOBILE_WIRE)) == self.ordinary

    async def rows(self) -> list[JournalRow]:
        """What the journal has of them, once it has every one; what was refused alone may come in a counted row."""
        return await asyncio.to_thread(wait_for, self._rows, 2 * WITHIN_S)

    def _rows(self) -> list[JournalRow]:
        rows = self.stage.rig.rows()
        refused = [row for row in rows if row.event == REFUSED]
        gone = [row for row in rows if row.event in {GRANTED, LOCAL} and row.number == mask(MOBILE_WIRE)]
        is_whole = sum(row.count for row in refused) >= self.forbidden and len(gone) >= self.ordinary
        return refused + gone if is_whole else []


async def _is_refused(call: OutgoingCall) -> None:
    assert (await call.wait_for_final(2 * WITHIN_S)).code == 403


async def _goes(call: OutgoingCall) -> None:
    assert (await call.wait_for_final(2 * WITHIN_S)).code == 200
    call.hang_up()
    await call.wait_ended(WITHIN_S)


def reload_often(stage: Stage) -> None:
    for _ in range(RELOADS):
        next_workers(stage)


def restart_whole(stage: Stage) -> None:
    for _ in range(WHOLE):
        stage.rig.lab.gate_stop()
        stage.rig.lab.gate_start()


@proves(13)
async def test_of_twenty_calls_that_are_up_none_is_dropped_and_no_hold_lost_in_twenty_restarts(stage: Stage) -> None:
    """The costly one lives from slice to slice: whoever has taken over must renew it.

    A call that comes while workers hand over is decided; one that comes while no gate is there falls to the contract.
    """
    async with stage.during(lambda: None, lambda: None), stage.rig.phones("102", "103") as (other, loading):
        costly = await answered(stage.phone, REUNION)
        began = time.monotonic()
        calls = [await answered(other, PARIS) for _ in range(LIVE)]
        load = Load(stage=stage, phone=loading)
        await load.during(lambda: reload_often(stage))
        decided = await load.rows()
        verdicts = {(row.event, *row.reasons[:1]) for row in decided}
        if not is_measured():
            verdicts -= LATE
        assert verdicts == {(REFUSED, Reason.COUNTRY_REFUSED), (GRANTED,)}, "each was decided"
        await load.during(lambda: restart_whole(stage))
        fallen = [row for row in await load.rows() if row.event == LOCAL or row.reasons == (Reason.GATE_UNAVAILABLE,)]
        assert {row.event for row in fallen} == {LOCAL, REFUSED}, "no call came while no gate was there"
        await asyncio.sleep(max(0.0, began + HANGS_UP_AFTER_S - time.monotonic()))
        assert [call.ending for call in (costly, *calls)] == [None] * (LIVE + 1)
        holds = (await stage.book()).holds
        assert len(holds) == LIVE + 1
        assert max(hold.renewals for hold in holds) >= 1, "the costly one was renewed"
        for call in (costly, *calls):
            call.hang_up()
        await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in (costly, *calls)))
    ended = await stage.rig.logged("ended", REUNION_WIRE)
    assert ended.duration_s > SLICE_S
    assert said(stage, REPLACED) == []
    restarts = len(said(stage, SERVING)) // practice.WORKERS - 1
    assert restarts == RELOADS + WHOLE
    fell = sum(row.count for row in fallen)
    stage.saw(
        f"{LIVE + 1} calls up, {restarts} restarts; of {load.forbidden + load.ordinary} calls meanwhile {fell} fell to "
        f"the contract, the others were decided"
    )
