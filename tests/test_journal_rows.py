"""The rows of a journal are found while it is written, from both its ends, and whatever lies between them."""

from pathlib import Path

import msgspec
import pytest

from callgate import journal_rows
from callgate.journal import JOURNAL_FILE, Journal
from callgate.journal_file import Damage, Kind, Record
from callgate.journal_rows import JournalRow, last_row, read_rows
from callgate.journal_writer import JournalWriter
from journal_samples import calls, row, write_journal


async def test_a_journal_is_read_on_from_any_row_while_it_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in "abc":
        await journal.write(row(name), durable=False)
    found = list(read_rows(journal.file))
    assert [row.call for row, _ in read_rows(journal.file, found[0][1])] == ["b", "c"]
    assert list(read_rows(journal.file, found[-1][1])) == []
    await journal.write(row("d"), durable=False)
    assert [row.call for row, _ in read_rows(journal.file, found[-1][1])] == ["d"]
    journal.close()


def test_a_row_of_a_newer_callgate_is_passed_over_and_told(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / JOURNAL_FILE, lambda _record: None)
    writer.append(Kind.ROW, b'{"at":"2026-11-24T10:00:00Z","event":"e","clinic":"c","call":"a","reasons":["new"]}', 1)
    writer.append(Kind.ROW, b"\xff{", 1)
    writer.close()
    file = write_journal(tmp_path, row("b"))
    file.write_bytes(b"!" + file.read_bytes()[1:])
    told: list[Damage | Record] = []
    assert [found.call for found, _ in read_rows(file, 0, told.append)] == calls(tmp_path) == ["b"]
    assert [isinstance(one, Damage) for one in told] == [True, False, False]


def test_the_latest_row_of_an_event_is_found_from_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("a"), replace_event(row("s"), "gate.started"), *(row(f"b{number}") for number in range(40))]
    file = write_journal(tmp_path, *rows)
    content = bytearray(file.read_bytes())
    content[content.index(b'"b39"') + 1] ^= 1
    file.write_bytes(content)
    for window, longest in ((1024 * 1024, 4096), (4096, 2048), (700, 600)):
        monkeypatch.setattr(journal_rows, "_WINDOW_BYTES", window)
        monkeypatch.setattr(journal_rows, "_ROW_MAX_BYTES", longest)
        found = [last_row(file, event) for event in ("call.refused", "gate.started", "call.granted")]
        assert [one and one.call for one in found] == ["b38", "s", None]


def replace_event(one: JournalRow, event: str) -> JournalRow:
    return msgspec.structs.replace(one, event=event)
