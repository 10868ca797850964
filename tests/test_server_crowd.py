"""Many at the port who ask nothing: a call beside them is answered, and nothing of theirs stays."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from callgate import door
from clinic_samples import BRUSSELS, Site, header, open_site
from served_gate import Asterisk, Call, answer, served


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = open_site(tmp_path)
    await site.shelf.open()
    return site


@asynccontextmanager
async def crowd(call: Call, size: int) -> AsyncIterator[list[Asterisk]]:
    """So many connections, none of which asks."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(call()) for _ in range(size)]


async def test_a_call_is_answered_while_hundreds_of_idle_connections_hold_every_place(site: Site) -> None:
    gate = msgspec.structs.replace(site.settings.gate, waiting_max=100)
    site.settings = msgspec.structs.replace(site.settings, gate=gate)
    nonces = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(20)]
    async with served(site) as (_, call), crowd(call, 500) as idle:
        heard = [await answer(call, header(nonce=nonce, dialled=BRUSSELS)) for nonce in nonces]
        assert [fields[2] for fields in heard] == nonces
        away = [connection for connection in idle if connection.reader.at_eof()]
        assert len(away) >= 400
    assert len(site.rows) == len(nonces)


async def test_the_answers_of_a_flood_are_given_one_in_each_pass_so_that_others_are_served_between(site: Site) -> None:
    """Those that a counted row sets free together once held up every other call until the last had its answer."""
    nonces = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(40)]
    async with served(site) as (_, call):
        with capture_logs() as said:
            asking = asyncio.gather(*(answer(call, header(nonce=nonce, dialled=BRUSSELS)) for nonce in nonces))
            most = given = 0
            while not asking.done():
                await asyncio.sleep(0)
                now = sum(line["event"] == "call.refused" for line in said)
                most, given = max(most, now - given), now
    assert (most, given) == (1, 40)


async def test_who_sends_a_byte_at_a_time_keeps_no_call_waiting_and_is_let_go(site: Site) -> None:
    async def dribble(asterisk: Asterisk) -> None:
        for byte in header() * 1000:
            asterisk.say(bytes([byte]))
            await asterisk.writer.drain()
            await asyncio.sleep(0.01)

    async with served(site) as (_, call), crowd(call, 50) as slow:
        dribbling = [asyncio.create_task(dribble(asterisk)) for asterisk in slow]
        assert (await answer(call, header(dialled=BRUSSELS)))[1] == "refuse"
        ends = await asyncio.gather(*dribbling, return_exceptions=True)
        assert all(isinstance(end, ConnectionError) for end in ends)
    assert len(site.rows) == 1


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
async def test_a_storm_of_connections_that_close_at_once_leaves_nothing_behind(site: Site, *, is_reset: bool) -> None:
    async with served(site) as (server, call):
        for _ in range(500):
            async with call() as asterisk:
                if is_reset:
                    raw = asterisk.writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert (await answer(call, header(dialled=BRUSSELS)))[1] == "refuse"
    await server.drain()
    assert server._connections == set()


async def test_without_files_to_spare_a_call_gets_no_verdict_at_once_and_later_ones_are_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contract is for that: better at once than after a wait for a place."""
    async with served(site) as (_, call):
        with monkeypatch.context() as exhausted:
            exhausted.setattr(door, "file_room", lambda: 0)
            assert await answer(call, header(dialled=BRUSSELS)) == []
        assert (await answer(call, header(dialled=BRUSSELS)))[1] == "refuse"
    assert len(site.rows) == 1
