"""A file for its owner alone that a command writes: whole or not at all, and never over another one unasked."""

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

STANDARD_OUTPUT = ("-", "/dev/stdout")
_PIPES = (stat.S_ISFIFO, stat.S_ISCHR)
_FILES = (stat.S_ISREG, stat.S_ISLNK)


def is_taken(file: Path, *, may_replace: bool) -> bool:
    """Tell whether something stands there that must not be written over.

    Args:
        file: the place; a link counts itself, wherever it leads.
        may_replace: whether an existing file or link may go; a folder or a disk never does.
    """
    if str(file) in STANDARD_OUTPUT or _is_pipe(file) or not os.path.lexists(file):
        return False
    mode = file.lstat().st_mode
    return not (may_replace and any(is_kind(mode) for is_kind in _FILES))


@contextlib.contextmanager
def private_file(file: Path, *, may_replace: bool) -> Iterator[TextIO]:
    """Open a place to write to: a file beside it that takes its place at the end, or a pipe or terminal as it is.

    Args:
        file: the place, which is not taken; one of `STANDARD_OUTPUT` for the command's own.
        may_replace: see `is_taken`.

    Raises:
        OSError: if it cannot be written, is a pipe that nobody reads, or was taken in the meantime.
    """
    if str(file) in STANDARD_OUTPUT:
        sys.stdout.flush()
        with _text(os.dup(sys.stdout.fileno())) as stream:
            yield stream
        return
    if _is_pipe(file):
        # A pipe without a reader is an error, and does not wait for one.
        descriptor = os.open(file, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        os.set_blocking(descriptor, True)
        with _text(descriptor) as stream:
            yield stream
        return
    # Only its owner may read what this makes.
    try:
        descriptor, name = tempfile.mkstemp(prefix=".callgate-", dir=file.parent)
    except OSError as error:
        error.filename = str(file)
        raise
    made = Path(name)
    try:
        with _text(descriptor) as stream:
            yield stream
        if is_taken(file, may_replace=may_replace):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
        made.replace(file)
    finally:
        made.unlink(missing_ok=True)


def _is_pipe(file: Path) -> bool:
    return file.exists() and any(is_kind(file.stat().st_mode) for is_kind in _PIPES)


def _text(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="")
