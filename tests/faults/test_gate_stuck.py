"""The gate hangs: a worker, all of it, its port, or a worker's interpreter for a moment."""

import asyncio
import time

import pytest

import practice
from faults.crowd import crowd_log, end_crowd, start_crowd
from faults.gate_process import (
    BREAKABLE,
    REPLACED,
    SERVING,
    break_workers,
    freeze_worker,
    next_workers,
    said,
    said_at,
    wait_said,
    worker,
)
from faults.matrix import proves
from faults.stage import REUNION, Stage, is_measured
from system.rig import PARIS, WITHIN_S

pytestmark = pytest.mark.system

GATE_HUNG_MS = 1300
KILLED_MS, REPLACED_MS = 1000, 2000
RESOLVED_MS = 3000
CONNECTING_MS = 2000
"""MAX_AGI_CONNECT of res_agi.c; the dialplan's own timer is looked at once that is over."""
SLACK_MS = 150
WATCHDOG_S = 2.0
"""As in callgate.service."""
WAITING = 2000
STALL_S = 0.3
STALLS = f"""\
import time
from callgate import gate
decides = gate.judge
def judge(*arguments, **named):
    end = time.monotonic() + {STALL_S}
    while time.monotonic() < end:
        pass
    return decides(*arguments, **named)
gate.judge = judge
"""


@pytest.fixture
def extra() -> practice.Practice:
    """A practice whose worker can be broken."""
    return BREAKABLE


@proves(3)
@pytest.mark.parametrize("place", range(practice.WORKERS))
async def test_a_worker_that_hangs_is_replaced_and_its_calls_fall_to_the_contract_or_wait_for_the_next(
    stage: Stage, place: int
) -> None:
    before, replaced, frozen = len(said(stage, SERVING)), len(said(stage, REPLACED)), worker(stage, place)
    began: list[float] = []
    async with stage.during(lambda: began.append(freeze_worker(stage, place)), lambda: None):
        added = await stage.ordinary() - stage.emergencies_ms[0]
        stage.within(added, GATE_HUNG_MS, "worker hung: added")
        serving = await asyncio.to_thread(wait_said, stage, SERVING, before)
        found = said(stage, REPLACED)[replaced]
        assert (found["pid"], found["cause"]) == (frozen, "stuck")
        stage.within((said_at(found) - began[0]) * 1000, KILLED_MS, "killed after")
        stage.within((said_at(serving) - began[0]) * 1000, REPLACED_MS, "the next worker serves after")
        await stage.costly_goes()


@proves(4)
async def test_a_gate_that_is_frozen_whole_is_bounded_by_asterisk_alone_until_the_watchdog_ends_it(
    stage: Stage,
) -> None:
    """There is no relay. Supervisor and worker are stopped; then the test does what systemd's watchdog does."""
    lab = stage.rig.lab

    def restart() -> None:
        lab.gate_kill()
        lab.gate_start()

    async with stage.during(lambda: lab.gate_signal("STOP"), restart):
        began = time.monotonic()
        added = await stage.ordinary() - stage.emergencies_ms[0]
        stage.within(added, GATE_HUNG_MS, "all of it hung: added")
        refused = await stage.costly_is_refused()
        stage.within(refused, RESOLVED_MS, "costly refused in")
        await asyncio.sleep(max(0.0, began + WATCHDOG_S - time.monotonic()))
        stage.saw("then killed, as systemd's watchdog does")
    await stage.recovers()


@proves(5)
async def test_where_the_port_takes_nobody_any_more_a_call_waits_as_long_as_asterisk_connects(stage: Stage) -> None:
    """Another program holds the port, accepts nobody, and its queue is full: each SYN is dropped."""
    lab = stage.rig.lab

    def stand_in_the_way() -> None:
        lab.gate_stop()
        start_crowd(stage, "full", 4)

    def make_way() -> None:
        end_crowd(stage)
        lab.gate_start()

    async with stage.during(stand_in_the_way, make_way):
        added = await stage.ordinary() - stage.emergencies_ms[0]
        stage.within(added, CONNECTING_MS + SLACK_MS, "queue full: added")
        refused = await stage.dial(REUNION)
        assert refused.refused
        stage.within(refused.delay_ms, CONNECTING_MS + SLACK_MS + GATE_HUNG_MS, "costly refused in")
    await stage.recovers()


@proves(5)
async def test_two_thousand_wait_at_the_port_of_a_frozen_gate_and_calls_are_served_when_it_goes_on(
    stage: Stage,
) -> None:
    lab = stage.rig.lab

    def crowd_a_frozen_gate() -> None:
        lab.gate_signal("STOP")
        start_crowd(stage, "once", WAITING)

    async with stage.during(crowd_a_frozen_gate, lambda: lab.gate_signal("CONT")):
        assert f"connected {WAITING}" in crowd_log(stage)
        stage.saw(f"{WAITING:,} wait at a frozen gate")
        await stage.contract()
    await stage.recovers()


@proves(71)
async def test_while_the_interpreter_does_something_else_for_a_moment_calls_wait_and_are_decided(stage: Stage) -> None:
    """Each call keeps the worker busy for a while, as a collection of garbage would; two come at once."""
    await asyncio.to_thread(break_workers, stage, STALLS)
    before, granted = len(said(stage, "loop.late")), len(stage.rig.rows("call.granted"))
    async with stage.during(lambda: None, lambda: next_workers(stage)), stage.rig.phones("102") as (phone,):
        other = phone.call(PARIS)
        added = await stage.ordinary() - stage.emergencies_ms[0]
        stage.within(added, GATE_HUNG_MS, f"two calls of {STALL_S * 1000:.0f} ms of processor each: added")
        assert (await other.wait_for_final(WITHIN_S)).code == 200
        other.hang_up()
        await other.wait_ended(WITHIN_S)
        found = await asyncio.to_thread(wait_said, stage, "loop.late", before)
        stage.saw(f"the log says loop.late, {found['late_ms']} ms")
        assert not is_measured() or [row.reasons for row in stage.rig.rows("call.granted")[granted:]] == [()] * 2
    assert said(stage, REPLACED) == []
    await stage.recovers()


@proves(71)
async def test_an_interpreter_that_does_something_else_for_long_is_ended(stage: Stage) -> None:
    before = len(said(stage, REPLACED))
    await asyncio.to_thread(break_workers, stage, STALLS.replace(str(STALL_S), "60.0"))
    async with stage.during(lambda: None, lambda: None):
        added = await stage.ordinary() - stage.emergencies_ms[0]
        stage.within(added, GATE_HUNG_MS, "60 s of processor: added")
        assert (await asyncio.to_thread(wait_said, stage, REPLACED, before))["cause"] == "stuck"
    await stage.recovers()
