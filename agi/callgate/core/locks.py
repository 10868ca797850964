"""Locks: what a person, or the rule of `callgate.core.burst`, forbids at once, whatever the policy says.

They are a part of the policy revision in force, so they bind the very next hold on every gate. No lock stops an
emergency call; every other call it speaks of it stops, also to must-reach and listed numbers (facts/semantics.md 1).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from callgate.core.attempt import CallAttempt
from callgate.core.plan import NumberClass, NumberPlan
from callgate.core.pricing import PricedDestination, is_abroad

LOCKS_MAX = 100
"""A clinic has no more of them at once."""

AwareInstant = Annotated[datetime, msgspec.Meta(tz=True)]
"""One that comes from a file without its zone is unreadable, and no lock that fails on the call path."""


class LockedCalls(StrEnum):
    """Which calls a lock stops: all but emergency calls, the costly ones, or those of the purse ``international``.

    The overseas departments are costly and not international. Ordinary calls, and so must-reach numbers, are neither.
    """

    ALL = "all"
    COSTLY = "costly"
    INTERNATIONAL = "international"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockScope:
    """What a lock speaks of: these calls, of one extension or ("") of the whole clinic, which has one lock of each."""

    calls: LockedCalls = LockedCalls.ALL
    extension: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One lock.

    Fields:
        until: when it ends by itself; None for not before somebody unlocks.
        cut: whether calls that are up end at once, too. Without, they get no further slice.
        author, at, reason: who locked, when, and why.
    """

    scope: LockScope
    until: AwareInstant | None
    cut: bool
    author: str
    at: AwareInstant
    reason: str

    def is_over(self, instant: datetime) -> bool:
        """Whether it has ended by itself."""
        return self.until is not None and instant >= self.until


Locks = tuple[Lock, ...]


def locks_on(
    locks: Locks, attempt: CallAttempt, priced: PricedDestination, *, plan: NumberPlan, instant: datetime
) -> Locks:
    """Find the locks that stop a call.

    Args:
        locks: of the clinic.
        attempt: the call; the line it is charged to counts.
        priced: where it goes.
        plan: of the home country, which says what is abroad.
        instant: now, aware UTC.

    Returns:
        Those in force that speak of it; none for an emergency call.
    """
    if priced.destination.number_class is NumberClass.EMERGENCY:
        return ()
    return tuple(lock for lock in locks_in_force(locks, instant) if _speaks_of(lock.scope, attempt, priced, plan))


def is_cut(
    locks: Locks, attempt: CallAttempt, priced: PricedDestination, *, plan: NumberPlan, instant: datetime
) -> bool:
    """Tell whether a call that is up must end now, by a lock with `Lock.cut`; the arguments are those of `locks_on`."""
    return any(lock.cut for lock in locks_on(locks, attempt, priced, plan=plan, instant=instant))


def locks_in_force(locks: Iterable[Lock], instant: datetime) -> Locks:
    """Leave out those that have ended."""
    return tuple(lock for lock in locks if not lock.is_over(instant))


def with_lock(locks: Locks, lock: Lock) -> Locks:
    """Add a lock, in the place of one of the same scope; what has ended by its instant is left out."""
    return (*without_lock(locks, lock.scope, lock.at), lock)


def without_lock(locks: Locks, scope: LockScope, instant: datetime) -> Locks:
    """Lift the lock of this very scope, and no wider or narrower one; what has ended is left out."""
    return tuple(lock for lock in locks_in_force(locks, instant) if lock.scope != scope)


def _speaks_of(scope: LockScope, attempt: CallAttempt, priced: PricedDestination, plan: NumberPlan) -> bool:
    if scope.extension and scope.extension != attempt.extension:
        return False
    match scope.calls:
        case LockedCalls.ALL:
            return True
        case LockedCalls.COSTLY:
            return not priced.ordinary
        case LockedCalls.INTERNATIONAL:
            return not priced.ordinary and is_abroad(priced.destination, plan)
