"""Who floods: a process of its own, so that nobody else's waits are its processor time, and it tells how much that was.

Started as ``python -m flood.caller PORT DIALLED CALLS``; it writes one JSON object to its standard output.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic, process_time
from typing import Self
from uuid import uuid4

import msgspec

from flood.real_gate import RealGate

PER_MINUTE = 10_000
NO_VERDICT = "no verdict"
"""Also if the connection broke off, as it does when a machine without a free processor lets a worker be replaced."""
NICE = 10
"""The flood is to cost the gate its attention, not the machine its processor."""


class Flooded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of one flood: how often it was granted or refused, by the first reason; the caller's own time."""

    verdicts: dict[str, int]
    caller_ms: float

    @classmethod
    async def of(cls, gate: RealGate, dialled: str, calls: int) -> Self:
        """Flood a gate with so many calls, `PER_MINUTE`; returns when the last has its answer."""
        words = [sys.executable, "-m", "flood.caller", str(gate.port), dialled, str(calls)]
        found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=found)
        told, _ = await process.communicate()
        return msgspec.json.decode(told, type=cls)


async def call_often(gate: RealGate, dialled: str, calls: int) -> Counter[str]:
    """Ask so often, at a steady pace whatever the answers take."""
    verdicts: Counter[str] = Counter()

    async def one() -> None:
        verdict: list[str] = []
        with suppress(OSError):
            verdict = await gate.ask(passage=str(uuid4()), dialled=dialled)
        verdicts[f"{verdict[1]} {verdict[6]}" if verdict else NO_VERDICT] += 1

    began = monotonic()
    async with asyncio.TaskGroup() as asking:
        for number in range(calls):
            await asyncio.sleep(max(began + number * 60 / PER_MINUTE - monotonic(), 0))
            asking.create_task(one())
    return verdicts


def main() -> None:
    """Run from the command line."""
    os.nice(NICE)
    _, port, dialled, calls = sys.argv
    began = process_time()
    verdicts = asyncio.run(call_often(RealGate(folder=Path(), port=int(port)), dialled, int(calls)))
    print(json.dumps({"verdicts": verdicts, "caller_ms": 1000 * (process_time() - began)}))


if __name__ == "__main__":
    main()
