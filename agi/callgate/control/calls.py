"""The calls that are up, as live control knows them: each leg with its grant, and what the ledger holds for it."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from callgate.control.switch import Leg, Switch, Watcher
from callgate.core.allowance import LENT_SECONDS
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.hold import SECONDS_MAX, Held
from callgate.core.pricing import PricedDestination
from callgate.core.renewal import CallInProgress
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.grants import Grants, Issued, is_held, made_at

GONE_MAX = 10_000
"""So many legs that are gone are remembered, for their holds; of more, the oldest are forgotten, and theirs lapse."""

SPARED_S = 16.0
"""So long a call goes on at least when help has left it: 15 s, and a second for whoever arms that."""
LENT = "local:"
"""How the grants of calls begin that were let go on the local allowance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The wall clock, aware UTC, and seconds that only go forward."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(slots=True, kw_only=True)
class LiveCall:
    """One call that is up; changes while it is.

    Fields:
        leg, issued: as the board and the gate (or the leg itself) told.
        attempt: what is judged; outside parties may have come into it by now.
        held: what the ledger answered last; None while that is not known, and of a grant that is no hold.
        renewals: how many it granted.
        answered_s: when it was answered, on the clock that only goes forward; None while it rings.
        asked_s: when the slice that is spoken now was asked for, seconds since the answer.
        next_s: when its slice is looked after next, on that clock; None for not before something happens.
        is_unarmed: whether Asterisk still has a former limit.
        is_warned: whether the clinic's party heard that the call ends.
        spared_s: until when it may talk at least, on the clock that only goes forward, because its limit was taken off
            while help was on the line; None of any other call.
        is_found: whether an earlier run of the gate armed its limit, or took it off: nobody has looked yet.
        judged_by: the policy revision it was judged by last; None to judge it anew.
        let_go: when it was let go without a hold, and not by this run of the gate: by the dialplan, most likely, while
            no gate answered. What was in force then does not end it. None of any other call.
        owes_purses: whether it is to be charged where it counts by now.
        lock: held while the ledger or the switch is told something of this call.
    """

    leg: Leg
    issued: Issued
    attempt: CallAttempt
    held: Held | None
    renewals: int = 0
    answered_s: float | None = None
    asked_s: float = 0.0
    next_s: float | None = None
    is_unarmed: bool = False
    is_warned: bool = False
    spared_s: float | None = None
    is_found: bool = False
    judged_by: int | None = None
    let_go: datetime | None = None
    owes_purses: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def clinic(self) -> str:
        """Whose call it is."""
        return self.attempt.clinic

    @property
    def priced(self) -> PricedDestination:
        """Where it goes, and what it costs."""
        return self.issued.priced

    @property
    def is_held(self) -> bool:
        """Whether the ledger should hold money for it."""
        return is_held(self.issued.grant)

    @property
    def granted_s(self) -> int:
        """How long it may talk in all, in seconds, as far as is known."""
        if self.held is not None:
            return self.held.seconds
        if self.is_held and not self.priced.ordinary:
            return 0
        return LENT_SECONDS if self.issued.grant.startswith(LENT) else SECONDS_MAX

    def talked_s(self, monotonic_s: float) -> float:
        """How long it has talked by now, in seconds; 0 while it rings."""
        return 0.0 if self.answered_s is None else max(0.0, monotonic_s - self.answered_s)

    def correct(self, monotonic_s: float) -> None:
        """Let it have talked no longer than Asterisk lets it: whatever says so is a wall clock that was set."""
        if self.held is not None and self.answered_s is not None:
            self.answered_s = max(self.answered_s, monotonic_s - self.held.seconds)

    def progress(self, monotonic_s: float) -> CallInProgress:
        """The call as the rules see it."""
        return CallInProgress(
            attempt=self.attempt,
            priced=self.priced,
            began=self.issued.at,
            held=self.held,
            renewals=self.renewals,
            elapsed_s=math.floor(self.talked_s(monotonic_s)),
        )


