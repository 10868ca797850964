"""Which purses and start limits count a call: the policy's ceilings, turned into what the ledger is asked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from callgate.core.case import Case
from callgate.core.hold import PURSES_MAX, Ceiling, Purse, Velocity, Window
from callgate.core.policy_tables import FirstCountry, PurseCeilings
from callgate.core.policy_values import StartLimit
from callgate.core.pricing import is_abroad, is_included
from callgate.core.risk import Tier
from callgate.core.tariff import CUT_MARGIN_S

BUNDLE_SPAN_S = 31 * 24 * 3600


class PurseKind(StrEnum):
    """What a purse's name begins with, up to the colon; behind it stands which extension, country or number's tag."""

    CLINIC = "clinic"
    CLOSED = "closed"
    COSTLY = "costly"
    INTERNATIONAL = "international"
    OVERSEAS = "overseas"
    NATIONAL = "national"
    NATIONAL_CLOSED = "national_closed"
    EXTENSION = "extension"
    HOTSPOT = "hotspot"
    COUNTRY = "country"
    NUMBER = "number"
    EXTERNAL_TO_EXTERNAL = "external_to_external"
    EXTERNAL = "external"


class VelocityKind(StrEnum):
    """What a start limit's name begins with, up to the colon."""

    SAME_NUMBER = "same_number"
    INTERNATIONAL = "international"
    OVERSEAS = "overseas"
    DISTINCT_FOREIGN = "distinct_foreign"
    HOTSPOT = "hotspot"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """A purse with a table under ``[ceilings]``, whether that refuses or only alarms, and the most calls up in it."""

    name: str
    table: PurseCeilings
    enforced: bool = True
    lines: int | None = None


def purses(case: Case) -> tuple[Purse, ...]:
    """List the purses that count this call, at most `PURSES_MAX`.

    Their names go into the ledger: a number stands in none of them, only its tag.
    """
    concurrent, channels = case.book.policy.limits.concurrent, case.book.channels
    lines = concurrent.clinic if concurrent.clinic is not None else max(1, channels - 1)
    found = [Purse(name=PurseKind.CLINIC.value, concurrent_max=lines)]
    if not case.is_open:
        found.append(Purse(name=PurseKind.CLOSED.value, concurrent_max=concurrent.closed))
    found += [
        Purse(
            name=scope.name,
            ceilings=_ceilings(scope.table, enforced=scope.enforced),
            concurrent_max=scope.lines,
        )
        for scope in _scopes(case)
    ]
    if not case.priced.ordinary:
        found += [*_hotspot(case), *_country(case), *_number(case)]
    found += _external(case)
    assert len(found) <= PURSES_MAX
    return tuple(found)


def per_call_micros(case: Case) -> int | None:
    """Find the most that this one call may cost: the least that its purses say, or None if none of them binds it."""
    limits = (scope.table.per_call for scope in _scopes(case) if scope.enforced)
    return min((most for most in limits if most is not None), default=None)


def included_s(case: Case) -> int | None:
    """Find how long a call of the flat rate may last where national ceilings bind it; None if that is no bound.

    What is longer is no longer included and may be billed. In opening hours nobody is cut for that: it is an alert
    (`Reason.BUNDLE_OVERRUN`) when the call is settled. Otherwise an intruder could run up what no purse counts.
    """
    bundle = case.book.policy.bundle
    if not _ceilings_bind(case) or not is_included(case.priced.destination, case.book.plan, bundle):
        return None
    return max(1, bundle.max_call_s - CUT_MARGIN_S)


def novelty(case: Case) -> str:
    """Name what the first costly call to another country is noticed under; "" for a call that is no news.

    The overseas departments are no other country, and the global codes are none. Where an exception or a rule of the
    policy names the country, the owner's permission counts as first.
    """
    policy, region = case.book.policy, case.priced.destination.region
    countries = policy.countries
    if policy.limits.first_country is FirstCountry.IGNORE or not _is_abroad(case) or not region.isalpha():
        return ""
    named = {entry.country for entry in countries.exception} | {entry.country for entry in countries.rule}
    return "" if case.priced.ordinary or region in named else f"{PurseKind.COUNTRY}:{region}"


def _ceilings_bind(case: Case) -> bool:
    """Ordinary calls only sound an alarm in opening hours; when closed they are bound, unless the number is listed."""
    return not case.priced.ordinary or not (case.is_open or case.free_of_hours)


