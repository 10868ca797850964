"""Currencies: how they stand in a header, beside an amount, and in a column of their own."""

import re
from dataclasses import dataclass
from functools import lru_cache

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

DOLLAR = "$"
"""The sign alone: the clinic's currency if that is called a dollar, else one that is not the clinic's."""
DOLLARS = frozenset({"AUD", "CAD", "HKD", "NZD", "SGD", "USD"})
SIGNS = {"€": "EUR", "$": DOLLAR, "£": "GBP", "US$": "USD"}
_WORDS = {"eur": "EUR", "euro": "EUR", "euros": "EUR", "dollar": DOLLAR, "dollars": DOLLAR, "pence": "GBP"}
"""What stands for a currency beside its code, in headers and beside amounts."""
_SMALL_CODES = frozenset({"usd", "gbp", "chf"})
"""Codes that are no word of a header in small letters either; `all`, `try` or `top` are."""

_BESIDE = r"US\$|[€$£]|[A-Za-z]{3,7}"
_AMOUNT = re.compile(rf"({_BESIDE})?\s*(.*?)\s*({_BESIDE})?", re.DOTALL)
_MAX_CHARACTERS = 40
KEPT = 4096
"""So many cells are remembered as they were read: a deck says the same few prices in thousands of rows."""
_IN_HEADER = re.compile(r"US\$|[€$£]|[A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A cell with an amount: its figures, and the currency beside them, "" for none."""

    figures: str
    currency: str


@lru_cache(maxsize=KEPT)
def part_money(cell: str) -> Money:
    """Part the figures of an amount from the currency beside them; two that differ stay, and are no amount."""
    text = cell.strip()
    # Nearly every cell of a large deck; and what is too long to be an amount.
    if (text[:1].isdecimal() and text[-1:].isdecimal()) or len(text) > _MAX_CHARACTERS:
        return Money(figures=text, currency="")
    match = _AMOUNT.fullmatch(text)
    assert match is not None
    before, figures, after = match.groups()
    named = {_beside_amount(token) for token in (before, after) if token}
    if len(named) != 1 or "" in named:
        return Money(figures=text, currency="")
    return Money(figures=figures, currency=named.pop())


def _beside_amount(token: str) -> str:
    code = SIGNS.get(token) or _WORDS.get(token.casefold()) or token.upper()
    return code if code in CURRENCIES or code == DOLLAR else ""


def currencies_in(header: str) -> frozenset[str]:
    """Find the currencies that a header names; codes stand in capitals, but for the commonest."""
    return frozenset(filter(None, map(_in_header, _IN_HEADER.findall(header))))


def _in_header(token: str) -> str:
    named = SIGNS.get(token) or _WORDS.get(token.casefold())
    if named is None and (token in CURRENCIES or token.casefold() in _SMALL_CODES):
        return token.upper()
    return named or ""


def read_currency(cell: str) -> str:
    """Read a currency: its ISO code, its sign, or euro; ``$`` alone is the dollar of the United States.

    Raises:
        UnusableError: for what is no currency.
    """
    word = cell.strip()
    code = SIGNS.get(word) or _WORDS.get(word.casefold()) or word.upper()
    code = "USD" if code == DOLLAR else code
    if code not in CURRENCIES:
        raise UnusableError(Problem.UNKNOWN_CURRENCY, cell=shown(cell))
    return code
