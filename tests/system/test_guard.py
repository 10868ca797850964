"""What no dialplan can stop, the guard does: on a real Asterisk, counted at the carrier, which answers after 50 ms."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import pytest

import practice
from ami_client import AmiClient
from call_behaviour import Behaviour
from callgate.control.elsewhere import EARLIER_S
from callgate.control.guard import Cause
from callgate.control.live import RECONCILE_PAUSE_S
from callgate.control.standing import read_standing
from callgate.control.toll import BOOK_PAUSE_S
from callgate.ledger.keys import clinic_keys
from lab import Lab
from system.guarded import (
    EXTENSIONS,
    QUEUE,
    all_ended,
    call_file,
    flood,
    has_no_calls,
    incoming,
    is_linked,
    life,
    originate,
    resident_kib,
    set_globals,
    since,
    ungated,
)
from system.rig import PARIS, PARIS_WIRE, WITHIN_S, Config, Rig, assert_emergency, wait_for

pytestmark = pytest.mark.system

SATELLITE = "0088216{:05d}"
PATIENT_CARRIER = Behaviour(react_after_s=1.0)
PATIENT = {"0088216": PATIENT_CARRIER}
"""How fast the guard is, `make paths` measures, at a carrier that takes 50 ms; a busy machine is no fault of its."""
AT_ONCE = 10
ONE_BY_ONE = 30
PAUSE_S = 0.06
GUADELOUPE_MICROS = 250_000
"""What its first second costs by the shipped deck."""
COUNTED_S = 65
"""Beyond 20 a minute a row waits for the end of the minute."""
FORGERIES = 10
SECOND = "/var/lib/callgate/second"
PROGRAMS = 4
GROWN_MAX_KIB = 8 * 1024
CAUGHT_UP_S = 60


@pytest.fixture(scope="module")
def guarded_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The practice's lab with the gate linked to Asterisk, and an installer's holes in the dialplan."""
    lab = practice.lab(f"guard-{os.getpid()}", tmp_path_factory.mktemp("guard"), practice.Practice(control=True))
    lab.start()
    try:
        lab.copy_to_asterisk("callgate.conf", (lab.folder / "etc" / "callgate.conf").read_text() + EXTENSIONS)
        lab.copy_to_asterisk("queues.conf", QUEUE.format(number=SATELLITE.format(7)))
        lab.asterisk_cli("module", "load", "app_queue.so")
        lab.asterisk_cli("dialplan", "reload")
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def rig(guarded_lab: Lab) -> Iterator[Rig]:
    """Linked, nothing up, no money spent."""
    config = Config(policy=practice.preset(), dialplan="")
    rig = Rig(lab=guarded_lab, config=config, began=time.time())
    guarded_lab.set_rules(PATIENT)
    set_globals(rig, CARRIER=guarded_lab.carrier_host, FORGED="", TARGET="", HOLE="")
    money = [key for key in clinic_keys(practice.CLINIC) if not key.endswith((":meta", ":policies"))]
    guarded_lab.redis_cli("DEL", *money)
    wait_for(lambda: is_linked(rig))
    yield rig
    guarded_lab.asterisk_cli("channel", "request", "hangup", "all")
    wait_for(lambda: has_no_calls(guarded_lab))


async def is_killed(rig: Rig, number: str, act: Callable[[], object], *, calls: int = 1) -> None:
    """The carrier was asked, and never got to answer."""
    before = ungated(rig)
    await asyncio.to_thread(act)
    await asyncio.to_thread(wait_for, all_ended(rig, number, rig.began, calls))
    found = life(rig, number, rig.began)
    print(f"\n{number}: {found.invites} INVITE, {found.answered} answered, lived {found.lives_ms} ms")
    assert (found.invites, found.answered) == (calls, 0)
    await asyncio.to_thread(wait_for, lambda: ungated(rig) >= before + calls, COUNTED_S)


async def why_killed(rig: Rig, number: str, act: Callable[[], object]) -> Cause:
    """So one call was; returns why, as the journal has it."""
    before = len(rig.rows("call.ungated"))
    await is_killed(rig, number, act)
    return Cause((await asyncio.to_thread(rig.last_row, "call.ungated", before, COUNTED_S, number)).note)


async def dial_hole(rig: Rig, hole: str, target: str, forged: str = "") -> Cause:
    """Dial an extension whose context goes straight to a trunk."""
    set_globals(rig, HOLE=hole, TARGET=target, FORGED=forged)
    async with rig.phones("101", "102") as (phone, _):
        call = phone.call("7001")
        why = await why_killed(rig, target, lambda: None)
        call.cancel()
        call.hang_up()
    return why


