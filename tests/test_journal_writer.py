"""The file under the journal: full disks, kills, torn ends and hands that meddle cost no row that was promised."""

import asyncio
import contextlib
import errno
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from callgate import journal as journal_module
from callgate import journal_writer
from callgate.errors import JournalError, JournalInUseError
from callgate.journal import JOURNAL_FILE, SYNC_DEADLINE_S, Journal, read_rows
from callgate.journal_file import HEADERS_BYTES, Flaw, Kind
from callgate.journal_files import aside_files
from callgate.journal_reading import JournalReading
from callgate.journal_writer import STEP_BYTES, JournalWriter
from journal_samples import calls, damages, end_of, row, write_journal

Out = pytest.CaptureFixture[str]
IMPORTS = """\
import asyncio, os, random, resource, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
import callgate.journal
from callgate import journal_writer
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow

callgate.journal.SYNC_DEADLINE_S = 60.0
journal = Journal(Path(sys.argv[1]))

async def write(name, durable=True):
    row = JournalRow(at=datetime(2026, 11, 24, tzinfo=UTC), event="call.refused", clinic="c", call=name)
    try:
        await journal.write(row, durable=durable)
    except JournalError as error:
        return f"{name} {error.cause}"
    return f"{name} written"
"""
ON_A_DISK_THAT_IS_FULL_FOR_A_WHILE = """
async def main():
    journal_writer.STEP_BYTES = 600
    await write("first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
    results = await asyncio.gather(*(write(f"call-{number}", bool(number % 2)) for number in range(6)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("\\n".join([*results, await write("last")]))

asyncio.run(main())
"""
KILLED_AGAIN_AND_AGAIN = """
async def live(round):
    told = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async def caller(number):
        for turn in range(1000):
            name = f"{round}-{number}-{turn}"
            if (await write(name, bool(turn % 3))).endswith(" written") and turn % 3:
                os.write(told, (name + "\\n").encode())
    await asyncio.gather(*(caller(number) for number in range(4)))

seeded = random.Random(int(sys.argv[3]))
for round in range(20):
    writer = os.fork()
    if not writer:
        asyncio.run(live(round))
        os._exit(1)
    until = time.monotonic() + 5
    while Path(sys.argv[2]).read_text().count("\\n") < 6 * (round + 1) and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(seeded.uniform(0, 0.1))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
"""


@pytest.fixture(autouse=True)
def patient_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast the disk is, is no matter here: on a busy machine it takes longer than a caller would wait."""
    monkeypatch.setattr(journal_module, "SYNC_DEADLINE_S", 60.0)


async def given_up(journal: Journal, name: str) -> None:
    """Write a row to a disk that does not answer, and wait for it as long as a caller does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "SYNC_DEADLINE_S", SYNC_DEADLINE_S)
        with pytest.raises(JournalError, match="the disk does not answer"):
            await journal.write(row(name), durable=True)


