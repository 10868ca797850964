"""A second look at a deck that could be read: what is suspicious, missing, or of no use. It only warns."""

from collections.abc import Iterable, Sequence
from statistics import median_low

import phonenumbers

from callgate.core.deck import RateDeck
from callgate.core.money import MICROS_PER_UNIT, format_amount
from callgate.core.plan import ORDINARY_CLASSES, NumberPlan
from callgate.rates.findings import SHOWN_MAX, Notebook, Place, Problem
from callgate.rates.home_ranges import HomeRanges, has_a_rate, takes_its_rate_from
from callgate.rates.offers import ImportOptions, Offer
from callgate.rates.prefixes import SHORT

DEAR_MICROS = 5 * MICROS_PER_UNIT
"""A minute that costs more is told."""
OUTLIER_FACTOR = 20
"""So many times the median of its relatives is told: a dot in the wrong place makes 10, 100 or 1000 times."""

_UNIVERSAL_FREEPHONE = "+800"
_COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_COUNTRY_CODE_MAX_DIGITS = 3
_GLOBAL_FIRST = sorted(
    _COUNTRY_CODES, key=lambda code: (phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)] != ("001",), code)
)
"""Satellite and other global networks are the dearest: they are told before countries."""


def review(offers: Sequence[Offer], deck: RateDeck, options: ImportOptions, notebook: Notebook) -> None:
    """Note what a person should look at.

    Args:
        offers: the rows of the deck.
        deck: the same, as the gate loads it.
        options: the plan of the home country, and today.
        notebook: for the warnings.
    """
    ranges = HomeRanges(options.plan)
    for offer in offers:
        _review_price(offer, ranges, deck, notebook)
        if offer.last is not None and offer.last < options.today:
            problem = f"the rate of {offer.prefix} ended on {offer.last}; calls to it are refused until it has another"
            notebook.note(Problem.EXPIRED, offer.place, problem, "ask the operator for the list in force")
        if not _is_reachable(_looked_up(offer), ranges, options.plan):
            problem = f"no number begins with {offer.prefix}"
            notebook.note(Problem.UNREACHABLE, offer.place, problem, "correct it if it is a slip; else it does no harm")
    _review_relatives(offers, deck, notebook)
    _review_gaps(ranges, deck, options.plan, notebook)


def _looked_up(offer: Offer) -> str:
    """The prefix as numbers are looked up by it."""
    return offer.prefix.removeprefix(SHORT)


def _review_price(offer: Offer, ranges: HomeRanges, deck: RateDeck, notebook: Notebook) -> None:
    per_minute = offer.per_minute_with_tax_micros
    if per_minute > DEAR_MICROS:
        problem = f"a minute to {offer.prefix} costs {format_amount(per_minute)} {offer.currency}"
        notebook.note(Problem.DEAR, offer.place, problem, "compare it with the operator's own list")
    if not per_minute and not offer.connect_micros and _is_costly(_looked_up(offer), ranges, deck):
        problem = f"calls to {offer.prefix} cost nothing, and costly numbers begin so"
        remedy = "check that the operator includes them, else write their price"
        notebook.note(Problem.FREE, offer.place, problem, remedy)


def _is_costly(prefix: str, ranges: HomeRanges, deck: RateDeck) -> bool:
    """Tell whether costly numbers take their rate from a prefix: foreign ones, or those of a costly range at home."""
    begun = ranges.begun_by(prefix)
    if not begun:
        return not prefix.startswith(_UNIVERSAL_FREEPHONE)
    costly = (known for known in begun if known.number_class not in ORDINARY_CLASSES)
    return any(takes_its_rate_from(known, prefix, deck.rates) for known in costly)


def _is_reachable(prefix: str, ranges: HomeRanges, plan: NumberPlan) -> bool:
    if ranges.begun_by(prefix):
        return True
    if not prefix.startswith("+"):
        return any(number.startswith(prefix) for number in plan.emergency_numbers)
    digits = prefix.removeprefix("+")
    for code in _own_codes(plan):
        if digits.startswith(code):
            return False
    heads = {digits[:length] for length in range(1, _COUNTRY_CODE_MAX_DIGITS + 1)}
    return bool(heads & _COUNTRY_CODES) or any(code.startswith(digits) for code in _COUNTRY_CODES)


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
            problem = f"a minute to {offer.prefix} costs {format_amount(per_minute)}, others under {parent} usually "
            problem += f"{format_amount(usual[parent])} {offer.currency}"
            notebook.note(Problem.OUTLIER, offer.place, problem, "compare it with the operator's own list")


def _parent(prefix: str, deck: RateDeck) -> str:
    """The next shorter prefix of the deck, "" if there is none."""
    shorter = (prefix[:length] for length in range(len(prefix) - 1, 0, -1))
    return next((head for head in shorter if head in deck.rates), "")


def _review_gaps(ranges: HomeRanges, deck: RateDeck, plan: NumberPlan, notebook: Notebook) -> None:
    """Tell what has no rate: ranges of the home country, and whole countries."""
    beginnings = {prefix[:length] for prefix in deck.rates for length in range(1, len(prefix) + 1)}
    costly_first = sorted(ranges.all, key=lambda known: known.number_class in ORDINARY_CLASSES)
    at_home = [known.name for known in costly_first if not has_a_rate(known, deck.rates, beginnings)]
    _note_gap(at_home, f"ranges of the {plan.country} plan", notebook)
    abroad = (f"+{code}" for code in _GLOBAL_FIRST if code not in plan.dial_codes.values())
    _note_gap([code for code in abroad if not _has_country(code, deck, beginnings)], "country codes", notebook)


def _has_country(code: str, deck: RateDeck, beginnings: Iterable[str]) -> bool:
    return code in beginnings or any(code[:length] in deck.rates for length in range(2, len(code)))


def _note_gap(missing: list[str], what: str, notebook: Notebook) -> None:
    if missing:
        listed = ", ".join(missing[:SHOWN_MAX]) + (", ..." if len(missing) > SHOWN_MAX else "")
        problem = f"there is no rate for {len(missing)} {what}: {listed}"
        remedy = (
            "none is needed if the clinic never calls there: such calls are refused, or held at the plan's price cap"
        )
        notebook.note(Problem.GAP, Place(), problem, remedy)
