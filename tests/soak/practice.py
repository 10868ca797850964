"""One gate and its calls: it asks the ledger, lets calls be up at simulated instants, and settles them.

A passage is a generator that gives the instant at which it goes on. Many of them are under way at once, and any of them
may be ended by SIGKILL between any two lines: the diary is written before what follows from it.
"""

import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from callgate.core.hold import Denied, Gone, Held, RenewOutcome, Settled, SettleOutcome, Unavailable
from callgate.ledger.base import Ledger
from soak import wire
from soak.clocks import Machine
from soak.diary import Asked, Closed, Dialled, Diary, Lost, Renewed, Story
from soak.plans import CLINIC, GRACE_S, RING_MS, VETO_MS, Plan, draw, settlement

AGAIN_MS = 20_000
"""When what was not acknowledged is tried again."""
LAPSE_LIMIT = 100


_Answer = TypeVar("_Answer")


class SurpriseError(AssertionError):
    """The ledger answered what it never should have in this soak."""


@dataclass(kw_only=True)
class Practice:
    """One gate.

    Fields:
        name: of this life of the gate; hold ids begin with it, so each life has its own.
        ledger: where the money is.
        machine: whose clocks it looks at.
        diary: what really happened.
        chance: draws the plans.
        late_share: how many settlements come after their hold has lapsed.
        is_closing: whether no new passage begins, and what would be settled too late is lost.
        is_cut_off: whether the ledger did not answer the last time.
        operations: how many were asked of the ledger.
    """

    name: str
    ledger: Ledger
    machine: Machine
    diary: Diary
    chance: Random
    late_share: float = 0.08
    is_closing: bool = False
    is_cut_off: bool = False
    operations: int = 0

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._stepping = 0
        # When it goes on, a number that makes each entry different, and the passage.
        self._agenda: list[tuple[int, int, AsyncIterator[int]]] = []
        for story in self.diary.stories.values():
            if story.booked_micros is None and not story.is_lost:
                self._put_down(self._now(), self._close(story))

    @property
    def is_over(self) -> bool:
        """Whether every passage has ended."""
        return not self._agenda and not self._stepping

    async def step(self) -> bool:
        """Take one step of a passage that is due, or begin one; False if there is nothing to do now."""
        passage = self._due()
        if passage is None and self.is_closing:
            return False
        if passage is None and self.chance.random() < 0.03:
            await self.sweep()
            return True
        passage = passage or self._passage(draw(self.chance, self.late_share))
        self._stepping += 1
        due_ms = await anext(passage, None)
        self._stepping -= 1
        if due_ms is not None:
            self._put_down(due_ms, passage)
        return True

    async def sweep(self) -> None:
        """Do what the gate does in the background."""
        await self._operate(self.ledger.lapse(CLINIC, LAPSE_LIMIT))
        await self.ledger.void_doubtful()

    async def _operate(self, operation: Awaitable[_Answer | Unavailable]) -> _Answer | Unavailable:
        self.operations += 1
        answer = await operation
        self.is_cut_off = isinstance(answer, Unavailable)
        return answer

    def _now(self) -> int:
        return self.machine.time.now_ms()

    def _due(self) -> AsyncIterator[int] | None:
        return heapq.heappop(self._agenda)[2] if self._agenda and self._agenda[0][0] <= self._now() else None

    def _put_down(self, due_ms: int, passage: AsyncIterator[int]) -> None:
        heapq.heappush(self._agenda, (due_ms, next(self._numbers), passage))

    async def _passage(self, plan: Plan) -> AsyncIterator[int]:
        previous: Story | None = None
        for attempt in range(1, plan.attempts + 1):
            story, held = await self._ask(plan, previous)
            if previous is not None:
                self._leave(previous, is_released=held is not None)
            if held is None:
                if story.booked_micros is None:
                    self._put_down(self._now(), self._close(story))
                return
            is_last = attempt == plan.attempts
            self._dial(plan, story, held, is_answered=is_last and plan.is_answered)
            if is_last:
                async for due_ms in self._talk(plan, story, held):
                    yield due_ms
                self._put_down(self._now(), self._close(story))
            else:
                yield self._now() + plan.ring_ms
                previous = story

    def _leave(self, previous: Story, *, is_released: bool) -> None:
        """End a trunk attempt that another has followed, which released it unless it had lapsed before."""
        assert previous.dialled is not None
        cannot_have_lapsed = self._now() < previous.dialled.at_ms - RING_MS - VETO_MS + GRACE_S * 1000
        if is_released and cannot_have_lapsed and self.chance.random() < 0.7:
            self.diary.write(Closed(hold_id=previous.asked.hold_id, micros=0))
        else:
            self._put_down(self._now(), self._close(previous))

    async def _ask(self, plan: Plan, previous: Story | None) -> tuple[Story, Held | None]:
        sent_ms = self._now()
        number = next(self._numbers)
        hold_id = f"{self.name}.{number}.{self.machine.ticks().wall_s}"
        supersedes = previous.asked.hold_id if previous is not None else ""
        request = plan.hold(hold_id=hold_id, supersedes=supersedes, now_ms=sent_ms)
        names = tuple(purse.name for purse in request.purses)
        story = self.diary.write(Asked(hold_id=hold_id, purses=names, month=request.month))
        wire.forget_trouble()
        outcome = await self._operate(self.ledger.hold(request))
        match outcome:
            case Held() if self._now() - sent_ms <= VETO_MS:
                return story, outcome
            case Denied() if not wire.met_trouble():
                self.diary.write(Closed(hold_id=hold_id, micros=0))
            case Held() | Denied() | Unavailable():
                # What was sent may still be held, or be held later.
                pass
            case Gone() if wire.met_trouble():
                # It was held at the first try, and had lapsed before the second.
                pass
            case surprise:
                raise SurpriseError(surprise)
        return story, None

    def _dial(self, plan: Plan, story: Story, held: Held, *, is_answered: bool) -> None:
        dialled = Dialled(
            hold_id=story.asked.hold_id,
            rate=plan.request.rate,
            seconds=held.seconds,
            is_answered=is_answered,
            at_ms=self._now() + plan.ring_ms,
            talk_ms=plan.talk_ms,
            cut_ms=plan.cut_ms,
            settle_ms=plan.settle_ms,
            is_lost=plan.is_lost,
        )
        self.diary.write(dialled)

    async def _talk(self, plan: Plan, story: Story, held: Held) -> AsyncIterator[int]:
        """Ask for slice after slice, each at half of the one before, until nobody needs or gives one."""
        dialled, number, since_s = story.dialled, 1, 0
        assert dialled is not None
        is_final = held.is_final or not dialled.is_answered
        while not is_final and plan.talk_ms > story.seconds * 1000:
            yield dialled.at_ms + (since_s + story.seconds) * 500
            outcome = await self._renew(plan, story, number)
            if self._now() >= dialled.at_ms + story.seconds * 1000:
                return  # Asterisk has cut the call: what was granted comes too late
            match outcome:
                case Held(seconds=seconds, is_final=is_final):
                    number, since_s = number + 1, story.seconds
                    self.diary.write(Renewed(hold_id=story.asked.hold_id, seconds=seconds))
                case Denied() | Gone():
                    return
                case Unavailable():
                    yield self._now() + AGAIN_MS // 10
                case surprise:
                    raise SurpriseError(surprise)

    async def _renew(self, plan: Plan, story: Story, number: int) -> RenewOutcome:
        return await self._operate(self.ledger.renew(plan.renew(hold_id=story.asked.hold_id, number=number)))

    async def _close(self, story: Story) -> AsyncIterator[int]:
        """Tell the ledger how it ended, until it acknowledges."""
        hold_id, dialled = story.asked.hold_id, story.dialled
        if dialled is not None:
            yield story.end_ms + dialled.settle_ms
            if self.is_closing and dialled.is_lost:
                self.diary.write(Lost(hold_id=hold_id))
                return
        while not isinstance(outcome := await self._end(story), Settled):
            yield self._now() + AGAIN_MS
        self.diary.write(Closed(hold_id=hold_id, micros=outcome.amount_micros))

    async def _end(self, story: Story) -> SettleOutcome:
        if story.dialled is None:
            return await self._operate(self.ledger.void(CLINIC, story.asked.hold_id))
        duration_ms = story.end_ms - story.dialled.at_ms if story.dialled.is_answered else None
        return await self._operate(self.ledger.settle(settlement(story.asked.hold_id, duration_ms)))
