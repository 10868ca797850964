"""A disk whose power is cut, that is slow, or that is full, under a Redis that acknowledges holds meanwhile.

Needs a C compiler: ``disk.c`` stands between redis-server and the C library.
"""

import asyncio
import itertools
import subprocess
import time
from pathlib import Path
from random import Random

from callgate.core.hold import Held, HoldRequest, Purse
from callgate.core.tariff import Rate
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import Deadlines, connect
from callgate.ledger.redis import RedisLedger

CLINIC = "practice"
CALLERS = 16
PATIENT = Deadlines(connect_s=10, free_connection_s=10, answer_s=10)
RATE = Rate(prefix="32", label="", connect_micros=0, per_minute_micros=600_000, first_increment_s=1, increment_s=1)


def compile_disk(folder: Path) -> Path:
    """Compile ``disk.c``.

    Returns:
        The library to be put before others (LD_PRELOAD).
    """
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run(["gcc", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


class Callers:
    """Callers that ask for one hold after the other until the store does not answer any more.

    Args:
        url: of the store.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count()
        # Hold id -> when it was acknowledged, in seconds of the monotonic clock.
        self.acknowledged: dict[str, float] = {}

    async def call(self) -> None:
        """Ask until the end."""
        async with connect(self._url, PATIENT) as client:
            ledger = RedisLedger(client, PATIENT)
            await asyncio.gather(*(self._call(ledger) for _ in range(CALLERS)))

    async def lost(self) -> list[str]:
        """Name the acknowledged holds that the ledger does not have."""
        async with connect(self._url, PATIENT) as client:
            book = await RedisLedger(client, PATIENT).book(CLINIC)
        assert isinstance(book, LedgerBook), book
        kept = {hold.hold_id for hold in book.holds}
        return [hold_id for hold_id in self.acknowledged if hold_id not in kept]

    async def _call(self, ledger: RedisLedger) -> None:
        while isinstance(outcome := await ledger.hold(_request(next(self._numbers))), Held):
            self.acknowledged[outcome.hold_id] = time.monotonic()


def cut_power(folder: Path, synced: Path, chance: Random) -> None:
    """Take from the files of a dead store what had not reached the disk, or, as disks do, only some of it.

    Args:
        folder: of the store.
        synced: where ``disk.c`` wrote down what had.
        chance: how much of the rest the disk had written all the same.
    """
    for file in (folder / "appendonlydir").iterdir():
        record = synced / str(file.stat().st_ino)
        kept = int(record.read_text("ascii")) if record.exists() else 0
        with file.open("r+b") as opened:
            opened.truncate(kept + int((file.stat().st_size - kept) * chance.random()))


def _request(number: int) -> HoldRequest:
    return HoldRequest(
        clinic=CLINIC,
        hold_id=f"pbx.boot.{number}.{int(time.time())}",
        supersedes="",
        rate=RATE,
        seconds=58,
        costly=True,
        slice_s=None,
        partial=False,
        purses=(Purse(name="costly"),),
        velocities=(),
        month="2026-11",
        grace_s=3600,
        policy_revision=0,
    )
