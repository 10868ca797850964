"""No verdict, or none that is whole: emergency connects, national goes by the allowance, costly is refused in time."""

import pytest

from call_behaviour import Behaviour
from callgate.core.reasons import Reason
from system.rig import (
    IVORY_COAST,
    MOBILE,
    PARIS,
    PARIS_WIRE,
    PREMIUM,
    WITHIN_S,
    Rig,
    assert_emergency,
    assert_refused,
    assert_refused_call,
)
from system.scenarios import a_silent_gate_is_given_up, a_verdict_for_another_call_is_none

pytestmark = pytest.mark.system

NOT_VERDICTS = [
    "closes",
    "garbage",
    "half",
    "cut-in-number",
    "no-end",
    "another",
    "no-number",
    "two-numbers",
    "quoted",
    "zero-seconds",
    "no-seconds",
    "word-seconds",
    "minus-seconds",
    "endless-seconds",
    "no-seal",
    "empty-seal",
    "another-seal",
    "refuses-unsealed",
]


async def contract_holds(rig: Rig) -> None:
    """Emergency connects, national falls back, two costly numbers are refused in time; nothing else leaves."""
    assert_emergency(await rig.dial("15"), "15")
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
    calls, invites = await rig.dial_together([IVORY_COAST, PREMIUM])
    assert invites == []
    for call in calls:
        assert_refused_call(call)


@pytest.mark.parametrize("mode", NOT_VERDICTS)
async def test_an_answer_that_is_no_verdict_grants_nothing(rig: Rig, mode: str) -> None:
    rig.lab.gate_stop()
    rig.start_stub(mode)
    await contract_holds(rig)
    assert rig.stub_log().count("asked") == 3  # the emergency call asked nobody


async def test_the_stub_is_believed_where_its_verdict_is_whole(rig: Rig) -> None:
    """The proof that the stubs above fail for what they lack, and not for being stubs."""
    rig.lab.gate_stop()
    rig.start_stub("grants")
    assert (await rig.dial(IVORY_COAST)).users == ["+2250123456615"]


async def test_a_verdict_for_another_call_is_none(rig: Rig) -> None:
    await a_verdict_for_another_call_is_none(rig)


async def test_a_silent_gate_is_given_up_in_time(rig: Rig) -> None:
    await a_silent_gate_is_given_up(rig)


async def test_a_gate_that_is_down_costs_no_time(rig: Rig) -> None:
    rig.lab.gate_stop()
    before = len(rig.lab.invites())
    await contract_holds(rig)
    national = rig.lab.invites()[before + 1]
    assert national.user == PARIS_WIRE


async def test_a_frozen_gate_is_given_up_and_voids_what_it_grants_too_late(rig: Rig) -> None:
    rig.lab.gate_signal("STOP")
    await contract_holds(rig)
    rig.lab.gate_signal("CONT")
    book = await rig.wait_for_no_holds()
    assert all(purse.held_micros == 0 for purse in book.purses)


async def test_a_killed_gate_does_not_delay_15(rig: Rig) -> None:
    rig.lab.gate_kill()
    assert_emergency(await rig.dial("15"), "15")


async def test_redis_down_lets_national_go_and_refuses_costly(rig: Rig) -> None:
    rig.lab.redis_stop()
    try:
        before = len(rig.rows("call.refused"))
        assert_emergency(await rig.dial("15"), "15")
        assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
        assert_refused(await rig.dial("000262262905000"))
        assert rig.last_row("call.refused", before).reasons == (Reason.LEDGER_UNAVAILABLE,)
        assert rig.rows("call.granted")[-1].reasons == (Reason.LOCAL_ALLOWANCE,)
    finally:
        rig.lab.redis_start()


async def test_what_went_without_a_verdict_is_journaled_and_booked_when_the_gate_is_back(rig: Rig) -> None:
    rig.lab.gate_stop()
    before = len(rig.rows())
    rig.lab.set_rules({"": Behaviour(hang_up_after_s=1.5)})
    async with rig.phones("101") as (phone,):
        call = phone.call(MOBILE)
        await call.wait_for_final(WITHIN_S)
        await call.wait_ended(WITHIN_S)
    rig.lab.gate_start()
    row = rig.last_row("call.local", 0)
    assert row.extension == "101"
    settled = rig.last_row("call.settled", sum(found.event == "call.settled" for found in rig.rows()[:before]))
    assert settled.grant == row.grant
    assert (settled.seconds, settled.amount_micros) == (2, 2_000)
    book = await rig.book()
    assert next(purse for purse in book.purses if purse.name == "national").day_micros == 2_000


async def test_without_our_files_the_last_resort_still_reaches_help_and_home(rig: Rig) -> None:
    """`#tryinclude` of a missing file loads the rest; a restart with it missing must not silence the practice."""
    rig.in_asterisk("mv", "/etc/asterisk/callgate.conf", "/etc/asterisk/callgate.gone")
    try:
        rig.lab.restart_asterisk()
        assert_emergency(await rig.dial("15"), "15")
        assert_emergency(await rig.dial("015"), "15")
        assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
        refused = await rig.dial(IVORY_COAST)
        assert refused.users == []
        assert refused.final.code == 404
    finally:
        rig.in_asterisk("mv", "/etc/asterisk/callgate.gone", "/etc/asterisk/callgate.conf")
        rig.lab.asterisk_cli("dialplan", "reload")
