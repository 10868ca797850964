"""A row read as the header: which column means what, in seven formats and two languages.

A header is read as words: lower case, without accents and signs. A format that software writes is known by its own
column names (`columns.LAYOUTS`); any other table is read by what French and English operators call things. What a
header leaves open is read so that a call is never too cheap, or refused.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from callgate.core.policy_values import shown
from callgate.rates.columns import AMOUNTS, LAYOUTS, PRICES, TELLING, Column, Format, Heading, Headings, Taxed
from callgate.rates.currencies import currencies_in
from callgate.rates.findings import Problem, UnusableError

COLUMNS_MAX = 200
"""A line with more fields is no header."""

_NAMED: Mapping[Column, str] = {
    Column.PREFIX: "prefix|prefixe|prefixes|indicatif|indicatifs|code|codes|dial code|dialcode|code pays|country code"
    "|prefixe international|indicatif international|numero|numeros",
    Column.LABEL: "label|destination|destinations|libelle|designation|description|pays|country|zone|nom|name|service",
    Column.CURRENCY: "currency|devise|monnaie",
    Column.TAX: "tax|vat|tva|taux tva|taux de tva|vat rate",
    Column.VALID_FROM: "valid from|debut|date debut|date de debut|debut de validite|date d effet|date d application"
    "|valable du|valable a partir du|a partir du|effective date|effective from|start date|from",
    Column.VALID_TO: "valid to|valid until|fin|date fin|date de fin|fin de validite|valable au|valable jusqu au"
    "|jusqu au|end date|expiry date|expiration|to",
    Column.HOURS: "hours|heures|horaires|plage horaire|plages horaires",
    Column.FIRST_INCREMENT: "first increment|initial increment|premier increment|premier palier"
    "|palier initial|duree minimale|minimum|minimum duration|indivisible",
    Column.INCREMENT: "increment|next increment|increment suivant|palier|palier suivant|pas"
    "|pas de facturation|paliers suivants",
    Column.INCREMENTS: "increments|billing increments|billing|cadence|cadencement|facturation|mode de facturation",
    Column.INCLUDED_S: "included seconds|secondes incluses|credit temps|credit de temps|duree incluse",
    Column.UNIT_S: "unit|units|unite|unites|duree de l unite|unite de facturation|billing unit|unit length"
    "|unit duration|pulse|pulse length|pulse duration|impulsion|duree de l impulsion|block|block size|bloc|tranche",
}
_MEANING = {name: column for column, names in _NAMED.items() for name in names.split("|")}

_IN_SECONDS = (["s"], ["sec"], ["secondes"], ["seconds"])
_CONNECT_WORDS = frozenset({"relation", "connexion", "connection", "connect", "setup", "etablissement", "flagfall"})
_CALL_WORDS = frozenset({"appel", "call"})
_MINUTE_WORDS = frozenset({"minute", "minutes", "min", "mn", "mins"})
_SECOND_WORDS = frozenset({"second", "seconds", "seconde", "secondes", "sec", "secs", "s"})
_TIME_WORDS = _MINUTE_WORDS | _SECOND_WORDS
_PRICE_WORDS = frozenset(
    {"prix", "tarif", "price", "rate", "cout", "cost", "montant", "minute", "min", "mn", "second", "seconde", "sec"}
)
_UNIT_WORDS = frozenset(
    {
        "unit",
        "units",
        "unite",
        "unites",
        "pulse",
        "pulses",
        "impulsion",
        "impulsions",
        "block",
        "blocks",
        "bloc",
        "blocs",
        "tranche",
        "tranches",
        "half",
        "demi",
    }
)
_PLAIN_PRICES = frozenset({Column.PER_MINUTE, Column.PER_SECOND, Column.PER_UNIT})
_NO_CALL_WORDS = frozenset({"sms", "mms", "data", "internet", "fax"})
_OFF_PEAK_WORDS = frozenset(
    {"creuse", "creuses", "creux", "hc", "offpeak", "off", "reduit", "evening", "weekend", "night", "soir", "nuit"}
)
_PEAK_WORDS = frozenset({"pleine", "pleines", "plein", "hp", "peak", "normal", "daytime"})
_TAX = r"(?:vat|tax|taxes|taxe|tva)"
_WITHOUT_TAX = re.compile(
    rf"\b(?:ht|htva|excl|excluding|exclusive|(?:ex|exc|hors|sans|without|before|plus) {_TAX}"
    rf"|(?:not|non) (?:inc|incl|including) {_TAX}|{_TAX} (?:not included|non (?:comprise|incluse)s?))\b"
)
_WITH_TAX = re.compile(
    rf"\b(?:ttc|tvac|(?<!not )(?<!non )(?<!without )(?:inc|incl|including|includes|inclusive of) {_TAX}"
    rf"|{_TAX} (?:incl|included|inclusive|comprises?|incluses?)|(?:with|avec|after) {_TAX})\b"
)
_NET = re.compile(r"\bnet\b")
_TAX_NOISE = frozenset(
    {
        "ht",
        "htva",
        "hors",
        "excl",
        "excluding",
        "net",
        "ttc",
        "tvac",
        "incl",
        "including",
        "taxe",
        "taxes",
        "tva",
        "vat",
        "tax",
    }
)
_CENTS = re.compile(
    r"(?:\b(?:en|in|eur|euros?|us|usd|gbp|chf) *|[(\[/€$£] *)(?:euro)?(?:cents?|centimes?|cts?)\b"
    r"|(?<!au )(?<!pour )(?<!per )\b(?:cents?|centimes?|cts?)"
    r" *(?:/|(?:par|per|a|a la) |ht\b|ttc\b|hors |incl|excl|eur|d'euro)"
    r"|\bc€|¢|\bpence\b|^(?:cents?|centimes?|cts?)$"
)
"""Cents as the unit of a price: not ``arrondi au centime``, not ``10 pour cent``."""
_ROUNDED = re.compile(r"arrondi|round")
_ABBREVIATION = re.compile(r"\b[a-z](?:\. ?[a-z]\b)+\.?")
_SIGN_WORDS = str.maketrans({"€": " eur ", "$": " usd ", "£": " gbp "})


def of_header(cells: Sequence[str], wanted: Format | None) -> Headings | None:
    """Read a row as the header.

    Args:
        cells: the row.
        wanted: the format it must be in, or None to find out.

    Returns:
        Its columns, or None if it has no prefix or no price: it is no header.

    Raises:
        UnusableError: if two columns mean the same and nothing tells which counts, or one has two meanings.
    """
    if len(cells) > COLUMNS_MAX:
        return None
    names = [_name(cell) for cell in cells]
    found = wanted or next(
        (known for known, telling in TELLING.items() if _plain(telling) <= set(names)), Format.SIMPLE
    )
    is_layout = found not in {Format.SIMPLE, Format.OVH}
    taken = list(_as_layout(cells, LAYOUTS.get(found, {})) if is_layout else _as_words(cells))
    columns = {heading.column for heading in taken}
    if Column.PREFIX not in columns or not columns & PRICES:
        return None
    kept = tuple(_unambiguous(_same_tax(taken)))
    if not is_layout:
        _refuse_unclear(kept, cells)
    return Headings(file_format=found, taken=kept, meanings=frozenset(heading.column for heading in kept))


def _as_layout(cells: Sequence[str], columns: Mapping[str, Column]) -> Iterator[Heading]:
    """Read the columns that a software writes; a currency may stand beside them."""
    layout = {_name(name): column for name, column in columns.items()}
    for position, cell in enumerate(cells):
        named = _meaning(cell)
        column = layout.get(_name(cell), named if named is Column.CURRENCY else None)
        if column is not None:
            yield Heading(position=position, header=_shown_header(cell), column=column)


def _as_words(cells: Sequence[str]) -> Iterator[Heading]:
    """Read the columns by their words."""
    named = list(map(_meaning, cells))
    for position, cell in enumerate(cells):
        column = named[position] or _amount_column(frozenset(_words(cell)), beside_units=Column.UNIT_S in named)
        if column is not None:
            plain = Heading(position=position, header=_shown_header(cell), column=column)
            yield _with_amounts(plain, cell) if column in AMOUNTS else plain


def _with_amounts(heading: Heading, cell: str) -> Heading:
    name, folded = _name(cell), _folded(cell)
    taxed = Taxed.UNSAID
    if _WITH_TAX.search(name):
        taxed = Taxed.INCLUDED
    elif _WITHOUT_TAX.search(name) or _NET.search(name):
        taxed = Taxed.WITHOUT
    is_cents = bool(_CENTS.search(folded)) and not _ROUNDED.search(folded)
    return replace(heading, taxed=taxed, currencies=currencies_in(cell), is_cents=is_cents)


def _meaning(cell: str) -> Column | None:
    """The meaning of a header that is one of the known names, with or without its seconds."""
    words = _words(cell)
    bare = words[:-1] if words[-1:] in _IN_SECONDS else words
    return _MEANING.get(" ".join(words)) or _MEANING.get(" ".join(bare))


def _refuse_unclear(taken: Sequence[Heading], cells: Sequence[str]) -> None:
    """Refuse amounts with and without tax in one, and a peak price for anything but a minute."""
    has_units = any(heading.column is Column.UNIT_S for heading in taken)
    for heading in taken:
        cell = cells[heading.position]
        if heading.column in AMOUNTS and _WITH_TAX.search(_name(cell)) and _WITHOUT_TAX.search(_name(cell)):
            raise UnusableError(Problem.TAX_UNCLEAR, header=heading.header)
        words = set(_words(cell))
        other_unit = words & (_UNIT_WORDS | _SECOND_WORDS) or (has_units and not words & _MINUTE_WORDS)
        if heading.column in {Column.PEAK, Column.OFF_PEAK} and other_unit:
            raise UnusableError(Problem.UNIT_NOT_STATED)


def _folded(text: str) -> str:
    """Small letters without accents; signs stay."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)).casefold()


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.translate(_SIGN_WORDS)).encode("ascii", "ignore").decode().casefold()
    joined = _ABBREVIATION.sub(lambda match: re.sub("[. ]", "", match[0]), plain)
    return re.findall(r"[a-z]+|[0-9]+", re.sub("week[- ]end", "weekend", joined))


