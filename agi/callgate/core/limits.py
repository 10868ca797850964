"""Which purses and start limits count a call: the policy's ceilings, turned into what the ledger is asked."""

from callgate.core.attempt import Origin
from callgate.core.case import Case
from callgate.core.hold import Ceiling, Purse, Velocity, Window
from callgate.core.policy_tables import PurseCeilings
from callgate.core.policy_values import StartLimit

BUNDLE_SPAN_S = 31 * 24 * 3600


def purses(case: Case) -> tuple[Purse, ...]:
    """List the purses that count this call, at most eight."""
    concurrent, channels = case.book.policy.limits.concurrent, case.book.channels
    lines = concurrent.clinic if concurrent.clinic is not None else max(1, channels - 1)
    found = [Purse(name="clinic", concurrent_max=lines)]
    if not case.is_open:
        found.append(Purse(name="closed", concurrent_max=concurrent.closed))
    found += _national(case) if case.priced.ordinary else _costly(case)
    if case.external_number is not None and case.attempt.origin is Origin.EXTERNAL:
        found.append(Purse(name="external_to_external", concurrent_max=concurrent.external_to_external))
        found.append(
            Purse(
                name=f"external:{case.number}",
                ceilings=(Ceiling(window=Window.DAY, limit_micros=case.external_number.day),),
                concurrent_max=case.external_number.lines,
            )
        )
    return tuple(found)


def _national(case: Case) -> list[Purse]:
    """Ordinary calls only sound an alarm in opening hours; when closed they refuse, unless the number is listed."""
    enforced = not case.is_open and not case.free_of_hours
    return [Purse(name="national", ceilings=_ceilings(case.book.policy.ceilings.national, enforced=enforced))]


def _costly(case: Case) -> list[Purse]:
    policy, destination = case.book.policy, case.priced.destination
    found = [Purse(name="costly", ceilings=_ceilings(policy.ceilings.costly))]
    if destination.region in case.book.plan.overseas:
        found.append(
            Purse(
                name="overseas",
                ceilings=_ceilings(policy.ceilings.overseas),
                concurrent_max=policy.limits.concurrent.overseas,
            )
        )
    elif destination.region != policy.home:
        found.append(
            Purse(
                name="international",
                ceilings=_ceilings(policy.ceilings.international),
                concurrent_max=policy.limits.concurrent.international,
            )
        )
    if case.attempt.extension:
        found.append(Purse(name=f"extension:{case.attempt.extension}", ceilings=_ceilings(policy.ceilings.extension)))
    return found + _country(case) + _number(case)


def _country(case: Case) -> list[Purse]:
    days = [found.day for found in (case.country_exception, case.country_rule) if found is not None]
    limits = [day for day in days if day is not None]
    if not limits:
        return []
    ceiling = Ceiling(window=Window.DAY, limit_micros=min(limits))
    return [Purse(name=f"country:{case.priced.destination.region}", ceilings=(ceiling,))]


def _number(case: Case) -> list[Purse]:
    exception = case.number_exception
    if exception is None or exception.total is None:
        return []
    # The end is part of the name: a new permission starts a new purse.
    name = f"number:{exception.number}:{int(exception.until.timestamp())}"
    return [Purse(name=name, ceilings=(Ceiling(window=Window.TOTAL, limit_micros=exception.total),))]


def _ceilings(table: PurseCeilings, *, enforced: bool = True) -> tuple[Ceiling, ...]:
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
    policy, destination = case.book.policy, case.priced.destination
    starts, bundle, tag = policy.limits.starts, policy.bundle, case.priced.tag
    if case.priced.ordinary:
        if destination.number_class not in bundle.included:
            return ()
        return (
            Velocity(name="bundle", count_max=bundle.distinct_per_month, span_s=BUNDLE_SPAN_S, tag=tag, enforced=False),
        )
    found = [_velocity(f"same_number:{tag}", starts.same_number)]
    if destination.region in case.book.plan.overseas:
        found.append(_velocity("overseas", starts.overseas))
    elif destination.region != policy.home:
        found.append(_velocity("international", starts.international))
        found.append(_velocity("distinct_foreign", starts.distinct_foreign, tag))
    return tuple(found)


def _velocity(name: str, limit: StartLimit, tag: str = "") -> Velocity:
    return Velocity(name=name, count_max=limit.count_max, span_s=limit.span_s, tag=tag)
