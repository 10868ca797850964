"""What an operator offers for one prefix, before the canonical deck is written from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from callgate.core.money import MICROS_PER_UNIT, ceil_div
from callgate.core.plan import NumberPlan
from callgate.rates.columns import Format
from callgate.rates.currencies import DOLLAR, DOLLARS
from callgate.rates.findings import Notebook, Place, Problem, UnusableError
from callgate.rates.terms import Increments


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the installer says of a file, and what the clinic is.

    Fields:
        plan: of the clinic's home country.
        currency: of the clinic's policy.
        today: in the clinic's zone; rows that ended before it are told.
        file_format: which it is, or None to find out.
        stated_currency: of a file that does not name its own.
        tax: a share to add, where the file does not say or its amounts are without.
        international: what stands before country codes beside ``+``, or None: as dialled in the home country.
        peak: minutes of the week (`callgate.rates.week`) of a file with peak columns that does not name them.
        increments: of a file that does not name them.
    """

    plan: NumberPlan
    currency: str
    today: date
    file_format: Format | None = None
    stated_currency: str | None = None
    tax: Fraction | None = None
    international: str | None = None
    peak: int | None = None
    increments: Increments | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One future row of the deck.

    Fields:
        place: the line it comes from.
        prefix: canonical, ``+33899`` or ``short:3624``.
        connect_micros, per_minute_micros: as in the file: without tax where `tax_micros` is above 0.
        currency: ISO 4217.
        tax_micros: the share of tax to add, in millionths.
        first, last: days on which it is valid, None for open.
        week: minutes of the week, or None: those that no other offer for the prefix names.
    """

    place: Place
    prefix: str
    label: str
    connect_micros: int
    per_minute_micros: int
    increments: Increments
    currency: str
    tax_micros: int
    first: date | None
    last: date | None
    week: int | None

    @property
    def per_minute_with_tax_micros(self) -> int:
        """What a minute costs in the end, rounded up as the deck does it."""
        return ceil_div(self.per_minute_micros * (MICROS_PER_UNIT + self.tax_micros), MICROS_PER_UNIT)


def micros_of(amount: Fraction) -> int:
    """Write an amount in whole micros, rounded up."""
    return ceil_div(amount.numerator * MICROS_PER_UNIT, amount.denominator)


def demand_currency(found: str, options: ImportOptions) -> None:
    """Refuse what is not the clinic's currency; a dollar sign is any that is called so.

    Raises:
        UnusableError: if it is another.
    """
    is_dollar = found == DOLLAR and options.currency in DOLLARS
    if found != options.currency and not is_dollar:
        raise UnusableError(Problem.OTHER_CURRENCY, found=found, wanted=options.currency)


def tell_currency(named: Iterable[str], options: ImportOptions, notebook: Notebook) -> None:
    """Note that the currency is a guess, where neither the file nor the installer names it.

    Args:
        named: what the file names; a dollar sign is not enough but in the United States.
        options: what the installer says, and the clinic's currency.
        notebook: for the warning.
    """
    vague = frozenset() if options.currency == "USD" else frozenset({DOLLAR})
    if options.stated_currency is None and all(found in vague for found in named):
        notebook.note(Problem.CURRENCY_ASSUMED, Place(), currency=options.currency)


def unsaid_tax(options: ImportOptions, notebook: Notebook) -> Fraction:
    """The share to add to the amounts of a file that does not speak of tax."""
    if options.tax is None:
        notebook.note(Problem.TAX_ASSUMED, Place())
    return options.tax or Fraction(0)
