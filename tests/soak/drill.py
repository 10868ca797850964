"""One seed of the soak: a real Redis, gate processes, and all that is done to them until the books are judged."""

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from redis.asyncio import Redis

from callgate.core.hold import Settled
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from soak.desk import Desk
from soak.diary import Diary, Story
from soak.mortals import DURABLE, Gate, MortalRedis
from soak.plans import CLINIC, DAY_MS, HOUR_MS, pause_ms, wall_error_s
from soak.verdict import PATIENT, Verdict, judge

GATES = ("north", "south")
OPERATION_S = 1
"""Simulated seconds for each operation. Time runs as fast as the machine works: an hour has as many calls on a slow one
as on a fast one."""
FIRST_SPEED = 1_000
LOOK_S = 0.01
STALLED_S = 60
PACE_EVERY = 200
PAUSE_EVERY = 1_000
"""Operations between two pauses of the practice, and between two steps of the wall clock, on average."""
OUTAGE_EVERY = 20_000
"""Operations between two power cuts of the whole practice."""


class Event(StrEnum):
    """What is done to a soak."""

    KILL_STORE = "kill the store"
    KILL_GATE = "kill a gate"
    PAUSE = "pause"
    WALL = "wall clock"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One seed's figures and verdict."""

    seed: str
    operations: int
    messages: int
    troubled: int
    kills: int
    days: float
    seconds: float
    verdict: Verdict

    @property
    def troubled_share(self) -> float:
        """Which part of the messages came twice, late or without an answer."""
        return self.troubled / self.messages


class Drill:
    """One soak of one seed.

    Args:
        folder: an empty one, short enough for a socket in it.
        seed: of all that is drawn: plans, trouble, and what is done when. Which operation meets which is not drawn:
            processes race.
    """

    def __init__(self, folder: Path, seed: str) -> None:
        self._seed = seed
        self._chance = Random(seed)
        self._desk = Desk(folder, FIRST_SPEED)
        self._store = MortalRedis(folder, *DURABLE)
        self._kills = 0
        # How many operations were done, and when that was looked at.
        self._done, self._paced_s = 0.0, time.monotonic()
        self._began_ms = self._desk.time.now_ms()

    async def run(self, operations: int, kills: int) -> Outcome:
        """Run it.

        Args:
            operations: asked of the ledger, at least.
            kills: of the store or a gate.
        """
        began_s = time.monotonic()
        with self._store:
            await self._boot()
            self._gates = [Gate(self._desk, name, self._seed) for name in GATES]
            try:
                for due, event in self._events(operations, kills):
                    await self._until(due)
                    await self._happen(event)
                await self._until(operations)
                await self._close()
            finally:
                for gate in self._gates:
                    gate.kill()
            verdict = await self._judge()
        done = [int(sum(numbers)) for numbers in zip(*(gate.done.read() for gate in self._gates), strict=True)]
        return Outcome(
            seed=self._seed,
            operations=done[0],
            messages=done[1],
            troubled=done[2],
            kills=self._kills,
            days=(self._desk.time.now_ms() - self._began_ms) / DAY_MS,
            seconds=time.monotonic() - began_s,
            verdict=verdict,
        )

    def _events(self, operations: int, kills: int) -> list[tuple[int, Event]]:
        """Draw what is done after how many operations."""
        counts = {
            Event.PAUSE: operations // PAUSE_EVERY,
            Event.WALL: operations // PAUSE_EVERY,
            Event.OUTAGE: operations // OUTAGE_EVERY,
        }
        events = [event for event, count in counts.items() for _ in range(count)]
        events += self._chance.choices((Event.KILL_STORE, Event.KILL_GATE), k=kills)
        return sorted((self._chance.randrange(operations), event) for event in events)

    async def _until(self, operations: int) -> None:
        """Wait until so many operations are done."""
        while self._done < operations:
            await asyncio.sleep(LOOK_S)
            assert not any(gate.has_ended for gate in self._gates), "a gate ended before it was told to"
            self._keep_pace()

    def _keep_pace(self) -> None:
        """Let simulated time run as fast as operations are done."""
        now_s = time.monotonic()
        assert now_s - self._paced_s < STALLED_S, "nothing moves any more"
        done = sum(gate.done.read()[0] for gate in self._gates)
        if done - self._done >= PACE_EVERY:
            self._desk.time.run_at(OPERATION_S * (done - self._done) / (now_s - self._paced_s))
            self._done, self._paced_s = done, now_s

    async def _happen(self, event: Event) -> None:
        match event:
            case Event.KILL_STORE:
                self._store.die()
                self._store.come_back()
                self._kills += 1
            case Event.KILL_GATE:
                gate = self._chance.choice(self._gates)
                gate.kill()
                gate.start()
                self._kills += 1
            case Event.PAUSE:
                self._desk.time.jump(pause_ms(self._chance))
            case Event.WALL:
                self._desk.machine.set_wall(wall_error_s(self._chance))
            case Event.OUTAGE:
                for gate in self._gates:
                    gate.kill()
                self._store.die()
                self._store.come_back()
                self._kills += 1 + len(self._gates)
                self._desk.time.jump(pause_ms(self._chance))
                await self._boot()
                for gate in self._gates:
                    gate.start()

    async def _boot(self) -> None:
        """Switch the machine on. Time stands while it hears of ledger time, by which all of this boot prove."""
        self._desk.machine.boot()
        with self._desk.time.standing():
            async with connect(self._desk.url, PATIENT) as client:
                wall_s, ledger = self._desk.machine.ticks().wall_s, self._ledger(client)
                for _ in range(2):
                    outcome = await ledger.void(CLINIC, f"boot.{self._chance.getrandbits(64)}.{wall_s}")
                    assert isinstance(outcome, Settled), outcome

    async def _close(self) -> None:
        """Let everything end that was begun; late settlements are waited for in simulated time."""
        self._desk.close()
        waited_s = time.monotonic()
        while not all(gate.has_ended for gate in self._gates):
            assert time.monotonic() - waited_s < STALLED_S, "a gate does not end"
            await asyncio.sleep(LOOK_S)
            self._desk.time.jump(HOUR_MS // 4)

    async def _judge(self) -> Verdict:
        self._desk.time.jump(DAY_MS)
        stories: list[Story] = []
        for name in GATES:
            diary = Diary(self._desk.folder / f"{name}.diary")
            diary.close()
            stories += diary.stories.values()
        async with connect(self._desk.url, PATIENT) as client:
            return await judge(self._ledger(client), stories, client)

    def _ledger(self, client: Redis) -> RedisLedger:
        return RedisLedger(client, PATIENT, gate="drill", clock=self._desk.machine.ticks)
