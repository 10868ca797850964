"""Brings the ledger and the live calls together again, after something has ended without a word.

Slowly, only what was found twice, and only what this gate granted: a peer's over-eager reconciliation hung up live
calls (issue 5), and two gates whose Asterisks had one name settled and hung up each other's. Ordinary calls are never
hung up here.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import structlog

from callgate.control.calls import Calls, Clocks, LiveCall
from callgate.control.endings import Because, Endings
from callgate.control.switch import Switch
from callgate.core.hold import Settled, Unavailable
from callgate.core.judge import SLICE_S
from callgate.core.policy import Mode
from callgate.grants import Grants
from callgate.journal import JournalRow
from callgate.ledger.base import Ledger, LiveHold, Settlement
from callgate.policies import PolicyShelf

CONFIRMED_S = 5.0
"""What looks wrong must still look so after this before anything is done about it."""
ENDS_MAX = 20
"""Calls hung up in one look at a clinic."""
SETTLES_MAX = 100
"""Holds settled in one look at a clinic."""
NO_HOLD = "no hold"
NO_LEG = "no leg"
NEVER_PLACED = "never placed"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What that needs. `look` is called every ten seconds.

    Fields:
        pbx: this Asterisk's name, with which the ids of its holds begin; another one's may, too.
        granted: the grants of this gate, of all its runs, of which the spool has not told the end.
        grants: those of this run whose leg has not ended.
        is_spool_read: whether the ledger has all that Asterisk has written down so far.
        suspected: since when what looks wrong does, by clinic and grant; its own.
        strange: the clinics of which it was said that holds there are not this gate's; its own.
    """

    pbx: str
    granted: Collection[str]
    grants: Grants
    calls: Calls
    switch: Switch
    ledger: Ledger
    shelf: PolicyShelf
    endings: Endings
    clocks: Clocks
    is_spool_read: Callable[[], bool]
    suspected: dict[tuple[str, str], float] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)

    async def look(self) -> None:
        """Compare what is held with what is up, clinic by clinic, and put right what looked wrong before."""
        for clinic in self.shelf.names():
            await self._look_at(clinic)

    async def _look_at(self, clinic: str) -> None:
        # Before the book is read: a leg that begins meanwhile was held before.
        costly = [call for call in self.calls.live.values() if call.clinic == clinic and self._needs_hold(call)]
        book = await self.ledger.book(clinic)
        if isinstance(book, Unavailable) or book.frozen is not None or not self.calls.is_linked:
            # Nobody knows enough: what was seen before counts for nothing any more.
            self._confirm(clinic, set())
            return
        held = {hold.hold_id for hold in book.holds}
        # After it: a leg that ended meanwhile has its settlement on the way, and is looked at again.
        legs = {leg.grant for leg in self.switch.legs()}
        lost = [call for call in costly if call.issued.grant not in held]
        calls = [call for call in lost if self.calls.can_touch(call) and not self.calls.is_spared(call)]
        holds = [hold for hold in book.holds if hold.hold_id not in legs]
        odd = {call.issued.grant for call in calls} | {hold.hold_id for hold in holds}
        confirmed = self._confirm(clinic, odd)
        ours = confirmed.intersection(self.granted)
        self._say_strange(clinic, {hold.hold_id for hold in holds} & confirmed - ours)
        for call in [call for call in calls if call.issued.grant in ours][:ENDS_MAX]:
            await self.endings.end(call, Because(note=NO_HOLD))
        for hold in [hold for hold in holds if hold.hold_id in ours][:SETTLES_MAX]:
            if self.is_spool_read():
                await self._settle(clinic, hold)

    def _needs_hold(self, call: LiveCall) -> bool:
        """Whether a call may not be up without its hold; one that is only observed may outlast it."""
        observes = self.shelf.clinic(call.clinic).policy.mode is Mode.OBSERVE
        return call.is_held and not call.priced.ordinary and not observes

    def _confirm(self, clinic: str, odd: set[str]) -> set[str]:
        """Note what looks wrong now; returns what has done so for long enough."""
        now_s = self.clocks.monotonic()
        for place in [place for place in self.suspected if place[0] == clinic and place[1] not in odd]:
            del self.suspected[place]
        return {grant for grant in odd if self.suspected.setdefault((clinic, grant), now_s) <= now_s - CONFIRMED_S}

    def _say_strange(self, clinic: str, grants: set[str]) -> None:
        """Say, once, that holds go by this Asterisk's name of which this gate knows nothing."""
        named = next((grant for grant in grants if grant.startswith(f"{self.pbx}.")), None)
        if named is not None and clinic not in self.strange:
            self.strange.add(clinic)
            remedy = "give each Asterisk its own gate.pbx"
            log.warning("holds.not_ours", clinic=clinic, pbx=self.pbx, grant=named, remedy=remedy)

    async def _settle(self, clinic: str, hold: LiveHold) -> None:
        """Book a call that ended without a word (`kill -9`, a full disk), so that its line and its hold come free.

        One that was never placed costs nothing. It is voided, so that it is booked all the same should it be told yet.
        """
        grant = hold.hold_id
        seconds = 0 if self._is_unplaced(grant) else used_s(hold.seconds, self.calls.talked_at_most_s(grant))
        if seconds:
            settlement = Settlement(clinic=clinic, hold_id=grant, answered=True, duration_s=seconds)
            outcome = await self.ledger.settle(settlement)
        else:
            outcome = await self.ledger.void(clinic, grant)
        if isinstance(outcome, Settled):
            self.calls.gone.pop(grant, None)
            self.grants.end(grant)
            log.warning("call.lost", grant=grant, seconds=seconds, amount_micros=outcome.amount_micros)
            await self.endings.write(self._row(clinic, grant, seconds, outcome))

    def _is_unplaced(self, grant: str) -> bool:
        """Whether no leg ever had a grant: the link was up when it was given, and has been since."""
        given_s = self.grants.given_s(grant)
        return given_s is not None and self.calls.linked_s < given_s

    def _row(self, clinic: str, grant: str, seconds: int, outcome: Settled) -> JournalRow:
        return JournalRow(
            at=self.clocks.now(),
            event="call.lost",
            clinic=clinic,
            call=grant.rsplit(".", 2)[0],
            grant=grant,
            seconds=seconds,
            amount_micros=outcome.amount_micros,
            policy_revision=self.shelf.clinic(clinic).revision,
            note=NO_LEG if seconds else NEVER_PLACED,
        )


def used_s(granted_s: int, talked_s: float) -> int:
    """Say how long a call is taken to have lasted that ended without a word, in whole seconds.

    Args:
        granted_s: what it was granted. A costly call that was looked after was never granted more than a slice ahead:
            it is booked in full, as a lapse would book it.
        talked_s: how long it had talked when its leg was last seen, at most.
    """
    return max(1, min(granted_s, math.ceil(min(talked_s, granted_s)) + SLICE_S))
