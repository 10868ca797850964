"""The numbering plan of a home country: a document (`policies/plans/FR.toml`), never code.

It says which numbers exist, what class and region each range has, and which numbers must always be reached. A range the
plan does not name does not exist: the number is invalid. Ranges never overlap, so their order means nothing and a
dialplan may be written from them as it stands.
"""

import re
import tomllib
from enum import StrEnum
from itertools import combinations
from typing import Annotated

import msgspec

from callgate.core.money import parse_amount

_DEFAULT_REMEDY = "compare with policies/plans/FR.toml, which explains each field"
_PLACE = re.compile(r"\[[^]]+\]|.")

Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}\Z")]
Number = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{2,15}\Z")]
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


class Presentation(StrEnum):
    """What a caller-id code does to the caller's number for one call."""

    WITHHELD = "withheld"
    SHOWN = "shown"


class PlanError(ValueError):
    """A plan that cannot be used. Fields: `path` in the document, `problem`, `remedy`."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. Remedy: {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class ServiceNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number that must be reached: `number` as the gate returns it (short digits, or E.164 with ``+``)."""

    number: Number
    service: str
    source: str


class CallerIdCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person dials before a number to hide or show their own, such as ``*31#``."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]{2,8}\Z")]
    presentation: Presentation
    source: str


class ShortCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range of numbers dialled as they are, in the home country only.

    Fields:
        prefix: how its numbers begin, as digits and patterns.
        length: how many digits they have, all counted.
        number_class: ``class`` in the document.
        source: a key of the plan's `sources`.
    """

    prefix: DigitPattern
    length: Annotated[int, msgspec.Meta(ge=1, le=15)]
    number_class: NumberClass = msgspec.field(name="class")
    source: str

    def __post_init__(self) -> None:
        """Refuse what no number can match."""
        if any(low > high for low, high in re.findall(r"(\d)-(\d)", self.prefix)):
            message = f'"{self.prefix}" counts downwards; write the smaller digit first'
            raise ValueError(message)
        if len(_places(self.prefix)) > self.length:
            message = f'"{self.prefix}" has more digits than its length {self.length}; correct one of the two'
            raise ValueError(message)

    @property
    def pattern(self) -> str:
        """The whole range in Asterisk's notation, without the leading ``_``: ``01XXXXXXXX``."""
        return self.prefix + "X" * (self.length - len(_places(self.prefix)))

    def covers(self, digits: str) -> bool:
        """Tell whether these ASCII digits, as dialled in the country, are a number of this range."""
        return len(digits) == self.length and re.match(self.prefix.replace("X", "[0-9]"), digits) is not None


