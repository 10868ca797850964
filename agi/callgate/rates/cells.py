"""One cell of an operator's file: amounts, seconds, days, taxes, currencies and labels, French and English.

Amounts are exact fractions: nothing is rounded before the canonical deck is written.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction

from callgate.core.deck import LABEL_MAX_CHARACTERS
from callgate.core.policy_values import shown
from callgate.rates.findings import Problem, UnusableError

CURRENCIES = frozenset(
    re.findall(
        "[A-Z]{3}",
        """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
        CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
        IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
        MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
        RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
        UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
        """,
    )
)
"""ISO 4217, list one, currencies in use; from memory, funds and metals left out."""

SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
CURRENCY_WORDS = {"eur": "EUR", "euro": "EUR", "euros": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF"}
"""What stands for a currency in headers and beside amounts."""

_FREE = frozenset({"gratuit", "gratuite", "free", "inclus", "incluse", "included"})
_EMPTY = frozenset({"", "null", "0000-00-00", "0000-00-00 00:00:00"})
_BLANKS = re.compile(r"[\s'\u2019]+")
_MONEY_WORDS = re.compile(r"[€$£]|(?:eur|euros?|usd|gbp|chf)(?![a-z])", re.IGNORECASE)
_PLAIN = re.compile(r"([0-9]{0,9})(?:([.,])([0-9]{1,12}))?")
_GROUPED = re.compile(r"([0-9]{1,3}(?:([.,])[0-9]{3})(?:\2[0-9]{3})?)(?:(?!\2)[.,]([0-9]{1,12}))?")
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_THOUSANDTHS = 3
_SECONDS = re.compile(r"([0-9]{1,4})(?:[.,]0+)? ?(s|sec|secondes?|seconds?|mn|min|minutes?)?", re.IGNORECASE)
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
    if re.fullmatch(r"[-\u2212].*[0-9].*|\(.*[0-9].*\)", bare):
        problem = f"the amount {shown(cell)} is below 0"
        raise UnusableError(
            Problem.NEGATIVE_AMOUNT, problem, "ask the operator for the price of a call, without credits"
        )
    plain = _PLAIN.fullmatch(bare)
    thousands = sign and _AMBIGUOUS.fullmatch(bare) is not None and sign not in bare
    if plain is not None and bare and not thousands:
        return _fraction(plain[1], plain[3] or "")
    grouped = _GROUPED.fullmatch(bare)
    if grouped is not None:
        return _fraction(re.sub("[.,]", "", grouped[1]), grouped[3] or "")
    problem = f"{shown(cell)} is not an amount" if bare else "the amount is missing"
    raise UnusableError(Problem.BAD_AMOUNT, problem, "write digits with a dot or a comma, such as 0.05")


def _fraction(whole: str, decimals: str) -> Fraction:
    return Fraction(int(whole + decimals), 10 ** len(decimals))


def _bare(cell: str) -> str:
    return _MONEY_WORDS.sub("", _BLANKS.sub("", cell))


def read_seconds(cell: str) -> int:
    """Read a duration such as ``60``, ``30 s`` or ``1 min``.

    Raises:
        UnusableError: for anything else.
    """
    match = _SECONDS.fullmatch(cell.strip())
    if match is None:
        problem = f"{shown(cell)} is not a number of seconds"
        raise UnusableError(Problem.BAD_SECONDS, problem, "write whole seconds, such as 60")
    return int(match[1]) * (60 if (match[2] or "s")[0].casefold() == "m" else 1)


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
        raise UnusableError(Problem.BAD_DAY, f"{shown(cell)} is not a day", "write it such as 2026-12-31")
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
        raise UnusableError(Problem.BAD_TAX, f"{shown(cell)} is not a tax", "write a share such as 0.20, or 20 %")
    return tax


def read_currency(cell: str) -> str:
    """Read a currency: its ISO code, its sign, or euro.

    Raises:
        UnusableError: for what is no currency.
    """
    word = cell.strip()
    code = SIGNS.get(word) or CURRENCY_WORDS.get(word.casefold()) or word.upper()
    if code not in CURRENCIES:
        problem = f"{shown(cell)} is no currency of ISO 4217"
        raise UnusableError(Problem.UNKNOWN_CURRENCY, problem, "write its three letters, such as EUR")
    return code


def read_label(cells: Iterable[str]) -> str:
    """Read a label, cut to what the deck holds.

    Raises:
        UnusableError: if it cannot be printed, or a spreadsheet would take it for a formula.
    """
    words = " ".join(" ".join(cells).split())
    # A sign in front is a formula to a spreadsheet too; here it is at most a bullet.
    label = words.lstrip("+- \u2022")[:LABEL_MAX_CHARACTERS].rstrip()
    if not label.isprintable():
        problem = f"the label {ascii(label)[:60]} holds characters that cannot be printed"
        raise UnusableError(Problem.BAD_LABEL, problem, "write it with letters, digits and signs")
    if label.startswith(("=", "@")):
        problem = f"the label {shown(label)} is a formula"
        raise UnusableError(Problem.BAD_LABEL, problem, "replace it by the name of the destination")
    return label