def started(program: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IMPORTS + program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


async def test_after_a_disk_error_the_rows_in_doubt_are_written_again_before_any_is_called_durable(
    tmp_path: Path,
) -> None:
    """A kernel that failed to write pages back takes them for clean: the next fdatasync would lie."""
    journal, asked = Journal(tmp_path), []
    await journal.write(row("safe"), durable=True)
    original = os.pwrite

    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def watched(descriptor: int, data: bytes, offset: int) -> int:
        asked.append(data)
        return original(descriptor, data, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalError, match="Input/output error"):
            await journal.write(row("doubtful"), durable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", watched)
        await journal.write(row("next"), durable=True)
        await journal.write(row("last"), durable=True)
    own, again, last = asked
    assert b"doubtful" in again
    assert again.endswith(own)
    assert b"last" in last
    assert calls(tmp_path) == ["safe", "doubtful", "next", "last"]
    journal.close()


def test_on_a_full_disk_only_what_was_written_is_said_to_be_and_later_rows_are_whole(tmp_path: Path) -> None:
    """A row that another caller's failed write had thrown away was once called durable, and a grant given on it."""
    told = started(ON_A_DISK_THAT_IS_FULL_FOR_A_WHILE, tmp_path).stdout.splitlines()
    written = [line.partition(" ")[0] for line in told if line.endswith(" written")]
    assert calls(tmp_path) == ["first", *written]
    assert written[-1] == "last"
    assert {line.partition(" ")[2] for line in told} == {"written", "File too large"}
    assert damages(tmp_path) == []


async def test_a_row_that_was_written_in_part_is_written_to_its_end(tmp_path: Path) -> None:
    journal, original = Journal(tmp_path), os.pwrite
    await journal.write(row("a"), durable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, data, offset: original(descriptor, data[:100], offset))
        await journal.write(row("b"), durable=True)
    assert damages(tmp_path) == []
    assert calls(tmp_path) == ["a", "b"]
    journal.close()


@pytest.mark.parametrize("refusal", ["says so", "takes nothing"])
async def test_a_row_that_cannot_be_written_to_its_end_is_taken_back(tmp_path: Path, refusal: str) -> None:
    """A copy of the journal has no space taken in advance: there a row may be begun on a full disk."""
    journal, original, turns = Journal(tmp_path), os.pwrite, []
    await journal.write(row("a"), durable=True)

    def fills_up(descriptor: int, data: bytes, offset: int) -> int:
        turns.append(offset)
        if len(turns) == 1:
            return original(descriptor, data[:100], offset)
        if refusal == "says so":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", fills_up)
        with pytest.raises(JournalError, match="No space left"):
            await journal.write(row("b"), durable=True)
    assert damages(tmp_path) == []
    await journal.write(row("c"), durable=True)
    assert calls(tmp_path) == ["a", "c"]
    journal.close()


async def test_what_is_written_again_is_what_was_said_and_not_what_the_disk_gives_back(tmp_path: Path) -> None:
    """Written in small pieces, too."""
    journal, original = Journal(tmp_path), os.pwrite
    await journal.write(row("safe"), durable=True)
    end = list(read_rows(journal.file))[-1][1]

    def fails(descriptor: int) -> None:
        # The page is gone, and what the disk had before is read.
        original(descriptor, bytes(4096), end)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalError, match="Input/output error"):
            await journal.write(row("doubtful"), durable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, data, offset: original(descriptor, data[:100], offset))
        await journal.write(row("next"), durable=True)
    assert (calls(tmp_path), damages(tmp_path)) == (["safe", "doubtful", "next"], [])
    journal.close()


async def test_an_error_that_the_kernel_tells_once_is_told_to_all_it_concerns(tmp_path: Path, capsys: Out) -> None:
    """Two flushes were under way at once, and the second one heard nothing of the error of the first."""
    journal, loop, failed = Journal(tmp_path), asyncio.get_running_loop(), asyncio.Event()
    await journal.write(row("safe"), durable=True)
    asked, original = [], os.pwrite

    def fails_late(_descriptor: int) -> None:
        asked.append("fdatasync")
        if len(asked) == 1:
            asyncio.run_coroutine_threadsafe(failed.wait(), loop).result()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def watched(descriptor: int, data: bytes, offset: int) -> int:
        asked.append("again" if b"given up" in data and b"waiting" in data else "row")
        return original(descriptor, data, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", fails_late)
        await given_up(journal, "given up")
        patch.setattr(os, "pwrite", watched)
        waiting = asyncio.create_task(journal.write(row("waiting"), durable=True))
        await asyncio.sleep(0)
        failed.set()
        with pytest.raises(JournalError, match="Input/output error"):
            await waiting
        assert asked == ["fdatasync", "row"]
        await journal.write(row("next"), durable=True)
    assert asked == ["fdatasync", "row", "row", "again", "fdatasync"]
    assert "journal.not_synced" in "".join(capsys.readouterr())
    journal.close()


async def test_a_journal_is_closed_after_the_flush_that_goes_on(tmp_path: Path) -> None:
    """Its number was another file's by then, and the flush wrote old rows into the new journal."""
    journal, loop, thawed = Journal(tmp_path), asyncio.get_running_loop(), asyncio.Event()
    await journal.write(row("a"), durable=True)

    def hangs(_descriptor: int) -> None:
        asyncio.run_coroutine_threadsafe(thawed.wait(), loop).result()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", hangs)
        await given_up(journal, "b")
        journal.close()
        second = Journal(tmp_path)
        with pytest.raises(JournalError, match="another daemon writes it"):
            second.open()
        thawed.set()
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(JournalError):
                    second.open()
                    break
                await asyncio.sleep(0.01)
    assert calls(tmp_path) == ["a", "b"]
    second.close()


def test_a_disk_that_takes_nothing_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "UNSYNCED_MAX_BYTES", 1000)
    writer = JournalWriter(tmp_path / JOURNAL_FILE, lambda _record: None)
    writer.append(Kind.ROW, bytes(500), 1)
    with pytest.raises(OSError, match="No buffer space"):
        writer.append(Kind.ROW, bytes(500), 1)
    writer.flush()
    writer.append(Kind.ROW, bytes(500), 1)
    writer.close()


async def test_a_disk_that_is_full_is_met_before_a_row_is_begun(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.write(row(), durable=True)
    assert journal.file.stat().st_size == HEADERS_BYTES + STEP_BYTES
    assert journal.file.stat().st_blocks * 512 >= STEP_BYTES
    journal.close()


def test_no_room_is_taken_in_advance_beyond_the_quota(tmp_path: Path) -> None:
    """The last step of 256 KiB once made a journal at its quota longer than that."""
    file = tmp_path / JOURNAL_FILE
    writer = JournalWriter(file, lambda _record: None, quota_bytes=1000)
    writer.append(Kind.ROW, bytes(500), 1)
    assert file.stat().st_size == 1000
    with pytest.raises(OSError, match=r"gate\.journal_max_mib"):
        writer.append(Kind.ROW, bytes(500), 1)
    writer.close()


@pytest.mark.parametrize("seed", [1])
def test_no_row_that_was_called_durable_is_lost_however_often_the_daemon_is_killed(tmp_path: Path, seed: int) -> None:
    (tmp_path / "told").touch()
    started(KILLED_AGAIN_AND_AGAIN, tmp_path, tmp_path / "told", seed)
    told = (tmp_path / "told").read_text().splitlines()
    found = [name for name in calls(tmp_path) if name]
    assert len(told) > 100
    assert set(told) <= set(found)
    assert len(found) == len(set(found))
    # A kill may tear the last one, which was not said to be durable.
    assert {damage.flaw for damage in damages(tmp_path)} <= {Flaw.TORN}


# What is lost or damaged.


async def sound(folder: Path, *names: str) -> Path:
    journal = Journal(folder)
    for name in names:
        await journal.write(row(name), durable=True)
    journal.close()
    return journal.file


async def test_a_torn_end_is_cut_back_and_kept_and_said(tmp_path: Path, capsys: Out) -> None:
    file = await sound(tmp_path, "a", "b")
    last = list(read_rows(file))[-1][1]
    with file.open("r+b") as stream:
        stream.seek(last)
        stream.write(b"\xffCG\xff\0\0\1 a power cut")
    (damage,) = damages(tmp_path)
    assert (damage.flaw, damage.number, damage.offset) == (Flaw.TORN, 3, last)
    journal = Journal(tmp_path)
    await journal.write(row("c"), durable=True)
    said = "".join(capsys.readouterr())
    assert "journal.damaged" in said
    assert "torn" in said
    assert damages(tmp_path) == []
    rows = [found for found, _ in read_rows(file)]
    assert [found.event for found in rows] == ["call.refused", "call.refused", "journal.cut", "call.refused"]
    assert rows[2].note == f"19 bytes behind byte {last}: /0NH/wAAASBhIHBvd2VyIGN1dA=="
    journal.close()


def marks(content: bytes | bytearray) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(b"\xffCG\xff"), content)]


