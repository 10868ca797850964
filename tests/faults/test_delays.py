"""What callgate adds to the set-up of a call: when all is well, when the store is far, and when the gate hangs."""

from statistics import median

import pytest

from callgate.core.reasons import Reason
from callgate.store_watch import CONDITION
from faults.matrix import proves
from faults.stage import Stage, as_many, is_declared

pytestmark = pytest.mark.system

CALLS = as_many(100, 20)
HUNG_CALLS = 5
HEALTHY_P99_MS = 20
GATE_HUNG_MS = 1300
BEYOND_RTT_MS = 20
FAR_CALLS = 10


@proves(22)
async def test_when_all_is_well_nobody_notices(stage: Stage) -> None:
    async with stage.during(lambda: None, lambda: None):
        alone = median([await stage.emergency() for _ in range(CALLS // 4)])
        added = sorted([await stage.ordinary() - alone for _ in range(CALLS)])
    stage.saw(f"healthy, {CALLS} ordinary calls: p50 {added[CALLS // 2]:.1f} ms added")
    stage.within(added[int(CALLS * 0.99) - 1], HEALTHY_P99_MS, "p99")


@proves(22)
@pytest.mark.parametrize(("far_s", "jitter_s", "goes"), [(0.05, 0.03, True), (0.1, 0.005, True), (0.2, 0.05, False)])
async def test_a_far_store_costs_its_distance_or_is_given_up(
    stage: Stage, far_s: float, jitter_s: float, *, goes: bool
) -> None:
    """The wire keeps each answer back, as netem would, which not every kernel has (CONFIG_NET_SCH_NETEM)."""

    def move_away() -> None:
        stage.wire.delay_s, stage.wire.jitter_s = far_s, jitter_s

    far_ms, farthest_ms = far_s * 1000, (far_s + jitter_s) * 1000
    await stage.costly_goes()  # the store knows the scripts from now on
    await stage.books_at_rest()  # and has the money back that it held
    before = len(stage.rig.rows(CONDITION))
    async with stage.during(move_away, stage.wire.restore):
        stage.saw(f"store {far_ms:.0f} to {farthest_ms:.0f} ms away")
        if goes:
            alone = median([await stage.emergency() for _ in range(FAR_CALLS)])
            added = [await stage.ordinary() - alone for _ in range(FAR_CALLS)]
            added.append(await stage.costly_goes() - alone)
            stage.within(max(added), farthest_ms + BEYOND_RTT_MS, f"{len(added)} calls: added at most")
            assert median(added) >= far_ms
        else:
            await stage.contract(Reason.LEDGER_UNAVAILABLE)
            await is_declared(stage, "no answer (timeout)", before)
    await stage.recovers()


@proves(3)
async def test_a_gate_that_hangs_is_given_up(stage: Stage) -> None:
    lab = stage.rig.lab
    async with stage.during(lambda: lab.gate_signal("STOP"), lambda: lab.gate_signal("CONT")):
        added = [await stage.ordinary() - stage.emergencies_ms[0] for _ in range(HUNG_CALLS)]
        stage.within(max(added), GATE_HUNG_MS, f"gate hung: added at most, {HUNG_CALLS} calls")
        await stage.contract()
    await stage.recovers()
