"""What the gate is asked is no question: it says nothing, keeps little of it, and the call falls to the contract."""

import asyncio
from pathlib import Path

import msgspec
import pytest

import practice
from callgate.core.reasons import Reason
from faults.agi_mangler import HERE, MODES, OVERSIZED_BYTES, WHOLE
from faults.gate_process import REPLACED, said, workers
from faults.matrix import proves
from faults.stage import Stage, as_many
from system.rig import IVORY_COAST, wait_for

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).with_name("agi_mangler.py")
GROWTH_MAX_KIB = 4 * 1024
"""For each worker: a fraction of what is sent to it."""
HEALTHY_MS = 50
NO_VERDICT_MS = 1300
"""As of a gate that hangs; to send a large question takes its time, too."""
CAUSES: dict[str, set[str]] = {
    "garbage": {"no seal"},
    "doubled": {"no seal"},
    "one-line-twice": {"forged lines"},
    "many-lines": {"LimitExceededError"},
    "endless-line": {"LimitExceededError"},
    "never-ended": {"no question"},
    "cut-off": set(),
}
"""What the log says of it; who leaves before he has asked is nobody."""
ASKED_MIN = 200


def start(stage: Stage, *words: str) -> None:
    """Start the program, and wait until it stands."""
    stage.rig.lab.copy_to_asterisk("/root/agi_mangler.py", PROGRAM.read_bytes())
    command = 'cd; python3 agi_mangler.py "$@" >mangler.log 2>&1 & echo $! >~/mangler.pid'
    stage.rig.in_asterisk("sh", "-c", command, "sh", *words)
    wait_for(lambda: "standing" in log(stage))


def end(stage: Stage) -> None:
    """End it."""
    stage.rig.in_asterisk("sh", "-c", "cd; kill $(cat mangler.pid)")


def log(stage: Stage) -> str:
    """What it has said."""
    return stage.rig.in_asterisk("cat", "/root/mangler.log")


class Asked(msgspec.Struct, frozen=True):
    """One question that it has passed on, or asked."""

    mode: str
    taken: int
    answered: int


def asked(stage: Stage) -> list[Asked]:
    """All of them so far."""
    return [msgspec.json.decode(line, type=Asked) for line in log(stage).splitlines() if line.startswith("{")]


def largest_kib(stage: Stage) -> list[int]:
    """The most memory that each worker ever had."""
    words = ("sh", "-c", *(f"grep VmHWM /proc/{worker}/status" for worker in workers(stage)))
    return [int(line.split()[1]) for line in stage.rig.lab.gate_exec(*words).splitlines()]


class TestBetween:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """A practice whose Asterisk reaches the gate by way of somebody."""
        return practice.Practice(agi=f"agi://{HERE[0]}:{HERE[1]}/v1")

    @proves(9)
    @pytest.mark.parametrize("mode", MODES[: as_many(len(MODES), 2)])
    async def test_a_question_that_is_spoiled_on_its_way_gets_no_verdict_and_the_call_falls_to_the_contract(
        self, stage: Stage, mode: str
    ) -> None:
        await asyncio.to_thread(start, stage, "between", WHOLE)
        await stage.costly_goes()
        assert asked(stage)[-1].answered > 0
        before = largest_kib(stage)

        def spoil() -> None:
            end(stage)
            start(stage, "between", mode)

        def mend() -> None:
            end(stage)
            start(stage, "between", WHOLE)

        async with stage.during(spoil, mend):
            added = await stage.ordinary() - stage.emergencies_ms[0]
            stage.within(added, NO_VERDICT_MS, f"{mode}: added")
            await stage.contract(Reason.GATE_UNAVAILABLE)
            found = asked(stage)
            assert [line.answered for line in found] == [0, 0, 0]
            assert all(line.taken < OVERSIZED_BYTES for line in found), "refused while it was still being sent"
            grew = [after - most for after, most in zip(largest_kib(stage), before, strict=True)]
            assert max(grew) < GROWTH_MAX_KIB
            events = said(stage, "connection.dropped") + said(stage, "request.refused")
            assert {line["cause"] for line in events} == CAUSES[mode]
        await stage.recovers()


@proves(9)
async def test_while_every_kind_of_no_question_comes_all_the_time_calls_are_decided_as_ever(stage: Stage) -> None:
    await stage.costly_goes()
    before = largest_kib(stage)
    async with stage.during(lambda: start(stage, "crowd"), lambda: end(stage)):
        ordinary = await stage.ordinary() - stage.emergencies_ms[0]
        costly = await stage.costly_goes() - stage.emergencies_ms[0]
        stage.within(max(ordinary, costly), HEALTHY_MS, "in a crowd of spoiled questions: added at most")
        assert (await stage.dial(IVORY_COAST)).refused
        assert stage.rig.last_row("call.refused").reasons[0] is Reason.COUNTRY_REFUSED
        await asyncio.to_thread(wait_for, lambda: len(asked(stage)) >= ASKED_MIN)
        found = asked(stage)
        assert {line.mode for line in found} == set(MODES)
        assert {line.answered for line in found} == {0}
        grew = [after - most for after, most in zip(largest_kib(stage), before, strict=True)]
        assert max(grew) < GROWTH_MAX_KIB
    assert said(stage, REPLACED) == []
    stage.saw(f"{len(found)} spoiled questions, none answered, {max(grew)} KiB more memory")
