"""Ledger time on a real store: what its disk keeps, its own clock, and what it told before it lost entries."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from callgate.core.sighting import Ticks
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import connect
from callgate.ledger.keys import clinic_keys
from callgate.ledger.redis import RedisLedger
from ledger.samples import PATIENT, Clocks
from redis_server import RedisServer
from soak.mortals import DURABLE, MortalRedis


async def book_of(client: Redis, clinic: str) -> LedgerBook:
    book = await RedisLedger(client, PATIENT).book(clinic)
    assert isinstance(book, LedgerBook), book
    return book


async def test_a_wall_clock_is_believed_no_further_than_the_servers(client: Redis) -> None:
    started = int(time.time())
    for number, ahead_s in enumerate((86_400, -86_400)):
        clocks = Clocks(ticks=Ticks(boot="boot", uptime_s=1000, wall_s=started + ahead_s))
        await RedisLedger(client, PATIENT, clock=clocks).void(f"began-{number}", "a")
    begun = [(await book_of(client, f"began-{number}")) for number in range(2)]
    assert [int(book.now.timestamp()) - started for book in begun] == [pytest.approx(0, abs=60), -86_400]
    assert begun[1].wall_ahead_s == pytest.approx(86_400, abs=60)
    synced = Ticks(boot="boot", uptime_s=1000, wall_s=started + 86_400, is_synced=True)
    await RedisLedger(client, PATIENT, clock=lambda: synced).void("began-1", "b")
    assert (await book_of(client, "began-1")).wall_ahead_s == pytest.approx(0, abs=60), "a leap goes no further either"


async def server_goes_on(client: Redis, clinic: str, seconds: int) -> None:
    """Let the server's own clock say that so much has passed."""
    await client.hincrby(clinic_keys(clinic)[0], "base", seconds)


async def test_proven_time_is_kept_on_disk_now_and_then_though_nothing_changes(tmp_path: Path) -> None:
    """Else a machine that is switched off at night forgets what it proved since its last call."""
    clocks, kept = Clocks(ticks=Ticks(boot="boot", uptime_s=1000, wall_s=1_735_689_600)), []
    with MortalRedis(tmp_path, *DURABLE) as store:
        for passed_s in (0, 1, 300, 598, 2, 890, 20):
            clocks.ticks = replace(clocks.ticks, uptime_s=clocks.ticks.uptime_s + passed_s)
            async with connect(store.url, PATIENT) as client:
                await server_goes_on(client, "idle", passed_s)
                ledger = RedisLedger(client, PATIENT, clock=clocks)
                for _ in range(2):
                    await ledger.lapse("idle", 1)
            store.die()
            store.come_back()
            async with connect(store.url, PATIENT) as client:
                kept.append((await book_of(client, "idle")).now.timestamp() - 1_735_689_600)
    assert kept == [0, 0, 0, 0, 900, 900, 1810]


async def test_a_lapse_that_finds_nothing_to_do_writes_to_no_disk(tmp_path: Path) -> None:
    """A tick that does costs thousands of flushes a day."""
    clocks, written = Clocks(ticks=Ticks(boot="boot", uptime_s=1000, wall_s=1_735_689_600)), []
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url, PATIENT) as client:
            ledger, meta = RedisLedger(client, PATIENT, clock=clocks), clinic_keys("ticking")[0]
            for second in range(100):
                clocks.ticks = replace(clocks.ticks, uptime_s=1000 + second)
                await server_goes_on(client, "ticking", 1)
                before = (await client.info("persistence"))["aof_current_size"]
                await ledger.lapse("ticking", 1)
                written.append((await client.info("persistence"))["aof_current_size"] - before)
            assert await client.hget(meta, "now") == "1735689698", "in memory it is kept"
    assert set(written[3:]) == {0}


async def test_a_gate_that_was_started_again_proves_time_as_before(client: Redis) -> None:
    """What one process has heard is known of the whole boot."""
    clocks = Clocks(ticks=Ticks(boot="boot", uptime_s=1000, wall_s=1_735_689_600))
    for _ in range(2):
        ledger = RedisLedger(client, PATIENT, clock=clocks)
        await ledger.lapse("again", 1)
        await ledger.lapse("again", 1)
        clocks.ticks = replace(clocks.ticks, uptime_s=clocks.ticks.uptime_s + 5000)
    assert (await book_of(client, "again")).now.timestamp() - 1_735_689_600 == 4999


@pytest.mark.parametrize("fields", [("born",), ("taken", "base")], ids=["another ledger", "an earlier state of it"])
async def test_what_a_ledger_told_that_is_no_more_proves_nothing(client: Redis, fields: tuple[str, ...]) -> None:
    """What was taken since may be lost, too."""
    clinic = f"no-more-{fields[0]}"
    clocks = Clocks(ticks=Ticks(boot="boot", uptime_s=1000, wall_s=1_735_689_600))
    ledger, meta = RedisLedger(client, PATIENT, clock=clocks), clinic_keys(clinic)[0]
    await client.hset(meta, "taken", "7")
    await ledger.lapse(clinic, 1)
    for field in fields:
        await client.hincrby(meta, field, -1)
    found = []
    for uptime_s in (5000, 5001, 5101):
        clocks.ticks = replace(clocks.ticks, uptime_s=uptime_s)
        await ledger.lapse(clinic, 1)
        found.append((await book_of(client, clinic)).now.timestamp() - 1_735_689_600)
    assert found == [0, 0, 100]
