"""What a call in progress asks of the ledger: its next slice, by the policy in force now; and what ends it at once.

So a tightened policy, or whatever else refuses calls, reaches live ones. Only what time itself ends (the opening hours,
an exception) leaves a conversation `CLOSING_GRACE` more (facts/semantics.md 16).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from callgate.core.attempt import CallAttempt
from callgate.core.case import Case, Rulebook, open_case
from callgate.core.hold import Held, RenewRequest
from callgate.core.judge import SETTLE_GRACE_S, Refuse, broken_rules, longest_s, slice_s
from callgate.core.limits import purses
from callgate.core.pricing import PricedDestination
from callgate.core.reasons import Reason

CLOSING_GRACE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInProgress:
    """A call that was granted, and where it stands.

    Fields:
        attempt: what was asked. Its origin may be another by now: a transfer can leave only outside parties.
        priced: as it was judged; the rate is that of the hold.
        began: when it was judged, aware UTC.
        held: what the ledger answered last; None of a call that it never held (the local allowance, observation).
        renewals: how many it has granted.
        elapsed_s: whole seconds since the answer.
    """

    attempt: CallAttempt
    priced: PricedDestination
    began: datetime
    held: Held | None
    renewals: int = 0
    elapsed_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Nothing is left to ask for: the call was granted all that it may last, and ends by itself."""


Renewal = RenewRequest | Refuse | Complete


def forbidden(call: CallInProgress, book: Rulebook, instant: datetime) -> tuple[Reason, ...]:
    """Judge a call that is up by the rules as they are now.

    Returns:
        Why it would be refused by now, and would have been a quarter of an hour ago, too; heaviest first. Nothing if it
        may go on.
    """
    reasons = broken_rules(open_case(call.attempt, call.priced, book, instant))
    return broken_rules(_patient_case(call, book, instant)) if reasons else ()


def renewal(call: CallInProgress, book: Rulebook, instant: datetime) -> Renewal:
    """Rule on the next slice of a call.

    It is never more than one slice ahead of the call: whatever fails from then on, the call ends within that.

    Args:
        call: the call; the ledger holds it.
        book: the clinic's rules now.
        instant: now, aware UTC.

    Returns:
        What to ask the ledger; `Refuse` if the rules forbid the call by now: it ends with what it was granted;
        `Complete` if there is no next slice.
    """
    assert call.held is not None
    if call.held.is_final:
        return Complete()
    asked = charge(call, book, instant)
    return Complete() if isinstance(asked, RenewRequest) and asked.seconds <= call.held.seconds else asked


def charge(call: CallInProgress, book: Rulebook, instant: datetime) -> RenewRequest | Refuse:
    """Rule on a call that counts elsewhere from now on, as when a transfer has left it to outside parties.

    Args:
        call: the call as it is now; the ledger holds it.
        book: the clinic's rules now.
        instant: now, aware UTC.

    Returns:
        What to ask the ledger, if only for the purses: where there is no next slice, no second is gained. `Refuse` if
        the rules forbid the call as it is now.
    """
    assert call.held is not None
    if reasons := forbidden(call, book, instant):
        return Refuse(reasons=reasons)
    case, rate = _patient_case(call, book, instant), call.priced.rate
    # A call without a rate is forbidden: a costly one by its rule, an ordinary one has the cap of its class.
    assert rate is not None
    granted_s = call.held.seconds
    seconds = granted_s if call.held.is_final else max(granted_s, longest_s(case, rate))
    next_s = slice_s(case, rate, seconds)
    return RenewRequest(
        clinic=call.attempt.clinic,
        hold_id=call.held.hold_id,
        number=call.renewals + 1,
        seconds=seconds,
        slice_s=seconds if next_s is None else max(1, call.elapsed_s + next_s - granted_s),
        partial=True,
        purses=purses(case),
        grace_s=book.ring_timeout_s + SETTLE_GRACE_S,
        policy_revision=book.revision,
    )


def _patient_case(call: CallInProgress, book: Rulebook, instant: datetime) -> Case:
    """Look the call up as of a quarter of an hour ago: nor does closing time bring it under the limits of the night."""
    return open_case(call.attempt, call.priced, book, max(call.began, instant - CLOSING_GRACE))
