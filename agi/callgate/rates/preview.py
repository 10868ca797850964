"""What three real calls would cost by a deck: the quickest way to see that an import went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from callgate.core.deck import RateDeck
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


def three_calls(deck: RateDeck, home: str, at: datetime) -> tuple[SampleCall, ...]:
    """Price a national mobile of 3 minutes, a neighbour country of 5, and the dearest row of 10.

    Args:
        deck: the rates.
        home: the home country.
        at: when they are answered, aware in the clinic's zone.

    Returns:
        Three calls; only two for a deck without rows in force.
    """
    neighbour = _NEIGHBOUR.get(home, _ELSEWHERE)
    calls = [
        _priced(SampleKind.NATIONAL_MOBILE, _example(home, PhoneNumberType.MOBILE), deck, at),
        _priced(SampleKind.NEIGHBOUR, _example(neighbour, PhoneNumberType.FIXED_LINE), deck, at),
    ]
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


def _priced(kind: SampleKind, number: str, deck: RateDeck, at: datetime) -> SampleCall:
    seconds = _SECONDS[kind]
    timed = deck.timed_rates(number, at, seconds)
    billed, rate = bill(timed, seconds), timed[0].rate
    return SampleCall(
        kind=kind,
        number=number,
        seconds=seconds,
        label=rate.label if rate else "",
        micros=billed.micros if billed else None,
    )


def _example(region: str, number_type: int) -> str:
    number = phonenumbers.example_number_for_type(region, number_type)
    assert number is not None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
