"""The columns of an operator's file: which header means what, in seven formats and two languages.

A header is read as words: lower case, without accents and signs. A format that software writes is known by its own
column names (`LAYOUTS`); any other table is read by what French and English operators call things.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callgate.core.policy_values import shown
from callgate.rates.cells import CURRENCY_WORDS, SIGNS
from callgate.rates.findings import Problem, UnusableError

COLUMNS_MAX = 200
"""A line with more fields is no header."""


class Format(StrEnum):
    """The formats that can be imported."""

    SIMPLE = "simple"
    CGRATES = "cgrates"
    A2BILLING = "a2billing"
    ASTPP = "astpp"
    KAZOO = "kazoo"
    YEASTAR = "yeastar"
    OVH = "ovh"


class Column(StrEnum):
    """What a column can say. A price is per minute unless the column says otherwise."""

    PREFIX = "prefix"
    LABEL = "label"
    CONNECT = "connect fee"
    PER_MINUTE = "price per minute"
    PER_SECOND = "price per second"
    PER_UNIT = "price per unit"
    PEAK = "price per minute, peak"
    OFF_PEAK = "price per minute, off-peak"
    UNIT_S = "seconds of a unit"
    FIRST_INCREMENT = "first increment"
    INCREMENT = "following increments"
    INCREMENTS = "first and following increments"
    MINIMUM_S = "least seconds billed, rounded up with the call to whole increments"
    INCLUDED_S = "seconds included in the connect fee"
    INITIAL_COST = "cost of the initial time"
    CURRENCY = "currency"
    TAX = "tax"
    VALID_FROM = "first day"
    VALID_TO = "last day"
    HOURS = "hours"
    WEEK_FIRST = "first minute of the week"
    WEEK_LAST = "last minute of the week"
    DIRECTION = "direction: inbound rows are left out"
    NUMBER_LENGTH = "longest number: not taken"
    MUST_BE_ZERO = "must be empty or 0"


AMOUNTS = frozenset(
    {
        Column.CONNECT,
        Column.PER_MINUTE,
        Column.PER_SECOND,
        Column.PER_UNIT,
        Column.PEAK,
        Column.OFF_PEAK,
        Column.INITIAL_COST,
    }
)
PRICES = AMOUNTS - {Column.CONNECT, Column.INITIAL_COST}


class Taxed(StrEnum):
    """What a header says of tax."""

    WITHOUT = "without tax"
    INCLUDED = "tax included"
    UNSAID = "tax not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One column: its place, its words in the file, and what they mean."""

    position: int
    header: str
    column: Column
    taxed: Taxed = Taxed.UNSAID
    currency: str = ""
    is_cents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Headings:
    """The columns of a file that are taken, and all that they mean together."""

    file_format: Format
    taken: tuple[Heading, ...]
    meanings: frozenset[Column]

    def has(self, column: Column) -> bool:
        """Tell whether the file has such a column."""
        return column in self.meanings

    @property
    def taxed(self) -> Taxed:
        """What the amounts are: `of_header` takes none that differ."""
        return next((heading.taxed for heading in self.taken if heading.column in AMOUNTS), Taxed.UNSAID)

    @property
    def currencies(self) -> frozenset[str]:
        """The currencies that headers name."""
        return frozenset(heading.currency for heading in self.taken if heading.currency)