@pytest.mark.parametrize("meddling", ["marks of many rows", "the last row", "a long end"])
async def test_an_end_that_no_broken_write_leaves_is_kept_whole_for_a_person(
    tmp_path: Path, capsys: Out, meddling: str
) -> None:
    """A byte changed in each of the last fifty rows had all of them cut off for good."""
    # A check that ends with a zero cannot be told from the room behind it: one journal in 256 is made again.
    file = await sound(tmp_path, *(f"call-{number}" for number in range(60)))
    while file.read_bytes()[end_of(file) - 1] == 0:
        file.unlink()
        await sound(tmp_path, *(f"call-{number}" for number in range(60)))
    content = bytearray(file.read_bytes())
    places, end = marks(content), end_of(file)
    match meddling:
        case "marks of many rows":
            kept = 10
            for place in places[kept:]:
                content[place] = 0
        case "the last row":
            kept = 59
            content[places[kept] + 60] ^= 1
        case _:
            kept = 60
            content[end : end + 5000] = b"\xffCG\xff" + (6000).to_bytes(4, "big") + bytes([7]) * 4992
    file.write_bytes(content)
    journal = Journal(tmp_path)
    await journal.write(row("next"), durable=True)
    begin = (*places, end)[kept]
    (aside,) = aside_files(file)
    whole = bytes(content[begin:]).rstrip(b"\0")
    assert aside.read_bytes() == whole
    assert aside.stat().st_mode & 0o777 == 0o640
    assert calls(tmp_path) == [*(f"call-{number}" for number in range(kept)), "", "next"]
    (cut,) = (found for found, _ in read_rows(file) if found.event == "journal.cut")
    assert cut.note == f"behind byte {begin}, kept in {aside.name}"
    assert damages(tmp_path) == []
    said = "".join(capsys.readouterr())
    assert "journal.damaged" in said
    assert "journal.end_kept" in said
    journal.close()


