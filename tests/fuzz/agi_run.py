"""`make fuzz`: millions of byte streams before the AGI session in process, then many over TCP before a real daemon.

Promised: no crash, no hang over a second, memory flat. The streams are drawn in rounds, each from its own seed, so that
a round comes out the same whichever process draws it. A stream that never ends is told by the clock of its process.
"""

import argparse
import faulthandler
import multiprocessing
import os
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from random import Random

from fuzz.agi_trial import StreamFault, StreamOutcome, StreamTrial
from fuzz.conversations import pieces, stream
from fuzz.daemon_trial import DaemonReport, fuzz_daemon
from fuzz.memory import GROWTH_MAX_BYTES, resident_bytes

ROUND_STREAMS = 20_000
EXAMPLES_MAX = 10
PROCESSES = 2
STUCK_S = 300
"""A round takes seconds; one that takes this long hangs, says where, and fails the run."""
WARM_UP = 5
"""The first fifth of the streams warms a process up."""
PER_TCP_STREAM = 100
"""Of so many streams one goes over TCP: 100,000 of ten million."""


@dataclass(slots=True, kw_only=True)
class StreamReport:
    """What some streams came to, and how large the process was afterwards."""

    kinds: Counter[str] = field(default_factory=Counter)
    faults: Counter[StreamFault] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    process: int = 0
    resident_bytes: int = 0

    def add(self, outcome: StreamOutcome, data: bytes) -> None:
        """Count one outcome."""
        self.kinds[outcome.kind] += 1
        self.slowest_s = max(self.slowest_s, outcome.seconds)
        if outcome.fault is not None:
            self.faults[outcome.fault] += 1
            self.examples.append(f"{outcome.fault}: {outcome.detail[:500]}: {data[:500]!r}")
            del self.examples[EXAMPLES_MAX:]

    def merge(self, other: "StreamReport") -> None:
        """Count all that another report counted."""
        self.kinds += other.kinds
        self.faults += other.faults
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.examples = [*self.examples, *other.examples][:EXAMPLES_MAX]


@cache
def _trial() -> StreamTrial:
    return StreamTrial()


def fuzz_round(job: tuple[str, int]) -> StreamReport:
    """Draw and try the streams of one round, given its seed and how many."""
    seed, count = job
    rng, report = Random(seed), StreamReport()
    faulthandler.dump_traceback_later(STUCK_S, exit=True)
    for _ in range(count):
        data = stream(rng)
        report.add(_trial().run(pieces(rng, data)), data)
    faulthandler.cancel_dump_traceback_later()
    report.process, report.resident_bytes = os.getpid(), resident_bytes()
    return report


def fuzz_sessions(seed: str, count: int) -> tuple[StreamReport, int]:
    """Try all streams in process; the report, and by how much the process that grew most has grown when warm."""
    jobs = [
        (f"{seed}/{start // ROUND_STREAMS}", min(ROUND_STREAMS, count - start))
        for start in range(0, count, ROUND_STREAMS)
    ]
    total, began = StreamReport(), time.monotonic()
    sizes: dict[int, list[int]] = {}
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("forkserver")) as pool:
        for report in pool.map(fuzz_round, jobs):
            total.merge(report)
            sizes.setdefault(report.process, []).append(report.resident_bytes)
            done = total.kinds.total()
            if done % (ROUND_STREAMS * 25) == 0 or done == count:
                taken_s = time.monotonic() - began
                print(f"{done:,} of {count:,} in {taken_s:.0f} s: {sum(total.faults.values())} found", file=sys.stderr)
    return total, max(size[-1] - size[len(size) // WARM_UP] for size in sizes.values())


def told(report: StreamReport, growth_bytes: int) -> list[str]:
    """Write what came of the streams in process."""
    lines = [f"{name:<40}{number:>12,}" for name, number in sorted(report.kinds.items())]
    lines += [f"{fault}: {report.faults[fault]}" for fault in StreamFault]
    lines += [f"    {example}" for example in report.examples]
    return [*lines, f"slowest stream {report.slowest_s * 1000:.0f} ms; memory grew by {growth_bytes / 1e6:+.1f} MB"]


def is_well(report: StreamReport, growth_bytes: int, daemon: DaemonReport) -> bool:
    """Whether every promise was kept."""
    return not report.faults and growth_bytes < GROWTH_MAX_BYTES and daemon.is_well


def main() -> int:
    """Run from the command line; 1 if anything at all was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--seed", default="", help="any text; without it, one is drawn and printed")
    parser.add_argument("--workers", type=int, default=1, help="of the daemon")
    arguments = parser.parse_args()
    seed = arguments.seed or secrets.token_hex(4)
    print(f"seed {seed}, {arguments.count:,} streams; the same again: --seed {seed} --count {arguments.count}")
    over_tcp = arguments.count // PER_TCP_STREAM
    report, growth_bytes = fuzz_sessions(seed, arguments.count - over_tcp)
    print("\n".join(told(report, growth_bytes)), flush=True)
    daemon = fuzz_daemon(f"{seed}/tcp", over_tcp, arguments.workers)
    print(daemon)
    return 0 if is_well(report, growth_bytes, daemon) else 1


if __name__ == "__main__":
    sys.exit(main())
