"""The file of a worker that answered without a first one: the next first one has every row of it, whole and once."""

import os
import resource
import signal
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callgate import unsaid
from callgate.core.reasons import Reason
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow, read_rows
from callgate.journal_tally import KIND_ROWS_MAX
from callgate.unsaid import Unsaid, take_unsaid

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def row(call: str, event: str = "call.refused") -> JournalRow:
    return JournalRow(at=AT, event=event, clinic="lilas", call=call, reasons=(Reason.COUNTRY_REFUSED,))


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def file_of(folder: Path) -> Path:
    (file,) = folder.glob("unsaid-*")
    return file


def calls(journal: Journal) -> list[str]:
    return [row.call for row, _ in read_rows(journal.file)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path)
    opened.open()
    yield opened
    opened.close()


async def test_what_a_worker_left_is_in_the_journal_and_its_file_is_gone(tmp_path: Path, journal: Journal) -> None:
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    one.keep(2, row("b", "call.granted"))
    one.keep(1, row("a"))
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600, "its owner only"
    one.close()
    await take_unsaid(tmp_path, journal)
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a", "b"]
    assert files(tmp_path) == [journal.file]


async def test_the_file_of_a_worker_that_lives_is_its_own(tmp_path: Path, journal: Journal) -> None:
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == []
    one.taken(1)
    one.taken(2)
    assert files(tmp_path) == [journal.file], "it goes with the last row"
    one.keep(3, row("c"))
    one.close()
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["c"], "and comes again"


async def test_what_the_first_worker_has_taken_is_not_written_once_more(tmp_path: Path, journal: Journal) -> None:
    one = Unsaid(tmp_path)
    for number, call in enumerate("abc"):
        one.keep(number, row(call))
    one.taken(1)
    one.close()
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a", "c"]


@pytest.mark.parametrize("cut", [1, 100, -1], ids=["within the length", "within the row", "at its last byte"])
async def test_of_a_row_that_was_cut_off_nothing_is_written(tmp_path: Path, journal: Journal, cut: int) -> None:
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    whole = file_of(tmp_path).stat().st_size
    one.keep(2, row("b"))
    one.close()
    os.truncate(file_of(tmp_path), whole + cut % whole)
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a"]
    assert file_of(tmp_path).suffix == ".bad", "nobody can tell it from one whose length was damaged"


@pytest.mark.parametrize("is_taken", [False, True])
@pytest.mark.parametrize(
    ("damage", "found"),
    [((1, 0xFF), ""), ((3, 0x01), ""), ((b"lilas", 0xFF), "12"), ((b"reasons", 0xFF), "012")],
    ids=["a length beyond the file", "another length", "what is no text", "no reason"],
)
async def test_one_bad_byte_stops_no_worker_and_no_row_goes_without_a_trace(
    tmp_path: Path, journal: Journal, *, damage: tuple[int | bytes, int], found: str, is_taken: bool
) -> None:
    """The first worker ended on a text that is none, and each that replaced it; rows behind a long one were removed."""
    one = Unsaid(tmp_path)
    for number in range(3):
        one.keep(number, row(str(number)))
    if is_taken:
        one.taken(0)
    one.close()
    file = file_of(tmp_path)
    content, (place, bad) = bytearray(file.read_bytes()), damage
    content[place if isinstance(place, int) else content.index(place)] = bad
    file.write_bytes(content)
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == [name for name in found if not (is_taken and name == "0")]
    assert [left.suffix for left in files(tmp_path) if left != journal.file] == [".bad"] * (found != "012")


async def test_a_file_with_something_else_in_it_is_put_aside(tmp_path: Path, journal: Journal) -> None:
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    file = file_of(tmp_path)
    whole = file.read_bytes()
    one.keep(2, row("b"))
    one.close()
    file.write_bytes(whole + b"\0\0\0\1\xc1" + file.read_bytes()[len(whole) :])
    await take_unsaid(tmp_path, journal)
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a", "b"], "what stands behind it, too"
    assert file_of(tmp_path).name == file.name + ".bad"