async def test_an_end_that_cannot_be_kept_is_not_cut_off(tmp_path: Path) -> None:
    file = await sound(tmp_path, "a")
    content, end = bytearray(file.read_bytes()), end_of(file)
    content[end : end + 9] = b"meddling!"
    file.write_bytes(content)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(JournalError, match="No space left"):
            Journal(tmp_path).open()
    assert file.read_bytes() == content
    assert aside_files(file) == []


async def test_ends_that_are_cut_off_at_the_same_place_are_all_kept(tmp_path: Path) -> None:
    file = await sound(tmp_path, "a")
    content, end = bytearray(file.read_bytes()), end_of(file)
    content[end : end + 9] = b"meddling!"
    for number in (1, 2, 3):
        file.write_bytes(content)
        JournalWriter(file, lambda _record: None).close()
        if number == 2:
            aside_files(file)[0].unlink()
    assert [aside.read_bytes() for aside in aside_files(file)] == [b"meddling!"] * 2


async def test_a_journal_of_which_nothing_can_be_read_is_kept_whole_and_begun_anew(tmp_path: Path) -> None:
    file = await sound(tmp_path, "a", "b")
    content = bytearray(file.read_bytes().rstrip(b"\0"))
    for place in (0, 32, *marks(content)):
        content[place] ^= 1
    file.write_bytes(content)
    journal = Journal(tmp_path)
    await journal.write(row("c"), durable=True)
    assert [aside.read_bytes() for aside in aside_files(file)] == [bytes(content)]
    assert calls(tmp_path) == ["", "c"]
    assert damages(tmp_path) == []
    journal.close()


