"""Class is not cost: what a destination costs, and whether it is ordinary or costly (DESIGN section 4)."""

from dataclasses import dataclass, replace
from datetime import datetime

from callgate.core.deck import RateDeck
from callgate.core.dialling import Destination
from callgate.core.plan import ORDINARY_CLASSES, NumberPlan
from callgate.core.policy_tables import Bundle
from callgate.core.risk import NOT_ASSESSED, Risk
from callgate.core.tariff import Rate, TimedRate, dearest, price

_MINUTE_S = 60

# Holds keep their rate: one that is no row of a deck has no prefix, since the number itself is none of the ledger's.
_BUNDLED = Rate(prefix="", label="bundle", connect_micros=0, per_minute_micros=0, first_increment_s=1, increment_s=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedDestination:
    """Where a call goes and what it costs.

    Fields:
        rate: what is held and booked, the dearest that the call may meet; None if nobody knows what it costs, or a part
            of it: it is refused.
        ordinary: national fixed, mobile or freephone in the home region itself at rates of at most the plan's cap a
            minute, or a must-reach number. Everything else is costly.
        tag: a keyed hash of the number, for start limits: the ledger never sees the number.
        risk: what the risk list says of it.
    """

    destination: Destination
    rate: Rate | None
    ordinary: bool
    tag: str = ""
    risk: Risk = NOT_ASSESSED


def price_destination(
    destination: Destination, *, plan: NumberPlan, deck: RateDeck, bundle: Bundle, at: datetime, longest_s: int
) -> PricedDestination:
    """Find the rate of a destination, and judge by it whether the call is ordinary.

    Where the rate changes while the call may last, the rate is the dearest of all it may meet (`tariff.dearest`).

    Args:
        destination: as read from what was dialled.
        plan: of the home country: its cap for ordinary calls.
        deck: the clinic's rates.
        bundle: classes that the clinic's flat rate includes cost 0 in the home region.
        at: the instant of the call, aware in the clinic's zone.
        longest_s: how long after that it may still go on: ring time and the longest that is granted.
    """
    timed = timed_rates(destination, plan=plan, deck=deck, bundle=bundle, at=at, longest_s=longest_s)
    rates = [found.rate for found in timed if found.rate is not None]
    cap_micros = plan.unknown_rate_cap_micros
    # The cap is a figure: a deck in another currency is held against it as it stands. A rate that is missing for a part
    # of the call makes it costly, and refused.
    is_known = len(rates) == len(timed)
    cheap = is_known and all(price(rate, _MINUTE_S) <= cap_micros for rate in rates)
    return PricedDestination(
        destination=destination,
        rate=dearest(rates) if is_known else None,
        ordinary=destination.must_reach or (_is_home_line(destination, plan) and cheap),
    )


def timed_rates(
    destination: Destination, *, plan: NumberPlan, deck: RateDeck, bundle: Bundle, at: datetime, longest_s: int
) -> tuple[TimedRate, ...]:
    """List the rates a call may meet: the deck's, and where it has none, the most that the call can cost by the plan.

    The arguments are those of `price_destination`; `at` is second 0.

    Returns:
        At least one; None in it is a time at which nobody knows what the call costs.
    """
    if is_included(destination, plan, bundle):
        return (TimedRate(begins_s=0, rate=_BUNDLED),)
    timed = deck.timed_rates(destination.number, at, longest_s)
    unlisted = unlisted_rate(destination, plan, deck.currency)
    return tuple(replace(found, rate=_deciding(found.rate, unlisted, destination)) for found in timed)


def is_included(destination: Destination, plan: NumberPlan, bundle: Bundle) -> bool:
    """Tell whether a flat rate includes calls to a destination; the longest such call is `Bundle.max_call_s`."""
    return _is_home_line(destination, plan) and destination.number_class in bundle.included


def is_overrun(destination: Destination, *, plan: NumberPlan, bundle: Bundle, duration_s: int) -> bool:
    """Tell whether a call that the flat rate includes lasted longer than that: the operator may bill the rest."""
    return is_included(destination, plan, bundle) and duration_s > bundle.max_call_s


def _deciding(rate: Rate | None, unlisted: Rate | None, destination: Destination) -> Rate | None:
    """Choose between what the deck says and what the plan knows.

    Of a dear number that the deck has only a rate for all around it for, the dearer of the two counts.
    """
    if rate is None or unlisted is None:
        return unlisted if rate is None or not decides(rate, destination) else rate
    if decides(rate, destination):
        return rate
    return unlisted if destination.number_class in ORDINARY_CLASSES else dearest((rate, unlisted))


def decides(rate: Rate, destination: Destination) -> bool:
    """Tell whether a rate is about this kind of number: that of +33 says nothing about the premium +33 899."""
    return len(rate.prefix) >= destination.opening


def is_abroad(destination: Destination, plan: NumberPlan) -> bool:
    """Tell whether a destination is another country or a global network; the overseas departments are neither."""
    return destination.region != plan.country and destination.region not in plan.overseas


def _is_home_line(destination: Destination, plan: NumberPlan) -> bool:
    return destination.region == plan.country and destination.number_class in ORDINARY_CLASSES


def unlisted_rate(destination: Destination, plan: NumberPlan, currency: str) -> Rate | None:
    """Find what a call is held at that the deck has no rate for.

    The plan's amounts mean nothing in another currency, so there is no rate then. A must-reach number alone is held at
    the plan's figure as it stands: it has to go, and no ceiling refuses it.

    Args:
        destination: its class, region and price cap count.
        plan: of the home country.
        currency: of the deck.
    """
    cap = destination.cap
    if cap is not None and plan.currency == currency:
        return _capped("the plan's price cap", cap.connect_micros, cap.per_minute_micros)
    if destination.must_reach or (_is_home_line(destination, plan) and plan.currency == currency):
        return _capped("no rate: held at the cap of its class", 0, plan.unknown_rate_cap_micros)
    return None


def _capped(label: str, connect_micros: int, per_minute_micros: int) -> Rate:
    return Rate(
        prefix="",
        label=label,
        connect_micros=connect_micros,
        per_minute_micros=per_minute_micros,
        first_increment_s=_MINUTE_S,
        increment_s=_MINUTE_S,
    )
