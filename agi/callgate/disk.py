"""How slow the disk of the state folder is: refused and costly calls wait for it (facts/semantics.md 18)."""

import os
import time
from pathlib import Path

SLOW_MS = 60
"""Slower than this, a costly call is held up noticeably, as on many SD cards."""
_TRIALS = 50
_TRIAL_FILE = "disk.trial"
_TRIAL_BYTES = 512


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
