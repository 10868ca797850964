"""Which ordinary national numbers the dialplan may let go by itself, as Asterisk patterns, from plan and rate deck."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from callgate.core.deck import DatedRate, RateDeck
from callgate.core.dialling import Destination, read_dialled
from callgate.core.plan import ORDINARY_CLASSES, Family, NumberPlan
from callgate.core.pricing import decides, unlisted_rate
from callgate.core.ranges import Places, places_of
from callgate.core.tariff import price
from callgate.core.wire import national_form

_MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryPattern:
    """One pattern of ordinary numbers.

    Fields:
        pattern: after the outside prefix, without the leading ``_``: ``01XXXXXXXX``.
        strip: how many characters stand before the national number that follows the country code, or before the short
            code.
        trunk: what stands before that national number when it is dialled in the country; None for a short code, which
            is sent as it is.
        minute_micros: the dearest minute under the pattern.
        number: in E.164, where the pattern is one number and that is what is sent.
    """

    pattern: str
    strip: int
    trunk: str | None
    minute_micros: int
    number: str = ""


def ordinary_patterns(plan: NumberPlan, deck: RateDeck, on: date) -> list[OrdinaryPattern]:
    """List the patterns; what none of them fits is not ordinary.

    Two patterns meet only where one is a single lifeline inside the range of the other; Asterisk takes the single one.
    """
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
        least = len(country) + entry.opening(trunk) if entry.is_singled_out else 0
        rates = {prefix: rows for prefix, rows in deck.rates.items() if len(prefix) >= least}
        minute = _dearest_minute(country, rest, rates, unlisted=_unlisted_minute(found, plan, deck), on=on)
        if minute is None or minute > plan.unknown_rate_cap_micros:
            continue
        if isinstance(entry, Family):
            yield from _national_forms(trunk, rest, minute, plan)
        else:
            yield OrdinaryPattern(pattern=pattern, strip=0, trunk=None, minute_micros=minute)


def _unlisted_minute(found: Destination, plan: NumberPlan, deck: RateDeck) -> int | None:
    """Price a minute that the deck has no rate for, as the gate would."""
    rate = unlisted_rate(found, plan, deck.currency)
    return None if rate is None else price(rate, _MINUTE_S)


def _lifelines(plan: NumberPlan, deck: RateDeck, on: date) -> Iterator[OrdinaryPattern]:
    """What must be reached although its range is costly, such as the Australian 13 11 14."""
    for number in sorted(plan.must_reach_numbers):
        found = read_dialled(number, plan=plan, outside_prefix="")
        rows, unlisted = deck.rows_for(number), _unlisted_minute(found, plan, deck)
        minute = _dearest_row(rows, unlisted, on)
        assert minute is not None
        assert unlisted is not None
        minute = minute if all(decides(row.rate, found) for row in rows) else max(minute, unlisted)
        if not number.startswith("+"):
            for before in ("", *_own_codes(plan)):
                yield OrdinaryPattern(pattern=before + number, strip=len(before), trunk=None, minute_micros=minute)
        elif found.number_class not in ORDINARY_CLASSES:
            for form in _dialled_forms(number, plan):
                yield OrdinaryPattern(pattern=form, strip=0, trunk=None, minute_micros=minute, number=number)


def _dialled_forms(number: str, plan: NumberPlan) -> Iterator[str]:
    """Every form in which a number in E.164, of the home country or another, is dialled."""
    yield from (prefix + number[1:] for prefix in ("+", *plan.international_prefixes))
    if number.startswith(f"+{plan.dial_code}"):
        rest = number.removeprefix(f"+{plan.dial_code}")
        yield from dict.fromkeys((national_form(rest, plan), *([rest] if plan.trunk_optional else [])))


def _national_forms(trunk: str, rest: str, minute: int, plan: NumberPlan) -> Iterator[OrdinaryPattern]:
    """Every form in which `rest`, the digits after the country code, is dialled."""
    for before in dict.fromkeys((trunk, *([""] if plan.trunk_optional else []), *_own_codes(plan))):
        yield OrdinaryPattern(pattern=before + rest, strip=len(before), trunk=trunk, minute_micros=minute)


def _own_codes(plan: NumberPlan) -> tuple[str, ...]:
    return (f"+{plan.dial_code}", *(idd + plan.dial_code for idd in plan.international_prefixes))


def _dearest_minute(
    country: str, pattern: str, rates: Mapping[str, tuple[DatedRate, ...]], *, unlisted: int | None, on: date
) -> int | None:
    """Price a minute of the dearest number under the pattern; None if one of them has no price.

    Args:
        country: ``+33``, or "" for a short code.
        pattern: of the digits that follow.
        rates: the rows of the deck by prefix, as far as they are about these numbers.
        unlisted: the price of a minute that the deck has no rate for.
        on: the day that counts.
    """
    rows = {
        prefix.removeprefix(country): _dearest_row(found, unlisted, on)
        for prefix, found in rates.items()
        if prefix.startswith("+") == bool(country) and prefix.startswith(country)
    }
    above = next((rates[country[:size]] for size in range(len(country), 0, -1) if country[:size] in rates), ())
    minutes = set(_minutes(rows, places_of(pattern), _dearest_row(above, unlisted, on) if above else unlisted))
    known = [minute for minute in minutes if minute is not None]
    return max(known) if len(known) == len(minutes) else None


def _dearest_row(rows: tuple[DatedRate, ...], unlisted: int | None, on: date) -> int | None:
    """Price a minute at the dearest of the rates that count now or later: a dialplan stays for long as it was written.

    At times that no row names, the deck has no rate.
    """
    minutes = [price(row.rate, _MINUTE_S) for row in rows if row.last >= on]
    if any(row.hours is None and row.first <= on and row.last == date.max for row in rows):
        return max(minutes)
    return None if unlisted is None else max((*minutes, unlisted))


def _minutes(rows: Mapping[str, int | None], places: Places, above: int | None) -> Iterator[int | None]:
    """Walk the digits of a range down the deck: the longest prefix decides about each number.

    Args:
        rows: the minute of each prefix, less the digits walked.
        places: what is left of the range.
        above: the minute of the longest prefix so far.
    """
    decided = rows.get("", above)
    deeper = {prefix: minute for prefix, minute in rows.items() if prefix}
    if not deeper or not places:
        yield decided
        return
    for digit in sorted(places[0]):
        inner = {prefix[1:]: minute for prefix, minute in deeper.items() if prefix[0] == digit}
        yield from _minutes(inner, places[1:], decided)