async def test_damage_in_the_middle_stops_nobody_and_is_said_at_each_start(tmp_path: Path, capsys: Out) -> None:
    file = await sound(tmp_path, "a", "b", "c")
    offset = next(iter(read_rows(file)))[1]
    with file.open("r+b") as stream:
        stream.seek(offset + 60)
        stream.write(b"!")
    journal = Journal(tmp_path)
    await journal.write(row("d"), durable=True)
    said = "".join(capsys.readouterr())
    assert "journal.damaged" in said
    # As a dictionary, as plain text or as JSON: whichever test set the log up before.
    assert re.search(rf"offset\W+{offset}\b", said)
    assert calls(tmp_path) == ["a", "c", "d"]
    (damage,) = damages(tmp_path)
    assert (damage.flaw, damage.number, damage.offset) == (Flaw.DAMAGED, 2, offset)
    journal.close()


async def test_one_damaged_header_leaves_the_journal_its_name_and_two_give_it_a_lasting_one(tmp_path: Path) -> None:
    file = await sound(tmp_path, "a")
    content = bytearray(file.read_bytes())
    journal = Journal(tmp_path)
    named = [journal.open()]
    for offset in (12, 44):
        journal.close()
        content[offset] ^= 1
        file.write_bytes(content)
        named += [journal.open()]
        journal.close()
        named += [journal.open()]
    assert named[0] == named[1] == named[2] != named[3] == named[4]
    assert calls(tmp_path) == ["a"]
    journal.close()


@pytest.mark.parametrize(("content", "cut"), [(b"", 0), (b"\x89CGJ", 4), (bytes(300), 0), (b'{"at":"2026"}\n', 14)])
async def test_what_is_no_journal_yet_becomes_one(tmp_path: Path, content: bytes, cut: int) -> None:
    (tmp_path / JOURNAL_FILE).write_bytes(content)
    journal = Journal(tmp_path)
    await journal.write(row(), durable=True)
    rows = [found for found, _ in read_rows(journal.file)]
    assert rows[-1] == row()
    assert [found.note.partition(" ")[0] for found in rows[:-1]] == ([str(cut)] if cut else [])
    assert damages(tmp_path) == []
    journal.close()


async def test_the_journal_of_a_newer_callgate_is_left_alone(tmp_path: Path) -> None:
    file = await sound(tmp_path, "a")
    content = bytearray(file.read_bytes())
    header = content[:8] + b"\0\3" + content[10:28]
    content[:HEADERS_BYTES] = (header + zlib.crc32(header).to_bytes(4, "big")) * 2
    file.write_bytes(content)
    with pytest.raises(JournalError, match="it has format 3, of a newer callgate"):
        Journal(tmp_path).open()
    assert file.read_bytes() == content


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def replace(file: Path) -> None:
    copy = file.with_suffix(".copy")
    copy.write_bytes(file.read_bytes())
    copy.replace(file)


@pytest.mark.parametrize("spoil", [remove, empty, replace])
async def test_a_journal_that_somebody_took_away_is_missed_before_a_row_is_called_durable(
    tmp_path: Path, capsys: Out, spoil: Callable[[Path], None]
) -> None:
    """As a rotation of logs does it: the rows went on into a file that nobody could see."""
    journal, begun, thawed = Journal(tmp_path), asyncio.Event(), asyncio.Event()
    loop, original = asyncio.get_running_loop(), os.fdatasync

    def slow(descriptor: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(thawed.wait(), loop).result()
        original(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", slow)
        writes = [asyncio.create_task(journal.write(row("a"), durable=True))]
        await begun.wait()
        writes += [asyncio.create_task(journal.write(row(name), durable=True)) for name in "bcd"]
        await asyncio.sleep(0)
        spoil(journal.file)
        thawed.set()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), JournalError, JournalError, JournalError]
    assert "journal.lost" in "".join(capsys.readouterr())
    await journal.write(row("e"), durable=True)
    assert calls(tmp_path)[-1] == "e"
    journal.close()


