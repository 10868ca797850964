"""The numbering plan of a home country: a document (`policies/plans/FR.toml`), never code.

It says which numbers exist, what class and region each range has, and which numbers must always be reached. A range the
plan does not name does not exist: the number is invalid. Of two ranges that cover a number the first listed decides, so
exceptions stand first; a range of which nothing is left is an error.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

import msgspec

from callgate.core.document import read_document
from callgate.core.money import parse_amount
from callgate.core.ranges import Places, counts_downwards, meet, pattern_of, places_of, regex_of, without

_DEFAULT_REMEDY = "compare with policies/plans/FR.toml, which explains each field"
_LENGTH_MAX = 15
_OPENING_MIN_DIGITS = 2
OUTSIDE_PREFIXES = ("0", "9")
"""What people dial before an outside number, here and there: no caller-id code may begin so."""

Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}\Z")]
Number = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{2,15}\Z")]
Amount = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,4}(?:\.[0-9]{1,6})?\Z")]
Region = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")]
DigitPattern = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9X]|\[(?:[0-9](?:-[0-9])?)+\])+\Z")]
"""Digits, ``X`` for any digit, ``[0-57]`` for one of several: Asterisk's own notation."""


class NumberClass(StrEnum):
    """What kind of number was dialled, seen from the home country. A closed list (numbers/RULES.md, rule 8)."""

    EMERGENCY = "emergency"
    INTERNAL_FEATURE = "internal_feature"
    NATIONAL_FIXED = "national_fixed"
    NATIONAL_MOBILE = "national_mobile"
    FREEPHONE = "freephone"
    SHARED_COST = "shared_cost"
    PREMIUM = "premium"
    SPECIAL_SHORT = "special_short"
    DIRECTORY = "directory"
    PERSONAL_NUMBER = "personal_number"
    M2M_PAGER = "m2m_pager"
    SATELLITE_GLOBAL = "satellite_global"
    INTERNATIONAL_FIXED = "international_fixed"
    INTERNATIONAL_MOBILE = "international_mobile"
    INTERNATIONAL_PREMIUM = "international_premium"
    INVALID = "invalid"


ORDINARY_CLASSES = frozenset({NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE, NumberClass.FREEPHONE})
"""What is ordinary in the home region itself, unless its rate says otherwise (DESIGN section 4)."""


class Presentation(StrEnum):
    """What a caller-id code does to the caller's number for one call."""

    WITHHELD = "withheld"
    SHOWN = "shown"


class InService(StrEnum):
    """Who says which numbers of a range are in service."""

    ALL = "all"
    LIBPHONENUMBER = "libphonenumber"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCap:
    """The most a number may cost by regulation or publication, tax included, in the plan's currency."""

    connect_micros: int
    per_minute_micros: int


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where facts are from: what it is called, and the day it was published or else read."""

    title: str
    date: dt.date


class ServiceNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number with a name: `number` as the gate returns it (short digits, or E.164 with ``+``)."""

    number: Number
    service: str
    source: str


class CallerIdCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person dials before a number to hide or show their own, such as ``*31#``."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]{2,8}\Z")]
    presentation: Presentation
    source: str

    def __post_init__(self) -> None:
        """Refuse what could be an outside prefix and the first digits of a number."""
        if self.code.startswith(OUTSIDE_PREFIXES):
            message = (
                f'"{self.code}" begins like an outside prefix; leave it out, numbers would lose their digits to it'
            )
            raise ValueError(message)


class ShortCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range of numbers dialled as they are, in the home country only.

    Fields:
        prefix: how its numbers begin, as digits and patterns.
        length, length_max: how many digits they have, all counted; without `length_max` exactly `length`.
        number_class: ``class`` in the document.
        cap_per_call, cap_per_minute: the most a call costs, where a source says so.
        source: a key of the plan's `sources`.
    """

    prefix: DigitPattern
    length: Annotated[int, msgspec.Meta(ge=1, le=_LENGTH_MAX)]
    length_max: Annotated[int, msgspec.Meta(ge=1, le=_LENGTH_MAX)] | None = None
    number_class: NumberClass = msgspec.field(name="class")
    cap_per_call: Amount | None = None
    cap_per_minute: Amount | None = None
    source: str

    def __post_init__(self) -> None:
        """Refuse what no number can match."""
        if counts_downwards(self.prefix):
            message = f'"{self.prefix}" counts downwards; write the smaller digit first'
            raise ValueError(message)
        if len(places_of(self.prefix)) > self.length:
            message = f'"{self.prefix}" has more digits than its length {self.length}; correct one of the two'
            raise ValueError(message)
        if not self.lengths:
            message = f'"{self.prefix}" has a length_max below its length; correct one of the two'
            raise ValueError(message)

    @property
    def lengths(self) -> range:
        """How many digits its numbers may have."""
        return range(self.length, (self.length_max or self.length) + 1)

    @property
    def is_singled_out(self) -> bool:
        """Whether its price is its own: dear, free of charge, or with a cap. A rate for all around it says nothing."""
        plain = {NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE}
        return self.number_class not in plain or self.price_cap is not None

    def opening(self, trunk: str = "") -> int:
        """Count the first digits, less the trunk prefix, that tell it from other ranges: two that are fixed will do."""
        fixed = len(re.split(r"[X[]", self.prefix)[0]) - len(trunk)
        return fixed if fixed >= _OPENING_MIN_DIGITS else len(places_of(self.prefix)) - len(trunk)

    @property
    def price_cap(self) -> PriceCap | None:
        """The most a call may cost, or None where no source says."""
        if self.cap_per_call is None and self.cap_per_minute is None:
            return None
        return PriceCap(
            connect_micros=parse_amount(self.cap_per_call or "0"),
            per_minute_micros=parse_amount(self.cap_per_minute or "0"),
        )


class Family(ShortCode, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range of national numbers, as dialled in the country with its trunk prefix.

    Fields:
        region: where its money goes, a key of the plan's `dial_codes`.
        trunk: what the international form leaves out, where that is not the plan's trunk prefix.
        in_service: who says which of its numbers exist.
    """

    region: Region
    trunk: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{0,4}\Z")] | None = None
    in_service: InService = InService.ALL


class NumberPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True, eq=False):
    """All that the gate knows about the numbers of one home country.

    Fields:
        country: ISO 3166 region of the home country.
        currency: of every amount in it, ISO 4217.
        dial_codes: the country codes of every region in this plan, the home country's among them.
        international_prefixes: dialled before a country code.
        trunk_prefix: dialled before a national number and dropped from its international form, or "".
        trunk_optional: whether the trunk prefix may be left out.
        overseas: regions that are national in form and have their own purse.
        shared_with: other regions under the home country code whose numbers no range here covers: they are read as
            foreign numbers.
        foreign_tollfree: the class of another country's toll-free numbers: they are charged from abroad.
        unknown_rate_cap: what a minute of an ordinary call without a rate is held at.
        carrier_selection: how codes begin that choose another carrier; no number of the plan may begin so, hence a
            number behind one is invalid (nobody knows its price).
        emergency, must_reach: never refused; and never refused by class, country or hour.
        practice_numbers: what a practice needs though it looks special: as if listed in its policy, but costly.
        sources: where the facts are from, by the name each entry refers to.
    """

    country: Region
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]
    dial_codes: dict[Region, Digits]
    international_prefixes: Annotated[tuple[Digits, ...], msgspec.Meta(min_length=1)]
    trunk_prefix: Annotated[str, msgspec.Meta(pattern=r"^[0-9]?\Z")]
    trunk_optional: bool = False
    overseas: tuple[Region, ...]
    shared_with: tuple[Region, ...] = ()
    foreign_tollfree: NumberClass
    unknown_rate_cap: Amount
    carrier_selection: tuple[DigitPattern, ...]
    caller_id_codes: tuple[CallerIdCode, ...]
    emergency: Annotated[tuple[ServiceNumber, ...], msgspec.Meta(min_length=1)]
    must_reach: tuple[ServiceNumber, ...]
    practice_numbers: tuple[ServiceNumber, ...] = ()
    short_codes: tuple[ShortCode, ...]
    families: tuple[Family, ...]
    sources: dict[str, Source]

    def __post_init__(self) -> None:
        """Check what one entry cannot know about another."""
        regions = {self.country, *self.overseas, *(family.region for family in self.families)}
        _refuse_strays("region", regions - self.dial_codes.keys(), "dial_codes")
        _refuse_strays("source", {entry.source for entry in self.entries} - self.sources.keys(), "sources")
        _refuse_lost_numbers(self)
        _refuse_lost_trunks(self)
        _refuse_unreachable_ranges(self)

    @property
    def entries(self) -> tuple[CallerIdCode | ServiceNumber | ShortCode, ...]:
        """Everything in it that has a source."""
        return (*self.caller_id_codes, *self.emergency, *self.must_reach, *self.practice_numbers, *self.ranges)

    @property
    def ranges(self) -> tuple[ShortCode, ...]:
        """Every range, in the order in which they decide."""
        return (*self.short_codes, *self.families)

    @property
    def dial_code(self) -> str:
        """The home country's own country code."""
        return self.dial_codes[self.country]

    @property
    def unknown_rate_cap_micros(self) -> int:
        """The cap per minute in micros, tax included."""
        return parse_amount(self.unknown_rate_cap)

    @cached_property
    def emergency_numbers(self) -> frozenset[str]:
        """The digits that are never refused."""
        return frozenset(entry.number for entry in self.emergency)

    @cached_property
    def must_reach_numbers(self) -> frozenset[str]:
        """The numbers, as the gate returns them, that count as ordinary whatever their class."""
        return frozenset(entry.number for entry in self.must_reach)

    @cached_property
    def practice_listed(self) -> frozenset[str]:
        """The numbers, as the gate returns them, that count as listed by the clinic."""
        return frozenset(entry.number for entry in self.practice_numbers)

    def trunk_of(self, family: Family) -> str:
        """What the international form of a family's numbers leaves out."""
        return self.trunk_prefix if family.trunk is None else family.trunk

    @cached_property
    def trunks(self) -> tuple[str, ...]:
        """Everything that the international form of some number leaves out."""
        return tuple(dict.fromkeys((self.trunk_prefix, *map(self.trunk_of, self.families))))

    def range_of(self, digits: str) -> ShortCode | None:
        """Find the range that decides these ASCII digits, as dialled in the country; a `Family` or a short code."""
        found = self._matcher.fullmatch(digits)
        return None if found is None or found.lastindex is None else self.ranges[found.lastindex - 1]

    @cached_property
    def _matcher(self) -> re.Pattern[str]:
        """One alternative a range, in order: the first that fits is the one that decides."""
        return re.compile("|".join(map(_as_group, self.ranges)))

    @cached_property
    def disjoint(self) -> tuple[tuple[ShortCode, str], ...]:
        """Every range as patterns of whole numbers, less what earlier ranges decide: their order means nothing."""
        return tuple(_disjoint(self.ranges))


