"""Promises of the dialplan, each as a check that can be run against any dialplan.

The tests run them against ours; `test_takeaway.py` takes one safeguard away at a time and demands that they fail.
"""

import asyncio
import time

import practice
from call_behaviour import Behaviour
from callgate.core.reasons import Reason
from system.rig import IVORY_COAST, PARIS, PARIS_WIRE, WITHIN_S, Rig, assert_emergency, assert_refused_call, wait_for

INJECTED = [
    "0612%40trunk%26PJSIP%2F0088216001",
    "00612345678%26PJSIP%2F0088216001%40carrier-a",
    "00612345678%2C30%2CtT",
    "00612345678%0Aagi_arg_10%3A%20dialled%3D00142685300",
    "0612%22%20%7C%20%221%0Aagi_arg_1%3A%200611111111",
    "00612345678%3Bx%3D1",
    "00612345678%0A%0A",
    "0%24%7BEXTEN%7D",
    "15%26PJSIP%2F0088216001%40carrier-a",
    "15%2F0088216001",
    "0" * 65,
]
LISTED = "+33612345678"
SHORT_LIMIT_S = 5


async def injections_are_refused_before_any_agi(rig: Rig) -> None:
    """Every hostile string is refused by the dialplan alone, kept for review, and no INVITE leaves."""
    before, asked = len(rig.rows("call.refused")), rig.lab.gate_output().count("call.refused")
    calls, invites = await rig.dial_together(INJECTED)
    assert invites == []
    for call in calls:
        assert_refused_call(call)
    rows = wait_for(lambda: found if len(found := rig.rows("call.refused")[before:]) >= len(INJECTED) else None)
    assert {row.reasons[0] for row in rows} == {Reason.INJECTION, Reason.INVALID}
    assert {row.call for row in rows} == {""}  # no passage: the gate was not asked
    assert rig.lab.gate_output().count("call.refused") == asked


async def a_leg_for_another_number_is_vetoed(rig: Rig) -> None:
    """An installer's own Dial that borrows a grant for another number: `b()` compares what is about to be sent."""
    extensions = "\n".join(
        f"exten => {extension},1,Dial(PJSIP/{number}@carrier-a,10,b(callgate-leg^s^1({arguments})))"
        for extension, number, arguments in (
            ("7001", "+2250123456615", f"{PARIS_WIRE}^lab.x.1.1^60^${{STRFTIME(,,%s.%3q)}}^callgate^^0"),
            ("7002", PARIS_WIRE, "^^60^${STRFTIME(,,%s.%3q)}^callgate^^0"),
            ("7003", PARIS_WIRE, f"{PARIS_WIRE}^lab.x.1.1^60^$[${{EPOCH}} - 10]^callgate^^0"),
            ("7004", f"{PARIS_WIRE}%2C", f"{PARIS_WIRE}^lab.x.1.1^60^${{STRFTIME(,,%s.%3q)}}^callgate^^0"),
        )
    )
    rig.load_extension(extensions)
    _, invites = await rig.dial_together(["7001", "7002", "7003", "7004"])
    assert invites == []


async def a_verdict_for_another_call_is_none(rig: Rig) -> None:
    """A positive verdict bound to another nonce: the costly number it names is not dialled."""
    rig.lab.gate_stop()
    rig.start_stub("another")
    calls, invites = await rig.dial_together([IVORY_COAST])
    assert invites == []
    assert_refused_call(calls[0])


async def a_process_on_the_port_of_the_gate_grants_nothing(rig: Rig) -> None:
    """Any user's process may listen there while the gate is down; it knows the question and no key."""
    rig.lab.gate_stop()
    rig.start_stub("no-seal")
    calls, invites = await rig.dial_together([IVORY_COAST])
    assert invites == []
    assert_refused_call(calls[0])


async def a_silent_gate_is_given_up(rig: Rig) -> None:
    """Costly hears its refusal start within 1.5 s, national falls back, emergency does not notice."""
    rig.lab.gate_stop()
    rig.start_stub("silent")
    calls, invites = await rig.dial_together([IVORY_COAST])
    assert invites == []
    assert_refused_call(calls[0])
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
    assert_emergency(await rig.dial("15"), "15")


async def a_limit_survives_a_transfer_through_the_gate(rig: Rig) -> None:
    """A leg limited to 5 s, transferred to a listed outside number: the check for it must not disarm the limit."""
    policy = practice.with_table(rig.config.policy, "limits.max_duration_s", f"ordinary = {SHORT_LIMIT_S}\ncostly = 30")
    policy += f'\n[[external_to_external.number]]\nnumber = "{LISTED}"\n'
    rig.apply_policy(policy)
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        await call.wait_for_final(WITHIN_S)
        await call.wait_joined(WITHIN_S)
        await asyncio.sleep(1)
        await call.transfer(phone.uri("00612345678"), WITHIN_S)
        await rig.logged("answered", LISTED)
        ended = await rig.logged("ended", PARIS_WIRE)
    assert abs(ended.duration_s - SHORT_LIMIT_S) < 0.1, ended.duration_s


async def a_limited_call_ends_on_time_with_the_gate_frozen(rig: Rig) -> None:
    """The carrier's BYE comes within 100 ms of the limit, although every daemon is frozen."""
    rig.apply_policy(
        practice.with_table(rig.config.policy, "limits.max_duration_s", f"ordinary = {SHORT_LIMIT_S}\ncostly = 30")
    )
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        await call.wait_for_final(WITHIN_S)
        rig.lab.gate_signal("STOP")
        ended = await rig.logged("ended", PARIS_WIRE)
        await call.wait_ended(WITHIN_S)
    assert abs(ended.duration_s - SHORT_LIMIT_S) < 0.1, ended.duration_s


async def ringing_is_not_cut_by_the_limit(rig: Rig) -> None:
    """A limit of 5 s counts from the answer: 7 s of ringing are not charged to it."""
    rig.apply_policy(
        practice.with_table(rig.config.policy, "limits.max_duration_s", f"ordinary = {SHORT_LIMIT_S}\ncostly = 30")
    )
    rig.lab.set_rules({"": Behaviour(react_after_s=SHORT_LIMIT_S + 2)})
    began = time.monotonic()
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S + SHORT_LIMIT_S)).code == 200
        assert time.monotonic() - began > SHORT_LIMIT_S
        ended = await rig.logged("ended", PARIS_WIRE)
        await call.wait_ended(WITHIN_S)
    assert abs(ended.duration_s - SHORT_LIMIT_S) < 0.1, ended.duration_s
