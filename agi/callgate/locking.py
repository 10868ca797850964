"""Sets and lifts locks: each change is the next policy revision, with the document of the one before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from callgate.core.hold import Unavailable
from callgate.core.locks import Locks
from callgate.ledger.client import CIRCUIT_OPEN
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """Nobody knows whether it was done: the ledger may have got it, and twice gave no answer that tells (`cause`)."""

    cause: str


Outcome = Changed | Unchanged | Outdated | Unavailable | Doubtful
"""`Outdated` and `Unavailable`: nothing was done."""


async def carry_out(order: Order, revisions: Revisions, first: Callable[[], PolicyRevision]) -> Outcome:
    """Change the locks of a clinic.

    A publication without an answer may have been carried out (DESIGN, law 7). So the ledger is asked once more what is
    in force: where the change is in it, that was our own, and else it is published again, which changes nothing twice.

    Args:
        order: what is to be done.
        revisions: where it is published.
        first: makes the clinic's first revision, if none was ever published; what it raises is passed on.
    """
    outcome: Outcome = Outdated(revision=0)
    doubt: Doubtful | None = None
    for _ in range(TRIES):
        outcome = await _try(order, revisions, first)
        match outcome:
            case Doubtful() if doubt is None:
                doubt = outcome
            case Unchanged(now=now) if doubt is not None:
                return Changed(now=now)
            case Unavailable() if doubt is not None:
                return doubt
            case Outdated():
                pass
            case _:
                return outcome
    return doubt or outcome


async def _try(order: Order, revisions: Revisions, first: Callable[[], PolicyRevision]) -> Outcome:
    found = await revisions.fetch_policy(order.clinic)
    match found:
        case Unavailable():
            return found
        case NoPolicy():
            return await _publish(order, revisions, replace(first(), revision=0))
        case PolicyRevision():
            return await _publish(order, revisions, found)


async def _publish(order: Order, revisions: Revisions, current: PolicyRevision) -> Outcome:
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
    match outcome:
        case Published():
            return Changed(now=wanted)
        case Unavailable(cause=cause) if cause != CIRCUIT_OPEN:
            return Doubtful(cause=cause)
        case _:
            return outcome
