"""The journal: what it says is written is on the disk, and what it could not write it says so."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callgate.errors import JournalError
from callgate.journal import JOURNAL_FILE, SYNC_DEADLINE_S, Journal, JournalRow, read_rows

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
ON_A_DISK_OF_600_BYTES = """\
import asyncio, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow

async def main():
    journal = Journal(Path(sys.argv[1]))
    async def write(name, durable):
        row = JournalRow(at=datetime(2026, 11, 24, tzinfo=UTC), event="call.refused", clinic="c", call=name)
        try:
            await journal.write(row, durable=durable)
        except JournalError as error:
            return f"{name} {error.cause}"
        return f"{name} written"
    await write("first", True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))
    results = await asyncio.gather(*(write(f"call-{number}", bool(number % 2)) for number in range(6)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("\\n".join([*results, await write("last", True)]))

asyncio.run(main())
"""


def row(call: str = "a") -> JournalRow:
    return JournalRow(at=AT, event="call.refused", clinic="c", call=call, dialled="003225551••••")


def calls(folder: Path) -> list[str]:
    return [found.call for found, _ in read_rows(folder / JOURNAL_FILE)]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_row_comes_back_as_it_was_written(tmp_path: Path, *, durable: bool) -> None:
    journal = Journal(tmp_path)
    await journal.write(row(), durable=durable)
    journal.close()
    assert [found for found, _ in read_rows(tmp_path / JOURNAL_FILE)] == [row()]


async def test_rows_that_come_together_keep_their_order_and_none_is_lost(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await asyncio.gather(*(journal.write(row(f"call-{number}"), durable=number % 3 > 0) for number in range(50)))
    assert sorted(calls(tmp_path)) == sorted(f"call-{number}" for number in range(50))
    journal.close()


async def test_a_durable_row_has_reached_the_disk_when_it_is_said_to(tmp_path: Path) -> None:
    """Each row's disk write is asked for after the row is in the file, and rows that come together share one."""
    journal, synced = Journal(tmp_path), []
    original = os.fdatasync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        original(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", watched)
        await asyncio.gather(*(journal.write(row(f"call-{number}"), durable=True) for number in range(20)))
    assert synced[-1] == (tmp_path / JOURNAL_FILE).stat().st_size
    assert len(synced) == 2
    journal.close()
    journal.close()


async def test_a_journal_that_was_closed_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in "ab":
        await journal.write(row(name), durable=True)
        journal.close()
    assert calls(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path, *, durable: bool) -> None:
    journal = Journal(tmp_path / "missing")
    with pytest.raises(JournalError) as raised:
        await journal.write(row(), durable=durable)
    assert (raised.value.file, raised.value.cause) == (str(journal.file), "No such file or directory")


async def test_a_disk_that_hangs_is_given_up_and_everybody_who_waits_is_told(tmp_path: Path) -> None:
    journal, thawed = Journal(tmp_path), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(_descriptor: int) -> None:
        asyncio.run_coroutine_threadsafe(thawed.wait(), loop).result()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", hangs)
        started = loop.time()
        outcomes = await asyncio.gather(
            *(journal.write(row(name), durable=True) for name in "abcd"), return_exceptions=True
        )
        waited = loop.time() - started
        thawed.set()
    assert {str(outcome) for outcome in outcomes} == {str(JournalError(str(journal.file), "the disk does not answer"))}
    # Not one deadline after the other: the last caller in the queue has no more time than the first.
    assert waited < 3 * SYNC_DEADLINE_S
    journal.close()


def test_on_a_full_disk_only_what_was_written_is_said_to_be_and_later_rows_are_whole(tmp_path: Path) -> None:
    """A row that another caller's failed write had thrown away was once called durable, and a grant given on it."""
    words = [sys.executable, "-c", ON_A_DISK_OF_600_BYTES, str(tmp_path)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    written = [line.partition(" ")[0] for line in told if line.endswith(" written")]
    assert calls(tmp_path) == ["first", *written]
    assert written[-1] == "last"
    assert {line.partition(" ")[2] for line in told} == {"written", "No space left on device", "File too large"}


async def test_a_line_torn_by_a_power_cut_does_not_take_the_next_row_with_it(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_bytes(msgspec.json.encode(row("old")) + b'\n{"at":"2026-11-')
    journal = Journal(tmp_path)
    await journal.write(row("new"), durable=True)
    assert calls(tmp_path) == ["old", "new"]
    journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        b"\n",
        b"{}\n",
        b"nonsense\n",
        b'{"at":"2026-11-24T10:00:00Z","event":"\xff","clinic":"c","call":"a"}\n',
        b'{"at":"2026-11-24T10:00:00","event":"call.refused","clinic":"c","call":"no zone"}\n',
        b'{"at":"2026-11-24T10:00:00Z","event":"e","clinic":"c","call":"a","reasons":["from_the_future"]}\n',
        b"\0" * 100 + b"\n",
    ],
)
def test_a_damaged_line_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    whole = msgspec.json.encode(row()) + b"\n"
    (tmp_path / JOURNAL_FILE).write_bytes(whole + damage + whole + b'{"at')
    found = list(read_rows(tmp_path / JOURNAL_FILE))
    assert found == [(row(), len(whole)), (row(), 2 * len(whole) + len(damage))]
    assert list(read_rows(tmp_path / JOURNAL_FILE, found[0][1])) == found[1:]
