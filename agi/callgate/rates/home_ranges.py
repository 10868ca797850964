"""The ranges of the home country's plan beside a deck: which of them a prefix speaks of, and which have no rate."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from callgate.core.plan import NumberClass, NumberPlan
from callgate.core.ranges import Places, meet, places_of

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
    """

    name: str
    number_class: NumberClass
    mark: str
    places: Places
    longest: int

    @property
    def opening(self) -> str:
        """The digits with which every number of the range begins."""
        return "".join(min(place) for place in takewhile(lambda place: len(place) == 1, self.places))


class HomeRanges:
    """The ranges of a plan, found by prefix (``+33899``, ``3624``)."""

    def __init__(self, plan: NumberPlan) -> None:
        self.all = tuple(_ranges(plan))
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


def _ranges(plan: NumberPlan) -> Iterator[HomeRange]:
    for code in plan.short_codes:
        places = places_of(code.prefix)
        yield HomeRange(
            name=code.prefix, number_class=code.number_class, mark="", places=places, longest=code.lengths[-1]
        )
    for family in plan.families:
        country, trunk = plan.dial_codes[family.region], plan.trunk_of(family)
        yield HomeRange(
            name=family.prefix,
            number_class=family.number_class,
            mark="+",
            places=places_of(country + family.prefix.removeprefix(trunk)),
            longest=len(country) + family.lengths[-1] - len(trunk),
        )


def _begun(prefix: str, ranges: Iterable[HomeRange]) -> Iterator[HomeRange]:
    digits = prefix.removeprefix("+")
    mark, places = prefix.removesuffix(digits), places_of(digits)
    for known in ranges:
        if known.mark == mark and len(digits) <= known.longest and meet(known.places, places):
            yield known


def takes_its_rate_from(known: HomeRange, prefix: str, prefixes: Container[str]) -> bool:
    """Tell whether a range that a prefix begins is priced by it, and not by a longer prefix of the deck."""
    opening = known.mark + known.opening
    return not any(opening[:length] in prefixes for length in range(len(prefix) + 1, len(opening) + 1))


def has_a_rate(known: HomeRange, prefixes: Container[str], beginnings: Container[str]) -> bool:
    """Tell whether a deck prices some number of a range.

    Args:
        known: the range.
        prefixes: of the deck.
        beginnings: all that some prefix of the deck begins with.
    """
    paths = [known.mark]
    for place in known.places:
        longer = [path + digit for path in paths for digit in place]
        if any(path in prefixes for path in longer):
            return True
        paths = [path for path in longer if path in beginnings]
    return bool(paths)
