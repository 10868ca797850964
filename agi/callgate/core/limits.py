"""Which purses and start limits count a call: the policy's ceilings, turned into what the ledger is asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from callgate.core.case import Case
from callgate.core.hold import Ceiling, Purse, Velocity, Window
from callgate.core.policy_tables import PurseCeilings
from callgate.core.policy_values import StartLimit
from callgate.core.risk import Tier

BUNDLE_SPAN_S = 31 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """A purse that has a table of its own under ``[ceilings]``, and the most calls up in it."""

    name: str
    table: PurseCeilings
    lines: int | None = None


def purses(case: Case) -> tuple[Purse, ...]:
    """List the purses that count this call, at most eight.

    Their names go into the ledger: a number stands in none of them, only its tag.
    """
    concurrent, channels = case.book.policy.limits.concurrent, case.book.channels
    lines = concurrent.clinic if concurrent.clinic is not None else max(1, channels - 1)
    found = [Purse(name="clinic", concurrent_max=lines)]
    if not case.is_open:
        found.append(Purse(name="closed", concurrent_max=concurrent.closed))
    found += [
        Purse(
            name=scope.name,
            ceilings=_ceilings(scope.table, enforced=_ceilings_bind(case)),
            concurrent_max=scope.lines,
        )
        for scope in _scopes(case)
    ]
    if not case.priced.ordinary:
        found += [*_hotspot(case), *_country(case), *_number(case)]
    return (*found, *_external(case))


def per_call_micros(case: Case) -> int | None:
    """Find the most that this one call may cost: the least that its purses say, or None if none of them binds it."""
    if not _ceilings_bind(case):
        return None
    return min((most for scope in _scopes(case) if (most := scope.table.per_call) is not None), default=None)


def _ceilings_bind(case: Case) -> bool:
    """Ordinary calls only sound an alarm in opening hours; when closed they are bound, unless the number is listed."""
    return not case.priced.ordinary or not (case.is_open or case.free_of_hours)


def _scopes(case: Case) -> Iterator[_Scope]:
    ceilings, concurrent = case.book.policy.ceilings, case.book.policy.limits.concurrent
    if case.priced.ordinary:
        yield _Scope(name="national", table=ceilings.national)
        return
    yield _Scope(name="costly", table=ceilings.costly)
    if _is_overseas(case):
        yield _Scope(name="overseas", table=ceilings.overseas, lines=concurrent.overseas)
    elif case.priced.destination.region != case.book.plan.country:
        yield _Scope(name="international", table=ceilings.international, lines=concurrent.international)
    # Between outsiders no line of the clinic dials: the listed number has its own purse, and eight are the most.
    if case.attempt.extension and not case.between_outsiders:
        yield _Scope(name=f"extension:{case.attempt.extension}", table=ceilings.extension)


def _is_overseas(case: Case) -> bool:
    return case.priced.destination.region in case.book.plan.overseas


def _hotspot(case: Case) -> Iterator[Purse]:
    # Such a call never has a purse of its number too: that is one somebody decided on. Eight are the most.
    if _is_limited_hotspot(case):
        yield Purse(name="hotspot", concurrent_max=case.book.policy.limits.concurrent.hotspot)


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
        yield Purse(name=f"country:{case.priced.destination.region}", ceilings=(ceiling,))


def _number(case: Case) -> Iterator[Purse]:
    exception = case.number_exception
    if exception is not None and exception.total is not None:
        # The end is part of the name: a new permission starts a new purse.
        name = f"number:{case.priced.tag}:{int(exception.until.timestamp())}"
        yield Purse(name=name, ceilings=(Ceiling(window=Window.TOTAL, limit_micros=exception.total),))


def _external(case: Case) -> Iterator[Purse]:
    number = case.external_number
    if number is not None and case.between_outsiders:
        lines = case.book.policy.limits.concurrent.external_to_external
        yield Purse(name="external_to_external", concurrent_max=lines)
        yield Purse(
            name=f"external:{case.priced.tag}",
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
        if case.priced.destination.number_class not in bundle.included:
            return ()
        return (
            Velocity(name="bundle", count_max=bundle.distinct_per_month, span_s=BUNDLE_SPAN_S, tag=tag, enforced=False),
        )
    found = [_velocity(f"same_number:{tag}", starts.same_number)]
    if _is_overseas(case):
        found.append(_velocity("overseas", starts.overseas))
    elif case.priced.destination.region != case.book.plan.country:
        found.append(_velocity("international", starts.international))
        found.append(_velocity("distinct_foreign", starts.distinct_foreign, tag))
    if _is_limited_hotspot(case):
        found.append(_velocity("hotspot", starts.hotspot))
    return tuple(found)


def _velocity(name: str, limit: StartLimit, tag: str = "") -> Velocity:
    return Velocity(name=name, count_max=limit.count_max, span_s=limit.span_s, tag=tag)