def _as_group(entry: ShortCode) -> str:
    beyond = [length - len(places_of(entry.prefix)) for length in (entry.lengths[0], entry.lengths[-1])]
    return f"({regex_of(entry.prefix)}[0-9]{{{beyond[0]},{beyond[1]}}})"


def _disjoint(ranges: tuple[ShortCode, ...]) -> Iterator[tuple[ShortCode, str]]:
    earlier: dict[int, list[Places]] = {}
    for entry in ranges:
        whole = places_of(entry.prefix)
        for length in entry.lengths:
            pieces = [whole]
            decided = earlier.setdefault(length, [])
            for other in decided:
                if meet(whole, other):
                    pieces = [left for piece in pieces for left in without(piece, other)]
            decided.append(whole)
            yield from ((entry, pattern_of(piece, length)) for piece in pieces)


def parse_plan(text: str) -> NumberPlan:
    """Read a plan.

    Args:
        text: the TOML document.

    Raises:
        DocumentError: with the path of the first mistake and what to do about it.
    """
    return read_document(text, NumberPlan, "plan", _DEFAULT_REMEDY)


def _refuse_strays(what: str, strays: set[str], table: str) -> None:
    if strays:
        message = f'{what} "{min(strays)}" is not in {table}; add it there or correct its spelling'
        raise ValueError(message)


def _refuse_lost_numbers(plan: NumberPlan) -> None:
    """No range may hold an emergency number, nor begin like the code that chooses another carrier."""
    for number in sorted(plan.emergency_numbers):
        if (entry := plan.range_of(number)) is not None:
            message = f'"{entry.prefix}" covers the emergency number {number}; keep each number in one place'
            raise ValueError(message)
    for code in plan.carrier_selection:
        for entry in plan.ranges:
            if meet(places_of(code), places_of(entry.prefix)):
                message = f'"{entry.prefix}" begins like the carrier selection code "{code}"; remove one of the two'
                raise ValueError(message)


def _refuse_lost_trunks(plan: NumberPlan) -> None:
    for family in plan.families:
        if not family.prefix.startswith(plan.trunk_of(family)):
            message = (
                f'"{family.prefix}" does not begin with the trunk prefix "{plan.trunk_of(family)}"; write it in full'
            )
            raise ValueError(message)


def _refuse_unreachable_ranges(plan: NumberPlan) -> None:
    reached = {id(entry) for entry, _ in plan.disjoint}
    for entry in plan.ranges:
        if id(entry) not in reached:
            message = f'"{entry.prefix}" is wholly covered by earlier ranges; put it before them, or take it out'
            raise ValueError(message)
