"""Both ledgers side by side: whatever happens, in whatever order and how often, they answer alike, as promised.

The machine keeps its own list of what every call really cost and when. It knows nothing of buckets, so that a rule that
is wrong in both ledgers is still found (facts/reliability.md, M15).
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from callgate.core.hold import (
    Ceiling,
    Denied,
    Gone,
    Held,
    HoldRequest,
    Purse,
    RenewRequest,
    Settled,
    SettleState,
    Velocity,
    Window,
)
from callgate.core.sighting import Ticks
from callgate.core.tariff import price
from callgate.ledger.base import AuditReport, ClockSet, LapseReport, LedgerBook, PurseBook, Settlement
from callgate.ledger.client import connect
from callgate.ledger.keys import clinic_keys
from callgate.ledger.memory import MemoryLedger
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Coverage, Restored, ThawReport
from callgate.ledger.validity import KEPT_S
from ledger.gates import BEGUN_S, RESTORED_AT_ONCE, SKIPPED, KeepingWitness
from ledger.samples import (
    CENT,
    FREE,
    PATIENT,
    PER_CALL,
    PER_MINUTE,
    PER_SECOND,
    Clocks,
    local_call,
    policy,
    request,
)
from redis_server import RedisServer

SPANS_S = {Window.HOUR: 3600, Window.DAY: 86_400, Window.WEEK: 604_800}
LEAPS_S = (1, 30, 59, 60, 61, 900, 3541, 3600, 3660, 20_000, 86_000, 90_000, 604_800, 8 * 86_400)
"""Some just short of a window and some just past it, counted from within a bucket."""

Answer = TypeVar("Answer")
earlier_calls = st.integers(0, 11)
limits = st.sampled_from((0, 50, 100, 300, 301, 1000, 3000)).map(lambda cents: cents * CENT)
ceilings = st.lists(
    st.builds(
        Ceiling, window=st.sampled_from(Window), limit_micros=limits, enforced=st.sampled_from((True, True, False))
    ),
    max_size=3,
    unique_by=lambda ceiling: ceiling.window,
).map(tuple)
purses = st.lists(
    st.builds(
        Purse,
        name=st.sampled_from(("costly", "international", "extension:101")),
        ceilings=ceilings,
        concurrent_max=st.sampled_from((None, None, 1, 3)),
    ),
    max_size=3,
    unique_by=lambda purse: purse.name,
).map(tuple)
velocities = st.lists(
    st.builds(
        Velocity,
        name=st.sampled_from(("starts", "distinct")),
        count_max=st.integers(0, 4),
        span_s=st.sampled_from((60, 900, 86_400)),
        tag=st.sampled_from(("", "x", "y", "z")),
        enforced=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda velocity: velocity.name,
).map(tuple)

_clinic_numbers = itertools.count(1)


new_requests = st.builds(
    replace,
    st.just(request()),
    rate=st.sampled_from((PER_SECOND, PER_MINUTE, PER_CALL, FREE)),
    seconds=st.sampled_from((1, 58, 59, 300, 1800, 7200)),
    costly=st.booleans(),
    slice_s=st.sampled_from((None, None, 30, 60)),
    partial=st.booleans(),
    purses=purses,
    novelty=st.sampled_from(("", "", "country:BE", "country:CH")),
    velocities=velocities,
    month=st.sampled_from(("2027-01", "2027-02")),
    policy_revision=st.sampled_from((0, 0, 1, 2)),
)


class LedgersSideBySide(RuleBasedStateMachine):
    """Every rule does one thing to both ledgers and compares the answers; then the whole books are compared."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.clinic = f"side-by-side-{next(_clinic_numbers)}"
        self.clocks = Clocks(ticks=Ticks(boot="boot-0", uptime_s=999, wall_s=BEGUN_S))
        self.ledger_s = self.furthest_s = BEGUN_S
        self.runner = asyncio.Runner()
        self.client = connect(self.url, PATIENT)
        self.journal = KeepingWitness()
        self.redis = RedisLedger(self.client, PATIENT, witness=self.journal, clock=self.clocks)
        self.ledgers = (MemoryLedger(self.clocks), self.redis)
        self.numbers = itertools.count(1)
        self.asked: list[HoldRequest] = []
        self.granted: dict[str, tuple[HoldRequest, Held]] = {}
        self.counting: dict[str, set[str]] = {}
        self.charges: dict[str, list[tuple[int, int]]] = {}
        self.local_charges: list[tuple[int, int]] = []
        self.renewals: dict[str, int] = {}
        self.lapsed_at: dict[str, int] = {}
        self.published = 0
        self.was_set_back = False

    def teardown(self) -> None:
        try:
            self.lose_everything_and_restore_it()
        finally:
            self.runner.run(self.client.aclose())
            self.runner.close()

    @initialize()
    def begin(self) -> None:
        self.lapse(1)
        self.clocks.ticks = replace(self.clocks.ticks, uptime_s=1000)

    @rule(asked=new_requests, previous=st.none() | earlier_calls)
    def hold(self, asked: HoldRequest, previous: int | None) -> None:
        name = f"pbx.boot.{next(self.numbers)}.{self.ledger_s}"
        supersedes = "" if previous is None else self.earlier(previous)
        self.ask(replace(asked, clinic=self.clinic, hold_id=name, supersedes=supersedes))

    @precondition(lambda self: self.asked)
    @rule(which=earlier_calls)
    def hold_again(self, which: int) -> None:
        asked = self.asked[-1 - which % len(self.asked)]
        if self.is_remembered(asked):
            self.ask(asked)

    @precondition(lambda self: self.granted)
    @rule(which=earlier_calls)
    def name_another_call(self, which: int) -> None:
        asked, _ = list(self.granted.values())[-1 - which % len(self.granted)]
        if self.is_remembered(asked):
            assert self.both(lambda ledger: ledger.hold(replace(asked, grace_s=asked.grace_s + 1))) == Gone()

    @precondition(lambda self: self.granted)
    @rule(
        which=earlier_calls,
        skipped=st.sampled_from((0, 0, 0, -1, 1)),
        seconds=st.sampled_from((58, 300, 1800, 7200)),
        slice_s=st.sampled_from((30, 60, 600)),
        partial=st.booleans(),
        now_in_force=st.none() | purses,
    )
    def renew(
        self,
        *,
        which: int,
        skipped: int,
        seconds: int,
        slice_s: int,
        partial: bool,
        now_in_force: tuple[Purse, ...] | None,
    ) -> None:
        asked, held = list(self.granted.values())[-1 - which % len(self.granted)]
        next_number = self.renewals.get(asked.hold_id, 0) + 1
        renewal = RenewRequest(
            clinic=self.clinic,
            hold_id=asked.hold_id,
            number=max(1, next_number + skipped),
            seconds=seconds,
            slice_s=slice_s,
            partial=partial,
            purses=asked.purses if now_in_force is None else now_in_force,
            grace_s=asked.grace_s,
            policy_revision=0,
        )
        live = {hold.hold_id for hold in self.book().holds}
        outcome = self.both(lambda ledger: ledger.renew(renewal))
        assert not isinstance(outcome, Held) or asked.hold_id in live
        if isinstance(outcome, Held) and renewal.number == next_number:
            assert outcome.seconds >= held.seconds
            self.renewals[asked.hold_id] = renewal.number
            self.granted[asked.hold_id] = (asked, outcome)
            self.count(asked.hold_id, renewal.purses, held.amount_micros)
        elif isinstance(outcome, Denied):
            assert asked.hold_id in live

    def is_remembered(self, asked: HoldRequest) -> bool:
        """An id that ended is forgotten 8 days later, also if time is set back then; the gate never asks so late."""
        return self.furthest_s - int(asked.hold_id.rpartition(".")[2]) <= KEPT_S

    @rule(which=earlier_calls, answered=st.booleans(), duration_s=st.integers(0, 4000))
    def settle(self, which: int, duration_s: int, *, answered: bool) -> None:
        hold_id = self.earlier(which)
        settlement = Settlement(clinic=self.clinic, hold_id=hold_id, answered=answered, duration_s=duration_s)
        settled = self.both(lambda ledger: ledger.settle(settlement))
        assert isinstance(settled, Settled)
        if settled.state in {SettleState.DONE, SettleState.OVERRUN}:
            asked, held = self.granted[hold_id]
            cost = price(asked.rate, duration_s) if answered else 0
            assert settled.amount_micros == cost
            assert (settled.state is SettleState.OVERRUN) is (cost > held.amount_micros)
            self.charge(hold_id, held, cost)

    @rule(window=st.sampled_from(tuple(SPANS_S)))
    def spend_all_that_is_left(self, window: Window) -> None:
        """Drive the limits to their last cent: only then does a wrong sum show."""
        ceiling = Ceiling(window=window, limit_micros=300 * CENT)
        asked = replace(request(), seconds=7200, partial=True, purses=(Purse(name="costly", ceilings=(ceiling,)),))
        self.ask(replace(asked, clinic=self.clinic, hold_id=f"pbx.boot.{next(self.numbers)}.{self.ledger_s}"))

    @rule(window=st.sampled_from(tuple(SPANS_S)), early_s=st.integers(-60, 60))
    def spend_again_as_the_window_closes(self, window: Window, early_s: int) -> None:
        """Money spent in the last second of a bucket must still count at the last second of its window."""
        self.time_passes(21_599 - self.ledger_s % 21_600)
        self.spend_all_that_is_left(window)
        self.settle(0, 300, answered=True)
        self.time_passes(SPANS_S[window] - early_s)
        self.spend_all_that_is_left(window)

    @rule(window=st.sampled_from(tuple(SPANS_S)), late_s=st.sampled_from((60, 3700, 90_000)))
    def spend_again_after_a_late_refund(self, window: Window, late_s: int) -> None:
        """A refund must not make room that the window never had (facts/reliability.md 0.11)."""
        self.spend_all_that_is_left(window)
        self.time_passes(7500)
        self.lapse(100)
        self.time_passes(late_s)
        self.settle(0, 1, answered=True)
        self.spend_all_that_is_left(window)

    @rule(cents=st.integers(0, 500), epoch_s=st.sampled_from((0, 8 * 86_400, 8 * 86_400 + 1)))
    def settle_a_local_call(self, cents: int, epoch_s: int) -> None:
        hold_id = f"local:{next(self.numbers)}.{self.ledger_s - epoch_s}"
        settled = self.both(lambda ledger: ledger.settle(replace(local_call(hold_id, cents), clinic=self.clinic)))
        if settled == Settled(state=SettleState.ORPHAN, amount_micros=cents * CENT):
            self.local_charges.append((self.ledger_s, cents * CENT))

    @rule(which=earlier_calls)
    def void(self, which: int) -> None:
        hold_id = self.earlier(which)
        self.both(lambda ledger: ledger.void(self.clinic, hold_id))

    @rule()
    def void_before_the_hold(self) -> None:
        hold_id = f"pbx.boot.{next(self.numbers)}.{self.ledger_s}"
        assert self.both(lambda ledger: ledger.void(self.clinic, hold_id)) == Settled(
            state=SettleState.ORPHAN, amount_micros=0
        )
        self.ask(replace(request(), clinic=self.clinic, hold_id=hold_id))
        assert hold_id not in self.granted

    @rule(limit=st.sampled_from((1, 2, 100)))
    def lapse(self, limit: int) -> None:
        report = self.both(lambda ledger: ledger.lapse(self.clinic, limit))
        assert isinstance(report, LapseReport)
        for hold_id in report.lapsed:
            self.lapsed_at[hold_id] = self.ledger_s
            self.charges[hold_id] = [(self.ledger_s, self.granted[hold_id][1].amount_micros)]

    @rule()
    def publish(self) -> None:
        self.published += 1
        revision = replace(policy(self.published), clinic=self.clinic)
        self.both(lambda ledger: ledger.publish(revision, self.published - 1))

    @rule(leap_s=st.sampled_from(LEAPS_S))
    def time_passes(self, leap_s: int) -> None:
        ticks = self.clocks.ticks
        self.clocks.ticks = replace(ticks, uptime_s=ticks.uptime_s + leap_s, wall_s=ticks.wall_s + leap_s)
        self.read_time()

    @rule(jump_s=st.sampled_from((86_400, -2 * 86_400, 40 * 86_400)))
    def the_wall_clock_jumps(self, jump_s: int) -> None:
        """Nobody keeps it right, so that nothing moves."""
        ticks, before_s = self.clocks.ticks, self.ledger_s
        self.clocks.ticks = replace(ticks, wall_s=ticks.wall_s + jump_s, is_synced=False)
        self.read_time()
        assert self.ledger_s == before_s
        self.lapse(100)
        self.clocks.ticks = ticks

    @rule(night_s=st.sampled_from((59, 60, 43_200, 3 * 86_400)), is_synced=st.booleans())
    def the_machine_is_off_for_a_night(self, night_s: int, *, is_synced: bool) -> None:
        self.void_before_the_hold()  # a change: what was proven until now is kept
        ticks = self.clocks.ticks
        boot = f"boot-{next(self.numbers)}"
        self.clocks.ticks = Ticks(boot=boot, uptime_s=30, wall_s=ticks.wall_s + night_s, is_synced=is_synced)
        self.read_time()
        self.lapse(100)
        self.clocks.ticks = replace(self.clocks.ticks, is_synced=False)

    @rule(by_s=st.sampled_from((3600, 90_000, -3600, -60_000)))
    def a_person_sets_the_clock(self, by_s: int) -> None:
        """Back only once: what is forgotten 8 days after its end must not come into a window again."""
        if by_s < 0 and self.was_set_back:
            return
        self.was_set_back = self.was_set_back or by_s < 0
        found = self.both(lambda ledger: ledger.set_clock(self.clinic, self.ledger_s + by_s))
        assert found == ClockSet(before_s=self.ledger_s, after_s=self.ledger_s + by_s)
        self.read_time()
        self.lapse(100)

    @rule(which=st.sets(st.integers(0, 99), max_size=20), seed=st.integers(0, 99))
    def restore_what_is_there(self, which: set[int], seed: int) -> None:
        # The model has no such operation, and must have heard of the time as late as the other.
        self.lapse(1)
        changes = [change.records for number, change in enumerate(self.journal.changes) if number % 100 in which]
        random.Random(seed).shuffle(changes)
        restored = self.runner.run(self.redis.restore(self.clinic, tuple(changes[:RESTORED_AT_ONCE])))
        assert isinstance(restored, Restored)
        assert restored.taken == 0

    def lose_everything_and_restore_it(self) -> None:
        """Erase the ledger; what comes back, in any order, is what was there."""
        before = self.book()
        changes = [change.records for change in self.journal.changes] * 2
        random.Random(len(changes)).shuffle(changes)

        async def restore() -> LedgerBook:
            keys = clinic_keys(self.clinic)
            await self.client.delete(*keys)
            await self.client.hset(keys[0], "now", str(self.ledger_s))
            for start in range(0, max(1, len(changes)), RESTORED_AT_ONCE):
                records = tuple(changes[start : start + RESTORED_AT_ONCE])
                assert isinstance(await self.redis.restore(self.clinic, records), Restored)
            coverage = Coverage(covered=before.sequence, highest=before.sequence)
            assert before.sequence <= SKIPPED
            report = await self.redis.thaw(self.clinic, coverage, 10**6, 0)
            assert report == ThawReport(is_frozen=False, missing=0, booked_micros=0)
            audit = await self.redis.audit(self.clinic)
            assert isinstance(audit, AuditReport)
            assert audit.findings == ()
            book = await self.redis.book(self.clinic)
            assert isinstance(book, LedgerBook)
            return book

        after = self.runner.run(restore())
        assert after.holds == before.holds
        assert moved(after) == moved(before)
        assert after.policy_revision == before.policy_revision

    @invariant()
    def the_books_agree_and_add_up(self) -> None:
        book = self.book()
        audit = self.both(lambda ledger: ledger.audit(self.clinic))
        assert isinstance(audit, AuditReport)
        assert audit.findings == ()
        for purse in book.purses:
            live = [hold.amount_micros for hold in book.holds if self.counts(purse.name, hold.hold_id)]
            assert (purse.live, purse.held_micros) == (len(live), sum(live))
            charged = sum(amount for _, amount in self.charges_of(purse.name))
            assert sum(month.micros for month in purse.months) == charged

    def ask(self, asked: HoldRequest) -> None:
        live = {hold.hold_id for hold in self.book().holds}
        outcome = self.both(lambda ledger: ledger.hold(asked))
        if asked not in self.asked:
            self.asked.append(asked)
        if isinstance(outcome, Held) and asked.hold_id in live:
            assert outcome == self.granted[asked.hold_id][1]
        elif isinstance(outcome, Held):
            assert asked.hold_id not in self.granted
            self.granted[asked.hold_id] = (asked, outcome)
            self.count(asked.hold_id, asked.purses, 0)

    def count(self, hold_id: str, purses: tuple[Purse, ...], before_micros: int) -> None:
        """Note which purses count a call from now on, and that none of them is over a limit by it."""
        counting = self.counting.setdefault(hold_id, set())
        new = {purse.name for purse in purses} - counting
        counting |= new
        amount_micros = self.granted[hold_id][1].amount_micros
        for purse in purses:
            is_new = purse.name in new
            self.never_over_the_limit(purse, amount_micros - (0 if is_new else before_micros), is_new=is_new)

    def never_over_the_limit(self, purse: Purse, added_micros: int, *, is_new: bool) -> None:
        live = {hold.hold_id for hold in self.book().holds}
        holding = [self.granted[hold_id][1] for hold_id in live if self.counts(purse.name, hold_id)]
        assert not is_new or purse.concurrent_max is None or len(holding) <= purse.concurrent_max
        for ceiling in purse.ceilings:
            if ceiling.enforced and added_micros > 0 and ceiling.window in SPANS_S:
                since_s = self.ledger_s - SPANS_S[ceiling.window]
                spent = sum(amount for at_s, amount in self.charges_of(purse.name) if at_s > since_s)
                assert spent + sum(each.amount_micros for each in holding) <= ceiling.limit_micros

    def charge(self, hold_id: str, held: Held, cost: int) -> None:
        """Note when money was really spent: a lapse spent it then, and only what was not known yet is spent now."""
        if hold_id not in self.lapsed_at:
            self.charges[hold_id] = [(self.ledger_s, cost)]
            return
        at_lapse = min(cost, held.amount_micros)
        self.charges[hold_id] = [(self.lapsed_at[hold_id], at_lapse), (self.ledger_s, cost - at_lapse)]

    def charges_of(self, purse: str) -> list[tuple[int, int]]:
        if purse == "national":
            return self.local_charges
        counting = (charges for hold_id, charges in self.charges.items() if self.counts(purse, hold_id))
        return list(itertools.chain.from_iterable(counting))

    def counts(self, purse: str, hold_id: str) -> bool:
        return purse in self.counting[hold_id]

    def earlier(self, which: int) -> str:
        """One that was asked for; none that may be forgotten, if time was set back since: see `is_remembered`."""
        asked = self.asked[-1 - which % len(self.asked)] if self.asked else None
        if asked is None or (self.ledger_s < self.furthest_s and not self.is_remembered(asked)):
            return f"unknown.{self.ledger_s}"
        return asked.hold_id

    def both(self, operation: Callable[[MemoryLedger | RedisLedger], Awaitable[Answer]]) -> Answer:
        async def ask() -> list[Answer]:
            return [await operation(ledger) for ledger in self.ledgers]

        expected, found = self.runner.run(ask())
        assert found == expected
        return expected

    def book(self) -> LedgerBook:
        """Show both; each has its own epoch, and its own server's clock."""

        async def ask() -> list[LedgerBook]:
            books = [await ledger.book(self.clinic) for ledger in self.ledgers]
            return [replace(book, epoch="", wall_ahead_s=0) for book in books if isinstance(book, LedgerBook)]

        expected, found = self.runner.run(ask())
        assert found == expected
        return expected

    def read_time(self) -> None:
        self.ledger_s = int(self.book().now.timestamp())
        self.furthest_s = max(self.furthest_s, self.ledger_s)


def moved(book: LedgerBook) -> dict[str, PurseBook]:
    """The purses that ever counted anything; one whose calls were all voided may not come back."""
    found = (replace(purse, months=tuple(month for month in purse.months if month.micros)) for purse in book.purses)
    return {purse.name: purse for purse in found if purse.live or purse.months or purse.total_micros}


@pytest.mark.usefixtures("server_has_the_walls_clock")
def test_two_ledgers_that_live_through_the_same_calls_agree_on_every_cent(redis_server: RedisServer) -> None:
    print(f"Redis {redis_server.version}")
    machine = type("Machine", (LedgersSideBySide,), {"url": redis_server.url})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=100, stateful_step_count=50, deadline=None, report_multiple_bugs=False)
    )
