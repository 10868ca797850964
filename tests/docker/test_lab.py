"""The lab itself: real Asterisk, the fake carrier and the test phones, before any rule of callgate is in play."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from call_behaviour import Behaviour, Reaction
from carrier_log import CarrierEvent
from lab import Gate, Lab
from lab_containers import LabContainers, sweep_orphans
from lab_images import ROOT
from sip_digest import Credentials
from sip_phone import Phone

pytestmark = pytest.mark.system

WITHIN_S = 5.0
PARIS = "0142685300"
_FROZEN = "import signal, time; print('up', flush=True); signal.signal(15, lambda *_: exit(0)); time.sleep(600)"
# The state letter of every process of the gate: all but the init (1) and the shell that asks.
_STATES = "for p in /proc/[0-9]*; do n=${p#/proc/}; [ $n = 1 ] || [ $n = $$ ] || sed 's/.*) //; s/ .*//' $p/stat; done"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "config").mkdir()
    gate = Gate(command=("python3", "-c", _FROZEN), config=folder / "config")
    made = Lab(f"test-lab-{os.getpid()}", folder, gate=gate)
    began = time.monotonic()
    made.start()
    print(f"\nlab up in {time.monotonic() - began:.2f} s")
    yield made
    made.stop()


@pytest.fixture
async def phones(lab: Lab) -> AsyncIterator[dict[str, Phone]]:
    """101 and 102, registered; the carrier answers everything after 50 ms."""
    lab.set_rules({})
    async with AsyncExitStack() as stack:
        made = {}
        for number in ("101", "102"):
            phone = Phone(Credentials(username=number, password=lab.secrets.phones), lab.sip)
            made[number] = await stack.enter_async_context(phone)
            await phone.register()
        yield made


async def logged(lab: Lab, event: str, user: str) -> CarrierEvent:
    return await asyncio.to_thread(lab.wait_for_carrier, event, user, WITHIN_S)


async def test_one_phone_calls_another_and_hangs_up(phones: dict[str, Phone]) -> None:
    call = phones["101"].call("102")
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    called = await phones["102"].wait_for_call(WITHIN_S)
    await called.wait_connected(WITHIN_S)
    call.hang_up()
    ending = await called.wait_ended(WITHIN_S)
    assert ending.by == "there"


async def test_a_call_to_the_carrier_is_logged_with_the_number_and_its_duration(
    lab: Lab, phones: dict[str, Phone]
) -> None:
    call = phones["101"].call(PARIS)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    invite = await logged(lab, "invite", PARIS)
    print(
        f"\nINVITE from phone to carrier: {(invite.at - call.authorized_at.epoch) * 1000:.1f} ms after its credentials"
    )
    assert invite.trunk == "carrier-a"
    assert "<sip:101@" in invite.headers["P-Asserted-Identity"]
    await logged(lab, "ack", PARIS)
    call.hang_up()
    ended = await logged(lab, "ended", PARIS)
    assert (ended.by, ended.code) == ("asterisk", 200)
    assert call.ending is not None
    assert ended.duration_s == pytest.approx(call.ending.duration_s, abs=0.1)


@pytest.mark.parametrize(("number", "code"), [("0142000486", 486), ("0142000503", 503)])
async def test_what_the_carrier_refuses_reaches_the_phone(
    lab: Lab, phones: dict[str, Phone], number: str, code: int
) -> None:
    lab.set_rules({number: Behaviour(reaction=Reaction.REJECT, code=code)})
    final = await phones["101"].call(number).wait_for_final(WITHIN_S)
    assert final.code == code
    assert (await logged(lab, "ended", number)).code == code


async def test_a_caller_who_gives_up_while_it_rings_cancels_at_the_carrier(lab: Lab, phones: dict[str, Phone]) -> None:
    number = "0142000180"
    lab.set_rules({number: Behaviour(reaction=Reaction.RING)})
    call = phones["101"].call(number)
    await call.wait_for_code(180, WITHIN_S)
    call.cancel()
    assert (await call.wait_ended(WITHIN_S)).code == 487
    assert (await logged(lab, "ended", number)).by == "asterisk"


async def test_when_the_carrier_hangs_up_the_phone_is_freed(lab: Lab, phones: dict[str, Phone]) -> None:
    number = "0142000200"
    lab.set_rules({"0142": Behaviour(hang_up_after_s=0.3)})
    call = phones["101"].call(number)
    assert (await call.wait_ended(WITHIN_S)).by == "there"
    ended = await logged(lab, "ended", number)
    assert ended.by == "carrier"
    assert ended.duration_s == pytest.approx(0.3, abs=0.1)


async def test_a_phone_hands_its_outside_call_to_a_colleague(lab: Lab, phones: dict[str, Phone]) -> None:
    number = "0142000001"
    call = phones["101"].call(number)
    await call.wait_for_final(WITHIN_S)
    assert await call.transfer(phones["101"].uri("102"), WITHIN_S) == 200
    called = await phones["102"].wait_for_call(WITHIN_S)
    await called.wait_connected(WITHIN_S)
    await call.wait_ended(WITHIN_S)
    called.hang_up()
    assert (await logged(lab, "ended", number)).by == "asterisk"


async def test_a_phone_introduces_its_outside_call_to_a_colleague_first(lab: Lab, phones: dict[str, Phone]) -> None:
    number = "0142000002"
    outside = phones["101"].call(number)
    await outside.wait_for_final(WITHIN_S)
    inside = phones["101"].call("102")
    await inside.wait_for_final(WITHIN_S)
    called = await phones["102"].wait_for_call(WITHIN_S)
    assert await phones["101"].join(outside, inside, WITHIN_S) == 200
    await outside.wait_ended(WITHIN_S)
    await inside.wait_ended(WITHIN_S)
    assert called.ending is None
    called.hang_up()
    assert (await logged(lab, "ended", number)).by == "asterisk"


async def test_a_prompt_is_heard_before_the_call_is_refused_and_nothing_is_billed(phones: dict[str, Phone]) -> None:
    call = phones["101"].call("190")
    assert (await call.wait_for_code(183, WITHIN_S)).audio
    sound = await call.media.wait_for_sound(WITHIN_S)
    print(f"\nfirst sound {(sound.monotonic - call.sent_at.monotonic) * 1000:.0f} ms after the INVITE")
    final = await call.wait_for_final(10)
    assert final.code == 403
    assert "cause=21" in final.reason
    assert max(call.media.heard.samples) > 1000
    assert call.answered_at is None


async def test_a_forwarded_phone_sends_its_caller_on(lab: Lab, phones: dict[str, Phone]) -> None:
    number = "0142000302"
    contact = phones["102"].uri(number)
    phones["102"].behaviour = Behaviour(reaction=Reaction.REDIRECT, contact=contact)
    call = phones["101"].call("102")
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    await logged(lab, "answered", number)
    call.hang_up()


async def test_a_busy_phone_is_heard_as_busy(phones: dict[str, Phone]) -> None:
    phones["102"].behaviour = Behaviour(reaction=Reaction.REJECT, code=486)
    assert (await phones["101"].call("102").wait_for_final(WITHIN_S)).code == 486


async def test_the_frozen_gate_is_up_and_can_be_killed_and_started_again(lab: Lab) -> None:
    lab.gate_signal("STOP")
    assert set(lab.gate_exec("sh", "-c", _STATES).split()) == {"T"}
    lab.gate_signal("CONT")
    assert "T" not in lab.gate_exec("sh", "-c", _STATES)
    lab.gate_stop()
    lab.gate_start()
    lab.gate_kill()
    lab.gate_start()


async def test_asterisk_comes_back_after_a_crash_and_phones_register_again(lab: Lab, phones: dict[str, Phone]) -> None:
    lab.restart_asterisk("KILL")
    await phones["101"].register()
    call = phones["101"].call(PARIS)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    call.hang_up()


async def test_redis_keeps_what_it_was_told_through_a_restart(lab: Lab) -> None:
    assert lab.redis_cli("SET", "kept", "1") == "OK"
    lab.redis_stop()
    lab.redis_start()
    assert lab.redis_cli("GET", "kept") == "1"


async def test_the_gate_reaches_redis_by_name_and_asterisk_by_loopback(lab: Lab) -> None:
    script = "import socket; [socket.create_connection(a, 2).close() for a in (('redis', 6379), ('127.0.0.1', 5038))]"
    assert lab.gate_exec("python3", "-c", script) == ""


def test_what_a_program_printed_is_whole_however_late_it_is_read(lab: Lab) -> None:
    """On a busy machine the first words of an answer, or all of them, were missing: demo and tests failed at will."""
    ask = "import sys, lab_containers; print([lab_containers.run_inside(*sys.argv[1:]) for _ in range(15)])"
    asterisk = lab._containers._containers["asterisk"].get_container_id()
    command = [sys.executable, "-c", ask, asterisk, "echo", "all"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "docker")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, process_group=0) as busy:
        while busy.poll() is None:
            time.sleep(0.03)
            os.killpg(busy.pid, signal.SIGSTOP)
            time.sleep(0.1)
            os.killpg(busy.pid, signal.SIGCONT)
        assert busy.communicate()[0] == f"{['all'] * 15}\n"


def test_what_a_killed_test_run_left_is_swept_and_a_living_one_is_not(lab: Lab) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait(WITHIN_S)
    LabContainers(f"test-lab-{process.pid}").open()
    sweep_orphans()
    names = subprocess.check_output(["docker", "network", "ls", "--format", "{{.Labels}}"], text=True)
    assert f"callgate.lab=test-lab-{process.pid}" not in names
    assert f"callgate.lab={lab.name}" in names
