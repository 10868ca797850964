"""The files in which the dialplan counts what it lets go without a verdict, and who removes them.

Asterisk writes them in the folder of the spool (``[callgate-allowance]`` of asterisk-conf/road.conf). Calls need no
lock between them: an append is whole, and the length of a file is the count. Of each clinic there are

* ``allowance-CLINIC-calls-PERIOD``: a line of `LINE_BYTES` for each call, ``NONCE.EPOCH.MARKS``; MARKS is what it may
  have back, ``0000`` once it had;
* ``allowance-CLINIC-spent-HOUR``: a byte for each mark that was set aside in the hour;
* ``allowance-CLINIC-back-HOUR``: a byte for each mark of these that was given back.

A mark is a small part of the money that the hour has (`Marks`). Hours and periods are counted from the epoch and begin
anew after `NAMES` of them, so that there is an end of names; the gate removes what is old long before that.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from callgate.core.policy_tables import Allowance

LINE_BYTES = 64
"""It divides the page of a file: nobody ever sees half a line."""
MARKS_MAX = 4000
"""What Asterisk makes a string of in one step is at most 4,095 bytes long."""
NAMES = 366 * 24
HOUR_S = 3600
KEPT_S = 8 * 86_400
"""Longer than any period (a policy's longest is a week), from the last call that was written."""
TIDY_PAUSE_S = HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The money of an hour in whole marks.

    Fields:
        micros: what a mark is worth.
        most: how many of them an hour has; -1 where no call may go at all, be it for nothing.
    """

    micros: int
    most: int

    @classmethod
    def of(cls, allowance: Allowance) -> Self:
        """Divide it: `most` marks are never worth more than the allowance's total."""
        micros = max(1, -(-allowance.total // MARKS_MAX))
        return cls(micros=micros, most=allowance.total // micros if allowance.calls else -1)


def place_of_counts(spool: str) -> str:
    """Give what the paths of all these files begin with.

    Args:
        spool: path of the spool, which lies in a folder that Asterisk and the gate alone may write.
    """
    return str(Path(spool).parent / "allowance-")


@dataclass(kw_only=True)
class AllowanceFiles:
    """Removes what no call can count in any more.

    Fields:
        spool: path of the spool.
        clock: what time it is.
        next_s: when it looks again, epoch seconds; its own.
    """

    spool: str
    clock: Callable[[], datetime]
    next_s: float = 0

    async def tidy(self) -> None:
        """Look once an hour. A file that is gone meanwhile, or that the folder does not give away, is let be.

        Raises:
            OSError: the folder cannot be read.
        """
        now_s = self.clock().astimezone(UTC).timestamp()
        if now_s >= self.next_s:
            self.next_s = now_s + TIDY_PAUSE_S
            await asyncio.to_thread(_remove_old, Path(place_of_counts(self.spool)), now_s - KEPT_S)


def _remove_old(prefix: Path, before_s: float) -> None:
    for file in prefix.parent.glob(prefix.name + "*"):
        with contextlib.suppress(OSError):
            if file.lstat().st_mtime < before_s:
                file.unlink()
