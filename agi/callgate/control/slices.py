"""Renews the slices of costly calls: half a slice ahead, or the caller is warned and Asterisk cuts by itself."""

import asyncio
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from callgate.control.calls import Calls, Clocks, LiveCall
from callgate.control.switch import Switch
from callgate.core.case import Rulebook
from callgate.core.hold import Gone, Held, RenewOutcome, Stale, Unavailable
from callgate.core.judge import Refuse
from callgate.core.policy import Mode
from callgate.core.renewal import CallInProgress, Complete, Renewal, renewal
from callgate.ledger.base import Ledger
from callgate.policies import PolicyShelf

WARN_S = 15.0
"""A call is warned so long before its end; the tone takes a moment, and at least 10 s must be left (issue 5, 4)."""
AGAIN_S = 5.0
"""Whoever got no more time asks again after this, as long as there is time: money comes free, a store comes back."""
ARM_AGAIN_S = 1.0
TOGETHER_MAX = 16
"""So many calls are looked after at once: the store's connections are for those that begin, too."""

Rule = Callable[[CallInProgress, Rulebook, datetime], Renewal]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """What that needs. `look` is called again and again."""

    calls: Calls
    switch: Switch
    ledger: Ledger
    shelf: PolicyShelf
    clocks: Clocks
    together: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TOGETHER_MAX))

    async def look(self) -> None:
        """Look after every call whose time has come. Without a link nothing could be armed, so nothing is asked."""
        now_s = self.clocks.monotonic()
        live = self.calls.live.values()
        due = [call for call in live if call.next_s is not None and call.next_s <= now_s and self.calls.is_up(call)]
        await self._learn(call for call in due if call.is_held and call.held is None)
        await asyncio.gather(*(self._attend(call) for call in due))

    async def ask(self, call: LiveCall, rule: Rule) -> RenewOutcome | Refuse | Complete:
        """Ask the ledger for what a rule says, and arm what it grants; the caller has the call's lock."""
        outcome = await self._ask_once(call, rule)
        if isinstance(outcome, Stale):
            await self.shelf.fetch(call.clinic)
            outcome = await self._ask_once(call, rule)
        return outcome

    async def _ask_once(self, call: LiveCall, rule: Rule) -> RenewOutcome | Refuse | Complete:
        book = replace(self.shelf.clinic(call.clinic).rulebook, slices=True)
        before, asked_s = call.held, call.talked_s(self.clocks.monotonic())
        asked = rule(call.progress(self.clocks.monotonic()), book, self.clocks.now())
        if isinstance(asked, Refuse | Complete):
            return asked
        outcome = await self.ledger.renew(asked)
        match outcome:
            case Held():
                call.held, call.renewals, call.asked_s = outcome, asked.number, asked_s
                call.is_unarmed |= before is None or before.seconds != outcome.seconds
                await self._arm(call)
            case Gone():
                # It ended, or was renewed by an earlier run of the gate: the book says which.
                call.held = None
            case _:
                pass
        return outcome

    async def _learn(self, calls: Iterable[LiveCall]) -> None:
        """Read from the ledger's book what it holds for calls that an earlier run of the gate looked after."""
        unknown = {call.issued.grant: call for call in calls}
        for clinic in {call.clinic for call in unknown.values()}:
            book = await self.ledger.book(clinic)
            if isinstance(book, Unavailable):
                continue
            for hold in book.holds:
                if (call := unknown.get(hold.hold_id)) is not None:
                    call.held = Held(
                        hold_id=hold.hold_id, seconds=hold.seconds, amount_micros=hold.amount_micros, is_final=False
                    )
                    call.renewals, call.asked_s = hold.renewals, 0.0
                    call.is_unarmed |= call.spared_s is not None
                    if self.calls.can_touch(call) and call.spared_s is None:
                        # Asterisk has its limit already. One reckoned from the wall clock might be beyond what is paid.
                        call.correct(self.clocks.monotonic())

    async def _attend(self, call: LiveCall) -> None:
        async with self.together, call.lock:
            if self.calls.is_up(call):
                due_s = call.next_s
                next_s = await self._next(call)
                if call.next_s == due_s:
                    # Help has not left it meanwhile.
                    call.next_s = next_s

    async def _next(self, call: LiveCall) -> float | None:
        """Do what is due for a call; returns when to look after it again."""
        now_s = self.clocks.monotonic()
        if self.calls.can_touch(call) and not await self._is_limited(call):
            return now_s + ARM_AGAIN_S
        if call.is_held and call.held is None:
            return now_s + AGAIN_S
        if call.held is None or call.priced.ordinary:
            return None
        return await (self._until_end(call, now_s) if call.held.is_final else self._go_on(call, call.held, now_s))

    async def _go_on(self, call: LiveCall, held: Held, now_s: float) -> float | None:
        half_s = (call.asked_s + held.seconds) / 2 - call.talked_s(now_s)
        if half_s > 0:
            return now_s + half_s
        outcome = await self.ask(call, renewal)
        match outcome:
            case Held():
                return self.clocks.monotonic()
            case Complete():
                return await self._until_end(call, now_s)
            case _:
                await self._warn(call, outcome)
                has_time = call.held is None or self.calls.left_s(call) > 0 or not self.calls.can_touch(call)
                return now_s + AGAIN_S if has_time else None

    async def _until_end(self, call: LiveCall, now_s: float) -> float | None:
        """Wait for the last seconds of a call that gets no more, and warn it then."""
        left_s = self.calls.left_s(call)
        if left_s > WARN_S:
            return now_s + left_s - WARN_S
        await self._warn(call, Complete())
        return None

    async def _warn(self, call: LiveCall, because: RenewOutcome | Refuse | Complete) -> None:
        """Sound the tone, once."""
        if call.is_warned or self._observes(call) or not self.calls.can_touch(call):
            return
        call.is_warned = await self.switch.warn(call.leg.channel)
        said = "call.warned" if call.is_warned else "call.not_warned"
        log.info(said, call=call.attempt.passage, grant=call.issued.grant, because=type(because).__name__)

    async def _is_limited(self, call: LiveCall) -> bool:
        """See to it that a call has the limit it should have, as far as that is known; whether it has."""
        if call.is_found:
            limited = await self.switch.is_limited(call.leg.channel)
            if limited is None:
                return False
            call.is_found = False
            if not limited and self.calls.can_touch(call):
                self.calls.spare(call)
        return (call.held is None and call.spared_s is None) or await self._arm(call)

    async def _arm(self, call: LiveCall) -> bool:
        """Have Asterisk end a call when what it was granted is over; whether it will."""
        if call.is_unarmed and self.calls.can_touch(call):
            # Never 0: that would be no limit at all. A second of what was paid is left for that.
            seconds = max(1, math.floor(self.calls.left_s(call)))
            call.is_unarmed = not await self.switch.limit(call.leg.channel, seconds)
        return not call.is_unarmed

    def _observes(self, call: LiveCall) -> bool:
        """Whether the clinic only observes: no call is cut for money there."""
        return self.shelf.clinic(call.clinic).policy.mode is Mode.OBSERVE
