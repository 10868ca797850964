"""The guard: a leg on a carrier trunk that no grant covers is hung up, and written down.

It catches what no dialplan can: call files, an Originate straight to the trunk, queue members, hand-written contexts.
It ends legs whose beginning it saw, and costly ones that went past the gate while the link was down; never an emergency
call or what speaks with one, and in doubt nothing.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from callgate.control.incident import Incident, Incidents
from callgate.control.switch import Leg, Switch, Watcher
from callgate.control.trunks import Trunks
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.grants import KEPT, Grants, Issued
from callgate.ledger.base import Ledger, LedgerBook

TRIES = 3
EARLIER = timedelta(seconds=10)
"""So long after its start the gate may meet grants that an earlier run of it gave: the dialplan vetoes those older than
3 s, and may be slow."""
LOCAL = "local:"
_BORN = re.compile(r"([0-9]{1,10})\.[0-9]+$")
"""The end of a channel's unique id: the second in which it was made, and a number."""


class Cause(StrEnum):
    """Why no grant covers a leg."""

    NO_GRANT = "no_grant"
    NOT_EMERGENCY = "not_emergency"
    NOT_ORDINARY = "not_ordinary"
    UNKNOWN_GRANT = "unknown_grant"
    OTHER_TRUNK = "other_trunk"
    OTHER_NUMBER = "other_number"
    USED_GRANT = "used_grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A leg, and what is known of its grant and its number.

    Fields:
        issued: the grant this gate gave under that id; None for none.
        is_used: whether another channel had that grant before.
        is_emergency, is_ordinary: of its number on its trunk.
    """

    leg: Leg
    issued: Issued | None
    is_used: bool
    is_emergency: bool
    is_ordinary: bool

    @property
    def is_number_known(self) -> bool:
        """Whether Asterisk told what goes to the carrier."""
        return bool(self.leg.dialled)


class _Kind(StrEnum):
    """What a leg shows for a grant."""

    NONE = "none"
    EMERGENCY = "emergency"
    LOCAL = "local"
    ISSUED = "issued"


EVIDENT = (Cause.NO_GRANT, Cause.NOT_EMERGENCY, Cause.NOT_ORDINARY)
"""What a leg shows by itself, whatever an earlier run of the gate has granted."""

_Rule = tuple[Cause, Callable[[Sighting], bool]]
_RULES: Mapping[_Kind, tuple[_Rule, ...]] = MappingProxyType(
    {
        _Kind.NONE: ((Cause.NO_GRANT, lambda _: True),),
        _Kind.EMERGENCY: ((Cause.NOT_EMERGENCY, lambda seen: seen.is_number_known),),
        _Kind.LOCAL: ((Cause.NOT_ORDINARY, lambda seen: seen.is_number_known and not seen.is_ordinary),),
        _Kind.ISSUED: (
            (Cause.UNKNOWN_GRANT, lambda seen: seen.issued is None),
            (Cause.OTHER_TRUNK, lambda seen: seen.issued is not None and seen.issued.endpoint != seen.leg.endpoint),
            (
                Cause.OTHER_NUMBER,
                lambda seen: (
                    seen.is_number_known and seen.issued is not None and seen.issued.number != seen.leg.dialled
                ),
            ),
            (Cause.USED_GRANT, lambda seen: seen.is_used),
        ),
    }
)
"""For what a leg shows, what must not be: the first that fits is why no grant covers it."""


def ungated(seen: Sighting) -> Cause | None:
    """Say why no grant covers a leg; None if one does, and for whatever its number makes an emergency call.

    A number that nobody could tell is not held against a leg.
    """
    if seen.is_emergency:
        return None
    return next((cause for cause, is_broken in _RULES[_kind(seen.leg.grant)] if is_broken(seen)), None)


def _kind(grant: str) -> _Kind:
    if not grant:
        return _Kind.NONE
    if grant == EMERGENCY_GRANT:
        return _Kind.EMERGENCY
    return _Kind.LOCAL if grant.startswith(LOCAL) else _Kind.ISSUED


@dataclass(kw_only=True)
class Guard(Watcher):
    """Looks at each leg as it begins.

    Fields:
        switch: hangs up.
        grants: those this gate gave.
        trunks: what the numbers are.
        incidents: where it writes down what it did.
        ledger: asked only in the first seconds, for the grants of an earlier run.
        clock: aware UTC.
        watched_from: since when control watches this Asterisk, with gaps; None while it never has.
    """

    switch: Switch
    grants: Grants
    trunks: Trunks
    incidents: Incidents
    ledger: Ledger
    clock: Callable[[], datetime]
    watched_from: Callable[[], datetime | None]
    _started: datetime = field(init=False)
    _holders: dict[str, tuple[str, datetime]] = field(default_factory=dict, init=False)
    _untouchable: set[str] = field(default_factory=set, init=False)
    _ending: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def began(self, leg: Leg) -> None:
        """See `Watcher.began`."""
        seen = self._seen(leg)
        cause = ungated(seen)
        if cause is None or not (leg.is_new or self._is_missed(seen, cause)):
            self._keep(leg)
        else:
            self._start(self._end(leg, cause))

    def ended(self, leg: Leg) -> None:
        """See `Watcher.ended`."""
        self._untouchable.discard(leg.channel)

    def with_emergency(self, leg: Leg) -> None:
        """See `Watcher.with_emergency`."""
        self._untouchable.add(leg.channel)

    def unlinked(self) -> None:
        """See `Watcher.unlinked`: legs end unseen."""
        self._untouchable.clear()

    def _seen(self, leg: Leg) -> Sighting:
        holder, _ = self._holders.get(leg.grant, (_name(leg), None))
        return Sighting(
            leg=leg,
            issued=self.grants.get(leg.grant),
            is_used=holder != _name(leg),
            is_emergency=self.trunks.is_emergency(leg.endpoint, leg.dialled),
            is_ordinary=self.trunks.is_ordinary(leg.endpoint, leg.dialled, self.clock()),
        )

    def _is_missed(self, seen: Sighting, cause: Cause) -> bool:
        """Whether a leg that was found up is a costly one that went past the gate in a gap of the link."""
        watched_from, born = self.watched_from(), born_at(seen.leg.uniqueid)
        is_in_a_gap = watched_from is not None and born is not None and born > watched_from
        return is_in_a_gap and cause in EVIDENT and seen.is_number_known and not seen.is_ordinary

    def _keep(self, leg: Leg) -> None:
        """Keep in mind whose a grant is, as long as somebody may show it again."""
        now = self.clock()
        self._holders.setdefault(leg.grant, (_name(leg), now))
        # In the order they were shown first: the oldest stand first.
        while (oldest := next(iter(self._holders.items())))[1][1] < now - KEPT:
            del self._holders[oldest[0]]

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, leg: Leg, cause: Cause) -> None:
        if cause is Cause.UNKNOWN_GRANT and await self._is_of_earlier_run(leg):
            self._keep(leg)
            return
        is_ended = self.trunks.is_enforced(leg.endpoint) and await self._hang_up(leg)
        self.incidents.add(Incident(at=self.clock(), leg=leg, cause=cause.value, is_ended=is_ended))

    async def _hang_up(self, leg: Leg) -> bool:
        for _ in range(TRIES):
            if leg.channel in self._untouchable:
                return False
            if await self.switch.hang_up(leg.channel):
                return True
        return False

    async def _is_of_earlier_run(self, leg: Leg) -> bool:
        """Whether the ledger holds a grant that this run of the gate did not give."""
        if self.clock() - self._started > EARLIER:
            return False
        for clinic in self.trunks.names_on(leg.endpoint):
            book = await self.ledger.book(clinic)
            if isinstance(book, LedgerBook) and any(hold.hold_id == leg.grant for hold in book.holds):
                return True
        return False


def born_at(uniqueid: str) -> datetime | None:
    """Read when a channel was made from its unique id, to the second before; None where it does not say."""
    found = _BORN.search(uniqueid)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _name(leg: Leg) -> str:
    """Name a channel beyond a restart of Asterisk, which begins to count anew."""
    return f"{leg.channel} {leg.uniqueid}"
