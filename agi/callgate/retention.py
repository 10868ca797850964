"""Keeps the keys of full numbers ready, and removes those whose time is over, as well as files of the journal.

The journal goes on in another file when the one that is written is long or of a month that is over: so there are files
in which everything is old enough. All that is done in no call's way.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow
from callgate.journal_purge import Due, find_due, is_doubted, remove
from callgate.journal_turn import NextFile
from callgate.journal_writer import STEP_BYTES
from callgate.lived import MONTH_DAYS, periods_lived
from callgate.repeating import repeat
from callgate.sealing import KeyName, Seals, keys_due, purge_keys

PAUSE_S = 3600.0
TURN_PAUSE_S = 60.0
"""So often it is looked whether it is time for another file."""
CALM_TRIES = 100
"""So often a moment is looked for at which nobody waits for the disk; then it is left to the next time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What that needs.

    Fields:
        folder: of the keys.
        days: how long a full number can be read at most.
        journal_days: how long a row of the journal is kept at least.
        clinics: names them.
    """

    seals: Seals
    folder: Path
    days: int
    journal_days: int
    clinics: Callable[[], Sequence[str]]
    journal: Journal
    clock: Callable[[], datetime]

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(repeat(self.tend, PAUSE_S), repeat(self.turn, TURN_PAUSE_S))

    async def turn(self) -> None:
        """Let the journal go on in another file if it is time to; see `turn`."""
        await turn(self.journal)

    async def tend(self) -> None:
        """Make the keys that will be needed, remove what is due, and write down which.

        Raises:
            JournalError: files of the journal are due, and that could not be written.
            OSError: a key or a file cannot be removed.
        """
        now = self.clock()
        await asyncio.to_thread(self.seals.prepare, self.clinics(), now)
        removed = await asyncio.to_thread(purge_keys, self.folder, now, self.days)
        if doubted := await asyncio.to_thread(keys_due, self.folder, now, self.days):
            log.warning("purge.doubted", days=self.days, keys=len(doubted))
        for row in purge_rows(removed, now):
            log.info("privacy.purged", clinic=row.clinic, keys=row.note)
            try:
                await self.journal.write(row, durable=False)
            except JournalError:
                # They are gone all the same; the log has it.
                log.exception("journal.failed")
        await purge_journal(self.journal, now, self.journal_days)


def purge_rows(removed: Sequence[KeyName], at: datetime, author: str = "") -> Iterator[JournalRow]:
    """Make the journal's rows of a purge, one for each clinic; `author` is "" for the daemon itself."""
    for clinic in dict.fromkeys(name.clinic for name in removed):
        weeks = " ".join(name.week for name in removed if name.clinic == clinic)
        note = f"{author}: {weeks}" if author else weeks
        yield JournalRow(at=at, event="privacy.purged", clinic=clinic, call="", note=note)


async def turn(journal: Journal) -> bool:
    """Let the journal go on in another file if it is time to.

    Returns:
        Whether it does; where nobody found a calm moment, it still is time the next time.

    Raises:
        JournalError: it could not be done; the journal goes on in the file it has.
        OSError: the next file could not be made.
    """
    if not journal.is_due:
        return False
    with await asyncio.to_thread(NextFile, journal.file, journal.open(), STEP_BYTES) as following:
        for _ in range(CALM_TRIES):
            await journal.sync()
            former = journal.go_over(following)
            if former is not None:
                await asyncio.to_thread(former.retire)
                log.info("journal.turned", file=str(journal.file))
                # Until the disk has the new file's name, a row in it is not durable; no call need be the first to wait.
                await journal.sync()
                return True
    return False


async def purge_journal(journal: Journal, now: datetime, days: int, author: str = "") -> Due | None:
    """Remove the files of the journal in which everything is older; the journal says so before, on the disk.

    None goes while a ledger is to be restored from them, nor by the word of a clock alone (`callgate.lived`).

    Args:
        journal: open.
        now: the instant.
        days: of age.
        author: "" for the daemon itself.

    Raises:
        JournalError: it could not be written; nothing was removed.
        OSError: a file cannot be read or removed.
    """
    before, purged = now - timedelta(days=days), journal.memory.purged
    months = periods_lived(days, MONTH_DAYS)
    if journal.memory.frozen or not journal.file.exists():
        return None
    due = await asyncio.to_thread(find_due, journal.file, before, purged, months=months)
    if due is None and await asyncio.to_thread(is_doubted, journal.file, before, months):
        log.warning("purge.doubted", days=days)
    if due is None:
        return None
    what = f"journal records {due.first} to {due.note.number}, written until {due.until:%Y-%m-%dT%H:%M:%SZ}"
    told = f"{what}, hash {due.note.chain}"
    note = f"{author}: {told}" if author else told
    await journal.forget(due.note, JournalRow(at=now, event="privacy.purged", clinic="", call="", note=note))
    await asyncio.to_thread(remove, journal.file, due)
    journal.make_room(due.size)
    log.info("journal.purged", first=due.first, last=due.note.number, until=due.until.isoformat())
    return due
