"""How much memory a clinic takes in the ledger and how many calls a core of the store carries: docs/scale.md's figures.

The calls are those of the shipped policy: 98 in 100 ordinary, 2 costly. Each is held and settled, and every clinic has
lived for as long as its records are kept, so that what is measured does not grow any more.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from redis.asyncio import Redis

from callgate.core.hold import Held, HoldRequest
from callgate.core.sighting import Ticks
from callgate.ledger.base import LapseReport, Settlement
from callgate.ledger.client import Deadlines, connect
from callgate.ledger.redis import RedisLedger
from core.samples import BRUSSELS, MOBILE, PARIS, REUNION, Call, clinic_rules
from redis_server import RedisServer
from store_servers import DURABLE, FAST_REPLICAS, HOST, StoreServer, is_in_step, wait_until

PATIENT = Deadlines(connect_s=10, free_connection_s=10, answer_s=10)
DAY_S = 86_400
BEGUN_S = 1_735_689_600
KEPT_DAYS = 8
COSTLY_EACH = 50
"""One call in so many is costly."""
CALLS_A_DAY = (20, 111, 350)
AT_ONCE = 16
TALKED_S = 90

_POLICY = clinic_rules("[ceilings.costly]\nday = '1000'", allow=("FR", "BE", "RE"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What one call costs the store: microseconds of its processor for a hold with its settlement, and of the clock."""

    processor_us: float
    elapsed_us: float


