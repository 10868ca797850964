"""The naive ways beside callgate's, over the rows of public.csv: `make numbers` writes the table into docs/numbers.md.

A test holds the page to it.
"""

import argparse
import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.naive_readers import READERS, Reader, Reading, Row
from callgate.core.plan import NumberPlan, parse_plan

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "tests" / "data" / "public.csv"
PLANS = ROOT / "policies" / "plans"
BEGIN, END = "<!-- make numbers: from here -->", "<!-- make numbers: to here -->"

CHEAP = frozenset({"national_fixed", "national_mobile", "freephone", "emergency", "internal_feature", "special_short"})
"""The classes that cost little or nothing, as numbers/score.py has them."""

ALLOWED = CHEAP - {"emergency", "internal_feature"}
"""What leaves the house and is cheap: refused, or taken for costly, it is a patient who is not called back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one way of reading does over all rows."""

    name: str
    right: int
    emergency_lost: int
    leaks: int
    refused: int


def read_rows() -> Iterator[Row]:
    """Read public.csv."""
    with ROWS.open(encoding="utf-8", newline="") as stream:
        for fields in csv.DictReader(stream):
            yield Row(
                home=fields["home_country"],
                prefix=fields["outside_prefix"],
                dialled=fields["dialled"],
                number=fields["expected_e164_or_short"],
                classes=(fields["expected_class"], *re.findall(r"\[alt:(\w+)\]", fields["why"])),
                regions=(fields["expected_region"], *re.findall(r"\[region:([^\]]+)\]", fields["why"])),
            )


def is_right(row: Row, reading: Reading) -> bool:
    """The scoring rule of numbers/RULES.md."""
    if reading.number_class not in row.classes:
        return False
    return reading.number_class == "invalid" or (reading.number == row.number and reading.region in row.regions)


def score(name: str, reader: Reader, rows: list[Row], plans: dict[str, NumberPlan]) -> Score:
    """Let a reader read every row."""
    right = emergency_lost = leaks = refused = 0
    for row in rows:
        reading = reader(row, plans[row.home])
        cheap = reading.number_class in CHEAP
        if is_right(row, reading):
            right += 1
        elif row.classes[0] == "emergency":
            emergency_lost += 1
        elif cheap and not CHEAP & set(row.classes):
            leaks += 1
        elif not cheap and row.classes[0] in ALLOWED:
            refused += 1
    return Score(name=name, right=right, emergency_lost=emergency_lost, leaks=leaks, refused=refused)


def table() -> str:
    """The comparison, as a table in Markdown."""
    rows = list(read_rows())
    countries = {row.home for row in rows}
    plans = {country: parse_plan((PLANS / f"{country}.toml").read_text(encoding="utf-8")) for country in countries}
    emergency = sum(row.classes[0] == "emergency" for row in rows)
    costly = sum(not CHEAP & set(row.classes) for row in rows)
    allowed = sum(row.classes[0] in ALLOWED for row in rows)
    columns = (
        f"of {len(rows)} dialled strings",
        "right",
        f"emergency lost, of {emergency}",
        f"costly or invalid seen as cheap, of {costly}",
        f"allowed refused, of {allowed}",
    )
    scores = [score(name, reader, rows, plans) for name, reader in READERS.items()]
    lines = [
        f"| {' | '.join(columns)} |",
        "| --- | --: | --: | --: | --: |",
        *(f"| {one.name} | {one.right} | {one.emergency_lost} | {one.leaks} | {one.refused} |" for one in scores),
    ]
    return "\n".join(lines)


def with_table(page: str) -> str:
    """Put the table between its two marks on the page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="a page whose table is brought up to date")
    page: Path | None = parser.parse_args().write
    if page is None:
        print(table())
    else:
        page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
