"""The ranges of the home country's plan beside a deck: which of them a prefix speaks of, and which have no rate."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from callgate.core.destination import Destination
from callgate.core.dialling import read_dialled
from callgate.core.plan import Family, NumberClass, NumberPlan
from callgate.core.ranges import Places, meet, places_of

_ATTEMPTS_MAX = 1_000
_PLANS_KEPT = 16
_HEAD_DIGITS = 4
"""Ranges are kept by so many first digits of a prefix: a plan has hundreds of them, a deck thousands of prefixes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeRange:
    """A range as the deck would name it.

    Fields:
        name: as it is dialled, such as ``0899``.
        mark: ``+`` before numbers in international form, "" before short codes.
        places: the digits after the mark.
        longest: digits in its longest number.
        least: digits in the shortest prefix that prices it, as the gate sees it: +33 says nothing about 0899.
    """

    name: str
    number_class: NumberClass
    mark: str
    places: Places
    longest: int
    least: int


class HomeRanges:
    """Ranges in the order in which they decide, found by prefix (``+33899``, ``3624``)."""

    def __init__(self, ranges: tuple[HomeRange, ...]) -> None:
        self.all = ranges
        self._by_head: dict[str, tuple[HomeRange, ...]] = {}

    def begun_by(self, prefix: str) -> list[HomeRange]:
        """Find the ranges that decide numbers which begin with a prefix, up to the first that holds all of these."""
        head = prefix[: _HEAD_DIGITS + prefix.startswith("+")]
        if head not in self._by_head:
            self._by_head[head] = tuple(_begun(head, self.all))
        begun = list(_begun(prefix, self._by_head[head]))
        digits = len(prefix.removeprefix("+"))
        whole = next((place for place, known in enumerate(begun) if len(known.places) <= digits), len(begun))
        return begun[: whole + 1]


@lru_cache(maxsize=_PLANS_KEPT)
def home_ranges(plan: NumberPlan) -> HomeRanges:
    """The ranges of a plan, read once."""
    return HomeRanges(tuple(_ranges(plan)))


def _ranges(plan: NumberPlan) -> Iterator[HomeRange]:
    patterns: dict[int, list[str]] = {}
    for entry, pattern in plan.disjoint:
        patterns.setdefault(id(entry), []).append(pattern)
    for entry in plan.ranges:
        country, trunk = "", ""
        if isinstance(entry, Family):
            country, trunk = plan.dial_codes[entry.region], plan.trunk_of(entry)
        yield HomeRange(
            name=entry.prefix,
            number_class=entry.number_class,
            mark="+" if country else "",
            places=places_of(country + entry.prefix.removeprefix(trunk)),
            longest=len(country) + entry.lengths[-1] - len(trunk),
            least=_read_example(patterns[id(entry)], plan).opening,
        )


def _read_example(patterns: list[str], plan: NumberPlan) -> Destination:
    """Read one number in service of a range, given its patterns, as the gate does."""
    read = (read_dialled(_fill(patterns, attempt), plan=plan, outside_prefix="") for attempt in range(_ATTEMPTS_MAX))
    return next(found for found in read if found.number)


def _fill(patterns: list[str], attempt: int) -> str:
    places = places_of(patterns[attempt % len(patterns)])
    return "".join(
        sorted(place)[(attempt * (position + 1) + attempt // 10) % len(place)] for position, place in enumerate(places)
    )


def _begun(prefix: str, ranges: Iterable[HomeRange]) -> Iterator[HomeRange]:
    digits = prefix.removeprefix("+")
    mark, places = prefix.removesuffix(digits), places_of(digits)
    for known in ranges:
        if known.mark == mark and len(digits) <= known.longest and meet(known.places, places):
            yield known


def has_a_rate(known: HomeRange, prefixes: Container[str], beginnings: Container[str]) -> bool:
    """Tell whether a deck prices some number of a range.

    Args:
        known: the range.
        prefixes: of the deck.
        beginnings: all that some prefix of the deck begins with.
    """
    paths = [known.mark]
    for digits, place in enumerate(known.places, start=1):
        longer = [path + digit for path in paths for digit in place]
        if digits >= known.least and any(path in prefixes for path in longer):
            return True
        paths = [path for path in longer if path in beginnings]
    return bool(paths)
