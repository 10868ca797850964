"""The prefix cell of an operator's file: one or several prefixes, in the many ways operators write them.

``+33``, ``0033``, ``33``; several in a cell (``61 38,39`` is 6138 and 6139); ranges (``33 1-5``); national numbers
(``0892``), short codes (``short:3624``; in a file that marks its international prefixes also ``3624``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from callgate.core.plan import Family, NumberPlan
from callgate.core.policy_values import shown
from callgate.core.ranges import meet, places_of
from callgate.rates.findings import Problem, UnusableError

CELL_MAX_CHARACTERS = 2_000
RANGE_MAX = 100
"""A range such as ``33 1-5`` holds no more prefixes than this."""
SHORT = "short:"
DEFAULT_ROWS = frozenset({"defaultprefix", "*any", "any", "default", "*"})
"""Rows for every other number: the deck has none, since a number without a rate is refused."""

_E164_MAX_DIGITS = 15
_SHORT_MAX_DIGITS = 6
_GUARD = re.compile(r'="?([^"]*)"?|\'(.*)')
_LIST = re.compile(r" *[,;/|] *")
_RANGE = re.compile(r"([0-9]+) *[-\u2013] *([0-9]+)")
_PARTED = re.compile(r"(\+?[0-9]+) +([0-9][0-9 \u2013-]*)")
_WILD_END = re.compile(r"[xX*.%]+$")
_REMEDY = "write international prefixes as +33, short codes as short:3624, several of them between commas"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixHabit:
    """How a file writes its prefixes.

    Fields:
        plan: of the home country: its trunk prefix and short codes.
        international: what stands before country codes beside ``+``, such as ``00``.
        marked: most prefixes of the file carry such a mark, or the trunk prefix of national numbers: they are written
            as they are dialled, and one without a mark is a short code.
    """

    plan: NumberPlan
    international: tuple[str, ...]
    marked: bool


def habit_of(cells: Iterable[str], plan: NumberPlan, stated: str | None) -> PrefixHabit:
    """Find out how a file writes its prefixes.

    Args:
        cells: all its prefix cells.
        plan: of the home country.
        stated: what the installer says stands before country codes, or None: as dialled in the home country.
    """
    international = (stated,) if stated else plan.international_prefixes
    marks = ("+", *international, *_national_mark(plan))
    words = [word for cell in cells if (word := _unguarded(cell)) and not word.startswith(SHORT)]
    marked = sum(word.startswith(marks) for word in words)
    return PrefixHabit(plan=plan, international=international, marked=2 * marked > len(words))


def read_prefixes(cell: str, habit: PrefixHabit) -> list[str]:
    """Read a prefix cell.

    Returns:
        Prefixes as the canonical deck has them, ``+33899`` or ``short:3624``, at least one.

    Raises:
        UnusableError: if a part has no meaning, or two.
    """
    text = _unguarded(cell)
    if len(text) > CELL_MAX_CHARACTERS:
        raise UnusableError(Problem.BAD_PREFIX, "the prefixes are too many for one cell", "write them on several lines")
    digits = [word for part in _parts(text, cell) for word in _expanded(part, cell)]
    return [_canonical(word, habit, cell) for word in digits]


def _unguarded(cell: str) -> str:
    """Take off what keeps a spreadsheet from reading a prefix as a number: ``="0033"`` and a leading apostrophe."""
    text = " ".join(cell.split())
    guard = _GUARD.fullmatch(text)
    return (guard[1] or guard[2] or "").strip() if guard else text


def _parts(text: str, cell: str) -> list[str]:
    """Split a list; a country code that stands apart in an item counts for those after it (``61 38,39``)."""
    found, country = [], ""
    for item in _LIST.split(text):
        parted = _PARTED.fullmatch(item)
        if parted is not None:
            country = parted[1]
        found.append(item if parted is not None or not country else f"{country} {item}")
    if not all(found):
        raise UnusableError(Problem.BAD_PREFIX, f"{shown(cell)} is not a list of prefixes", _REMEDY)
    return found


def _expanded(part: str, cell: str) -> list[str]:
    """Write out a range: ``33 1-5`` and ``331-335``; a hyphen between other digits only parts them (``1-242``)."""
    parted = _PARTED.fullmatch(part)
    country, rest = (parted[1], parted[2].strip()) if parted is not None else ("", part)
    head = country or "+" * rest.startswith("+")
    span = _RANGE.fullmatch(rest.removeprefix("+"))
    if span is None:
        return [country + rest.replace(" ", "")]
    first, last = span[1], span[2]
    if len(first) != len(last):
        return [head + first + last]
    alike = bool(country) or first[:2] == last[:2]
    if not alike or not 0 <= int(last) - int(first) < RANGE_MAX:
        problem = f"{shown(cell)} may be a range or one prefix"
        raise UnusableError(Problem.BAD_PREFIX, problem, "write the prefixes of the range between commas")
    return [head + str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]


def _canonical(word: str, habit: PrefixHabit, cell: str) -> str:
    if word.startswith(SHORT) and re.fullmatch(rf"[0-9]{{1,{_SHORT_MAX_DIGITS}}}", word.removeprefix(SHORT)):
        return word
    bare = _WILD_END.sub("", word.removeprefix("_"))
    digits = bare.removeprefix("+")
    if not re.fullmatch(r"[0-9]+", digits):
        raise UnusableError(Problem.BAD_PREFIX, f"{shown(cell)} is not a prefix", _REMEDY)
    marks = [mark for mark in habit.international if digits.startswith(mark)]
    if bare.startswith("+"):
        return _e164(digits, cell)
    if marks:
        return _e164(digits.removeprefix(max(marks, key=len)), cell)
    return _unmarked(digits, habit, cell)


def _unmarked(digits: str, habit: PrefixHabit, cell: str) -> str:
    plan = habit.plan
    if digits.startswith(_national_mark(plan)) and len(digits) > len(plan.trunk_prefix):
        return _e164(_international(digits, plan), cell)
    if not habit.marked:
        return _e164(digits, cell)
    found = plan.range_of(digits)
    if digits in plan.emergency_numbers or (found is not None and not isinstance(found, Family)):
        return SHORT + digits
    problem = f"{shown(cell)} may be an international prefix or a short code: others of this file are marked, it is not"
    raise UnusableError(Problem.BAD_PREFIX, problem, f"write +{digits} or short:{digits}")


def _national_mark(plan: NumberPlan) -> tuple[str, ...]:
    """The trunk prefix; where it is the country code too (1 in North America), both readings are the same number."""
    return (plan.trunk_prefix,) if plan.trunk_prefix not in {"", plan.dial_code} else ()


def _international(digits: str, plan: NumberPlan) -> str:
    """The beginning of national numbers in international form: overseas ranges have their own codes and trunks."""
    meant = places_of(digits)
    met = [family for family in plan.families if meet(meant, places_of(family.prefix))]
    forms = {plan.dial_codes[family.region] + digits.removeprefix(plan.trunk_of(family)) for family in met}
    return forms.pop() if len(forms) == 1 else plan.dial_code + digits.removeprefix(plan.trunk_prefix)


def _e164(digits: str, cell: str) -> str:
    if not re.fullmatch(rf"[1-9][0-9]{{0,{_E164_MAX_DIGITS - 1}}}", digits):
        problem = f"{shown(cell)} is no prefix of international numbers"
        raise UnusableError(Problem.BAD_PREFIX, problem, _REMEDY)
    return "+" + digits