@pytest.mark.parametrize("place", [originate, call_file], ids=["originate", "call file"])
@pytest.mark.parametrize(
    "form",
    [
        "PJSIP/{number}@carrier-a",
        "PJSIP/carrier-a/sip:{number}@{host}:5080",
        # By a phone's endpoint to the carrier's address.
        "PJSIP/103/sip:{number}@{host}:5080",
    ],
)
async def test_a_call_placed_straight_on_the_trunk_is_never_answered(
    rig: Rig, place: Callable[[Rig, str], None], form: str
) -> None:
    number = SATELLITE.format(1)
    channel = form.format(number=number, host=rig.lab.carrier_host)
    assert await why_killed(rig, number, lambda: place(rig, channel)) is Cause.NO_GRANT


@pytest.mark.parametrize("hole", ["group", "hand", "uri", "queue"])
async def test_a_context_of_somebodys_own_that_dials_the_trunk_is_never_answered(rig: Rig, hole: str) -> None:
    assert await dial_hole(rig, hole, SATELLITE.format(7)) is Cause.NO_GRANT


@pytest.mark.parametrize(
    ("hole", "forged", "cause"),
    [
        ("forged", "emergency", Cause.NOT_EMERGENCY),
        ("forged", "local:x", Cause.NOT_ORDINARY),
        ("forged", "lab_1.11111111-1111-4111-8111-111111111111.1.1795370990", Cause.UNKNOWN_GRANT),
        ("forged", "observe:x", Cause.UNKNOWN_GRANT),
        # No event says what a channel inherits: it is asked.
        ("inherit", "emergency", Cause.NOT_EMERGENCY),
    ],
)
async def test_a_forged_grant_does_not_pass(rig: Rig, hole: str, forged: str, cause: Cause) -> None:
    assert await dial_hole(rig, hole, SATELLITE.format(2), forged) is cause


@pytest.mark.parametrize(
    ("hole", "target", "cause"),
    [
        ("forged", SATELLITE.format(3), Cause.OTHER_NUMBER),
        ("forged", PARIS_WIRE, Cause.USED_GRANT),
        ("elsewhere", PARIS_WIRE, Cause.OTHER_TRUNK),
    ],
)
async def test_the_grant_of_a_live_call_covers_no_other(rig: Rig, hole: str, target: str, cause: Cause) -> None:
    async with rig.phones("103") as (phone,):
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        grant = rig.last_row("call.granted").grant
        rig.lab.set_rules({"": PATIENT_CARRIER})
        set_globals(rig, HOLE=hole, TARGET=target, FORGED=grant)
        mark = time.time()
        await asyncio.to_thread(originate, rig, "Local/7001@phones")
        # On the same number the first call is still up.
        await asyncio.to_thread(wait_for, all_ended(rig, target, mark, 1))
        assert not [line for line in rig.lab.carrier_log() if line.at > mark and line.event == "answered"]
        assert await asyncio.to_thread(lambda: wait_for(lambda: rig.rows("call.ungated")[-1].note == cause.value))
        assert call.ending is None, "the call that has the grant goes on"
        call.hang_up()


async def test_a_call_to_no_number_is_no_emergency_whatever_it_shows(rig: Rig) -> None:
    """`sip:HOST` with `CALLGATE_GRANT=emergency` once stayed up."""
    before = len(rig.rows("call.ungated"))
    set_globals(rig, HOLE="nobody", FORGED="emergency")
    await asyncio.to_thread(originate, rig, "Local/7001@phones")
    row = await asyncio.to_thread(rig.last_row, "call.ungated", before, COUNTED_S)
    await asyncio.to_thread(wait_for, all_ended(rig, "", rig.began, 1))
    assert (row.note, life(rig, "", rig.began).answered) == (Cause.NOT_EMERGENCY, 0)


async def test_no_forged_grant_is_quick_enough(rig: Rig) -> None:
    """Each names its entry as ours do, so that the ledger is asked for it."""
    number = SATELLITE.format(13)
    set_globals(rig, HOLE="forged", TARGET=number, FORGED="lab_1.11111111-1111-4111-8111-111111111111.1.1795370990")
    for _ in range(FORGERIES):
        mark = time.time()
        await asyncio.to_thread(originate, rig, "Local/7001@phones")
        await asyncio.to_thread(wait_for, all_ended(rig, number, mark, 1))
    found = life(rig, number, rig.began)
    print(f"\n{found.invites} forged, {found.answered} answered: {found.lives_ms}")
    assert (found.invites, found.answered) == (FORGERIES, 0)