class Family(ShortCode, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range of national numbers, as dialled in the country with its trunk prefix.

    Fields:
        region: where its money goes, a key of the plan's `dial_codes`.
        trunk: what the international form leaves out, where that is not the plan's trunk prefix.
    """

    region: Region
    trunk: Digits | None = None


class NumberPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that the gate knows about the numbers of one home country.

    Fields:
        country: ISO 3166 region of the home country.
        dial_codes: the country codes of every region in this plan, the home country's among them.
        international_prefixes: dialled before a country code.
        trunk_prefix: dialled before a national number and dropped from its international form, or "".
        overseas: regions that are national in form and have their own purse.
        foreign_tollfree: the class of another country's toll-free numbers: they are charged from abroad.
        unknown_rate_cap: what a minute of an ordinary call without a rate is held at, in the plan's currency.
        carrier_selection: how codes begin that choose another carrier; no number of the plan may begin so, hence a
            number behind one is invalid (nobody knows its price).
        sources: where the facts are from, by the name each entry refers to.
    """

    country: Region
    dial_codes: dict[Region, Digits]
    international_prefixes: Annotated[tuple[Digits, ...], msgspec.Meta(min_length=1)]
    trunk_prefix: Annotated[str, msgspec.Meta(pattern=r"^[0-9]?\Z")]
    overseas: tuple[Region, ...]
    foreign_tollfree: NumberClass
    unknown_rate_cap: str
    carrier_selection: tuple[DigitPattern, ...]
    caller_id_codes: tuple[CallerIdCode, ...]
    emergency: Annotated[tuple[ServiceNumber, ...], msgspec.Meta(min_length=1)]
    must_reach: tuple[ServiceNumber, ...]
    short_codes: tuple[ShortCode, ...]
    families: tuple[Family, ...]
    sources: dict[str, str]

    def __post_init__(self) -> None:
        """Check what one entry cannot know about another."""
        parse_amount(self.unknown_rate_cap)
        regions = {self.country, *self.overseas, *(family.region for family in self.families)}
        _refuse_strays("region", regions - self.dial_codes.keys(), "dial_codes")
        entries: tuple[CallerIdCode | ServiceNumber | ShortCode, ...]
        entries = (*self.caller_id_codes, *self.emergency, *self.must_reach, *self.short_codes, *self.families)
        _refuse_strays("source", {entry.source for entry in entries} - self.sources.keys(), "sources")
        _refuse_overlaps(self)

    @property
    def dial_code(self) -> str:
        """The home country's own country code."""
        return self.dial_codes[self.country]

    @property
    def unknown_rate_cap_micros(self) -> int:
        """The cap per minute in micros, tax included."""
        return parse_amount(self.unknown_rate_cap)

    @property
    def emergency_numbers(self) -> frozenset[str]:
        """The digits that are never refused."""
        return frozenset(entry.number for entry in self.emergency)

    @property
    def must_reach_numbers(self) -> frozenset[str]:
        """The numbers, as the gate returns them, that count as ordinary whatever their class."""
        return frozenset(entry.number for entry in self.must_reach)


def parse_plan(text: str) -> NumberPlan:
    """Read a plan.

    Args:
        text: the TOML document.

    Raises:
        PlanError: with the path of the first mistake and what to do about it.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib passes on what int() and deep nesting raise
        line = re.search(r"line \d+", str(error))
        raise PlanError(line[0] if line else "plan", f"this is not TOML: {error}", "correct the spelling") from None
    try:
        return msgspec.convert(document, NumberPlan)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        problem, _, remedy = what.partition("; ")
        raise PlanError(where.strip("`").removeprefix("$.") or "plan", problem, remedy or _DEFAULT_REMEDY) from None


def _places(pattern: str) -> list[frozenset[str]]:
    """The digits that may stand at each place of a pattern."""
    places = (place.replace("X", "[0-9]") for place in _PLACE.findall(pattern))
    return [frozenset(re.findall(place, "0123456789")) for place in places]


def _refuse_strays(what: str, strays: set[str], table: str) -> None:
    if strays:
        message = f'{what} "{min(strays)}" is not in {table}; add it there or correct its spelling'
        raise ValueError(message)


def _refuse_overlaps(plan: NumberPlan) -> None:
    ranges = [(entry.pattern, entry.length) for entry in (*plan.short_codes, *plan.families)]
    ranges += [(number, len(number)) for number in sorted(plan.emergency_numbers)]
    laid_out = [(pattern, length, _places(pattern)) for pattern, length in ranges]
    for (one, length, places), (other, other_length, other_places) in combinations(laid_out, 2):
        if length == other_length and _meet(places, other_places):
            message = f'"{one}" and "{other}" overlap; keep each number in one range'
            raise ValueError(message)
    for code in plan.carrier_selection:
        for pattern, _, places in laid_out:
            if _meet(_places(code), places):
                message = f'"{pattern}" begins like the carrier selection code "{code}"; remove one of the two'
                raise ValueError(message)


def _meet(places: list[frozenset[str]], other_places: list[frozenset[str]]) -> bool:
    """Tell whether some digits fit both, as far as the shorter one goes."""
    return all(one & other for one, other in zip(places, other_places, strict=False))
