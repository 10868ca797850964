"""Simulated time, one for all processes of a soak: faster than the machine's, with jumps; and clocks made from it.

What every process must know at once lies in files that are mapped into memory: a `Board` each.
"""

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from callgate.core.sighting import Ticks

EPOCH_MS = 1_701_388_800_000
"""When simulated time begins, 2023-12-01: long ago, so that the server's own clock is always ahead of it."""

_SLOTS = 256


class Board:
    """A few numbers in a file, written by one process and read by all; a reader never sees half a change.

    Args:
        path: the file; made if it is not there, all numbers 0.
        numbers: how many.
    """

    def __init__(self, path: Path, numbers: int) -> None:
        self._layout = struct.Struct(f"<{numbers}d")
        size = 1 + _SLOTS * self._layout.size
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    def read(self) -> tuple[float, ...]:
        return self._layout.unpack_from(self._map, 1 + self._map[0] * self._layout.size)

    def write(self, *numbers: float) -> None:
        # Into the next slot, which nobody reads yet; one byte then turns all readers to it.
        slot = (self._map[0] + 1) % _SLOTS
        self._layout.pack_into(self._map, 1 + slot * self._layout.size, *numbers)
        self._map[0] = slot


class Time(Protocol):
    """Simulated time."""

    def now_ms(self) -> int:
        """Tell it, in milliseconds since the epoch."""


class SteppedTime:
    """Simulated time of one process, which alone moves it."""

    def __init__(self) -> None:
        self._now_ms = EPOCH_MS

    def now_ms(self) -> int:
        return self._now_ms

    def jump(self, by_ms: int) -> None:
        self._now_ms += by_ms


class RunningTime:
    """Simulated time of many processes: it runs, and one of them may make it jump or stand.

    Args:
        path: where all look.
        speed: simulated seconds in one of the machine's; only the first says it.
    """

    def __init__(self, path: Path, speed: float = 0) -> None:
        # Simulated milliseconds at an instant of the monotonic clock, that instant, and the speed since.
        self._board = Board(path, 3)
        if speed:
            self._board.write(EPOCH_MS, time.monotonic(), speed)

    def now_ms(self) -> int:
        return self._at(time.monotonic())

    def jump(self, by_ms: int) -> None:
        base_ms, since_s, speed = self._board.read()
        self._board.write(base_ms + by_ms, since_s, speed)

    def run_at(self, speed: float) -> None:
        """Let it run at another speed from now on."""
        monotonic_s = time.monotonic()
        self._board.write(self._at(monotonic_s), monotonic_s, speed)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let it stand for the length of a block."""
        speed = self._board.read()[2]
        self.run_at(0)
        yield
        self.run_at(speed)

    def _at(self, monotonic_s: float) -> int:
        base_ms, since_s, speed = self._board.read()
        return int(base_ms + (monotonic_s - since_s) * 1000 * speed)


@dataclass(frozen=True, slots=True)
class Machine:
    """The clocks of the machine on which the gates run: uptime goes on whatever the wall clock does. No time server.

    Fields:
        name: its own.
        time: what they are made from.
        board: number of this boot, its instant in ms, seconds that the wall clock is wrong.
    """

    name: str
    time: Time
    board: Board

    def boot(self) -> None:
        """Switch it on; an earlier boot ends, and the wall clock is right."""
        number = self.board.read()[0]
        self.board.write(number + 1, self.time.now_ms(), 0)

    def set_wall(self, wrong_s: int) -> None:
        """Make the wall clock jump to where it is wrong by so many seconds."""
        number, booted_ms, _ = self.board.read()
        self.board.write(number, booted_ms, wrong_s)

    def ticks(self) -> Ticks:
        """Look at its clocks."""
        now_ms = self.time.now_ms()
        number, booted_ms, wrong_s = self.board.read()
        return Ticks(
            boot=f"{self.name}-{number:.0f}",
            uptime_s=int(now_ms - booted_ms) // 1000,
            wall_s=now_ms // 1000 + int(wrong_s),
        )
