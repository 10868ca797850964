"""Text to rows: the delimiter of an operator's file, its header, and the cells of each line under it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from callgate.rates.columns import Format, Headings, of_header
from callgate.rates.findings import Problem, UnusableError

DELIMITERS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "bar"}
HEADER_WITHIN_LINES = 30
"""Titles may stand above the header, but not more lines of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a table; it begins on `line`, counted from 1."""

    line: int
    cells: tuple[str, ...]


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
        problem = f"no line among the first {HEADER_WITHIN_LINES} names a column of prefixes and one of prices"
        remedy = "put a line with the names of the columns on top, such as prefix;label;per_minute (docs/rates.md)"
        raise UnusableError(Problem.NO_HEADER, problem, remedy)
    headings, delimiter, header = best
    under = (record for record in split_rows(text, delimiter) if record.line > header.line)
    return Table(headings=headings, delimiter=delimiter, header=header, records=tuple(under))


def split_rows(text: str, delimiter: str, *, is_opening: bool = False) -> Iterator[Record]:
    """Split text into rows, without blank ones and notes (``#``); in an opening notes stay: one may be the header.

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
        except csv.Error as error:
            if is_opening:
                return
            problem = f"line {line} cannot be split: {error}"
            raise UnusableError(Problem.BROKEN_ROW, problem, "close its quotes, or take them out") from None
        if any(cell.strip() for cell in cells) and (is_opening or not cells[0].startswith("#")):
            yield Record(line=line, cells=tuple(cells))
        line = reader.line_num + 1
