"""A fault of our own in the rules: the call has no verdict, so the contract holds, and the log says for which call."""

import asyncio
from uuid import UUID

import pytest

import practice
from callgate.core.reasons import Reason
from faults.gate_process import BREAKABLE, REPLACED, break_workers, next_workers, said
from faults.matrix import proves
from faults.stage import REUNION, Stage
from system.rig import wait_for

pytestmark = pytest.mark.system

FAULT = "a fault of our own"
RAISES = f"""\
from callgate import gate
def judge(*arguments, **named):
    raise RuntimeError("{FAULT}")
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
        await stage.contract(Reason.GATE_UNAVAILABLE)
        heard = await stage.dial(REUNION)
        await asyncio.to_thread(wait_for, lambda: len(said(stage, "call.failed")) >= failed + 3)
        lines = said(stage, "call.failed")[failed:]
        assert len(lines) == 3, "the emergency calls asked nobody"
        assert all(f"RuntimeError: {FAULT}" in str(line["exception"]) for line in lines)
        assert len({str(UUID(str(line["call"]))) for line in lines}) == 3, "each by its own name"
        assert stage.rig.last_row("call.refused").extension == "101"
        told = " ".join(str(progress) for progress in heard.call.responses)
        assert heard.refused
        assert not [word for word in (FAULT, "Traceback", "Error") if word in told], told
        stage.saw("the log has each call as call.failed, the caller hears the usual words and cause")
    assert said(stage, REPLACED) == []
    await stage.recovers()
