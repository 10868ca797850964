"""The test phone and the fake carrier, wire to wire, without Asterisk between them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from call_behaviour import Behaviour, Reaction, behaviour_for, read_rules, write_rules
from carrier_log import CarrierEvent, read_log
from sip_digest import Credentials
from sip_phone import Phone

WITHIN_S = 5.0
STILL_S = 0.6
CARRIER = Path(__file__).parents[2] / "docker" / "fake_carrier.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    log: Path
    rules: Path
    port: int
    process: int

    async def logged(self, event: str, user: str = "") -> CarrierEvent:
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            lines = [line for line in read_log(self.log) if (line.event, line.user) == (event, user)]
            if lines:
                return lines[-1]
            await asyncio.sleep(0.01)
        raise TimeoutError(event)


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    folder = tmp_path_factory.mktemp("carrier")
    log, rules = folder / "carrier.jsonl", folder / "rules.json"
    words = [sys.executable, str(CARRIER), "--host", "127.0.0.1", "--log", str(log), "--rules", str(rules)]
    with subprocess.Popen([*words, "carrier-a:0"]) as process:
        made = Carrier(log=log, rules=rules, port=0, process=process.pid)
        ready = asyncio.run(made.logged("ready"))
        yield replace(made, port=int(ready.note.rpartition(":")[2]))
        process.terminate()
        assert process.wait(WITHIN_S) == 0


@pytest.fixture
async def phone(carrier: Carrier) -> AsyncIterator[Phone]:
    account = Credentials(username="101", password="x")  # noqa: S106 - the carrier asks for none
    async with Phone(account, ("127.0.0.1", carrier.port)) as made:
        yield made


async def test_a_call_is_answered_and_every_step_of_it_logged(carrier: Carrier, phone: Phone) -> None:
    call = phone.call("%2B33142685300", ("Privacy", "id"))
    assert (await call.wait_for_final(WITHIN_S)).audio
    await carrier.logged("ack", "+33142685300")
    call.hang_up()
    ended = await carrier.logged("ended", "+33142685300")
    lines = [line for line in read_log(carrier.log) if line.call_id == ended.call_id]
    assert [line.event for line in lines] == ["invite", "ringing", "answered", "ack", "bye", "ended"]
    assert lines[0].headers["Privacy"] == "id"
    assert lines[0].request_uri.startswith("sip:%2B33142685300@")
    assert ended.duration_s == pytest.approx(ended.at - lines[2].at, abs=0.01)


async def test_a_call_ends_when_its_bye_comes_in_also_at_a_carrier_that_stands_still(
    carrier: Carrier, phone: Phone
) -> None:
    call = phone.call("0501")
    await call.wait_connected(WITHIN_S)
    await carrier.logged("ack", "0501")
    os.kill(carrier.process, signal.SIGSTOP)
    try:
        call.hang_up()
        await asyncio.sleep(STILL_S)
    finally:
        os.kill(carrier.process, signal.SIGCONT)
    ended = await carrier.logged("ended", "0501")
    assert call.ending is not None
    assert ended.at == pytest.approx(call.ending.at.epoch, abs=STILL_S / 2)
    assert ended.duration_s == pytest.approx(call.ending.duration_s, abs=STILL_S / 2)


async def test_an_injected_number_reaches_the_wire_as_it_was_typed(carrier: Carrier, phone: Phone) -> None:
    call = phone.call("0612%40trunk%26PJSIP%2F0088216001")
    await call.wait_for_final(WITHIN_S)
    invite = await carrier.logged("invite", "0612@trunk&PJSIP/0088216001")
    assert invite.request_uri.startswith("sip:0612%40trunk%26PJSIP%2F0088216001@")


async def test_the_rules_change_while_the_carrier_runs(carrier: Carrier, phone: Phone) -> None:
    write_rules(carrier.rules, {"0": Behaviour(reaction=Reaction.REJECT, code=503)})
    assert (await phone.call("0142").wait_for_final(WITHIN_S)).code == 503
    write_rules(carrier.rules, {"0": Behaviour(reaction=Reaction.REDIRECT, contact="sip:1@127.0.0.1")})
    assert (await phone.call("0142").wait_for_final(WITHIN_S)).code == 302


async def test_a_rules_file_that_cannot_be_read_changes_nothing_and_is_noted(carrier: Carrier, phone: Phone) -> None:
    write_rules(carrier.rules, {"0": Behaviour(reaction=Reaction.REJECT, code=404)})
    assert (await phone.call("0142").wait_for_final(WITHIN_S)).code == 404
    carrier.rules.write_text('{"0": {"answr_after_s": 1}}', "utf-8")
    assert (await phone.call("0142").wait_for_final(WITHIN_S)).code == 404
    assert "answr_after_s" in (await carrier.logged("rules_unreadable")).note


async def test_a_trunk_that_is_down_says_nothing(carrier: Carrier, phone: Phone) -> None:
    write_rules(carrier.rules, {"0": Behaviour(reaction=Reaction.IGNORE)})
    call = phone.call("0142")
    with pytest.raises(TimeoutError):
        await call.wait_for_final(0.2)
    assert call.responses == []


async def test_early_media_comes_as_a_183_with_audio(carrier: Carrier, phone: Phone) -> None:
    write_rules(carrier.rules, {"0": Behaviour(reaction=Reaction.RING, early_media=True)})
    call = phone.call("0183")
    assert (await call.wait_for_code(183, WITHIN_S)).audio
    call.hang_up()
    assert (await call.wait_ended(WITHIN_S)).code == 487
    assert (await carrier.logged("ended", "0183")).by == "asterisk"


async def test_the_carrier_hangs_up_by_itself(carrier: Carrier, phone: Phone) -> None:
    write_rules(carrier.rules, {"0": Behaviour(hang_up_after_s=0.2)})
    ending = await phone.call("0200").wait_ended(WITHIN_S)
    assert ending.by == "there"
    assert ending.duration_s == pytest.approx(0.2, abs=0.1)


async def test_noise_on_its_port_does_not_stop_the_carrier(carrier: Carrier, phone: Phone) -> None:
    write_rules(carrier.rules, {})
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", carrier.port)
    )
    head = b"Via: SIP/2.0/UDP h;branch=z9\r\nFrom: <sip:a@h>\r\nTo: <sip:b@h>\r\nCall-ID: n\r\n"
    for datagram in (
        b"",
        b"\x00" * 2000,
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\n" + head + b"CSeq: 1 INVITE\r\nContact: nonsense\r\n\r\n",
        b"BYE sip:x SIP/2.0\r\n" + head + b"CSeq: 2 BYE\r\n\r\n",
        b"SIP/2.0 200 OK\r\n" + head + b"CSeq: 3 INVITE\r\n\r\n",
    ):
        transport.sendto(datagram)
    assert (await phone.call("0142").wait_for_final(WITHIN_S)).code == 200
    transport.close()


ANSWER, BUSY, DEAD = Behaviour(), Behaviour(reaction=Reaction.REJECT), Behaviour(reaction=Reaction.IGNORE)


@pytest.mark.parametrize(
    ("trunk", "user", "expected"),
    [
        ("carrier-a", "0142685300", BUSY),
        ("carrier-a", "0612345678", ANSWER),
        ("carrier-b", "0142685300", DEAD),
        ("carrier-b", "15", DEAD),
        ("carrier-a", "15", ANSWER),
    ],
)
def test_the_longest_prefix_decides_and_a_trunks_own_rule_comes_first(
    trunk: str, user: str, expected: Behaviour
) -> None:
    rules = {"0": ANSWER, "01": BUSY, "carrier-b/": DEAD}
    assert behaviour_for(rules, trunk=trunk, user=user) == expected


def test_rules_read_as_they_were_written(tmp_path: Path) -> None:
    rules = {"0": BUSY, "": Behaviour(hang_up_after_s=1.5, early_media=True)}
    write_rules(tmp_path / "rules.json", rules)
    assert read_rules(tmp_path / "rules.json") == rules
