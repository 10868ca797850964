"""A secret of 32 bytes in a file that its owner alone may read, made where there is none, whole or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from callgate.disk import sync_folder
from callgate.errors import SettingsError

KEY_BYTES = 32


def read_key(file: Path, remedy: str) -> bytes:
    """Read a key.

    Args:
        file: it; a link is none of ours.
        remedy: what to do about one that is damaged.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        SettingsError: what is there is no key.
    """
    # A pipe would be waited for.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        key = os.read(descriptor, KEY_BYTES + 1) if is_plain else b""
    finally:
        os.close(descriptor)
    if len(key) != KEY_BYTES:
        raise SettingsError(str(file), f"is no secret of {KEY_BYTES} bytes", remedy)
    return key


def make_key(file: Path, remedy: str) -> bytes:
    """Read a key, made if there is none: the disk has it before anybody uses it.

    Several processes may ask at once; all get the same one. The arguments and errors are those of `read_key`.
    """
    with contextlib.suppress(FileNotFoundError):
        return read_key(file, remedy)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_once(file, secrets.token_bytes(KEY_BYTES), 0o600)
    return read_key(file, remedy)


def make_once(file: Path, content: bytes, mode: int) -> None:
    """Write a file where there is none, whole or not at all; when this returns, the disk has it, or another's.

    Raises:
        OSError: it cannot be written.
    """
    made = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(made, file)
    finally:
        made.unlink(missing_ok=True)
    sync_folder(file.parent)
