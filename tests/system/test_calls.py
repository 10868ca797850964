"""Calls on a real Asterisk with the gate up: what is refused never reaches the carrier, the rest goes as granted."""

import asyncio

import pytest

import practice
from call_behaviour import Behaviour, Reaction
from callgate.core.reasons import Reason
from callgate.core.wire import mask
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
from system.scenarios import injections_are_refused_before_any_agi

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("15", "15"),
        ("015", "15"),
        ("112", "112"),
        ("0112", "112"),
        ("0116117", "116117"),
        ("#31#15", "15"),
        ("0#31#15", "15"),
        ("365115", "15"),
        ("+3315", "15"),
        ("00033112", "112"),
        ("15#", "15"),
        ("1%205", "15"),
        ("%C2%A01%C2%A05", "15"),
        ("1-1-2", "112"),
        ("0%201%205", "15"),
        ("%EF%BC%91%EF%BC%95", "15"),
        ("%D9%A1%D9%A1%D9%A2", "112"),
        ("1%E2%80%915", "15"),
        ("11%E2%88%922", "112"),
        ("1%EF%BC%8D5", "15"),
        ("1%E2%80%875", "15"),
        ("*31##31#15", "15"),
        ("*31#0#31#15", "15"),
    ],
)
async def test_an_emergency_number_rings_in_every_form_a_person_dials(rig: Rig, dialled: str, number: str) -> None:
    assert_emergency(await rig.dial(dialled), number)


@pytest.mark.parametrize(
    ("dialled", "wire"),
    [
        (PARIS, "+33142685300"),
        (MOBILE, "+33612345678"),
        ("0+33142685300", "+33142685300"),
        ("00%2042%2068%2053%2000".replace("00%20", "001%20", 1), "+33142685300"),
        ("03114", "3114"),
        ("00800595959", "+33800595959"),
        ("000262262905000", "+262262905000"),
    ],
)
async def test_an_allowed_number_goes_to_the_carrier_in_its_format(rig: Rig, dialled: str, wire: str) -> None:
    outcome = await rig.dial(dialled)
    assert outcome.users == [wire]
    assert outcome.final.code == 200


REFUSED = {
    PREMIUM: Reason.CLASS_REFUSED,
    IVORY_COAST: Reason.COUNTRY_REFUSED,
    "000870773123456": Reason.CLASS_REFUSED,
    "0118712": Reason.CLASS_REFUSED,
    "00142": Reason.INVALID,
    "*21*0612345678#": Reason.NOT_A_PUBLIC_NUMBER,
    "0#31#00881612345678": Reason.CLASS_REFUSED,
}


async def test_a_refused_number_is_explained_and_never_reaches_the_carrier(rig: Rig) -> None:
    before = len(rig.rows("call.refused"))
    calls, invites = await rig.dial_together(list(REFUSED))
    assert invites == []
    for call in calls:
        assert_refused_call(call)
    rows = {row.dialled: row for row in rig.rows("call.refused")[before:]}
    assert {dialled: rows[mask(dialled)].reasons[0] for dialled in REFUSED} == REFUSED
    assert {row.extension for row in rows.values()} == {"101"}


async def test_an_injected_string_is_refused_before_any_agi(rig: Rig) -> None:
    await injections_are_refused_before_any_agi(rig)


@pytest.mark.parametrize("dialled", ["alice", "%3C00142685300%3E", "%60id%60", "_X."])
async def test_what_cannot_be_a_number_is_unknown_to_asterisk_itself(rig: Rig, dialled: str) -> None:
    outcome = await rig.dial(dialled)
    assert outcome.users == []
    assert outcome.final.code == 404


@pytest.mark.parametrize("code", ["*31#", "#31#", "3651"])
@pytest.mark.parametrize("order", ["{prefix}{code}", "{code}{prefix}"])
async def test_a_caller_id_code_withholds_the_number_on_the_carrier_leg(rig: Rig, code: str, order: str) -> None:
    outcome = await rig.dial(order.format(prefix="0", code=code) + "0612345678")
    assert outcome.users == ["+33612345678"]
    assert "anonymous" in outcome.invites[0].headers["From"]
    assert "id" in outcome.invites[0].headers["Privacy"]