async def test_of_a_flood_that_was_left_most_are_counted_together(tmp_path: Path, journal: Journal) -> None:
    one = Unsaid(tmp_path)
    for number in range(100):
        one.keep(number, row(str(number)))
    one.close()
    await take_unsaid(tmp_path, journal)
    written = [row for row, _ in read_rows(journal.file)]
    assert len(written) == KIND_ROWS_MAX + 1
    assert sum(row.count for row in written) == 100


async def test_the_file_stays_until_the_journal_takes_its_rows(tmp_path: Path) -> None:
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    one.close()
    full = Journal(tmp_path, quota_bytes=0)
    with pytest.raises(JournalError):
        await take_unsaid(tmp_path, full)
    full.close()
    journal = Journal(tmp_path)
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a"]
    journal.close()


def test_after_a_file_that_was_full_the_next_one_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never kept a row again: its end was taken for that of the file which was gone."""
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    monkeypatch.setattr(unsaid, "UNSAID_MAX_BYTES", file_of(tmp_path).stat().st_size)
    one.taken(1)
    one.keep(2, row("b"))
    assert 2 in one
    one.close()


async def test_what_finds_no_room_in_the_file_leaves_nothing_in_it(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    monkeypatch.setattr(unsaid, "UNSAID_MAX_BYTES", file_of(tmp_path).stat().st_size)
    with pytest.raises(OSError, match="too large"):
        one.keep(2, row("b"))
    one.close()
    await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a"]


def test_a_disk_that_takes_no_row_keeps_no_file(tmp_path: Path) -> None:
    one = Unsaid(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            one.keep(1, row("a"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert files(tmp_path) == []


async def test_a_file_that_cannot_be_read_keeps_no_other_from_being_taken(tmp_path: Path, journal: Journal) -> None:
    """One that somebody had made as root stood before all others, and what they said was never written down."""
    (tmp_path / "unsaid-w0.letters").mkdir()
    one = Unsaid(tmp_path)
    one.keep(1, row("a"))
    one.close()
    with pytest.raises(OSError, match="no plain file"):
        await take_unsaid(tmp_path, journal)
    assert calls(journal) == ["a"]


@pytest.mark.parametrize("refusals", [6, 100], ids=["a row each", "most counted together"])
async def test_what_a_journal_took_before_it_was_full_it_does_not_take_again(tmp_path: Path, refusals: int) -> None:
    one = Unsaid(tmp_path)
    for number in range(refusals):
        one.keep(number, row(str(number)))
    one.close()
    full = Journal(tmp_path, quota_bytes=3000)
    for _ in range(2):
        with pytest.raises(JournalError):
            await take_unsaid(tmp_path, full)
    assert 0 < len(calls(full)) < refusals
    full.close()
    journal = Journal(tmp_path)
    await take_unsaid(tmp_path, journal)
    assert sum(row.count for row, _ in read_rows(journal.file)) == refusals
    journal.close()


async def test_counted_rows_that_a_journal_took_before_it_was_full_are_not_written_again(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two extensions in a flood one was counted twice."""
    one = Unsaid(tmp_path)
    for number in range(100):
        one.keep(number, msgspec.structs.replace(row(str(number)), extension=str(number % 2)))
    one.close()
    write = journal.write

    async def until_one_is_counted(written: JournalRow, *, durable: bool) -> None:
        if any(found.count > 1 for found, _ in read_rows(journal.file)):
            raise JournalError("journal.cgj", "it is full", "make room")
        await write(written, durable=durable)

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write", until_one_is_counted)
        with pytest.raises(JournalError):
            await take_unsaid(tmp_path, journal)
    await take_unsaid(tmp_path, journal)
    assert sum(row.count for row, _ in read_rows(journal.file)) == 100


async def test_what_is_in_the_journal_is_not_taken_again_though_its_file_cannot_be_removed(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written into the journal once more every six seconds, for as long as the file stayed."""
    one = Unsaid(tmp_path)
    for number in range(100):
        one.keep(number, row(str(number)))
    one.close()
    with monkeypatch.context() as forbidden:
        forbidden.setattr(Path, "unlink", _forbidden)
        for _ in range(2):
            with pytest.raises(PermissionError):
                await take_unsaid(tmp_path, journal)
    await take_unsaid(tmp_path, journal)
    assert sum(row.count for row, _ in read_rows(journal.file)) == 100
    assert files(tmp_path) == [journal.file]


def _forbidden(_file: Path) -> None:
    raise PermissionError
