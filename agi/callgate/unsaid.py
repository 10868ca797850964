"""Rows that no first worker has taken yet, in a file that outlives the worker that answered by them.

A file is its worker's as long as it lives: it holds a lock. What it leaves behind the first worker writes in the
journal. No fsync: a row outlives every process, however it ends, and not a power cut.

Each row stands in a frame (`callgate.letters`) of its own. The first byte of the length, else 0, says that it is taken.
"""

import asyncio
import errno
import fcntl
import os
import tempfile
from pathlib import Path

import msgspec
import structlog

from callgate.disk import open_plain
from callgate.journal import Journal, JournalRow
from callgate.journal_tally import Tally
from callgate.journal_turn import write_whole
from callgate.letters import frame

UNSAID_MAX_BYTES = 16 * 1024 * 1024
"""So long a file becomes: more than what is kept for a first worker that is away."""
# What follows may be digits: behind a letter nobody takes them for a telephone number (`callgate.screening`).
_PREFIX, _SUFFIX, _BAD = "unsaid-w", ".letters", ".bad"
_LENGTH_BYTES = 4
_TAKEN = 1
_ROWS_A_STEP = 64

log = structlog.get_logger()
_rows = msgspec.msgpack.Decoder(list[JournalRow])


class Unsaid:
    """The file of one worker, which is there only while something stands in it.

    Args:
        state: the gate's state folder.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._file: Path | None = None
        self._descriptor = -1
        # By number: where each row stands that is not taken.
        self._offsets: dict[int, int] = {}
        self._end = 0

    def keep(self, number: int, row: JournalRow) -> None:
        """Write a row down, once.

        Args:
            number: by which it will be called taken.
            row: for the journal.

        Raises:
            OSError: it could not be written, or the file is as long as it may be.
        """
        if number in self._offsets:
            return
        record = frame([row])
        if self._end + len(record) > UNSAID_MAX_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        if self._file is None:
            self._open()
        try:
            write_whole(self._descriptor, record, self._end)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            self._remove_if_done()
            raise
        self._offsets[number] = self._end
        self._end += len(record)

    def __contains__(self, number: int) -> bool:
        """Whether a row stands in it that is not taken."""
        return number in self._offsets

    def taken(self, number: int) -> None:
        """Learn that the first worker has it; the file goes with the last one.

        Raises:
            OSError: that could not be written: it may be taken once more.
        """
        offset = self._offsets.pop(number, None)
        if offset is not None:
            _mark_taken(self._descriptor, offset)
            self._remove_if_done()

    def close(self) -> None:
        """Leave what is in it to the first worker; what is kept from now on has a file of its own."""
        if self._file is not None:
            os.close(self._descriptor)
            self._file, self._end = None, 0
            self._offsets.clear()

    def _open(self) -> None:
        # Whoever looks for files that were left passes over an empty one: it is locked before anything stands in it.
        self._descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=self._state)
        self._file = Path(name)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def _remove_if_done(self) -> None:
        if self._file is not None and not self._offsets:
            self._file.unlink(missing_ok=True)
            self.close()


async def take_unsaid(state: Path, journal: Journal) -> None:
    """Write in the journal what workers left behind; in a flood a refusal is only counted.

    A row is marked as taken once it is written, before the disk has it: the file promised no more. After a crash
    between the two it may be there twice, but never not at all.

    Raises:
        JournalError: the journal took them not, or not for sure; in the first case the file stays.
        OSError: a file cannot be read, marked or removed; the others were taken.
    """
    failed: OSError | None = None
    for file in _files(state):
        try:
            with open_plain(file) as stream:
                if _is_left(stream.fileno()):
                    await _take(file, stream.read(UNSAID_MAX_BYTES), journal)
        except FileNotFoundError:
            # A worker that is there removes its own at any moment.
            continue
        except OSError as error:
            failed = error
    if failed is not None:
        raise failed


async def _take(file: Path, content: bytes, journal: Journal) -> None:
    rows, is_sound = _read(content)
    tally = Tally()
    with file.open("r+b", buffering=0) as marks:
        for number, (offset, row) in enumerate(rows):
            if not row.is_refusal or tally.has_room(row):
                await journal.write(row, durable=False)
                _mark_taken(marks.fileno(), offset)
            else:
                tally.count(row, offset)
            if number % _ROWS_A_STEP == 0:
                await asyncio.sleep(0)
        for counted in tally.take_placed():
            await journal.write(counted.row, durable=False)
            for offset in counted.places:
                _mark_taken(marks.fileno(), offset)
    log.warning("unsaid.taken", file=file.name, rows=len(rows))
    _put_away(file, is_sound=is_sound)
    await journal.sync()


def _mark_taken(descriptor: int, offset: int) -> None:
    write_whole(descriptor, bytes([_TAKEN]), offset)


def _files(state: Path) -> list[Path]:
    return sorted(state.glob(f"{_PREFIX}*{_SUFFIX}"))


def _put_away(file: Path, *, is_sound: bool) -> None:
    if is_sound:
        file.unlink()
        return
    log.error("unsaid.unreadable", file=file.name)
    file.rename(file.with_name(file.name + _BAD))


def _is_left(descriptor: int) -> bool:
    """Whether something stands in a file that is nobody's any more; it is this process's then, until it is closed."""
    if os.fstat(descriptor).st_size == 0:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(content: bytes) -> tuple[list[tuple[int, JournalRow]], bool]:
    """Read the rows that are not taken, each with its place; false where something is no row, or is cut off."""
    rows: list[tuple[int, JournalRow]] = []
    begin, is_sound = 0, True
    while begin < len(content):
        body = begin + _LENGTH_BYTES
        end = body + int.from_bytes(content[begin + 1 : body], "big")
        try:
            found = _rows.decode(content[body:end])
        except (msgspec.DecodeError, UnicodeDecodeError):
            is_sound = False
        else:
            rows += [(begin, row) for row in found if content[begin] != _TAKEN]
        begin = end
    return rows, is_sound
