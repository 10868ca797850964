"""The journal goes on in another file: nothing is lost, nothing waits, and one that was taken away is missed."""

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from msgspec import structs

from callgate import journal as journal_module
from callgate import journal_writer
from callgate.commands.journal import verification
from callgate.core.hold import FrozenCause
from callgate.errors import JournalError, JournalInUseError
from callgate.journal import JOURNAL_FILE, Journal
from callgate.journal_file import HEADERS_BYTES, Flaw, Kind, Record
from callgate.journal_files import closed_files, next_file, open_part, open_parts, scan_journal
from callgate.journal_reading import JournalReading
from callgate.journal_rows import Place, last_row, read_rows, rows_behind
from callgate.journal_turn import NextFile
from callgate.journal_writer import STEP_BYTES, JournalWriter
from callgate.retention import turn
from journal_samples import calls, end_of, row, write_journal

NOVEMBER = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
DECEMBER = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(autouse=True)
def patient_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast the disk is, is no matter here: on a busy machine it takes longer than a caller would wait."""
    monkeypatch.setattr(journal_module, "SYNC_DEADLINE_S", 60.0)


class Clock:
    """Epoch milliseconds that a test sets."""

    def __init__(self, now_ms: int = NOVEMBER) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def next_month(self) -> None:
        self.now_ms += 31 * 86_400_000


async def turned(folder: Path, *files: str) -> Journal:
    """A journal with a file for each word, in it a row for each letter; the last one is written still."""
    clock = Clock()
    journal = Journal(folder, clock)
    journal.open()
    for position, names in enumerate(files):
        if position:
            clock.next_month()
            assert await turn(journal)
        for name in names:
            await journal.write(row(name), durable=True)
    return journal


def flaws(folder: Path) -> list[tuple[Flaw, int, str]]:
    return [(one.flaw, one.number, one.file) for one in verification(folder / JOURNAL_FILE).damages]


async def test_a_journal_of_several_files_is_read_as_one(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "ab", "c", "de")
    first, second = closed_files(journal.file)
    assert (first.name, second.name) == ("journal.cgj.closed-000001", "journal.cgj.closed-000002")
    assert calls(tmp_path) == list("abcde")
    found = verification(journal.file)
    assert (found.files, found.records, found.rows, found.damages) == (3, 7, 5, ())
    numbers = [one.number for _, one in scan_journal(journal.file) if isinstance(one, Record)]
    assert numbers == list(range(1, 8)), "numbers and chain go on"
    assert first.stat().st_size < STEP_BYTES, "the room that was taken in advance is given back"
    assert not next_file(journal.file).exists()
    journal.close()


async def test_the_latest_row_of_an_event_is_found_in_whichever_file_has_it(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "ab", "c", "")
    found = last_row(journal.file, "call.refused")
    assert found is not None
    assert found.call == "c"
    assert last_row(journal.file, "call.granted") is None
    journal.close()


def read_on(file: Path, seen: str, place: Place | None) -> tuple[str, Place | None]:
    """Read what is behind a place; gives the names with those read now, and the place behind them."""
    for found, behind in rows_behind(file, place):
        seen, place = seen + found.call, behind
    return seen, place


async def test_who_reads_along_misses_no_row_when_the_journal_goes_on_in_another_file(tmp_path: Path) -> None:
    clock = Clock()
    journal, seen = Journal(tmp_path, clock), ""
    place: Place | None = None
    journal.open()
    for names in ("ab", "c", "", "d"):
        for name in names:
            await journal.write(row(name), durable=True)
        seen, place = read_on(journal.file, seen, place)
        await journal.write(row(names.upper()), durable=True)
        clock.next_month()
        assert await turn(journal)
    seen, place = read_on(journal.file, seen, place)
    assert seen == "abABcCdD"
    journal.close()
    journal.file.unlink()
    write_journal(tmp_path, row("new"))
    assert [found.call for found, _ in rows_behind(journal.file, place)][-1] == "new", "another journal is read anew"


@pytest.mark.parametrize(
    ("now_ms", "turn_bytes", "closed"),
    [
        (NOVEMBER + 1, 64_000_000, 0),
        (DECEMBER - 1, 64_000_000, 0),
        (DECEMBER, 64_000_000, 1),
        (NOVEMBER + 1, 300, 1),
        (NOVEMBER - 40 * 86_400_000, 64_000_000, 0),
    ],
    ids=["the same day", "the last of the month", "the first of the next", "long enough", "a clock that ran back"],
)
async def test_a_file_is_closed_at_the_turn_of_the_month_or_when_it_is_long(
    tmp_path: Path, now_ms: int, turn_bytes: int, closed: int
) -> None:
    clock = Clock()
    journal = Journal(tmp_path, clock)
    assert not journal.is_due, "it is not open"
    journal.open()
    clock.now_ms = now_ms
    assert not journal.is_due, "it is empty"
    clock.now_ms = NOVEMBER
    await journal.write(row(), durable=True)
    clock.now_ms = now_ms
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_writer, "TURN_BYTES", turn_bytes)
        assert await turn(journal) is bool(closed)
    assert len(closed_files(journal.file)) == closed
    journal.close()


async def test_the_one_file_of_a_former_callgate_is_read_and_closed_at_the_next_look(tmp_path: Path) -> None:
    file = write_journal(tmp_path, row("a"), row("b"))
    assert file.read_bytes()[8:10] == b"\0\1"
    journal = Journal(tmp_path, Clock(DECEMBER))
    name = journal.open()
    assert await turn(journal)
    await journal.write(row("c"), durable=True)
    assert (calls(tmp_path), flaws(tmp_path)) == (["a", "b", "c"], [])
    assert file.read_bytes()[8:10] == b"\0\2", "a former callgate must not take this file for the whole journal"
    journal.close()
    again = Journal(tmp_path)
    assert again.open() == name, "the gate is known to the ledger by it"
    again.close()


async def test_a_gate_that_starts_again_knows_what_the_closed_files_say(tmp_path: Path) -> None:
    journal = Journal(tmp_path, clock := Clock())
    journal.open()
    granted = [f"pbx.{number}.1.1" for number in range(3)]
    for grant in granted:
        clock.next_month()
        await turn(journal)
        await journal.write(structs.replace(row(), event="call.granted", grant=grant), durable=True)
    journal.close()
    again = Journal(tmp_path)
    again.open()
    assert list(again.memory.granted) == granted
    again.close()


# What can be cut off in between.

PRELUDE = """
import asyncio, os, random, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from callgate import journal, journal_writer
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow
from callgate.retention import turn

