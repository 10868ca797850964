"""The one writer of a journal file: recovers it, appends whole records, brings them to the disk. No asyncio here."""

import errno
import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from callgate.errors import JournalError, JournalInUseError
from callgate.journal_file import (
    HEADERS_BYTES,
    IDENTITY_BYTES,
    VERSION,
    Damage,
    Flaw,
    Header,
    Kind,
    Record,
    chain_of,
    encode_header,
    encode_record,
    identity_of,
    is_cut_short,
    read_header,
    scan,
)

STEP_BYTES = 256 * 1024
"""Space is taken in such steps, so that a full disk is met before a record is begun."""
CUT_KEPT_BYTES = 4096
"""A torn end up to this long is kept in a row, a longer one in a file of its own."""
UNSYNCED_MAX_BYTES = 64 * 1024 * 1024
"""What may be kept in memory for a disk that takes nothing: days of calls."""
QUOTA_BYTES = 10 * 1024**3
"""What a journal may become where nothing else is said."""
_ASIDE = ".torn-"
_COPIED_BYTES = 1024 * 1024


class JournalReading:
    """How far a journal was read: what is added since is read later, by the writer that takes the file over.

    Attributes:
        beginning: its first 64 bytes; header: what they say, None where neither copy is whole.
        last: the last whole record; None where there is none.
        damages: what was found.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found = (0, 0)
        self.beginning = b""
        self.header: Header | None = None
        self.last: Record | None = None
        self.damages: list[Damage] = []

    def go_on(self, visit: Callable[[Record], None]) -> None:
        """Read to the end as it is now, while another process may write on; `visit` is told each whole record.

        Raises:
            JournalError: it is of a newer callgate.
            OSError: it cannot be read.
        """
        with self._file.open("rb") as stream:
            self._found = _inode(os.fstat(stream.fileno()))
            self.beginning = stream.read(HEADERS_BYTES)
            self.header, _ = read_header(self.beginning)
            if self.header is not None and self.header.version != VERSION:
                remedy = "install that version, or name another folder in gate.state"
                problem = f"it has format {self.header.version}, of a newer callgate"
                raise JournalError(str(self._file), problem, remedy)
            # What was torn may be whole by now; without any record everything is looked at again.
            self.damages = [damage for damage in self.damages if self.last and damage.flaw is not Flaw.TORN]
            for found in scan(stream, behind=self.last):
                match found:
                    case Record():
                        visit(found)
                        self.last = found
                    case Damage():
                        self.damages.append(found)

    @property
    def is_current(self) -> bool:
        """Whether what was read is still there: nobody removed, replaced or emptied the file."""
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return False
        return _inode(found) == self._found and found.st_size >= (self.last.end if self.last else 0)


class JournalWriter:
    """A journal file, locked for this process and recovered.

    A torn end is cut back to the last whole record. Other damage stays as it is, and the chain goes on behind it.

    Args:
        file: made where there is none.
        visit: told each whole record, in order.
        reading: where `visit` was told the beginning already; it is told only what was added since.
        quota_bytes: how long it may become.

    Attributes:
        identity: the journal's own, 32 hexadecimal digits.
        damages: what was found; the torn end too, which is gone now.
        cut: the torn end, if it was the beginning of one record and at most `CUT_KEPT_BYTES`.
        aside: the file that keeps any other torn end, whole (`aside_files`); None where there was none.
        end: the byte behind the last record; synced: up to where the disk has it.

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
    ) -> None:
        self._file = file
        self._quota_bytes = quota_bytes
        self.damages: list[Damage] = []
        self.cut = b""
        self.aside: Path | None = None
        self.end = self.synced = self._allocated = HEADERS_BYTES
        self._number, self._chain, self._is_doubtful = 0, b"", False
        self._unsynced: list[bytes] = []
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
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
        if self.end + len(record) - self.synced > UNSYNCED_MAX_BYTES:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        if self.end + len(record) > self._quota_bytes - kept_bytes:
            raise OSError(errno.EDQUOT, "it is as long as gate.journal_max_mib lets it become")
        if (lacking := self.end + len(record) - self._allocated) > 0:
            step = max(lacking, STEP_BYTES)
            os.posix_fallocate(self._descriptor, self._allocated, step)
            self._allocated += step
        try:
            self._write(record, self.end)
        except OSError:
            self._cut_back()
            raise
        self._number += 1
        self._chain = chain_of(record)
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
                self._write(b"".join(unsynced), self.synced)
            os.fdatasync(self._descriptor)
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

    def close(self) -> None:
        """Close the file, which lets another process write it; not during a flush."""
        os.close(self._descriptor)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "end the other daemon, or name another folder in gate.state"
            raise JournalInUseError(str(self._file), "another daemon writes it", remedy) from None

    def _write(self, data: bytes, offset: int) -> None:
        while data:
            written = os.pwrite(self._descriptor, data, offset)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            data, offset = data[written:], offset + written

    def _recover(self, visit: Callable[[Record], None], reading: JournalReading) -> None:
        reading.go_on(visit)
        self.damages, beginning, header, last = reading.damages, reading.beginning, reading.header, reading.last
        torn = self.damages[-1] if self.damages and self.damages[-1].flaw is Flaw.TORN else None
        if header is None and last is None:
            beginning = self._begin_anew(beginning, torn)
            header, _ = read_header(beginning)
            torn = None
        self.identity = identity_of(beginning)
        self._chain = header.chain if header else b""
        if last is not None:
            self._number, self.end, self._chain = last.number, last.end, last.chain
        if torn is not None:
            self._take_off(torn)
        self.synced = self.end
        self._allocated = os.fstat(self._descriptor).st_size

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
        aside = _aside_file(self._file, begin)
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
        self._sync_folder()
        self.aside = aside

    def _begin(self) -> bytes:
        """Write the header of a new journal; the disk has it, and the file's name, before anything else."""
        beginning = encode_header(secrets.token_bytes(IDENTITY_BYTES))
        os.ftruncate(self._descriptor, 0)
        self._write(beginning, 0)
        os.fsync(self._descriptor)
        self._sync_folder()
        return beginning

    def _sync_folder(self) -> None:
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _cut_back(self) -> None:
        os.ftruncate(self._descriptor, self.end)
        self._allocated = self.end


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def aside_files(file: Path) -> list[Path]:
    """The ends that were cut off a journal and wait for a person to look at them, beside it."""
    return sorted(found for found in file.parent.iterdir() if found.name.startswith(file.name + _ASIDE))


def _aside_file(file: Path, begin: int) -> Path:
    """A name that nothing has yet."""
    number = len(aside_files(file)) + 1
    while (aside := file.with_name(f"{file.name}{_ASIDE}{number}-at-{begin}")).exists():
        number += 1
    return aside
