"""Asterisk is the last meter: limits hold with every daemon frozen, through transfers, and never against 15."""

import asyncio

import pytest

import practice
from system.rig import PARIS, PARIS_WIRE, WITHIN_S, Rig, assert_emergency
from system.scenarios import (
    SHORT_LIMIT_S,
    a_leg_for_another_number_is_vetoed,
    a_limit_survives_a_transfer_through_the_gate,
    a_limited_call_ends_on_time_with_the_gate_frozen,
    ringing_is_not_cut_by_the_limit,
)

pytestmark = pytest.mark.system


async def test_the_carrier_gets_its_bye_on_time_with_the_gate_frozen(rig: Rig) -> None:
    await a_limited_call_ends_on_time_with_the_gate_frozen(rig)


async def test_ringing_does_not_use_up_the_limit(rig: Rig) -> None:
    await ringing_is_not_cut_by_the_limit(rig)


async def test_the_limit_survives_a_transfer_through_the_gate(rig: Rig) -> None:
    await a_limit_survives_a_transfer_through_the_gate(rig)


async def test_no_leg_carries_a_number_that_was_not_granted(rig: Rig) -> None:
    await a_leg_for_another_number_is_vetoed(rig)


@pytest.mark.parametrize("gate", ["up", "frozen"])
async def test_15_reached_by_a_transfer_of_a_limited_leg_is_never_cut(rig: Rig, gate: str) -> None:
    """A leg limited to 5 s is blind-transferred to 15 and still talks 3 s after its limit."""
    limits = f"ordinary = {SHORT_LIMIT_S}\ncostly = 30"
    rig.apply_policy(practice.with_table(rig.config.policy, "limits.max_duration_s", limits))
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        await call.wait_for_final(WITHIN_S)
        await call.wait_joined(WITHIN_S)
        if gate == "frozen":
            rig.lab.gate_signal("STOP")
        await call.transfer(phone.uri("15"), WITHIN_S)
        answered = await rig.logged("answered", "15")
        await asyncio.sleep(SHORT_LIMIT_S + 3)
        since = [line for line in rig.lab.carrier_log() if line.at >= answered.at]
        assert [line.user for line in since if line.event == "ended"] == []
    rig.lab.asterisk_cli("channel", "request", "hangup", "all")
    assert (await rig.logged("ended", "15")).duration_s > SHORT_LIMIT_S + 2
    assert (await rig.logged("ended", PARIS_WIRE)).duration_s > SHORT_LIMIT_S + 2


@pytest.mark.parametrize("state", ["frozen", "killed"])
async def test_15_rings_at_once_whatever_the_gate_does(rig: Rig, state: str) -> None:
    if state == "frozen":
        rig.lab.gate_signal("STOP")
    else:
        rig.lab.gate_kill()
    outcome = await rig.dial("15")
    assert_emergency(outcome, "15")
    assert outcome.invites[0].at - outcome.call.authorized_at.epoch < 0.5