journal.SYNC_DEADLINE_S = 60.0

def named(name):
    return JournalRow(at=datetime(2026, 11, 24, tzinfo=UTC), event="call.refused", clinic="c", call=name)
"""
KILLED_AT_A_CALL = """
import fcntl
state, at = Path(sys.argv[1]), int(sys.argv[2])
left = [at]

def watched(original):
    def call(*words, **more):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return original(*words, **more)
    return call

async def main():
    clock = [1795000000000]
    journal = Journal(state, lambda: clock[0])
    journal.open()
    await journal.write(named("a"), durable=True)
    await journal.write(named("b"), durable=True)
    clock[0] += 31 * 86_400_000
    for name in ("open", "close", "ftruncate", "pwrite", "posix_fallocate", "fsync", "fdatasync", "link", "rename"):
        setattr(os, name, watched(getattr(os, name)))
    fcntl.flock = watched(fcntl.flock)
    assert await turn(journal)
    await journal.write(named("c"), durable=True)

asyncio.run(main())
"""


def run(program: str, *words: object) -> int:
    command = [sys.executable, "-c", PRELUDE + program, *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode


@pytest.mark.parametrize("again", range(1))
async def test_whatever_moment_of_a_turn_the_daemon_is_killed_at_no_row_is_lost_and_the_chain_is_whole(
    tmp_path: Path, again: int
) -> None:
    """Before each call that changes anything on the disk, one after the other, until the turn is over."""
    for cut in count(again):
        folder = tmp_path / str(cut)
        folder.mkdir()
        is_over = run(KILLED_AT_A_CALL, folder, cut) == 0
        assert calls(folder)[:2] == ["a", "b"]
        assert flaws(folder) == [], "a reader finds nothing wrong before the next start, either"
        journal = Journal(folder, Clock(NOVEMBER + 200 * 86_400_000))
        journal.open()
        await journal.write(row("next"), durable=True)
        if journal.is_due:
            assert await turn(journal)
        await journal.write(row("last"), durable=True)
        expected = ["a", "b", *(["c"] if "c" in calls(folder) else []), "next", "last"]
        assert (calls(folder), flaws(folder)) == (expected, [])
        assert not next_file(journal.file).exists()
        assert len({file.stat().st_ino for file in closed_files(journal.file)}) == len(closed_files(journal.file))
        journal.close()
        if is_over:
            break
    assert cut > 10


KILLED_AGAIN_AND_AGAIN = """
journal_writer.TURN_BYTES = 3000
journal_writer.STEP_BYTES = 4096