async def test_without_a_code_the_installers_caller_id_is_unchanged(rig: Rig) -> None:
    headers = (await rig.dial(MOBILE)).invites[0].headers
    assert '"Poste 101" <sip:101@' in headers["From"]
    assert "Privacy" not in headers


@pytest.mark.parametrize(("dialled", "numbers"), [(PARIS, [PARIS_WIRE, "0142685300"]), ("15", ["15", "15"])])
async def test_a_second_trunk_carries_the_call_when_the_first_cannot(
    rig: Rig, dialled: str, numbers: list[str]
) -> None:
    """Each trunk is sent its own format, and the two attempts are one call for the ledger."""
    rig.lab.set_rules({"carrier-a/": Behaviour(reaction=Reaction.REJECT, code=503)})
    outcome = await rig.dial(dialled)
    assert [(invite.trunk, invite.user) for invite in outcome.invites] == [
        ("carrier-a", numbers[0]),
        ("carrier-b", numbers[1]),
    ]
    assert outcome.final.code == 200
    book = await rig.wait_for_no_holds()
    assert all(purse.live == 0 and purse.held_micros == 0 for purse in book.purses)


@pytest.mark.parametrize("code", [404, 486])
async def test_a_number_that_is_busy_or_unknown_is_not_tried_on_the_second_trunk(rig: Rig, code: int) -> None:
    rig.lab.set_rules({"carrier-a/": Behaviour(reaction=Reaction.REJECT, code=code)})
    outcome = await rig.dial(PARIS)
    assert [invite.trunk for invite in outcome.invites] == ["carrier-a"]
    book = await rig.wait_for_no_holds()
    assert sum(purse.day_micros for purse in book.purses) == 0


async def test_a_forged_header_does_not_switch_the_gate_off(rig: Rig) -> None:
    """A line feed in a Diversion header once made the question unreadable: no verdict, and so the fallback's grant."""
    before = len(rig.rows("call.refused"))
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS, ("Diversion", "<sip:1%0Ax@10.0.0.1>"))
        await call.wait_for_final(WITHIN_S + 4)
    assert_refused_call(call)
    assert rig.last_row("call.refused", before).reasons == (Reason.INJECTION,)


async def test_a_carrier_that_redirects_elsewhere_is_not_followed(rig: Rig) -> None:
    redirect = Behaviour(reaction=Reaction.REDIRECT, contact="sip:+2250123456615@192.0.2.1")
    rig.lab.set_rules({"carrier-a/": redirect})
    outcome = await rig.dial(PARIS)
    assert [(invite.trunk, invite.user) for invite in outcome.invites] == [("carrier-a", PARIS_WIRE)]
    assert outcome.final.code >= 400
    await rig.wait_for_no_holds()


async def test_a_caller_who_gives_up_while_it_rings_pays_nothing(rig: Rig) -> None:
    rig.lab.set_rules({"": Behaviour(reaction=Reaction.RING)})
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        await call.wait_for_code(180, WITHIN_S)
        assert len((await rig.book()).holds) == 1
        call.cancel()
        await call.wait_ended(WITHIN_S)
    book = await rig.wait_for_no_holds()
    assert sum(purse.day_micros for purse in book.purses) == 0


async def test_a_caller_who_hangs_up_between_grant_and_dial_leaves_no_hold(rig: Rig) -> None:
    dial = " same => n(dial),Set(CALLGATE_STAGE=dialling)"
    assert rig.config.dialplan.count(dial) == 1
    rig.load_dialplan(rig.config.dialplan.replace(dial, " same => n(dial),Wait(1.5)\n" + dial.replace("(dial)", "")))
    before = len(rig.rows("call.granted"))
    async with rig.phones("101") as (phone,):
        call = phone.call("000262262905000")
        await asyncio.to_thread(rig.last_row, "call.granted", before)
        assert len((await rig.book()).holds) == 1
        call.cancel()
        await call.wait_ended(WITHIN_S)
    book = await rig.wait_for_no_holds()
    assert sum(purse.day_micros for purse in book.purses) == 0


