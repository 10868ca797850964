"""`callgate support-bundle` gives an engineer what he needs, and nobody a number, a name or a secret."""

import base64
import json
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callgate.cli import main
from callgate.commands import support_bundle
from callgate.core.sighting import Seen
from callgate.journal import Journal, JournalRow, read_rows
from callgate.ledger.restoration import Change
from callgate.ledger.revisions import PolicyRevision
from callgate.policies import kept_policy
from callgate.screening import leaks_in
from callgate.texts.catalog import Language, text
from clinic_samples import CLINIC, SETTINGS, policy_text, write_site
from core.samples import a_lock
from journal_samples import AT, end_of, row, write_journal

Out = pytest.CaptureFixture[str]
NUMBER = "+33698765432"
POLICY = policy_text({"always_allow  = []": f'always_allow = ["{NUMBER}"]'}) + (
    f'\n[[external_to_external.number]]\nnumber = "{NUMBER}"\nlabel = "Dr Martin"\n# call 06 98 76 54 32\n'
)
NAMES = [
    "about.json",
    "settings.json",
    f"policy-{CLINIC}.json",
    f"in-force-{CLINIC}.json",
    "status.json",
    "audit.json",
    "journal.json",
    "rows.json",
    "store.json",
    "machine.json",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    named = '[gate]\nredis = "redis://gate@127.0.0.1:1/0"\nredis_password_file = "redis.secret"'
    write_site(tmp_path, POLICY, SETTINGS.replace("[gate]", named))
    (tmp_path / "redis.secret").write_text("hunter2")
    sealed = msgspec.structs.replace(row("a"), sealed="1.2026-W48.ABCDEFGH")
    write_journal(tmp_path / "state", sealed, *(numbered(number) for number in range(300)))
    (tmp_path / "asterisk").mkdir()
    (tmp_path / "asterisk" / "extensions.conf").write_text("[general]\n", encoding="utf-8")
    return tmp_path


def numbered(number: int) -> JournalRow:
    return row(f"pbx1.{number}")


def bundle(folder: Path, *words: str, language: str = "en") -> int:
    settings, asterisk = str(folder / "callgate.toml"), str(folder / "asterisk")
    command = ["support-bundle", "--config", asterisk, str(folder / "out.tar.gz"), *words]
    return main(["--settings", settings, "--language", language, *command])


def unpacked(folder: Path) -> dict[str, Any]:
    with tarfile.open(folder / "out.tar.gz") as archive:
        read = {one.name.rpartition("/")[2]: archive.extractfile(one) for one in archive.getmembers()}
        return {name: json.load(stream) for name, stream in read.items() if stream and name.endswith(".json")}


def test_everything_is_in_it_also_while_nothing_works(folder: Path, capsys: Out) -> None:
    """Redis does not answer, the gate is down: that is when a bundle is wanted."""
    assert bundle(folder) == 0
    assert capsys.readouterr().out.startswith(f"{folder}/out.tar.gz: {len(NAMES)} files, for your engineer.")
    found = unpacked(folder)
    assert list(found) == NAMES
    assert found["about.json"]["libraries"]["redis"]
    assert found["status.json"]["gate"] != "up"
    assert found["audit.json"]["counts"]["critical"] >= 0
    assert found["journal.json"]["rows"] == 301
    assert len(found["rows.json"]) == support_bundle.ROWS_MAX
    assert found["rows.json"][-1]["call"] == "pbx1.299"
    assert "problem" in found["store.json"]
    assert found["machine.json"]["disk"]["free_bytes"] > 0
    assert stat.S_IMODE((folder / "out.tar.gz").stat().st_mode) == 0o600


def test_it_has_no_number_no_name_and_no_secret_of_the_settings_the_policy_or_the_rows(folder: Path) -> None:
    assert bundle(folder) == 0
    found = unpacked(folder)
    told = json.dumps(found, ensure_ascii=False)
    assert list(leaks_in(found)) == []
    assert not any(thing in told for thing in ("5432", "Martin", "hunter2", "sealed", "54 32"))
    assert found["settings.json"]["gate"]["redis"] == "127.0.0.1:1/0"
    policy = found[f"policy-{CLINIC}.json"]
    assert policy["numbers"]["always_allow"] == ["+3369876••••"]
    assert policy["external_to_external"]["number"] == [{"number": "+3369876••••"}]


def test_a_number_of_a_policy_that_lacks_its_quotes_is_masked_as_any_other(folder: Path) -> None:
    """Such a policy does not load, which is when a bundle is asked for: the number went out whole, as a figure."""
    (folder / "policy.toml").write_text("always_allow = [33698765432, 3600, 0.5, true]\n")
    assert bundle(folder) == 0
    rules = unpacked(folder)[f"policy-{CLINIC}.json"]
    assert rules == {"always_allow": ["3369876••••", 3600, 0.5, True]}


def test_the_policy_in_force_is_in_it_with_its_locks_and_without_whoever_made_it(folder: Path) -> None:
    kept = PolicyRevision(
        clinic=CLINIC,
        revision=7,
        document=POLICY,
        author="anne",
        at=AT,
        origin="console",
        reason="Dr Martin asked",
        locks=(a_lock(),),
    )
    kept_policy(folder / "state", CLINIC).write_bytes(msgspec.json.encode(kept))
    assert bundle(folder) == 0
    found = unpacked(folder)[f"in-force-{CLINIC}.json"]
    assert (found["revision"], found["rules"]["numbers"]["always_allow"]) == (7, ["+3369876••••"])
    (told,) = found["locks"]
    assert "scope" in told
    assert not told.keys() & {"author", "reason"}
    assert not any(name in json.dumps(found) for name in ("anne", "Martin"))


def test_a_row_of_what_a_person_did_is_in_it_without_the_person(folder: Path) -> None:
    done = JournalRow(at=AT, event="privacy.revealed", clinic="c", call="a", note="anne: Dr Martin asked")
    write_journal(folder / "state", done)
    assert bundle(folder) == 0
    last = unpacked(folder)["rows.json"][-1]
    assert (last["event"], last["note"]) == ("privacy.revealed", "")


def test_the_bytes_of_a_torn_end_are_not_in_it(folder: Path) -> None:
    """They may be of a policy: a number of its lists went out in them, in letters that no screen can read."""
    journal = Journal(folder / "state")
    records = f'[1,"e1",1,[["policy",7,"always_allow = [{NUMBER}]"]]]'
    journal.witness(CLINIC, Seen(epoch="e1", mine=1), Change(clinic=CLINIC, epoch="e1", sequence=1, records=records))
    journal.close()
    torn_at = end_of(journal.file) - 1
    os.truncate(journal.file, torn_at)
    journal = Journal(folder / "state")
    journal.open()
    journal.close()
    (cut,) = (row for row, _ in read_rows(journal.file) if row.event == "journal.cut")
    assert NUMBER.encode() in base64.b64decode(cut.note.rpartition(": ")[2])
    assert bundle(folder) == 0
    last = unpacked(folder)["rows.json"][-1]
    assert (last["event"], last["note"]) == ("journal.cut", "")


def test_a_part_that_cannot_be_had_is_told_and_stops_no_other(folder: Path) -> None:
    (folder / "policy.toml").unlink()
    (folder / "asterisk" / "extensions.conf").unlink()
    (folder / "state" / "journal.cgj").unlink()
    assert bundle(folder) == 0
    found = unpacked(folder)
    assert list(found) == NAMES
    broken = [name for name, value in found.items() if isinstance(value, dict) and "problem" in value]
    assert broken == [name for name in NAMES if name not in {"about.json", "settings.json", "machine.json"}]


def test_of_a_log_that_is_named_the_last_whole_lines_are_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = folder / "gate.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)), encoding="utf-8")
    monkeypatch.setattr(support_bundle, "LOG_BYTES_MAX", 20)
    assert bundle(folder, "--log", str(log)) == 0
    with tarfile.open(folder / "out.tar.gz") as archive:
        tail = archive.extractfile("callgate-support/log.txt")
        assert tail is not None
        assert tail.read() == b"line 98\nline 99\n"


@pytest.mark.parametrize("language", Language)
def test_a_log_with_a_number_in_it_makes_no_bundle_and_the_place_is_named(
    folder: Path, capsys: Out, language: Language
) -> None:
    log = folder / "asterisk.log"
    log.write_text(f"one\nDial PJSIP/{NUMBER}@carrier-a\n", encoding="utf-8")
    assert bundle(folder, "--log", str(log), language=language) == 1
    said = capsys.readouterr()
    leak = text("leak.number", language)
    assert said.err.splitlines() == [
        "callgate: " + text("cli.bundle_leak", language, member="log.txt", place="2", leak=leak),
        "callgate: " + text("cli.bundle_refused", language),
    ]
    assert said.out == ""
    assert NUMBER not in said.err
    assert not (folder / "out.tar.gz").exists()


def test_it_is_never_written_over_another_file(folder: Path, capsys: Out) -> None:
    (folder / "out.tar.gz").write_text("mine")
    assert bundle(folder) == 3
    assert "out.tar.gz: File exists" in capsys.readouterr().err
    assert (folder / "out.tar.gz").read_text() == "mine"
