"""What a deck leaves without a rate: every kind of number, by its region and class, as the gate reads and prices it.

A kind has one example number. The gate's own reader says what it is (`read_dialled`), and its own rule whether a row of
the deck speaks of it (`pricing.decides`): +1 prices the United States, and says nothing about Jamaica.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from callgate.core.deck import RateDeck
from callgate.core.destination import Destination
from callgate.core.dialling import read_dialled
from callgate.core.plan import ORDINARY_CLASSES, NumberPlan
from callgate.core.pricing import decides
from callgate.rates.country_codes import country_code
from callgate.rates.home_ranges import HomeRanges, has_a_rate

_SHOWN_DIGITS = 3
"""So many digits after the country code name a kind of number."""
_PLANS_KEPT = 16
_GLOBAL = phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
# The dearest first: they are told first. UNKNOWN and "fixed or mobile" have the examples of the others.
_TYPES = (
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
    PhoneNumberType.VOIP,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Beginnings of numbers without a rate.

    Fields:
        at_home: ranges of the home country, as dialled, costly ones first.
        countries: country codes of which no number has one, satellites and other global networks first.
        within: regions and kinds of numbers under a country code that has rates for others, such as ``JM +1658``.
    """

    at_home: tuple[str, ...]
    countries: tuple[str, ...]
    within: tuple[str, ...]


def find_gaps(deck: RateDeck, ranges: HomeRanges, plan: NumberPlan) -> Gaps:
    """Find what has no rate.

    Args:
        deck: the rates; whether they are valid today does not count.
        ranges: of `plan`.
        plan: of the home country.
    """
    beginnings = {prefix[:length] for prefix in deck.rates for length in range(1, len(prefix) + 1)}
    costly_first = sorted(ranges.all, key=lambda known: known.number_class in ORDINARY_CLASSES)
    missing, regions = [], set()
    for kind in _abroad(plan):
        if any(decides(row.rate, kind) for row in deck.rows_for(kind.number)):
            regions.add(kind.region)
        else:
            missing.append(kind)
    begun = {code for code in map(_code, missing) if _is_begun(code, deck, beginnings)}
    return Gaps(
        at_home=tuple(known.name for known in costly_first if not has_a_rate(known, deck.rates, beginnings)),
        countries=_countries(kind for kind in missing if _code(kind) not in begun),
        within=_parts([kind for kind in missing if _code(kind) in begun], regions),
    )


def _is_begun(code: str, deck: RateDeck, beginnings: Container[str]) -> bool:
    """Tell whether some row of the deck is about numbers of a country code."""
    return f"+{code}" in beginnings or any(f"+{code[:length]}" in deck.rates for length in range(1, len(code)))


def _countries(missing: Iterable[Destination]) -> tuple[str, ...]:
    codes = {(kind.region != _GLOBAL, _code(kind)) for kind in missing}
    return tuple(f"+{code}" for _, code in sorted(codes))


def _parts(missing: Sequence[Destination], regions: Container[str]) -> tuple[str, ...]:
    """Name regions without any rate first, then of the others their ordinary lines, then their dear ones."""
    whole = {kind.region: kind for kind in missing if kind.region not in regions}
    kinds = sorted((kind for kind in missing if kind.region in regions), key=lambda kind: kind.opening != 0)
    return tuple(dict.fromkeys(map(_name, (*(whole[region] for region in sorted(whole)), *kinds))))


def _code(kind: Destination) -> str:
    return country_code(kind.number.removeprefix("+"))


def _name(kind: Destination) -> str:
    return f"{kind.region} {kind.number[: 1 + len(_code(kind)) + _SHOWN_DIGITS]}"


@lru_cache(maxsize=_PLANS_KEPT)
def _abroad(plan: NumberPlan) -> tuple[Destination, ...]:
    """One example of each kind of number that no range of the plan names."""
    kinds: dict[tuple[str, ...], Destination] = {}
    for example in _examples():
        number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        kind = read_dialled(number, plan=plan, outside_prefix="")
        if kind.number.startswith("+") and kind.region not in plan.dial_codes:
            kinds.setdefault((_name(kind), kind.number_class), kind)
    return tuple(kinds.values())


def _examples() -> Iterator[phonenumbers.PhoneNumber]:
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        example = phonenumbers.example_number_for_non_geo_entity(code)
        assert example is not None
        yield example
    for number_type in _TYPES:
        for region in sorted(phonenumbers.SUPPORTED_REGIONS):
            example = phonenumbers.example_number_for_type(region, number_type)
            if example is not None:
                yield example