_A2BILLING_STEPS = ("stepcharge", "charge", "timecharge", "billingblock")
LAYOUTS: Mapping[Format, Mapping[str, Column]] = {
    Format.A2BILLING: {
        "dialprefix": Column.PREFIX,
        "destination": Column.LABEL,
        "rateinitial": Column.PER_MINUTE,
        "initblock": Column.MINIMUM_S,
        "billingblock": Column.INCREMENT,
        "connectcharge": Column.CONNECT,
        "disconnectcharge": Column.CONNECT,
        "startdate": Column.VALID_FROM,
        "stopdate": Column.VALID_TO,
        "starttime": Column.WEEK_FIRST,
        "endtime": Column.WEEK_LAST,
        "additional_grace": Column.MUST_BE_ZERO,
        "minimal_cost": Column.MUST_BE_ZERO,
        "additional_block_charge": Column.MUST_BE_ZERO,
        "rounding_calltime": Column.MUST_BE_ZERO,
        **{name + step: Column.MUST_BE_ZERO for name in _A2BILLING_STEPS for step in "abc"},
    },
    Format.ASTPP: {
        "Code": Column.PREFIX,
        "Destination": Column.LABEL,
        "Connect Cost": Column.CONNECT,
        "Connection Cost": Column.CONNECT,
        "Included Seconds": Column.INCLUDED_S,
        "Grace Time": Column.INCLUDED_S,
        "Per Minute Cost": Column.PER_MINUTE,
        "Cost/Min": Column.PER_MINUTE,
        "Initial Increment": Column.FIRST_INCREMENT,
        "Increment": Column.INCREMENT,
    },
    Format.KAZOO: {
        "prefix": Column.PREFIX,
        "description": Column.LABEL,
        "rate_surcharge": Column.CONNECT,
        "rate_cost": Column.PER_MINUTE,
        "rate_minimum": Column.FIRST_INCREMENT,
        "rate_increment": Column.INCREMENT,
        "direction": Column.DIRECTION,
    },
    Format.YEASTAR: {
        "Name": Column.LABEL,
        "Match Prefix": Column.PREFIX,
        "Number Length": Column.NUMBER_LENGTH,
        "Rate": Column.PER_UNIT,
        "Billable Unit(s)": Column.UNIT_S,
        "Initial Time(s)": Column.INCLUDED_S,
        "Initial Cost": Column.INITIAL_COST,
    },
}
"""The column names as each software writes them; capitals and signs do not count. CGRateS has files of its own."""

_TELLING: Mapping[Format, frozenset[str]] = {
    Format.A2BILLING: frozenset({"dialprefix", "rateinitial"}),
    Format.ASTPP: frozenset({"Code", "Connect Cost", "Per Minute Cost"}),
    Format.KAZOO: frozenset({"prefix", "rate_cost"}),
    Format.YEASTAR: frozenset({"Match Prefix", "Rate"}),
}
"""By which columns a format is known."""

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
    Column.UNIT_S: "unit|unite|duree de l unite",
}
_MEANING = {name: column for column, names in _NAMED.items() for name in names.split("|")}

_IN_SECONDS = (["s"], ["sec"], ["secondes"], ["seconds"])
_CONNECT_WORDS = frozenset({"relation", "connexion", "connection", "connect", "setup", "etablissement"})
_CALL_WORDS = frozenset({"appel", "call"})
_TIME_WORDS = frozenset({"minute", "min", "mn", "second", "seconde", "sec"})
_PRICE_WORDS = frozenset({"prix", "tarif", "price", "rate", "cout", "cost", "montant"}) | _TIME_WORDS
_SECOND_WORDS = frozenset({"second", "seconde", "sec", "s"})
_UNIT_WORDS = frozenset({"unit", "unite"})
_OFF_PEAK_WORDS = frozenset({"creuse", "creuses", "creux", "hc", "offpeak", "off", "reduit"})
_PEAK_WORDS = frozenset({"pleine", "pleines", "plein", "hp", "peak", "normal"})
_WITHOUT_TAX = frozenset({"ht", "htva", "hors", "excl", "excluding", "net"})
_WITH_TAX = frozenset({"ttc", "tvac", "incl", "including"})
_CENT_WORDS = frozenset({"centimes", "centime", "cents", "cent", "ct", "cts"})
_TAX_NOISE = _WITHOUT_TAX | _WITH_TAX | frozenset({"taxe", "taxes", "tva", "vat", "tax"})
_SIGN_WORDS = str.maketrans({sign: f" {code.lower()} " for sign, code in SIGNS.items()})