async def test_the_grant_of_a_call_that_is_over_covers_nothing(rig: Rig) -> None:
    await rig.dial(PARIS)
    grant = rig.last_row("call.granted").grant
    await rig.wait_for_no_holds()
    set_globals(rig, HOLE="forged", TARGET=PARIS_WIRE, FORGED=grant)
    mark = time.time()
    await asyncio.to_thread(originate, rig, "Local/7001@phones")
    await asyncio.to_thread(wait_for, all_ended(rig, PARIS_WIRE, mark, 1))
    assert life(rig, PARIS_WIRE, mark).answered == 0


async def test_what_is_gated_is_left_alone(rig: Rig) -> None:
    before = ungated(rig)
    assert (await rig.dial(PARIS)).final.code == 200
    assert_emergency(await rig.dial("15"), "15")
    costly = await rig.dial("00590271212")
    assert (costly.final.code, len(costly.invites)) == (200, 1)
    rig.lab.gate_signal("STOP")
    fallback = asyncio.create_task(rig.dial(PARIS, "103"))
    await asyncio.sleep(1.6)
    rig.lab.gate_signal("CONT")
    assert (await fallback).users == [PARIS_WIRE]
    assert ungated(rig) == before


@pytest.mark.parametrize("form", ["PJSIP/15@carrier-a", "PJSIP/103/sip:15@{host}:5080"])
async def test_an_emergency_call_without_any_grant_is_left_alone(rig: Rig, form: str) -> None:
    """As the last resort places it, while our file is missing; by whatever endpoint."""
    before = ungated(rig)
    await asyncio.to_thread(originate, rig, form.format(host=rig.lab.carrier_host))
    await rig.logged("answered", "15")
    await asyncio.sleep(0.5)
    assert not [line for line in rig.lab.carrier_log() if line.at > rig.began and line.event == "ended"]
    assert ungated(rig) == before


async def test_the_last_resort_is_left_alone(rig: Rig) -> None:
    """While our file is missing, ordinary calls and help go without a verdict."""
    before = ungated(rig)
    text = (rig.lab.folder / "etc" / "callgate.conf").read_text()
    (rig.lab.folder / "etc" / "callgate.conf").unlink()
    rig.lab.asterisk_cli("dialplan", "reload")
    try:
        assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
        assert_emergency(await rig.dial("015"), "15")
    finally:
        rig.lab.copy_to_asterisk("callgate.conf", text)
        rig.lab.asterisk_cli("dialplan", "reload")
    assert ungated(rig) == before


async def test_what_stands_before_the_at_sign_is_what_is_called(rig: Rig) -> None:
    """`PJSIP/15@carrier-a/sip:0088...` calls 15: the guard asks Asterisk for what is sent, and reads no dial string."""
    set_globals(rig, HOLE="both", TARGET=SATELLITE.format(2))
    async with rig.phones("101") as (phone,):
        call = phone.call("7001")
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        await rig.logged("answered", "15")
        call.hang_up()


async def test_incoming_and_internal_calls_are_left_alone(rig: Rig) -> None:
    before = ungated(rig)
    async with rig.phones("101", "102") as (first, second):
        calling = asyncio.create_task(asyncio.to_thread(incoming, rig, "0142000000"))
        call = await first.wait_for_call(WITHIN_S)
        await call.wait_connected(WITHIN_S)
        internal = second.call("103")
        assert (await call.wait_ended(WITHIN_S)).duration_s > 1.4
        await calling
        internal.cancel()
    assert ungated(rig) == before


async def test_a_line_of_the_device_that_has_the_trunk_is_left_alone(rig: Rig) -> None:
    """A gateway with telephones and the outside line on one port: each call to its telephones was hung up."""
    before = ungated(rig)
    await asyncio.to_thread(originate, rig, f"PJSIP/103/sip:103@{rig.lab.carrier_host}:5080")
    await rig.logged("answered", "103")
    await rig.logged("ended", "103")
    assert ungated(rig) == before


