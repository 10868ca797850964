"""The dialplan's own allowance, without gate and lock: never exceeded, given back once, kept over a restart."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

import practice
from call_behaviour import Behaviour, Reaction
from callgate.core.reasons import Reason
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system.rig import MOBILE, PARIS, PARIS_WIRE, WITHIN_S, Rig, wait_for

pytestmark = pytest.mark.system

FILES = f"/var/spool/callgate/allowance-{practice.CLINIC}-"
SMALL_DISK = "/dev/shm/callgate"  # noqa: S108  # in the lab's container, where nobody else is
MANY = 100
MOBILES_MAX = 5
"""EUR 5.00 an hour, at 0.06 a minute and 15 minutes a call."""


@pytest.fixture
def rig(rig: Rig) -> Iterator[Rig]:
    """No gate, nothing counted yet, and nobody answers."""
    rig.lab.gate_stop()
    forget(rig)
    rig.lab.set_rules({"": Behaviour(reaction=Reaction.RING)})
    yield rig
    forget(rig)


def forget(rig: Rig) -> None:
    """As in a new hour."""
    rig.in_asterisk("sh", "-c", f"rm -f {FILES}*")


def counted(rig: Rig, kind: str) -> int:
    """How long the files of a kind are together; in the moment in which an hour ends there may be two."""
    return int(rig.in_asterisk("sh", "-c", f"cat {FILES}{kind}-* 2>/dev/null | wc -c"))


def change(rig: Rig, written: str, changed: str) -> None:
    assert written in rig.config.dialplan
    rig.load_dialplan(rig.config.dialplan.replace(written, changed))


async def outcome(call: OutgoingCall) -> str:
    """Wait until it rings or is refused."""
    rings = asyncio.ensure_future(call.wait_for_code(180, WITHIN_S * 4))
    final = asyncio.ensure_future(call.wait_for_final(WITHIN_S * 4))
    await asyncio.wait((rings, final), return_when=asyncio.FIRST_COMPLETED)
    found = str((await final).code) if final.done() else "rings"
    for waiting in (rings, final):
        waiting.cancel()
    await asyncio.gather(rings, final, return_exceptions=True)
    return found


async def ring(phone: Phone, dialled: str, count: int) -> tuple[list[OutgoingCall], Counter[str]]:
    """Call as often at once: which calls ring, and what came of all."""
    calls = [phone.call(dialled) for _ in range(count)]
    outcomes = await asyncio.gather(*(outcome(call) for call in calls))
    ringing = [call for call, found in zip(calls, outcomes, strict=True) if found == "rings"]
    return ringing, Counter(outcomes)


async def give_up(*calls: OutgoingCall) -> None:
    for call in calls:
        call.cancel()
    await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in calls))


async def test_the_sixth_mobile_call_at_once_is_refused_and_the_money_of_the_others_comes_back(rig: Rig) -> None:
    async with rig.phones("101", "102") as (phone, other):
        calls = []
        for _ in range(MOBILES_MAX):
            ringing, _outcomes = await ring(phone, MOBILE, 1)
            calls += ringing
        assert len(calls) == MOBILES_MAX
        assert (await ring(other, MOBILE, 1))[1] == {"403": 1}
        await give_up(*calls)
    wait_for(lambda: counted(rig, "back") == counted(rig, "spent") > 0)
    rig.lab.set_rules({})
    assert (await rig.dial(MOBILE)).users == ["+33612345678"]
    rig.lab.gate_start()
    assert rig.last_row("call.refused").reasons == (Reason.ALLOWANCE_SPENT,)


async def test_a_hundred_calls_at_once_never_set_more_money_aside_than_the_hour_has(rig: Rig) -> None:
    """Of calls that come at the same instant some may be refused too much; the next one is not."""
    before = len(rig.lab.invites())
    async with rig.phones("101", "102") as (phone, other):
        calls, outcomes = await ring(phone, MOBILE, MANY)
        assert outcomes["rings"] + outcomes["403"] == MANY, outcomes
        assert len(rig.lab.invites()) - before == outcomes["rings"] <= MOBILES_MAX
        more = [(await ring(other, MOBILE, 1))[0] for _ in range(MOBILES_MAX - len(calls))]
        assert all(more), "what the simultaneous calls did not get is there for those who come later"
        assert (await ring(other, MOBILE, 1))[1] == {"403": 1}
        await give_up(*calls, *(call for ringing in more for call in ringing))
    wait_for(lambda: counted(rig, "back") == counted(rig, "spent") > 0)


async def test_a_hundred_calls_at_once_are_never_more_than_the_span_has(rig: Rig) -> None:
    change(rig, "Set(CALLGATE_CALLS_MAX=30)", "Set(CALLGATE_CALLS_MAX=3)")
    async with rig.phones("101") as (phone,):
        calls, outcomes = await ring(phone, PARIS, MANY)
        assert outcomes["rings"] + outcomes["403"] == MANY, outcomes
        assert 1 <= len(calls) <= 3
        await give_up(*calls)


async def test_a_span_that_is_over_makes_room(rig: Rig) -> None:
    change(rig, "Set(CALLGATE_CALLS_MAX=30)", "Set(CALLGATE_CALLS_MAX=2)")
    async with rig.phones("101") as (phone,):
        for expected in ("rings", "rings", "403"):
            calls, outcomes = await ring(phone, PARIS, 1)
            assert outcomes == {expected: 1}
            await give_up(*calls)
        # Time goes by: what stands there was a minute ago.
        rig.in_asterisk("sh", "-c", f"sed -i 's/[.]1[0-9]*[.]/.1000000000./' {FILES}calls-*")
        calls, outcomes = await ring(phone, PARIS, 1)
        assert outcomes == {"rings": 1}
        await give_up(*calls)


async def talk(rig: Rig, seconds: float) -> None:
    rig.lab.set_rules({"": Behaviour(hang_up_after_s=seconds)})
    async with rig.phones("101") as (phone,):
        call = phone.call(MOBILE)
        await call.wait_for_final(WITHIN_S)
        await call.wait_ended(WITHIN_S)


async def test_a_minute_that_has_begun_is_paid(rig: Rig) -> None:
    """A minute is all that the dialplan knows of the rates. By the second, a short call cost thirty times its count."""
    await talk(rig, 1.5)
    wait_for(lambda: counted(rig, "back"))
    assert counted(rig, "spent") == 720
    assert counted(rig, "spent") - counted(rig, "back") == 720 * 60 / 900


async def test_a_clock_that_is_set_back_during_a_call_gives_nothing_back(rig: Rig) -> None:
    change(rig, "Set(CALLGATE_ANSWERED=${STRFTIME(,,%s.%3q)})", "Set(CALLGATE_ANSWERED=$[${EPOCH} + 30])")
    await talk(rig, 0.5)
    wait_for(lambda: "0 active channels" in rig.lab.asterisk_cli("core", "show", "channels"))
    assert (counted(rig, "spent"), counted(rig, "back")) == (720, 0)


@pytest.mark.parametrize("code", [404, 480, 486, 503, 603])
async def test_what_a_call_did_not_use_is_given_back_once_however_it_failed(rig: Rig, code: int) -> None:
    """The leg tells, and where Dial calls the trunk unavailable the caller tells as well."""
    rig.lab.set_rules({"": Behaviour(reaction=Reaction.REJECT, code=code)})
    async with rig.phones("101") as (phone,):
        await phone.call(PARIS).wait_for_final(WITHIN_S * 2)
    wait_for(lambda: counted(rig, "back") == counted(rig, "spent") > 0)


async def test_a_trunk_that_no_call_can_be_sent_to_has_used_nothing(rig: Rig) -> None:
    change(rig, "Set(CALLGATE_ENDPOINT=carrier-", "Set(CALLGATE_ENDPOINT=nobody-")
    async with rig.phones("101") as (phone,):
        await phone.call(PARIS).wait_for_final(WITHIN_S * 2)
    wait_for(lambda: counted(rig, "back") == counted(rig, "spent") > 0)


async def test_a_restart_of_asterisk_fills_nothing_up(rig: Rig) -> None:
    async with rig.phones("101") as (phone,):
        calls, _outcomes = await ring(phone, MOBILE, 4)
        rig.lab.restart_asterisk("KILL")
        for call in calls:
            call.cancel()
    spent = counted(rig, "spent") - counted(rig, "back")
    assert spent == 720 * len(calls) > 0, "who was on the phone when it crashed counts as spent"
    async with rig.phones("101") as (phone,):
        for left in range(MOBILES_MAX - len(calls) + 1):
            more, outcomes = await ring(phone, MOBILE, 1)
            assert outcomes == {"rings" if left < MOBILES_MAX - len(calls) else "403": 1}
            calls += more
        await give_up(*calls[-1:])


async def one_at_a_time(rig: Rig) -> None:
    async with rig.phones("101", "102") as (phone, other):
        calls, outcomes = await ring(phone, PARIS, 1)
        assert outcomes == {"rings": 1}
        assert (await ring(other, PARIS, 1))[1] == {"403": 1}
        await give_up(*calls)
        rig.lab.set_rules({})
        wait_for(lambda: "callgate-uncounted" not in rig.lab.asterisk_cli("group", "show", "channels"))
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]


async def test_on_a_full_disk_home_can_be_called_by_one_after_the_other(rig: Rig) -> None:
    change(rig, "/var/spool/callgate/allowance-", f"{SMALL_DISK}/allowance-")
    rig.in_asterisk("sh", "-c", f"mkdir -p {SMALL_DISK}; cat /dev/zero >{SMALL_DISK}/filler 2>/dev/null")
    try:
        await one_at_a_time(rig)
    finally:
        rig.in_asterisk("rm", "-r", SMALL_DISK)


async def test_where_asterisk_may_not_write_home_can_be_called_by_one_after_the_other(rig: Rig) -> None:
    change(rig, "/var/spool/callgate/allowance-", "/nowhere/allowance-")
    await one_at_a_time(rig)


async def test_a_call_that_the_gate_lends_to_leaves_that_one_place_free(rig: Rig) -> None:
    """What fills the disk ends Redis, too, and then perhaps the gate: every ordinary call was refused then."""
    change(rig, "/var/spool/callgate/allowance-", "/nowhere/allowance-")
    rig.lab.gate_start()
    rig.lab.redis_stop()
    try:
        async with rig.phones("101", "102") as (phone, other):
            lent, _outcomes = await ring(phone, PARIS, 1)
            assert len(lent) == 1
            rig.lab.gate_stop()
            calls, outcomes = await ring(other, PARIS, 1)
            assert outcomes == {"rings": 1}
            await give_up(*lent, *calls)
    finally:
        rig.lab.redis_start()


async def test_a_call_whose_second_trunk_the_gate_grants_leaves_that_one_place_free(rig: Rig) -> None:
    """Its first attempt took the place, before the gate was back."""
    change(rig, "/var/spool/callgate/allowance-", "/nowhere/allowance-")
    slow = Behaviour(reaction=Reaction.REJECT, code=503, ring_after_s=12, react_after_s=0)
    rig.lab.set_rules({"": Behaviour(reaction=Reaction.RING), "carrier-a/": slow})
    before = len(rig.lab.invites())
    async with rig.phones("101", "102") as (phone, other):
        call = phone.call(PARIS)
        await asyncio.to_thread(wait_for, lambda: len(rig.lab.invites()) == before + 1)
        await asyncio.to_thread(rig.lab.gate_start)
        await asyncio.to_thread(wait_for, lambda: len(rig.lab.invites()) == before + 2, WITHIN_S * 4)
        assert rig.rows()[-1].event == "call.granted"
        rig.lab.set_rules({"": Behaviour(reaction=Reaction.RING)})
        await asyncio.to_thread(rig.lab.gate_stop)
        calls, outcomes = await ring(other, PARIS, 1)
        assert outcomes == {"rings": 1}
        await give_up(call, *calls)