async def live(round):
    told = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    journal = Journal(Path(sys.argv[1]))
    journal.open()
    async def caller(number):
        for place in range(1000):
            name = f"{round}-{number}-{place}"
            await journal.write(named(name), durable=True)
            os.write(told, (name + "\\n").encode())
    async def turner():
        while True:
            if await turn(journal):
                os.write(told, b"turned\\n")
            await asyncio.sleep(0.001)
    await asyncio.gather(turner(), *(caller(number) for number in range(3)))

seeded = random.Random(int(sys.argv[3]))
for round in range(15):
    writer = os.fork()
    if not writer:
        asyncio.run(live(round))
        os._exit(1)
    until = time.monotonic() + 20
    while Path(sys.argv[2]).read_text().count("turned") <= round and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(seeded.uniform(0, 0.03))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
"""


def test_no_row_that_was_called_durable_is_lost_however_often_the_daemon_is_killed_while_it_turns(
    tmp_path: Path,
) -> None:
    (tmp_path / "told").touch()
    assert run(KILLED_AGAIN_AND_AGAIN, tmp_path, tmp_path / "told", 7) == 0
    told = (tmp_path / "told").read_text().splitlines()
    names, found = [name for name in told if name != "turned"], [name for name in calls(tmp_path) if name]
    assert told.count("turned") >= 15
    assert set(names) <= set(found)
    assert len(found) == len(set(found))
    # A kill may tear the last one, which was not said to be durable.
    assert {flaw for flaw, _, _ in flaws(tmp_path)} <= {Flaw.TORN}


@pytest.mark.parametrize("left", [0, 20], ids=["all of it", "all but its beginning"])
async def test_a_power_cut_that_takes_the_first_record_of_a_new_file_takes_nothing_that_was_promised(
    tmp_path: Path, left: int
) -> None:
    """The disk had the file's new name already, and not yet what was in it."""
    journal = await turned(tmp_path, "ab", "")
    journal.close()
    content = bytearray(journal.file.read_bytes())
    content[HEADERS_BYTES + left :] = bytes(len(content) - HEADERS_BYTES - left)
    journal.file.write_bytes(content)
    again = Journal(tmp_path)
    again.open()
    await again.write(row("c"), durable=True)
    assert [name for name in calls(tmp_path) if name] == ["a", "b", "c"]
    assert flaws(tmp_path) == []
    again.close()


