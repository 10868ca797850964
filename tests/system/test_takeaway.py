"""Each safeguard is needed: with it taken away, the promise it keeps is broken, and its test says so."""

from collections.abc import Awaitable, Callable

import pytest

from system import scenarios
from system.rig import Rig

pytestmark = pytest.mark.system

Scenario = Callable[[Rig], Awaitable[None]]

SAFEGUARDS: dict[str, tuple[str, str, Scenario]] = {
    "the b() veto": (
        " same => n(veto),Hangup(21)",
        " same => n(veto),Return()",
        scenarios.a_leg_for_another_number_is_vetoed,
    ),
    "the nonce check": (
        ' same => n,GotoIf($["x${CUT(CALLGATE_VERDICT,|,3)}" != "x${CALLGATE_NONCE}"]?none)',
        " same => n,NoOp()",
        scenarios.a_verdict_for_another_call_is_none,
    ),
    "the seal of the answer": (
        '"${CUT(CALLGATE_VERDICT,|,8-)}" != "end|',
        '"${CUT(CALLGATE_VERDICT,|,8)}" != "end" & "" != "|',
        scenarios.a_process_on_the_port_of_the_gate_grants_nothing,
    ),
    "the AGI bound": (
        " same => n,Set(TIMEOUT(absolute)=1.2)",
        " same => n,NoOp()",
        scenarios.a_silent_gate_is_given_up,
    ),
    "the length filter": (
        "[${LEN(${FILTER(0-9+*#,${CALLGATE_DIALLED})})} = ${LEN(${CALLGATE_DIALLED})}]?plain)",
        "[1 = 1]?plain)",
        scenarios.injections_are_refused_before_any_agi,
    ),
    "the timer re-arm": (
        " same => n(running),Set(CALLGATE_LEFT=",
        " same => n(running),Set(TIMEOUT(absolute)=0)\n same => n,Return()\n same => n,Set(CALLGATE_LEFT=",
        scenarios.a_limit_survives_a_transfer_through_the_gate,
    ),
    "the ring time in the leg's limit": (
        "Set(TIMEOUT(absolute)=$[20 + ${ARG3}])",
        "Set(TIMEOUT(absolute)=${ARG3})",
        scenarios.ringing_is_not_cut_by_the_limit,
    ),
}


@pytest.mark.parametrize("safeguard", SAFEGUARDS)
async def test_without_a_safeguard_its_promise_is_broken(rig: Rig, safeguard: str) -> None:
    written, taken_away, scenario = SAFEGUARDS[safeguard]
    assert rig.config.dialplan.count(written) == 1
    rig.load_dialplan(rig.config.dialplan.replace(written, taken_away))
    with pytest.raises((AssertionError, TimeoutError)):
        await scenario(rig)
