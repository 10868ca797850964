"""The one writer of a journal: recovers it, appends whole records, and brings them to the disk. No asyncio here.

A file is closed at a moment when the disk has every record of it (`followed_by`): one rename, before which nothing has
happened (`callgate.journal_turn`). No row in the next file is called durable before the disk has its name, too.
"""

import base64
import errno
import fcntl
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from callgate.disk import sync_folder
from callgate.errors import JournalInUseError
from callgate.journal_file import (
    FOLLOWING_VERSION,
    HEADERS_BYTES,
    IDENTITY_BYTES,
    Damage,
    Kind,
    Record,
    chain_of,
    encode_header,
    encode_record,
    encode_turn,
    identity_of,
    is_cut_short,
    read_header,
)
from callgate.journal_files import journal_bytes, next_aside_file
from callgate.journal_reading import JournalReading
from callgate.journal_turn import NextFile, drop_next, write_whole

STEP_BYTES = 256 * 1024
"""Space is taken in such steps, so that a full disk is met before a record is begun."""
CUT_KEPT_BYTES = 4096
"""A torn end up to this long is kept in a row, a longer one in a file of its own."""
UNSYNCED_MAX_BYTES = 64 * 1024 * 1024
"""What may be kept in memory for a disk that takes nothing: days of calls."""
QUOTA_BYTES = 10 * 1024**3
"""What a journal may become where nothing else is said."""
TURN_BYTES = 64 * 1024 * 1024
"""A file is closed once it is so long."""
_COPIED_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A file that goes on from another, open and locked, with its first record in it."""

    descriptor: int
    identity: str
    record: bytes
    number: int
    written_ms: int
    closed_bytes: int


class JournalWriter:
    """A journal's file, locked for this process and recovered.

    A torn end is cut back to the last whole record. Other damage stays as it is, and the chain goes on behind it.

    Args:
        file: made where there is none.
        visit: told each whole record, in order.
        reading: where `visit` was told the beginning already; it is told only what was added since.
        quota_bytes: how much all files of the journal may take.
        begun: go on with this file, which needs no recovery.

    Attributes:
        identity: the journal's own, 32 hexadecimal digits.
        damages: what was found; the torn end too, which is gone now.
        cut: the torn end, if it was the beginning of one record and at most `CUT_KEPT_BYTES`.
        aside: the file that keeps any other torn end, whole (`aside_files`); None where there was none.
        end: the byte behind the last record; synced: up to where the disk has it.
        begun_ms: when the first record of the file was written; None where it has none.

    Raises:
        JournalInUseError: another process writes it.
        JournalError: it is of a newer callgate.
        OSError: it cannot be opened or read, or a torn end cannot be kept.
    """

    def __init__(
        self,
        file: Path,
        visit: Callable[[Record], None],
        reading: JournalReading | None = None,
        *,
        quota_bytes: int = QUOTA_BYTES,
        begun: _Begun | None = None,
    ) -> None:
        self._file = file
        self._quota_bytes = quota_bytes
        self._closed_bytes = 0
        self.damages: list[Damage] = []
        self.cut = b""
        self.aside: Path | None = None
        self.end = self.synced = self._allocated = HEADERS_BYTES
        self._number, self._chain, self._is_doubtful = 0, b"", False
        self._unsynced: list[bytes] = []
        self._is_named_for_sure = begun is None
        self.begun_ms: int | None = None
        if begun is not None:
            self._begin_with(begun)
            return
        # No link: root may purge, and the folder is the daemon's user's.
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            self._lock()
            self._recover(visit, reading or JournalReading(file))
        except BaseException:
            self.close()
            raise

    def append(self, kind: Kind, payload: bytes, written_ms: int, *, kept_bytes: int = 0) -> None:
        """Write one record behind the last one; so much of the quota is kept for others.

        Raises:
            OSError: nothing was written.
        """
        record = encode_record(kind, payload, number=self._number + 1, written_ms=written_ms, chain=self._chain)
        self._append(record, written_ms, kept_bytes)

    def _append(self, record: bytes, written_ms: int, kept_bytes: int = 0) -> None:
        if self.end + len(record) - self.synced > UNSYNCED_MAX_BYTES:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        if self._closed_bytes + self.end + len(record) > self._quota_bytes - kept_bytes:
            raise OSError(errno.EDQUOT, "it is as long as gate.journal_max_mib lets it become")
        if (lacking := self.end + len(record) - self._allocated) > 0:
            step = max(lacking, min(STEP_BYTES, self._quota_bytes - self._closed_bytes - self._allocated))
            os.posix_fallocate(self._descriptor, self._allocated, step)
            self._allocated += step
        try:
            write_whole(self._descriptor, record, self.end)
        except OSError:
            self._cut_back()
            raise
        self._number += 1
        self._chain = chain_of(record)
        self.begun_ms = written_ms if self.begun_ms is None else self.begun_ms
        self._unsynced.append(record)
        self.end += len(record)

    def flush(self) -> None:
        """Bring every record so far to the disk; may be called in a thread, one at a time.

        Raises:
            OSError: it is not known which of them the disk has.
        """
        # Meanwhile more may be appended.
        unsynced = self._unsynced.copy()
        covered = self.synced + sum(map(len, unsynced))
        try:
            if self._is_doubtful:
                # After a failed write-back the kernel takes the pages for clean, and the next one would "succeed". Read
                # back from there they might be what the disk has, not what was written.
                write_whole(self._descriptor, b"".join(unsynced), self.synced)
            os.fdatasync(self._descriptor)
            if not self._is_named_for_sure:
                sync_folder(self._file.parent)
                self._is_named_for_sure = True
        except OSError:
            self._is_doubtful = True
            raise
        self._is_doubtful = False
        del self._unsynced[: len(unsynced)]
        self.synced = covered

    @property
    def is_lost(self) -> bool:
        """Whether somebody removed, replaced or emptied the file."""
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return True
        ours = os.fstat(self._descriptor)
        # Emptied, it has grown again by what was written since, behind a hole.
        is_emptied = not os.pread(self._descriptor, HEADERS_BYTES, 0).strip(b"\0")
        return is_emptied or _inode(found) != _inode(ours)

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time to close the file: it is long, or of a month (UTC) that is over."""
        begun_ms = now_ms if self.begun_ms is None else self.begun_ms
        return self.end >= TURN_BYTES or month_of(now_ms) > month_of(begun_ms)

    def followed_by(self, following: NextFile, written_ms: int) -> "JournalWriter":
        """Go over to the file that was made ready, when the disk has all of this one; then `retire` it.

        Raises:
            OSError: it did not happen.
        """
        assert self.synced == self.end
        number = self._number + 1
        begun = _Begun(
            record=following.put_in_place(number=number, written_ms=written_ms, chain=self._chain),
            descriptor=following.descriptor,
            identity=self.identity,
            number=number,
            written_ms=written_ms,
            closed_bytes=self._closed_bytes + self.end,
        )
        return JournalWriter(self._file, _say_nothing, quota_bytes=self._quota_bytes, begun=begun)

    def make_room(self, freed_bytes: int) -> None:
        """Learn that closed files were removed."""
        self._closed_bytes -= freed_bytes

    def retire(self) -> None:
        """Close a file that another follows, and give back the room that it took in advance; in a thread."""
        self._cut_back()
        self.close()

    @property
    def cut_note(self) -> str:
        """What was cut off, for a row: it may have been whole once; "" where nothing was."""
        if self.aside is not None:
            return f"behind byte {self.end}, kept in {self.aside.name}"
        if not self.cut:
            return ""
        return f"{len(self.cut)} bytes behind byte {self.end}: {base64.b64encode(self.cut).decode()}"

    def close(self) -> None:
        """Close the file, which lets another process write it; not during a flush."""
        os.close(self._descriptor)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._in_use() from None
        # Whoever had it may have gone over to the next file since it was opened.
        if not self._file.exists() or _inode(self._file.stat()) != _inode(os.fstat(self._descriptor)):
            raise self._in_use()

    def _in_use(self) -> JournalInUseError:
        remedy = "end the other daemon, or name another folder in gate.state"
        return JournalInUseError(str(self._file), "another daemon writes it", remedy)

    def _begin_with(self, begun: _Begun) -> None:
        self._descriptor, self.identity = begun.descriptor, begun.identity
        self._number, self._chain, self.begun_ms = begun.number, chain_of(begun.record), begun.written_ms
        self._unsynced.append(begun.record)
        self.end = HEADERS_BYTES + len(begun.record)
        self._allocated, self._closed_bytes = os.fstat(self._descriptor).st_size, begun.closed_bytes

    def _recover(self, visit: Callable[[Record], None], reading: JournalReading) -> None:
        reading.go_on(visit)
        self.damages, beginning, header = reading.damages, reading.beginning, reading.header
        last, torn = reading.last_here, reading.torn
        if header is None and last is None:
            beginning = self._begin_anew(beginning, torn)
            header, _ = read_header(beginning)
            torn = None
        self.identity, self.begun_ms = identity_of(beginning), reading.begun_ms
        self._chain = header.chain if header else b""
        if last is not None:
            self._number, self.end, self._chain = last.number, last.end, last.chain
        if torn is not None:
            self._take_off(torn)
        self.synced = self.end
        self._allocated = os.fstat(self._descriptor).st_size
        drop_next(self._file)
        self._closed_bytes = journal_bytes(self._file) - self._allocated
        if header is not None and header.version == FOLLOWING_VERSION and last is None:
            self._turn_again(beginning, reading.last)

    def _turn_again(self, beginning: bytes, before: Record | None) -> None:
        """Write the first record once more: a power cut took it. Nothing behind it had been called durable."""
        number, written_ms, chain = (before.number, before.written_ms, before.chain) if before else (0, 0, bytes(16))
        self._number = number
        self._append(encode_turn(beginning, number=number + 1, written_ms=written_ms, chain=chain), written_ms)

    def _take_off(self, torn: Damage) -> None:
        """Cut the end off unasked if one write that was broken off leaves it so; keep all else whole for a person."""
        if torn.offset == self.end and torn.length <= CUT_KEPT_BYTES:
            tail = os.pread(self._descriptor, torn.length, torn.offset)
            if is_cut_short(tail):
                self.cut = tail
        if not self.cut:
            self._set_aside(self.end, torn.offset + torn.length)
        self._cut_back()

    def _begin_anew(self, beginning: bytes, torn: Damage | None) -> bytes:
        """Make a journal of what is none: it is new, or its maker was cut off, or nothing of it can be read."""
        if torn is None:
            self.cut, self.damages = beginning.rstrip(b"\0"), []
        else:
            self._set_aside(0, torn.offset + torn.length)
        return self._begin()

    def _set_aside(self, begin: int, end: int) -> None:
        aside = next_aside_file(self._file, begin)
        try:
            with aside.open("xb") as stream:
                os.fchmod(stream.fileno(), 0o640)
                for offset in range(begin, end, _COPIED_BYTES):
                    stream.write(os.pread(self._descriptor, min(_COPIED_BYTES, end - offset), offset))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            # A full disk; each row tries again.
            aside.unlink(missing_ok=True)
            raise
        sync_folder(self._file.parent)
        self.aside = aside

    def _begin(self) -> bytes:
        """Write the header of a new journal; the disk has it, and the file's name, before anything else."""
        beginning = encode_header(secrets.token_bytes(IDENTITY_BYTES))
        os.ftruncate(self._descriptor, 0)
        write_whole(self._descriptor, beginning, 0)
        os.fsync(self._descriptor)
        sync_folder(self._file.parent)
        return beginning

    def _cut_back(self) -> None:
        os.ftruncate(self._descriptor, self.end)
        self._allocated = self.end


def _say_nothing(_record: Record) -> None:
    """Nobody is to be told again."""


def month_of(instant_ms: int) -> str:
    """The month (UTC) of an instant in epoch milliseconds, such as ``2026-11``."""
    return datetime.fromtimestamp(instant_ms / 1000, UTC).strftime("%Y-%m")


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
