"""What the gate asks of a disk: plain files alone, names that are there for sure, and how slow it is.

Refused and costly calls wait for the disk of the state folder (facts/semantics.md 18).
"""

import errno
import os
import stat
import time
from pathlib import Path
from typing import BinaryIO

SLOW_MS = 60
"""Slower than this, a costly call is held up noticeably, as on many SD cards."""
_TRIALS = 50
_TRIAL_FILE = "disk.trial"
_TRIAL_BYTES = 512


def open_plain(file: Path) -> BinaryIO:
    """Open a file to read it, if it is one: a pipe that somebody put there would be waited for, for ever.

    Raises:
        OSError: it cannot be opened, or is a pipe, a folder or a device.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file; remove it", str(file))
    return os.fdopen(descriptor, "rb")


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: it is not known to have them.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_p99_ms(folder: Path) -> int:
    """Measure 50 writes with their fdatasync; takes a second or more on a slow disk.

    Returns:
        The 99th percentile in whole milliseconds, rounded up: with 50 it is the slowest.

    Raises:
        OSError: the folder cannot be written.
    """
    file = folder / _TRIAL_FILE
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        slowest_ns = max(_trial(descriptor, number) for number in range(_TRIALS))
    finally:
        os.close(descriptor)
        file.unlink()
    return -(-slowest_ns // 1_000_000)


def _trial(descriptor: int, number: int) -> int:
    began = time.monotonic_ns()
    os.pwrite(descriptor, bytes(_TRIAL_BYTES), number * _TRIAL_BYTES)
    os.fdatasync(descriptor)
    return time.monotonic_ns() - began