async def test_no_row_in_a_new_file_is_durable_before_the_disk_has_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, synced, original = await turned(tmp_path, "a"), [], os.fsync
    writer = journal._writer
    assert writer is not None
    with NextFile(journal.file, writer.identity, STEP_BYTES) as following:
        follower = writer.followed_by(following, DECEMBER)

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_mode)
        original(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    follower.append(Kind.ROW, b"{}", DECEMBER)
    assert synced == []
    follower.flush()
    assert [stat.S_ISDIR(mode) for mode in synced] == [True]
    follower.flush()
    assert len(synced) == 1
    follower.close()
    journal.close()


# When it cannot be.


def full(*_words: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("call", "error"), [("posix_fallocate", OSError), ("link", OSError), ("rename", JournalError)])
async def test_a_disk_that_has_no_room_for_another_file_leaves_the_journal_as_it_is(
    tmp_path: Path, call: str, error: type[Exception]
) -> None:
    clock = Clock()
    journal = Journal(tmp_path, clock)
    journal.open()
    await journal.write(row("a"), durable=True)
    clock.next_month()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(error, match="No space left"):
            await turn(journal)
    assert not next_file(journal.file).exists()
    await journal.write(row("b"), durable=True)
    assert await turn(journal)
    await journal.write(row("c"), durable=True)
    assert (calls(tmp_path), flaws(tmp_path)) == (["a", "b", "c"], [])
    journal.close()


async def test_while_calls_wait_for_the_disk_all_the_time_the_journal_stays_in_its_file(tmp_path: Path) -> None:
    class Busy(Journal):
        async def sync(self) -> None:
            await super().sync()
            await self.write(row("another"), durable=False)

    clock = Clock()
    journal = Busy(tmp_path, clock)
    journal.open()
    await journal.write(row("a"), durable=True)
    clock.next_month()
    assert not await turn(journal)
    assert closed_files(journal.file) == [tmp_path / "journal.cgj.closed-000001"], "its second name, ready"
    assert verification(journal.file).files == 1
    assert not next_file(journal.file).exists()
    assert set(calls(tmp_path)) == {"a", "another"}
    journal.close()


async def test_a_journal_nearly_full_goes_on_in_another_file_though_changes_of_the_ledger_wait_for_room(
    tmp_path: Path,
) -> None:
    """It was too long for another row, and so it stayed for ever in a file that is never due to be removed."""
    write_journal(tmp_path, row("a"))
    clock = Clock()
    journal = Journal(tmp_path, clock, quota_bytes=end_of(tmp_path / JOURNAL_FILE))
    journal.open()
    journal.freeze("c", FrozenCause.ERASED)
    clock.next_month()
    assert await turn(journal)
    assert verification(journal.file).files == 2
    journal.close()


async def test_a_daemon_that_opened_the_file_before_it_was_closed_does_not_write_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await turned(tmp_path, "a")
    original, former = os.open, os.open(journal.file, os.O_RDWR)
    try:
        clock = journal._clock
        assert isinstance(clock, Clock)
        clock.next_month()
        assert await turn(journal)

        def opened_earlier(path: Path, flags: int, mode: int = 0o777) -> int:
            is_writer = path == journal.file and flags & os.O_RDWR
            return os.dup(former) if is_writer else original(path, flags, mode)

        monkeypatch.setattr(os, "open", opened_earlier)
        with pytest.raises(JournalInUseError):
            JournalWriter(journal.file, lambda _record: None)
    finally:
        os.close(former)
    assert calls(tmp_path) == ["a"]
    journal.close()


async def is_taken(journal: Journal, name: str) -> bool:
    try:
        await journal.write(row(name), durable=True)
    except JournalError as error:
        return "gate.journal_max_mib" not in error.cause
    return True


async def test_the_quota_is_that_of_all_files_together(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, clock, quota_bytes=3000)
    journal.open()
    for name in "ab":
        await journal.write(row(name), durable=True)
    clock.next_month()
    assert await turn(journal)
    taken = [await is_taken(journal, name) for name in "cdefgh"]
    assert taken[0]
    assert not taken[-1]
    before = len(calls(tmp_path))
    journal.close()
    again = Journal(tmp_path, clock, quota_bytes=3000)
    assert not await is_taken(again, "again")
    assert len(calls(tmp_path)) == before
    again.close()


# One process takes the journal over from another.


async def test_a_journal_that_went_on_in_another_file_since_it_was_read_ahead_is_read_on_from_there(
    tmp_path: Path,
) -> None:
    journal = await turned(tmp_path, "ab", "c")
    reading, told = JournalReading(journal.file), list[int]()
    reading.go_on(lambda record: told.append(record.number))
    clock = journal._clock
    assert isinstance(clock, Clock)
    clock.next_month()
    await journal.write(row("d"), durable=True)
    assert await turn(journal)
    await journal.write(row("e"), durable=True)
    assert reading.is_current
    journal.close()
    JournalWriter(journal.file, lambda record: told.append(record.number), reading).close()
    assert told == list(range(1, 8))
    assert flaws(tmp_path) == []


async def test_a_journal_that_was_replaced_since_it_was_read_ahead_is_read_anew(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "ab", "c")
    journal.close()
    reading, told = JournalReading(journal.file), list[int]()
    reading.go_on(lambda record: told.append(record.number))
    for file in (journal.file, *closed_files(journal.file)):
        file.unlink()
    write_journal(tmp_path, row("new"))
    assert not reading.is_current
    reading.go_on(lambda record: told.append(record.number))
    assert told == [1, 2, 3, 4, 1]


# What is missing or was changed.


def damage_the_middle(folder: Path) -> None:
    file = closed_files(folder / JOURNAL_FILE)[1]
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)


def take_away(folder: Path) -> None:
    closed_files(folder / JOURNAL_FILE)[1].unlink()


