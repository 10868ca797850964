"""Two gates, one ledger that is lost again and again: nothing that was acknowledged stays lost, whatever the moment.

A life is a seed: the same seed dials, loses and mends in the same order. What was granted and what calls cost is kept
here, by the answers alone.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Frozen, Held, HoldRequest, Settled
from callgate.core.sighting import Seen
from callgate.core.tariff import price
from callgate.ledger.base import OrphanCharge, Settlement
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Change, Coverage, ThawReport
from callgate.ledger_memory import LedgerMemory
from callgate.repair import GREETING_S, PATIENCE_S, Loss, find_loss
from ledger.gates import BEGUN_S, FOREVER_S, SKIPPED, Backup, Gate, call, purses_of
from ledger.samples import CENT, PATIENT, PER_MINUTE, PER_SECOND, hold_id, local_call, renewal

LIVES = 40
STEPS = 100
PRICE_MICROS = 500 * CENT
MONTH = "2025-01"


class KeptMemory(LedgerMemory):
    """What a gate knows of a ledger, and its journal: every change, in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        super().witness(clinic, seen, change)
        if change is not None:
            self.changes.append(change)


@dataclass(kw_only=True)
class Mender:
    """One gate that mends its ledger as `callgate.repair` does."""

    gate: Gate
    memory: KeptMemory = field(default_factory=KeptMemory)
    greeted: Loss | None = None

    def __post_init__(self) -> None:
        gate = self.gate
        gate.ledger = RedisLedger(gate.client, PATIENT, gate=gate.name, witness=self.memory, clock=gate.clocks)

    async def mend(self) -> int:
        """Restore all it has, and thaw if it may; gives what was booked for what is missing, in micros."""
        clinic = self.gate.clinic
        loss = await find_loss(self.gate.ledger, self.memory, clinic)
        assert isinstance(loss, Loss)
        if self.memory.is_sound(clinic):
            # It was not waited for.
            await self.gate.restore(self.memory.changes)
            self.memory.thaw(clinic)
            return 0
        numbers = range(loss.base + 1, min(loss.highest, loss.base + SKIPPED) + 1)
        if loss != self.greeted and numbers:
            self.greeted = loss
            await self.gate.ledger.thaw(clinic, Coverage(covered=0, highest=loss.highest), 0, GREETING_S)
        await self.gate.restore(self.memory.changes)
        epoch = loss.freeze.before.epoch
        covered = {each.sequence for each in self.memory.changes if each.epoch == epoch and each.sequence in numbers}
        coverage = Coverage(covered=len(covered), highest=max(covered, default=0))
        report = await self.gate.ledger.thaw(clinic, coverage, PRICE_MICROS, PATIENCE_S)
        assert isinstance(report, ThawReport), report
        if not report.is_frozen:
            self.memory.thaw(clinic)
        return report.booked_micros


@dataclass(frozen=True, kw_only=True)
class Up:
    """A call that was granted: by whom, what was asked, the micros held, the renewals."""

    mender: Mender
    asked: HoldRequest
    micros: int
    renewals: int = 0


