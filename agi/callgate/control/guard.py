"""The guard: a leg on a carrier trunk that no grant covers is hung up, and written down.

It catches what no dialplan can: call files, an Originate straight to the trunk, queue members, hand-written contexts.
It ends legs whose beginning it saw, and costly ones that went past the gate while the link was down; never an emergency
call or what speaks with one, and in doubt nothing: not before it knows what number a leg goes to.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from callgate.control.calls import LENT, Clocks
from callgate.control.elsewhere import OtherGrants
from callgate.control.incident import Incident, Incidents
from callgate.control.switch import Leg, Switch, Watcher, born_at
from callgate.control.toll import Toll
from callgate.control.trunks import Trunks
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.grants import KEPT_S, Grants, Issued

TRIES = 3


class Cause(StrEnum):
    """Why no grant covers a leg."""

    NO_GRANT = "no_grant"
    NO_NUMBER = "no_number"
    NOT_EMERGENCY = "not_emergency"
    NOT_ORDINARY = "not_ordinary"
    LOCKED = "locked"
    UNKNOWN_GRANT = "unknown_grant"
    OTHER_TRUNK = "other_trunk"
    OTHER_NUMBER = "other_number"
    USED_GRANT = "used_grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A leg whose number was told, and what is known of that and of its grant.

    Fields:
        issued: the grant this gate gave under that id; None for none.
        is_used: whether another channel had that grant before.
        is_emergency, is_ordinary: of its number on its trunk.
        is_locked: whether a lock stops every call of it there.
    """

    leg: Leg
    issued: Issued | None
    is_used: bool
    is_emergency: bool
    is_ordinary: bool
    is_locked: bool


class _Kind(StrEnum):
    """What a leg shows for a grant."""

    NONE = "none"
    EMERGENCY = "emergency"
    LOCAL = "local"
    ISSUED = "issued"


OVER_MAX = 10_000
"""So many grants are remembered whose leg has ended, for whoever shows one again before the ledger has settled it."""

EVIDENT = (Cause.NO_GRANT, Cause.NOT_EMERGENCY, Cause.NOT_ORDINARY)
"""What a leg shows by itself, whatever an earlier run of the gate has granted."""

_Rule = tuple[Cause, Callable[[Sighting], bool]]
_RULES: Mapping[_Kind, tuple[_Rule, ...]] = MappingProxyType(
    {
        _Kind.NONE: ((Cause.NO_GRANT, lambda _: True),),
        _Kind.EMERGENCY: ((Cause.NOT_EMERGENCY, lambda _: True),),
        _Kind.LOCAL: (
            (Cause.NOT_ORDINARY, lambda seen: not seen.is_ordinary),
            (Cause.LOCKED, lambda seen: seen.is_locked),
        ),
        _Kind.ISSUED: (
            (Cause.UNKNOWN_GRANT, lambda seen: seen.issued is None),
            (Cause.OTHER_TRUNK, lambda seen: seen.issued is not None and seen.issued.endpoint != seen.leg.endpoint),
            (Cause.OTHER_NUMBER, lambda seen: seen.issued is not None and seen.issued.number != seen.leg.dialled),
            (Cause.USED_GRANT, lambda seen: seen.is_used),
        ),
    }
)
"""For what a leg shows, what must not be: the first that fits is why no grant covers it."""


def ungated(seen: Sighting) -> Cause | None:
    """Say why no grant covers a leg; None if one does, and for whatever its number makes an emergency call."""
    if seen.is_emergency:
        return None
    return next((cause for cause, is_broken in _RULES[_kind(seen.leg.grant)] if is_broken(seen)), None)


def _kind(grant: str) -> _Kind:
    if not grant:
        return _Kind.NONE
    if grant == EMERGENCY_GRANT:
        return _Kind.EMERGENCY
    return _Kind.LOCAL if grant.startswith(LENT) else _Kind.ISSUED


