"""The connections to the store: one more than are in use, and none that the store has not greeted, or has closed."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Unavailable
from callgate.ledger import scripts
from callgate.ledger.client import Access, Deadlines, ScriptRunner, _is_open, connect
from callgate.ledger.keys import clinic_keys
from ledger.fake_stores import OK, stores
from ledger.samples import PATIENT
from waiting import until

KEYS = clinic_keys("client")


def open_connections(client: Redis) -> int:
    """How many wait for who needs one."""
    return sum(map(_is_open, client.connection_pool._available_connections))


async def test_a_second_call_at_a_time_finds_a_connection_open() -> None:
    """Opening one takes a far store's time again, and its greeting as much once more."""
    async with stores(lambda words: OK if words[0] == "AUTH" else b"*0\r\n") as (store,):
        async with connect(f"redis://callgate@{store.endpoint}", PATIENT) as client:
            runner = ScriptRunner(client, PATIENT)
            await runner.run(scripts.BOOK, KEYS)
            await until(lambda: open_connections(client) == 2)
            store.far_s = 0.1
            both = await asyncio.gather(*(runner.run(scripts.BOOK, KEYS) for _ in range(2)))
        asked_on = [link for link, name in zip(store.asked_on, store.names(), strict=True) if name == "EVALSHA"]
    assert both == [[], []]
    assert sorted(asked_on[1:]) == [1, 2]


async def test_a_spare_connection_that_cannot_be_opened_is_no_calls_matter() -> None:
    """A server with no room for more says so to the next one who needs it."""
    greeted: list[str] = []
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def one_only(words: list[str]) -> bytes:
        if words[0] != "AUTH":
            return b"*0\r\n"
        greeted.append(words[0])
        return OK if len(greeted) == 1 else b"-ERR max number of clients reached\r\n"

    async with stores(one_only) as (store,), connect(f"redis://callgate@{store.endpoint}", PATIENT) as client:
        runner = ScriptRunner(client, PATIENT)
        assert await runner.run(scripts.BOOK, KEYS) == []
        await until(lambda: len(greeted) == 2)
        assert await runner.run(scripts.BOOK, KEYS) == []
        await until(lambda: len(greeted) == 3)
        assert await runner.run(scripts.BOOK, KEYS) == []
    gc.collect()
    assert reported == []


async def test_a_spare_connection_whose_password_cannot_be_read_is_not_taken_for_an_open_one(tmp_path: Path) -> None:
    """As while somebody writes a new one: whoever takes it later would not have been greeted."""
    file = tmp_path / "password"
    file.write_text("secret")

    def rotating(words: list[str]) -> bytes:
        file.unlink(missing_ok=True)
        return OK if words[0] == "AUTH" else b"*0\r\n"

    access = Access(password_file=file)
    async with stores(rotating) as (store,), connect(f"redis://{store.endpoint}", PATIENT, access) as client:
        runner = ScriptRunner(client, PATIENT)
        assert await runner.run(scripts.BOOK, KEYS) == []
        await until(lambda: store.connections == 2)
        pool: Any = client.connection_pool
        await until(pool._spare.done)
        assert open_connections(client) == 1


@pytest.mark.parametrize("name", ["", "callgate@"])
async def test_a_store_that_closed_what_nobody_used_is_connected_to_anew(name: str) -> None:
    """It was restarted, or closes what is idle: the first call after that is not lost."""
    async with (
        stores(lambda words: OK if words[0] == "AUTH" else b"*0\r\n") as (store,),
        connect(f"redis://{name}{store.endpoint}", PATIENT) as client,
    ):
        runner = ScriptRunner(client, PATIENT)
        assert await runner.run(scripts.BOOK, KEYS) == []
        await until(lambda: open_connections(client) == 2)
        store.hang_up()
        await until(lambda: open_connections(client) == 0)
        assert await runner.run(scripts.BOOK, KEYS) == []
    assert store.names().count("EVALSHA") == 2


async def test_a_store_that_closed_what_nobody_used_is_found_out_though_its_word_has_not_come_yet() -> None:
    async with stores(lambda _: b"*0\r\n") as (store,), connect(f"redis://{store.endpoint}", PATIENT) as client:
        runner = ScriptRunner(client, PATIENT)
        assert await runner.run(scripts.BOOK, KEYS) == []
        await until(lambda: open_connections(client) == 2)
        store.hang_up()
        assert await runner.run(scripts.BOOK, KEYS) == []


async def test_a_store_too_far_to_be_greeted_in_time_is_greeted_meanwhile() -> None:
    deadlines = Deadlines(connect_s=5, answer_s=0.4)
    async with stores(lambda words: OK if words[0] in {"AUTH", "SELECT"} else b"*0\r\n") as (store,):
        store.far_s = 0.3
        async with connect(f"redis://callgate@{store.endpoint}/1", deadlines) as client:
            runner = ScriptRunner(client, deadlines)
            assert await runner.run(scripts.BOOK, KEYS) == Unavailable(cause="timeout")
            await until(lambda: open_connections(client) > 0)
            assert await runner.run(scripts.BOOK, KEYS) == []


async def test_a_spare_connection_that_was_given_up_before_it_began_is_followed_by_another() -> None:
    async with stores(lambda _: b"*0\r\n") as (store,), connect(f"redis://{store.endpoint}", PATIENT) as client:
        pool: Any = client.connection_pool
        first = await pool.get_connection()
        await pool.disconnect()
        await pool.release(first)
        second = await pool.get_connection()
        await until(lambda: open_connections(client) == 1)
        await pool.release(second)
