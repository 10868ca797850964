"""`callgate blocked --reveal`: one full number, for a reason, and never without a row that says who saw it."""

import json
from pathlib import Path

import msgspec
import pytest

from callgate import acts
from callgate.cli import main
from callgate.journal import JOURNAL_FILE, Journal, JournalRow, read_rows
from callgate.policies import author
from callgate.sealing import Seals
from clinic_samples import SETTINGS, write_site
from journal_samples import AT, row, write_journal

Out = pytest.CaptureFixture[str]
NUMBER, OTHER = "+2250123456615", "+37163123341"
CALL = "pbx1.11111111-1111-4111-8111-111111111111"
LIKE_IT = "pbx1.11111111-2222-4111-8111-111111111111"
WHY = ("--reason", "the operator's bill of November")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_site(tmp_path)
    return tmp_path


def sealed(folder: Path, call: str = CALL, number: str = NUMBER, attempt: int = 1) -> JournalRow:
    seals, plain = Seals(folder / "state" / "keys"), msgspec.structs.replace(row(call), attempt=attempt)
    seals.prepare(["c"], AT)
    return msgspec.structs.replace(plain, sealed=seals.seal(plain, number))


def blocked(folder: Path, *words: str, language: str = "en") -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", language, "blocked", *words])


async def acts_of(folder: Path) -> list[JournalRow]:
    """What the daemon writes down of it."""
    journal = Journal(folder / "state")
    await acts.take(folder / "state", journal)
    journal.close()
    return [row for row, _ in read_rows(journal.file) if row.event.startswith("privacy.")]


@pytest.mark.parametrize("call", [CALL, CALL.removeprefix("pbx1."), "11111111"])
async def test_the_number_is_shown_and_the_journal_says_who_saw_it_and_why(
    folder: Path, capsys: Out, call: str
) -> None:
    write_journal(folder / "state", sealed(folder), sealed(folder, "pbx1.33333333-1", OTHER))
    assert blocked(folder, "--reveal", call, *WHY) == 0
    assert capsys.readouterr().out == f"2026-11-24 10:00:00Z  {CALL}  {NUMBER}\n"
    (found,) = await acts_of(folder)
    assert (found.event, found.clinic, found.call) == ("privacy.revealed", "c", CALL)
    assert found.note == f"{author()}: the operator's bill of November"
    assert NUMBER not in msgspec.json.encode(found).decode()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "full number: --reveal"), ("fr", "numéro entier\u00a0: --reveal")]
)
def test_the_list_says_how_to_see_a_number_and_shows_none(folder: Path, capsys: Out, language: str, said: str) -> None:
    write_journal(folder / "state", row("pbx1.55555555-1"), sealed(folder))
    assert blocked(folder, language=language) == 0
    plain, with_number = capsys.readouterr().out.splitlines()
    assert said not in plain
    assert f"[{said} 11111111]" in with_number
    assert NUMBER[-4:] not in with_number


async def test_every_trunk_attempt_of_a_call_is_shown_and_written_down(folder: Path, capsys: Out) -> None:
    write_journal(folder / "state", sealed(folder), sealed(folder, attempt=2, number=OTHER))
    assert blocked(folder, "--reveal", CALL, "--json", *WHY) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["attempt"], one["number"], one["unreadable"]) for one in found] == [(1, NUMBER, ""), (2, OTHER, "")]
    assert [one.attempt for one in await acts_of(folder)] == [1, 2]


@pytest.mark.parametrize("reason", [[], ["--reason", ""], ["--reason", " "]])
def test_nothing_is_shown_without_a_reason(folder: Path, capsys: Out, reason: list[str]) -> None:
    write_journal(folder / "state", sealed(folder))
    assert blocked(folder, "--reveal", CALL, *reason) == 3
    assert capsys.readouterr() == ("", "callgate: --reason: is needed with --reveal. Remedy: say why, for the record\n")


def test_nothing_is_shown_where_that_cannot_be_written_down(folder: Path, capsys: Out) -> None:
    write_journal(folder / "state", sealed(folder))
    (folder / "state" / acts.FOLDER).write_text("")
    assert blocked(folder, "--reveal", CALL, *WHY) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert acts.FOLDER in said.err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("99999999", "No refused costly call 99999999 has a full number"),
        ("55555555", "No refused costly call 55555555 has a full number"),
        ("11111111", "Several calls begin with 11111111"),
    ],
    ids=["unknown", "without a number", "two that begin alike"],
)
def test_what_names_no_single_call_is_answered_with_what_to_do(folder: Path, capsys: Out, call: str, said: str) -> None:
    write_journal(folder / "state", sealed(folder), sealed(folder, LIKE_IT), row("pbx1.55555555-1"))
    assert blocked(folder, "--reveal", call, *WHY) == 1
    assert said in capsys.readouterr().err
    assert not (folder / "state" / acts.FOLDER).exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("gone", "its key is no more"),
        ("short", "its key is damaged"),
        ("other", "it does not open"),
    ],
)
def test_a_number_that_cannot_be_read_is_said_to_be_so_and_nobody_is_said_to_have_seen_it(
    folder: Path, capsys: Out, damage: str, said: str
) -> None:
    write_journal(folder / "state", sealed(folder))
    key = folder / "state" / "keys" / "c.2026-W48.key"
    key.unlink()
    if damage != "gone":
        key.write_bytes(b"x" * (32 if damage == "other" else 3))
    assert blocked(folder, "--reveal", CALL, *WHY) == 1
    assert said in capsys.readouterr().out
    assert not (folder / "state" / acts.FOLDER).exists()


def test_the_keys_may_be_in_a_folder_of_their_own(folder: Path, capsys: Out) -> None:
    write_journal(folder / "state", sealed(folder))
    (folder / "state" / "keys").rename(folder / "safe")
    write_site(folder, settings=f'{SETTINGS}\n[privacy]\nkeys = "safe"\n')
    assert blocked(folder, "--reveal", CALL, *WHY) == 0
    assert NUMBER in capsys.readouterr().out


@pytest.mark.parametrize("call", ["short", "x" * 129, "11111111;rm"])
def test_what_cannot_be_the_id_of_a_call_is_refused_at_once(folder: Path, capsys: Out, call: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        blocked(folder, "--reveal", call, *WHY)
    assert "is not a call: the first 8 characters of its id" in capsys.readouterr().err


def test_the_list_as_json_has_the_sealed_number_and_not_the_number(folder: Path, capsys: Out) -> None:
    file = write_journal(folder / "state", sealed(folder))
    assert blocked(folder, "--json") == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["sealed"].startswith("1.2026-W48.")
    assert NUMBER[-8:] not in shown
    assert NUMBER[-8:].encode() not in file.read_bytes()
    assert file.name == JOURNAL_FILE
