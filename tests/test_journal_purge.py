"""Files of the journal go when everything in them is old enough; what is left proves that nothing else is missing."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from callgate import journal as journal_module
from callgate.commands.journal import verification
from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.errors import JournalError
from callgate.journal import JOURNAL_FILE, Journal
from callgate.journal_file import Flaw, Kind
from callgate.journal_files import closed_files
from callgate.journal_purge import find_due, joined
from callgate.journal_rows import read_rows
from callgate.journal_writer import JournalWriter
from callgate.ledger.restoration import Change
from callgate.ledger_memory import Purged, change_payload
from callgate.retention import purge_journal, turn
from journal_samples import calls, end_of, row

BEGIN = datetime(2025, 1, 15, tzinfo=UTC)
MONTH = timedelta(days=31)
DAYS = 366


@pytest.fixture(autouse=True)
def patient_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast the disk is, is no matter here: on a busy machine it takes longer than a caller would wait."""
    monkeypatch.setattr(journal_module, "SYNC_DEADLINE_S", 60.0)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> int:
        return int(self.now.timestamp() * 1000)


def change(number: int, *, clinic: str = "c", epoch: str = "e1") -> Change:
    entry = '["policy",1,"{}"]'
    return Change(clinic=clinic, epoch=epoch, sequence=number, records=f'[1,"{epoch}",{number},[{entry}]]')


async def months(folder: Path, clock: Clock, number: int, *, first: int = 0) -> Journal:
    """A journal with a file for each month, in each a row and a change of the ledger, its number that of the month."""
    journal = Journal(folder, clock)
    journal.memory.gate = journal.open()
    for month in range(first, first + number):
        await turn(journal)
        await journal.write(row(f"{month}"), durable=True)
        journal.witness("c", Seen(epoch="e1", mine=month + 1), change(month + 1))
        clock.now += MONTH
    await journal.sync()
    return journal


def flaws(folder: Path) -> list[tuple[Flaw, int, str]]:
    return [(one.flaw, one.number, one.file) for one in verification(folder / JOURNAL_FILE).damages]


def left(folder: Path) -> list[int]:
    """The months of which rows are left."""
    return [int(name) for name in calls(folder) if name]


async def test_a_year_is_kept_and_the_months_before_it_go_one_by_one(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 13)
    assert await purge_journal(journal, clock.now, DAYS) is not None
    assert left(tmp_path) == list(range(1, 13))
    for month in range(13, 30):
        journal.close()
        journal = await months(tmp_path, clock, 1, first=month)
        assert await purge_journal(journal, clock.now, DAYS) is not None
        assert await purge_journal(journal, clock.now, DAYS) is None, "nothing is due twice"
        assert left(tmp_path) == list(range(month - 11, month + 1))
        assert flaws(tmp_path) == []
    assert journal.memory.purged.changes == {"c": {"e1": [(1, 18)]}}
    journal.close()


async def test_the_journal_says_what_was_removed_and_that_it_is_whole(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 15)
    oldest = closed_files(journal.file)[:3]
    ends = [verification(file) for file in oldest]
    due = await purge_journal(journal, clock.now, DAYS, "anne")
    assert due is not None
    assert due.files == tuple(oldest)
    assert (due.first, due.note.number) == (1, sum(end.records for end in ends))
    assert [file.exists() for file in oldest] == [False] * 3
    (told,) = (found for found, _ in read_rows(journal.file) if found.event == "privacy.purged")
    assert told.note == (
        f"anne: journal records 1 to {due.note.number}, written until {due.until:%Y-%m-%dT%H:%M:%SZ}, "
        f"hash {due.note.chain}"
    )
    assert due.until == ends[-1].last
    assert flaws(tmp_path) == []
    journal.close()


async def test_a_file_that_was_not_purged_is_missed_though_others_were(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 15)
    due = await purge_journal(journal, clock.now, DAYS)
    assert due is not None
    journal.close()
    oldest, second, *_ = closed_files(journal.file)
    oldest.unlink()
    assert flaws(tmp_path) == [(Flaw.MISSING, 1, second.name)]


async def test_what_no_time_has_come_for_stays(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 12)
    assert await purge_journal(journal, clock.now, DAYS) is None
    assert left(tmp_path) == list(range(12))
    journal.close()


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_whatever_the_clock_says_the_last_month_and_this_one_stay(tmp_path: Path, number: int) -> None:
    """What a ledger may have to be restored from is of these two."""
    clock = Clock()
    journal = await months(tmp_path, clock, number)
    due = find_due(journal.file, clock.now + timedelta(days=36_500), Purged())
    assert len(due.files if due else ()) == max(number - 2, 0)
    journal.close()


