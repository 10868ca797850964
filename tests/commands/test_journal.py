"""`callgate journal` proves that the journal is as it was written, shows it, and restores the ledger from it."""

import asyncio
import csv
import io
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from callgate import acts
from callgate.cli import main
from callgate.commands import rebuild
from callgate.commands.journal import cell, verification
from callgate.core.reasons import Reason
from callgate.journal import JOURNAL_FILE, Journal, JournalRow, read_rows
from callgate.journal_file import Flaw, Kind
from callgate.journal_files import aside_files
from callgate.journal_writer import JournalWriter
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger_memory import gate_name
from clinic_samples import CLINIC, POINTE_A_PITRE, SETTINGS, open_site, policy_text, write_site
from journal_samples import end_of, read_changes, write_journal
from ledger.samples import PATIENT
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
ALWAYS_OPEN = policy_text({'outside = "national"': 'outside = "as_open"'})


def row(call: str = "a", **fields: object) -> JournalRow:
    whole = JournalRow(at=AT, event="call.refused", clinic=CLINIC, call=call, reasons=(Reason.CLOSED, Reason.LOCKED))
    return msgspec.structs.replace(whole, **fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_site(tmp_path)
    return tmp_path


def journal(folder: Path, *words: str, language: str = "en") -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", language, "journal", *words])


# verify


def test_a_journal_as_it_was_written_is_said_to_be(folder: Path, capsys: Out) -> None:
    file = write_journal(folder / "state", row("a"), row("b"))
    assert journal(folder, "verify") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: 2 whole records (files: 1), of which 2 rows and 0 changes of the ledger",
        "Nothing was changed. The last record was written 2026-11-24 10:00:00.000Z.",
    ]
    assert journal(folder, "verify", "--json", str(file)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["records"], found["damages"], len(found["journal"])) == (2, [], 32)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (3, "journal.cgj, bytes 0 to 32: this copy of the header is damaged."),
        (
            "bravo",
            "record 2, bytes {begin} to {end}: is not as it was written; whole records follow. The record before",
        ),
        (
            "carol",
            "record 3, bytes {begin} to {end}: is not whole, and nothing follows: cut off by a crash, or changed.",
        ),
    ],
    ids=["the header", "the middle", "the end"],
)
def test_one_changed_byte_is_located(folder: Path, capsys: Out, place: int | str, said: str) -> None:
    file = write_journal(folder / "state", row("alpha"), row("bravo"), row("carol"))
    content = bytearray(file.read_bytes())
    position = content.index(place.encode()) if isinstance(place, str) else place
    content[position] ^= 1
    file.write_bytes(content)
    assert journal(folder, "verify") == 1
    out = capsys.readouterr().out
    (damage,) = verification(file).damages
    assert damage.offset <= position < damage.offset + damage.length
    assert said.format(begin=damage.offset, end=damage.offset + damage.length) in out
    assert "This journal is not as it was written." in out
    assert journal(folder, "verify", language="fr") == 1
    assert "Ce journal n’est pas tel qu’il a été écrit." in capsys.readouterr().out  # noqa: RUF001 - French has it so


def test_what_somebody_left_out_breaks_the_chain(folder: Path, capsys: Out) -> None:
    file = write_journal(folder / "state", row("first"))
    begin = end_of(file)
    write_journal(folder / "state", row("second"))
    end = end_of(file)
    write_journal(folder / "state", row("third"))
    content = file.read_bytes()
    file.write_bytes(content[:begin] + content[end:])
    assert journal(folder, "verify", "--json") == 1
    (damage,) = json.loads(capsys.readouterr().out)["damages"]
    assert (damage["flaw"], damage["number"], damage["offset"]) == (Flaw.CHAIN, 2, begin)


