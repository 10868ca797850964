"""`make fuzz`: millions of dialled strings before both readers, on two processes.

Promised: no exception, no emergency call lost, no number seen cheaper or elsewhere than the second oracle allows, none
refused that it knows. The samples are drawn in rounds, each from its own seed, so that a round comes out the same
whichever process draws it.
"""

import argparse
import multiprocessing
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from random import Random

from fuzz.grammar import Grammar
from fuzz.trial import Fault, Outcome, Trial

ROUND_SAMPLES = 50_000
EXAMPLES_MAX = 20
PROCESSES = 2


@dataclass(slots=True, kw_only=True)
class Report:
    """What some samples came to: how many by home country and class, how many by fault, and the first of each fault."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    examples: dict[Fault, list[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.answers[outcome.sample.home, outcome.answer.number_class] += 1
        if outcome.fault is not None:
            self.faults[outcome.fault] += 1
            self._keep(outcome.fault, [str(outcome)])

    def merge(self, other: "Report") -> None:
        """Count all that another report counted."""
        self.answers += other.answers
        self.faults += other.faults
        for fault, examples in other.examples.items():
            self._keep(fault, examples)

    def _keep(self, fault: Fault, examples: list[str]) -> None:
        kept = self.examples.setdefault(fault, [])
        kept += examples[: EXAMPLES_MAX - len(kept)]

    def __str__(self) -> str:
        homes = sorted({home for home, _ in self.answers})
        lines = [f"{'':<24}" + "".join(f"{home:>9}" for home in homes)]
        lines += [
            f"{name:<24}" + "".join(f"{self.answers[home, name]:>9}" for home in homes)
            for name in sorted({number_class for _, number_class in self.answers})
        ]
        for fault in Fault:
            lines += [f"{fault}: {self.faults[fault]}", *(f"    {line}" for line in self.examples.get(fault, []))]
        return "\n".join(lines)


@cache
def trial_and_grammar() -> tuple[Trial, Grammar]:
    """Both readers and the grammar, once a process: to build them takes longer than a thousand samples."""
    trial = Trial()
    return trial, Grammar(trial.plan_files)


def fuzz_round(job: tuple[str, int]) -> Report:
    """Draw and try the samples of one round, given its seed and how many."""
    seed, count = job
    trial, grammar = trial_and_grammar()
    rng, report = Random(seed), Report()
    for _ in range(count):
        report.add(trial.run(grammar.sample(rng)))
    return report


def rounds(seed: str, count: int) -> list[tuple[str, int]]:
    """Part so many samples into rounds, each with a seed made from the seed of all."""
    starts = range(0, count, ROUND_SAMPLES)
    return [(f"{seed}/{start // ROUND_SAMPLES}", min(ROUND_SAMPLES, count - start)) for start in starts]


def fuzz(seed: str, count: int) -> Report:
    """Draw and try all samples, with a line after each round on the error stream."""
    total, started = Report(), time.monotonic()
    with multiprocessing.get_context("forkserver").Pool(PROCESSES) as pool:
        for report in pool.imap(fuzz_round, rounds(seed, count)):
            total.merge(report)
            done, taken_s = total.answers.total(), time.monotonic() - started
            found = ", ".join(f"{number} {fault}" for fault, number in total.faults.items()) or "nothing found"
            print(f"{done:,} of {count:,} in {taken_s:.0f} s: {found}", file=sys.stderr)
    return total


def main() -> int:
    """Run from the command line; 1 if anything at all was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--seed", default="", help="any text; without it, one is drawn and printed")
    arguments = parser.parse_args()
    seed = arguments.seed or secrets.token_hex(4)
    print(f"seed {seed}, {arguments.count:,} strings; the same again: --seed {seed} --count {arguments.count}")
    report = fuzz(seed, arguments.count)
    print(report)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
