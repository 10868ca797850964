"""The final answer to one attempt, and the token that carries it to the dialplan.

The token is one AGI variable of eight fields parted by ``|``: version, verdict, nonce, number, grant id, seconds,
reason, end mark. A token that is cut short, is for another nonce or holds anything else is no verdict, and the dialplan
refuses (AGISTATUS says SUCCESS after a crash, an early close or garbage: facts/asterisk.md 1).
"""

from dataclasses import dataclass, replace

from callgate.core.allowance import Lent, Spent
from callgate.core.hold import (
    SECONDS_MAX,
    Denial,
    DenialKind,
    Denied,
    Frozen,
    Gone,
    Held,
    HoldOutcome,
    Stale,
    Unavailable,
    Window,
)
from callgate.core.judge import Pass, Refuse, Reserve, Ruling
from callgate.core.limits import VelocityKind
from callgate.core.policy import Mode, Policy
from callgate.core.reasons import Reason, by_weight

VERSION = "1"
END_MARK = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Go, for at most `seconds`.

    Fields:
        number: what the trunk must be sent, in that trunk's wire format.
        seconds: 1 to 7200, counted from the answer; those of the first slice where a call is granted in slices.
        grant_id: the ledger's hold id, ``emergency``, or ``local:`` and the nonce.
        held_micros: money set aside.
        reasons: what the grant wants noticed; usually none.
        is_final: no renewal lengthens it: the caller is warned before the end.
    """

    number: str
    seconds: int
    grant_id: str
    held_micros: int = 0
    reasons: tuple[Reason, ...] = ()
    is_final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """No.

    Fields:
        reasons: every one found, heaviest first; never empty.
        retry_s: no sooner than this will all the limits admit a call; 0 where unknown.
        denials: each limit that was hit, in the order of the request, with what was left and when it reopens.
    """

    reasons: tuple[Reason, ...]
    retry_s: int = 0
    denials: tuple[Denial, ...] = ()


Verdict = Grant | Refusal


EMERGENCY_GRANT = "emergency"

_CEILINGS: dict[Window, Reason] = {
    Window.HOUR: Reason.CEILING_HOUR,
    Window.DAY: Reason.CEILING_DAY,
    Window.WEEK: Reason.CEILING_WEEK,
    Window.MONTH: Reason.CEILING_MONTH,
    Window.TOTAL: Reason.CEILING_TOTAL,
}

_STARTS: dict[str, Reason] = {
    VelocityKind.SAME_NUMBER: Reason.SAME_NUMBER,
    VelocityKind.DISTINCT_FOREIGN: Reason.DISTINCT_NUMBERS,
}


def conclude(ruling: Ruling, outcome: HoldOutcome | Lent | Spent | None, number: str) -> Verdict:
    """Turn what the rules and the ledger said into the verdict.

    Args:
        ruling: of the judge.
        outcome: of the ledger, for a `Reserve`; None for any other ruling.
        number: the destination in the trunk's wire format.

    Returns:
        A grant only for an emergency number, a hold or the local allowance; everything else is a refusal.
    """
    match ruling:
        case Pass():
            return Grant(number=number, seconds=SECONDS_MAX, grant_id=EMERGENCY_GRANT, reasons=(Reason.EMERGENCY,))
        case Refuse():
            return Refusal(reasons=ruling.reasons)
        case Reserve():
            return _of_outcome(outcome, ruling.warnings, number)


def in_observation(verdict: Verdict, policy: Policy, number: str, nonce: str) -> Verdict:
    """Answer for a clinic that only observes: a refusal stays in the journal and the call goes, and money cuts none.

    What cannot be dialled (no number) stays refused, and so does what is locked: observed is the policy, and a lock is
    no part of it but somebody's order. The grant of a refused call is `observe:` and the nonce, which no
    purse counts.
    """
    if policy.mode is Mode.ENFORCE or not number or Reason.LOCKED in verdict.reasons:
        return verdict
    seconds = policy.limits.max_duration_s.costly
    match verdict:
        case Grant():
            return replace(verdict, seconds=max(verdict.seconds, seconds))
        case Refusal():
            return Grant(number=number, seconds=seconds, grant_id=f"observe:{nonce}", reasons=verdict.reasons)


def _of_outcome(outcome: HoldOutcome | Lent | Spent | None, warnings: tuple[Reason, ...], number: str) -> Verdict:
    match outcome:
        case Held():
            return Grant(
                number=number,
                seconds=outcome.seconds,
                grant_id=outcome.hold_id,
                held_micros=outcome.amount_micros,
                reasons=by_weight((*warnings, *map(_alarm, outcome.alarms))),
                is_final=outcome.is_final,
            )
        case Lent():
            return Grant(
                number=number, seconds=outcome.seconds, grant_id=outcome.grant_id, reasons=(Reason.LOCAL_ALLOWANCE,)
            )
        case Denied():
            return Refusal(
                reasons=by_weight(_denial(denial) for denial in outcome.denials),
                retry_s=max(denial.retry_s for denial in outcome.denials),
                denials=outcome.denials,
            )
        case Spent() | Stale() | Frozen() | Gone() | Unavailable() | None:
            return Refusal(reasons=(_degraded(outcome),))


def _degraded(outcome: Spent | Stale | Frozen | Gone | Unavailable | None) -> Reason:
    match outcome:
        case Spent():
            return Reason.ALLOWANCE_SPENT
        case Stale():
            return Reason.POLICY_UNAVAILABLE
        case Frozen():
            return Reason.LEDGER_FROZEN
        case Gone() | Unavailable() | None:
            return Reason.LEDGER_UNAVAILABLE


def _denial(denial: Denial) -> Reason:
    match denial.kind:
        case DenialKind.MONEY:
            assert denial.window is not None
            return _CEILINGS[denial.window]
        case DenialKind.LINES:
            return Reason.TOO_MANY_LINES
        case DenialKind.STARTS:
            return _STARTS.get(denial.name.partition(":")[0], Reason.TOO_MANY_STARTS)
        case DenialKind.NOVELTY:
            # What is new only sounds an alarm: a ledger that refuses for it gives an answer that is none.
            return Reason.LEDGER_UNAVAILABLE


def _alarm(alarm: Denial) -> Reason:
    match alarm.kind:
        case DenialKind.NOVELTY:
            return Reason.FIRST_COUNTRY
        case DenialKind.STARTS:
            return Reason.BUNDLE_OVERRUN
        case DenialKind.MONEY | DenialKind.LINES:
            return Reason.NATIONAL_ALARM


def token(verdict: Verdict, nonce: str) -> str:
    """Write the verdict for the dialplan, bound to `nonce`.

    Returns:
        For a grant ``1|grant|NONCE|+33142685300|GRANT_ID|120|ok|end``; for a refusal
        ``1|refuse|NONCE|||0|country_refused|end``.
    """
    match verdict:
        case Grant():
            assert 1 <= verdict.seconds <= SECONDS_MAX
            assert verdict.number
            reason = verdict.reasons[0].value if verdict.reasons else "ok"
            return _join("grant", nonce, verdict.number, verdict.grant_id, str(verdict.seconds), reason)
        case Refusal():
            return _join("refuse", nonce, "", "", "0", verdict.reasons[0].value)


def _join(*fields: str) -> str:
    return "|".join((VERSION, *fields, END_MARK))
