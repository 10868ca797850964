"""What three real calls would cost by a deck: the quickest way to see that an import went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from callgate.core.deck import RateDeck
from callgate.core.destination import Destination
from callgate.core.dialling import read_dialled
from callgate.core.plan import NumberPlan
from callgate.core.pricing import decides
from callgate.core.tariff import bill, price

_NEIGHBOUR: Mapping[str, str] = {
    "AU": "NZ",
    "BE": "FR",
    "CA": "US",
    "CH": "DE",
    "DE": "AT",
    "ES": "PT",
    "FR": "BE",
    "GB": "IE",
    "IT": "CH",
    "LU": "BE",
    "MC": "IT",
    "PT": "ES",
    "US": "MX",
}
"""From memory: a country that a practice near the border may call. It only chooses an example."""
_ELSEWHERE = "DE"


class SampleKind(StrEnum):
    """The three calls."""

    NATIONAL_MOBILE = "national_mobile"
    NEIGHBOUR = "neighbour"
    DEAREST = "dearest"


_SECONDS = {SampleKind.NATIONAL_MOBILE: 180, SampleKind.NEIGHBOUR: 300, SampleKind.DEAREST: 600}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCall:
    """One call and its price.

    Fields:
        number: E.164 of an example number; of the dearest row, its prefix.
        label: of the row that prices it, "" where none does.
        micros: the price, None where the deck has none.
    """

    kind: SampleKind
    number: str
    seconds: int
    label: str
    micros: int | None


def three_calls(deck: RateDeck, plan: NumberPlan, at: datetime) -> tuple[SampleCall, ...]:
    """Price a national mobile of 3 minutes, a neighbour country of 5, and the dearest row of 10.

    Args:
        deck: the rates.
        plan: of the home country.
        at: when they are answered, aware in the clinic's zone.

    Returns:
        Three calls; only two for a deck without rows in force.
    """
    mobile = _example(plan.country, PhoneNumberType.MOBILE)
    neighbour = _example(_NEIGHBOUR.get(plan.country, _ELSEWHERE), PhoneNumberType.FIXED_LINE)
    calls = []
    for kind, number in ((SampleKind.NATIONAL_MOBILE, mobile), (SampleKind.NEIGHBOUR, neighbour)):
        destination = read_dialled(number, plan=plan, outside_prefix="")
        calls.append(_priced(kind, destination, deck, at))
    seconds = _SECONDS[SampleKind.DEAREST]
    in_force = [
        (price(row.rate, seconds), prefix, row.rate.label)
        for prefix, rows in deck.rates.items()
        for row in rows
        if row.is_valid_on(at.date())
    ]
    if in_force:
        micros, prefix, label = max(in_force)
        dearest = SampleCall(kind=SampleKind.DEAREST, number=prefix, seconds=seconds, label=label, micros=micros)
        calls.append(dearest)
    return tuple(calls)


def _priced(kind: SampleKind, destination: Destination, deck: RateDeck, at: datetime) -> SampleCall:
    seconds = _SECONDS[kind]
    timed = deck.timed_rates(destination.number, at, seconds)
    rate = timed[0].rate
    billed = bill(timed, seconds) if rate is not None and decides(rate, destination) else None
    return SampleCall(
        kind=kind,
        number=destination.number,
        seconds=seconds,
        label=rate.label if rate is not None and billed is not None else "",
        micros=billed.micros if billed is not None else None,
    )


def _example(region: str, number_type: int) -> str:
    number = phonenumbers.example_number_for_type(region, number_type)
    assert number is not None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
