"""Somebody who has every telephone of a clinic, in simulated time: the real judge, the model ledger, real money.

Money accrues at the operator, minute by minute while calls talk, whatever the ledger thinks of it.
"""

import heapq
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import Rulebook
from callgate.core.deck import RateDeck
from callgate.core.dialling import read_dialled
from callgate.core.hold import Denied, Held
from callgate.core.hours import calendar_month, is_open
from callgate.core.judge import Reserve, judge
from callgate.core.ordinary_calls import START_GAP_S
from callgate.core.plan import NumberClass
from callgate.core.pricing import PricedDestination, decides, price_destination
from callgate.core.risk import RiskTable, assess
from callgate.core.tariff import price
from callgate.ledger.base import LapseReport, Settlement
from callgate.ledger.memory import MemoryLedger, at_second

MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One call that the attacker tries.

    Fields:
        dialled, extension, origin: as the gate sees them.
        ring_s: until the answer.
        talk_s: how long it talks, or None for as long as it may.
        answered: whether anybody answers.
        settles_in_s: how late the end is reported, or None: never, the hold lapses.
    """

    dialled: str
    extension: str = "101"
    origin: Origin = Origin.EXTENSION
    ring_s: int = 1
    talk_s: int | None = None
    answered: bool = True
    settles_in_s: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """Money that accrued at an instant (epoch second), and to whom the call went that began then and then."""

    at_s: int
    micros: int
    move: Move
    priced: PricedDestination
    begun: datetime


@dataclass(order=True, slots=True)
class _End:
    at_s: int
    settlement: Settlement = field(compare=False)


@dataclass(slots=True)
class Attack:
    """A clinic under attack; `now_s` is the clock of it all."""

    book: Rulebook
    deck: RateDeck
    risks: RiskTable
    now_s: int
    paid: list[Paid] = field(default_factory=list)
    retry_s: int = 0
    _ledger: MemoryLedger = field(init=False)
    _ends: list[_End] = field(default_factory=list)
    _line_free_s: list[int] = field(default_factory=list)
    _tries: int = 0

    def __post_init__(self) -> None:
        self._ledger = MemoryLedger(at_second(lambda: self.now_s))
        self._line_free_s = [0] * self.book.channels

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)

    def is_open_at(self, instant: datetime) -> bool:
        policy = self.book.policy
        return is_open(policy.hours, instant, policy.timezone, self.book.closed_days)

    @property
    def next_end_s(self) -> int:
        """When a call ends next; now, if none is up."""
        return max(self.now_s, self._ends[0].at_s) if self._ends else self.now_s

    async def wait_until(self, second: int) -> None:
        """Let time pass: calls that end are settled, what is never settled lapses."""
        while self._ends and self._ends[0].at_s <= second:
            end = heapq.heappop(self._ends)
            self.now_s = max(self.now_s, end.at_s)
            await self._ledger.settle(end.settlement)
        self.now_s = max(self.now_s, second)
        while True:
            report = await self._ledger.lapse(self.book.policy.clinic, 1000)
            assert isinstance(report, LapseReport)
            if not report.left:
                return

    async def call(self, move: Move) -> bool:
        """Try one call now; says whether it went."""
        priced = self.priced(move)
        lines = [line for line, free_s in enumerate(self._line_free_s) if free_s <= self.now_s]
        if not lines:
            return False
        self._tries += 1
        attempt = CallAttempt(
            passage=f"attack.{self._tries}",
            attempt=1,
            supersedes="",
            nonce="n0nce",
            clinic=self.book.policy.clinic,
            entry="callgate",
            trunk="carrier-a",
            extension=move.extension,
            caller_id="",
            dialled=move.dialled,
            origin=move.origin,
        )
        ruling = judge(attempt, priced, self.book, self.now)
        if not isinstance(ruling, Reserve):
            return False
        outcome = await self._ledger.hold(ruling.request)
        if not isinstance(outcome, Held):
            self.retry_s = (
                max((denial.retry_s for denial in outcome.denials), default=0) if isinstance(outcome, Denied) else 0
            )
            return False
        talk_s = outcome.seconds if move.talk_s is None else min(move.talk_s, outcome.seconds)
        end_s = self._talk(move, priced, talk_s if move.answered else 0, outcome.hold_id)
        self._line_free_s[lines[0]] = max(end_s, self.now_s + START_GAP_S)
        return True

    def _talk(self, move: Move, priced: PricedDestination, talk_s: int, hold_id: str) -> int:
        """Let a call that was granted run; returns when it ends."""
        answered_s = self.now_s + move.ring_s
        for minute_s in range(0, talk_s, MINUTE_S):
            until_s = min(talk_s, minute_s + MINUTE_S)
            micros = self._cost(priced, until_s) - (self._cost(priced, minute_s) if minute_s else 0)
            # Between grant and settlement, so any ceiling has it in its hold; where lines alone bind, not too early.
            at_s = answered_s + (until_s if priced.ordinary else minute_s)
            self.paid.append(Paid(at_s=at_s, micros=micros, move=move, priced=priced, begun=self.now))
        end_s = answered_s + talk_s
        if move.settles_in_s is not None:
            settlement = Settlement(
                clinic=self.book.policy.clinic, hold_id=hold_id, answered=talk_s > 0, duration_s=talk_s
            )
            heapq.heappush(self._ends, _End(end_s + move.settles_in_s, settlement))
        return end_s

    def _cost(self, priced: PricedDestination, talk_s: int) -> int:
        """What the operator takes: a freephone number without a rate of its own costs nothing."""
        destination = priced.destination
        if destination.number_class is NumberClass.FREEPHONE and not any(
            decides(row.rate, destination) for row in self.deck.rows_for(destination.number)
        ):
            return 0
        assert priced.rate is not None
        return price(priced.rate, talk_s)

    def priced(self, move: Move) -> PricedDestination:
        """Read and price a number as the gate does."""
        plan = self.book.plan
        destination = read_dialled(move.dialled, plan=plan, outside_prefix="")
        found = price_destination(
            destination,
            plan=plan,
            deck=self.deck,
            bundle=self.book.policy.bundle,
            at=self.now.astimezone(self.book.policy.timezone),
            longest_s=7200,
        )
        return replace(found, tag=f"tag{destination.number}", risk=assess(destination, plan.country, self.risks))

    def month(self, paid: Paid) -> str:
        """The calendar month whose bill it is on."""
        return calendar_month(paid.begun, self.book.policy.timezone)


def most_in_any(paid: list[Paid], seconds: int) -> int:
    """Find the most micros that accrued in any `seconds`, both ends included."""
    most = now = first = 0
    ordered = sorted(paid, key=lambda entry: entry.at_s)
    for entry in ordered:
        now += entry.micros
        while ordered[first].at_s < entry.at_s - seconds:
            now -= ordered[first].micros
            first += 1
        most = max(most, now)
    return most


def between(paid: list[Paid], first_s: int, last_s: int) -> int:
    """Add up what accrued from one second to another, both included."""
    return sum(entry.micros for entry in paid if first_s <= entry.at_s <= last_s)