@pytest.mark.parametrize("broken", ["%0D%0A%0D%0AEvent%3A%20Foo", "%0D%0ADestChannel%3A%20PJSIP%2Fx", "%0D%0A%0D%0A"])
async def test_a_caller_who_writes_into_the_events_cannot_hide_a_leg(rig: Rig, broken: str) -> None:
    """A line feed in his number breaks every event of his call: measured with Asterisk 22.10."""
    number = SATELLITE.format(4)
    set_globals(rig, HOLE="hand", TARGET=number)
    assert await why_killed(rig, number, lambda: incoming(rig, "7", f"3{broken}")) is Cause.NO_GRANT


async def test_many_at_once_are_all_ended(rig: Rig) -> None:
    number = SATELLITE.format(5)

    def place() -> None:
        one = f"channel originate PJSIP/{number}@carrier-b application Wait 5"
        script = f"for i in $(seq {AT_ONCE}); do asterisk -rx '{one}' & done; wait"
        rig.in_asterisk("sh", "-c", script)

    await is_killed(rig, number, place, calls=AT_ONCE)


@pytest.mark.parametrize("after_ms", [1000, 20, 0])
async def test_one_by_one_none_is_answered_by_a_carrier_that_takes_its_time(rig: Rig, after_ms: int) -> None:
    """One that answers at once is answered: what Asterisk saw of that is booked."""
    number = f"+590590272{after_ms:03d}"
    rig.lab.set_rules({number: Behaviour(react_after_s=after_ms / 1000)})
    await place(rig, f"PJSIP/{number}@carrier-a", calls=ONE_BY_ONE, pause_s=PAUSE_S)
    await asyncio.to_thread(wait_for, all_ended(rig, number, rig.began, ONE_BY_ONE))
    found = life(rig, number, rig.began)
    last = found.lives_ms[-1]
    print(f"\nafter {after_ms} ms: {found.answered} of {found.invites} answered; the last lived {last:.0f} ms")
    if after_ms == 1000:
        assert found.answered == 0
    await assert_booked(rig, at_most=found.answered)


