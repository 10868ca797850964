"""What ungated calls cost: each that was answered is booked when it has ended, though nobody held money for it.

So the clinic's ceilings bind its other costly calls; the guard alone binds those that do not ask the gate.
"""

import asyncio
import math
import re
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from callgate.control.calls import Clocks
from callgate.control.incident import Booked, Incident, Incidents
from callgate.control.standing import StandingFile
from callgate.control.switch import Leg, Switch, Watcher, born_at
from callgate.control.trunks import Trunks
from callgate.core.hold import Unavailable
from callgate.ledger.base import Ledger, Settlement

BOOK_PAUSE_S = 0.5
GONE_MAX = 1000
"""So many answered legs that ended are remembered until the guard has said what they were: a second or so."""
DUE_MAX = 10_000
"""So many wait for a ledger that does not answer; of more, the oldest are lost."""
RINGING_MAX = timedelta(days=1)
NAME_MAX = 100
_UNSAFE = re.compile(r"[^!-~]")

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class _Course:
    """A leg from its beginning to its end.

    Fields:
        cause: why no grant covers it; "" while nobody has said so.
        answered_s: on the clock that only goes forward; None while it rings.
        seconds: how long it talked, once it has ended.
    """

    leg: Leg
    cause: str = ""
    answered_s: float | None = None
    seconds: int | None = None


@dataclass(slots=True, kw_only=True)
class Toll(Watcher):
    """Follows every leg, and books those of which it is told that they are ungated.

    Fields:
        pbx: this Asterisk's name, which its ids begin with.
        switch: asked which legs are left after a link was lost.
        trunks: whose they are, and what a call costs there.
        ledger: where to.
        incidents: writes down what was booked.
        standing: is told how many were answered.
        clocks: the time.
    """

    pbx: str
    switch: Switch
    trunks: Trunks
    ledger: Ledger
    incidents: Incidents
    standing: StandingFile
    clocks: Clocks
    _courses: dict[str, _Course] = field(default_factory=dict, init=False)
    _gone: dict[str, _Course] = field(default_factory=dict, init=False)
    _due: deque[_Course] = field(default_factory=deque, init=False)

    def began(self, leg: Leg) -> None:
        """See `Watcher.began`: one that was found up may have been answered as early as it was made."""
        self._courses.setdefault(leg.uniqueid, _Course(leg=leg))
        if leg.answered is not None:
            born = None if leg.is_new else born_at(leg.uniqueid)
            self.answered(replace(leg, answered=min(born or leg.answered, leg.answered)))

    def answered(self, leg: Leg) -> None:
        """See `Watcher.answered`."""
        course = self._courses.get(leg.uniqueid)
        if course is not None and course.answered_s is None and leg.answered is not None:
            talked = self.clocks.now() - leg.answered
            course.answered_s = self.clocks.monotonic() - max(0.0, talked.total_seconds())
            course.leg = replace(course.leg, answered=leg.answered)
            self._alarm(course)

    def ended(self, leg: Leg) -> None:
        """See `Watcher.ended`."""
        self._end(leg.uniqueid)

    def linked(self) -> None:
        """See `Watcher.linked`: what is not there any more ended unseen, and may have lasted until now."""
        for uniqueid in self._courses.keys() - {leg.uniqueid for leg in self.switch.legs()}:
            self._end(uniqueid)

    def owe(self, leg: Leg, cause: str) -> None:
        """Learn that no grant covers a leg, and what it dialled; it may have ended meanwhile."""
        course = self._courses.get(leg.uniqueid) or self._gone.pop(leg.uniqueid, None)
        if course is None or course.cause:
            return
        course.leg, course.cause = replace(leg, answered=course.leg.answered), cause
        self._alarm(course)
        if course.seconds is not None:
            self._due.append(course)

    async def run(self) -> None:
        """Book what is due, again and again, until cancelled."""
        while True:
            await asyncio.sleep(BOOK_PAUSE_S)
            await self.book()

    async def book(self) -> None:
        """Book what is due; what the ledger does not take now is tried again."""
        while len(self._due) > DUE_MAX:
            log.error("call.not_booked", channel=self._due.popleft().leg.channel)
        while self._due:
            if not await self._settle(self._due[0]):
                return
            self._due.popleft()

    async def close(self) -> None:
        """Book what is due before this gate ends: the next one never sees those legs. What is not booked is said."""
        try:
            await self.book()
        finally:
            for course in self._due:
                log.error("call.not_booked", channel=course.leg.channel, cause="the gate has ended")

    def _alarm(self, course: _Course) -> None:
        if course.cause and course.answered_s is not None:
            self.standing.escaped(self.clocks.now())

    def _end(self, uniqueid: str) -> None:
        course = self._courses.pop(uniqueid, None)
        if course is None or course.answered_s is None:
            return
        course.seconds = max(1, math.ceil(self.clocks.monotonic() - course.answered_s))
        if course.cause:
            self._due.append(course)
            return
        self._gone[uniqueid] = course
        if len(self._gone) > GONE_MAX:
            del self._gone[next(iter(self._gone))]

    async def _settle(self, course: _Course) -> bool:
        """Book one; whether that is done with: what the ledger never takes would hold up every later one.

        What several clinics may have called is nobody's, and only written.
        """
        leg, answered, seconds = course.leg, course.leg.answered, course.seconds or 1
        assert answered is not None  # no other is due
        hold_id, amount_micros = _id(self.pbx, leg, answered), 0
        charge = self.trunks.charge(leg, answered, seconds)
        if charge is not None:
            outcome = await self.ledger.settle(
                Settlement(
                    clinic=self.trunks.clinic_on(leg.endpoint),
                    hold_id=hold_id,
                    answered=True,
                    duration_s=seconds,
                    orphan=charge,
                )
            )
            if isinstance(outcome, Unavailable):
                if outcome.is_hopeless:
                    log.error("call.not_booked", channel=leg.channel, cause=outcome.cause)
                return outcome.is_hopeless
            amount_micros = outcome.amount_micros
        booked = Booked(hold_id=hold_id, seconds=seconds, amount_micros=amount_micros)
        self.incidents.add(Incident(at=self.clocks.now(), leg=leg, cause=course.cause, is_ended=True, booked=booked))
        return True


def _id(pbx: str, leg: Leg, answered: datetime) -> str:
    """Make the same id of a leg on every gate that sees it; its end says when it was, as the ledger wants it.

    A program may choose the unique id: what it says is believed where it can be, and written as the ledger can take it.
    """
    born = born_at(leg.uniqueid)
    made = born if born is not None and timedelta() <= answered - born <= RINGING_MAX else answered
    return f"ungated:{pbx}:{_UNSAFE.sub('_', leg.uniqueid)[-NAME_MAX:]}.{int(made.timestamp())}"
