"""Thirteen weeks of ordinary life under the presets: ``python -m life.life_table --write docs/policy.md``, `make life`.

Ends with 1 if an ordinary call was refused, or a costly one on more days than `REFUSED_DAYS_MAX` says.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from callgate.core.hold import Window
from life.lived import MACHINES, OFF_AND_UNSYNCED, Life, live
from life.practices import PRACTICES, WEEKS, Practice, calls_of

SEEDS = (1, 2, 3)
REFUSED_DAYS_MAX = 0.01
BEGIN, END = "<!-- make life: from here -->", "<!-- make life: to here -->"

_COLUMNS = (
    "practice",
    "machine",
    "calls",
    "of them costly",
    "ordinary refused",
    "days with a costly one refused",
    "ended by a limit",
    "highest: costly, month",
    "highest: national when closed, 24 h",
    "highest: national when closed, 7 d",
)


def lives(practice: Practice, machine: str, seeds: Iterable[int] = SEEDS, weeks: int = WEEKS) -> list[Life]:
    return [live(practice, calls_of(practice, seed, weeks), MACHINES[machine]) for seed in seeds]


def row(practice: Practice, machine: str, found: list[Life]) -> str:
    days, refused_days = sum(life.days for life in found), sum(life.refused_days for life in found)
    cells = (
        f"{practice.name}, {practice.day_calls} a day",
        machine,
        f"{sum(life.calls for life in found):,}",
        f"{sum(life.costly for life in found):,}",
        f"{sum(life.refused_ordinary.total() for life in found):,}",
        f"{refused_days} of {days} ({100 * refused_days / days:.1f} %)",
        str(sum(life.cut for life in found)),
        f"{max(life.highest('costly', Window.MONTH) for life in found)} %",
        f"{max(life.highest('national_closed', Window.DAY) for life in found)} %",
        f"{max(life.highest('national_closed', Window.WEEK) for life in found)} %",
    )
    return f"| {' | '.join(cells)} |"


def is_refused(machine: str, found: list[Life]) -> bool:
    """Whether somebody was kept from an ordinary life.

    Where nothing proves the nights the week's ceiling counts two of them: costly calls are refused there, and said so.
    """
    days, refused_days = sum(life.days for life in found), sum(life.refused_days for life in found)
    costly = refused_days > REFUSED_DAYS_MAX * days and machine != OFF_AND_UNSYNCED
    return costly or any(life.refused_ordinary for life in found)


def table(rows: Iterable[str]) -> str:
    return "\n".join((f"| {' | '.join(_COLUMNS)} |", f"| --- | --- |{' --: |' * (len(_COLUMNS) - 2)}", *rows))


def with_table(page: str, made: str) -> str:
    """Put the table between its two marks on a page."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Live all weeks of all seeds; print the table, and with ``--write PAGE`` bring that page up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    page: Path | None = parser.parse_args().write
    rows, refused = [], False
    for practice in PRACTICES:
        for machine in MACHINES:
            found = lives(practice, machine)
            refused = refused or is_refused(machine, found)
            rows.append(row(practice, machine, found))
            print(rows[-1], flush=True)
    if page is not None:
        page.write_text(with_table(page.read_text(encoding="utf-8"), table(rows)), encoding="utf-8")
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
