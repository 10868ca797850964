"""`make flood`: 10,000 calls a minute at a real gate, what they cost others, and `kill -9` among 100,000 refusals."""

import argparse
import asyncio
import math
import secrets
import sys
import tempfile
from pathlib import Path
from random import Random

from flood.killed import flood_and_kill
from flood.neighbours import FLOODS, RATIO_MAX, flood, gate_of_two
from flood.real_gate import real_gate


def main() -> int:
    """Run from the command line; 1 if a refusal was lost, a disk quota exceeded, or a neighbour held up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each flood, and as long on both sides of it")
    parser.add_argument("--refusals", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", default="", help="any text; without it, one is drawn and printed")
    parser.add_argument("--workers", type=int, default=1, help="of the gate")
    arguments = parser.parse_args()
    seed = arguments.seed or secrets.token_hex(4)
    print(f"seed {seed}, workers: {arguments.workers}")
    is_well = True
    for name, dialled in FLOODS.items():
        with tempfile.TemporaryDirectory() as folder, gate_of_two(Path(folder), workers=arguments.workers) as gate:
            report = asyncio.run(flood(gate, dialled=dialled, seconds=arguments.seconds))
        print("\n".join([f"{name}, 10,000 a minute for {arguments.seconds} s:", *report.lines()]), flush=True)
        if name not in RATIO_MAX:
            print("  its ratios are shown, not judged: only a flood of refused calls is promised to hold up nobody")
        wrong = list(report.wrong(RATIO_MAX.get(name, math.inf)))
        print("\n".join(f"  WRONG: {fault}" for fault in wrong) or "  as it must be", flush=True)
        is_well &= not wrong
    with tempfile.TemporaryDirectory() as folder, real_gate(Path(folder), workers=arguments.workers) as gate:
        killed = asyncio.run(flood_and_kill(gate, Random(seed), refusals=arguments.refusals, kills=arguments.kills))
    print(f"{killed}: {'as it must be' if killed.is_well else 'WRONG'}")
    return 0 if is_well and killed.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
