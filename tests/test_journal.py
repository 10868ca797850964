"""The journal: what it says is written is on the disk, and what it could not write it says so."""

import asyncio
import errno
import io
import os
import signal
from pathlib import Path

import msgspec
import pytest

from callgate import journal as journal_module
from callgate import journal_witness
from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.errors import JournalError
from callgate.journal import JOURNAL_FILE, SYNC_DEADLINE_S, Journal, read_rows
from callgate.journal_file import PAYLOAD_MAX_BYTES, Damage, Kind, scan
from callgate.ledger.restoration import Change
from callgate.ledger_memory import Freeze
from journal_samples import calls, damages, read_changes, row

Out = pytest.CaptureFixture[str]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_row_comes_back_as_it_was_written(tmp_path: Path, *, durable: bool) -> None:
    journal = Journal(tmp_path)
    await journal.write(row(), durable=durable)
    journal.close()
    assert [found for found, _ in read_rows(tmp_path / JOURNAL_FILE)] == [row()]


async def test_rows_that_come_together_keep_their_order_and_none_is_lost(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await asyncio.gather(*(journal.write(row(f"call-{number}"), durable=number % 3 > 0) for number in range(50)))
    assert calls(tmp_path) == [f"call-{number}" for number in range(50)]
    journal.close()


async def test_a_durable_row_has_reached_the_disk_when_it_is_said_to(tmp_path: Path) -> None:
    """Each row's disk write is asked for after the row is in the file, and rows that come together share one."""
    journal, synced = Journal(tmp_path), []
    original = os.fdatasync

    def watched(descriptor: int) -> None:
        synced.append(len(calls(tmp_path)))
        original(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", watched)
        await asyncio.gather(*(journal.write(row(f"call-{number}"), durable=True) for number in range(20)))
    assert synced[-1] == 20
    assert len(synced) <= 2
    journal.close()
    journal.close()


async def test_a_journal_that_was_closed_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in "ab":
        await journal.write(row(name), durable=True)
        journal.close()
    assert calls(tmp_path) == ["a", "b"]
    assert damages(tmp_path) == []


@pytest.mark.parametrize("durable", [True, False])
async def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path, *, durable: bool) -> None:
    journal = Journal(tmp_path / "missing")
    with pytest.raises(JournalError) as raised:
        await journal.write(row(), durable=durable)
    assert (raised.value.file, raised.value.cause) == (str(journal.file), "No such file or directory")
    with pytest.raises(JournalError, match="No such file or directory"):
        journal.open()


def test_only_one_daemon_writes_a_journal(tmp_path: Path) -> None:
    first, second = Journal(tmp_path), Journal(tmp_path)
    identity = first.open()
    with pytest.raises(JournalError) as raised:
        second.open()
    assert (raised.value.cause, raised.value.remedy[:20]) == ("another daemon writes it", "end the other daemon")
    first.close()
    assert second.open() == identity
    second.close()


async def test_a_disk_that_hangs_is_given_up_and_everybody_who_waits_is_told(tmp_path: Path) -> None:
    journal, thawed = Journal(tmp_path), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(_descriptor: int) -> None:
        asyncio.run_coroutine_threadsafe(thawed.wait(), loop).result()

    deadlines, begun = [], asyncio.timeout
    outcomes = []

    def timeout(seconds: float) -> asyncio.Timeout:
        deadlines.append(seconds)
        return begun(seconds)

    async def waits(name: str) -> None:
        try:
            await journal.write(row(name), durable=True)
        except JournalError as error:
            outcomes.append((str(error), len(deadlines)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", hangs)
        patch.setattr(asyncio, "timeout", timeout)
        await asyncio.gather(*map(waits, "abcd"))
        thawed.set()
    told = str(JournalError(str(journal.file), "the disk does not answer"))
    # Not one deadline after the other: the last caller in the queue has no more time than the first.
    assert outcomes == [(told, 4)] * 4
    assert deadlines == [SYNC_DEADLINE_S] * 4
    journal.close()


# What is seen of the ledgers.


def change(sequence: int, epoch: str = "e1", records: str = "r") -> Change:
    return Change(clinic="c", epoch=epoch, sequence=sequence, records=records)


def test_a_gate_that_starts_again_knows_what_it_had_seen(tmp_path: Path, capsys: Out) -> None:
    journal = Journal(tmp_path)
    assert journal.seen("c") == Seen()
    journal.witness("c", Seen(epoch="e1", mine=0), None)
    journal.witness("c", Seen(epoch="e1", mine=3), change(3))
    journal.witness("c", Seen(epoch="e1", mine=2), change(2))
    journal.witness("d", Seen(epoch="f1", mine=7), None)
    assert "".join(capsys.readouterr()).count("ledger.adopted") == 2
    journal.close()
    again = Journal(tmp_path)
    again.open()
    assert (again.seen("c"), again.seen("d")) == (Seen(epoch="e1", mine=3), Seen(epoch="f1", mine=7))
    assert list(read_changes(again.file, "c")) == [change(3), change(2)]
    again.witness("c", Seen(epoch="e2", mine=0), None)
    assert again.seen("c") == Seen(epoch="e2", mine=0)
    again.close()


async def test_what_is_seen_stays_known_while_the_journal_is_opened_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.witness("c", Seen(epoch="e1", mine=3), change(3))
    journal.close()
    journal.file.unlink()
    await journal.write(row(), durable=True)
    assert journal.seen("c") == Seen(epoch="e1", mine=3)
    journal.close()


async def test_a_change_is_on_the_disk_before_the_row_that_follows_it(tmp_path: Path, capsys: Out) -> None:
    """Also one that could not be written at once: a costly call is not granted on a change that is nowhere."""
    journal = Journal(tmp_path)
    journal.file.mkdir()
    journal.witness("c", Seen(epoch="e1", mine=1), change(1))
    assert "change.not_kept" in "".join(capsys.readouterr())
    with pytest.raises(JournalError):
        await journal.write(row("refused"), durable=True)
    journal.file.rmdir()
    await journal.write(row("granted"), durable=True)
    journal.witness("c", Seen(epoch="e1", mine=2), change(2))
    assert [found.sequence for found in read_changes(journal.file, "c")] == [1, 2]
    with journal.file.open("rb") as stream:
        kinds = [found.kind for found in scan(stream) if not isinstance(found, Damage)]
    assert kinds == [Kind.SEEN, Kind.CHANGE, Kind.ROW, Kind.CHANGE]
    journal.close()


def test_changes_that_no_disk_takes_do_not_fill_the_memory_and_their_loss_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(journal_witness, "OWED_MAX", 3)
    journal = Journal(tmp_path)
    journal.file.mkdir()
    for sequence in range(1, 6):
        journal.witness("c", Seen(epoch="e1", mine=sequence), change(sequence))
    journal.witness("c", Seen(epoch="e1", mine=6), change(6, records="x" * PAYLOAD_MAX_BYTES))
    journal.file.rmdir()
    journal.open()
    assert [found.sequence for found in read_changes(journal.file, "c")] == [4, 5]
    assert journal.seen("c").mine == 6
    assert "change.lost" in "".join(capsys.readouterr())
    journal.close()


def test_a_frozen_ledger_is_said_once_and_remembered_until_it_thaws(tmp_path: Path, capsys: Out) -> None:
    """Also by a gate that is started again in between: it goes on where the other was."""
    journal = Journal(tmp_path)
    journal.witness("c", Seen(epoch="e1", mine=3), change(3))
    journal.witness("c", Seen(epoch="e1", mine=3), None)
    for _ in range(3):
        journal.freeze("c", FrozenCause.ERASED)
    journal.close()
    again = Journal(tmp_path)
    again.open()
    assert again.memory.frozen == journal.memory.frozen
    assert again.memory.frozen == {"c": Freeze(cause=FrozenCause.ERASED, before=Seen(epoch="e1", mine=3))}
    again.freeze("c", FrozenCause.ERASED)
    assert "".join(capsys.readouterr()).count("ledger.frozen") == 1
    again.thaw("c")
    again.close()
    last = Journal(tmp_path)
    last.open()
    assert again.memory.frozen == last.memory.frozen == {}
    last.close()


async def test_a_row_beyond_all_measure_is_refused_and_stops_no_other(tmp_path: Path) -> None:
    """It was taken for a mistake of our own, again and again, before each later verdict."""
    journal = Journal(tmp_path)
    with pytest.raises(JournalError, match="is too long"):
        await journal.write(row("x" * PAYLOAD_MAX_BYTES), durable=True)
    with pytest.raises(JournalError, match="is too long"):
        journal.keep(change(1, records="x" * PAYLOAD_MAX_BYTES))
    await journal.write(row("next"), durable=True)
    assert calls(tmp_path) == ["next"]
    journal.close()


def gate(folder: Path, name: str = "one") -> Journal:
    """A gate that is started with this name."""
    journal = Journal(folder)
    journal.open()
    journal.memory.gate = name
    return journal


def test_a_gate_under_a_new_name_knows_the_ledger_and_not_the_numbers_of_the_former(tmp_path: Path) -> None:
    """The ledger counts by name: it had never heard of the new one, and was taken for one that had lost entries."""
    first = gate(tmp_path)
    first.witness("c", Seen(epoch="e1", mine=5), change(5))
    first.close()
    same = gate(tmp_path)
    assert same.seen("c") == Seen(epoch="e1", mine=5)
    same.close()
    second = gate(tmp_path, "two")
    assert second.seen("c") == Seen(epoch="e1")
    second.witness("c", Seen(epoch="e1", mine=0), None)
    second.witness("c", Seen(epoch="e1", mine=8), change(8))
    second.close()
    again = gate(tmp_path, "two")
    assert again.seen("c") == Seen(epoch="e1", mine=8)
    again.close()


async def test_a_journal_that_is_begun_while_the_gate_runs_says_who_wrote_it(tmp_path: Path) -> None:
    first = gate(tmp_path)
    first.witness("c", Seen(epoch="e1", mine=5), change(5))
    first.witness("d", Seen(epoch="f1", mine=9), None)
    first.freeze("d", FrozenCause.REGRESSED)
    first.file.unlink()
    with pytest.raises(JournalError):
        await first.write(row(), durable=True)
    first.witness("c", Seen(epoch="e1", mine=6), change(6))
    first.close()
    again = gate(tmp_path, "two")
    assert (again.seen("c"), again.seen("d")) == (Seen(epoch="e1"), Seen(epoch="f1"))
    assert list(again.memory.frozen) == ["d"]
    again.close()


async def test_a_journal_that_cannot_be_begun_is_begun_later_with_all_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = gate(tmp_path)
    journal.witness("c", Seen(epoch="e1", mine=5), change(5))
    journal.close()
    journal.file.unlink()

    def full(_descriptor: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(JournalError, match="No space left"):
            await journal.write(row(), durable=True)
    journal.file.unlink()
    await journal.write(row(), durable=True)
    journal.close()
    again = gate(tmp_path)
    assert again.seen("c") == Seen(epoch="e1", mine=5)
    again.close()


def test_a_journal_that_is_opened_late_does_not_undo_what_was_heard_since(tmp_path: Path) -> None:
    first = gate(tmp_path)
    first.witness("c", Seen(epoch="e1", mine=5), change(5))
    first.witness("d", Seen(epoch="f1", mine=9), None)
    first.close()
    aside = first.file.rename(tmp_path / "aside")
    first.file.mkdir()
    late = Journal(tmp_path)
    late.memory.gate = "pbx"
    late.witness("c", Seen(epoch="e1", mine=2), None)
    first.file.rmdir()
    aside.rename(first.file)
    late.witness("d", Seen(epoch="f1", mine=1), None)
    assert (late.seen("c"), late.seen("d")) == (Seen(epoch="e1", mine=2), Seen(epoch="f1", mine=1))
    late.close()


@pytest.mark.parametrize(
    ("known", "is_change", "is_said"),
    [(9, False, True), (5, False, False), (7, False, False), (9, True, False)],
    ids=["more than the journal", "the same", "what a command did", "nobody can tell"],
)
def test_a_journal_whose_end_was_taken_away_is_found_out_by_the_ledger(
    tmp_path: Path, capsys: Out, *, known: int, is_change: bool, is_said: bool
) -> None:
    """Cut between two rows, it looks whole."""
    first = gate(tmp_path)
    first.witness("c", Seen(epoch="e1", mine=5), change(5))
    first.keep(change(7))
    first.close()
    again = gate(tmp_path)
    again.witness("c", Seen(epoch="e1", mine=known), change(known) if is_change else None)
    again.witness("c", Seen(epoch="e1", mine=20), None)
    said = "".join(capsys.readouterr())
    assert ("journal.behind" in said) == is_said
    notes = [found.note for found, _ in read_rows(again.file) if found.event == "journal.behind"]
    assert notes == ["the ledger knows change 9 of this gate, the journal ends with 7"] * is_said
    again.close()


def test_a_gate_that_is_killed_while_it_learns_of_another_ledger_knows_what_it_knew_of_the_former(
    tmp_path: Path,
) -> None:
    """The change came first and the freeze after it: killed in between, the numbers of the former were forgotten."""
    first = gate(tmp_path)
    first.witness("c", Seen(epoch="e1", mine=5), change(5))
    before = first.file.read_bytes()
    first.witness("c", Seen(epoch="e2", mine=1), change(1, epoch="e2"))
    first.freeze("c", FrozenCause.REPLACED)
    first.close()
    whole = first.file.read_bytes()
    known = Freeze(cause=FrozenCause.REPLACED, before=Seen(epoch="e1", mine=5))
    ends = [found.end for found in scan(io.BytesIO(whole)) if not isinstance(found, Damage)]
    begun = [end for end in ends if end > len(before.rstrip(b"\0")) + 3]
    for end in begun:
        first.file.write_bytes(whole[:end])
        again = gate(tmp_path)
        assert again.memory.frozen == {"c": known}
        again.close()
    assert len(begun) >= 2


async def test_rows_that_nobody_waits_for_reach_the_disk_before_they_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept in memory until then, to be written again after a disk error."""
    monkeypatch.setattr(journal_module, "UNSYNCED_BYTES", 2000)
    journal, flushed, original = Journal(tmp_path), [], os.fdatasync

    def watched(descriptor: int) -> None:
        flushed.append(len(calls(tmp_path)))
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", watched)
        for number in range(20):
            await journal.write(row(f"call-{number}"), durable=False)
            await asyncio.sleep(0)
        await journal.sync()
    assert len(flushed) >= 2
    assert flushed[-1] == 20
    journal.file.unlink()
    for number in range(20):
        await journal.write(row(f"lost-{number}"), durable=False)
    journal.close()


def _give_up(_signal: int, _frame: object) -> None:
    message = "the loop stood still"
    raise AssertionError(message)


async def test_a_row_that_comes_just_as_a_flush_ends_is_flushed_by_itself(tmp_path: Path) -> None:
    """A gate once span for ever here: it waited for a flush that was done, which never lets the loop run."""
    journal = Journal(tmp_path)
    ended = asyncio.get_running_loop().create_future()
    ended.set_result(None)
    journal._flushing = ended
    former = signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(5)
    await journal.write(row("a"), durable=True)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)
    assert calls(tmp_path) == ["a"]
    journal.close()


async def test_which_grants_are_this_gates_is_known_after_a_restart_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("over", "open"):
        await journal.write(msgspec.structs.replace(row(), event="call.granted", grant=name), durable=False)
    await journal.write(msgspec.structs.replace(row(), event="call.settled", grant="over"), durable=False)
    assert list(journal.memory.granted) == ["open"]
    journal.close()
    again = Journal(tmp_path)
    again.open()
    assert list(again.memory.granted) == ["open"]
    again.close()


async def test_a_grant_that_the_disk_does_not_take_is_this_gates_all_the_same(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.file.mkdir()
    with pytest.raises(JournalError):
        await journal.write(msgspec.structs.replace(row(), event="call.granted", grant="g"), durable=False)
    assert list(journal.memory.granted) == ["g"]


@pytest.mark.parametrize("name", [JOURNAL_FILE, f"{JOURNAL_FILE}.closed-000001"])
def test_a_pipe_in_the_place_of_a_file_is_an_error_and_holds_up_no_start(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    journal = Journal(tmp_path)
    journal.read_ahead(lambda: None)
    with pytest.raises(JournalError, match="no plain file"):
        journal.open()
