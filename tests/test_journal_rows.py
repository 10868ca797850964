"""The rows of a journal are found while it is written, from both its ends, and whatever lies between them."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from callgate import journal_rows
from callgate.core.verdict import Refusal
from callgate.journal import JOURNAL_FILE, Journal
from callgate.journal_file import Damage, Kind, Record
from callgate.journal_rows import JournalRow, last_row, read_rows
from callgate.journal_writer import JournalWriter
from callgate.sealing import Seals
from clinic_samples import BRUSSELS, CLINIC, OBSERVING, PARIS, POINTE_A_PITRE, open_site, policy_text
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


# The full number.


@pytest.mark.parametrize(
    ("dialled", "changes", "sealed"),
    [
        (BRUSSELS, {}, ["+3225551212"]),
        ("00899123456", {}, ["+33899123456"]),
        (POINTE_A_PITRE, {'hour           = "10.00"': 'hour = "0.10"'}, ["+590590271212"]),
        (POINTE_A_PITRE, {}, []),
        (PARIS, {}, []),
        (PARIS, {"always_refuse = []": 'always_refuse = ["+33142685300"]'}, []),
        ("015", {}, []),
        ("0014268530", {}, []),
        (BRUSSELS, OBSERVING, []),
    ],
    ids=[
        "abroad",
        "premium",
        "over a ceiling",
        "costly, granted",
        "ordinary, granted",
        "ordinary, refused",
        "emergency",
        "no number at all",
        "costly, only observed",
    ],
)
async def test_the_full_number_of_a_costly_call_that_was_stopped_is_sealed_and_of_no_other(
    tmp_path: Path, dialled: str, changes: dict[str, str], sealed: list[str]
) -> None:
    site = open_site(tmp_path, policy_text(changes))
    await site.shelf.open()
    asked: list[str] = []

    def seal(row: JournalRow, number: str) -> str:
        asked.append(number)
        return f"sealed for {row.call}"

    await replace(site.gate, seal=seal).decide(site.passage(dialled), site.now)
    (found,) = site.rows
    assert asked == sealed
    assert found.sealed == (f"sealed for {found.call}" if sealed else "")
    assert not any(number in found.number + found.dialled for number in sealed)
    site.journal.close()


async def test_a_refusal_is_written_down_without_its_number_where_no_key_can_be_had(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    await site.shelf.open()
    (tmp_path / "keys").write_text("")
    seals = Seals(tmp_path / "keys")
    seals.prepare([CLINIC], site.now)
    assert isinstance(await replace(site.gate, seal=seals.seal).decide(site.passage(BRUSSELS), site.now), Refusal)
    assert [(row.event, row.sealed) for row in site.rows] == [("call.refused", "")]
    site.journal.close()