@dataclass(kw_only=True)
class Life:
    """What two gates and their ledger go through.

    Fields:
        up: the calls that are.
        spent_micros: what those cost that have ended.
        priced_micros: what was booked for changes that were missing.
        is_orderly: whether it is lost only when a test says so, and changes are restored in their order.
    """

    chance: Random
    binary: Redis
    menders: tuple[Mender, ...]
    second: int = 0
    up: dict[str, Up] = field(default_factory=dict)
    spent_micros: int = 0
    priced_micros: int = 0
    is_orderly: bool = False
    backups: list[Backup] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=itertools.count)

    async def step(self) -> None:
        """Do one thing; of calls that are up, if any are."""
        deeds = {
            self.hold: 40,
            self.renew: 15 * bool(self.up),
            self.end: 25 * bool(self.up),
            self.time_passes: 6,
            self.back_up: 5,
            self.lose: 4 * (not self.is_orderly),
            self.restore_again: 3 * (not self.is_orderly),
            self.mend: 5,
        }
        await self.chance.choices(list(deeds), list(deeds.values()))[0]()

    def new_id(self) -> str:
        return hold_id(f"call-{next(self.names)}", BEGUN_S + self.second)

    async def hold(self) -> None:
        mender = self.chance.choice(self.menders)
        asked = replace(call(), hold_id=self.new_id(), rate=self.chance.choice((PER_SECOND, PER_MINUTE)), month=MONTH)
        sliced = replace(asked, clinic=mender.gate.clinic, seconds=300, slice_s=60, partial=True, grace_s=FOREVER_S)
        asked = replace(sliced, costly=self.chance.random() < 0.7)
        outcome = await mender.gate.ledger.hold(asked)
        if isinstance(outcome, Held):
            self.up[asked.hold_id] = Up(mender=mender, asked=asked, micros=outcome.amount_micros)
        else:
            assert isinstance(outcome, Frozen)

    async def renew(self) -> None:
        each = self.chance.choice(list(self.up.values()))
        outcome = await each.mender.gate.ledger.renew(renewal(each.asked, each.renewals + 1))
        if isinstance(outcome, Held):
            renewed = replace(each, micros=outcome.amount_micros, renewals=each.renewals + 1)
            self.up[each.asked.hold_id] = renewed

    async def end(self) -> None:
        """Settle it, or void it if nobody answered."""
        each = self.up.pop(self.chance.choice(list(self.up)))
        ledger, clinic, name = each.mender.gate.ledger, each.mender.gate.clinic, each.asked.hold_id
        if self.chance.random() < 0.25:
            assert isinstance(await ledger.void(clinic, name), Settled)
            return
        seconds = self.chance.randrange(1, 60)
        cost = price(each.asked.rate, seconds)
        charge = OrphanCharge(purses=("costly",), amount_micros=cost, month=MONTH)
        ended = Settlement(clinic=clinic, hold_id=name, answered=True, duration_s=seconds, orphan=charge)
        assert isinstance(await ledger.settle(ended), Settled)
        self.spent_micros += cost

    async def time_passes(self) -> None:
        self.move_on(self.chance.choice((1, 5, 60)))

    def move_on(self, seconds: int) -> None:
        self.second += seconds
        for mender in self.menders:
            mender.gate.at(self.second)

    async def back_up(self) -> None:
        self.backups.append(await Backup.take(self.binary, self.menders[0].gate.clinic))

    async def lose(self) -> None:
        """Erase it, or put an old copy back, or let another begin one of its own."""
        gate = self.menders[0].gate
        match self.chance.choice(("erased", "backup", "backup", "anew")):
            case "backup" if self.backups:
                await self.chance.choice(self.backups).put_back()
            case "anew":
                await gate.erase()
                stranger = Gate(client=gate.client, clinic=gate.clinic, name="stranger")
                stranger.at(self.second)
                await stranger.settle(local_call(self.new_id(), 1, "strange"))
            case _:
                await gate.erase()

    async def restore_again(self) -> None:
        """Restore some changes twice, whatever state the ledger is in."""
        mender = self.chance.choice(self.menders)
        changes = mender.memory.changes
        some = self.chance.sample(changes, min(len(changes), 9))
        await mender.gate.restore(some * 2)

    async def mend(self) -> None:
        """Let each gate mend that knows of a loss."""
        for mender in self.chance.sample(self.menders, len(self.menders)):
            if mender.gate.clinic in mender.memory.frozen:
                self.priced_micros += await mender.mend()

    async def all_speak_and_mend(self) -> None:
        for _ in range(4):
            for mender in self.menders:
                await mender.gate.ledger.void(mender.gate.clinic, self.new_id())
            await self.mend()
            self.move_on(60)


@pytest.mark.parametrize("seed", range(LIVES))
async def test_whatever_is_lost_and_mended_when_no_acknowledged_call_stays_lost(
    client: Redis, binary: Redis, seed: int
) -> None:
    clinic = f"random-{seed}"
    menders = tuple(Mender(gate=Gate(client=client, clinic=clinic, name=name)) for name in ("gate-a", "gate-b"))
    life = Life(chance=Random(seed), binary=binary, menders=menders)
    for _ in range(STEPS):
        await life.step()
    await life.all_speak_and_mend()
    gate = menders[0].gate
    book, audit = await gate.book(), await gate.audit()
    assert (book.frozen, audit.findings) == (None, ())
    held = {hold.hold_id: hold.amount_micros for hold in book.holds}
    assert set(held) == set(life.up), "no call is lost, and none that has ended comes back"
    assert all(held[name] >= each.micros for name, each in life.up.items())
    booked = sum(month.micros for month in purses_of(book)["costly"].months)
    assert life.spent_micros <= booked <= life.spent_micros + life.priced_micros


@pytest.mark.parametrize("seed", range(LIVES))
async def test_what_was_booked_for_a_gate_that_was_away_is_all_given_back_once_it_is_there_again(
    client: Redis, binary: Redis, seed: int
) -> None:
    """Of a call that had ended, its hold and renewals once looked known, and half of the price stayed for ever."""
    clinic = f"away-{seed}"
    menders = tuple(Mender(gate=Gate(client=client, clinic=clinic, name=name)) for name in ("gate-a", "gate-b"))
    life = Life(chance=Random(seed), binary=binary, menders=menders, is_orderly=True)
    await life.back_up()
    for _ in range(STEPS // 2):
        await life.step()
    await life.lose()
    life.menders = menders[:1]
    await life.all_speak_and_mend()
    life.menders = menders
    for _ in range(STEPS // 2):
        await life.step()
    await life.all_speak_and_mend()
    book, audit = await menders[0].gate.book(), await menders[0].gate.audit()
    assert (book.frozen, audit.findings) == (None, ())
    assert {hold.hold_id for hold in book.holds} == set(life.up)
    assert sum(month.micros for month in purses_of(book)["costly"].months) == life.spent_micros
