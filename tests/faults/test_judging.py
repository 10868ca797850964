"""What nobody knows is no ordinary call, and a gate that pauses is waited for."""

import threading

import pytest

from callgate.core.reasons import Reason
from faults.matrix import proves
from faults.stage import Stage

pytestmark = pytest.mark.system

UNKNOWN = ("000999123456789", "00021012345678", "000800123456", "00882001234567", "0119911234567")
"""No country, no such range of a country, no service, no network, no number of home."""
GATE_HUNG_MS = 1300
PAUSE = "0.3"


@proves(70)
async def test_a_number_nobody_knows_is_refused_with_and_without_a_gate(stage: Stage) -> None:
    async with stage.during(lambda: None, lambda: None):
        for dialled in UNKNOWN:
            assert (await stage.dial(dialled)).refused, dialled
            assert stage.rig.last_row("call.refused").reasons == (Reason.INVALID,), dialled
    async with stage.during(stage.rig.lab.gate_stop, stage.rig.lab.gate_restore):
        await stage.ordinary()
        for dialled in UNKNOWN:
            assert (await stage.dial(dialled)).refused, dialled
    stage.saw(f"{len(UNKNOWN)} numbers refused, with a gate and without")


@proves(71)
async def test_a_worker_that_pauses_is_waited_for_and_no_call_goes_without_the_contract(stage: Stage) -> None:
    """As a collection of garbage would have it: the process stands still for a third of a second."""
    lab = stage.rig.lab
    pid = lab.gate_output().split('"worker.serving", "pid": ')[-1].partition(",")[0]
    assert pid.isdecimal()

    def pause() -> None:
        lab.gate_exec("sh", "-c", f"kill -s STOP {pid}")

    def go_on() -> None:
        lab.gate_exec("sh", "-c", f"sleep {PAUSE}; kill -s CONT {pid}")

    async with stage.during(pause, lambda: None):
        waking = threading.Thread(target=go_on)
        waking.start()
        stage.within(await stage.ordinary() - stage.emergencies_ms[0], GATE_HUNG_MS, "worker paused: added")
        waking.join()
    await stage.recovers()
