"""Which kind of file it is, told from its first line, and which column holds what.

Three are known: a list of attempts (the header names `ATTEMPT_COLUMNS`), Asterisk's ``Master.csv`` (no header, 16 to 21
columns: facts/ecosystem.md 2.9), and an export of CDRs with a header, as FreePBX writes it.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

ATTEMPT_COLUMNS = ("start", "extension", "dialled", "duration_s")
ORIGIN_COLUMN = "origin"
_CDR_COLUMNS = ("start", "dst", "channel", "dstchannel", "billsec", "disposition")
_CDR_MORE = ("lastdata", "uniqueid", "linkedid")
_EXPORTED_START = "calldate"

_MASTER_PLACES = {
    "dst": 2,
    "channel": 5,
    "dstchannel": 6,
    "lastdata": 8,
    "start": 9,
    "billsec": 13,
    "disposition": 14,
    "uniqueid": 16,
}
_MASTER_COLUMNS = range(16, 22)
_MASTER_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")

COLUMNS_MAX = 200
"""No system writes more; a file with more is none of these."""
LINE_MAX_CHARACTERS = 65_536

_DELIMITERS = ",;\t"
_BYTE_ORDER_MARK = "\ufeff"


class Form(StrEnum):
    """The kind of a file."""

    ATTEMPTS = "attempts"
    MASTER = "master"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How to take a row apart.

    Fields:
        places: where each field that is taken stands, from 0.
        names: of the columns that are taken, as the file has them (numbered from 1, where it has no header).
        columns: how many fields a row may have.
        has_header: whether the first line is one.
    """

    form: Form
    delimiter: str
    places: Mapping[str, int]
    names: tuple[str, ...]
    columns: range
    has_header: bool


def recognise(first_line: str) -> Layout | None:
    """Tell the kind of a file from its first line, a byte order mark or none before it; None if it is none of them."""
    for delimiter in _DELIMITERS:
        cells = split(first_line.removeprefix(_BYTE_ORDER_MARK), delimiter) or []
        found = _with_header(cells, delimiter) or _master(cells, delimiter)
        if found is not None:
            return found
    return None


def split(line: str, delimiter: str) -> list[str] | None:
    """Split one line into its cells, none if it is empty; None if it is too long, no CSV, or a quote stays open."""
    if len(line) > LINE_MAX_CHARACTERS:
        return None
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _with_header(cells: Sequence[str], delimiter: str) -> Layout | None:
    if len(cells) > COLUMNS_MAX:
        return None
    header = [cell.strip().lower() for cell in cells]
    places = {"start" if name == _EXPORTED_START else name: header.index(name) for name in header}
    wanted: tuple[str, ...]
    if places.keys() >= set(ATTEMPT_COLUMNS):
        form, wanted = Form.ATTEMPTS, (*ATTEMPT_COLUMNS, ORIGIN_COLUMN)
    elif places.keys() >= set(_CDR_COLUMNS):
        form, wanted = Form.EXPORT, (*_CDR_COLUMNS, *_CDR_MORE)
    else:
        return None
    taken = {name: places[name] for name in wanted if name in places}
    return Layout(
        form=form,
        delimiter=delimiter,
        places=MappingProxyType(taken),
        names=tuple(header[place] for place in taken.values()),
        columns=range(len(header), len(header) + 1),
        has_header=True,
    )


def _master(cells: Sequence[str], delimiter: str) -> Layout | None:
    """Recognise Master.csv by its number of columns and by the start, ten columns in."""
    if len(cells) not in _MASTER_COLUMNS or not _MASTER_START.fullmatch(cells[_MASTER_PLACES["start"]]):
        return None
    places = {name: place for name, place in _MASTER_PLACES.items() if place < len(cells)}
    return Layout(
        form=Form.MASTER,
        delimiter=delimiter,
        places=MappingProxyType(places),
        names=tuple(f"{name} ({place + 1})" for name, place in places.items()),
        columns=_MASTER_COLUMNS,
        has_header=False,
    )
