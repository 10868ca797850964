"""Which ordinary national numbers the dialplan may let go by itself, as Asterisk patterns, from plan and rate deck."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from callgate.core.deck import RateDeck
from callgate.core.plan import Family, NumberPlan, ShortCode
from callgate.core.pricing import ORDINARY_CLASSES
from callgate.core.tariff import price

_MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryPattern:
    """One pattern of ordinary numbers.

    Fields:
        pattern: after the outside prefix, without the leading ``_``: ``01XXXXXXXX``.
        strip: how many of its digits stand before the national number that follows the country code; None for a short
            code, which is sent as it is.
        minute_micros: the dearest minute under the pattern.
    """

    pattern: str
    strip: int | None
    minute_micros: int


def ordinary_patterns(plan: NumberPlan, deck: RateDeck, on: date) -> list[OrdinaryPattern]:
    """List the patterns; the plan's ranges never overlap, so what none of them fits is not ordinary."""
    found = [*_families(plan, deck, on), *_short_codes(plan, deck, on)]
    return list({pattern.pattern: pattern for pattern in found}.values())


def _families(plan: NumberPlan, deck: RateDeck, on: date) -> Iterator[OrdinaryPattern]:
    for family in plan.families:
        trunk = plan.trunk_prefix if family.trunk is None else family.trunk
        minute = _dearest_minute(family, "+" + plan.dial_codes[family.region], deck, on)
        minute = plan.unknown_rate_cap_micros if minute is None else minute
        ordinary = family.region == plan.country and family.number_class in ORDINARY_CLASSES
        if not ordinary or minute > plan.unknown_rate_cap_micros:
            continue
        rest = family.pattern.removeprefix(trunk)
        for before in (trunk, f"+{plan.dial_code}", *(idd + plan.dial_code for idd in plan.international_prefixes)):
            yield OrdinaryPattern(pattern=before + rest, strip=len(before), minute_micros=minute)


def _short_codes(plan: NumberPlan, deck: RateDeck, on: date) -> Iterator[OrdinaryPattern]:
    cap = plan.unknown_rate_cap_micros
    for code in plan.short_codes:
        minute = _dearest_minute(code, "", deck, on)
        if code.number_class in ORDINARY_CLASSES and (minute is None or minute <= cap):
            yield OrdinaryPattern(pattern=code.pattern, strip=None, minute_micros=cap if minute is None else minute)
    for number in sorted(plan.must_reach_numbers):
        if not number.startswith("+"):
            rate = deck.rate_for(number, on)
            minute = cap if rate is None else price(rate, _MINUTE_S)
            yield OrdinaryPattern(pattern=number, strip=None, minute_micros=minute)


def _dearest_minute(family: ShortCode, country: str, deck: RateDeck, on: date) -> int | None:
    """Price a minute of the dearest rate that any number under the pattern may have; None if none has one."""
    trunk = 1 if country and isinstance(family, Family) and family.trunk is None else 0
    digits = country + family.prefix[trunk:]
    rates = [deck.rate_for(prefix, on) for prefix in deck.rates if _fits(prefix, digits)]
    return max((price(rate, _MINUTE_S) for rate in rates if rate is not None), default=None)


def _fits(prefix: str, digits: str) -> bool:
    """Tell whether a deck's prefix can be the beginning of a number under the pattern, or the other way round.

    Sets of digits in the pattern are taken for any digit: a rate too many makes the pattern dearer, never cheaper.
    """
    flat, inside = "", False
    for character in digits:
        if character == "[":
            flat, inside = flat + "X", True
        elif character == "]":
            inside = False
        elif not inside:
            flat += character
    return all(expected in ("X", found) for expected, found in zip(flat, prefix, strict=False)) and prefix.startswith(
        "+"
    ) == digits.startswith("+")
