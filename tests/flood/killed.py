"""A flood of refusals before a gate that is killed at random points: whatever was answered is on the disk.

Killed is a worker or the supervisor, of whose workers the last calls may get their answer while the next one starts.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from itertools import count
from random import Random
from time import monotonic, sleep
from uuid import UUID

from callgate.journal import read_rows
from clinic_samples import BRUSSELS
from flood.real_gate import RealGate

AT_ONCE = 100
PAUSE_S = 0.05
EXTENSIONS = 12
TAKEN_WITHIN_S = 30.0


@dataclass(slots=True, kw_only=True)
class KillReport:
    """What the caller counted, and what the journal says.

    Fields:
        asked: every question, also those that the end of the gate left without an answer.
        answered: refusals that reached the caller.
        counted: refusals that the rows of the journal stand for.
        rows: how many rows those are. journal_bytes: how long the journal is.
        kills: of workers and supervisors. supervisors: so many of them.
    """

    asked: int = 0
    answered: int = 0
    counted: int = 0
    rows: int = 0
    kills: int = 0
    supervisors: int = 0
    journal_bytes: int = 0

    @property
    def lost(self) -> int:
        """Refusals that were answered, and are nowhere."""
        return max(self.answered - self.counted, 0)

    @property
    def is_well(self) -> bool:
        """Whether each refusal that was answered is counted, and none that nobody asked for."""
        return self.answered <= self.counted <= self.asked

    def __str__(self) -> str:
        each = self.journal_bytes / max(self.counted, 1)
        return (
            f"{self.kills} kills, {self.supervisors} of the supervisor; {self.asked:,} asked, "
            f"{self.answered:,} refused, {self.counted:,} in {self.rows:,} rows of the journal: {self.lost} lost; "
            f"{each:.0f} bytes of journal for each"
        )


async def flood_and_kill(gate: RealGate, rng: Random, *, refusals: int, kills: int) -> KillReport:
    """Ask until so many are refused; kill the gate so often meanwhile, and start it again."""
    report, numbers = KillReport(), count()
    points = Counter(rng.randrange(1, refusals) for _ in range(kills))
    due: asyncio.Queue[int] = asyncio.Queue()

    async def call() -> None:
        while report.answered < refusals:
            if await _is_answered(gate, report, next(numbers)):
                report.answered += 1
                for _ in range(points[report.answered]):
                    due.put_nowait(report.answered)
            else:
                await asyncio.sleep(PAUSE_S)

    async def kill() -> None:
        while report.kills < kills:
            await due.get()
            report.supervisors += await asyncio.to_thread(gate.kill, rng)
            report.kills += 1

    await asyncio.gather(kill(), *(call() for _ in range(AT_ONCE)))
    await asyncio.to_thread(_wait_until_taken, gate)
    gate.end()
    for row, _ in read_rows(gate.journal):
        if row.event == "call.refused":
            report.rows += 1
            report.counted += row.count
    report.journal_bytes = list(read_rows(gate.journal))[-1][1]
    return report


def _wait_until_taken(gate: RealGate) -> None:
    """Until the journal has what workers left in files while the first one was away, or for long enough."""
    until = monotonic() + TAKEN_WITHIN_S
    while any(gate.journal.parent.glob("unsaid-*.letters")) and monotonic() < until:
        sleep(PAUSE_S)


async def _is_answered(gate: RealGate, report: KillReport, number: int) -> bool:
    """Ask once."""
    extension, passage = str(100 + number % EXTENSIONS), str(UUID(int=number, version=4))
    report.asked += 1
    try:
        verdict = await gate.ask(passage=passage, extension=extension, dialled=BRUSSELS)
    except ConnectionRefusedError:
        # Nobody was there to be asked.
        report.asked -= 1
        return False
    except OSError:
        return False
    assert not verdict or verdict[1] == "refuse", verdict
    return bool(verdict)
