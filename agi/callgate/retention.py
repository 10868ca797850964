"""Keeps the keys of full numbers ready, and removes those whose time is over; once an hour, in no call's way."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow
from callgate.repeating import repeat
from callgate.sealing import KeyName, Seals, purge_keys

PAUSE_S = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What that needs.

    Fields:
        folder: of the keys.
        days: how long a full number can be read at most.
        clinics: names them.
    """

    seals: Seals
    folder: Path
    days: int
    clinics: Callable[[], Sequence[str]]
    journal: Journal
    clock: Callable[[], datetime]

    async def run(self) -> None:
        """Go on until cancelled."""
        await repeat(self.tend, PAUSE_S)

    async def tend(self) -> None:
        """Make the keys that will be needed, remove those that are due, and write down which.

        Raises:
            OSError: a key cannot be removed.
        """
        now = self.clock()
        await asyncio.to_thread(self.seals.prepare, self.clinics(), now)
        for row in purge_rows(await asyncio.to_thread(purge_keys, self.folder, now, self.days), now):
            log.info("privacy.purged", clinic=row.clinic, keys=row.note)
            try:
                await self.journal.write(row, durable=False)
            except JournalError:
                # They are gone all the same; the log has it.
                log.exception("journal.failed")


def purge_rows(removed: Sequence[KeyName], at: datetime, author: str = "") -> Iterator[JournalRow]:
    """Make the journal's rows of a purge, one for each clinic; `author` is "" for the daemon itself."""
    for clinic in dict.fromkeys(name.clinic for name in removed):
        weeks = " ".join(name.week for name in removed if name.clinic == clinic)
        note = f"{author}: {weeks}" if author else weeks
        yield JournalRow(at=at, event="privacy.purged", clinic=clinic, call="", note=note)
