"""A fault of our own in the rules: the call has no verdict, so the contract holds, and the log says for which call."""

import asyncio

import pytest

import practice
from faults.gate_process import BREAKABLE, REPLACED, break_workers, next_workers, said
from faults.matrix import proves
from faults.stage import Stage
from system.rig import wait_for

pytestmark = pytest.mark.system

RAISES = """\
from callgate import gate
def judge(*arguments, **named):
    raise RuntimeError("a fault of our own")
gate.judge = judge
"""


@pytest.fixture
def extra() -> practice.Practice:
    """A practice whose worker can be broken."""
    return BREAKABLE


@proves(69)
async def test_an_error_in_the_rules_leaves_the_call_to_the_contract_and_is_logged_with_the_call(stage: Stage) -> None:
    failed = len(said(stage, "call.failed"))
    async with stage.during(lambda: break_workers(stage, RAISES), lambda: next_workers(stage)):
        await stage.contract()
        found = await asyncio.to_thread(stage.rig.last_row, "call.refused")
        await asyncio.to_thread(wait_for, lambda: len(said(stage, "call.failed")) >= failed + 2)
        lines = said(stage, "call.failed")[failed:]
        assert len(lines) == 2, "the emergency calls asked nobody"
        assert all(line["call"] and "a fault of our own" in str(line["exception"]) for line in lines)
        assert found.extension == "101"
        stage.saw("the log has both calls as call.failed")
    assert said(stage, REPLACED) == []
    await stage.recovers()
