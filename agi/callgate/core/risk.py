"""How risky a destination is, beside its class: a list with a version, which each decision cites (docs/risk.md).

A tier refuses nothing: it drives start limits and warnings, and the policy has the last word on both.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

import msgspec
import phonenumbers

from callgate.core.destination import Destination
from callgate.core.dialling import foreign_claim
from callgate.core.document import read_document
from callgate.core.plan import ORDINARY_CLASSES, NumberClass, NumberPlan, Region, Source
from callgate.core.ranges import counts_downwards, places_of, regex_of

_DEFAULT_REMEDY = "compare with the file as shipped; docs/risk.md explains each field"
_COUNTRY_CODE_MAX_DIGITS = 3
_CLAIM_MIN_CHARACTERS = 5

E164Pattern = Annotated[str, msgspec.Meta(pattern=r"^\+(?:[0-9X]|\[(?:[0-9](?:-[0-9])?)+\])+\Z")]
"""How E.164 numbers begin, in the notation of the number plans: ``+1XXX976``, ``+4487[123]``."""
Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:\.[0-9]{1,3})?\Z")]
Keys = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Tier(StrEnum):
    """How risky, in rising order; `RISE` compares two."""

    NORMAL = "normal"
    WATCH = "watch"
    SPECIAL = "special"
    HOTSPOT = "hotspot"


RISE: dict[Tier, int] = {tier: place for place, tier in enumerate(Tier)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """How risky one destination is, and who says so.

    Fields:
        tier: what the defaults go by.
        because: the entry of the list: ``country:LV``, ``range:+25241``, ``class:premium``, ``outside_plan``; "" if
            none speaks of it.
        sources: the entry's, as keys of the list's `sources`.
        version: of the list; "" where nobody looked.
    """

    tier: Tier
    because: str
    sources: tuple[str, ...]
    version: str


NOT_ASSESSED = Risk(tier=Tier.NORMAL, because="", sources=(), version="")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the list says of something: a tier, why, and who says so (keys of its `sources`)."""

    tier: Tier
    why: str
    sources: Keys


