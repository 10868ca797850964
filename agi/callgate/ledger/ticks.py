"""The clocks of this machine, read for each operation: how long it has been up, what its wall clock says, who keeps it.

The time since the boot is elapsed time that this machine can prove; the wall clock is believed only while a time server
keeps it (core/sighting.py).
"""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from callgate.core.sighting import Ticks

SYNCED_FOR_S = 60
"""How long a time server must have kept the wall clock before it is believed."""
LOOK_EVERY_S = 1

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5
_STA_UNSYNC = 0x40


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2) as far as it is read; the rest is shorter than this on any machine."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def boot_id(file: Path = _BOOT_ID) -> str:
    """Name this boot of the machine; where the kernel does not tell, this process, which proves no more than its life.

    Args:
        file: where the kernel tells it, random(4).
    """
    try:
        return file.read_text("ascii").strip()
    except OSError:
        return str(uuid4())


def is_wall_kept() -> bool:
    """Say whether a time server keeps the wall clock, by adjtimex(2); False where the kernel cannot tell."""
    try:
        timex = _Timex()
        state: int = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return False
    return is_kept(state, timex.status)


def is_kept(state: int, status: int) -> bool:
    """Read what adjtimex(2) answered: its return value (negative: refused) and its status bits."""
    return 0 <= state < _TIME_ERROR and not status & _STA_UNSYNC


class MachineClocks:
    """The clocks of one machine, and since when its wall clock has been kept.

    Args:
        boot: the name of this boot.
        uptime: seconds since the boot, sleep included.
        wall: epoch seconds.
        is_kept: whether a time server keeps the wall clock; asked at most every `LOOK_EVERY_S`.
    """

    def __init__(
        self, *, boot: str, uptime: Callable[[], float], wall: Callable[[], float], is_kept: Callable[[], bool]
    ) -> None:
        self._boot = boot
        self._uptime = uptime
        self._wall = wall
        self._is_kept = is_kept
        self._look_at = uptime()
        self._kept_since: float | None = None

    def read(self) -> Ticks:
        """Look at all of them once."""
        uptime = self._uptime()
        if uptime >= self._look_at:
            self._look_at = uptime + LOOK_EVERY_S
            self._look(uptime)
        is_synced = self._kept_since is not None and uptime - self._kept_since >= SYNCED_FOR_S
        return Ticks(boot=self._boot, uptime_s=int(uptime), wall_s=int(self._wall()), is_synced=is_synced)

    def _look(self, uptime: float) -> None:
        if not self._is_kept():
            self._kept_since = None
        elif self._kept_since is None:
            self._kept_since = uptime


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


_CLOCKS = MachineClocks(boot=boot_id(), uptime=_boot_seconds, wall=time.time, is_kept=is_wall_kept)


def machine_ticks() -> Ticks:
    """Look at the clocks of this machine; a few microseconds."""
    return _CLOCKS.read()
