"""Watches the store: may money be trusted to it, does it answer, has it lost anything; and says when that changes.

A store that may lose what it acknowledged gives a day's money twice. So costly calls are refused over one, unless the
settings accept it; ordinary calls go by their local allowance, as while it is away.

What stops no call yet, and wants a person, is a warning: a certificate that ends soon, a journal that was damaged, a
rate deck that nobody has touched for half a year, a costly call that cost more than was held.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from redis.asyncio import Redis

from callgate.bookkeeper import Bookkeeper
from callgate.journal import JournalRow, last_row
from callgate.ledger.certificate import Certificate, find_certificates
from callgate.ledger.store import SILENT, StoreFinding, check_store
from callgate.settings import Settings

CHECK_PAUSE_S = 60.0
"""A sound store is looked at so often; any other each time."""
NAMED_MAX = 3
"""So many clinics are named of those that something is wrong with."""
CONDITION = "gate.condition"
"""The event of a row whose note says what is wrong with the store from then on; "" when nothing is any more."""
WARNING = "gate.warning"
"""The same of a row about what stops no call yet."""
WARNED_BEFORE = timedelta(days=30)
"""So long before its end a certificate is warned of."""
DECK_OLD = timedelta(days=180)
"""By then an operator has changed its prices (facts/reliability.md 4, row 19)."""
_INSTANT = "%Y-%m-%d %H:%M UTC"

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
        certificates: what its servers showed when they were asked last; one that is away keeps what it showed.
        decks: when each clinic's rate deck was written.
        declared: what the journal says is wrong, by event; None until that was read.
        asked_s: when certificates and decks were looked at last.
    """

    settings: Settings = field(init=False)
    bookkeeper: Bookkeeper
    clock: Callable[[], datetime]
    certificates: dict[str, Certificate] = field(default_factory=dict)
    decks: dict[Path, datetime] = field(default_factory=dict)
    declared: dict[str, str] | None = None
    asked_s: float = field(default=-CHECK_PAUSE_S)

    def __post_init__(self) -> None:
        """Ask of the store what the bookkeeper's settings ask."""
        self.settings = self.bookkeeper.settings

    async def look(self) -> None:
        """Look at it, and write down what began or ended.

        Raises:
            JournalError: the row could not be written; it will be.
        """
        await self.check()
        await self._look_ahead()
        if self.declared is None:
            self.declared = await asyncio.to_thread(self._said_before)
        for event, found in ((CONDITION, self._wrong()), (WARNING, self._warnings())):
            note = "; ".join(found)
            if note == self.declared[event]:
                continue
            row = JournalRow(at=self.clock(), event=event, clinic="", call="", note=note)
            await self.bookkeeper.journal.write(row, durable=False)
            (log.error if note else log.info)(event, note=note)
            self.declared[event] = note

    async def _look_ahead(self) -> None:
        now_s = self.monotonic()
        if now_s - self.asked_s >= CHECK_PAUSE_S:
            self.asked_s = now_s
            self.certificates |= {found.server: found for found in await find_certificates(self.client)}
            shelf = self.bookkeeper.shelf
            files = {shelf.clinic(name).rates.file for name in shelf.names()}
            self.decks = await asyncio.to_thread(_written, files)

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

    def _warnings(self) -> Iterator[str]:
        now = self.clock()
        for found in self.certificates.values():
            if found.ends is None:
                yield f"the certificate of {found.server} is not taken: {found.problem}; give it another"
            elif found.ends - now < WARNED_BEFORE:
                tense = "ends" if found.ends > now else "has ended"
                yield f"the certificate of {found.server} {tense} on {found.ends:{_INSTANT}}: renew it"
        for file, written in self.decks.items():
            if now - written > DECK_OLD:
                yield f"the rate deck {file} is as it was on {written:%Y-%m-%d}: compare it with the operator's prices"
        if self.bookkeeper.overran:
            yield f"more was spent than was held, so Asterisk cut too late: {', '.join(self.bookkeeper.overran)}"
        for damage in self.bookkeeper.journal.damages:
            place = f"record {damage.number}, byte {damage.offset}"
            yield f"the journal was damaged at {place} ({damage.flaw.value}): callgate journal verify"

    def _said_before(self) -> dict[str, str]:
        """What an earlier run left declared."""
        file = self.bookkeeper.journal.file
        rows = {event: last_row(file, event) if file.exists() else None for event in (CONDITION, WARNING)}
        return {event: "" if row is None else row.note for event, row in rows.items()}


def _written(files: Collection[Path]) -> dict[Path, datetime]:
    """When they were, in the order of their names; one that is away is told of elsewhere."""
    there = sorted(file for file in files if file.exists())
    return {file: datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in there}


def _named(clinics: Collection[str]) -> str:
    """Name the first of them, and count the rest."""
    first, rest = sorted(clinics)[:NAMED_MAX], len(clinics) - NAMED_MAX
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