async def test_thirty_calls_at_once_are_thirty_grants_and_no_wrong_number(rig: Rig) -> None:
    rig.apply_policy(practice.with_table(rig.config.policy, "limits.concurrent", "clinic = 40"))
    numbers = [f"0014268{5300 + index}" for index in range(30)]
    async with rig.phones("101") as (phone,):
        calls = [phone.call(number) for number in numbers]
        finals = await asyncio.gather(*(call.wait_for_final(WITHIN_S) for call in calls))
        for call in calls:
            await call.wait_connected(WITHIN_S)
            call.hang_up()
        await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in calls))
    assert [final.code for final in finals] == [200] * 30
    wired = sorted(invite.user for invite in rig.lab.invites()[-30:])
    assert wired == [f"+33{number[2:]}" for number in numbers]
    book = await rig.wait_for_no_holds()
    grants = [row.grant for row in rig.rows("call.granted")[-30:]]
    assert len(set(grants)) == 30
    assert next(purse for purse in book.purses if purse.name == "national").day_micros > 0


async def test_a_policy_that_forbids_binds_the_very_next_call(rig: Rig) -> None:
    assert (await rig.dial(PARIS)).final.code == 200
    rig.apply_policy(practice.with_table(rig.config.policy, "numbers", 'always_refuse = ["+33142685300"]'))
    before = len(rig.rows("call.refused"))
    assert_refused(await rig.dial(PARIS))
    assert rig.last_row("call.refused", before).reasons == (Reason.NUMBER_REFUSED,)


async def test_a_permission_binds_the_very_next_call_too(rig: Rig) -> None:
    """A refusal by rules alone asks the ledger nothing, and so once missed that another revision was in force."""
    rig.apply_policy(practice.with_table(rig.config.policy, "numbers", 'always_refuse = ["+33142685300"]'))
    assert_refused(await rig.dial(PARIS))
    rig.apply_policy(rig.config.policy)
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]


async def test_outside_opening_hours_the_national_number_goes_and_overseas_waits(rig: Rig) -> None:
    rig.apply_policy(practice.preset(practice.NEVER_OPEN))
    assert (await rig.dial(PARIS)).final.code == 200, rig.rows()[-3:]
    before = len(rig.rows("call.refused"))
    assert_refused(await rig.dial("000262262905000"))
    assert rig.last_row("call.refused", before).reasons == (Reason.CLOSED,)
    assert_emergency(await rig.dial("15"), "15")


async def test_the_24_hour_ceiling_refuses_the_call_that_would_break_it(rig: Rig) -> None:
    """Reunion costs 0.25 a minute; a ceiling of 0.30 covers one minute, and then none."""
    rig.apply_policy(practice.with_table(rig.config.policy, "ceilings.overseas", 'day = "0.30"'))
    rig.lab.set_rules({"": Behaviour(reaction=Reaction.RING)})
    async with rig.phones("101", "102") as (phone, other):
        call = phone.call("000262262905000")
        await call.wait_for_code(180, WITHIN_S)
        held = rig.rows("call.granted")[-1]
        assert held.seconds < 90
        assert held.held_micros <= 300_000
        second = other.call("000262262905001")
        final = await second.wait_for_final(WITHIN_S + 4)
        assert final.code == 403
        call.cancel()
        await call.wait_ended(WITHIN_S)
    assert rig.rows("call.refused")[-1].reasons == (Reason.CEILING_DAY,)
    await rig.wait_for_no_holds()
    rig.lab.set_rules({})
    assert (await rig.dial("000262262905002")).final.code == 200
