"""Whoever takes the text log hangs, as a journal daemon may: its pipe is full, and each write to it waits for ever."""

import asyncio

import pytest

import practice
from callgate.core.reasons import Reason
from faults.gate_process import said
from faults.matrix import proves
from faults.stage import Stage
from system.rig import IVORY_COAST, wait_for

pytestmark = pytest.mark.system

PIPE = "/var/lib/callgate/log.pipe"
STARTS = f'mkfifo {PIPE}; (cat {PIPE} & echo $! >{PIPE}.reader); exec "$@" 2>{PIPE}'
READER = f"$(cat {PIPE}.reader)"
FILLS = f"timeout 1 yes >{PIPE}"
"""It is still waiting when its time is over."""
HEALTHY_MS = 50
DECIDED = ("call.granted", "call.refused")


@pytest.fixture
def extra() -> practice.Practice:
    """A practice whose gate writes its log to a pipe, which another process reads."""
    return practice.Practice(starter=("sh", "-c", STARTS, "sh"))


def decided(stage: Stage) -> int:
    """How many verdicts the log tells of."""
    return sum(len(said(stage, event)) for event in DECIDED)


@proves(64)
async def test_while_nobody_reads_the_text_log_each_call_is_decided_and_kept_and_its_lines_wait(stage: Stage) -> None:
    lab = stage.rig.lab
    await stage.costly_goes()
    await asyncio.to_thread(wait_for, lambda: decided(stage) == 1)

    def hang() -> None:
        lab.gate_exec("sh", "-c", f"kill -s STOP {READER}; {FILLS}")

    def go_on() -> None:
        lab.gate_exec("sh", "-c", f"kill -s CONT {READER}")

    async with stage.during(hang, go_on):
        ordinary = await stage.ordinary() - stage.emergencies_ms[0]
        costly = await stage.costly_goes() - stage.emergencies_ms[0]
        stage.within(max(ordinary, costly), HEALTHY_MS, "log's reader hung: added at most")
        assert (await stage.dial(IVORY_COAST)).refused
        assert stage.rig.last_row("call.refused").reasons[0] is Reason.COUNTRY_REFUSED
        await stage.books_at_rest()
        assert decided(stage) == 1, "nobody could read what was decided"
    await asyncio.to_thread(wait_for, lambda: decided(stage) == 1 + len(("ordinary", "costly", "refused")))
    stage.saw("three verdicts in the journal at once, in the text log once it was read again")
