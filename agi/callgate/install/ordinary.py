"""Which ordinary national numbers the dialplan may let go by itself, as Asterisk patterns, from plan and rate deck."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from callgate.core.deck import RateDeck
from callgate.core.dialling import Destination, read_dialled
from callgate.core.plan import ORDINARY_CLASSES, Family, NumberPlan
from callgate.core.pricing import unlisted_rate
from callgate.core.ranges import meet, places_of
from callgate.core.tariff import price
from callgate.core.wire import national_form

_MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryPattern:
    """One pattern of ordinary numbers.

    Fields:
        pattern: after the outside prefix, without the leading ``_``: ``01XXXXXXXX``.
        strip: how many of its digits stand before the national number that follows the country code; None for a short
            code, which is sent as it is.
        trunk: what stands before that national number when it is dialled in the country.
        minute_micros: the dearest minute under the pattern.
    """

    pattern: str
    strip: int | None
    trunk: str
    minute_micros: int


def ordinary_patterns(plan: NumberPlan, deck: RateDeck, on: date) -> list[OrdinaryPattern]:
    """List the patterns; none meets another, so what none of them fits is not ordinary."""
    found = [*_ranges(plan, deck, on), *_lifelines(plan, deck, on)]
    return list({pattern.pattern: pattern for pattern in found}.values())


def _ranges(plan: NumberPlan, deck: RateDeck, on: date) -> Iterator[OrdinaryPattern]:
    for entry, pattern in plan.disjoint:
        region = entry.region if isinstance(entry, Family) else plan.country
        if region != plan.country or entry.number_class not in ORDINARY_CLASSES:
            continue
        found = Destination(number="", region=region, number_class=entry.number_class, cap=entry.price_cap)
        trunk = plan.trunk_of(entry) if isinstance(entry, Family) else ""
        rest = pattern.removeprefix(trunk)
        country = f"+{plan.dial_code}" if isinstance(entry, Family) else ""
        minute = _dearest_minute(country, rest, deck, on)
        minute = _unlisted_minute(found, plan, deck) if minute is None else minute
        if minute is None or minute > plan.unknown_rate_cap_micros:
            continue
        if isinstance(entry, Family):
            yield from _national_forms(trunk, rest, minute, plan)
        else:
            yield OrdinaryPattern(pattern=pattern, strip=None, trunk="", minute_micros=minute)


def _unlisted_minute(found: Destination, plan: NumberPlan, deck: RateDeck) -> int | None:
    """Price a minute that the deck has no rate for, as the gate would."""
    rate = unlisted_rate(found, plan, deck.currency)
    return None if rate is None else price(rate, _MINUTE_S)


def _lifelines(plan: NumberPlan, deck: RateDeck, on: date) -> Iterator[OrdinaryPattern]:
    """What must be reached although its range is costly, such as the Australian 13 11 14."""
    for number in sorted(plan.must_reach_numbers):
        found = read_dialled(number, plan=plan, outside_prefix="")
        rate = deck.rate_for(number, on) or unlisted_rate(found, plan, deck.currency)
        assert rate is not None
        minute = price(rate, _MINUTE_S)
        if not number.startswith("+"):
            yield OrdinaryPattern(pattern=number, strip=None, trunk="", minute_micros=minute)
        elif found.number_class not in ORDINARY_CLASSES:
            rest = number.removeprefix(f"+{plan.dial_code}")
            yield from _national_forms(national_form(rest, plan).removesuffix(rest), rest, minute, plan)


def _national_forms(trunk: str, rest: str, minute: int, plan: NumberPlan) -> Iterator[OrdinaryPattern]:
    """Every form in which `rest`, the digits after the country code, is dialled."""
    international = (f"+{plan.dial_code}", *(idd + plan.dial_code for idd in plan.international_prefixes))
    for before in dict.fromkeys((trunk, *([""] if plan.trunk_optional else []), *international)):
        yield OrdinaryPattern(pattern=before + rest, strip=len(before), trunk=trunk, minute_micros=minute)


def _dearest_minute(country: str, pattern: str, deck: RateDeck, on: date) -> int | None:
    """Price a minute of the dearest rate that any number under the pattern may have; None if none has one.

    Args:
        country: ``+33``, or "" for a short code.
        pattern: of the digits that follow.
        deck: the rates.
        on: the day that counts.
    """
    places = places_of(pattern)
    rates = [
        deck.rate_for(prefix, on)
        for prefix in deck.rates
        if prefix.startswith("+") == bool(country)
        and (prefix.startswith(country) or country.startswith(prefix))
        and meet(places_of(prefix[len(country) :]), places)
    ]
    return max((price(rate, _MINUTE_S) for rate in rates if rate is not None), default=None)
