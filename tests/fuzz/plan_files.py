"""The plan files as the second oracle reads them: with the standard library, and none of the product's code."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "policies" / "plans"
_ANY_DIGIT = "0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers that begin alike: one line of `short_codes` or `families`.

    Fields:
        places: the digits that each of the first places may hold.
        shortest, longest: how many digits, all counted.
        region: where the money goes.
        trunk: what the international form leaves out; None for a short code, which has no such form.
        sure: whether every number of the range is in service; otherwise one of them may be invalid.
    """

    places: tuple[str, ...]
    shortest: int
    longest: int
    number_class: str
    region: str
    trunk: str | None
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """One home country; `ranges` in the order in which they are asked, short codes first."""

    country: str
    dial_code: str
    dial_codes: dict[str, str]
    international_prefixes: tuple[str, ...]
    trunk_prefix: str
    trunk_optional: bool
    carrier_selection: tuple[tuple[str, ...], ...]
    overseas: frozenset[str]
    shared_with: frozenset[str]
    caller_id_codes: tuple[str, ...]
    emergency: frozenset[str]
    must_reach: frozenset[str]
    ranges: tuple[Range, ...]


def read_plan_files(folder: Path = FOLDER) -> dict[str, PlanFile]:
    """Read every plan of the folder, by home country."""
    plans = (_read(path) for path in sorted(folder.glob("*.toml")))
    return {plan.country: plan for plan in plans}


def _read(path: Path) -> PlanFile:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    country, trunk_prefix = table["country"], table["trunk_prefix"]
    codes = [code["code"] for code in table["caller_id_codes"]]
    short_codes = [_range(entry, region=country, trunk=None) for entry in table["short_codes"]]
    families = [_range(entry, entry["region"], entry.get("trunk", trunk_prefix)) for entry in table["families"]]
    return PlanFile(
        country=country,
        dial_code=table["dial_codes"][country],
        dial_codes=table["dial_codes"],
        international_prefixes=tuple(table["international_prefixes"]),
        trunk_prefix=trunk_prefix,
        trunk_optional=table.get("trunk_optional", False),
        carrier_selection=tuple(places_of(pattern) for pattern in table["carrier_selection"]),
        overseas=frozenset(table.get("overseas", ())),
        shared_with=frozenset(table.get("shared_with", ())),
        caller_id_codes=tuple(dict.fromkeys(["*31#", "#31#", *codes])),
        emergency=frozenset(entry["number"] for entry in table["emergency"]),
        must_reach=frozenset(entry["number"] for entry in table["must_reach"]),
        ranges=(*short_codes, *families),
    )


def _range(entry: dict[str, Any], region: str, trunk: str | None) -> Range:
    return Range(
        places=places_of(entry["prefix"]),
        shortest=entry["length"],
        longest=entry.get("length_max", entry["length"]),
        number_class=entry["class"],
        region=region,
        trunk=trunk,
        sure="in_service" not in entry,
    )


def places_of(pattern: str) -> tuple[str, ...]:
    """Split ``02[0-57-9]X`` into what each place may hold."""
    places: list[str] = []
    rest = pattern
    while rest:
        if rest[0] == "[":
            inside, _, rest = rest[1:].partition("]")
            places.append(_choices(inside))
        else:
            places.append(_ANY_DIGIT if rest[0] == "X" else rest[0])
            rest = rest[1:]
    return tuple(places)


def _choices(inside: str) -> str:
    chosen, rest = "", inside
    while rest:
        if rest[1:2] == "-":
            chosen += _ANY_DIGIT[int(rest[0]) : int(rest[2]) + 1]
            rest = rest[3:]
        else:
            chosen += rest[0]
            rest = rest[1:]
    return chosen
