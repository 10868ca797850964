"""One gate process of a soak: ``python -m soak.worker FOLDER GATE SEED LIFE``. It may be killed at any instant."""

import asyncio
import sys
from pathlib import Path
from random import Random

from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.ledger import client
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Change, Witness
from soak.clocks import Board
from soak.desk import Desk
from soak.diary import Diary
from soak.plans import CLINIC
from soak.practice import Practice
from soak.wire import RoughRedis, Traffic

TASKS = 8
IDLE_S = 0.005
CUT_OFF_S = 0.02
SHORT_CIRCUIT_S = 0.05
"""The circuit breaker's pause, which is a second, would only make the soak longer."""


class FrozenLedgerError(AssertionError):
    """The ledger says that it has lost something; nothing here takes anything from it."""


class Remembered(Witness):
    """What a gate knows of the ledger of the practice, kept so that it outlives the gate: a lost change would show.

    Args:
        board: the two halves of the epoch, and the highest number.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    def seen(self, clinic: str) -> Seen:
        """See `Witness.seen`."""
        assert clinic == CLINIC
        high, low, mine = (int(number) for number in self._board.read())
        return Seen(epoch=f"{high:08x}{low:08x}" if high or low else "", mine=mine)

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`."""
        assert change is None or change.clinic == clinic
        # Answers overtake each other: the highest number counts.
        mine = max(seen.mine, self.seen(clinic).mine)
        self._board.write(int(seen.epoch[:8], 16), int(seen.epoch[8:], 16), mine)

    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        """See `Witness.freeze`."""
        raise FrozenLedgerError(clinic, cause)


class Worker:
    """A gate that runs until it is told to close, and everything it began has ended.

    Args:
        folder: of the soak.
        gate: its name, which it keeps over its lives.
        seed: of the soak.
        life: how often it was started before.
    """

    def __init__(self, folder: Path, gate: str, seed: str, life: str) -> None:
        self._desk = Desk(folder)
        self._done = Board(folder / f"{gate}.done", 3)
        self._before = self._done.read()
        self._traffic = Traffic()
        self._redis = RoughRedis(
            client.connect(self._desk.url).connection_pool, Random(f"{seed}/{gate}/{life}/wire"), self._traffic
        )
        self._diary = Diary(folder / f"{gate}.diary")
        self._practice = Practice(
            name=f"{gate}-{life}",
            ledger=RedisLedger(
                self._redis,
                gate=gate,
                witness=Remembered(Board(folder / f"{gate}.seen", 3)),
                clock=self._desk.machine.ticks,
            ),
            machine=self._desk.machine,
            diary=self._diary,
            chance=Random(f"{seed}/{gate}/{life}"),
        )

    async def run(self) -> None:
        """Run to the end, several steps at once."""
        async with self._redis:
            await asyncio.gather(*(self._run() for _ in range(TASKS)))
            await self._redis.deliver_all()
        self._diary.close()

    async def _run(self) -> None:
        while not (self._practice.is_closing and self._practice.is_over):
            is_busy = await self._practice.step()
            self._report()
            if self._practice.is_cut_off:
                await asyncio.sleep(CUT_OFF_S)
            elif not is_busy:
                await asyncio.sleep(IDLE_S)

    def _report(self) -> None:
        self._practice.is_closing = self._desk.is_closing
        now = (self._practice.operations, self._traffic.messages, self._traffic.troubled)
        self._done.write(*(before + more for before, more in zip(self._before, now, strict=True)))


if __name__ == "__main__":
    client.OPEN_S = SHORT_CIRCUIT_S
    folder, gate, seed, life = sys.argv[1:]
    asyncio.run(Worker(Path(folder), gate, seed, life).run())
