"""The rule that locks by itself: a burst of refusals when the clinic is closed is a phone in strange hands.

It locks the calls abroad of the one extension that was refused, or its costly calls where the burst was not abroad
alone, and nothing else: whoever makes an extension fail, as by calling a line that forwards, cannot silence the
practice. Ordinary calls go on, and those of every other line.

Refusals are counted here and nowhere else: never as starts (facts/semantics.md 7).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from callgate.core.case import Rulebook
from callgate.core.hours import is_open
from callgate.core.locks import Lock, LockedCalls, LockScope
from callgate.core.plan import NumberClass, NumberPlan
from callgate.core.policy import Mode
from callgate.core.policy_tables import AutomaticLock, LockWhen
from callgate.core.pricing import PricedDestination, is_abroad
from callgate.core.reasons import Reason

AUTHOR = "callgate"

_NO_SIGN_OF_FRAUD = frozenset(
    {
        Reason.LOCKED,
        Reason.POLICY_UNAVAILABLE,
        Reason.LEDGER_UNAVAILABLE,
        Reason.LEDGER_FROZEN,
        Reason.ALLOWANCE_SPENT,
        Reason.GATE_UNAVAILABLE,
    }
)
"""A call that is locked already tells nothing new; the others are failures of ours, and honest callers try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refusal: when, and whether a lock on calls abroad would have stopped the call."""

    at: datetime
    abroad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The refusals of one extension that count.

    Fields:
        revision: the policy they were refused under. Whatever is decided since, as a permission or an unlock, makes
            them void.
        calls: oldest first; no more than a burst has.
    """

    revision: int
    calls: tuple[Refused, ...] = ()


def counts(
    dialled: str, priced: PricedDestination, reasons: tuple[Reason, ...], *, book: Rulebook, instant: datetime
) -> bool:
    """Tell whether a refusal counts towards a burst.

    Args:
        dialled: as the extension sent it. A single digit at most is a line that was seized and nobody dialled on.
        priced: what was refused: a costly call, or what is no number at all; dialling out by trial gives many of those.
        reasons: of the refusal.
        book: the clinic's rules; where it only observes, nothing is refused and nothing locked.
        instant: of the refusal, aware UTC.
    """
    policy = book.policy
    if policy.mode is Mode.OBSERVE or not _NO_SIGN_OF_FRAUD.isdisjoint(reasons):
        return False
    if sum(sign.isdecimal() for sign in dialled) <= 1:
        return False
    if priced.ordinary or priced.destination.number_class is NumberClass.INTERNAL_FEATURE:
        return False
    match policy.automatic_lock.when:
        case LockWhen.NEVER:
            return False
        case LockWhen.CLOSED:
            return not is_open(policy.hours, instant, policy.timezone, book.closed_days)


def refused_at(instant: datetime, priced: PricedDestination, plan: NumberPlan) -> Refused:
    """Note one refusal; `plan` is that of the home country, and says what is abroad."""
    return Refused(at=instant, abroad=is_abroad(priced.destination, plan))


def one_more(before: Refusals | None, rule: AutomaticLock, revision: int, refused: Refused) -> Refusals:
    """Count one refusal more; what is older than the rule's time, or was refused under another policy, is forgotten."""
    known = before.calls if before is not None and before.revision == revision else ()
    since = refused.at - timedelta(seconds=rule.refused.span_s)
    calls = (*(call for call in known if call.at > since), refused)
    return Refusals(revision=revision, calls=calls[-rule.refused.count_max :])


def is_burst(refusals: Refusals, rule: AutomaticLock) -> bool:
    """Tell whether so many came in so short a time that the extension is locked."""
    return len(refusals.calls) >= rule.refused.count_max


def burst_scope(extension: str, refusals: Refusals) -> LockScope:
    """Find the narrowest lock that stops each call of a burst."""
    is_all_abroad = all(call.abroad for call in refusals.calls)
    calls = LockedCalls.INTERNATIONAL if is_all_abroad else LockedCalls.COSTLY
    return LockScope(calls=calls, extension=extension)


def burst_lock(scope: LockScope, reason: str, instant: datetime) -> Lock:
    """Make the lock: it ends when a person unlocks."""
    return Lock(scope=scope, until=None, cut=False, author=AUTHOR, at=instant, reason=reason)
