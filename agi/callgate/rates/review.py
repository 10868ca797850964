"""A second look at a deck that could be read: what is suspicious, missing, or of no use. It only warns."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import reduce
from operator import or_
from statistics import median_low

from callgate.core.deck import RateDeck
from callgate.core.money import MICROS_PER_UNIT, format_amount
from callgate.core.plan import ORDINARY_CLASSES, NumberPlan
from callgate.rates.country_codes import COUNTRY_CODES, country_code
from callgate.rates.findings import Notebook, Place, Problem
from callgate.rates.gaps import find_gaps
from callgate.rates.home_ranges import HomeRanges, home_ranges
from callgate.rates.offers import ImportOptions, Offer
from callgate.rates.prefixes import SHORT
from callgate.rates.week import WHOLE_WEEK

DEAR_MICROS = 5 * MICROS_PER_UNIT
"""A minute that costs more is told."""
OUTLIER_FACTOR = 20
"""So many times the median of its relatives is told: a dot in the wrong place makes 10, 100 or 1000 times."""

LISTED_MAX = 40
"""So many beginnings without a rate are named, then only counted."""
_UNIVERSAL_FREEPHONE = "+800"


def review(offers: Sequence[Offer], deck: RateDeck, options: ImportOptions, notebook: Notebook) -> None:
    """Note what a person should look at.

    Args:
        offers: the rows of the deck.
        deck: the same, as the gate loads it.
        options: the plan of the home country, and today.
        notebook: for the warnings.
    """
    ranges = home_ranges(options.plan)
    looked_up = {offer.prefix: _looked_up(offer) for offer in offers}
    unreachable = {known for known, digits in looked_up.items() if not _is_reachable(digits, ranges, options.plan)}
    is_all_free = all(map(_is_free, offers))
    for offer in offers:
        _review_dear(offer, notebook)
        # A decimal comma that parted the fields leaves 0 everywhere, also where calls may well be included.
        if _is_free(offer) and (is_all_free or _is_costly(_looked_up(offer), ranges)):
            notebook.note(Problem.FREE, offer.place, prefix=offer.prefix)
        if offer.last is not None and offer.last < options.today:
            notebook.note(Problem.EXPIRED, offer.place, prefix=offer.prefix, day=offer.last.isoformat())
        if offer.prefix in unreachable:
            notebook.note(Problem.UNREACHABLE, offer.place, prefix=offer.prefix)
    _review_relatives(offers, deck, notebook)
    _review_hours(offers, notebook)
    gaps = find_gaps(deck, ranges, options.plan)
    for missing in (gaps.at_home, gaps.countries, gaps.within):
        _note_gap(missing, notebook)


def _looked_up(offer: Offer) -> str:
    """The prefix as numbers are looked up by it."""
    return offer.prefix.removeprefix(SHORT)


def _review_dear(offer: Offer, notebook: Notebook) -> None:
    per_minute = offer.per_minute_with_tax_micros
    if per_minute > DEAR_MICROS:
        price = format_amount(per_minute)
        notebook.note(Problem.DEAR, offer.place, prefix=offer.prefix, price=price, currency=offer.currency)


def _is_free(offer: Offer) -> bool:
    return not offer.per_minute_micros and not offer.connect_micros


def _is_costly(prefix: str, ranges: HomeRanges) -> bool:
    """Tell whether costly numbers take their rate from a prefix: foreign ones, or those of a costly range at home."""
    begun = ranges.begun_by(prefix)
    if not begun:
        return not prefix.startswith(_UNIVERSAL_FREEPHONE)
    digits = len(prefix.removeprefix("+"))
    return any(known.number_class not in ORDINARY_CLASSES and digits >= known.least for known in begun)


def _is_reachable(prefix: str, ranges: HomeRanges, plan: NumberPlan) -> bool:
    if ranges.begun_by(prefix):
        return True
    if not prefix.startswith("+"):
        return any(number.startswith(prefix) for number in plan.emergency_numbers)
    digits = prefix.removeprefix("+")
    for code in _own_codes(plan):
        if digits.startswith(code):
            return False
    return bool(country_code(digits)) or any(code.startswith(digits) for code in COUNTRY_CODES)


def _own_codes(plan: NumberPlan) -> set[str]:
    """The country codes all of whose numbers the plan names."""
    shared = {plan.dial_code} if plan.shared_with else set()
    return set(plan.dial_codes.values()) - shared


def _review_relatives(offers: Sequence[Offer], deck: RateDeck, notebook: Notebook) -> None:
    """Compare each price with those under the same shorter prefix."""
    relatives: dict[str, list[int]] = {}
    parents = [_parent(_looked_up(offer), deck) for offer in offers]
    for offer, parent in zip(offers, parents, strict=True):
        for family in {parent, _looked_up(offer)}:
            relatives.setdefault(family, []).append(offer.per_minute_with_tax_micros)
    usual = {family: median_low(prices) for family, prices in relatives.items()}
    for offer, parent in zip(offers, parents, strict=True):
        per_minute = offer.per_minute_with_tax_micros
        if parent and per_minute > OUTLIER_FACTOR * usual[parent] > 0:
            notebook.note(
                Problem.OUTLIER,
                offer.place,
                prefix=offer.prefix,
                price=format_amount(per_minute),
                parent=parent,
                usual=format_amount(usual[parent]),
                currency=offer.currency,
            )


def _parent(prefix: str, deck: RateDeck) -> str:
    """The next shorter prefix of the deck, "" if there is none."""
    shorter = (prefix[:length] for length in range(len(prefix) - 1, 0, -1))
    return next((head for head in shorter if head in deck.rates), "")


def _review_hours(offers: Sequence[Offer], notebook: Notebook) -> None:
    """Tell of prefixes that have a rate at some hours of a day, and none at others."""
    by_prefix: dict[str, list[Offer]] = {}
    for offer in offers:
        by_prefix.setdefault(offer.prefix, []).append(offer)
    for prefix, rows in by_prefix.items():
        timed = [row for row in rows if row.week is not None]
        if timed and any(_has_hole(rows, day) for day in _days_of_change(rows)):
            notebook.note(Problem.HOURS_MISSING, timed[0].place, prefix=prefix)


def _days_of_change(rows: Sequence[Offer]) -> Iterator[date]:
    for row in rows:
        yield row.first or date.min
        if row.last is not None and row.last < date.max:
            yield row.last + timedelta(days=1)


def _has_hole(rows: Sequence[Offer], day: date) -> bool:
    """Tell whether the rows of one day leave minutes of the week; that no row is valid at all is told elsewhere."""
    weeks = [row.week for row in rows if (row.first or date.min) <= day <= (row.last or date.max)]
    named = reduce(or_, (week for week in weeks if week is not None), 0)
    return bool(weeks) and None not in weeks and named != WHOLE_WEEK


def _note_gap(missing: Sequence[str], notebook: Notebook) -> None:
    if missing:
        listed = ", ".join(missing[:LISTED_MAX]) + (", ..." if len(missing) > LISTED_MAX else "")
        notebook.note(Problem.GAP, Place(), count=len(missing), listed=listed)
