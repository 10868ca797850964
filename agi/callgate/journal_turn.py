"""The file that a journal goes on in when the one that is written is closed: made ready first, then put in its place.

Whatever is cut off in between, by ``kill -9`` or a power cut, leaves a journal that is whole: up to the rename nothing
has happened but that a file lies ready, and that the one that is written has a second name.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from callgate.disk import sync_folder
from callgate.journal_file import FOLLOWING_VERSION, HEADERS_BYTES, encode_header, encode_turn
from callgate.journal_files import closed_files, next_closed_file, next_file


class NextFile:
    """It, locked, with its header and its first space on the disk; removed on leaving if it was not put in place.

    Args:
        file: the journal.
        identity: the journal's, 32 hexadecimal digits.
        space_bytes: taken in advance.

    Attributes:
        descriptor: of it; whoever put it in place closes it.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, file: Path, identity: str, space_bytes: int) -> None:
        self._file, self._beginning = file, encode_header(bytes.fromhex(identity), FOLLOWING_VERSION)
        self._is_in_place = False
        self.descriptor = os.open(next_file(file), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It is one that was not used if its maker was killed.
            os.ftruncate(self.descriptor, 0)
            write_whole(self.descriptor, self._beginning, 0)
            os.posix_fallocate(self.descriptor, 0, HEADERS_BYTES + space_bytes)
            os.fsync(self.descriptor)
            if not any(closed.samefile(file) for closed in closed_files(file)):
                next_closed_file(file).hardlink_to(file)
            sync_folder(file.parent)
        except BaseException:
            self._drop()
            raise

    def put_in_place(self, *, number: int, written_ms: int, chain: bytes) -> bytes:
        """Write its first record, and give it the journal's name.

        Returns:
            The record, which is not on the disk yet; nor is the name.

        Raises:
            OSError: nothing has happened.
        """
        record = encode_turn(self._beginning, number=number, written_ms=written_ms, chain=chain)
        write_whole(self.descriptor, record, HEADERS_BYTES)
        next_file(self._file).rename(self._file)
        self._is_in_place = True
        return record

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Remove it if it is of no use."""
        if not self._is_in_place:
            self._drop()

    def _drop(self) -> None:
        drop_next(self._file)
        os.close(self.descriptor)


def drop_next(file: Path) -> None:
    """Remove what was made ready to follow a journal, and not used."""
    with contextlib.suppress(FileNotFoundError):
        next_file(file).unlink()


def write_whole(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of it.

    Raises:
        OSError: some of it may have been written.
    """
    while data:
        written = os.pwrite(descriptor, data, offset)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data, offset = data[written:], offset + written
