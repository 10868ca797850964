"""What the ledger's tests are made of: rates, requests, and a bench that holds one ledger and moves its time."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from redis.asyncio import Redis

from callgate.core.hold import (
    Ceiling,
    Denial,
    DenialKind,
    Held,
    HoldRequest,
    Purse,
    RenewRequest,
    Velocity,
    Window,
)
from callgate.core.locks import Lock, LockedCalls, LockScope
from callgate.core.sighting import Ticks
from callgate.core.tariff import Rate
from callgate.ledger.base import AuditReport, LedgerBook, OrphanCharge, PurseBook, Settlement
from callgate.ledger.client import Deadlines
from callgate.ledger.keys import clinic_keys
from callgate.ledger.memory import MemoryLedger
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision

EURO = 1_000_000
CENT = 10_000
T0 = 1_800_014_400
MONTH = "2027-01"
UPTIME_S = 1000
"""How long the machine of a test has been up at T0."""

PATIENT = Deadlines(connect_s=10, free_connection_s=10, answer_s=10)
"""For tests that are about money: a busy machine must not fail them."""

PER_CALL = Rate(
    prefix="33899", label="per call", connect_micros=3 * EURO, per_minute_micros=0, first_increment_s=1, increment_s=1
)
PER_MINUTE = Rate(
    prefix="32",
    label="per minute",
    connect_micros=10 * CENT,
    per_minute_micros=60 * CENT,
    first_increment_s=60,
    increment_s=60,
)
PER_SECOND = Rate(
    prefix="41", label="per second", connect_micros=0, per_minute_micros=60 * CENT, first_increment_s=1, increment_s=1
)
THIRTY_SIX = replace(PER_SECOND, label="30/6", first_increment_s=30, increment_s=6)
THREE_MINUTES = replace(PER_SECOND, label="180/180", first_increment_s=180, increment_s=180)
FREE = replace(PER_SECOND, prefix="33800", label="free", per_minute_micros=0)

NO_LINE = Denial(kind=DenialKind.LINES, name="costly", window=None, left=0, retry_s=0)

_clinic_numbers = itertools.count(1)


def hold_id(name: str, made_at: int = T0) -> str:
    return f"pbx.boot.{name}.{made_at}"


def request(name: str = "a", clinic: str = "clinic") -> HoldRequest:
    """A call of at most a minute at 0.01 a second, counted in the purse ``costly`` without any ceiling."""
    return HoldRequest(
        clinic=clinic,
        hold_id=hold_id(name),
        supersedes="",
        rate=PER_SECOND,
        seconds=58,
        costly=True,
        slice_s=None,
        partial=False,
        purses=(Purse(name="costly"),),
        velocities=(),
        month=MONTH,
        grace_s=90,
        policy_revision=0,
    )


def sliced(rate: Rate = PER_SECOND, seconds: int = 300, slice_s: int = 60) -> HoldRequest:
    """A costly call that is granted slice by slice; the money may give out before its end."""
    return replace(request(), rate=rate, seconds=seconds, slice_s=slice_s, partial=True)


def renewal(asked: HoldRequest, number: int) -> RenewRequest:
    """The next slice of a call, on the terms of its hold."""
    return RenewRequest(
        clinic=asked.clinic,
        hold_id=asked.hold_id,
        number=number,
        seconds=asked.seconds,
        slice_s=asked.slice_s or 60,
        partial=asked.partial,
        purses=asked.purses,
        grace_s=asked.grace_s,
        policy_revision=asked.policy_revision,
    )


def costly(
    *, hour: int | None = None, day: int | None = None, week: int | None = None, lines: int | None = None
) -> tuple[Purse, ...]:
    """The purse ``costly`` with ceilings in cents."""
    limits = ((Window.HOUR, hour), (Window.DAY, day), (Window.WEEK, week))
    ceilings = tuple(Ceiling(window=window, limit_micros=cents * CENT) for window, cents in limits if cents is not None)
    return (Purse(name="costly", ceilings=ceilings, concurrent_max=lines),)


def starts(count_max: int, span_s: int, tag: str = "", *, enforced: bool = True) -> tuple[Velocity, ...]:
    return (Velocity(name="starts", count_max=count_max, span_s=span_s, tag=tag, enforced=enforced),)


def answered(name: str = "a", duration_s: int = 60) -> Settlement:
    return Settlement(clinic="clinic", hold_id=hold_id(name), answered=True, duration_s=duration_s)


def unanswered(name: str = "a") -> Settlement:
    return Settlement(clinic="clinic", hold_id=hold_id(name), answered=False, duration_s=0)


def local_call(hold_id: str, cents: int, purse: str = "national") -> Settlement:
    charge = OrphanCharge(purses=(purse,), amount_micros=cents * CENT, month=MONTH)
    return Settlement(clinic="clinic", hold_id=hold_id, answered=True, duration_s=60, orphan=charge)


def policy(revision: int = 1, document: str = "mode = 'enforce'") -> PolicyRevision:
    return PolicyRevision(
        clinic="clinic",
        revision=revision,
        author="dr.lilas",
        at=datetime(2027, 1, 15, 8, tzinfo=UTC),
        origin="cli",
        reason="congrès à Bruxelles",
        document=document,
    )


def lock(extension: str = "23", author: str = "dr.lilas", reason: str = "appels étranges") -> Lock:
    """A lock that a policy revision carries."""
    return Lock(
        scope=LockScope(calls=LockedCalls.COSTLY, extension=extension),
        until=datetime(2027, 1, 16, 8, tzinfo=UTC),
        cut=True,
        author=author,
        at=datetime(2027, 1, 15, 8, tzinfo=UTC),
        reason=reason,
    )


def no_money(left: int, retry_s: int, window: Window = Window.HOUR) -> Denial:
    return Denial(kind=DenialKind.MONEY, name="costly", window=window, left=left, retry_s=retry_s)


@dataclass(kw_only=True)
class Clocks:
    """The clocks of one gate's machine, in a test's hand: both ledgers are given it to look at.

    Fields:
        next_s: the uptime from the second look on: when an operation is answered, if it is asked with the first.
    """

    ticks: Ticks = field(default_factory=lambda: Ticks(boot="bench", uptime_s=UPTIME_S - 1, wall_s=T0))
    next_s: int | None = None

    def __call__(self) -> Ticks:
        """Look."""
        found = self.ticks
        if self.next_s is not None:
            self.ticks, self.next_s = replace(found, uptime_s=self.next_s), None
        return found


@dataclass(kw_only=True)
class Bench:
    """One ledger of either form and its time. Every request goes to this bench's own clinic, whatever it names."""

    ledger: MemoryLedger | RedisLedger
    clocks: Clocks
    client: Redis | None = None
    clinic: str = field(default_factory=lambda: f"clinic-{next(_clinic_numbers)}")

    async def begin(self) -> None:
        """Start ledger time at T0, with a first operation that gives its second away (`callgate.ledger.base`)."""
        if self.client is not None:
            # The server's own clock is behind T0: without this the ledger would begin there.
            await self.client.hset(clinic_keys(self.clinic)[0], "now", str(T0))
        await self.lapse()
        await self.at(0)

    async def at(self, second: int) -> None:
        """Move ledger time to T0 plus so many seconds: all clocks go on together."""
        self.clocks.ticks = Ticks(boot="bench", uptime_s=UPTIME_S + second, wall_s=T0 + second)

    def server_clock_falls_back(self, seconds: int) -> None:
        """Move the wall clock alone."""
        ticks = self.clocks.ticks
        self.clocks.ticks = replace(ticks, wall_s=ticks.wall_s - seconds)

    async def hold(self, asked: HoldRequest) -> object:
        return await self.ledger.hold(replace(asked, clinic=self.clinic))

    async def held(self, asked: HoldRequest) -> Held:
        outcome = await self.hold(asked)
        assert isinstance(outcome, Held), outcome
        return outcome

    async def settle(self, settlement: Settlement) -> object:
        return await self.ledger.settle(replace(settlement, clinic=self.clinic))

    async def renew(self, asked: RenewRequest) -> object:
        return await self.ledger.renew(replace(asked, clinic=self.clinic))

    async def renewed(self, asked: RenewRequest) -> Held:
        outcome = await self.renew(asked)
        assert isinstance(outcome, Held), outcome
        return outcome

    async def void(self, name: str) -> object:
        return await self.ledger.void(self.clinic, hold_id(name))

    async def lapse(self, limit: int = 100) -> object:
        return await self.ledger.lapse(self.clinic, limit)

    async def publish(self, revision: PolicyRevision, expected: int) -> object:
        return await self.ledger.publish(replace(revision, clinic=self.clinic), expected)

    async def audit(self) -> AuditReport:
        report = await self.ledger.audit(self.clinic)
        assert isinstance(report, AuditReport), report
        return report

    async def set_clock(self, to_s: int | None) -> object:
        return await self.ledger.set_clock(self.clinic, to_s)

    async def book(self) -> LedgerBook:
        book = await self.ledger.book(self.clinic)
        assert isinstance(book, LedgerBook), book
        return replace(book, wall_ahead_s=0)  # the server's own clock may tick between two looks

    async def purse(self, name: str = "costly") -> PurseBook:
        return next(purse for purse in (await self.book()).purses if purse.name == name)