def _name(text: str) -> str:
    return " ".join(_words(text))


def _plain(names: frozenset[str]) -> set[str]:
    return {_name(name) for name in names}


def _shown_header(cell: str) -> str:
    return shown(" ".join(cell.split()))


def _amount_column(words: frozenset[str], *, beside_units: bool) -> Column | None:
    core = words - _TAX_NOISE
    if core & _NO_CALL_WORDS:
        return None
    if core & _CONNECT_WORDS or (core & _CALL_WORDS and not core & _TIME_WORDS):
        return Column.CONNECT
    if core & _OFF_PEAK_WORDS:
        return Column.OFF_PEAK
    if core & _PEAK_WORDS:
        return Column.PEAK
    return _price_column(core, beside_units=beside_units) if core & _PRICE_WORDS else None


def _price_column(words: frozenset[str], *, beside_units: bool) -> Column:
    """What a price is for; one that names no time is that of a unit where a column says how long that is."""
    if words & _UNIT_WORDS or (beside_units and not words & _TIME_WORDS):
        return Column.PER_UNIT
    return Column.PER_SECOND if words & _SECOND_WORDS else Column.PER_MINUTE


def _same_tax(taken: list[Heading]) -> list[Heading]:
    """Of amounts that stand with and without tax, take those with it: they are what is billed."""
    amounts = [heading for heading in taken if heading.column in AMOUNTS]
    wanted = {heading.column for heading in amounts}
    for taxed in (Taxed.INCLUDED, Taxed.UNSAID, Taxed.WITHOUT):
        if {heading.column for heading in amounts if heading.taxed is taxed} >= wanted:
            return [heading for heading in taken if heading.column not in AMOUNTS or heading.taxed is taxed]
    one, *others = amounts
    other = next(heading for heading in others if heading.taxed is not one.taxed)
    raise UnusableError(Problem.TWO_COLUMNS, first=one.header, second=other.header)


def _unambiguous(taken: list[Heading]) -> list[Heading]:
    """Several columns may make up a label or a connect fee; any other meaning has one column, the price too."""
    several = {Column.LABEL, Column.CONNECT, Column.MUST_BE_ZERO}
    first: dict[Column, Heading] = {}
    for heading in taken:
        meaning = Column.PER_MINUTE if heading.column in _PLAIN_PRICES else heading.column
        other = first.setdefault(meaning, heading)
        if other is not heading and heading.column not in several:
            raise UnusableError(Problem.TWO_COLUMNS, first=other.header, second=heading.header)
    return taken
