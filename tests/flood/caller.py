"""Who floods: a process of its own, so that nobody else's waits are its processor time, and it tells how much that was.

Started as ``python -m flood.caller PORT DIALLED CALLS``; it says that it is ready, waits for a line, floods, and writes
one JSON object. Who measures starts it before: an interpreter that starts takes a processor for half a second.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic, process_time
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


async def ready_caller(gate: RealGate, dialled: str, calls: int) -> Process:
    """Start who will flood a gate with so many calls, `PER_MINUTE`, and wait until it is ready to."""
    words = [sys.executable, "-m", "flood.caller", str(gate.port), dialled, str(calls)]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, env=found)
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def flooded_by(caller: Process) -> Flooded:
    """Let it flood; returns when the last call has its answer."""
    told, _ = await caller.communicate(b"\n")
    return msgspec.json.decode(told, type=Flooded)


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
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    began = process_time()
    verdicts = asyncio.run(call_often(RealGate(folder=Path(), port=int(port)), dialled, int(calls)))
    print(json.dumps({"verdicts": verdicts, "caller_ms": 1000 * (process_time() - began)}))


if __name__ == "__main__":
    main()