@pytest.mark.parametrize(("number", "kept"), [(3, 3), (7, 7), (15, 7)])
async def test_a_clock_that_leapt_ahead_ages_no_month_that_the_gate_has_not_seen_go_by(
    tmp_path: Path, number: int, kept: int
) -> None:
    """The journal was emptied but for two months by a clock two years ahead, in the first hour."""
    clock = Clock()
    journal = await months(tmp_path, clock, number)
    clock.now += timedelta(days=730)
    with capture_logs() as said:
        await turn(journal)
        await purge_journal(journal, clock.now, DAYS)
        await purge_journal(journal, clock.now, DAYS)
    assert len(left(tmp_path)) == kept
    assert [one["event"] for one in said][-1] == "purge.doubted"
    journal.close()


async def test_a_file_with_one_stamp_that_is_young_stays_and_so_does_all_behind_it(tmp_path: Path) -> None:
    """The clock had run ahead for a while: nobody knows how old those rows are."""
    clock = Clock()
    journal = await months(tmp_path, clock, 1)
    clock.now += MONTH * 20
    await journal.write(row("100"), durable=True)
    journal.close()
    clock.now -= MONTH * 20
    journal = await months(tmp_path, clock, 15, first=1)
    assert await purge_journal(journal, clock.now, DAYS) is None
    journal.close()


async def test_a_clock_that_was_not_set_yet_ages_no_file_that_was_closed_when_it_was(tmp_path: Path) -> None:
    """A machine without a clock of its own begins in 1970."""
    clock = Clock()
    journal = await months(tmp_path, clock, 2)
    kept, clock.now = clock.now, datetime(1970, 1, 1, tzinfo=UTC)
    await journal.write(row("2"), durable=True)
    clock.now = kept
    journal.close()
    journal = await months(tmp_path, clock, 3, first=3)
    assert await purge_journal(journal, clock.now, DAYS) is None
    journal.close()


async def test_nothing_goes_while_a_ledger_is_to_be_restored_from_it(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 15)
    journal.freeze("c", FrozenCause.ERASED)
    assert await purge_journal(journal, clock.now, DAYS) is None
    journal.thaw("c")
    assert await purge_journal(journal, clock.now, DAYS) is not None
    journal.close()


async def test_files_stay_when_the_journal_cannot_say_that_they_go(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 15)

    def fails(_descriptor: int) -> None:
        raise OSError(5, os.strerror(5))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalError):
            await purge_journal(journal, clock.now, DAYS)
    assert left(tmp_path) == list(range(15))
    assert await purge_journal(journal, clock.now, DAYS) is not None
    assert (left(tmp_path), flaws(tmp_path)) == (list(range(3, 15)), [])
    journal.close()


async def test_the_room_of_what_is_removed_is_free_for_the_journal(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 15)
    journal.close()
    journal = Journal(tmp_path, clock, quota_bytes=sum(file.stat().st_size for file in closed_files(journal.file)))
    journal.memory.gate = journal.open()
    with pytest.raises(JournalError, match="journal_max_mib"):
        await journal.write(row("16"), durable=True)
    assert journal.memory.frozen == {}
    due = find_due(journal.file, clock.now - timedelta(days=DAYS), Purged())
    assert due is not None
    for file in due.files:
        file.unlink()
    journal.make_room(due.size)
    await journal.write(row("16"), durable=True)
    journal.close()


@pytest.mark.parametrize("room_bytes", [3000, 0], ids=["but for refusals", "to the last byte"])
async def test_a_journal_that_was_full_takes_rows_again_as_soon_as_old_files_are_removed(
    tmp_path: Path, room_bytes: int
) -> None:
    """Changes of the ledger that waited for room kept it from learning that there was some: it stayed full."""
    clock = Clock()
    journal = await months(tmp_path, clock, 1)
    await journal.write(msgspec.structs.replace(row("0"), note="x" * 16_000), durable=True)
    await journal.write(msgspec.structs.replace(row("0"), note="x" * 50_000), durable=True)
    journal.close()
    journal = await months(tmp_path, clock, 14, first=1)
    journal.close()
    used = sum(file.stat().st_size for file in closed_files(journal.file)) + end_of(journal.file)
    journal = Journal(tmp_path, clock, quota_bytes=used + room_bytes)
    journal.memory.gate = journal.open()
    granted = msgspec.structs.replace(row("15"), event="call.granted")
    with pytest.raises(JournalError, match="journal_max_mib"):
        await journal.write(granted, durable=True)
    journal.witness("c", Seen(epoch="e1", mine=16), change(16))
    assert await purge_journal(journal, clock.now, DAYS) is not None
    await journal.write(granted, durable=True)
    assert (left(tmp_path), flaws(tmp_path)) == (list(range(3, 16)), [])
    journal.close()


