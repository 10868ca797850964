"""What a person did with a command reaches the journal, whoever ran it and whether the daemon was up or not."""

import asyncio
import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callgate import acts
from callgate.core.sighting import Seen
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow, read_rows
from callgate.journal_file import PAYLOAD_MAX_BYTES
from callgate.ledger.restoration import Change
from journal_samples import read_changes

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
NOBODY = 65534


def row(note: str, event: str = "ledger.clock_set") -> JournalRow:
    return JournalRow(at=AT, event=event, clinic="c", call="", note=note)


def change(sequence: int, records: str | None = None) -> Change:
    return Change(clinic="c", epoch="e1", sequence=sequence, records=records or f'[1,"e1",{sequence},{{}}]')


def left(state: Path) -> list[str]:
    return sorted(file.name for file in (state / acts.FOLDER).iterdir())


def notes(journal: Journal) -> list[str]:
    return [found.note for found, _ in read_rows(journal.file)] if journal.file.exists() else []


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


async def test_an_act_is_written_once_in_the_order_of_the_acts(tmp_path: Path, journal: Journal) -> None:
    await acts.take(tmp_path, journal)
    for note in ("first", "second", "third"):
        acts.leave(tmp_path, row(note))
    await acts.take(tmp_path, journal)
    await acts.take(tmp_path, journal)
    assert notes(journal) == ["first", "second", "third"]
    assert left(tmp_path) == []
    journal.close()


async def test_many_acts_are_taken_in_turns(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "TAKEN_MAX", 2)
    for note in ("first", "second", "third"):
        acts.leave(tmp_path, row(note))
    await acts.take(tmp_path, journal)
    assert notes(journal) == ["first", "second"]
    await acts.take(tmp_path, journal)
    assert notes(journal) == ["first", "second", "third"]
    journal.close()


async def test_a_change_that_a_command_made_is_kept_and_its_number_is_not_taken_for_the_gates(
    tmp_path: Path, journal: Journal
) -> None:
    """Taken for its own, the gate would say that it saw more than the ledger knows of it: a false alarm."""
    journal.witness("c", Seen(epoch="e1", mine=3), change(3))
    courier = acts.Courier(tmp_path)
    assert courier.seen("c") == Seen()
    courier.witness("c", Seen(epoch="e1", mine=0), None)
    courier.witness("c", Seen(epoch="e1", mine=7), change(7))
    assert courier.seen("c") == Seen(epoch="e1", mine=7)
    await acts.take(tmp_path, journal)
    assert [found.sequence for found in read_changes(journal.file)] == [3, 7]
    assert journal.seen("c") == Seen(epoch="e1", mine=3)
    journal.close()
    again = Journal(tmp_path)
    again.open()
    assert again.seen("c") == Seen(epoch="e1", mine=3)
    again.close()


def test_a_command_beside_no_state_folder_does_its_work_all_the_same(tmp_path: Path) -> None:
    acts.Courier(tmp_path / "missing").witness("c", Seen(epoch="e1", mine=7), change(7))
    with pytest.raises(FileNotFoundError):
        acts.leave(tmp_path / "missing", row("unsaid"))