def requests(clinic: str) -> Iterator[HoldRequest]:
    """Give the calls of a practice, one after the other, each with an id of its own at ledger second 0."""
    ordinary = [replace(Call(dialled=number, policy=_POLICY).request, clinic=clinic) for number in (PARIS, MOBILE)]
    dear = [replace(Call(dialled=number, policy=_POLICY).request, clinic=clinic) for number in (BRUSSELS, REUNION)]
    for number in itertools.count():
        kinds = ordinary if number % COSTLY_EACH else dear
        request = kinds[number % 2] if number % COSTLY_EACH else kinds[number // COSTLY_EACH % 2]
        yield replace(request, hold_id=f"pbx1.11111111-1111-4111-8111-{number:012}.1.{BEGUN_S}", policy_revision=0)


class Practice:
    """One clinic that calls, and its clock."""

    def __init__(self, client: Redis, clinic: str) -> None:
        self.second = 0
        self._calls = requests(clinic)
        self._ledger = RedisLedger(client, PATIENT, gate="bench", clock=self._ticks)
        self.clinic = clinic

    def _ticks(self) -> Ticks:
        return Ticks(boot="bench", uptime_s=self.second, wall_s=BEGUN_S + self.second)

    async def call(self) -> None:
        """Hold and settle one call, which lasts a minute and a half."""
        made_at = BEGUN_S + self.second
        request = next(self._calls)
        request = replace(request, hold_id=f"{request.hold_id.rpartition('.')[0]}.{made_at}")
        outcome = await self._ledger.hold(request)
        assert isinstance(outcome, Held), outcome
        await self._ledger.settle(
            Settlement(
                clinic=self.clinic, hold_id=request.hold_id, answered=True, duration_s=min(TALKED_S, outcome.seconds)
            )
        )

    async def live(self, days: int, calls_a_day: int) -> None:
        """Call through so many days, evenly from 8 to 18 h, and forget what is too old each night."""
        for day in range(days):
            for number in range(calls_a_day):
                self.second = day * DAY_S + 8 * 3600 + number * 36_000 // calls_a_day
                await self.call()
            left = 1
            while left:
                report = await self._ledger.lapse(self.clinic, 1000)
                assert isinstance(report, LapseReport)
                left = report.left


async def memory_bytes(client: Redis, calls_a_day: int, clinics: int) -> int:
    """Say how much one clinic takes once its oldest records leave as fast as new ones come."""
    practices = [Practice(client, f"clinic-{calls_a_day}-{number}") for number in range(clinics)]
    before = int((await client.info("memory"))["used_memory"])
    await asyncio.gather(*(practice.live(KEPT_DAYS + 2, calls_a_day) for practice in practices))
    after = int((await client.info("memory"))["used_memory"])
    return (after - before) // clinics


async def speed(client: Redis, calls: int) -> Speed:
    """Measure clinics that have lived for a while, `AT_ONCE` calls at a time, each of its own clinic."""
    practices = [Practice(client, f"fast-{number}") for number in range(AT_ONCE)]
    await asyncio.gather(*(practice.live(KEPT_DAYS, 20) for practice in practices))
    processor, began = await _processor_s(client), time.perf_counter()

    async def work(practice: Practice) -> None:
        for _ in range(calls // AT_ONCE):
            practice.second += TALKED_S
            await practice.call()

    await asyncio.gather(*(work(practice) for practice in practices))
    done = calls // AT_ONCE * AT_ONCE
    elapsed_us = (time.perf_counter() - began) / done * 1e6
    return Speed(processor_us=(await _processor_s(client) - processor) / done * 1e6, elapsed_us=elapsed_us)


async def _processor_s(client: Redis) -> float:
    used = await client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


async def hold_ms(address: str, calls: int, replicas: int) -> float:
    """Say how long a costly hold takes, the middle of so many one after the other, in milliseconds."""
    deadlines = replace(PATIENT, replicas=replicas, replica_s=PATIENT.answer_s / 2)
    taken = []
    async with connect(address, deadlines) as client:
        ledger = RedisLedger(client, deadlines, gate=f"bench-{replicas}")
        asked = Call(dialled=BRUSSELS, policy=_POLICY).request
        # The middle is wanted, and starts are limited to six an hour.
        asked = replace(asked, policy_revision=0, velocities=(), clinic=f"costly-{replicas}")
        for number in range(calls):
            request = replace(asked, hold_id=f"pbx1.{number}.1.{int(time.time())}")
            began = time.perf_counter()
            assert isinstance(await ledger.hold(request), Held)
            taken.append(time.perf_counter() - began)
            await ledger.void(request.clinic, request.hold_id)
    return statistics.median(taken) * 1000


def replica_line(calls: int) -> str:
    """What waiting for a replica costs a costly call, both servers on this machine."""
    with tempfile.TemporaryDirectory(prefix="callgate-bench") as folder:
        names = ("primary", "replica")
        primary, replica = (StoreServer(Path(folder) / name, *DURABLE, *FAST_REPLICAS) for name in names)
        with primary, replica:
            replica.ask("REPLICAOF", HOST, primary.port)
            wait_until(lambda: is_in_step(replica), "the replica is in step")
            alone, waiting = (asyncio.run(hold_ms(primary.url, calls, replicas)) for replicas in (0, 1))
    return f"a costly hold, appendfsync always {alone:.2f} ms, with one replica's acknowledgement {waiting:.2f} ms"


async def memory_lines(calls_a_day: tuple[int, ...], clinics: int) -> list[str]:
    """Memory, a line for each size of practice."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="callgate-bench") as folder, RedisServer(Path(folder)) as server:
        async with connect(server.url, PATIENT) as client:
            await Practice(client, "warm-up").call()
            for number in calls_a_day:
                size = await memory_bytes(client, number, clinics)
                lines.append(f"memory of a clinic with {number} calls a day {size / 1024:,.0f} KiB")
    return lines


async def speed_line(name: str, settings: tuple[str, ...], calls: int) -> str:
    """Speed with the file written one way."""
    with tempfile.TemporaryDirectory(prefix="callgate-bench") as folder, RedisServer(Path(folder), *settings) as server:
        async with connect(server.url, PATIENT) as client:
            found = await speed(client, calls)
    core = f"{found.processor_us:,.0f} us of the store's core ({1e6 / found.processor_us:,.0f} calls/s a core)"
    return f"a call held and settled, {name}: {core}, {found.elapsed_us:,.0f} us as one gate sees it"


def scale_lines(calls_a_day: tuple[int, ...] = CALLS_A_DAY, clinics: int = 4, calls: int = 5_000) -> list[str]:
    """The figures of the ledger, a line each."""
    return [
        *asyncio.run(memory_lines(calls_a_day, clinics)),
        asyncio.run(speed_line("no file", (), calls)),
        asyncio.run(speed_line("appendfsync always", DURABLE, calls)),
        replica_line(calls // 50),
    ]