def take_the_first_away(folder: Path) -> None:
    closed_files(folder / JOURNAL_FILE)[0].unlink()


def cut_the_end(folder: Path) -> None:
    file = closed_files(folder / JOURNAL_FILE)[1]
    *_, (last, _) = read_rows(file)
    os.truncate(file, file.read_bytes().rindex(b"\xffCG\xff"))
    assert last.call == "d"


def rename_the_header(folder: Path) -> None:
    file = closed_files(folder / JOURNAL_FILE)[1]
    content = bytearray(file.read_bytes())
    head = content[:12] + bytes(16)
    content[:HEADERS_BYTES] = (head + zlib.crc32(head).to_bytes(4, "big")) * 2
    file.write_bytes(content)


def lose_what_is_written(folder: Path) -> None:
    (folder / JOURNAL_FILE).unlink()
    write_journal(folder, row("new"))


@pytest.mark.parametrize(
    ("meddle", "found"),
    [
        (damage_the_middle, [(Flaw.TORN, 5, "journal.cgj.closed-000002"), (Flaw.MISSING, 5, "journal.cgj")]),
        (take_away, [(Flaw.MISSING, 3, "journal.cgj")]),
        (take_the_first_away, [(Flaw.MISSING, 1, "journal.cgj.closed-000002")]),
        (cut_the_end, [(Flaw.MISSING, 5, "journal.cgj")]),
        (rename_the_header, [(Flaw.CHAIN, 3, "journal.cgj.closed-000002")]),
        (lose_what_is_written, [(Flaw.MISSING, 6, "journal.cgj")]),
    ],
)
async def test_a_file_that_was_taken_away_or_changed_is_found_out(
    tmp_path: Path, meddle: Callable[[Path], None], found: list[tuple[Flaw, int, str]]
) -> None:
    journal = await turned(tmp_path, "ab", "cd", "e")
    journal.close()
    assert flaws(tmp_path) == []
    meddle(tmp_path)
    assert flaws(tmp_path) == found


async def test_a_journal_that_is_begun_anew_keeps_the_rows_of_the_former_and_none_of_its_numbers(
    tmp_path: Path,
) -> None:
    journal = await turned(tmp_path, "ab", "c")
    journal.close()
    name = verification(journal.file).journal
    journal.file.unlink()
    again = Journal(tmp_path)
    assert again.open() != name, "a gate whose journal was lost is another one to the ledger"
    await again.write(row("new"), durable=True)
    assert calls(tmp_path) == ["a", "b", "new"]
    assert [part.is_own for part in open_parts(again.file)] == [False, True]
    assert again.memory.granted == {}
    again.close()
    assert flaws(tmp_path) == [(Flaw.MISSING, 3, JOURNAL_FILE)]
    for file in closed_files(again.file):
        file.unlink()
    assert flaws(tmp_path) == [], "until somebody has looked and moved them away"


async def test_a_closed_file_is_verified_by_itself(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "ab", "c", "d")
    journal.close()
    for file in closed_files(journal.file):
        assert verification(file).damages == ()
    assert verification(closed_files(journal.file)[1]).rows == 1


async def test_a_file_is_found_again_whatever_it_is_called_by_now(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "ab", "c")
    keys = [part.key for part in open_parts(journal.file)]
    clock = journal._clock
    assert isinstance(clock, Clock)
    clock.next_month()
    assert await turn(journal)
    for key, name in zip(keys, ("a", "c"), strict=True):
        with open_part(journal.file, key) as stream:
            assert f'"call":"{name}"'.encode() in stream.read()
    for file in closed_files(journal.file):
        file.unlink()
    with pytest.raises(OSError, match="was removed"):
        open_part(journal.file, keys[0])
    journal.close()


async def test_a_file_that_is_removed_while_the_journal_is_read_is_passed_over(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "a", "b", "c")
    found = []
    for part in open_parts(journal.file):
        found.append(part.path.name)
        if len(found) == 1:
            closed_files(journal.file)[-1].unlink()
    assert found == ["journal.cgj.closed-000001", "journal.cgj"]
    journal.close()


async def test_the_lock_goes_over_to_the_next_file(tmp_path: Path) -> None:
    journal = await turned(tmp_path, "a", "b")
    with journal.file.open("rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(JournalInUseError):
        Journal(tmp_path).open()
    journal.close()
    await asyncio.to_thread(Journal(tmp_path).open)
