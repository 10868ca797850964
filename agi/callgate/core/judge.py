"""Deciding is one function. The server, `callgate check`, replay and the console's test page all call `judge`.

A ruling is what the rules alone say: pass (emergency), refuse with every reason found, or reserve so much money and
time, which the ledger then holds or denies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import Case, Rulebook, open_case
from callgate.core.hold import HoldRequest
from callgate.core.hours import WhenClosed, calendar_month
from callgate.core.limits import included_s, novelty, per_call_micros, purses, velocities
from callgate.core.money import MICROS_PER_UNIT
from callgate.core.plan import NumberClass
from callgate.core.policy import Mode
from callgate.core.policy_tables import ClassChoice, ExtensionReach, RuleHours
from callgate.core.pricing import PricedDestination
from callgate.core.reasons import Reason, by_weight
from callgate.core.risk import Tier
from callgate.core.tariff import Rate, affordable_seconds

SLICE_S = 60
"""A call holds at most this much money at a time (facts/semantics.md 1); a costly one where holds are renewed."""

DEAR_SLICE_S = 30
DEAR_PER_MINUTE_MICROS = MICROS_PER_UNIT
"""Above this price a slice is a short one, so that little is held: 1.00 a minute in the deck's currency."""

SETTLE_GRACE_S = 90
"""How long after its last granted second a hold still waits for its settlement, before it counts as spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """An emergency number: nothing is asked, held or limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Refused, with every reason found, heaviest first."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """The rules allow it; the ledger has the last word. `warnings` are what a grant wants noticed."""

    request: HoldRequest
    warnings: tuple[Reason, ...] = ()


Ruling = Pass | Refuse | Reserve


def judge(attempt: CallAttempt, priced: PricedDestination, book: Rulebook, instant: datetime) -> Ruling:
    """Rule on one attempt.

    Args:
        attempt: what was asked.
        priced: where it goes and what it costs.
        book: the clinic's rules.
        instant: now, aware UTC.

    Returns:
        `Pass` for an emergency number whatever the rules; else `Refuse` or `Reserve`.
    """
    match priced.destination.number_class:
        case NumberClass.EMERGENCY:
            return Pass()
        case NumberClass.INVALID:
            return Refuse(reasons=(Reason.INVALID,))
        case NumberClass.INTERNAL_FEATURE:
            return Refuse(reasons=(Reason.NOT_A_PUBLIC_NUMBER,))
        case _:
            case = open_case(attempt, priced, book, instant)
    reasons = broken_rules(case)
    if reasons:
        return Refuse(reasons=reasons)
    # A call without a rate was refused above: a costly one by its rule, an ordinary one has the cap of its class.
    assert priced.rate is not None
    return _reserve(case, priced.rate)


def broken_rules(case: Case) -> tuple[Reason, ...]:
    """Ask every rule; returns the reasons to refuse, heaviest first."""
    return by_weight(reason for rule in RULES if (reason := rule(case)) is not None)


def _locked(case: Case) -> Reason | None:
    return Reason.LOCKED if case.locks else None


def _refused_number(case: Case) -> Reason | None:
    refused = any(pattern.matches(case.number) for pattern in case.book.policy.numbers.always_refuse)
    return Reason.NUMBER_REFUSED if refused else None


def _unknown_origin(case: Case) -> Reason | None:
    if case.priced.ordinary:
        return None
    match case.attempt.origin:
        case Origin.UNKNOWN:
            return Reason.ORIGIN_UNKNOWN
        case Origin.ORIGINATED | Origin.CALL_FILE:
            # A program may ring a phone of the clinic and dial for it; else nobody answers for what it costs.
            return None if case.attempt.extension else Reason.ORIGIN_UNKNOWN
        case _:
            return None


def _restricted_extension(case: Case) -> Reason | None:
    rules = case.book.policy.extensions
    rule = next((rule for rule in rules if rule.match.matches(case.attempt.extension)), None)
    if rule is None or rule.allow is ExtensionReach.AS_CLINIC:
        return None
    if rule.allow is ExtensionReach.NATIONAL and case.priced.ordinary:
        return None
    return Reason.EXTENSION_RESTRICTED


def _refused_class(case: Case) -> Reason | None:
    choice = case.book.policy.classes.choice(case.priced.destination.number_class)
    listed = case.free_of_hours or (choice is ClassChoice.LISTED and _is_practice_number(case))
    return None if choice is ClassChoice.ALLOW or listed else Reason.CLASS_REFUSED


def _is_practice_number(case: Case) -> bool:
    return case.number in case.book.plan.practice_listed


def _refused_country(case: Case) -> Reason | None:
    allowed = case.priced.destination.region in case.book.policy.countries.allow
    return None if allowed or case.country_exception or case.free_of_hours else Reason.COUNTRY_REFUSED


def _external_to_external(case: Case) -> Reason | None:
    if case.external_number is not None or not case.between_outsiders:
        return None
    # A forwarded call may well come from inside: an ordinary one has the benefit of the doubt.
    doubtful = case.attempt.origin is not Origin.EXTERNAL and case.priced.ordinary
    return None if doubtful else Reason.EXTERNAL_TO_EXTERNAL


def _rate(case: Case) -> Reason | None:
    if case.priced.ordinary:
        return None
    if case.priced.rate is None:
        return Reason.RATE_UNKNOWN
    if case.permitted:
        # The clinic wants this very number; the ceilings bind what it costs. A higher cap for all would open more.
        return None
    rule = case.country_rule
    most_micros: int = case.book.policy.limits.max_rate_per_minute
    if rule is not None and rule.max_rate_per_minute is not None:
        most_micros = rule.max_rate_per_minute
    return Reason.RATE_TOO_HIGH if case.priced.rate.per_minute_micros > most_micros else None


def _closed(case: Case) -> Reason | None:
    # The doctor or the pharmacy on duty is called at night. Whoever abuses that meets the ceilings: it stays costly.
    if case.is_open or case.free_of_hours or _is_practice_number(case):
        return None
    if case.country_rule is not None:
        return Reason.CLOSED if case.country_rule.hours is RuleHours.OPEN else None
    match case.book.policy.hours.outside:
        case WhenClosed.EMERGENCY:
            return Reason.CLOSED
        case WhenClosed.NATIONAL:
            return None if case.priced.ordinary else Reason.CLOSED
        case WhenClosed.AS_OPEN:
            return None


def _one_call(case: Case) -> Reason | None:
    rate = case.priced.rate
    return Reason.CEILING_CALL if rate is not None and longest_s(case, rate) < 1 else None


RULES: tuple[Callable[[Case], Reason | None], ...] = (
    _locked,
    _refused_number,
    _unknown_origin,
    _restricted_extension,
    _refused_class,
    _refused_country,
    _external_to_external,
    _rate,
    _closed,
    _one_call,
)
"""Every rule is asked, so that a refusal carries every reason; their order here means nothing."""


def longest_s(case: Case, rate: Rate) -> int:
    """Find how long the call may last, in seconds; 0 if even its first increment costs more than one call may."""
    longest = case.book.policy.limits.max_duration_s
    allowed_s: int = longest.ordinary if case.priced.ordinary else longest.costly
    allowed_s = min(allowed_s, included_s(case) or allowed_s)
    most_micros = per_call_micros(case)
    return allowed_s if most_micros is None else affordable_seconds(rate, most_micros, allowed_s)


def slice_s(case: Case, rate: Rate, seconds: int) -> int | None:
    """Choose how much of a call is held at a time, in seconds; None for all of its `seconds` at once.

    Where a clinic only observes, no call is cut, and so no slice is renewed.
    """
    if case.priced.ordinary:
        return min(SLICE_S, seconds)
    if not case.book.slices or case.book.policy.mode is Mode.OBSERVE:
        return None
    return min(DEAR_SLICE_S if rate.per_minute_micros > DEAR_PER_MINUTE_MICROS else SLICE_S, seconds)


def _reserve(case: Case, rate: Rate) -> Reserve:
    policy, ordinary, seconds = case.book.policy, case.priced.ordinary, longest_s(case, rate)
    request = HoldRequest(
        clinic=case.attempt.clinic,
        hold_id=hold_id(case.attempt, case.instant),
        supersedes=case.attempt.supersedes,
        rate=rate,
        seconds=seconds,
        costly=not ordinary,
        slice_s=slice_s(case, rate, seconds),
        partial=not ordinary,
        purses=purses(case),
        velocities=velocities(case),
        month=calendar_month(case.instant, policy.timezone),
        grace_s=case.book.ring_timeout_s + SETTLE_GRACE_S,
        policy_revision=case.book.revision,
        novelty=novelty(case),
    )
    return Reserve(request=request, warnings=_warnings(case))


def _warnings(case: Case) -> tuple[Reason, ...]:
    """Say what is risky about a call that may go.

    Watched are also neighbours, called all day long: a warning about each would soon be read by nobody. Fraud comes at
    night, on week-ends and holidays (facts/features.md 1), so they are pointed out when the clinic is closed.
    """
    match case.priced.risk.tier:
        case Tier.HOTSPOT:
            return (Reason.HOTSPOT,)
        case Tier.SPECIAL:
            return (Reason.RISKY_NUMBER,)
        case Tier.WATCH:
            return () if case.is_open else (Reason.WATCHED,)
        case Tier.NORMAL:
            return ()


def hold_id(attempt: CallAttempt, instant: datetime) -> str:
    """Name the hold of one trunk attempt: the passage, the attempt and the epoch second, so that its age is known."""
    return f"{attempt.passage}.{attempt.attempt}.{int(instant.timestamp())}"
