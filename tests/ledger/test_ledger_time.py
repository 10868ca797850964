"""Ledger time under machines that come and go, messages that wait on their way, and a server whose clock is wrong.

Both ledgers are told the same and find the same second; a truth that knows only real instants says what it may be.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

import pytest
from redis.asyncio import Redis

from callgate.core.sighting import ROUND_TRIP_MAX_S, Ticks
from callgate.ledger.account import CLOCKS_DIFFER_S
from callgate.ledger.base import LedgerBook
from callgate.ledger.memory import MemoryLedger
from callgate.ledger.redis import RedisLedger
from ledger.samples import PATIENT, Clocks

SEEDS = 12
WORDS = 400
BEGUN = 1_735_689_600
HOUR_S = 3600


@dataclass(kw_only=True)
class Machine:
    """One machine: the name of its boot, and the instant when it began."""

    boot: str
    began: float

    def uptime_s(self, instant: float) -> int:
        return int(instant - self.began)


@dataclass(frozen=True, kw_only=True)
class Word:
    """An operation: whose, when it was sent and when it was carried out, and the ledger second it found.

    Fields:
        is_heard: whether its answer came soon enough to say something of the time.
    """

    boot: str
    sent: float
    done: float
    found_s: int
    is_heard: bool


@dataclass(kw_only=True)
class World:
    """Machines that speak to two ledgers at real instants, in seconds since the beginning."""

    chance: Random
    clinic: str
    client: Redis
    clocks: Clocks = field(default_factory=Clocks)
    instant: float = 0.0
    server_wrong_s: float = 0.0
    machines: list[Machine] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledgers = (MemoryLedger(self.clocks), RedisLedger(self.client, PATIENT, clock=self.clocks))

    def switch_one_on(self) -> None:
        began = self.instant - self.chance.uniform(5, 1e6)
        self.machines.append(Machine(boot=f"boot-{self.chance.getrandbits(60)}", began=began))

    async def speak(self, machine: Machine, waits_s: float = 0.0) -> None:
        """Do one operation, whose message waits so long on its way."""
        done = self.instant + waits_s
        wall_s = int(BEGUN + done + self.server_wrong_s)
        asked_s = machine.uptime_s(self.instant)
        answered_s = machine.uptime_s(done + self.chance.choice((0.01, 0.01, 0.9, 5.0)))
        found = []
        for ledger in self.ledgers:
            self.clocks.ticks = Ticks(boot=machine.boot, uptime_s=asked_s, wall_s=wall_s)
            self.clocks.next_s = answered_s
            await ledger.void(self.clinic, f"word-{len(self.words)}")
            self.clocks.ticks = replace(self.clocks.ticks, boot="looks", uptime_s=0)
            book = await ledger.book(self.clinic)
            assert isinstance(book, LedgerBook)
            found.append(int(book.now.timestamp()) - BEGUN)
        assert found[0] == found[1], "both ledgers find the same second"
        is_heard = answered_s - asked_s <= ROUND_TRIP_MAX_S
        self.words.append(Word(boot=machine.boot, sent=self.instant, done=done, found_s=found[1], is_heard=is_heard))
        self.instant = done

    async def go_on(self) -> None:
        """Let some time pass, and one thing happen."""
        self.instant += self.chance.choice((0.4, 1.0, 1.0, 7.0, 90.0, 1300.0, 11 * HOUR_S * self.chance.random()))
        machine = self.chance.choice(self.machines)
        match self.chance.choices(("word", "late", "on", "off", "ahead", "back"), (60, 8, 12, 8, 4, 4))[0]:
            case "late":
                await self.speak(machine, self.chance.uniform(0, 300))
            case "on":
                self.switch_one_on()
                await self.speak(self.machines[-1])
            case "off" if len(self.machines) > 1:
                self.machines.remove(machine)
            case "ahead":
                self.server_wrong_s += self.chance.uniform(1, 12 * HOUR_S)
            case "back":
                # Who runs speaks before and after: one that begins just then may find too little (docs/ledger.md).
                await self.speak(machine)
                self.server_wrong_s -= self.chance.uniform(1, 12 * HOUR_S)
                await self.speak(machine)
            case _:
                await self.speak(machine)


@pytest.mark.usefixtures("server_has_the_walls_clock")
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_machines_do_nothing_grows_old_early_and_time_never_stands_still(
    client: Redis, seed: int
) -> None:
    world = World(chance=Random(seed), clinic=f"time-{seed}", client=client)
    world.switch_one_on()
    await world.speak(world.machines[0])
    while len(world.words) < WORDS:
        await world.go_on()
    lead = float("inf")
    for word in world.words:
        # Money that a message books was owed when it was sent.
        lead = min(lead, word.found_s - word.sent)
        assert word.found_s - word.done <= lead + CLOCKS_DIFFER_S
    for earlier, later in pairwise(world.words):
        if earlier.is_heard and earlier.boot == later.boot:
            assert later.found_s - earlier.found_s >= later.sent - earlier.done - 3
