"""Text to rows: the delimiter of an operator's file, its header, and the cells of each line under it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from callgate.rates.columns import Format, Headings
from callgate.rates.encoding import unsplit
from callgate.rates.findings import Problem, UnusableError
from callgate.rates.header import of_header

DELIMITERS = ";,\t|"
HEADER_WITHIN_LINES = 30
"""Titles may stand above the header, but not more lines of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a table; it begins on `line`, counted from 1."""

    line: int
    cells: tuple[str, ...]

    @property
    def is_noted(self) -> bool:
        """Whether it begins as notes do."""
        return self.cells[0].startswith("#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as its header tells to read it."""

    headings: Headings
    delimiter: str
    header: Record
    records: tuple[Record, ...]


def read_table(text: str, wanted: Format | None) -> Table:
    """Find the delimiter and the header of a text, and split it.

    Args:
        text: of `callgate.rates.encoding.decode`.
        wanted: the format it must be in, or None to find out.

    Raises:
        UnusableError: if no header is found, or a line cannot be split.
    """
    opening = "\n".join(text.split("\n", HEADER_WITHIN_LINES)[:HEADER_WITHIN_LINES])
    best: tuple[Headings, str, Record] | None = None
    for delimiter in DELIMITERS:
        for record in split_rows(opening, delimiter, is_opening=True):
            headings = of_header(record.cells, wanted)
            if headings is not None and (best is None or len(headings.taken) > len(best[0].taken)):
                best = (headings, delimiter, record)
    if best is None:
        raise UnusableError(Problem.NO_HEADER, most=HEADER_WITHIN_LINES)
    headings, delimiter, header = best
    under = (record for record in split_rows(text, delimiter) if record.line > header.line)
    return Table(headings=headings, delimiter=delimiter, header=header, records=tuple(under))


def split_rows(text: str, delimiter: str, *, is_opening: bool = False) -> Iterator[Record]:
    """Split text into rows, without blank ones; notes (``#``) stay: one may be the header, another a rate after all.

    Raises:
        UnusableError: if a line cannot be split; an opening may end in the middle of one.
    """
    lines = text.split("\n")
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            if is_opening:
                return
            raise unsplit(line) from None
        if any(cell.strip() for cell in cells):
            yield Record(line=line, cells=tuple(cells))
        line = reader.line_num + 1
