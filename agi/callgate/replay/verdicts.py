"""Writes what became of each attempt as CSV, in the order of the input.

A spreadsheet runs a cell that begins with certain signs as a formula, and may part cells at another sign than a comma,
whatever quotes are around: such text of a stranger gets an apostrophe wherever a cell could begin.
"""

import csv
import re
from collections.abc import Iterable
from typing import TextIO

from callgate.core.verdict import Grant
from callgate.replay.attempts import Attempt
from callgate.replay.run import Outcome

COLUMNS = (
    "start",
    "extension",
    "dialled",
    "number",
    "region",
    "class",
    "ordinary",
    "verdict",
    "reasons",
    "cost_micros",
)

_NUMBER = re.compile(r"\+[0-9]+")
_BEGIN_OF_CELL = re.compile(r"((?:\A|[,;|\t\r\n])[\s\"]*)([=+\-@]?)")


def write_verdicts(stream: TextIO, rows: Iterable[tuple[Attempt, Outcome]]) -> None:
    """Write the rows under `COLUMNS`.

    Args:
        stream: opened as UTF-8 with ``newline=""``.
        rows: in the order of the input. Numbers are written in full; reasons are parted by spaces, heaviest first.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for attempt, outcome in rows:
        destination, verdict = outcome.destination, outcome.verdict
        writer.writerow(
            (
                unarmed(attempt.start),
                unarmed(attempt.extension),
                unarmed(attempt.dialled),
                unarmed(destination.number),
                destination.region,
                destination.number_class.value,
                "true" if outcome.ordinary else "false",
                "grant" if isinstance(verdict, Grant) else "refuse",
                " ".join(reason.value for reason in verdict.reasons),
                outcome.cost_micros,
            )
        )


def unarmed(text: str) -> str:
    """Make a cell that no spreadsheet runs; a number such as ``+33142685300`` stays as it is."""
    if _NUMBER.fullmatch(text):
        return text
    return _BEGIN_OF_CELL.sub(lambda begin: f"{begin[1]}'{begin[2]}" if begin[2] else begin[1], text)
