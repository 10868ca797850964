"""The soak of the ledger: ``python -m soak.run [--operations 1000000] [--seeds 20] [--kills 500] [--seed TEXT]``.

Gate processes work on a real Redis (AOF, every write flushed) while both are killed with requests in flight, messages
arrive twice, late or out of order, clocks jump and settlements are lost; then the books are held against the truth. A
seed gives the plans, the trouble and what is done when; which operation meets which is up to the processes, so a second
run of a seed is alike and not the same. The short soak (`soak.short`) is the same every time.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from callgate.core.hold import Window
from soak.drill import Drill, Outcome
from soak.last_cent import LEFT_MICROS, Race, race
from soak.mortals import DURABLE, MortalRedis
from store_servers import StoreCluster

REACHED = 0.999
"""Share of a ceiling that must really be used: one that is never near cannot pass for one that holds."""
TROUBLED = 0.2
FAULTS_SHOWN = 20


def soak(folder: Path, seeds: Sequence[str], operations: int, kills: int) -> list[Outcome]:
    """Run all seeds, one after the other, and print what becomes of each.

    Args:
        folder: an empty one, short enough for a socket in a folder of it.
        seeds: any texts.
        operations: in all.
        kills: in all, at least.
    """
    outcomes = []
    for number, seed in enumerate(seeds):
        (folder / str(number)).mkdir()
        drill = Drill(folder / str(number), seed)
        outcomes.append(asyncio.run(drill.run(-(-operations // len(seeds)), -(-kills // len(seeds)))))
        print(describe(outcomes[-1]), flush=True)
    return outcomes


def describe(outcome: Outcome) -> str:
    """Tell what became of one seed, in lines."""
    verdict, rate = outcome.verdict, outcome.operations / outcome.seconds
    trouble = f"{outcome.troubled_share:.1%} of {outcome.messages:,} messages twice, late or mute"
    calls = f"{verdict.answered:,} calls answered, {verdict.unanswered:,} not, {verdict.late:,} settled late"
    return "\n".join(
        (
            f"seed {outcome.seed}: {outcome.operations:,} operations, {outcome.kills} kills, {trouble}",
            f"  {outcome.days:.0f} days in {outcome.seconds:.0f} s, {rate:,.0f} operations a second",
            f"  {calls}, {verdict.lost:,} settlements lost; settled {verdict.settled_micros / 1_000_000:,.2f}",
            *(f"  {peak.purse} {peak.window}: {peak.share:.3%} really used" for peak in verdict.peaks),
            *(f"  FAULT {fault}" for fault in verdict.faults[:FAULTS_SHOWN]),
            f"  {len(verdict.faults)} faults",
        )
    )


def shortcomings(outcomes: Sequence[Outcome], kills: int) -> list[str]:
    """Say what is wrong with a soak: what it found, and where it was too gentle to find anything."""
    found = [f"seed {outcome.seed}: {fault}" for outcome in outcomes for fault in outcome.verdict.faults]
    for window in Window:
        share = max(peak.share for outcome in outcomes for peak in outcome.verdict.peaks if peak.window is window)
        if share < REACHED:
            found.append(f"no {window} ceiling was used to more than {share:.3%}")
    troubled = sum(outcome.troubled for outcome in outcomes) / sum(outcome.messages for outcome in outcomes)
    if troubled < TROUBLED:
        found.append(f"only {troubled:.1%} of the messages met trouble")
    if (done := sum(outcome.kills for outcome in outcomes)) < kills:
        found.append(f"only {done} kills")
    return found


def race_everywhere(folder: Path, runs: int) -> list[Race]:
    """Race for the last EUR 30 on one node and on a cluster of three primaries, and print what became of it.

    Args:
        folder: an empty one, short enough for a socket in it.
        runs: how often on each.
    """
    races = []
    for name, store in (("one node", MortalRedis(folder, *DURABLE)), ("cluster", StoreCluster(folder, *DURABLE))):
        with store:
            found = asyncio.run(race(store.url, runs))
        settled = [run.settled_micros / 1_000_000 for run in found]
        print(f"the last EUR 30, {name}, {runs} runs: settled EUR {min(settled):.2f} to {max(settled):.2f}", flush=True)
        races += found
    return races


def main() -> int:
    """Run from the command line; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--races", type=int, default=100, help="runs for the last cent")
    parser.add_argument("--seed", default="", help="any text; without it, one is drawn and printed")
    arguments = parser.parse_args()
    seed = arguments.seed or secrets.token_hex(4)
    print(f"seed {seed}; the same again: --seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        seeds = [f"{seed}/{number}" for number in range(arguments.seeds)]
        outcomes = soak(Path(folder), seeds, arguments.operations, arguments.kills)
        (Path(folder) / "races").mkdir()
        races = race_everywhere(Path(folder) / "races", arguments.races)
    found = shortcomings(outcomes, arguments.kills)
    found += [f"race: {run}" for run in races if not run.settled_micros == run.booked_micros == LEFT_MICROS]
    operations, kills = (sum(figures) for figures in zip(*((o.operations, o.kills) for o in outcomes), strict=True))
    print(f"{operations:,} operations, {kills} kills, {len(seeds)} seeds: {len(found)} shortcomings", *found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
