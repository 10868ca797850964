"""A short soak in one process, one step at a time: the same seed always gives the same run.

No process is killed here and nothing runs beside anything else, but messages meet trouble, the wall clock jumps and the
practice wants more than it may have. It is what the planted bugs are run through.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from callgate.ledger.base import Ledger
from soak.clocks import Board, Machine, SteppedTime
from soak.diary import Diary, Story
from soak.plans import DAY_MS, pause_ms, wall_error_s
from soak.practice import Practice

GAP_MS = 1_000
"""Simulated time between two steps, on average."""
LATE_SHARE = 0.4
"""Much is booked in full first and corrected later, which is where a ledger is easily wrong."""
PAUSE_EVERY = 400
"""Steps between two pauses of the practice, on average; a wall clock steps as often."""


@dataclass(kw_only=True)
class Bench:
    """Where a short soak runs: its time, its machine, and the folder of its diary."""

    folder: Path

    def __post_init__(self) -> None:
        self.time = SteppedTime()
        self.machine = Machine("pbx", self.time, Board(self.folder / "machine", 3))
        self.machine.boot()


async def soak(bench: Bench, ledger: Ledger, seed: str, operations: int) -> list[Story]:
    """Run a practice until it has done so many operations, and let everything end.

    Args:
        bench: whose clocks the ledger has.
        ledger: whose messages meet trouble or not, as it was made.
        seed: of all that is drawn.
        operations: how many.

    Returns:
        What really happened; judge it once all messages have arrived.
    """
    chance = Random(seed)
    diary = Diary(bench.folder / "diary")
    practice = Practice(
        name="gate",
        ledger=ledger,
        machine=bench.machine,
        diary=diary,
        chance=Random(f"{seed}/plans"),
        late_share=LATE_SHARE,
    )
    while practice.operations < operations:
        await practice.step()
        bench.time.jump(int(chance.expovariate(1 / GAP_MS)))
        if chance.randrange(PAUSE_EVERY) == 0:
            bench.time.jump(pause_ms(chance))
        if chance.randrange(PAUSE_EVERY) == 0:
            bench.machine.set_wall(wall_error_s(chance))
    practice.is_closing = True
    while not practice.is_over:
        if not await practice.step():
            bench.time.jump(GAP_MS)
    diary.close()
    bench.time.jump(DAY_MS)
    return list(diary.stories.values())
