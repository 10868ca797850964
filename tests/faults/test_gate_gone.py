"""The gate is not there, or dies while it decides."""

import asyncio
import time
from statistics import median

import pytest

import practice
from faults.gate_process import next_workers
from faults.matrix import proves
from faults.stage import REUNION, Stage, as_many
from system.rig import WITHIN_S

pytestmark = pytest.mark.system

GATE_DOWN_MS = 5
CALLS = as_many(25, 9)
"""Ordinary ones: without a gate thirty a minute may go."""
SLOW_S = 0.1


@proves(1)
async def test_without_a_gate_home_is_called_at_once_and_what_costs_is_refused(stage: Stage) -> None:
    async with stage.during(stage.rig.lab.gate_stop, stage.rig.lab.gate_restore):
        took = [(await stage.ordinary(), await stage.emergency()) for _ in range(CALLS)]
        ordinary, emergency = zip(*took, strict=True)
        added = [took_ms - median(emergency) for took_ms in ordinary]
        stage.within(median(added), GATE_DOWN_MS, f"added to {CALLS} ordinary calls, median")
        stage.saw(f"at most {max(added):.0f} ms")
        await stage.contract()
    await stage.recovers()


@proves(2)
async def test_a_gate_that_is_killed_while_it_decides_has_granted_nothing(stage: Stage) -> None:
    """The store keeps its answer back, so that the hold is made and the verdict is not.

    Nobody can know of that hold: it counts until it lapses, and as spent from then on.
    """
    stage.rig.apply_policy(
        practice.with_table(stage.rig.config.policy, "limits.max_duration_s", "ordinary = 60\ncostly = 30")
    )
    # Each worker has it: one that has not learns of it with its first hold, and the store is slow by then.
    await asyncio.to_thread(next_workers, stage)
    stage.wire.delay_s = SLOW_S
    call = stage.phone.call(REUNION)
    end = time.monotonic() + WITHIN_S
    while not (await stage.book()).holds:
        assert time.monotonic() < end
        await asyncio.sleep(0.002)
    async with stage.during(stage.rig.lab.gate_kill, stage.rig.lab.gate_restore):
        assert (await call.wait_for_final(WITHIN_S)).code == 403
        stage.refusals.append(REUNION)
        assert stage.rig.lab.invites("+262262905000") == []
        stage.wire.restore()
        await stage.contract()
    await stage.recovers()
    stage.abandoned = 1
    (hold,) = (await stage.books_at_rest()).holds
    stage.saw(f"{hold.amount_micros / 1_000_000:.2f} held for nobody, until it lapses")