async def test_a_journal_that_another_gate_writes_is_read_ahead_and_taken_over_where_that_one_ended(
    tmp_path: Path,
) -> None:
    old, new = Journal(tmp_path), Journal(tmp_path)
    identity = old.open()
    await old.write(row("before"), durable=True)
    new.read_ahead(lambda: None)
    with pytest.raises(JournalInUseError):
        new.open()
    await old.write(row("meanwhile"), durable=True)
    old.close()
    assert new.open() == identity
    await new.write(row("after"), durable=True)
    assert calls(tmp_path) == ["before", "meanwhile", "after"]
    assert damages(tmp_path) == [], "the chain goes on from the other's last record"


async def test_of_a_journal_that_was_read_ahead_only_what_was_added_is_read_again(tmp_path: Path) -> None:
    file = write_journal(tmp_path, row("before"))
    reading, told = JournalReading(file), list[int]()
    reading.go_on(lambda record: told.append(record.number))
    write_journal(tmp_path, row("meanwhile"), row("too"))
    JournalWriter(file, lambda record: told.append(record.number), reading).close()
    assert told == [1, 2, 3]


async def test_a_record_that_was_exchanged_between_the_two_looks_is_found_out(tmp_path: Path) -> None:
    file = write_journal(tmp_path, row("before"))
    reading = JournalReading(file)
    reading.go_on(lambda _record: None)
    other = tmp_path / "other"
    other.mkdir()
    strange = write_journal(other, row("stranger"), row("thereafter")).read_bytes()
    assert reading.last is not None
    with file.open("r+b") as stream:
        stream.seek(reading.last.end)
        stream.write(strange[HEADERS_BYTES:])
    writer = JournalWriter(file, lambda _record: None, reading)
    writer.close()
    assert Flaw.CHAIN in [damage.flaw for damage in writer.damages]


async def test_what_was_half_written_at_the_first_look_is_no_damage_at_the_second(tmp_path: Path) -> None:
    file = write_journal(tmp_path, row("first"), row("second"))
    whole = file.read_bytes()[: end_of(file)]
    file.write_bytes(whole[:-10])
    reading = JournalReading(file)
    reading.go_on(lambda _record: None)
    assert [damage.flaw for damage in reading.damages] == [Flaw.TORN]
    file.write_bytes(whole)
    writer = JournalWriter(file, lambda _record: None, reading)
    writer.close()
    assert (writer.damages, writer.cut, calls(tmp_path)) == ([], b"", ["first", "second"])


@pytest.mark.parametrize("meddle", ["removed", "replaced", "emptied"])
async def test_a_journal_that_is_gone_between_the_two_looks_is_begun_anew(tmp_path: Path, meddle: str) -> None:
    file = write_journal(tmp_path, row("before"))
    journal = Journal(tmp_path)
    journal.read_ahead(lambda: None)
    match meddle:
        case "removed":
            file.unlink()
        case "replaced":
            file.rename(tmp_path / "aside")
            write_journal(tmp_path, row("another"))
        case _:
            os.truncate(file, 0)
    journal.open()
    await journal.write(row("after"), durable=True)
    assert calls(tmp_path) == [*(["another"] if meddle == "replaced" else []), "after"]


def test_where_there_is_no_journal_yet_nothing_is_read_ahead(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.read_ahead(lambda: None)
    assert len(journal.open()) == 32
    journal.close()


async def test_whoever_waits_for_a_long_journal_to_be_read_hears_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "GOING_ON_RECORDS", 2)
    heard: list[str] = []
    journal = Journal(tmp_path)
    for name in "abcde":
        await journal.write(row(name), durable=True)
    Journal(tmp_path).read_ahead(lambda: heard.append("on"))
    journal.close()
    assert heard == ["on", "on"]
