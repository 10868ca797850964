"""What control sees of a real Asterisk, and what it does to it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from call_behaviour import Behaviour
from callgate.control.switch import Leg
from sip_digest import Credentials
from sip_phone import Phone
from system.guarded import Notes, incoming, switch
from system.rig import IVORY_COAST, MOBILE, PARIS, PARIS_WIRE, WITHIN_S, Rig, wait_for

pytestmark = pytest.mark.system

LISTED = "+33612345678"


async def eventually(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_for, condition)


@asynccontextmanager
async def carrier_that_listens(rig: Rig) -> AsyncIterator[Phone]:
    """Put a phone of the test in the place of carrier-a: what it hears is what the carrier hears."""
    file = rig.lab.folder / "etc" / "pjsip.conf"
    text = file.read_text(encoding="utf-8")
    async with Phone(Credentials(username="carrier", password=""), rig.lab.sip) as carrier:
        host, port = carrier._agent.transport.local
        changed = re.sub(r"contact = sip:[0-9.]+:5080", f"contact = sip:{host}:{port}", text)
        assert changed != text
        try:
            rig.lab.copy_to_asterisk("pjsip.conf", changed)
            rig.lab.asterisk_cli("module", "reload", "res_pjsip.so")
            yield carrier
        finally:
            rig.lab.copy_to_asterisk("pjsip.conf", text)
            rig.lab.asterisk_cli("module", "reload", "res_pjsip.so")


async def test_a_leg_is_seen_from_its_invite_to_its_end_and_after_a_late_start(rig: Rig) -> None:
    notes, late = Notes(), Notes()
    async with rig.phones("101") as (phone,), switch(rig, notes) as seen:
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        await eventually(lambda: notes.of("answered"))
        (began,), (answered,) = notes.of("began"), notes.of("answered")
        grant = rig.last_row("call.granted").grant
        assert (began.dialled, began.grant, began.entry, began.endpoint) == (PARIS_WIRE, grant, "callgate", "carrier-a")
        assert (began.answered, began.is_new) == (None, True)
        async with switch(rig, late):
            (found,) = late.of("began")
        same = ("channel", "uniqueid", "linkedid", "endpoint", "dialled", "grant", "entry", "extension", "origin")
        assert [getattr(found, name) for name in same] == [getattr(answered, name) for name in same]
        assert found.answered is not None
        assert answered.answered is not None
        assert abs((found.answered - answered.answered).total_seconds()) < 0.1
        assert not found.is_new
        call.hang_up()
        await eventually(lambda: notes.of("ended"))
        assert seen.legs() == ()
    assert [told for told, _ in notes.told] == ["linked", "began", "answered", "ended", "unlinked"]
    assert [told for told, _ in late.told] == ["began", "linked", "unlinked"]


async def test_legs_that_an_attended_transfer_leaves_together_are_told(rig: Rig) -> None:
    notes = Notes()
    async with rig.phones("101") as (phone,), switch(rig, notes):
        first, second = phone.call(PARIS), phone.call(MOBILE)
        for call in (first, second):
            assert (await call.wait_for_final(WITHIN_S)).code == 200
            await call.wait_joined(WITHIN_S)
        assert notes.of("between_outsiders") == []
        assert await phone.join(first, second, WITHIN_S) == 200
        await eventually(lambda: len(notes.of("between_outsiders")) == 2)
        assert {leg.dialled for leg in notes.of("between_outsiders")} == {PARIS_WIRE, LISTED}


async def test_a_leg_that_is_left_with_an_incoming_call_is_told(rig: Rig) -> None:
    notes = Notes()
    async with rig.phones("101") as (phone,), switch(rig, notes) as seen:
        calling = asyncio.create_task(asyncio.to_thread(incoming, rig, "0142000000"))
        came = await phone.wait_for_call(WITHIN_S)
        await came.wait_connected(WITHIN_S)
        assert seen.legs() == ()
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        await call.wait_joined(WITHIN_S)
        assert await phone.join(call, came, WITHIN_S) == 200
        await eventually(lambda: notes.of("between_outsiders"))
        await calling


async def test_a_transferred_leg_keeps_its_grant_and_the_new_one_has_its_own(rig: Rig) -> None:
    policy = rig.config.policy + f'\n[[external_to_external.number]]\nnumber = "{LISTED}"\n'
    rig.apply_policy(policy)
    notes, late = Notes(), Notes()
    async with rig.phones("101") as (phone,), switch(rig, notes):
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        await call.wait_joined(WITHIN_S)
        await call.transfer(phone.uri(MOBILE), WITHIN_S)
        await eventually(lambda: len(notes.of("between_outsiders")) == 2)
        first, second = notes.of("began")
        assert len({first.grant, second.grant, ""}) == 3
        async with switch(rig, late):
            assert {leg.dialled: leg.grant for leg in late.of("began")} == {
                PARIS_WIRE: first.grant,
                LISTED: second.grant,
            }
            assert len(late.of("between_outsiders")) == 2


async def test_a_leg_in_one_conversation_with_an_emergency_call_is_told(rig: Rig) -> None:
    notes, late = Notes(), Notes()
    async with rig.phones("101") as (phone,), switch(rig, notes):
        first, second = phone.call(PARIS), phone.call("15")
        for call in (first, second):
            assert (await call.wait_for_final(WITHIN_S)).code == 200
            await call.wait_joined(WITHIN_S)
        assert await phone.join(first, second, WITHIN_S) == 200
        await eventually(lambda: {leg.dialled for leg in notes.of("with_emergency")} == {"15", PARIS_WIRE})
        async with switch(rig, late):
            assert {leg.dialled for leg in late.of("with_emergency")} == {"15", PARIS_WIRE}


async def test_a_leg_that_is_redirected_is_the_same_leg(rig: Rig) -> None:
    notes = Notes()
    async with rig.phones("101", "102") as (phone, other), switch(rig, notes) as seen:
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        await call.wait_joined(WITHIN_S)
        (leg,) = seen.legs()
        rig.lab.asterisk_cli("channel", "redirect", leg.channel, "internal,102,1")
        await (await other.wait_for_call(WITHIN_S)).wait_connected(WITHIN_S)
        assert seen.legs() == (leg,)
        assert notes.of("ended") == []


async def one_leg(notes: Notes) -> Leg:
    await eventually(lambda: notes.of("answered"))
    (leg,) = notes.of("answered")
    return leg


async def test_a_leg_can_be_limited_and_ended(rig: Rig) -> None:
    notes = Notes()
    async with rig.phones("101") as (phone,), switch(rig, notes) as seen:
        call = phone.call(PARIS)
        leg = await one_leg(notes)
        assert await seen.limit(leg.channel, 1)
        assert await seen.limit(leg.channel, 0)
        await asyncio.sleep(1.5)
        assert call.ending is None
        assert await seen.limit(leg.channel, 1)
        ended = await rig.logged("ended", PARIS_WIRE)
        assert await seen.hang_up(leg.channel), "it knows no such channel any more"
        assert not await seen.limit(leg.channel, 1)
        again = phone.call(MOBILE)
        await eventually(lambda: len(notes.of("answered")) == 2)
        began = rig.now()
        assert await seen.hang_up(notes.of("answered")[1].channel)
        ended = await rig.logged("ended", LISTED)
        print(f"\nfrom the command to the BYE at the carrier: {(ended.at - began) * 1000:.1f} ms")
        await again.wait_ended(WITHIN_S)


async def test_the_warning_is_heard_by_the_clinics_party_and_by_nobody_else(rig: Rig) -> None:
    notes = Notes()
    async with carrier_that_listens(rig) as carrier, rig.phones("101") as (phone,), switch(rig, notes) as seen:
        carrier.behaviour = Behaviour()
        call = phone.call(PARIS)
        leg = await one_leg(notes)
        outside = await carrier.wait_for_call(WITHIN_S)
        await call.wait_joined(WITHIN_S)
        await asyncio.sleep(0.5)
        assert (call.media.heard.first_sound_at, outside.media.heard.first_sound_at) == (None, None)
        began = rig.now()
        assert await seen.warn(leg.channel)
        heard = await call.media.wait_for_sound(WITHIN_S)
        print(f"\nthe warning is heard after {heard.epoch - began:.2f} s")
        assert heard.epoch - began < 1.0
        packets = outside.media.heard.packets
        await asyncio.sleep(1.5)
        assert outside.media.heard.first_sound_at is None
        assert outside.media.heard.packets > packets + 50, "the carrier's side goes on all the while"
        assert (len(seen.legs()), call.ending) == (1, None)
        await asyncio.sleep(1)
        tone = call.media.heard.samples[-8000:]
        assert max(tone) - min(tone) < 128, "it is over by itself"
        assert not await seen.warn("PJSIP/carrier-a-ffffffff")


async def test_a_refused_call_is_no_leg(rig: Rig) -> None:
    notes = Notes()
    async with switch(rig, notes):
        await rig.dial(IVORY_COAST)
    assert notes.of("began") == []
