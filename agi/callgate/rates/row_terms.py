"""One row of an operator's table: what it says by column, and the terms and hours it offers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from callgate.core.policy_values import shown
from callgate.core.rate_hours import MINUTES_PER_WEEK
from callgate.rates.cells import is_empty, read_amount, read_seconds
from callgate.rates.columns import AMOUNTS, PRICES, Column, Heading, Headings
from callgate.rates.currencies import part_money
from callgate.rates.findings import Problem, UnusableError
from callgate.rates.terms import (
    WHOLE_MINUTES,
    Increments,
    Terms,
    per_minute_of,
    with_included_seconds,
    with_initial_cost,
    with_minimum,
)
from callgate.rates.week import WHOLE_WEEK, read_hours, span_mask

_NOTHING = Fraction(0)
_INCREMENTS = re.compile(r"([0-9]{1,4}) ?s? ?[/+-] ?([0-9]{1,4}) ?s?")
_WORDED = re.compile(r"(?:par|a la|à la|per) (second|minute)e?", re.IGNORECASE)


class Row:
    """One line: what it says by column, where it says anything.

    Args:
        headings: the columns.
        cells: at least as many as the headings take.
        decimal: the sign that parts the decimals of the file.
    """

    def __init__(self, headings: Headings, cells: Sequence[str], decimal: str) -> None:
        self.headings = headings
        self.decimal = decimal
        self._said: dict[Column, list[tuple[Heading, str]]] = {}
        for heading in headings.taken:
            if not is_empty(cells[heading.position]):
                self._said.setdefault(heading.column, []).append((heading, cells[heading.position].strip()))
        self.has_price = not PRICES.isdisjoint(self._said)
        self.is_lone = sum(bool(cell.strip()) for cell in cells) == 1

    def all_said(self, column: Column) -> list[str]:
        """What stands in the columns of this meaning, without empty cells."""
        return [cell for _, cell in self._said.get(column, ())]

    def said(self, column: Column) -> str:
        """What stands in the first column of this meaning that says anything, "" for nothing."""
        return self._said[column][0][1] if column in self._said else ""

    def currencies(self) -> Iterator[str]:
        """The currencies that stand beside amounts."""
        for column in AMOUNTS & self._said.keys():
            yield from filter(None, (part_money(cell).currency for cell in self.all_said(column)))

    def amount(self, column: Column) -> Fraction:
        """The amounts of a column together; 0 where nothing is said.

        Raises:
            UnusableError: if one cannot be read.
        """
        said = [read_price(heading, cell, self.decimal) for heading, cell in self._said.get(column, ())]
        return said[0] if len(said) == 1 else sum(said, start=_NOTHING)

    def seconds(self, column: Column) -> int:
        """The seconds of a column, 0 where nothing is said.

        Raises:
            UnusableError: if they cannot be read.
        """
        word = self.said(column)
        return read_seconds(word) if word else 0


def read_price(heading: Heading, cell: str, decimal: str) -> Fraction:
    """Read one amount as its header says, cents as hundredths.

    Raises:
        UnusableError: if it cannot be read, or is in whole units under a header in cents.
    """
    amount = read_amount(cell, decimal)
    if not heading.is_cents:
        return amount
    if part_money(cell).currency:
        raise UnusableError(Problem.NOT_CENTS, cell=shown(cell), header=heading.header)
    return amount / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTerms:
    """Terms and the minutes of the week they are for; None for those that nothing else names."""

    terms: Terms
    week: int | None


def timed_terms(row: Row, increments: Increments, peak: int | None) -> list[TimedTerms]:
    """Read the prices of a row: one, or a peak and an off-peak one.

    Args:
        row: the row.
        increments: of `stated_increments`, or what is assumed.
        peak: the hours of peak columns, where the row names none.

    Raises:
        UnusableError: if a price or its hours cannot be read, or the deck could not express it.
    """
    for word in row.all_said(Column.MUST_BE_ZERO):
        if read_amount(word, row.decimal):
            raise UnusableError(Problem.NOT_EXPRESSIBLE, cell=shown(word))
    hours = _hours(row)
    if not row.headings.has(Column.PEAK) and not row.headings.has(Column.OFF_PEAK):
        return [TimedTerms(terms=_terms(row, _per_minute(row), increments), week=hours)]
    peak = hours or peak
    if peak is None:
        raise UnusableError(Problem.PEAK_NOT_STATED)
    dear, cheap = (_peak_price(row, column) for column in (Column.PEAK, Column.OFF_PEAK))
    offered = [TimedTerms(terms=_terms(row, cheap, increments), week=None)]
    if dear != cheap:
        offered.insert(0, TimedTerms(terms=_terms(row, dear, increments), week=peak))
    return offered


def read_increments(words: str) -> Increments:
    """Read increments such as ``60/1``, ``à la seconde`` or ``par minute``.

    Raises:
        UnusableError: for anything else.
    """
    match = _INCREMENTS.fullmatch(words)
    if match is not None:
        return Increments(first_s=int(match[1]), next_s=int(match[2]))
    worded = _WORDED.fullmatch(words)
    if worded is None:
        raise UnusableError(Problem.BAD_SECONDS, cell=shown(words), example="60/1")
    return WHOLE_MINUTES if worded[1].casefold() == "minute" else Increments(first_s=1, next_s=1)


def stated_increments(row: Row) -> Increments | None:
    """Read the increments of a row, None where it names none.

    Raises:
        UnusableError: if they cannot be read.
    """
    words = row.said(Column.INCREMENTS)
    if words:
        return read_increments(words)
    first_s, next_s = row.seconds(Column.FIRST_INCREMENT), row.seconds(Column.INCREMENT)
    if row.headings.has(Column.MINIMUM_S) and row.said(Column.INCREMENT):
        next_s = max(next_s, 1)  # A2Billing: a block of 0 is billing by the second
    next_s = next_s or row.seconds(Column.UNIT_S) or first_s
    return Increments(first_s=first_s or next_s, next_s=next_s) if next_s else None


def _per_minute(row: Row) -> Fraction:
    if row.said(Column.PER_MINUTE):
        return row.amount(Column.PER_MINUTE)
    if row.said(Column.PER_SECOND):
        return per_minute_of(row.amount(Column.PER_SECOND), 1)
    if row.said(Column.PER_UNIT):
        unit_s = row.seconds(Column.UNIT_S)
        if not unit_s:
            raise UnusableError(Problem.UNIT_NOT_STATED)
        return per_minute_of(row.amount(Column.PER_UNIT), unit_s)
    raise UnusableError(Problem.BAD_AMOUNT, cell=shown(""))


def _peak_price(row: Row, column: Column) -> Fraction:
    """A peak or off-peak price; where its column says nothing, the plain price of the row."""
    return row.amount(column) if row.said(column) else _per_minute(row)


def _terms(row: Row, per_minute: Fraction, increments: Increments) -> Terms:
    plain = Terms(connect=row.amount(Column.CONNECT), per_minute=per_minute, increments=increments)
    included_s = row.seconds(Column.INCLUDED_S)
    if row.headings.has(Column.INITIAL_COST):
        cost = row.amount(Column.INITIAL_COST)
        return with_initial_cost(cost, included_s, per_minute=per_minute, next_s=increments.next_s)
    if row.headings.has(Column.MINIMUM_S):
        return with_minimum(plain, row.seconds(Column.MINIMUM_S))
    return with_included_seconds(plain, included_s)


def _hours(row: Row) -> int | None:
    """The minutes of the week a row names, None for all."""
    words = row.said(Column.HOURS)
    if words:
        return read_hours(words)
    first, last = row.said(Column.WEEK_FIRST), row.said(Column.WEEK_LAST)
    if not first and not last:
        return None
    minutes = [int(word) if re.fullmatch(r"[0-9]{1,5}", word) else MINUTES_PER_WEEK for word in (first, last)]
    if not minutes[0] <= minutes[1] < MINUTES_PER_WEEK:
        example = f"0-{MINUTES_PER_WEEK - 1}"
        raise UnusableError(Problem.BAD_HOURS, cell=shown(f"{first}-{last}"), example=example)
    week = span_mask(minutes[0], minutes[1] + 1)
    return None if week == WHOLE_WEEK else week
