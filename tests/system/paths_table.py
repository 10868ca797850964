"""The table of the paths, as Markdown: ``python -m system.paths_table [--attempts N] [--write PAGE]``."""

import argparse
import asyncio
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import Lab
from system import paths
from system.path_lab import LISTED, LISTED_WIRE, REFUSED, path_lab
from system.stage import open_stage

BEGIN, END = "<!-- system.paths_table: from here -->", "<!-- system.paths_table: to here -->"
COLUMNS = (
    "path",
    "who must stop it",
    "origin",
    "attempts",
    "INVITEs",
    "decisions",
    "ungated",
    "ungated and answered",
    "life p50, ms",
    "life p99, ms",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of some attempts to take one path."""

    path: paths.Path
    tried: tuple[paths.Tried, ...]

    @property
    def invites(self) -> int:
        """What the carrier was asked for."""
        return sum(len(tried.invites) for tried in self.tried)

    @property
    def ungated(self) -> tuple[paths.Tried, ...]:
        """Attempts that the carrier saw more INVITEs of than grants were given."""
        return tuple(
            tried
            for tried in self.tried
            if len(tried.invites) > sum(row.event == "call.granted" for row in tried.decisions)
        )

    @property
    def answered(self) -> int:
        """Calls among those that somebody answered."""
        return sum(tried.answered for tried in self.ungated)

    def line(self) -> str:
        """One line of the table."""
        lives = sorted(life for tried in self.ungated for life in tried.lives_ms)
        cells = (
            self.path.name,
            self.path.owner.value,
            self.path.origin.value if self.path.origin else "",
            len(self.tried),
            self.invites,
            sum(len(tried.decisions) for tried in self.tried),
            len(self.ungated),
            self.answered,
            _at(lives, 0.50),
            _at(lives, 0.99),
        )
        return f"| {' | '.join(map(str, cells))} |"


def _at(lives: list[float], part: float) -> str:
    """The life that this part of the legs did not outlive, in milliseconds."""
    return f"{lives[math.ceil(part * len(lives)) - 1]:.1f}" if lives else ""


def table(rows: Iterator[str]) -> str:
    """The lines below their heading."""
    return "\n".join((f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS), *rows))


async def measure(lab: Lab, attempts: int, refused: tuple[str, str], told: Callable[[str], None]) -> list[Row]:
    """Take every path: `attempts` times what only the guard can stop, the others twice.

    Args:
        lab: started.
        attempts: every other one is to a number that the policy refuses, the others to one that it allows.
        refused: the former, as it is dialled and as the carrier sees it.
        told: is told each line as it is known.
    """
    numbers = (refused, (LISTED, LISTED_WIRE))
    rows = []
    async with open_stage(lab) as stage:
        for path in paths.PATHS:
            turns = 2 if path.owner is paths.Owner.DIALPLAN else attempts
            tried = [await paths.try_path(path, stage, *numbers[turn % 2]) for turn in range(turns)]
            rows.append(Row(path=path, tried=tuple(tried)))
            told(rows[-1].line())
    return rows


def with_table(page: str, lines: Iterator[str]) -> str:
    """Put the table between its two marks on a page."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(lines)}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Measure and print; with ``--write PAGE`` bring that page up to date.

    Returns:
        1 if an ungated call came to the carrier by a path that the dialplan must stop, or was answered; else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=100, help="of each path that only the guard can stop")
    parser.add_argument("--refused", choices=REFUSED, default="ivory-coast", help="what the policy refuses")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        lab = path_lab(f"paths-table-{os.getpid()}", Path(folder))
        lab.start()
        try:
            print(table(iter(())))
            rows = asyncio.run(
                measure(lab, words.attempts, REFUSED[words.refused], lambda line: print(line, flush=True))
            )
        finally:
            lab.stop()
    if words.write is not None:
        page = words.write.read_text(encoding="utf-8")
        words.write.write_text(with_table(page, (row.line() for row in rows)), encoding="utf-8")
    return int(any(row.answered or (row.ungated and row.path.owner is paths.Owner.DIALPLAN) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
