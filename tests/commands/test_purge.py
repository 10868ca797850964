"""`callgate purge` ends the time of full numbers now, and says what can be read no more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callgate import acts
from callgate.cli import main
from callgate.journal import Journal, JournalRow, read_rows
from callgate.key_file import make_key
from callgate.policies import author
from callgate.sealing import Seals, key_name
from callgate.texts.catalog import Language, text
from clinic_samples import SETTINGS, write_site

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
    Seals(keys).prepare(["c"], now)
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
