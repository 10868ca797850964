"""One cell of an operator's file: amounts, seconds, days, taxes and labels, French and English.

Amounts are exact fractions: nothing is rounded before the canonical deck is written.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache

from callgate.core.deck import LABEL_MAX_CHARACTERS
from callgate.core.policy_values import shown
from callgate.rates.currencies import KEPT, part_money
from callgate.rates.findings import Problem, UnusableError

_FREE = frozenset({"gratuit", "gratuite", "free", "inclus", "incluse", "included"})
_EMPTY = frozenset({"", "null", "0000-00-00", "0000-00-00 00:00:00"})
_GROUP_BLANK = re.compile(r"(?<=[0-9])[\s'\u2019](?=[0-9]{3}(?![0-9]))")
"""What parts groups of three digits; a blank anywhere else makes an amount unreadable."""
_NEGATIVE = re.compile(r"[-\u2212].*[0-9].*|\(.*[0-9].*\)")
_PLAIN = re.compile(r"([0-9]{0,9})(?:([.,])([0-9]{1,12}))?")
_GROUPED = re.compile(r"([0-9]{1,3}(?:([.,])[0-9]{3})(?:\2[0-9]{3})?)(?:(?!\2)[.,]([0-9]{1,12}))?")
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_SECONDS = re.compile(r"([0-9]{1,4})(?:[.,]0+)? ?(s|sec|secondes?|seconds?|mn|min|minutes?)?", re.IGNORECASE)
_ONE_UNIT = re.compile(r"(s|sec|seconde|second)|mn|min|minute", re.IGNORECASE)
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9:]{5,8})(?:\.[0-9]+)?Z?)?")
_SLASHED_DAY = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})(?: ([0-9:]{5,8}))?")
_CENTURY, _THIS_CENTURY = 100, 2000
_AMOUNT_MAX_CHARACTERS = 40
_MIDNIGHT = re.compile(r"00:00(?::00)?")


def is_empty(cell: str) -> bool:
    """Tell whether a cell says nothing."""
    return cell.strip().casefold() in _EMPTY


def decimal_sign(cells: Iterable[str]) -> str:
    """Find the sign that parts the decimals of a file.

    Args:
        cells: its amounts.

    Returns:
        The sign that stands in some amount where no other reading is possible; "" where both do, or none does: then
        each amount is read by itself.
    """
    signs = set()
    for cell in cells:
        match = _PLAIN.fullmatch(_bare(cell))
        if match is not None and match[2] and not _AMBIGUOUS.fullmatch(match[0]):
            signs.add(match[2])
    return signs.pop() if len(signs) == 1 else ""


@lru_cache(maxsize=KEPT)
def read_amount(cell: str, sign: str) -> Fraction:
    """Read an amount such as ``0.05``, ``0,05 €``, ``1 234,50`` or ``gratuit``.

    Args:
        cell: as it stands in the file.
        sign: what parts the decimals of this file, from `decimal_sign`.

    Raises:
        UnusableError: if it is below 0 or unreadable.
    """
    bare = _bare(cell) if len(cell) <= _AMOUNT_MAX_CHARACTERS else cell[:_AMOUNT_MAX_CHARACTERS] + "..."
    if bare.casefold() in _FREE:
        return Fraction(0)
    plain = _PLAIN.fullmatch(bare)
    thousands = sign and _AMBIGUOUS.fullmatch(bare) is not None and sign not in bare
    if plain is not None and bare and not thousands:
        return _fraction(plain[1], plain[3] or "")
    grouped = _GROUPED.fullmatch(bare)
    if grouped is not None:
        return _fraction(re.sub("[.,]", "", grouped[1]), grouped[3] or "")
    raise UnusableError(Problem.NEGATIVE_AMOUNT if _NEGATIVE.fullmatch(bare) else Problem.BAD_AMOUNT, cell=shown(cell))


def _fraction(whole: str, decimals: str) -> Fraction:
    return Fraction(int(whole + decimals), 10 ** len(decimals))


def _bare(cell: str) -> str:
    return _GROUP_BLANK.sub("", part_money(cell).figures)


def read_seconds(cell: str) -> int:
    """Read a duration such as ``60``, ``30 s``, ``1 min`` or ``minute``.

    Raises:
        UnusableError: for anything else.
    """
    if one := _ONE_UNIT.fullmatch(cell.strip()):
        return 1 if one[1] else 60
    match = _SECONDS.fullmatch(cell.strip())
    if match is None:
        raise UnusableError(Problem.BAD_SECONDS, cell=shown(cell), example="60")
    return int(match[1]) * (60 if (match[2] or "s")[0].casefold() == "m" else 1)


@lru_cache(maxsize=KEPT)
def read_day(cell: str, *, is_end: bool, day_first: bool) -> date:
    """Read a day such as ``2026-12-31``, ``31/12/2026`` or ``2027-01-01 00:00:00``.

    Args:
        cell: as it stands in the file.
        is_end: it is the last day; an instant at midnight ends the day before.
        day_first: ``01/02/2026`` is the first of February; where it could be the second of January, it is refused.

    Raises:
        UnusableError: for anything else.
    """
    text = cell.strip()
    try:
        if match := _ISO_DAY.fullmatch(text):
            day = date(int(match[1]), int(match[2]), int(match[3]))
        elif day_first and (match := _SLASHED_DAY.fullmatch(text)):
            year = int(match[3])
            day = date(year if year >= _CENTURY else _THIS_CENTURY + year, int(match[2]), int(match[1]))
        else:
            match, day = None, date.min
    except ValueError:
        match, day = None, date.min
    if match is None:
        raise UnusableError(Problem.BAD_DAY, cell=shown(cell))
    ends_before = is_end and _MIDNIGHT.fullmatch(match[4] or "") is not None and day > date.min
    return day - timedelta(days=1) if ends_before else day


def read_tax(cell: str) -> Fraction:
    """Read a tax as a share: ``0.20``, ``20``, ``20 %`` and ``5,5 %`` (above 1 it is per cent).

    Raises:
        UnusableError: for anything else.
    """
    try:
        tax = read_amount(cell.replace("%", ""), "")
    except UnusableError:
        tax = Fraction(101)
    if tax > 1 or "%" in cell:
        tax /= 100
    if tax > 1:
        raise UnusableError(Problem.BAD_TAX, cell=shown(cell))
    return tax


def read_label(cells: Iterable[str]) -> str:
    """Read a label, cut to what the deck holds.

    Raises:
        UnusableError: if it cannot be printed, or a spreadsheet would take it for a formula.
    """
    words = " ".join(" ".join(cells).split())
    # A sign in front is a formula to a spreadsheet too; here it is at most a bullet.
    label = words.lstrip("+- \u2022")[:LABEL_MAX_CHARACTERS].rstrip()
    if not label.isprintable() or label.startswith(("=", "@")):
        raise UnusableError(Problem.BAD_LABEL, label=shown(label))
    return label
