"""Classifies a whole file of dialled strings, for `callgate classify ROWS.csv`: no policy, no money, no side effect."""

import csv
from collections.abc import Iterator, Mapping
from typing import TextIO

from callgate.core.dialling import read_dialled
from callgate.core.plan import NumberClass, NumberPlan

COLUMNS_READ = ("home_country", "outside_prefix", "dialled")
COLUMNS_WRITTEN = (*COLUMNS_READ, "number", "region", "class")


class ClassifyError(ValueError):
    """A file that cannot be classified. Fields: `line` (from 1, where the trouble was met), `problem`, `remedy`."""

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        super().__init__(f"line {line}: {problem}. Remedy: {remedy}")
        self.line = line
        self.problem = problem
        self.remedy = remedy


def classify_rows(read: TextIO, write: TextIO, plans: Mapping[str, NumberPlan]) -> int:
    """Copy the rows with what each dialled string means, in the same order, as RFC 4180 says (CRLF line ends).

    Args:
        read: CSV with at least the columns of `COLUMNS_READ`, in any order; opened as UTF-8 with ``newline=""``, for a
            dialled string may hold newlines.
        write: gets the columns of `COLUMNS_WRITTEN`; opened as UTF-8 with ``newline=""``.
        plans: by home country.

    Returns:
        How many rows have a home country without a plan. They are written as invalid, so that one of them does not
        cost the whole file; a caller that gets more than 0 warns.

    Raises:
        ClassifyError: if a column is missing, a row has another number of fields than the header, or the file is not
            CSV in UTF-8. Rows before that line have been written.
    """
    writer = csv.writer(write, lineterminator="\r\n")
    writer.writerow(COLUMNS_WRITTEN)
    without_plan = 0
    for home_country, outside_prefix, dialled in _rows(read):
        plan = plans.get(home_country)
        if plan is None:
            without_plan += 1
            found = ("", "", NumberClass.INVALID)
        else:
            destination = read_dialled(dialled, plan=plan, outside_prefix=outside_prefix)
            found = (destination.number, destination.region, destination.number_class)
        writer.writerow((home_country, outside_prefix, dialled, *found))
    return without_plan


def _rows(read: TextIO) -> Iterator[list[str]]:
    """Give the columns of `COLUMNS_READ` of each row."""
    reader = csv.reader(read, strict=True)
    try:
        header = next(reader, [])
        missing = [column for column in COLUMNS_READ if column not in header]
        if missing:
            raise ClassifyError(1, f"the column {missing[0]} is missing", f"name the columns {', '.join(COLUMNS_READ)}")
        places = [header.index(column) for column in COLUMNS_READ]
        for row in reader:
            if len(row) != len(header):
                problem = f"the row has {len(row)} fields and the header {len(header)}"
                raise ClassifyError(reader.line_num, problem, "quote fields that hold commas, quotes or newlines")
            yield [row[place] for place in places]
    except csv.Error as error:
        remedy = "quote fields that hold commas, quotes or newlines"
        raise ClassifyError(reader.line_num, f"this is not CSV: {error}", remedy) from None
    except UnicodeDecodeError as error:
        problem = f"this is not UTF-8: byte {error.object[error.start]:#04x}"
        raise ClassifyError(reader.line_num + 1, problem, "save the file as UTF-8") from None
