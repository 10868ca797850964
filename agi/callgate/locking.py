"""Sets and lifts locks: each change is the next policy revision, with the document of the one before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from callgate.core.hold import Unavailable
from callgate.core.locks import Locks
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published, Revisions

TRIES = 5
"""Somebody else may publish between our look and our own publication: so often both are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who has locks changed, when and why, and how they change.

    Fields:
        change: makes the locks from the revision in force; it is asked again if another comes in between.
    """

    clinic: str
    author: str
    at: datetime
    reason: str
    change: Callable[[PolicyRevision], Locks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """This revision is in force from the very next call."""

    now: PolicyRevision


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """There was nothing to change: this revision stays in force."""

    now: PolicyRevision


async def carry_out(
    order: Order, revisions: Revisions, first: Callable[[], PolicyRevision]
) -> Changed | Unchanged | Outdated | Unavailable:
    """Change the locks of a clinic.

    Args:
        order: what is to be done.
        revisions: where it is published.
        first: makes the clinic's first revision, if none was ever published; what it raises is passed on.
    """
    outcome: Changed | Unchanged | Outdated | Unavailable = Outdated(revision=0)
    for _ in range(TRIES):
        found = await revisions.fetch_policy(order.clinic)
        match found:
            case Unavailable():
                return found
            case NoPolicy():
                outcome = await _publish(order, revisions, replace(first(), revision=0))
            case PolicyRevision():
                outcome = await _publish(order, revisions, found)
        if not isinstance(outcome, Outdated):
            break
    return outcome


async def _publish(
    order: Order, revisions: Revisions, current: PolicyRevision
) -> Changed | Unchanged | Outdated | Unavailable:
    locks = order.change(current)
    if locks == current.locks:
        return Unchanged(now=current)
    wanted = replace(
        current,
        revision=current.revision + 1,
        author=order.author,
        at=order.at,
        reason=order.reason,
        locks=locks,
    )
    outcome = await revisions.publish(wanted, current.revision)
    return Changed(now=wanted) if isinstance(outcome, Published) else outcome