def test_an_end_that_was_cut_off_is_said_until_somebody_has_looked_at_it(folder: Path, capsys: Out) -> None:
    file = write_journal(folder / "state", row("first"))
    content = bytearray(file.read_bytes())
    end = len(content.rstrip(b"\0"))
    content[end : end + 9] = b"meddling!"
    file.write_bytes(content)
    write_journal(folder / "state", row("second"))
    (aside,) = aside_files(file)
    assert journal(folder, "verify") == 1
    said = capsys.readouterr().out
    assert f"is kept in {aside}" in said
    assert "This journal is not as it was written." in said
    assert journal(folder, "verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["ends"] == [str(aside)]
    aside.unlink()
    assert journal(folder, "verify") == 0


def test_what_is_no_journal_is_told_from_one(folder: Path, capsys: Out) -> None:
    assert journal(folder, "verify") == 3
    assert f"{JOURNAL_FILE}: No such file or directory" in capsys.readouterr().err
    (folder / "state" / JOURNAL_FILE).write_bytes(b"{}\n")
    assert journal(folder, "verify") == 1
    assert "0 whole records" in capsys.readouterr().out


def test_a_hundred_thousand_records_are_verified_in_a_few_seconds(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / JOURNAL_FILE, lambda _record: None)
    payload = msgspec.json.encode(row())
    for number in range(100_000):
        writer.append(Kind.ROW, payload, number)
    writer.close()
    began = time.monotonic()
    found = verification(tmp_path / JOURNAL_FILE)
    assert (found.rows, found.damages) == (100_000, ())
    assert time.monotonic() - began < 8


# export


def test_rows_are_exported_as_csv_and_as_json(folder: Path, capsys: Out) -> None:
    write_journal(folder / "state", row("a", dialled="000325551••••"), row("b", number="+33142685••••"))
    assert journal(folder, "export", "--csv") == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["at"], first["call"], first["dialled"]) == ("2026-11-24T10:00:00Z", "a", "000325551••••")
    assert (first["reasons"], second["number"]) == ("closed locked", "+33142685••••")
    assert journal(folder, "export", "--json") == 0
    assert [json.loads(line)["call"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_an_export_that_lacks_rows_is_no_success(folder: Path, capsys: Out, form: str) -> None:
    """It went on as if nothing were amiss: rows that somebody had damaged were missing, and nobody was told."""
    file = write_journal(folder / "state", row("alpha"), row("bravo"))
    write_journal(folder / "state", row("carol", event="call.refused"))
    content = file.read_bytes().replace(b"bravo", b"brava")
    file.write_bytes(content)
    writer = JournalWriter(file, lambda _record: None)
    writer.append(Kind.ROW, b'{"of":"tomorrow"}', 1)
    writer.close()
    assert journal(folder, "export", form) == 1
    said = capsys.readouterr()
    assert ("alpha" in said.out, "brav" in said.out, "carol" in said.out) == (True, False, True)
    assert "callgate: 2 places of the journal are damaged or cannot be read, and are not shown" in said.err


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (("--since", "2026-11-24T10:00:00Z"), "bc"),
        (("--until", "2026-11-24T10:00:00Z"), "a"),
        (("--since", "2026-11-24T09:30:00Z", "--until", "2026-11-24T10:30:00Z"), "b"),
        (("--clinic", "roses"), "c"),
        ((), "abc"),
    ],
)
def test_a_span_or_a_clinic_is_exported(folder: Path, capsys: Out, words: tuple[str, ...], calls: str) -> None:
    hour = timedelta(hours=1)
    write_journal(folder / "state", row("a", at=AT - hour), row("b"), row("c", at=AT + hour, clinic="roses"))
    assert journal(folder, "export", *words) == 0
    assert "".join(found["call"] for found in csv.DictReader(io.StringIO(capsys.readouterr().out))) == calls


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("+33142685••••", "+33142685••••"),
        ("-5", "-5"),
        ("=1+1", "'=1+1"),
        ("+1-cmd", "'+1-cmd"),
        ("@SUM", "'@SUM"),
        ("a\x1b[2J", "a\\x1b[2J"),
        (["closed", "locked"], "closed locked"),
        (True, "True"),
    ],
)
def test_a_stranger_cannot_play_with_the_spreadsheet(value: object, written: str) -> None:
    assert cell(value) == written


# rebuild-ledger


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


async def held_micros(ledger: RedisLedger) -> int:
    book = await ledger.book(CLINIC)
    assert isinstance(book, LedgerBook)
    return sum(hold.amount_micros for hold in book.holds)


