"""Gates for the tests of a ledger that loses entries: each has its own memory of it, and keeps every change."""

from dataclasses import dataclass, field, replace
from typing import Self

from redis.asyncio import Redis

from callgate.core.hold import Ceiling, FrozenCause, Held, HoldOutcome, HoldRequest, Purse, Window
from callgate.core.sighting import Seen, Ticks
from callgate.ledger.base import AuditReport, LapseReport, LedgerBook, PurseBook, Settlement
from callgate.ledger.keys import clinic_keys
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Change, Coverage, ForgetfulWitness, Restored, ThawReport
from ledger.samples import (
    CENT,
    PATIENT,
    Clocks,
    answered,
    costly,
    hold_id,
    local_call,
    policy,
    renewal,
    request,
    starts,
)

BEGUN_S = 1_735_689_600
"""2025: before any server's own clock, so that a ledger that begins anew begins at the second its gate says."""
SKIPPED = 1_000_000
RESTORED_AT_ONCE = 200
FOREVER_S = 86_400


class KeepingWitness(ForgetfulWitness):
    """A journal in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []
        self.causes: list[FrozenCause] = []

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        super().witness(clinic, seen, change)
        if change is not None:
            self.changes.append(change)

    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        super().freeze(clinic, cause)
        self.causes.append(cause)


@dataclass(kw_only=True)
class Gate:
    """One gate, its clocks and its journal, at one clinic; every request goes to this clinic, whatever it names."""

    client: Redis
    clinic: str
    name: str = "gate-a"
    clocks: Clocks = field(default_factory=Clocks)
    journal: KeepingWitness = field(default_factory=KeepingWitness)

    def __post_init__(self) -> None:
        self.ledger = RedisLedger(self.client, PATIENT, gate=self.name, witness=self.journal, clock=self.clocks)
        self.at(0)

    def at(self, second: int) -> None:
        """Move all clocks to `BEGUN_S` plus so many seconds."""
        self.clocks.ticks = Ticks(boot=self.name, uptime_s=1000 + second, wall_s=BEGUN_S + second)

    async def hold(self, asked: HoldRequest) -> HoldOutcome:
        return await self.ledger.hold(replace(asked, clinic=self.clinic))

    async def settle(self, settlement: Settlement) -> object:
        return await self.ledger.settle(replace(settlement, clinic=self.clinic))

    async def book(self) -> LedgerBook:
        book = await self.ledger.book(self.clinic)
        assert isinstance(book, LedgerBook), book
        return replace(book, wall_ahead_s=0)  # the server's own clock may tick between two looks

    async def audit(self) -> AuditReport:
        report = await self.ledger.audit(self.clinic)
        assert isinstance(report, AuditReport), report
        return report

    async def restore(self, changes: list[Change] | None = None) -> Restored:
        """Give the journal back, or these changes of it, a batch at a time."""
        records = tuple(change.records for change in (self.journal.changes if changes is None else changes))
        taken = base = 0
        for start in range(0, max(1, len(records)), RESTORED_AT_ONCE):
            restored = await self.ledger.restore(self.clinic, records[start : start + RESTORED_AT_ONCE])
            assert isinstance(restored, Restored), restored
            taken, base = taken + restored.taken, restored.base
        return Restored(taken=taken, base=base)

    async def thaw(self, base: int, price_micros: int = 0, patience_s: int = 60) -> ThawReport:
        """Say which of the lost numbers the journal has."""
        numbers = {change.sequence for change in self.journal.changes if base < change.sequence <= base + SKIPPED}
        coverage = Coverage(covered=len(numbers), highest=max(numbers, default=0))
        report = await self.ledger.thaw(self.clinic, coverage, price_micros, patience_s)
        assert isinstance(report, ThawReport), report
        return report

    async def erase(self) -> None:
        await self.client.delete(*clinic_keys(self.clinic))


@dataclass(frozen=True, kw_only=True)
class Backup:
    """All that one clinic's keys hold, as Redis dumps it; `client` must not decode replies."""

    client: Redis
    dumps: dict[str, bytes | None]

    @classmethod
    async def take(cls, client: Redis, clinic: str) -> Self:
        return cls(client=client, dumps={key: await client.dump(key) for key in clinic_keys(clinic)})

    async def put_back(self) -> None:
        for key, dump in self.dumps.items():
            await self.client.delete(key)
            if dump is not None:
                await self.client.restore(key, 0, dump)


def id_of(name: str) -> str:
    return hold_id(name, BEGUN_S)


def call(name: str = "x", *, is_costly: bool = True) -> HoldRequest:
    return replace(request(), hold_id=id_of(name), costly=is_costly)


async def early_life(gate: Gate) -> None:
    """Some calls of which every one is known to the backup."""
    await gate.ledger.publish(replace(policy(1), clinic=gate.clinic), 0)
    sliced = replace(call("long"), seconds=300, slice_s=60, grace_s=FOREVER_S, novelty="country:BE")
    assert isinstance(await gate.hold(replace(sliced, velocities=starts(2, FOREVER_S))), Held)
    for name in ("short", "lapsing", "voided", "superseded"):
        assert isinstance(await gate.hold(call(name)), Held)


async def later_life(gate: Gate) -> None:
    """What may be lost: each kind of change there is."""
    await gate.ledger.publish(replace(policy(2), clinic=gate.clinic), 1)
    sliced = replace(call("long"), clinic=gate.clinic, seconds=300, slice_s=60, grace_s=FOREVER_S)
    assert isinstance(await gate.ledger.renew(renewal(sliced, 1)), Held)
    outside = Purse(name="outside", concurrent_max=1)
    assert isinstance(await gate.ledger.renew(replace(renewal(sliced, 2), purses=(outside,))), Held)
    await gate.settle(replace(answered("short", 30), hold_id=id_of("short")))
    await gate.ledger.void(gate.clinic, id_of("voided"))
    await gate.ledger.void(gate.clinic, id_of("never-held"))
    total = Purse(name="number", ceilings=(Ceiling(window=Window.TOTAL, limit_micros=500 * CENT),))
    purses = (*costly(hour=1000), total)
    next_attempt = replace(call("next"), supersedes=id_of("superseded"), purses=purses, velocities=starts(9, FOREVER_S))
    assert isinstance(await gate.hold(next_attempt), Held)
    another = replace(call("another"), velocities=starts(9, FOREVER_S, "tag"), purses=purses, novelty="country:CH")
    assert isinstance(await gate.hold(another), Held)
    gate.at(600)
    assert isinstance(await gate.ledger.lapse(gate.clinic, 100), LapseReport)
    await gate.settle(replace(answered("next", 20), hold_id=id_of("next")))
    await gate.settle(replace(answered("another", 90), hold_id=id_of("another")))
    await gate.settle(local_call(id_of("local"), 7))
    assert isinstance(await gate.hold(call("late")), Held)


async def begin_anew(gate: Gate) -> None:
    """Another gate comes first to the store that was erased, and begins a ledger of its own there."""
    await gate.erase()
    stranger = Gate(client=gate.client, clinic=gate.clinic, name="stranger")
    await stranger.settle(local_call(id_of("strange"), 1, "strange"))


async def lose(gate: Gate, cause: FrozenCause, backup: Backup) -> None:
    match cause:
        case FrozenCause.ERASED:
            await gate.erase()
        case FrozenCause.REGRESSED:
            await backup.put_back()
        case FrozenCause.REPLACED:
            await begin_anew(gate)


def purses_of(book: LedgerBook) -> dict[str, PurseBook]:
    return {purse.name: purse for purse in book.purses if purse.name != "strange"}
