"""The prefix cell of an operator's file: one or several prefixes, in the many ways operators write them.

``+33``, ``0033``, ``33``; several in a cell (``61 38,39`` is 6138 and 6139); ranges (``33 1-5``); national numbers
(``0892``), short codes (``short:3624``; in a file that marks its international prefixes also ``3624``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from callgate.core.plan import ORDINARY_CLASSES, Family, NumberPlan
from callgate.core.policy_values import shown
from callgate.core.ranges import Places, meet, places_of
from callgate.rates.country_codes import country_code, has_trunk_zero
from callgate.rates.currencies import KEPT
from callgate.rates.findings import Problem, UnusableError

CELL_MAX_CHARACTERS = 2_000
RANGE_MAX = 100
"""A range such as ``33 1-5`` holds no more prefixes than this."""
SHORT = "short:"
DEFAULT_ROWS = frozenset({"defaultprefix", "*any", "any", "default", "*"})
"""Rows for every other number: a deck has none, since nothing is known of what they would price."""

_SHORT = re.compile(rf"{SHORT}[0-9]{{1,6}}")
_NUMBER = re.compile(r"\+?[0-9]+")
_E164 = re.compile(r"[1-9][0-9]{0,14}")
_SHORT_MIN_DIGITS = 3
"""A beginning of short codes with so many digits is hardly meant for a country (``118``); ``36`` is."""
_AREA_DIGITS = (3, 6)
"""An area code of North America, alone or with an exchange: what a list of its numbers holds without the 1."""
_ZERO = "0"
_PLANS_KEPT = 16
_LISTED_MAX = 5
_GUARD = re.compile(r'="?([^"]*)"?|\'(.*)')
_LIST = re.compile(r" *[,;/|] *")
_RANGE = re.compile(r"(\+?[0-9]+) *[-\u2013] *([0-9]+)")
_PARTED = re.compile(r"(\+?[0-9]+) +([0-9][0-9 \u2013-]*)")
_WILD_END = re.compile(r"[xX*.%]+$")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What a cell says.

    Fields:
        found: prefixes as the canonical deck has them, ``+33899`` or ``short:3624``, at least one.
        is_guess: one of them was read as international though it may be a national number or a short code.
    """

    found: tuple[str, ...]
    is_guess: bool

    @property
    def listed(self) -> str:
        """The first of them, for a message."""
        return ", ".join(self.found[:_LISTED_MAX])


@lru_cache(maxsize=KEPT)
def read_prefixes(cell: str, habit: PrefixHabit) -> Prefixes:
    """Read a prefix cell.

    Raises:
        UnusableError: if a part has no meaning, or two.
    """
    text = _unguarded(cell)
    if len(text) > CELL_MAX_CHARACTERS:
        raise _bad_prefix(cell)
    is_plain = text.removeprefix("+").isdecimal()  # nearly every cell of a large deck
    expanded = {text: [text]} if is_plain else {part: _expanded(part, cell) for part in _parts(text, habit, cell)}
    found = [_canonical(word, habit, cell) for words in expanded.values() for word in words]
    # A country code that stands apart is none of the beginnings of national numbers.
    guesses = (word for part, words in expanded.items() if " " not in part for word in words)
    return Prefixes(found=tuple(dict.fromkeys(found)), is_guess=any(_is_guess(word, habit) for word in guesses))


def _unguarded(cell: str) -> str:
    """Take off what keeps a spreadsheet from reading a prefix as a number: ``="0033"`` and a leading apostrophe."""
    text = " ".join(cell.split())
    guard = _GUARD.fullmatch(text)
    return (guard[1] or guard[2] or "").strip() if guard else text


def _parts(text: str, habit: PrefixHabit, cell: str) -> list[str]:
    """Split a list; a country code that stands apart in an item counts for those after it (``61 38,39``).

    An item with a mark of its own needs none; one that begins like the country code has two meanings (``33 6, 337``).
    """
    marks = ("+", *habit.international)
    found, country = [], ""
    for written in _LIST.split(text):
        item = next(
            (mark + written.removeprefix(f"{mark} ") for mark in marks if written.startswith(f"{mark} ")), written
        )
        if standing := _standing_code(item):
            country = standing
        elif country and not item.startswith((*marks, SHORT)):
            if item.startswith(_bare_code(country, marks)):
                raise _bad_prefix(cell)
            item = f"{country} {item}"
        found.append(item)
    if not all(found):
        raise _bad_prefix(cell)
    return found


def _standing_code(item: str) -> str:
    """The country code that stands apart from what follows (``33 6``, ``1-242``), "" if none does."""
    parted = _PARTED.fullmatch(item) or _RANGE.fullmatch(item)
    is_range = parted is not None and parted.re is _RANGE and len(parted[1].removeprefix("+")) == len(parted[2])
    return "" if parted is None or is_range else parted[1]


def _bare_code(country: str, marks: tuple[str, ...]) -> str:
    return country.removeprefix(max((mark for mark in marks if country.startswith(mark)), key=len, default=""))