async def spend_and_lose(folder: Path, redis: RedisServer) -> None:
    """A gate grants a costly call and ends; then its ledger is emptied."""
    write_site(folder)
    journal = Journal(folder / "state")
    journal.memory.gate = name = gate_name("pbx1", journal.open())
    async with connect(redis.url) as client:
        ledger = RedisLedger(client, PATIENT, gate=name, witness=journal)
        site = open_site(folder, ALWAYS_OPEN, ledger)
        site.journal = journal
        await site.shelf.open()
        await site.gate.decide(site.passage(POINTE_A_PITRE), datetime.now(UTC))
        assert await held_micros(ledger) == 5_000_000
        journal.close()
        await client.flushall()
    write_site(folder, ALWAYS_OPEN, SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))


async def found_after(folder: Path, redis: RedisServer) -> tuple[int, bool]:
    """What is held, and whether the ledger is frozen."""
    del folder
    async with connect(redis.url) as client:
        book = await RedisLedger(client, PATIENT).book(CLINIC)
        assert isinstance(book, LedgerBook)
        return sum(hold.amount_micros for hold in book.holds), book.frozen is not None


def test_the_ledger_is_restored_by_hand_and_the_journal_says_who_did_it(
    tmp_path: Path, redis: RedisServer, capsys: Out
) -> None:
    asyncio.run(spend_and_lose(tmp_path, redis))
    capsys.readouterr()
    assert journal(tmp_path, "rebuild-ledger", "--yes") == 0
    said = capsys.readouterr().out
    assert f"{CLINIC}: 2 changes of the journal will be restored into {redis.url.partition('@')[0]}" in said
    assert f"{CLINIC}: restored; 0 changes are in no journal, 0.00 was booked for them." in said
    assert asyncio.run(found_after(tmp_path, redis)) == (5_000_000, False)
    gate = Journal(tmp_path / "state")
    asyncio.run(acts.take(tmp_path / "state", gate))
    gate.close()
    *_, last = (found for found, _ in read_rows(gate.file))
    assert (last.event, last.clinic, last.note.endswith(": 0 missing, 0.00 booked")) == ("ledger.rebuilt", CLINIC, True)
    # The thaw is a change, too: kept, so that a later loss does not look for its numbers.
    assert len(list(read_changes(gate.file, CLINIC))) == 3
    assert journal(tmp_path, "rebuild-ledger", "--clinic", CLINIC, "--yes") == 0
    assert asyncio.run(found_after(tmp_path, redis)) == (5_000_000, False)


def test_nothing_is_restored_without_a_yes(tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(spend_and_lose(tmp_path, redis))
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert journal(tmp_path, "rebuild-ledger") == 1
    assert asyncio.run(found_after(tmp_path, redis)) == (0, False)


def test_a_change_that_is_in_no_journal_is_waited_for_and_then_booked(
    tmp_path: Path, redis: RedisServer, capsys: Out
) -> None:
    """The journal's first change is damaged: the gate's own number says that there was one."""
    asyncio.run(spend_and_lose(tmp_path, redis))
    file = tmp_path / "state" / JOURNAL_FILE
    content = bytearray(file.read_bytes())
    content[content.index(b"policy")] ^= 1
    file.write_bytes(content)
    assert journal(tmp_path, "rebuild-ledger", "--yes") == 0
    assert "1 changes are in no journal, 5.00 was booked for them" in capsys.readouterr().out


def test_a_ledger_that_waits_for_other_gates_still_is_said_to(
    tmp_path: Path, redis: RedisServer, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "AGAIN_S", 0.01)
    asyncio.run(spend_and_lose(tmp_path, redis))
    file = tmp_path / "state" / JOURNAL_FILE
    content = bytearray(file.read_bytes())
    content[content.index(b"policy")] ^= 1
    file.write_bytes(content)
    assert journal(tmp_path, "rebuild-ledger", "--yes") == 4
    said = capsys.readouterr().err
    assert "not restored (the journals of other gates are waited for, 1 changes are missing so far" in said


def test_without_a_ledger_nothing_can_be_restored(folder: Path, capsys: Out) -> None:
    write_journal(folder / "state", row())
    assert journal(folder, "rebuild-ledger", "--yes") == 4
    assert f"callgate: {CLINIC}: the ledger was not restored (connection)" in capsys.readouterr().err
