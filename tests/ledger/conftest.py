"""The benches: every contract test runs once against the model and once against a real Redis."""

from collections.abc import AsyncIterator
from hashlib import sha1

import pytest
from redis.asyncio import Redis

from callgate.ledger import scripts
from callgate.ledger.client import connect
from callgate.ledger.memory import MemoryLedger
from callgate.ledger.redis import RedisLedger
from callgate.ledger.scripts import Script
from ledger.gates import Gate
from ledger.samples import PATIENT, Bench, Clocks
from redis_server import RedisServer


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A patient client of the shared Redis."""
    async with connect(redis_server.url, PATIENT) as client:
        yield client


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest, client: Redis) -> Bench:
    """A ledger with a clinic of its own, at second 0."""
    clocks = Clocks()
    if request.param == "redis":
        bench = Bench(ledger=RedisLedger(client, PATIENT, clock=clocks), clocks=clocks, client=client)
    else:
        bench = Bench(ledger=MemoryLedger(clocks), clocks=clocks)
    await bench.begin()
    return bench


@pytest.fixture
async def binary(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client that takes replies as they are, for dumps."""
    async with Redis.from_url(redis_server.url, protocol=2) as binary:
        yield binary


@pytest.fixture
def gate(client: Redis, request: pytest.FixtureRequest) -> Gate:
    return Gate(client=client, clinic=f"restoration-{abs(hash(request.node.nodeid))}")


@pytest.fixture
def server_has_the_walls_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Redis the clock that the model has: the only thing of the scripts that a test cannot say."""
    for name, script in list(vars(scripts).items()):
        if isinstance(script, Script) and script != scripts.RIGHTS:
            told = script.source.replace("unpack(redis.call('TIME'))", "ticks.wall_s, 0")
            assert told != script.source
            monkeypatch.setattr(scripts, name, Script(told, sha1(told.encode(), usedforsecurity=False).hexdigest()))
