"""Incidents: calls that reached a carrier trunk without a grant. Each is a row of the journal; a flood is few rows."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from callgate.control.standing import StandingFile
from callgate.control.switch import Leg
from callgate.control.trunks import Trunks
from callgate.core.wire import mask
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow

ROWS_A_MINUTE = 20
"""For one trunk and cause; those beyond are one row that counts them (facts/semantics.md 15)."""
WAITING_MAX = 10_000
"""So many rows wait for a disk that takes none; what comes beyond them is counted until it does."""
WRITE_PAUSE_S = 0.5
MINUTE_S = 60
_TEXT_MAX = 120
UNGATED, SETTLED = "call.ungated", "call.settled"
_SEVERAL = "ungated:"
"""What the names of several bookings have in common."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What a leg was booked at: under which id, for how many seconds and micros."""

    hold_id: str
    seconds: int
    amount_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One leg without a grant, as it begins or, if it was answered, when it has ended and is booked.

    Fields:
        booked: None as it begins.
        cause: a code of `callgate.control.guard.Cause`.
        is_ended: whether it was hung up; False in a clinic that only observes, and where nobody knew its number.
        count: how many such legs this stands for.
    """

    at: datetime
    leg: Leg
    cause: str
    is_ended: bool
    count: int = 1
    booked: Booked | None = None


class Incidents:
    """Writes incidents down, in the background; nothing waits for the disk.

    Args:
        journal: where to.
        trunks: whose they are.
        standing: is told how many there were.
        clock: aware UTC.
    """

    def __init__(self, journal: Journal, trunks: Trunks, standing: StandingFile, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._trunks = trunks
        self._standing = standing
        self._clock = clock
        self._waiting: deque[Incident] = deque()
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._beyond: dict[tuple[str, str, str], Incident] = {}
        self._minute = 0
        self._total = 0

    def add(self, incident: Incident) -> None:
        """Take one."""
        self._total += incident.booked is None
        self._turn()
        event = UNGATED if incident.booked is None else SETTLED
        key = incident.leg.endpoint, incident.cause, event
        self._seen[key] += 1
        if self._seen[key] > ROWS_A_MINUTE or self._is_full():
            counted = self._beyond.get(key)
            self._beyond[key] = _with(counted, incident) if counted else incident
            return
        self._waiting.append(incident)
        leg, booked = incident.leg, incident.booked
        log.error(
            event,
            channel=leg.channel,
            number=mask(leg.dialled),
            cause=incident.cause,
            is_ended=incident.is_ended,
            **({"seconds": booked.seconds, "amount_micros": booked.amount_micros} if booked else {}),
        )

    async def run(self) -> None:
        """Write what came, again and again, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_PAUSE_S)
            self._turn()
            self._standing.count(self._total)
            await self.write()

    async def close(self) -> None:
        """Write everything that waits, and what was only counted, before this gate ends: the next waits for that."""
        self._waiting += self._beyond.values()
        self._beyond.clear()
        await self.write(durable=False)

    async def write(self, *, durable: bool = True) -> None:
        """Write what waits; what the disk does not take is tried again. See `Journal.write`."""
        try:
            while self._waiting:
                await self._journal.write(self._row(self._waiting[0]), durable=False)
                # The journal has it now, once, however slow the disk is, and wherever the gate's end cuts this off.
                self._waiting.popleft()
                if durable:
                    await self._journal.sync()
        except JournalError:
            log.exception("journal.failed")

    def _turn(self) -> None:
        """At the end of a minute, let what was only counted be written, too."""
        minute = int(self._clock().timestamp()) // MINUTE_S
        if minute != self._minute:
            self._minute = minute
            self._seen.clear()
            if not self._is_full():
                self._waiting += self._beyond.values()
                self._beyond.clear()

    def _is_full(self) -> bool:
        return len(self._waiting) >= WAITING_MAX

    def _row(self, incident: Incident) -> JournalRow:
        leg, booked = incident.leg, incident.booked
        return JournalRow(
            at=incident.at,
            event=UNGATED if booked is None else SETTLED,
            clinic=self._trunks.clinic_on(leg.endpoint),
            call="",
            trunk=self._trunks.name_of(leg.endpoint),
            number=mask(leg.dialled[:_TEXT_MAX]),
            grant=(leg.grant if booked is None else booked.hold_id)[:_TEXT_MAX],
            seconds=booked.seconds if booked else 0,
            amount_micros=booked.amount_micros if booked else 0,
            observed=not incident.is_ended,
            note=incident.cause,
            count=incident.count,
        )


def _with(counted: Incident, other: Incident) -> Incident:
    """Count another one of the same kind; only what they have in common is said of them."""
    booked, one, leg = other.booked, counted.leg, other.leg
    dialled = leg.dialled if leg.dialled == one.dialled else ""
    grant = leg.grant if leg.grant == one.grant else ""
    if booked is not None and counted.booked is not None:
        booked = replace(
            booked,
            hold_id=_SEVERAL,
            seconds=counted.booked.seconds + booked.seconds,
            amount_micros=counted.booked.amount_micros + booked.amount_micros,
        )
    is_ended = counted.is_ended and other.is_ended
    leg = replace(leg, dialled=dialled, grant=grant)
    return replace(other, leg=leg, is_ended=is_ended, count=counted.count + 1, booked=booked)