def of_header(cells: Sequence[str], wanted: Format | None) -> Headings | None:
    """Read a row as the header.

    Args:
        cells: the row.
        wanted: the format it must be in, or None to find out.

    Returns:
        Its columns, or None if it has no prefix or no price: it is no header.

    Raises:
        UnusableError: if two columns mean the same and nothing tells which counts.
    """
    if len(cells) > COLUMNS_MAX:
        return None
    names = [" ".join(_words(cell)) for cell in cells]
    found = wanted or next(
        (known for known, telling in _TELLING.items() if _plain(telling) <= set(names)), Format.SIMPLE
    )
    layout = {" ".join(_words(name)): column for name, column in LAYOUTS.get(found, {}).items()}
    taken = [
        Heading(position=position, header=_shown_header(cells[position]), column=layout[name])
        for position, name in enumerate(names)
        if name in layout
    ]
    if found in {Format.SIMPLE, Format.OVH}:
        read = (_heading(position, cell) for position, cell in enumerate(cells))
        taken = [heading for heading in read if heading is not None]
    columns = {heading.column for heading in taken}
    if Column.PREFIX not in columns or not columns & PRICES:
        return None
    kept = tuple(_unambiguous(_same_tax(taken)))
    return Headings(file_format=found, taken=kept, meanings=frozenset(heading.column for heading in kept))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.translate(_SIGN_WORDS)).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+|[0-9]+", plain.casefold())


def _plain(names: frozenset[str]) -> set[str]:
    return {" ".join(_words(name)) for name in names}


def _heading(position: int, cell: str) -> Heading | None:
    """Read one header by its words; None if the column is not taken."""
    words = _words(cell)
    named = _MEANING.get(" ".join(words)) or _MEANING.get(" ".join(words[:-1] if words[-1:] in _IN_SECONDS else words))
    column = named or _amount_column(frozenset(words))
    if column is None:
        return None
    return Heading(
        position=position,
        header=_shown_header(cell),
        column=column,
        taxed=_taxed(frozenset(words)) if column in AMOUNTS else Taxed.UNSAID,
        currency=next((CURRENCY_WORDS[word] for word in words if word in CURRENCY_WORDS), ""),
        is_cents=bool(_CENT_WORDS & set(words)),
    )


def _shown_header(cell: str) -> str:
    return shown(" ".join(cell.split()))


def _amount_column(words: frozenset[str]) -> Column | None:
    core = words - _TAX_NOISE
    if core & _CONNECT_WORDS or (core & _CALL_WORDS and not core & _TIME_WORDS):
        return Column.CONNECT
    if core & _OFF_PEAK_WORDS:
        return Column.OFF_PEAK
    if core & _PEAK_WORDS:
        return Column.PEAK
    if not core & _PRICE_WORDS:
        return None
    if core & _UNIT_WORDS:
        return Column.PER_UNIT
    return Column.PER_SECOND if core & _SECOND_WORDS else Column.PER_MINUTE


def _taxed(words: frozenset[str]) -> Taxed:
    if words & _WITH_TAX:
        return Taxed.INCLUDED
    return Taxed.WITHOUT if words & _WITHOUT_TAX else Taxed.UNSAID


def _same_tax(taken: list[Heading]) -> list[Heading]:
    """Of amounts that stand with and without tax, take those with it: they are what is billed."""
    wanted = {heading.column for heading in taken if heading.column in AMOUNTS}
    for taxed in (Taxed.INCLUDED, Taxed.UNSAID, Taxed.WITHOUT):
        if {heading.column for heading in taken if heading.taxed is taxed} >= wanted:
            return [heading for heading in taken if heading.column not in AMOUNTS or heading.taxed is taxed]
    problem = "some amounts are said to be with tax and others are not"
    raise UnusableError(Problem.TWO_COLUMNS, problem, "keep only the columns with tax, or only those without")


def _unambiguous(taken: list[Heading]) -> list[Heading]:
    """Several columns may make up a label or a connect fee; any other meaning has one column."""
    several = {Column.LABEL, Column.CONNECT, Column.MUST_BE_ZERO}
    first: dict[Column, Heading] = {}
    for heading in taken:
        other = first.setdefault(heading.column, heading)
        if other is not heading and heading.column not in several:
            problem = f"the columns {other.header} and {heading.header} both mean the {heading.column}"
            raise UnusableError(Problem.TWO_COLUMNS, problem, "take one of them out")
    return taken
