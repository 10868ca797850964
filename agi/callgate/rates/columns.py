"""What the columns of an operator's file can mean, and the column names of the software that writes such files."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
    """What a column can say: the texts ``column.<value>`` name it. A price is per minute unless it says otherwise."""

    PREFIX = "prefix"
    LABEL = "label"
    CONNECT = "connect"
    PER_MINUTE = "per_minute"
    PER_SECOND = "per_second"
    PER_UNIT = "per_unit"
    PEAK = "peak"
    OFF_PEAK = "off_peak"
    UNIT_S = "unit_s"
    FIRST_INCREMENT = "first_increment"
    INCREMENT = "increment"
    INCREMENTS = "increments"
    MINIMUM_S = "minimum_s"
    INCLUDED_S = "included_s"
    INITIAL_COST = "initial_cost"
    CURRENCY = "currency"
    TAX = "tax"
    VALID_FROM = "valid_from"
    VALID_TO = "valid_to"
    HOURS = "hours"
    WEEK_FIRST = "week_first"
    WEEK_LAST = "week_last"
    DIRECTION = "direction"
    NUMBER_LENGTH = "number_length"
    MUST_BE_ZERO = "must_be_zero"


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
    """What a header says of tax: the texts ``taxed.<value>`` name it."""

    WITHOUT = "without"
    INCLUDED = "included"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One column: its place, its words in the file, and what they mean; `currencies` are those its amounts are in."""

    position: int
    header: str
    column: Column
    taxed: Taxed = Taxed.UNSAID
    currencies: frozenset[str] = frozenset()
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
        return frozenset().union(*(heading.currencies for heading in self.taken))


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
        "Initial Increment": Column.FIRST_INCREMENT,  # from memory: the field is documented, the CSV column is not
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

TELLING: Mapping[Format, frozenset[str]] = {
    Format.A2BILLING: frozenset({"dialprefix", "rateinitial"}),
    Format.ASTPP: frozenset({"Code", "Connect Cost", "Per Minute Cost"}),
    Format.KAZOO: frozenset({"prefix", "rate_cost"}),
    Format.YEASTAR: frozenset({"Match Prefix", "Rate"}),
}
"""By which columns a format is known."""
