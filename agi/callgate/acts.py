"""What a person did with a command, left in the state folder for the daemon, which alone writes the journal.

Root may run a command, and the folder is the daemon's user's: nothing here follows a link that is found there.
"""

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from callgate.core.sighting import Seen
from callgate.journal import Journal, JournalRow
from callgate.journal_file import PAYLOAD_MAX_BYTES
from callgate.ledger.restoration import Change, ForgetfulWitness
from callgate.ledger_memory import is_sound

FOLDER = "acts"
TAKEN_MAX = 200
"""Taken at once; the others have their turn a second later."""
_ROW, _CHANGE, _BAD = ".row", ".change", ".bad"
_EVENTS = ("ledger.", "privacy.")
_ACT_MAX_BYTES = PAYLOAD_MAX_BYTES // 2
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

log = structlog.get_logger()


class Courier(ForgetfulWitness):
    """The witness of a command: what it changes in the ledger goes into the daemon's journal."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state = state

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`.

        Where there is no state folder that may be written, the change stays with the ledger alone, and has its price
        should that ever lose it.
        """
        super().witness(clinic, seen, change)
        if change is not None:
            with contextlib.suppress(OSError):
                _leave(self._state, _CHANGE, msgspec.json.encode(change))


def leave(state: Path, row: JournalRow) -> None:
    """Leave a row for the daemon, on the disk before anybody is told that it was done.

    Raises:
        OSError: it cannot be left.
    """
    _leave(state, _ROW, msgspec.json.encode(row))


def _leave(state: Path, kind: str, content: bytes) -> None:
    name = f"{time.time_ns()}-{secrets.token_hex(4)}"
    with _opened(state, is_made=True) as folder:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(f"{name}.new", flags, 0o640, dir_fd=folder.descriptor)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if os.geteuid() == 0:
                # The daemon is another user, and must be able to read it.
                os.fchown(descriptor, folder.user, folder.group)
            stream.flush()
            os.fsync(descriptor)
        os.rename(f"{name}.new", f"{name}{kind}", src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)
        os.fsync(folder.descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """The folder of the acts, open, and whose it is."""

    descriptor: int
    user: int
    group: int


@contextmanager
def _opened(state: Path, *, is_made: bool) -> Iterator[_Folder]:
    """Open the folder; it must be one, and belong to whoever owns the state folder, or asks."""
    with contextlib.ExitStack() as ending:
        above = os.open(state, _FOLDER_FLAGS)
        ending.callback(os.close, above)
        owner, made = os.fstat(above), False
        if is_made:
            with contextlib.suppress(FileExistsError):
                os.mkdir(FOLDER, 0o750, dir_fd=above)
                made = True
        descriptor = os.open(FOLDER, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=above)
        ending.callback(os.close, descriptor)
        if made:
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.fsync(above)
        # Who asks may own it, too: in a container the folder above may be its host's.
        if os.fstat(descriptor).st_uid not in {owner.st_uid, os.geteuid()}:
            raise PermissionError(f"{state / FOLDER} does not belong to the owner of {state}")
        yield _Folder(descriptor=descriptor, user=owner.st_uid, group=owner.st_gid)


async def take(state: Path, journal: Journal) -> None:
    """Write in the journal what was left, oldest first; what is no act is put aside.

    An act is removed once the disk has it in the journal: it may be there twice after a crash, but never not at all.

    Raises:
        JournalError: it could not be written, or not for sure; the acts stay where they are.
        OSError: the folder cannot be read, or a file not removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(state, is_made=False) as folder:
        with os.scandir(folder.descriptor) as found:
            names = sorted(file.name for file in found if file.name.endswith((_ROW, _CHANGE)))
        taken = [name for name in names[:TAKEN_MAX] if await _take(folder, name, journal)]
        if taken:
            await journal.sync()
            for name in taken:
                os.unlink(name, dir_fd=folder.descriptor)
            os.fsync(folder.descriptor)


async def _take(folder: _Folder, name: str, journal: Journal) -> bool:
    """Write one act; false if it is none."""
    match _read(folder, name):
        case JournalRow() as row:
            await journal.write(row, durable=False)
        case Change() as change:
            journal.keep(change)
        case None:
            log.warning("act.unreadable", file=name)
            os.rename(name, name + _BAD, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)
            return False
    return True


def _read(folder: _Folder, name: str) -> JournalRow | Change | None:
    """Read one act: a row about a ledger or of what was done with numbers, or a sound change; else None."""
    try:
        # Not to wait for whoever writes into a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder.descriptor)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _ACT_MAX_BYTES:
            return None
        content = os.pread(descriptor, found.st_size, 0)
    finally:
        os.close(descriptor)
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        if name.endswith(_ROW):
            row = msgspec.json.decode(content, type=JournalRow)
            return row if row.event.startswith(_EVENTS) else None
        change = msgspec.json.decode(content, type=Change)
        return change if is_sound(change) else None
    return None