def _scopes(case: Case) -> Iterator[_Scope]:
    ceilings, concurrent = case.book.policy.ceilings, case.book.policy.limits.concurrent
    if case.priced.ordinary:
        yield _Scope(name=PurseKind.NATIONAL.value, table=ceilings.national, enforced=False)
        # Apart, so that the calls of the day do not use up what nights and week-ends may cost.
        if _ceilings_bind(case):
            yield _Scope(name=PurseKind.NATIONAL_CLOSED.value, table=ceilings.national)
        return
    yield _Scope(name=PurseKind.COSTLY.value, table=ceilings.costly)
    if _is_overseas(case):
        yield _Scope(name=PurseKind.OVERSEAS.value, table=ceilings.overseas, lines=concurrent.overseas)
    elif _is_abroad(case):
        yield _Scope(name=PurseKind.INTERNATIONAL.value, table=ceilings.international, lines=concurrent.international)
    # Between outsiders no line of the clinic dials: the listed number has its own purse, and eight are the most.
    if case.attempt.extension and not case.between_outsiders:
        yield _Scope(name=f"{PurseKind.EXTENSION}:{case.attempt.extension}", table=ceilings.extension)


def _is_overseas(case: Case) -> bool:
    return case.priced.destination.region in case.book.plan.overseas


def _is_abroad(case: Case) -> bool:
    return is_abroad(case.priced.destination, case.book.plan)


def _hotspot(case: Case) -> Iterator[Purse]:
    # Such a call never has a purse of its number too: that is one somebody decided on. Eight are the most.
    if _is_limited_hotspot(case):
        yield Purse(name=PurseKind.HOTSPOT.value, concurrent_max=case.book.policy.limits.concurrent.hotspot)


def _is_limited_hotspot(case: Case) -> bool:
    """Whether fraud often ends there, and nobody decided on this very number: a pattern is no such decision."""
    listed = any(
        pattern.matches(case.number) for pattern in case.book.policy.numbers.always_allow if not pattern.is_prefix
    )
    return case.priced.risk.tier is Tier.HOTSPOT and case.number_exception is None and not listed


def _country(case: Case) -> Iterator[Purse]:
    days = [found.day for found in (case.country_exception, case.country_rule) if found is not None]
    limits = [day for day in days if day is not None]
    if limits:
        ceiling = Ceiling(window=Window.DAY, limit_micros=min(limits))
        yield Purse(name=f"{PurseKind.COUNTRY}:{case.priced.destination.region}", ceilings=(ceiling,))


def _number(case: Case) -> Iterator[Purse]:
    exception = case.number_exception
    if exception is not None and exception.total is not None:
        # The end is part of the name: a new permission starts a new purse.
        name = f"{PurseKind.NUMBER}:{case.priced.tag}:{int(exception.until.timestamp())}"
        yield Purse(name=name, ceilings=(Ceiling(window=Window.TOTAL, limit_micros=exception.total),))


def _external(case: Case) -> Iterator[Purse]:
    number = case.external_number
    if number is not None and case.between_outsiders:
        lines = case.book.policy.limits.concurrent.external_to_external
        yield Purse(name=PurseKind.EXTERNAL_TO_EXTERNAL.value, concurrent_max=lines)
        yield Purse(
            name=f"{PurseKind.EXTERNAL}:{case.priced.tag}",
            ceilings=(Ceiling(window=Window.DAY, limit_micros=number.day),),
            concurrent_max=number.lines,
        )


def _ceilings(table: PurseCeilings, *, enforced: bool) -> tuple[Ceiling, ...]:
    windows = (
        (Window.HOUR, table.hour),
        (Window.DAY, table.day),
        (Window.WEEK, table.week),
        (Window.MONTH, table.calendar_month),
    )
    return tuple(
        Ceiling(window=window, limit_micros=limit, enforced=enforced) for window, limit in windows if limit is not None
    )


def velocities(case: Case) -> tuple[Velocity, ...]:
    """List the start limits of this call: costly ones only; a bundle's distinct numbers only sound an alarm."""
    policy, tag = case.book.policy, case.priced.tag
    starts, bundle = policy.limits.starts, policy.bundle
    if case.priced.ordinary:
        if not is_included(case.priced.destination, case.book.plan, bundle):
            return ()
        distinct = StartLimit(count_max=bundle.distinct_per_month, span_s=BUNDLE_SPAN_S)
        return (replace(_velocity(VelocityKind.BUNDLE.value, distinct, tag), enforced=False),)
    found = [_velocity(f"{VelocityKind.SAME_NUMBER}:{tag}", starts.same_number)]
    if _is_overseas(case):
        found.append(_velocity(VelocityKind.OVERSEAS.value, starts.overseas))
    elif _is_abroad(case):
        found.append(_velocity(VelocityKind.INTERNATIONAL.value, starts.international))
        found.append(_velocity(VelocityKind.DISTINCT_FOREIGN.value, starts.distinct_foreign, tag))
    if _is_limited_hotspot(case):
        found.append(_velocity(VelocityKind.HOTSPOT.value, starts.hotspot))
    return tuple(found)


def _velocity(name: str, limit: StartLimit, tag: str = "") -> Velocity:
    return Velocity(name=name, count_max=limit.count_max, span_s=limit.span_s, tag=tag)
