"""Watches the store: may money be trusted to it, does it answer, has it lost anything; and says when that changes.

A store that may lose what it acknowledged gives a day's money twice. So costly calls are refused over one, unless the
settings accept it; ordinary calls go by their local allowance, as while it is away.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime

import structlog
from redis.asyncio import Redis

from callgate.bookkeeper import Bookkeeper
from callgate.journal import JournalRow, last_row
from callgate.ledger.store import SILENT, StoreFinding, check_store
from callgate.settings import Settings

CHECK_PAUSE_S = 60.0
"""A sound store is looked at so often; any other each time."""
NAMED_MAX = 3
"""So many clinics are named of those that something is wrong with."""
CONDITION = "gate.condition"
"""The event of a row whose note says what is wrong with the store from then on; "" when nothing is any more."""

log = structlog.get_logger()


@dataclass(kw_only=True)
class StoreTrust:
    """Whether money may be trusted to the store. `check` is called every second.

    Fields:
        client: the store itself.
        settings: what is asked of it.
        monotonic: seconds that only go forward.
        findings: what made the store unsafe at the last look; None until it was looked at.
        looked_s: when the store was looked at last.
    """

    client: Redis
    settings: Settings
    monotonic: Callable[[], float] = time.monotonic
    findings: tuple[StoreFinding, ...] | None = None
    looked_s: float = field(default=-CHECK_PAUSE_S)

    def is_trusted(self) -> bool:
        """Whether a call may have money set aside. Costs nothing: it says what was found at the last look."""
        return self.findings == () or self.settings.gate.unsafe_store == "accept"

    async def check(self) -> None:
        """Look at the store. One that does not answer is what it was: without an answer nothing is held anyway."""
        now_s = self.monotonic()
        if self.findings == () and now_s - self.looked_s < CHECK_PAUSE_S:
            return
        self.looked_s = now_s
        found = await check_store(self.client, self.settings.gate.redis_replicas)
        is_silent = any(finding.setting == SILENT for finding in found)
        if is_silent and self.findings == ():
            return
        for finding in found if found != self.findings else ():
            log.warning("store.unsafe", **asdict(finding))
        self.findings = found


@dataclass(kw_only=True)
class StoreWatch(StoreTrust):
    """What is wrong with the store now, said and written down. `look` is called every second.

    Fields:
        bookkeeper: knows whose ledger did not answer; its journal gets a row when something begins or ends.
        clock: the instant for that row.
        declared: what the journal says is wrong; None until that was read.
    """

    settings: Settings = field(init=False)
    bookkeeper: Bookkeeper
    clock: Callable[[], datetime]
    declared: str | None = None

    def __post_init__(self) -> None:
        """Ask of the store what the bookkeeper's settings ask."""
        self.settings = self.bookkeeper.settings

    async def look(self) -> None:
        """Look at it, and write down what began or ended.

        Raises:
            JournalError: the row could not be written; it will be.
        """
        await self.check()
        if self.declared is None:
            self.declared = await asyncio.to_thread(self._said_before)
        wrong = "; ".join(self._wrong())
        if wrong == self.declared:
            return
        row = JournalRow(at=self.clock(), event=CONDITION, clinic="", call="", note=wrong)
        await self.bookkeeper.journal.write(row, durable=False)
        (log.error if wrong else log.info)(CONDITION, note=wrong)
        self.declared = wrong

    def _wrong(self) -> Iterator[str]:
        for finding in self.findings or ():
            if finding.setting != SILENT or not self.bookkeeper.silent:
                yield finding.sentence()
        if self.bookkeeper.silent:
            cause = next(iter(self.bookkeeper.silent.values()))
            yield f"no answer ({cause}): {_named(self.bookkeeper.silent)}"
        if frozen := self.bookkeeper.journal.memory.frozen:
            cause = next(iter(frozen.values())).cause.value
            yield f"frozen ({cause}): {_named(frozen)}"

    def _said_before(self) -> str:
        """What an earlier run left declared."""
        file = self.bookkeeper.journal.file
        row = last_row(file, CONDITION) if file.exists() else None
        return "" if row is None else row.note


def _named(clinics: Collection[str]) -> str:
    """Name the first of them, and count the rest."""
    first, rest = sorted(clinics)[:NAMED_MAX], len(clinics) - NAMED_MAX
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