class ClassEntry(Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of a class of numbers; ``class`` in the document."""

    number_class: NumberClass = msgspec.field(name="class")


class RangeEntry(Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of all numbers that begin so. Of two that cover a number, the one with more places decides, then more digits."""

    prefix: E164Pattern

    def __post_init__(self) -> None:
        """Refuse what no number can match."""
        if counts_downwards(self.prefix):
            message = f'"{self.prefix}" counts downwards; write the smaller digit first'
            raise ValueError(message)

    @property
    def weight(self) -> tuple[int, int]:
        """How specific it is: its places, and the digits that are given."""
        places = places_of(self.prefix.removeprefix("+"))
        return len(places), -sum(map(len, places))


class CountryEntry(Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of a country; from the home countries in `neighbours` it is called every day, and there at most `watch`."""

    region: Region
    neighbours: tuple[Region, ...] = ()

    def tier_from(self, home: str) -> Tier:
        """Say how risky it is, seen from a home country."""
        return _at_most(Tier.WATCH, self.tier) if home in self.neighbours else self.tier


class RiskTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """The whole list.

    Fields:
        version: the day it was made, and ``.2`` for the second of a day.
        outside_plan: of numbers with a foreign country code that no published plan knows.
        classes, ranges, countries: at most one entry for each.
        sources: by the name that entries refer to.
    """

    version: Version
    outside_plan: Entry
    classes: tuple[ClassEntry, ...]
    ranges: tuple[RangeEntry, ...]
    countries: tuple[CountryEntry, ...]
    sources: dict[str, Source]

    def __post_init__(self) -> None:
        """Check what one entry cannot know about another."""
        _refuse_repeated("class", (entry.number_class for entry in self.classes))
        _refuse_repeated("prefix", (entry.prefix for entry in self.ranges))
        _refuse_repeated("region", (entry.region for entry in self.countries))
        entries = (self.outside_plan, *self.classes, *self.ranges, *self.countries)
        _refuse_strays("source", {key for entry in entries for key in entry.sources} - self.sources.keys(), "sources")
        regions = {region for entry in self.countries for region in (entry.region, *entry.neighbours)}
        _refuse_strays("region", regions - phonenumbers.SUPPORTED_REGIONS, "ISO 3166")

    def entry_of_class(self, number_class: NumberClass) -> ClassEntry | None:
        """Look a class up."""
        return self._by_class.get(number_class)

    def entry_of_country(self, region: str) -> CountryEntry | None:
        """Look a country up."""
        return self._by_region.get(region)

    def entry_of_number(self, number: str) -> RangeEntry | None:
        """Look E.164 up: the most specific range that covers it."""
        return next((entry for covers, entry in self._by_weight if covers.match(number)), None)

    @cached_property
    def _by_class(self) -> dict[NumberClass, ClassEntry]:
        return {entry.number_class: entry for entry in self.classes}

    @cached_property
    def _by_region(self) -> dict[str, CountryEntry]:
        return {entry.region: entry for entry in self.countries}

    @cached_property
    def _by_weight(self) -> tuple[tuple[re.Pattern[str], RangeEntry], ...]:
        specific_first = sorted(self.ranges, key=lambda entry: entry.weight, reverse=True)
        return tuple((re.compile(rf"\{regex_of(entry.prefix)}"), entry) for entry in specific_first)


def assess(destination: Destination, home: str, table: RiskTable, *, claimed: str = "") -> Risk:
    """Say how risky a destination is.

    Args:
        destination: as read from what was dialled.
        home: the home country. Its ordinary numbers are normal, and nothing in it is a hotspot.
        table: the list.
        claimed: of an invalid destination, the number it claims to be (`claimed_number`).

    Returns:
        The highest of what the list says of its range, its class and its country; of equals the first of these.
    """
    is_home = destination.region == home
    if destination.must_reach or (is_home and destination.number_class in ORDINARY_CLASSES):
        return _cite(Tier.NORMAL, "", (), table)
    found = [
        _cite(_at_most(Tier.SPECIAL, tier) if is_home else tier, because, entry.sources, table)
        for tier, because, entry in _entries(destination, home, table, claimed)
    ]
    return max(found, key=lambda risk: RISE[risk.tier], default=_cite(Tier.NORMAL, "", (), table))


def _entries(destination: Destination, home: str, table: RiskTable, claimed: str) -> Iterator[tuple[Tier, str, Entry]]:
    in_range = table.entry_of_number(claimed or destination.number)
    if in_range is not None:
        yield in_range.tier, f"range:{in_range.prefix}", in_range
    in_class = table.entry_of_class(destination.number_class)
    if in_class is not None:
        yield in_class.tier, f"class:{in_class.number_class}", in_class
    in_country = table.entry_of_country(destination.region)
    if in_country is not None and destination.region != home:
        yield in_country.tier_from(home), f"country:{in_country.region}", in_country
    if claimed:
        yield table.outside_plan.tier, "outside_plan", table.outside_plan


def _at_most(most: Tier, tier: Tier) -> Tier:
    return min(most, tier, key=RISE.__getitem__)


def _cite(tier: Tier, because: str, sources: tuple[str, ...], table: RiskTable) -> Risk:
    return Risk(tier=tier, because=because, sources=sources, version=table.version)


def claimed_number(dialled: str, *, plan: NumberPlan, outside_prefix: str) -> str:
    """Read the foreign number that an invalid string claims to be, whether any such number exists or not.

    Args:
        dialled: any text at all.
        plan: of the home country; a wrong number under one of its own country codes is a slip and no risk.
        outside_prefix: what is dialled before an outside number.

    Returns:
        ``+`` and digits that begin with an assigned country code, or "".
    """
    claim = foreign_claim(dialled, plan=plan, outside_prefix=outside_prefix)
    if len(claim) < _CLAIM_MIN_CHARACTERS:
        return ""
    codes = (int(claim[1 : 1 + length]) for length in range(1, _COUNTRY_CODE_MAX_DIGITS + 1))
    return claim if any(code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for code in codes) else ""


def parse_risk(text: str) -> RiskTable:
    """Read a list.

    Args:
        text: the TOML document.

    Raises:
        DocumentError: with the path of the first mistake and what to do about it.
    """
    return read_document(text, RiskTable, "risk", _DEFAULT_REMEDY)


def _refuse_repeated(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            message = f'{what} "{name}" is there twice; keep one of the two'
            raise ValueError(message)
        seen.add(name)


def _refuse_strays(what: str, strays: set[str], table: str) -> None:
    if strays:
        message = f'{what} "{min(strays)}" is not in {table}; add it there or correct its spelling'
        raise ValueError(message)