@dataclass(slots=True, kw_only=True)
class Guard(Watcher):
    """Looks at each leg as it begins.

    Fields:
        switch: hangs up.
        grants: those this gate gave.
        others: asked for what it did not.
        trunks: what the numbers are.
        incidents: where it writes down what it did.
        toll: is told which legs are to be booked.
        clocks: the time.
        watched_from: since when control watches this Asterisk, with gaps; None while it never has.
    """

    switch: Switch
    grants: Grants
    others: OtherGrants
    trunks: Trunks
    incidents: Incidents
    toll: Toll
    clocks: Clocks
    watched_from: Callable[[], datetime | None]
    _holders: dict[str, tuple[str, float]] = field(default_factory=dict, init=False)
    _over: dict[str, str] = field(default_factory=dict, init=False)
    # The channels that help is with: whether they are to be ended when it has left.
    _untouchable: dict[str, bool] = field(default_factory=dict, init=False)
    _unread: dict[str, Leg] = field(default_factory=dict, init=False)
    _working: set[asyncio.Task[object]] = field(default_factory=set, init=False)

    def began(self, leg: Leg) -> None:
        """See `Watcher.began`."""
        if not (leg.is_new or self._is_missed(leg)):
            self._keep(leg)
        elif leg.dialled:
            self._judge(leg)
        else:
            self._unread[leg.channel] = leg

    def numbered(self, leg: Leg) -> None:
        """See `Watcher.numbered`."""
        if self._unread.pop(leg.channel, None):
            self._judge(leg)

    def ended(self, leg: Leg) -> None:
        """See `Watcher.ended`."""
        self._untouchable.pop(leg.channel, None)
        if self._unread.pop(leg.channel, None) and not leg.grant:
            self._write(leg, Cause.NO_NUMBER, is_ended=False)
        if leg.grant in self._holders and not self._is_used(leg):
            self._over[leg.grant] = self._holders.pop(leg.grant)[0]
            while len(self._over) > OVER_MAX:
                del self._over[next(iter(self._over))]

    def with_emergency(self, leg: Leg) -> None:
        """See `Watcher.with_emergency`."""
        self._untouchable.setdefault(leg.channel, False)

    def without_emergency(self, leg: Leg) -> None:
        """See `Watcher.without_emergency`."""
        if self._untouchable.pop(leg.channel, False):
            self._start(self._hang_up(leg))

    def unlinked(self) -> None:
        """See `Watcher.unlinked`: legs end unseen."""
        self._untouchable.clear()
        self._unread.clear()

    def _judge(self, leg: Leg) -> None:
        if _kind(leg.grant) is _Kind.LOCAL:
            self._start(self._judge_local(leg))
        else:
            self._conclude(leg)

    async def _judge_local(self, leg: Leg) -> None:
        """Judge a leg about which no gate was asked: the locks in force bind it, also those of another gate's."""
        await self.trunks.fetch(leg.endpoint)
        self._conclude(leg)

    def _conclude(self, leg: Leg) -> None:
        cause = ungated(self._seen(leg))
        if cause is None:
            self._keep(leg)
        else:
            self._start(self._end(leg, cause))

    def _seen(self, leg: Leg) -> Sighting:
        return Sighting(
            leg=leg,
            issued=self.grants.get(leg.grant),
            is_used=self._is_used(leg),
            is_emergency=self.trunks.is_emergency(leg.endpoint, leg.dialled),
            is_ordinary=self.trunks.is_ordinary(leg.endpoint, leg.dialled, self.clocks.now()),
            is_locked=self.trunks.is_locked(leg, self.clocks.now()),
        )

    def _is_missed(self, leg: Leg) -> bool:
        """Whether a leg that was found up is a costly one that went past the gate in a gap of the link."""
        watched_from, born, seen = self.watched_from(), born_at(leg.uniqueid), self._seen(leg)
        is_in_a_gap = watched_from is not None and born is not None and born > watched_from
        return is_in_a_gap and bool(leg.dialled) and not seen.is_ordinary and ungated(seen) in EVIDENT

    def _is_used(self, leg: Leg) -> bool:
        holder = self._over.get(leg.grant) or self._holders.get(leg.grant, ("",))[0]
        return holder not in {"", _name(leg)}

    def _keep(self, leg: Leg) -> None:
        """Keep in mind whose a grant is, as long as its leg may be up."""
        now_s = self.clocks.monotonic()
        self._holders.setdefault(leg.grant, (_name(leg), now_s))
        # In the order they were shown first: the oldest stand first.
        while (oldest := next(iter(self._holders.items())))[1][1] < now_s - KEPT_S:
            del self._holders[oldest[0]]

    def _start(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _end(self, leg: Leg, cause: Cause) -> None:
        if cause is Cause.UNKNOWN_GRANT and await self.others.cover(leg):
            if not self._is_used(leg):
                self._keep(leg)
                return
            cause = Cause.USED_GRANT
        self._write(leg, cause, is_ended=self.trunks.is_enforced(leg.endpoint) and await self._hang_up(leg))

    def _write(self, leg: Leg, cause: Cause, *, is_ended: bool) -> None:
        self.toll.owe(leg, cause.value)
        self.incidents.add(Incident(at=self.clocks.now(), leg=leg, cause=cause.value, is_ended=is_ended))

    async def _hang_up(self, leg: Leg) -> bool:
        for _ in range(TRIES):
            if leg.channel in self._untouchable:
                self._untouchable[leg.channel] = True
                return False
            if await self.switch.hang_up(leg.channel):
                return True
        return False


def _name(leg: Leg) -> str:
    """Name a channel beyond a restart of Asterisk, which begins to count anew."""
    return f"{leg.channel} {leg.uniqueid}"
