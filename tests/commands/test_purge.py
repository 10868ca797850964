"""`callgate purge` ends the time of full numbers and old rows now, and says what can be read no more."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callgate import acts
from callgate.cli import main
from callgate.commands.journal import verification
from callgate.journal import Journal, JournalRow, read_rows
from callgate.journal_files import closed_files
from callgate.key_file import make_key
from callgate.policies import author
from callgate.retention import turn
from callgate.sealing import Seals, key_name
from callgate.texts.catalog import Language, text
from clinic_samples import SETTINGS, write_site
from journal_samples import row

Out = pytest.CaptureFixture[str]


def purge(folder: Path, language: str = "en") -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", language, "purge"])


@pytest.mark.parametrize(("days", "due"), [(90, 100), (30, 40), (366, 400)])
async def test_the_keys_that_are_due_go_and_the_journal_says_who_removed_them(
    tmp_path: Path, capsys: Out, days: int, due: int
) -> None:
    write_site(tmp_path, settings=f"{SETTINGS}\n[privacy]\nfull_number_days = {days}\n")
    now, keys = datetime.now(UTC), tmp_path / "state" / "keys"
    old = key_name("c", now - timedelta(days=due))
    for number in range(days // 7):
        Seals(keys).prepare(["c"], now - timedelta(weeks=number))
    kept = {file.name for file in keys.iterdir()}
    make_key(keys / old.file, "")
    assert purge(tmp_path) == 0
    assert capsys.readouterr().out == f"c: the full numbers of week {old.week} can be read no more.\n"
    assert {file.name for file in keys.iterdir()} == kept
    (row,) = await taken(tmp_path)
    assert (row.event, row.clinic) == ("privacy.purged", "c")
    assert row.note == f"{author()}: {old.week}"


async def taken(folder: Path) -> list[JournalRow]:
    journal = Journal(folder / "state")
    await acts.take(folder / "state", journal)
    journal.close()
    return [row for row, _ in read_rows(journal.file)]


@pytest.mark.parametrize("language", Language)
def test_where_nothing_is_due_it_says_so(tmp_path: Path, capsys: Out, language: Language) -> None:
    write_site(tmp_path)
    assert purge(tmp_path, language) == 0
    assert capsys.readouterr().out == text("cli.purged_nothing", language, days=90) + "\n"
    assert not (tmp_path / "state" / acts.FOLDER).exists()


def test_what_it_logs_is_no_part_of_its_answer_and_shows_no_number(tmp_path: Path) -> None:
    folder = tmp_path / "0142685300"
    folder.mkdir()
    write_site(folder, settings=f"{SETTINGS}\n[privacy]\njournal_days = 62\n")
    journal = asyncio.run(old_journal(folder, timedelta(days=100)))
    journal.close()
    content = bytearray(journal.file.read_bytes())
    content[-1] ^= 1
    journal.file.write_bytes(content)
    words = [
        sys.executable,
        "-m",
        "callgate.cli",
        "--settings",
        str(folder / "callgate.toml"),
        "--language",
        "en",
        "purge",
    ]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {line["event"] for line in lines} == {"journal.damaged", "journal.end_kept"}
    assert all("014268••••" in line["file"] for line in lines)
    assert "journal." not in ended.stdout
    assert "014268" not in ended.stdout


async def old_journal(folder: Path, age: timedelta) -> Journal:
    """A journal whose four files are of four months, the latest of them so old."""
    now_ms = int((datetime.now(UTC) - age - timedelta(days=124)).timestamp() * 1000)
    month_ms = 31 * 86_400_000
    journal = Journal(folder / "state", lambda: now_ms)
    journal.open()
    for _ in range(4):
        await turn(journal)
        await journal.write(row(), durable=True)
        now_ms += month_ms
    return journal


@pytest.mark.parametrize("language", Language)
def test_files_of_the_journal_go_when_their_time_is_over_and_the_rest_is_whole(
    tmp_path: Path, capsys: Out, language: Language
) -> None:
    write_site(tmp_path, settings=f"{SETTINGS}\n[privacy]\njournal_days = 62\n")
    journal = asyncio.run(old_journal(tmp_path, timedelta(days=100)))
    journal.close()
    until = verification(closed_files(journal.file)[1]).last
    assert until is not None
    capsys.readouterr()
    assert purge(tmp_path, language) == 0
    said = text("cli.purged_journal", language, first=1, last=3, until=f"{until:%Y-%m-%d}")
    assert said in capsys.readouterr().out
    assert (verification(journal.file).files, verification(journal.file).damages) == (2, ())
    *_, row = (row for row, _ in read_rows(journal.file))
    assert row.note.startswith(f"{author()}: journal records 1 to 3, written until")
    assert purge(tmp_path, language) == 0
    assert said not in capsys.readouterr().out


@pytest.mark.parametrize("language", Language)
def test_while_the_daemon_writes_the_journal_its_files_are_the_daemons_to_remove(
    tmp_path: Path, capsys: Out, language: Language
) -> None:
    write_site(tmp_path, settings=f"{SETTINGS}\n[privacy]\njournal_days = 62\n")
    journal = asyncio.run(old_journal(tmp_path, timedelta(days=100)))
    capsys.readouterr()
    assert purge(tmp_path, language) == 0
    assert text("cli.purge_waits", language, days=62) in capsys.readouterr().out
    assert verification(journal.file).files == 4
    journal.close()


def test_a_link_in_the_place_of_the_journal_is_not_followed(tmp_path: Path, capsys: Out) -> None:
    """Root may purge, in a folder that is the daemon's user's: a file of root's was copied there, and emptied."""
    write_site(tmp_path, settings=f"{SETTINGS}\n[privacy]\njournal_days = 62\n")
    journal = asyncio.run(old_journal(tmp_path, timedelta(days=100)))
    journal.close()
    (tmp_path / "mine").write_text("not a journal")
    journal.file.unlink()
    journal.file.symlink_to(tmp_path / "mine")
    before = sorted(file.name for file in (tmp_path / "state").iterdir())
    assert purge(tmp_path) == 3
    assert str(journal.file) in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "not a journal"
    assert sorted(file.name for file in (tmp_path / "state").iterdir()) == before


@pytest.mark.parametrize("language", Language)
def test_by_the_word_of_a_clock_alone_nothing_goes_and_it_says_what_to_look_at(
    tmp_path: Path, capsys: Out, language: Language
) -> None:
    write_site(tmp_path)
    journal = asyncio.run(old_journal(tmp_path, timedelta(days=730)))
    journal.close()
    keys = tmp_path / "state" / "keys"
    Seals(keys).prepare(["c"], datetime.now(UTC) - timedelta(days=730))
    capsys.readouterr()
    assert purge(tmp_path, language) == 0
    said = capsys.readouterr().out
    assert text("cli.purge_doubted_keys", language, days=90, count=2) in said
    assert text("cli.purge_doubted", language, days=366) in said
    assert len(list(keys.iterdir())) == 2
    assert verification(journal.file).files == 4
