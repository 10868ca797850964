"""FastAGI on a real socket: only what our dialplan asks is answered, in time, and a grant nobody took is given back."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate import door
from callgate import server as server_module
from callgate.core.hold import Held, HoldOutcome, HoldRequest
from callgate.ledger.client import connect
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.redis import RedisLedger
from callgate.seal import Seal
from callgate.server import utc_now
from clinic_samples import (
    BRUSSELS,
    HOLD,
    KEY,
    NONCE,
    PARIS,
    PASSAGE,
    POINTE_A_PITRE,
    Site,
    header,
    open_site,
)
from ledger.samples import PATIENT
from redis_server import RedisServer
from served_gate import CONFIRMED, Asterisk, Call, answer, served
from waiting import PATIENCE_S, POLL_S

SECOND = "33333333-3333-4333-8333-333333333333"
"""The nonce of another question."""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = open_site(tmp_path)
    await site.shelf.open()
    return site


@pytest.fixture
async def call(site: Site) -> AsyncIterator[Call]:
    async with served(site) as (_, call):
        yield call


async def test_a_call_gets_its_verdict_bound_to_its_nonce_and_the_sending_side_is_closed(
    call: Call, site: Site
) -> None:
    assert await answer(call, header()) == ["1", "grant", NONCE, "+33142685300", HOLD, "7200", "ok", "end"]
    refused = ["1", "refuse", SECOND, "", "", "0", "country_refused", "end"]
    assert await answer(call, header(dialled=BRUSSELS, nonce=SECOND)) == refused
    assert [row.event for row in site.rows] == ["call.granted", "call.refused"]


async def test_a_header_that_arrives_byte_by_byte_is_the_same_question(call: Call) -> None:
    async with call() as asterisk:
        for byte in header():
            asterisk.say(bytes([byte]))
            await asterisk.writer.drain()
        assert (await asterisk.heard())[1] == "grant"
        asterisk.say(CONFIRMED)


async def test_many_calls_at_once_each_get_their_own_answer(call: Call) -> None:
    nonces = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(100)]
    heard = await asyncio.gather(*(answer(call, header(nonce=nonce, dialled=BRUSSELS)) for nonce in nonces))
    assert [fields[2] for fields in heard] == nonces


# Whether the dialplan has the verdict.


async def live_holds(site: Site) -> tuple[str, ...]:
    return tuple(hold.hold_id for hold in (await site.book()).holds)


@pytest.mark.parametrize(
    ("replies", "kept"),
    [
        (CONFIRMED, True),
        (b"HANGUP\n" + CONFIRMED, True),
        (CONFIRMED + b"HANGUP\n", True),
        (b"100 result=0 Trying...\n" + CONFIRMED, True),
        (b"200 result=0\n", False),
        (b"200 result=-1\n", False),
        (b"200 result=1", False),
        (b"510 Invalid or unknown command\n", False),
        (b"511 Command Not Permitted on a dead channel or intercept routine\n", False),
        (b"520-Invalid command syntax.\nUsage\n520 End of proper usage.\n", False),
        (b"HANGUP\n", False),
        (b"100 result=0 Trying...\n", False),
        (b"nonsense\n", False),
        (b"x" * 100_000, False),
        (b"", False),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else None,
)
async def test_a_grant_is_given_back_unless_asterisk_says_that_it_has_it(
    site: Site, replies: bytes, *, kept: bool
) -> None:
    async with served(site) as (_, call), call() as asterisk:
        asterisk.say(header(dialled=POINTE_A_PITRE))
        assert (await asterisk.heard())[1] == "grant"
        asterisk.say(replies)
    assert await live_holds(site) == ((HOLD,) if kept else ())


async def test_a_grant_is_given_back_when_asterisk_says_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REPLY_DEADLINE_S", 0.05)
    async with served(site) as (server, call), call() as asterisk:
        asterisk.say(header(dialled=POINTE_A_PITRE))
        assert (await asterisk.heard())[1] == "grant"
        await server.drain()
        assert await live_holds(site) == ()


async def test_a_reply_that_was_sent_before_there_was_a_verdict_confirms_none(site: Site) -> None:
    async with served(site) as (_, call), call() as asterisk:
        asterisk.say(header(dialled=POINTE_A_PITRE) + CONFIRMED)
        assert (await asterisk.heard())[1] == "grant"
    assert await live_holds(site) == ()


async def test_a_connection_that_breaks_off_gives_its_grant_back(site: Site) -> None:
    async with served(site) as (_, call), call() as asterisk:
        asterisk.say(header(dialled=POINTE_A_PITRE))
        await asterisk.heard()
        raw = asterisk.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert await live_holds(site) == ()


async def test_an_emergency_grant_that_was_not_taken_leaves_nothing_in_the_ledger(site: Site) -> None:
    async with served(site) as (_, call), call() as asterisk:
        asterisk.say(header(dialled="*31#*31#15"))
        assert (await asterisk.heard())[3:5] == ["15", "emergency"]
    assert (await site.book()).sequence == 1, "only the policy was ever written there"


class Absurd(MemoryLedger):
    """A ledger with a fault of its own: what it holds lasts a day."""

    async def hold(self, request: HoldRequest) -> HoldOutcome:
        outcome = await super().hold(request)
        assert isinstance(outcome, Held)
        return replace(outcome, seconds=86_400)


async def test_a_grant_that_cannot_be_put_into_words_is_given_back_and_no_verdict_is_sent(tmp_path: Path) -> None:
    site = open_site(tmp_path, ledger=Absurd(at_second(lambda: int(utc_now().timestamp()))))
    await site.shelf.open()
    site.now = utc_now()
    async with served(site) as (_, call):
        assert await answer(call, header()) == []
    assert await live_holds(site) == ()


# What is not asked by our dialplan.


@pytest.mark.parametrize(
    "request_bytes",
    [
        header("v2"),
        header(""),
        header("v1/../v1"),
        header(entry="unknown"),
        header(entry=""),
        header(trunk="unknown"),
        header(passage="1"),
        header(passage=PASSAGE.replace("1", "A")),
        header(passage=PASSAGE + "0"),
        header(nonce=""),
        header(nonce="x|grant"),
        header(attempt="0"),
        header(attempt="-1"),
        header(attempt="100"),
        header(attempt="\u0661"),
        header(supersedes="a b"),
        header(supersedes="x" * 121),
        header(extension="101\u202e"),
        header(extension="1" * 65),
        header(dialled="0 1"),
        header(dialled="\u0661\u0665"),
        header(dialled="1" * 1025),
        header(dialled="\udcff15"),
        header(more="1"),
        header().replace(b"entry=callgate", b"entry callgate"),
        header().replace(
            b"agi_arg_1: entry=callgate\nagi_arg_2: trunk=carrier-a\n",
            b"agi_arg_1: trunk=carrier-a\nagi_arg_2: entry=callgate\n",
        ),
        header().replace(b"agi_arg_10: ", b"agi_arg_11: "),
        header().replace(b"agi_arg_10: dialled=" + PARIS.encode() + b"\n", b""),
        header(asked=""),
        header(asked="1800000000"),
        header(asked="-1800000000.000"),
        header(asked="nan"),
        header().replace(b"agi_callerid: x\n", b"agi_callerid: x\nagi_arg_1: entry=callgate\n"),
        header().replace(b"agi_callerid: x\n", b"agi_callerid: x\nagi_callerid: y\n"),
        header().replace(b"agi_callerid: x\n", b"agi_callerid: x\nSET VARIABLE A B\n"),
        header().replace(b"agi_callerid: x\n", b"agi_callerid: x\nforged: y\n"),
        header().replace(b"agi_callerid: x\n", b"agi_callerid: x\nHANGUP\n"),
        header().replace(b"\n\n", b"\n200 result=1\n\n"),
        b"\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_request_that_our_dialplan_does_not_make_gets_no_verdict(site: Site, request_bytes: bytes) -> None:
    """Whoever may ask: with the right seal, and where none is wanted."""
    for seal in (Seal(KEY), None):
        async with served(site, seal=seal) as (_, call):
            assert await answer(call, request_bytes) == []
    assert site.rows == []


@pytest.mark.parametrize("seal", ["", "0" * 40, Seal("f" * 64).of([]), "\udcff", "0" * 1000])
async def test_who_does_not_know_the_key_gets_no_verdict_and_the_ledger_hears_nothing(
    call: Call, site: Site, seal: str
) -> None:
    before = (await site.book()).sequence
    assert await answer(call, header(dialled=POINTE_A_PITRE, seal=seal)) == []
    assert site.rows == []
    assert (await site.book()).sequence == before


async def test_an_answer_is_sealed_so_that_who_takes_the_port_can_grant_nothing(call: Call) -> None:
    """While the gate was down any process could take its port, and what it granted was dialled."""
    async with call() as asterisk:
        asterisk.say(header())
        answered, _, seal = (await asterisk.token()).rpartition("|")
        assert seal == Seal(KEY).of([answered])
        asterisk.say(CONFIRMED)


async def test_where_the_settings_want_no_seal_none_is_looked_at_and_none_is_given(site: Site) -> None:
    async with served(site, seal=None) as (_, call), call() as asterisk:
        asterisk.say(header(seal=""))
        assert (await asterisk.token()).endswith("|ok|end")
        asterisk.say(CONFIRMED)


async def test_a_question_that_was_overheard_is_not_answered_again_and_its_hold_stays(site: Site) -> None:
    """Who asks again and does not confirm would have the money of a call that is up given back."""
    async with served(site) as (_, call):
        assert (await answer(call, header(dialled=POINTE_A_PITRE)))[1] == "grant"
        async with call() as stranger:
            stranger.say(header(dialled=POINTE_A_PITRE))
            assert await stranger.heard() == []
    assert await live_holds(site) == (HOLD,)
    assert len(site.rows) == 1


async def test_a_question_of_some_time_ago_is_not_answered(call: Call, site: Site) -> None:
    site.now += timedelta(seconds=4)
    assert await answer(call, header(dialled=POINTE_A_PITRE)) == []
    assert await live_holds(site) == ()


@pytest.mark.parametrize(
    "data",
    [b"", b"agi_network: yes\n", b"x" * 100_000, b"agi_a: b\n" * 200, b"\0\xff\n\n", header()[:-1]],
    ids=["a probe", "half a header", "100 KB without a newline", "200 lines", "no text", "a header without its end"],
)
async def test_a_connection_that_brings_no_request_is_let_go_and_the_next_call_served(call: Call, data: bytes) -> None:
    async with call() as asterisk:
        asterisk.say(data)
        asterisk.writer.write_eof()
        assert await asterisk.heard() == []
    assert (await answer(call, header()))[1] == "grant"


async def flood(asterisk: Asterisk) -> None:
    for _ in range(1000):
        asterisk.say(b"agi_x: " + b"x" * 100_000)
        await asterisk.writer.drain()


async def test_a_large_header_is_refused_while_it_is_still_being_sent(call: Call) -> None:
    async with call() as asterisk:
        with pytest.raises(ConnectionError):
            await flood(asterisk)


async def test_a_header_that_does_not_come_to_its_end_is_given_up_in_a_second(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.HEADER_DEADLINE_S == server_module.REPLY_DEADLINE_S == 1.0
    monkeypatch.setattr(door, "HEADER_DEADLINE_S", 0.05)
    async with served(site) as (_, call), call() as asterisk:
        asterisk.say(header()[:-1])
        assert await asterisk.heard() == []


async def test_a_fault_of_our_own_gives_no_verdict_and_the_next_call_is_served(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(MemoryLedger):
        async def hold(self, request: HoldRequest) -> HoldOutcome:
            raise ZeroDivisionError(str(request))

    broken = replace(site.gate, ledger=Broken(at_second(lambda: 0)))
    async with served(site, broken) as (_, call):
        assert await answer(call, header()) == []
        assert (await answer(call, header(dialled="*31#*31#15", nonce=SECOND)))[3] == "15"
    # Where logs go depends on whether a test before has set them up.
    assert "call.failed" in "".join(capsys.readouterr())


# The end.


async def test_a_call_being_decided_has_its_answer_before_the_gate_ends(site: Site) -> None:
    async with served(site) as (server, call), call() as asterisk:
        asterisk.say(header(dialled=POINTE_A_PITRE))
        assert (await asterisk.heard())[1] == "grant"
        draining = asyncio.create_task(server.drain())
        asterisk.say(CONFIRMED)
        await draining
        assert await live_holds(site) == (HOLD,)
        await server.drain()


async def test_what_the_store_carries_out_too_late_is_undone_before_the_gate_ends(tmp_path: Path) -> None:
    """A worker that was replaced took its doubts with it: a call that nobody had kept its line for two hours."""
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as store:
        async with connect(store.url) as client, connect(store.url, PATIENT) as patient:
            site = open_site(tmp_path, ledger=RedisLedger(client))
            site.now = utc_now()
            asked = f"{site.now.timestamp():.3f}"
            await site.shelf.open()
            async with served(site) as (server, call):
                assert (await answer(call, header(asked=asked)))[1] == "grant"
                (held,) = await live_holds(site)
                store.freeze()
                late = header(asked=asked, nonce=SECOND, passage=SECOND)
                assert (await answer(call, late))[4].startswith("local:")
                store.thaw()
                site.ledger = RedisLedger(patient, PATIENT)
                for _ in range(round(PATIENCE_S / POLL_S)):
                    if len(await live_holds(site)) > 1:
                        break
                    await asyncio.sleep(POLL_S)
                assert len(await live_holds(site)) == 2
                await server.drain()
                assert await live_holds(site) == (held,)
