"""How long `callgate replay` needs for the calls of a year, and how much memory, in a fresh process."""

import contextlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from bench.drawn_numbers import practice_numbers
from callgate.cli import main as callgate

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "policies" / "presets" / "france-et-frontaliers.toml"
SEED = 20261122
NUMBERS = 200
ABROAD = ("003225551212", "0041442345678", "00352621123456", "00493012345678")
"""One call in 20 goes abroad."""
BETWEEN_CALLS_S = 600


def calls(count: int) -> str:
    """The calls of a busy practice, some five minutes apart, as `callgate replay` reads them."""
    random, now = Random(SEED), datetime(2026, 1, 5, 8, tzinfo=UTC)
    numbers, lines = practice_numbers(NUMBERS), ["start,extension,dialled,duration_s"]
    for _ in range(count):
        now += timedelta(seconds=random.randrange(BETWEEN_CALLS_S))
        dialled = random.choice(ABROAD if random.random() < 0.05 else numbers)
        lines.append(f"{now.isoformat()},{random.randint(101, 120)},{dialled},{random.choice((0, 20, 90, 300, 900))}")
    return "\n".join((*lines, ""))


def replay_line(attempts: int) -> str:
    """The figures of one replay."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "calls.csv"
        file.write_text(calls(attempts), encoding="utf-8")
        command = [sys.executable, "-m", "bench.replaying", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    elapsed_s, memory_kb = float(said.split()[0]), int(said.split()[1])
    speed = f"{attempts / elapsed_s:,.0f} rows a second"
    return f"replay of {attempts:,} attempts {elapsed_s:.1f} s, {speed}, {memory_kb // 1024:,} MiB"


def main(file: str) -> None:
    """Replay once in this fresh process; print the seconds, and the kilobytes it took at most."""
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = callgate(["replay", file, "--policy", str(POLICY)])
    assert code == 0
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main(sys.argv[1])