async def test_a_gate_that_starts_again_after_a_purge_knows_its_ledgers_and_which_numbers_are_gone(
    tmp_path: Path,
) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 3)
    # Of this clinic nothing was heard since.
    journal.witness("quiet", Seen(epoch="q1", mine=7), change(7, clinic="quiet", epoch="q1"))
    journal.close()
    journal = await months(tmp_path, clock, 14, first=3)
    assert await purge_journal(journal, clock.now, DAYS) is not None
    known = journal.seen("quiet")
    assert known == Seen(epoch="q1", mine=7)
    journal.close()
    again = Journal(tmp_path, clock)
    again.memory.gate = again.open()
    assert again.seen("quiet") == known
    assert again.memory.purged.changes == {"c": {"e1": [(1, 5)]}, "quiet": {"q1": [(7, 7)]}}
    again.close()


async def test_a_change_that_makes_up_for_no_number_is_not_counted_among_those_removed(tmp_path: Path) -> None:
    file = tmp_path / JOURNAL_FILE
    journal = Journal(tmp_path, clock := Clock())
    journal.open()
    journal.close()
    writer = JournalWriter(file, lambda _record: None)
    unsound = msgspec.json.encode({"clinic": "c", "epoch": "e1", "sequence": 3, "records": "[]"})
    told_again = msgspec.json.encode({"clinic": "c", "epoch": "e1", "sequence": 0, "records": change(2).records})
    for payload in (*(change_payload(change(number)) for number in (1, 2, 5)), unsound, told_again, b"{}"):
        writer.append(Kind.CHANGE, payload, clock())
    writer.close()
    clock.now += MONTH
    journal = await months(tmp_path, clock, 2, first=10)
    due = find_due(file, clock.now + timedelta(days=1), Purged(changes={"c": {"e1": [(3, 4)], "e0": [(1, 1)]}}))
    assert due is not None
    assert due.note.changes == {"c": {"e1": [(1, 5)], "e0": [(1, 1)]}}
    journal.close()


async def test_a_file_of_which_nothing_can_be_read_stays(tmp_path: Path) -> None:
    clock = Clock()
    journal = await months(tmp_path, clock, 16)
    journal.close()
    oldest, second, *_ = closed_files(journal.file)
    for file in (second, oldest):
        file.write_bytes(bytes(len(file.read_bytes())))
        assert find_due(journal.file, clock.now - timedelta(days=DAYS), Purged()) is None


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        ([], []),
        ([(5, 5), (1, 2), (3, 4)], [(1, 5)]),
        ([(1, 9), (2, 3)], [(1, 9)]),
        ([(4, 4), (1, 2)], [(1, 2), (4, 4)]),
    ],
)
def test_ranges_that_touch_become_one(ranges: list[tuple[int, int]], found: list[tuple[int, int]]) -> None:
    assert joined(ranges) == found


KILLED_AT_A_CALL = """
import asyncio, os, signal, sys
from datetime import datetime
from pathlib import Path
from callgate.journal import Journal
from callgate.retention import purge_journal

left = [int(sys.argv[2])]

def watched(original):
    def call(*words, **more):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return original(*words, **more)
    return call

now = datetime.fromisoformat(sys.argv[3])
journal = Journal(Path(sys.argv[1]), lambda: int(now.timestamp() * 1000))
journal.memory.gate = journal.open()
for name in ("pwrite", "posix_fallocate", "fsync", "fdatasync", "unlink"):
    setattr(os, name, watched(getattr(os, name)))
assert asyncio.run(purge_journal(journal, now, 366)) is not None
"""


def killed_at(folder: Path, cut: int, now: datetime) -> int:
    command = [sys.executable, "-c", KILLED_AT_A_CALL, str(folder), str(cut), now.isoformat()]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


async def test_a_purge_that_was_cut_off_anywhere_is_no_damage_and_is_done_the_next_time(tmp_path: Path) -> None:
    for cut in count():
        folder = tmp_path / str(cut)
        folder.mkdir()
        clock = Clock()
        journal = await months(folder, clock, 15)
        journal.close()
        is_over = killed_at(folder, cut, clock.now) == 0
        assert flaws(folder) == []
        again = Journal(folder, clock)
        again.memory.gate = again.open()
        await purge_journal(again, clock.now, DAYS)
        assert (left(folder), flaws(folder)) == (list(range(3, 15)), [])
        assert again.memory.purged.changes == {"c": {"e1": [(1, 3)]}}
        again.close()
        if is_over:
            break
    assert cut > 5
