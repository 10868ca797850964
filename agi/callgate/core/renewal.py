"""What a call in progress asks of the ledger when its slice nears its end: the next one, by the policy in force now.

So a tightened policy, or whatever else refuses calls, reaches live ones within a slice. Only what time itself ends (the
opening hours, an exception) leaves a conversation `CLOSING_GRACE` more (facts/semantics.md 16): for so long it goes on
under the purses it had, and needs none of the few lines that are left when the clinic is closed.

An intruder gains no money by that: costly calls have the same ceilings by day and by night, and ordinary ones are
granted whole and never renewed. He gains lines: of calls begun just before closing more may be up than closed hours
allow.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from callgate.core.attempt import CallAttempt
from callgate.core.case import Rulebook, open_case
from callgate.core.hold import Held, HoldRequest, RenewRequest
from callgate.core.judge import Refuse, broken_rules, longest_s, slice_s
from callgate.core.limits import purses
from callgate.core.pricing import PricedDestination

CLOSING_GRACE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInProgress:
    """A call that was granted in slices, and where it stands.

    Fields:
        attempt: what was asked. Its origin may be another by now: a transfer can leave only outside parties.
        priced: as it was judged; the rate is that of the hold.
        began: when it was judged, aware UTC.
        request: what the ledger was asked at first.
        held: what it answered last.
        renewals: how many it has granted.
    """

    attempt: CallAttempt
    priced: PricedDestination
    began: datetime
    request: HoldRequest
    held: Held
    renewals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Nothing is left to ask for: the call was granted all that it may last, and ends by itself."""


Renewal = RenewRequest | Refuse | Complete


def renewal(call: CallInProgress, book: Rulebook, instant: datetime) -> Renewal:
    """Rule on the next slice of a call.

    Args:
        call: the call.
        book: the clinic's rules now.
        instant: now, aware UTC.

    Returns:
        What to ask the ledger; `Refuse` if the rules forbid the call by now: it ends with what it was granted;
        `Complete` if there is no next slice.
    """
    rate, granted_s = call.request.rate, call.held.seconds
    if call.held.is_final:
        return Complete()
    reasons = broken_rules(open_case(call.attempt, call.priced, book, instant))
    case = open_case(call.attempt, call.priced, book, max(call.began, instant - CLOSING_GRACE))
    if reasons and broken_rules(case):
        return Refuse(reasons=reasons)
    seconds = longest_s(case, rate)
    if seconds <= granted_s:
        return Complete()
    return RenewRequest(
        clinic=call.request.clinic,
        hold_id=call.request.hold_id,
        number=call.renewals + 1,
        seconds=seconds,
        slice_s=slice_s(case, rate, seconds) or seconds,
        partial=True,
        purses=purses(case),
        grace_s=call.request.grace_s,
        policy_revision=book.revision,
    )
