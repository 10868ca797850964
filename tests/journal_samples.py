"""Journals with some rows in them, as a gate leaves them, and what is in one."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.journal_file import Damage, Kind, Record, scan
from callgate.journal_writer import JournalWriter
from callgate.ledger.restoration import Change

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def row(call: str = "a") -> JournalRow:
    return JournalRow(at=AT, event="call.refused", clinic="c", call=call, dialled="003225551••••")


def calls(folder: Path) -> list[str]:
    return [found.call for found, _ in read_rows(folder / JOURNAL_FILE)]


def damages(folder: Path) -> list[Damage]:
    with (folder / JOURNAL_FILE).open("rb") as stream:
        return [found for found in scan(stream) if isinstance(found, Damage)]


def end_of(file: Path) -> int:
    """Where its last record ends. Its last byte may be a zero, like the room behind it."""
    with file.open("rb") as stream:
        return [found.end for found in scan(stream) if isinstance(found, Record)][-1]


def read_changes(file: Path, clinic: str = "c") -> list[Change]:
    """The changes of a clinic's ledger."""
    with file.open("rb") as stream:
        records = [found for found in scan(stream) if isinstance(found, Record) and found.kind == Kind.CHANGE]
    changes = [msgspec.json.decode(found.payload, type=Change) for found in records]
    return [change for change in changes if change.clinic == clinic]


def write_journal(state: Path, *rows: JournalRow) -> Path:
    """Append rows to the journal of a state folder, begun if there is none; gives its file."""
    file = state / JOURNAL_FILE
    writer = JournalWriter(file, lambda _record: None)
    for row in rows:
        writer.append(Kind.ROW, msgspec.json.encode(row), int(row.at.timestamp() * 1000))
    writer.close()
    return file
