"""Byte streams over TCP before a real daemon: how long each took, how late its event loop was, how it has grown."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from random import Random
from time import monotonic, time
from uuid import uuid4

from callgate.door import HEADER_DEADLINE_S
from callgate.server import REPLY_DEADLINE_S
from flood.neighbours import OTHER_ENTRY, gate_of_two
from flood.real_gate import RealGate
from fuzz.conversations import pieces, stream
from fuzz.memory import GROWTH_MAX_BYTES, resident_bytes

AT_ONCE = 40
HANG_S = 1.0
"""Beyond the deadlines that the gate gives an unfinished conversation."""
GIVEN_UP_S = 30
PING_PAUSE_S = 0.05
WARM_UP = 5
"""The first fifth of the streams warms the daemon up."""
FULL = ["refuse", "too_many_lines"]
OPEN_END = 20
"""One of so many is not ended by its sender."""


@dataclass(slots=True, kw_only=True)
class DaemonReport:
    """What came of the streams.

    Fields:
        kinds: how each connection ended.
        late: streams that took longer than they may.
        latest_ping_s: how late the event loop was at most.
        growth_bytes: since the warm-up, of the worker that grew most.
        crashes: what the daemon's log says of faults of its own.
        is_alive: the same processes serve a call of another clinic afterwards, and one of the first, whose lines may
            all be taken by streams that were whole calls.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    late: int = 0
    slowest_s: float = 0.0
    latest_ping_s: float = 0.0
    growth_bytes: int = 0
    crashes: int = 0
    is_alive: bool = False

    @property
    def is_well(self) -> bool:
        """Whether every promise was kept."""
        is_quick = not self.late and self.latest_ping_s < HANG_S
        return is_quick and self.is_alive and not self.crashes and self.growth_bytes < GROWTH_MAX_BYTES

    def __str__(self) -> str:
        kinds = ", ".join(f"{number:,} {name}" for name, number in sorted(self.kinds.items()))
        return (
            f"over TCP: {kinds}; {self.late} hung; slowest {self.slowest_s:.2f} s; event loop at most "
            f"{self.latest_ping_s * 1000:.0f} ms late; {self.crashes} faults of its own; memory grew by "
            f"{self.growth_bytes / 1e6:+.1f} MB; afterwards it {'serves' if self.is_alive else 'DOES NOT SERVE'}"
        )


def fuzz_daemon(seed: str, count: int, workers: int = 1) -> DaemonReport:
    """Send so many streams to a daemon of its own, of so many workers."""
    with tempfile.TemporaryDirectory() as folder, gate_of_two(Path(folder), workers=workers) as gate:
        report = asyncio.run(_fuzz(gate, Random(seed), count))
        report.crashes = gate.log.read_text(encoding="utf-8").count("call.failed")
    return report


async def _fuzz(gate: RealGate, rng: Random, count: int) -> DaemonReport:
    report, workers = DaemonReport(), gate.serving()
    pinging = asyncio.create_task(_ping(gate, report))
    warm_up = count // WARM_UP
    await _send(gate, rng, report, warm_up)
    before = {worker: resident_bytes(worker) for worker in workers}
    await _send(gate, rng, report, count - warm_up)
    report.growth_bytes = max(resident_bytes(worker) - size for worker, size in before.items())
    pinging.cancel()
    await asyncio.wait({pinging})
    others = await gate.ask(passage=str(uuid4()), entry=OTHER_ENTRY)
    own = await gate.ask(passage=str(uuid4()))
    is_answered = others[1:2] == ["grant"] and (own[1:2] == ["grant"] or own[1:3] == FULL)
    report.is_alive = is_answered and gate.serving() == workers
    return report


async def _ping(gate: RealGate, report: DaemonReport) -> None:
    while True:
        report.latest_ping_s = max(report.latest_ping_s, await gate.ping())
        await asyncio.sleep(PING_PAUSE_S)


async def _send(gate: RealGate, rng: Random, report: DaemonReport, count: int) -> None:
    turns = repeat(None, count)
    await asyncio.gather(*(_sender(gate, rng, report, turns) for _ in range(AT_ONCE)))


async def _sender(gate: RealGate, rng: Random, report: DaemonReport, turns: Iterator[None]) -> None:
    for _ in turns:
        data = stream(rng, asked=f"{time():.3f}")
        parts, is_ended = pieces(rng, data), rng.randrange(OPEN_END) > 0
        began = monotonic()
        try:
            async with asyncio.timeout(GIVEN_UP_S):
                report.kinds[await _one(gate.port, parts, is_ended=is_ended)] += 1
        except TimeoutError:
            report.kinds["never ended"] += 1
        taken_s = monotonic() - began
        report.slowest_s = max(report.slowest_s, taken_s)
        report.late += taken_s > HANG_S + HEADER_DEADLINE_S + REPLY_DEADLINE_S


async def _one(port: int, parts: list[bytes], *, is_ended: bool) -> str:
    """One connection, to its end: what the gate said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if is_ended:
            writer.write_eof()
        return "answered" if await reader.read() else "let go"
    except OSError:  # also of a half-close that comes after the gate's own end
        return "broken off"
    finally:
        writer.close()
