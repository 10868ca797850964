"""The same gate by another road: SIPp in the place of our own phones, the plain-AGI launcher in that of FastAGI."""

from pathlib import Path

import pytest

from system.rig import (
    IVORY_COAST,
    PARIS,
    PARIS_WIRE,
    PREMIUM,
    Rig,
    assert_emergency,
    assert_refused,
    assert_refused_call,
)
from system.stub_gate import STARTED

pytestmark = pytest.mark.system

CALLS = 20


def sipp(rig: Rig, number: str) -> str:
    """Place calls as phone 104 at 10 a second; gives its exit code, 0 if none failed."""
    rig.lab.copy_to_asterisk("/root/call.xml", Path(__file__).with_name("sipp_call.xml").read_bytes())
    command = f"sipp -sf /root/call.xml -s {number} -au 104 -ap {rig.lab.secrets.phones} -m {CALLS} -r 10 -l {CALLS}"
    return rig.in_asterisk(
        "sh", "-c", f"cd; {command} -timeout 20 -nostdin {rig.lab.asterisk_host} >sipp.log 2>&1; echo $?"
    )


async def test_sipp_calls_go_out_with_the_granted_number_and_are_settled(rig: Rig) -> None:
    before = len(rig.lab.invites())
    assert sipp(rig, PARIS) == "0"
    assert [invite.user for invite in rig.lab.invites()[before:]] == [PARIS_WIRE] * CALLS
    book = await rig.wait_for_no_holds()
    # 0.5 s each, by the second: one second at 0.02 a minute, rounded up to the micro.
    assert next(purse for purse in book.purses if purse.name == "national").day_micros == CALLS * 334


def test_sipp_calls_to_a_premium_number_leave_nothing_at_the_carrier(rig: Rig) -> None:
    before = len(rig.lab.invites())
    assert sipp(rig, PREMIUM) == "1"
    assert rig.lab.invites()[before:] == []


def use_the_launcher(rig: Rig) -> None:
    fastagi = "AGI(agi://127.0.0.1:4599/v1,"
    assert rig.config.dialplan.count(fastagi) == 1
    rig.load_dialplan(rig.config.dialplan.replace(fastagi, "AGI(/usr/share/callgate/agi/callgate.agi,"))


async def test_who_has_taken_the_port_has_the_launcher_start_no_program(rig: Rig) -> None:
    """Over FastAGI itself Asterisk starts it, and dials: it does what it is told there, whatever the verdict is."""
    use_the_launcher(rig)
    rig.lab.gate_stop()
    rig.start_stub("commands")
    calls, invites = await rig.dial_together([IVORY_COAST])
    assert_refused_call(calls[0])
    assert invites == []
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
    assert rig.stub_log().count("asked") == 2
    assert rig.in_asterisk("sh", "-c", f"ls {STARTED} 2>/dev/null; true") == ""


async def test_the_launcher_gives_the_same_verdicts_as_fastagi(rig: Rig) -> None:
    use_the_launcher(rig)
    before = len(rig.rows("call.refused"))
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
    assert_refused(await rig.dial(PREMIUM))
    assert rig.last_row("call.refused", before).reasons[0] == "class_refused"
    assert_emergency(await rig.dial("15"), "15")
    rig.lab.gate_stop()
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
    calls, invites = await rig.dial_together([IVORY_COAST])
    assert invites == []
    assert_refused_call(calls[0])