class Calls(Watcher):
    """Keeps the live calls, and what is to be done about them; does nothing by itself.

    Args:
        switch: to ask which legs are left after a link was lost.
        grants: what this gate has given.
        recall: makes out the grant of an earlier run from its leg; None if it cannot.
        clocks: the time.

    Attributes:
        live: by unique id, for Asterisk begins anew with the names of its channels. Emergency calls are never among
            them, nor legs of nobody's grant: those are the guard's.
        untouchable: those that an emergency call was in one conversation with that is up; they are charged, and nothing
            else is done to them.
        unfreed: the channels of those of them whose timer still runs.
        linked_s: since when the link has been up, on the clock that only goes forward, while it is.
        gone: of grants whose leg is gone, how long it had talked when it was last seen, in seconds.
    """

    def __init__(self, switch: Switch, grants: Grants, recall: Callable[[Leg], Issued | None], clocks: Clocks) -> None:
        self.live: dict[str, LiveCall] = {}
        self.untouchable: set[str] = set()
        self.unfreed: dict[str, str] = {}
        self.gone: dict[str, float] = {}
        self.is_linked = False
        self.linked_s = 0.0
        self._switch = switch
        self._grants = grants
        self._recall = recall
        self._clocks = clocks
        self._untold: set[str] = set()
        self._seen_s = clocks.monotonic()
        self._linked_at = clocks.now()

    def began(self, leg: Leg) -> None:
        """See `Watcher.began`; a leg that is told again is the one that is known."""
        known = self.live.get(leg.uniqueid)
        if known is None and self._is_ours(leg):
            given = self._grants.get(leg.grant)
            issued = given or self._recall(leg)
            if issued is None:
                return
            known = LiveCall(leg=leg, issued=issued, attempt=issued.attempt, held=issued.held)
            known.judged_by = issued.request.policy_revision if issued.request else None
            known.let_go = issued.at if given is None and not known.is_held else None
            known.is_found = given is None
            self.live[leg.uniqueid] = known
            self.gone.pop(leg.grant, None)
        if known is not None and leg.answered is not None:
            self._note_answer(known, leg, leg.answered)

    def numbered(self, leg: Leg) -> None:
        """See `Watcher.numbered`: a grant that this run did not give is made out only now."""
        self.began(leg)

    def answered(self, leg: Leg) -> None:
        """See `Watcher.answered`."""
        if (call := self.live.get(leg.uniqueid)) is not None and leg.answered is not None:
            self._note_answer(call, leg, leg.answered)

    def ended(self, leg: Leg) -> None:
        """See `Watcher.ended`."""
        self._forget(leg.uniqueid, self._clocks.monotonic())

    def between_outsiders(self, leg: Leg) -> None:
        """See `Watcher.between_outsiders`: from now on it is judged, and charged, as theirs."""
        call = self.live.get(leg.uniqueid)
        if call is not None and call.attempt.origin is not Origin.EXTERNAL:
            call.attempt = replace(call.attempt, origin=Origin.EXTERNAL)
            call.judged_by, call.let_go, call.owes_purses = None, None, call.is_held

    def with_emergency(self, leg: Leg) -> None:
        """See `Watcher.with_emergency`."""
        if leg.uniqueid not in self.untouchable:
            self.untouchable.add(leg.uniqueid)
            self.unfreed[leg.uniqueid] = leg.channel
        self._untold.discard(leg.uniqueid)

    def without_emergency(self, leg: Leg) -> None:
        """See `Watcher.without_emergency`: from now on it ends as any other, but not from one moment to the next."""
        self._release(leg.uniqueid)

    def linked(self) -> None:
        """See `Watcher.linked`: what is not there any more ended unseen, at the latest when the link was lost."""
        left = {leg.uniqueid for leg in self._switch.legs()}
        for uniqueid in {*self.live, *self.untouchable} - left:
            self._forget(uniqueid, self._seen_s)
        for uniqueid in self._untold & self.untouchable:
            self._release(uniqueid)
        self.is_linked, self._linked_at = True, self._clocks.now()
        self.linked_s = self._clocks.monotonic()

    def unlinked(self) -> None:
        """See `Watcher.unlinked`."""
        self.is_linked = False
        self._seen_s = self._clocks.monotonic()
        self._untold = {*self.untouchable}

    def is_up(self, call: LiveCall) -> bool:
        """Whether a call is still up, as far as can be seen."""
        return self.is_linked and self.live.get(call.leg.uniqueid) is call

    def can_touch(self, call: LiveCall) -> bool:
        """Whether something may be done to a call: it is still up, and help is not on the line."""
        return self.is_up(call) and call.leg.uniqueid not in self.untouchable

    def talked_at_most_s(self, grant: str) -> float:
        """How long a call had talked when its leg was last seen; if it never was, it ended before the link came up."""
        if grant in self.gone:
            return self.gone[grant]
        made = made_at(grant)
        assert made is not None  # the ledger takes no id that does not say
        return max(0.0, (self._linked_at - made).total_seconds())

    def left_s(self, call: LiveCall) -> float:
        """How long a call that was answered may still talk, in seconds."""
        now_s = self._clocks.monotonic()
        left_s = call.granted_s - call.talked_s(now_s)
        return left_s if call.spared_s is None else max(left_s, call.spared_s - now_s)

    def is_spared(self, call: LiveCall) -> bool:
        """Whether help has left a call just now."""
        return call.spared_s is not None and call.spared_s > self._clocks.monotonic()

    def spare(self, call: LiveCall) -> None:
        """Have the limit of a call that has none armed anew, and warn its end anew."""
        now_s = self._clocks.monotonic()
        call.is_unarmed, call.is_warned, call.is_found = True, False, False
        call.spared_s, call.next_s = now_s + SPARED_S, now_s

    def _is_ours(self, leg: Leg) -> bool:
        """Whether a leg has a grant to itself. One that is used twice is the guard's matter, and stays the first's."""
        is_taken = any(call.issued.grant == leg.grant for call in self.live.values())
        return leg.grant not in {"", EMERGENCY_GRANT} and not is_taken

    def _release(self, uniqueid: str) -> None:
        """Help has left a leg."""
        self.untouchable.discard(uniqueid)
        self.unfreed.pop(uniqueid, None)
        if (call := self.live.get(uniqueid)) is not None:
            self.spare(call)

    def _note_answer(self, call: LiveCall, leg: Leg, answered: datetime) -> None:
        call.leg = leg
        if call.answered_s is None:
            now_s = self._clocks.monotonic()
            # A wall clock that is set meanwhile makes no call longer.
            call.answered_s = now_s - max(0.0, (self._clocks.now() - answered).total_seconds())
            call.correct(now_s)
            call.next_s = now_s

    def _forget(self, uniqueid: str, seen_s: float) -> None:
        self.untouchable.discard(uniqueid)
        self.unfreed.pop(uniqueid, None)
        call = self.live.pop(uniqueid, None)
        if call is None:
            return
        self._grants.end(call.issued.grant)
        if call.is_held:
            self.gone[call.issued.grant] = call.talked_s(seen_s)
            while len(self.gone) > GONE_MAX:
                del self.gone[next(iter(self.gone))]
