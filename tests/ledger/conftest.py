"""The benches: every contract test runs once against the model and once against a real Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from callgate.ledger.client import connect
from callgate.ledger.memory import MemoryLedger
from callgate.ledger.redis import RedisLedger
from ledger.samples import PATIENT, Bench
from redis_server import RedisServer


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A patient client of the shared Redis."""
    async with connect(redis_server.url, PATIENT) as client:
        yield client


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest, client: Redis) -> Bench:
    """A ledger with a clinic of its own, at second 0."""
    if request.param == "redis":
        bench = Bench(ledger=RedisLedger(client, PATIENT), client=client)
    else:
        clock: list[Bench] = []
        bench = Bench(ledger=MemoryLedger(lambda: clock[0].clock_s))
        clock.append(bench)
    await bench.at(0)
    return bench