@pytest.mark.parametrize("calls", [100, 300])
async def test_of_a_flood_every_call_is_ended_and_what_asterisk_saw_answered_is_booked(rig: Rig, calls: int) -> None:
    number = f"+590590273{calls:03d}"
    rig.lab.set_rules({number: Behaviour(react_after_s=0.05)})
    await place(rig, f"PJSIP/{number}@carrier-a", calls=calls, pause_s=0)
    await asyncio.to_thread(wait_for, all_ended(rig, number, rig.began, calls), CAUGHT_UP_S)
    found = life(rig, number, rig.began)
    middle, last = found.lives_ms[calls // 2], found.lives_ms[-1]
    print(
        f"\n{calls} at once: {found.answered} answered, half ended after {middle:.0f} ms, the last after {last:.0f} ms"
    )
    await assert_booked(rig, at_most=found.answered)


async def place(rig: Rig, channel: str, *, calls: int, pause_s: float) -> None:
    """Have a program originate so many calls."""
    async with AmiClient(rig.lab.asterisk_host, rig.lab.secrets.manager) as client:
        for _ in range(calls):
            await client.originate(channel, Application="Wait", Data="60")
            await asyncio.sleep(pause_s)


async def assert_booked(rig: Rig, *, at_most: int) -> None:
    """Of calls of a second at most, each one's first second, and none twice."""
    await asyncio.sleep(3 * BOOK_PAUSE_S)
    booked = sum(purse.day_micros for purse in (await rig.book()).purses if purse.name == "overseas")
    print(f"{booked // GUADELOUPE_MICROS} of {at_most} booked")
    assert booked % GUADELOUPE_MICROS == 0
    assert booked <= at_most * GUADELOUPE_MICROS


async def test_a_clinic_that_observes_is_told_and_nothing_is_ended(rig: Rig) -> None:
    number, before = SATELLITE.format(6), len(rig.rows("call.ungated"))
    rig.apply_policy(rig.config.policy.replace('mode     = "enforce"', 'mode = "observe"'))
    try:
        await rig.dial(PARIS)  # by which the gate learns of it
        await asyncio.to_thread(originate, rig, f"PJSIP/{number}@carrier-b")
        await rig.logged("answered", number)
        row = await asyncio.to_thread(rig.last_row, "call.ungated", before, COUNTED_S, number)
        assert (row.observed, row.note) == (True, Cause.NO_GRANT)
        # It is booked before the next test counts the money.
        booked = len(rig.rows("call.settled"))
        rig.lab.asterisk_cli("channel", "request", "hangup", "all")
        await asyncio.to_thread(rig.last_row, "call.settled", booked, COUNTED_S, number)
    finally:
        rig.apply_policy(rig.config.policy)
        await rig.dial(PARIS)


# Whatever restarts, the guard is back at once, and ends nothing that was granted.


async def test_a_costly_call_that_went_past_while_the_gate_was_down_is_ended_when_it_is_back(rig: Rig) -> None:
    number, before = SATELLITE.format(17), len(rig.rows("call.settled"))
    rig.lab.gate_stop()
    try:
        for channel in (f"PJSIP/{number}@carrier-a", "PJSIP/15@carrier-a"):
            rig.lab.asterisk_cli("channel", "originate", channel, "application", "Wait", "30")
        await rig.logged("answered", number)
        await rig.logged("answered", "15")
    finally:
        rig.lab.gate_start()
    ended = await rig.logged("ended", number)
    print(f"\nended {ended.duration_s:.1f} s after its answer")
    await asyncio.to_thread(wait_for, lambda: is_linked(rig))
    since = [line for line in rig.lab.carrier_log() if line.at > rig.began]
    assert [line.user for line in since if line.event == "ended"] == [number]
    # It is booked, and an alarm.
    row = await asyncio.to_thread(rig.last_row, "call.settled", before, COUNTED_S, number)
    assert (row.note, row.seconds >= ended.duration_s, row.amount_micros > 0) == (Cause.NO_GRANT, True, True)
    spent = [purse.day_micros for purse in (await rig.book()).purses if purse.name == "costly"]
    assert spent == [row.amount_micros]
    standing = read_standing(rig.lab.folder / "state")
    assert standing is not None
    assert standing.answered_at is not None


@pytest.mark.parametrize("what", ["manager", "manager off and on", "gate"])
async def test_calls_that_were_up_outlive_a_restart_and_new_ones_are_guarded(rig: Rig, what: str) -> None:
    async with rig.phones("101", "102", "103") as (first, second, third):
        calls = [first.call(PARIS), second.call("15"), third.call("00142685301")]
        for call in calls:
            assert (await call.wait_for_final(WITHIN_S)).code == 200
        match what:
            case "manager":
                rig.lab.asterisk_cli("module", "reload", "manager")
            case "manager off and on":
                text = (rig.lab.folder / "etc" / "manager.conf").read_text()
                rig.lab.copy_to_asterisk("manager.conf", text.replace("enabled = yes", "enabled = no"))
                rig.lab.asterisk_cli("manager", "reload")
                rig.lab.copy_to_asterisk("manager.conf", text)
                rig.lab.asterisk_cli("manager", "reload")
            case _:
                rig.lab.gate_stop()
                rig.lab.gate_start()
        await asyncio.to_thread(wait_for, lambda: is_linked(rig))
        number = SATELLITE.format(8)
        await is_killed(rig, number, lambda: originate(rig, f"PJSIP/{number}@carrier-a"))
        assert [call.ending for call in calls] == [None] * 3
        fourth = await rig.dial(PARIS, "104")
        assert fourth.final.code == 200
        for call in calls:
            call.hang_up()


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
async def test_asterisk_may_be_restarted_with_calls_up(rig: Rig, signal: Literal["TERM", "KILL"]) -> None:
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        await asyncio.to_thread(rig.lab.restart_asterisk, signal)
    began = time.monotonic()
    await asyncio.to_thread(wait_for, lambda: is_linked(rig))
    print(f"\nlinked again {time.monotonic() - began:.2f} s after Asterisk was back")
    number = SATELLITE.format(9)
    await is_killed(rig, number, lambda: originate(rig, f"PJSIP/{number}@carrier-a"))
    set_globals(rig, CARRIER=rig.lab.carrier_host)
    assert (await rig.dial(PARIS)).final.code == 200


@pytest.fixture
def second_gate(rig: Rig) -> Iterator[None]:
    """Another gate linked to the same Asterisk, which the dialplan does not ask; started more than 10 s ago."""
    text = (rig.lab.folder / "config" / "callgate.toml").read_text()
    for old, new in {":4599": ":4699", "/var/lib/callgate": SECOND, "/var/spool/callgate": SECOND}.items():
        text = text.replace(old, new)
    (rig.lab.folder / "config" / "second.toml").write_text(text)
    serve = f"callgate --settings /etc/callgate/second.toml serve >{SECOND}/log 2>&1 & echo $! >{SECOND}/pid"
    rig.lab.gate_exec("sh", "-c", f"mkdir -p {SECOND}; {serve}")
    wait_for(lambda: "control.linked" in second_log(rig), 15)
    time.sleep(EARLIER_S + 1)
    yield
    rig.lab.gate_exec("sh", "-c", f"kill $(cat {SECOND}/pid)")


def second_log(rig: Rig) -> str:
    return rig.lab.gate_exec("cat", f"{SECOND}/log")


@pytest.mark.usefixtures("second_gate")
async def test_a_second_gate_on_one_asterisk_ends_no_call_of_the_first_though_both_have_one_name(rig: Rig) -> None:
    """It hung up every one of them, and settled them as if they were its own."""
    async with rig.phones("101", "102") as (first, second):
        calls = [first.call(PARIS), second.call("00590271212")]
        for call in calls:
            assert (await call.wait_for_final(WITHIN_S)).code == 200
        await asyncio.sleep(2.5 * RECONCILE_PAUSE_S)
        assert [call.ending for call in calls] == [None, None]
        assert len((await rig.book()).holds) == len(calls)
        for call in calls:
            call.hang_up()
    assert (await rig.wait_for_no_holds()).holds == ()
    print("\n" + second_log(rig))
    assert not {"call.ungated", "call.cut", "call.lost"} & set(re.findall(r'"event": "([^"]*)"', second_log(rig)))


@pytest.mark.parametrize("filters", [True, False], ids=["filtered by Asterisk", "all of it"])
async def test_a_flood_of_foreign_events_does_not_blind_the_guard(rig: Rig, *, filters: bool) -> None:
    """A channel that sets a variable without end: about 10,000 events a second."""
    file = rig.lab.folder / "etc" / "manager.conf"
    text = file.read_text()
    if not filters:
        kept = [line for line in text.splitlines() if not line.startswith("eventfilter")]
        rig.lab.copy_to_asterisk("manager.conf", "\n".join(kept))
        rig.lab.asterisk_cli("manager", "reload")
        rig.lab.gate_stop()
        rig.lab.gate_start()
        await asyncio.to_thread(wait_for, lambda: is_linked(rig))
    try:
        number = SATELLITE.format(10 + filters)
        rig.in_asterisk("sh", "-c", "asterisk -rx 'channel originate Local/busy@holes/n application Wait 6' &")
        await asyncio.sleep(0.5)
        await is_killed(rig, number, lambda: originate(rig, f"PJSIP/{number}@carrier-a"))
        assert (await rig.dial(PARIS, "105")).final.code == 200
    finally:
        rig.lab.copy_to_asterisk("manager.conf", text)
        rig.lab.asterisk_cli("manager", "reload")


async def test_a_flood_of_calls_does_not_blind_the_guard(rig: Rig) -> None:
    """Three hundred Originates a second of Local channels: six hundred channels, and some thousands of events."""
    flooding = asyncio.create_task(flood(rig, seconds=4, rate=300))
    await asyncio.sleep(1)
    for place in range(3):
        number = SATELLITE.format(12 + place)
        await is_killed(rig, number, partial(originate, rig, f"PJSIP/{number}@carrier-a"))
    print(f"\nwith {await flooding:.0f} Originates a second")


async def test_a_flood_that_asterisk_itself_cannot_follow_costs_neither_the_link_nor_memory(rig: Rig) -> None:
    """Some 3,000 Originates a second: Asterisk needs seconds for anything, and the guard is as late as it is."""
    late, later = SATELLITE.format(15), SATELLITE.format(16)
    linked_since, before = since(rig), resident_kib(rig)
    flooding = asyncio.gather(*(flood(rig, seconds=1, rate=1_000_000) for _ in range(PROGRAMS)))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(originate, rig, f"PJSIP/{late}@carrier-a")
    sent = sum(await flooding)
    await asyncio.to_thread(wait_for, all_ended(rig, late, rig.began, 1), CAUGHT_UP_S)
    await asyncio.to_thread(wait_for, lambda: has_no_calls(rig.lab), CAUGHT_UP_S)
    grown = resident_kib(rig) - before
    print(f"\n{sent:.0f} Originates a second, {life(rig, late, rig.began)}; the gate grew by {grown} KiB")
    assert since(rig) == linked_since
    assert grown < GROWN_MAX_KIB
    await is_killed(rig, later, lambda: originate(rig, f"PJSIP/{later}@carrier-a"))