@pytest.mark.parametrize("is_change", [False, True])
async def test_an_act_is_removed_once_the_disk_has_it_in_the_journal(
    tmp_path: Path, journal: Journal, *, is_change: bool
) -> None:
    """On a full disk a change was removed and was nowhere any more when the daemon was killed."""
    acts.Courier(tmp_path).witness("c", Seen(epoch="e1", mine=7), change(7)) if is_change else acts.leave(
        tmp_path, row("first")
    )
    journal.open()

    def fails(*_words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for call in ("posix_fallocate", "fdatasync"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, call, fails)
            with pytest.raises(JournalError, match="No space left"):
                await acts.take(tmp_path, journal)
        assert len(left(tmp_path)) == 1
    await acts.take(tmp_path, journal)
    assert left(tmp_path) == []
    found = {one.sequence for one in read_changes(journal.file)}, set(notes(journal))
    assert found == (({7}, set()) if is_change else (set(), {"first"}))
    journal.close()


def garbled(file: Path) -> None:
    file.write_bytes(b"\xff{")


def forged_row(file: Path) -> None:
    file.write_bytes(msgspec.json.encode(row("forged", event="call.granted")))


def unsound_change(file: Path) -> None:
    file.with_suffix(".change").write_bytes(msgspec.json.encode(change(7, records='[1,"e1",8,{}]')))


def no_change(file: Path) -> None:
    file.with_suffix(".change").write_bytes(b"[]")


def oversized(file: Path) -> None:
    with file.with_suffix(".change").open("wb") as stream:
        stream.truncate(PAYLOAD_MAX_BYTES)


def pipe(file: Path) -> None:
    os.mkfifo(file)


def link(file: Path) -> None:
    elsewhere = file.parent.parent / "elsewhere"
    elsewhere.write_bytes(msgspec.json.encode(row("linked")))
    file.symlink_to(elsewhere)


def folder(file: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize(
    "leave",
    [garbled, forged_row, unsound_change, no_change, oversized, pipe, link, folder],
    ids=lambda leave: leave.__name__,
)
async def test_what_is_no_act_is_put_aside_and_holds_nothing_up(
    tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str], leave: Callable[[Path], None]
) -> None:
    """One that was too long stopped every verdict; a pipe stopped the daemon."""
    acts.leave(tmp_path, row("first"))
    leave(tmp_path / acts.FOLDER / "0.row")
    (tmp_path / acts.FOLDER / "1.new").write_bytes(b"half")
    async with asyncio.timeout(5):
        await acts.take(tmp_path, journal)
        await acts.take(tmp_path, journal)
    assert "".join(capsys.readouterr()).count("act.unreadable") == 1
    assert notes(journal) == ["first"]
    (aside, new) = left(tmp_path)
    assert (aside.endswith(".bad"), new) == (True, "1.new")
    journal.close()


def test_a_command_follows_no_link_that_the_daemons_user_has_laid(tmp_path: Path) -> None:
    """Root ran a command, and gave that user the folder that the link led to."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / acts.FOLDER).symlink_to(tmp_path / "etc")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        acts.leave(tmp_path / "state", row("first"))
    assert list((tmp_path / "etc").iterdir()) == []


async def test_a_folder_of_somebody_elses_is_neither_written_nor_read(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts.leave(tmp_path, row("first"))
    original = os.fstat

    def of_nobody(descriptor: int) -> os.stat_result:
        found = original(descriptor)
        is_acts = Path(f"/proc/self/fd/{descriptor}").readlink().name == acts.FOLDER
        return os.stat_result((*found[:4], NOBODY, *found[5:])) if is_acts else found

    monkeypatch.setattr(os, "fstat", of_nobody)
    with pytest.raises(PermissionError, match="does not belong to the owner"):
        acts.leave(tmp_path, row("second"))
    with pytest.raises(PermissionError):
        await acts.take(tmp_path, journal)
    assert notes(journal) == []


@pytest.mark.parametrize(("user", "given"), [(0, 2), (1000, 0)], ids=["root", "another"])
def test_what_root_leaves_belongs_to_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, given: int
) -> None:
    """The folder, and each act; the folder only when it is made."""
    owner = tmp_path.stat()
    asked: list[tuple[str, int, int]] = []

    def noted(descriptor: int, user: int, group: int) -> None:
        asked.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, user, group))

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", noted)
    acts.leave(tmp_path, row("first"))
    assert len(asked) == given
    assert {(user, group) for _, user, group in asked} <= {(owner.st_uid, owner.st_gid)}
    asked.clear()
    acts.leave(tmp_path, row("second"))
    assert [name.endswith(".new") for name, *_ in asked] == [True] * (given // 2)
