"""Class is not cost: what a destination costs, and whether it is ordinary or costly (DESIGN section 4)."""

from dataclasses import dataclass
from datetime import date

from callgate.core.deck import RateDeck
from callgate.core.dialling import Destination
from callgate.core.plan import NumberClass, NumberPlan
from callgate.core.policy_tables import Bundle
from callgate.core.tariff import Rate, price

ORDINARY_CLASSES = frozenset({NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE, NumberClass.FREEPHONE})
_MINUTE_S = 60

# Holds keep their rate: one that is no row of a deck has no prefix, since the number itself is none of the ledger's.
_BUNDLED = Rate(prefix="", label="bundle", connect_micros=0, per_minute_micros=0, first_increment_s=1, increment_s=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedDestination:
    """Where a call goes and what it costs.

    Fields:
        rate: what is held and booked; None if the deck has none and the call is not ordinary: it is refused.
        ordinary: national fixed, mobile or freephone in the home region itself at a rate of at most the plan's cap a
            minute, or a must-reach number. Everything else is costly.
        tag: a keyed hash of the number, for start limits: the ledger never sees the number.
    """

    destination: Destination
    rate: Rate | None
    ordinary: bool
    tag: str = ""


def price_destination(
    destination: Destination, *, plan: NumberPlan, deck: RateDeck, bundle: Bundle, on: date
) -> PricedDestination:
    """Find the rate of a destination, and judge by it whether the call is ordinary.

    Args:
        destination: as read from what was dialled.
        plan: of the home country: its cap for ordinary calls.
        deck: the clinic's rates.
        bundle: classes that the clinic's flat rate includes cost 0 in the home region.
        on: the day whose rates count.
    """
    home = destination.region == plan.country and destination.number_class in ORDINARY_CLASSES
    if home and destination.number_class in bundle.included:
        return PricedDestination(destination=destination, rate=_BUNDLED, ordinary=True)
    rate = deck.rate_for(destination.number, on) if destination.number else None
    cap_micros = plan.unknown_rate_cap_micros
    ordinary = destination.must_reach or (home and (rate is None or price(rate, _MINUTE_S) <= cap_micros))
    if rate is None and ordinary:
        rate = _capped(cap_micros)
    return PricedDestination(destination=destination, rate=rate, ordinary=ordinary)


def _capped(cap_micros: int) -> Rate:
    return Rate(
        prefix="",
        label="no rate: held at the cap of its class",
        connect_micros=0,
        per_minute_micros=cap_micros,
        first_increment_s=_MINUTE_S,
        increment_s=_MINUTE_S,
    )
