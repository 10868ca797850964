"""Offers to the canonical deck: duplicates dropped, hours joined, conflicts refused, and the text of the deck.

The text is read back by the same reader as the gate's: nothing can be put in force that the gate would not load.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from itertools import groupby
from operator import or_

from callgate.core.deck import (
    COLUMNS,
    COLUMNS_WITH_HOURS,
    INCREMENT_MAX_S,
    LINES_MAX,
    RATE_MAX_MICROS,
    ROWS_OF_PREFIX_MAX,
    DeckError,
    RateDeck,
    parse_deck,
)
from callgate.core.money import MICROS_PER_UNIT, format_amount
from callgate.core.rate_hours import HOURS_MAX_CHARACTERS
from callgate.rates.findings import Notebook, Place, Problem, UnusableError
from callgate.rates.offers import Offer
from callgate.rates.week import WHOLE_WEEK, write_hours

ROWS_MAX = LINES_MAX - 2
"""A deck has a line for its header, and ends with a line end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalDeck:
    """The deck an import gives.

    Fields:
        offers: its rows, in the order of the file.
        text: what is put in force.
        deck: the same, as the gate loads it.
    """

    offers: tuple[Offer, ...]
    text: str
    deck: RateDeck


def canonical_deck(offers: Iterable[Offer], currency: str, notebook: Notebook) -> CanonicalDeck:
    """Make the deck of all offers.

    Args:
        offers: as they were read.
        currency: the clinic's.
        notebook: for duplicates, conflicts, and what the gate's own reader finds.

    Raises:
        UnusableError: if there are too many rows, or none.
    """
    by_prefix: dict[str, list[Offer]] = {}
    for count, offer in enumerate(offers):
        if count >= ROWS_MAX:
            raise UnusableError(Problem.TOO_MANY_ROWS, most=ROWS_MAX)
        by_prefix.setdefault(offer.prefix, []).append(offer)
    kept = [offer for rivals in by_prefix.values() for offer in _settled(rivals, notebook)]
    kept.sort(key=lambda offer: offer.place)
    if not kept and not notebook.refused:
        raise UnusableError(Problem.NO_ROWS)
    text = write_deck(kept)
    return CanonicalDeck(offers=tuple(kept), text=text, deck=_read_back(text, kept, currency, notebook))


def write_deck(offers: Sequence[Offer]) -> str:
    """Write the canonical text; without a column of hours where no row has any."""
    columns = COLUMNS_WITH_HOURS if any(offer.week is not None for offer in offers) else COLUMNS
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_fields(offer)[: len(columns)] for offer in offers)
    return stream.getvalue()


def _fields(offer: Offer) -> list[str]:
    return [
        offer.prefix,
        offer.label,
        format_amount(offer.connect_micros),
        format_amount(offer.per_minute_micros),
        str(offer.increments.first_s),
        str(offer.increments.next_s),
        offer.currency,
        format_amount(offer.tax_micros),
        offer.first.isoformat() if offer.first else "",
        offer.last.isoformat() if offer.last else "",
        "" if offer.week is None else write_hours(offer.week),
    ]


def _settled(rivals: list[Offer], notebook: Notebook) -> list[Offer]:
    """Settle the offers for one prefix: what is the same is one, what contradicts is told."""
    if len(rivals) == 1:
        return rivals
    kept = _joined(_without_duplicates(rivals, notebook))
    if len(kept) > ROWS_OF_PREFIX_MAX:
        error = UnusableError(Problem.TOO_MANY_RATES, prefix=kept[0].prefix, count=len(kept), most=ROWS_OF_PREFIX_MAX)
        notebook.add(error.at(kept[-1].place))
        return kept
    for one, other in _overlapping(kept):
        if _share_hours(one, other):
            error = UnusableError(Problem.CONFLICT, prefix=other.prefix, first_line=one.place.line)
            notebook.add(error.at(other.place))
    return kept


def _overlapping(offers: list[Offer]) -> Iterator[tuple[Offer, Offer]]:
    """Pair the offers that share a day, each pair in the order of the file."""
    running: list[Offer] = []
    for offer in sorted(offers, key=_days):
        first, _ = _days(offer)
        running = [other for other in running if _days(other)[1] >= first]
        for other in running:
            yield (other, offer) if other.place <= offer.place else (offer, other)
        running.append(offer)


def _without_duplicates(rivals: list[Offer], notebook: Notebook) -> list[Offer]:
    kept: dict[Offer, Offer] = {}
    for offer in rivals:
        same = replace(offer, place=Place(), label="")
        first = kept.setdefault(same, offer)
        if first is not offer:
            notebook.note(Problem.DUPLICATE, offer.place, prefix=offer.prefix, first_line=first.place.line)
    return list(kept.values())


def _joined(rivals: list[Offer]) -> list[Offer]:
    """Join what differs in its hours alone; of rates that share out the whole week the longest takes what is left."""
    if all(offer.week is None for offer in rivals):
        return rivals
    by_price: dict[Offer, list[Offer]] = {}
    for offer in rivals:
        hourless = replace(offer, place=Place(), label="", week=None)
        by_price.setdefault(hourless if offer.week is not None else offer, []).append(offer)
    joined: list[Offer] = []
    for same in by_price.values():
        weeks = [offer.week for offer in same if offer.week is not None]
        if len(same) > 1 and _apart(weeks):
            joined.append(replace(same[0], week=reduce(or_, weeks)))
        else:
            joined += same
    days = sorted(joined, key=_days)
    return [offer for _, together in groupby(days, key=_days) for offer in _shared_week(list(together))]


def _apart(weeks: list[int]) -> bool:
    """Tell whether hours share no minute."""
    return sum(weeks) == reduce(or_, weeks, 0)


def _days(offer: Offer) -> tuple[date, date]:
    return offer.first or date.min, offer.last or date.max


def _shared_week(together: list[Offer]) -> list[Offer]:
    weeks = [offer.week for offer in together if offer.week is not None]
    if len(weeks) < len(together) or sum(weeks) != WHOLE_WEEK or not _apart(weeks):
        return together
    longest = max(together, key=lambda offer: (offer.week or 0).bit_count())
    return [replace(offer, week=None) if offer is longest else offer for offer in together]


def _share_hours(one: Offer, other: Offer) -> bool:
    if one.week is None or other.week is None:
        return one.week is other.week
    return bool(one.week & other.week)


def _read_back(text: str, offers: Sequence[Offer], currency: str, notebook: Notebook) -> RateDeck:
    """Read the deck as the gate will; what it finds is told on the line of the file that the row came from."""
    try:
        return parse_deck(text, currency)
    except DeckError as error:
        if not notebook.refused:  # a conflict has already been told, in the file's own words
            for fault in error.faults:
                offer = offers[fault.line - 2]
                notebook.add(_not_canonical(offer.prefix).at(offer.place))
        return parse_deck(text.split("\n", 1)[0], currency)


def _not_canonical(prefix: str) -> UnusableError:
    """What a row of well-formed cells may still break are the gate's own limits: the text names them all."""
    return UnusableError(
        Problem.NOT_CANONICAL,
        prefix=prefix,
        most=RATE_MAX_MICROS // MICROS_PER_UNIT,
        most_s=INCREMENT_MAX_S,
        most_characters=HOURS_MAX_CHARACTERS,
    )