def _expanded(part: str, cell: str) -> list[str]:
    """Write out a range: ``33 1-5`` and ``331-335``; a hyphen between other digits only parts them (``1-242``)."""
    parted = _PARTED.fullmatch(part)
    country, rest = (parted[1], parted[2].strip()) if parted is not None else ("", part)
    head = country or "+" * rest.startswith("+")
    span = _RANGE.fullmatch(rest)
    if span is None:
        return [country + rest.replace(" ", "")]
    first, last = span[1].removeprefix("+"), span[2]
    if len(first) != len(last):
        return [head + first + last]
    alike = bool(country) or first[:2] == last[:2]
    if not alike or not 0 <= int(last) - int(first) < RANGE_MAX:
        raise _bad_prefix(cell)
    return [head + str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]


def _canonical(word: str, habit: PrefixHabit, cell: str) -> str:
    if _SHORT.fullmatch(word):
        return word
    digits = _digits(word)
    if not _NUMBER.fullmatch(digits):
        raise _bad_prefix(cell)
    marks = [mark for mark in ("+", *habit.international) if digits.startswith(mark)]
    if marks:
        return _e164(digits.removeprefix(max(marks, key=len)), habit, cell)
    return _unmarked(digits, habit, cell)


def _digits(word: str) -> str:
    """A prefix without the signs for "and whatever follows"."""
    return _WILD_END.sub("", word.removeprefix("_"))


def _unmarked(digits: str, habit: PrefixHabit, cell: str) -> str:
    plan = habit.plan
    if digits.startswith(_national_mark(plan)) and len(digits) > len(plan.trunk_prefix):
        return _e164(_international(digits, plan), habit, cell)
    if not habit.marked:
        # A spreadsheet that took 06 for a number leaves 6, the head of the codes of Malaysia, Australia and others.
        if not country_code(digits):
            raise _bad_prefix(cell)
        return _e164(digits, habit, cell)
    if not _is_short(digits, plan):
        raise _bad_prefix(cell)
    return SHORT + digits


def _is_short(digits: str, plan: NumberPlan) -> bool:
    found = plan.range_of(digits)
    return digits in plan.emergency_numbers or (found is not None and not isinstance(found, Family))


def _is_guess(word: str, habit: PrefixHabit) -> bool:
    """Tell whether a prefix without a mark begins numbers at home too, as they are dialled or less a lost zero.

    Of the latter those that would cost most: one digit alone (07 or Russia), and what begins a dear range.
    """
    digits, plan = _digits(word), habit.plan
    if habit.marked or digits.startswith(("+", "0", SHORT, plan.dial_code)):
        return False
    if _is_short(digits, plan) or (len(digits) >= _SHORT_MIN_DIGITS and digits in _short_prefixes(plan)):
        return True
    if plan.trunk_optional and len(digits) not in _AREA_DIGITS:
        return False
    dialled = plan.trunk_prefix + digits
    is_lone = plan.trunk_prefix == _ZERO and len(digits) == 1
    return is_lone or any(
        all(digit in place for digit, place in zip(dialled, places, strict=False)) for places in _lookalikes(plan)
    )


@lru_cache(maxsize=_PLANS_KEPT)
def _short_prefixes(plan: NumberPlan) -> frozenset[str]:
    return frozenset(code.prefix for code in plan.short_codes)


@lru_cache(maxsize=_PLANS_KEPT)
def _lookalikes(plan: NumberPlan) -> tuple[Places, ...]:
    """The national ranges that a prefix without a mark may mean; where they begin with a zero, the dear ones."""
    families = plan.families
    if plan.trunk_prefix == _ZERO:
        families = tuple(family for family in families if family.number_class not in ORDINARY_CLASSES)
    return tuple(places_of(family.prefix) for family in families)


def _national_mark(plan: NumberPlan) -> tuple[str, ...]:
    """The trunk prefix; where it is the country code too (1 in North America), both readings are the same number."""
    return (plan.trunk_prefix,) if plan.trunk_prefix not in {"", plan.dial_code} else ()


def _international(digits: str, plan: NumberPlan) -> str:
    """The beginning of national numbers in international form: overseas ranges have their own codes and trunks."""
    meant = places_of(digits)
    met = [family for family in plan.families if meet(meant, places_of(family.prefix))]
    forms = {plan.dial_codes[family.region] + digits.removeprefix(plan.trunk_of(family)) for family in met}
    return forms.pop() if len(forms) == 1 else plan.dial_code + digits.removeprefix(plan.trunk_prefix)


def _e164(digits: str, habit: PrefixHabit, cell: str) -> str:
    """Write what follows the mark, less a trunk zero behind the country code (RULES 6)."""
    plan, code = habit.plan, country_code(digits)
    rest = digits.removeprefix(code)
    is_own = code in plan.dial_codes.values()
    if is_own and rest.startswith(_ZERO) and plan.trunk_prefix == _ZERO:
        digits = code + rest.removeprefix(_ZERO)
        if digits == code:
            raise _bad_prefix(cell)
    elif code and not is_own and has_trunk_zero(code, rest):
        raise _bad_prefix(cell)  # nobody here knows whether 440 is a slip for 44 or for 4420
    if not _E164.fullmatch(digits):
        raise _bad_prefix(cell)
    return "+" + digits


def _bad_prefix(cell: str) -> UnusableError:
    return UnusableError(Problem.BAD_PREFIX, cell=shown(cell))
