"""The fault matrix: 76 rows, what each must do, and which tests prove it (facts/reliability.md, section 4)."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

_FILE = Path(__file__).with_name("matrix.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: what goes wrong, and what is required then."""

    number: int
    fault: str
    required: str


def rows() -> tuple[Row, ...]:
    """Every row, in order."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Row(number=int(line["row"]), fault=line["fault"], required=line["required"])
            for line in csv.DictReader(file)
        )


def proves(*numbers: int) -> pytest.MarkDecorator:
    """Say which rows a test proves."""
    return pytest.mark.fault(*numbers)
