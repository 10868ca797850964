"""The rows of an operator's table as offers: each cell by the column it stands in."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import chain
from statistics import median

from callgate.core.policy_values import shown
from callgate.rates.cells import decimal_sign, is_empty, read_day, read_label, read_tax
from callgate.rates.columns import AMOUNTS, Column, Format, Headings, Taxed
from callgate.rates.currencies import part_money, read_currency
from callgate.rates.findings import Notebook, Place, Problem, UnusableError
from callgate.rates.offers import ImportOptions, Offer, demand_currency, micros_of, tell_currency, unsaid_tax
from callgate.rates.prefixes import DEFAULT_ROWS, PrefixHabit, habit_of, read_prefixes
from callgate.rates.row_terms import Row, TimedTerms, read_price, stated_increments, timed_terms
from callgate.rates.table import Record, Table
from callgate.rates.terms import WHOLE_MINUTES, Increments

_MONTH_FIRST = frozenset({"US", "CA"})
"""Where 01/02/2026 may be the second of January."""
_LISTED_MAX_CHARACTERS = 300
_DOUBTFUL_PRICE = Fraction(1, 100)
"""One cent: half of the prices of a list in cents are hardly below."""
_DOUBTFUL_TAX = Fraction(2, 100)
"""No country taxes calls at less and above 0; an amount of tax looks so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """How every row of one table is read; `named_width` is the width without unnamed columns at the end."""

    headings: Headings
    width: int
    named_width: int
    options: ImportOptions
    habit: PrefixHabit
    decimal: str
    tax: Fraction | None


def read_rows(table: Table, options: ImportOptions, notebook: Notebook) -> Iterator[Offer]:
    """Read every row of a table; what cannot be used goes into the notebook.

    Raises:
        UnusableError: if the table as a whole cannot be read.
    """
    sheet = _sheet(table, options, notebook)
    for record in table.records:
        try:
            offers = _read_record(record, sheet, notebook)
        except UnusableError as error:
            notebook.add(error.at(Place(line=record.line)))
            continue
        yield from offers


def _read_record(record: Record, sheet: _Sheet, notebook: Notebook) -> list[Offer]:
    place = Place(line=record.line)
    row = Row(sheet.headings, record.cells + ("",) * (sheet.width - len(record.cells)), sheet.decimal)
    match _kind(record, row, sheet.habit):
        case _Kind.NOTE:
            return []
        case _Kind.NO_RATE:
            notebook.note(Problem.LEFT_OUT, place)
            return []
        case _Kind.RATE:
            _demand_whole(record, sheet)
            return _offers(row, sheet, place, notebook)


def _sheet(table: Table, options: ImportOptions, notebook: Notebook) -> _Sheet:
    headings = table.headings
    if not options.increments and not _says_increments(headings):
        notebook.note(Problem.INCREMENTS_ASSUMED, Place())
    _tell_columns(table, notebook)
    _read_currencies(table, options, notebook)
    decimal = decimal_sign(_cells_of(table, AMOUNTS))
    _doubt_cents(table, decimal, notebook)
    return _Sheet(
        headings=headings,
        width=len(table.header.cells),
        named_width=max(place for place, cell in enumerate(table.header.cells, start=1) if cell.strip()),
        options=options,
        habit=habit_of(_cells_of(table, frozenset({Column.PREFIX})), options.plan, options.international),
        decimal=decimal,
        tax=_file_tax(table, options, notebook),
    )


def _read_currencies(table: Table, options: ImportOptions, notebook: Notebook) -> None:
    """Refuse a file in another currency, and tell of one that names none; its cells are read row by row."""
    stated = {options.stated_currency} if options.stated_currency else set()
    for found in sorted(table.headings.currencies | stated):
        demand_currency(found, options)
    beside = (part_money(cell).currency for cell in _cells_of(table, AMOUNTS))
    in_column = (cell for cell in _cells_of(table, frozenset({Column.CURRENCY})) if not is_empty(cell))
    tell_currency(chain(table.headings.currencies, in_column, filter(None, beside)), options, notebook)


def _doubt_cents(table: Table, decimal: str, notebook: Notebook) -> None:
    """Tell of cents so small that they look like whole units: 100 times too cheap."""
    for heading in table.headings.taken:
        if not heading.is_cents:
            continue
        prices = []
        for record in table.records:
            with suppress(UnusableError, IndexError):
                prices.append(read_price(heading, record.cells[heading.position], decimal))
        charged = [price for price in prices if price]
        if charged and median(charged) < _DOUBTFUL_PRICE:
            notebook.note(Problem.CENTS_DOUBTFUL, Place(line=table.header.line), header=heading.header)


def _tell_columns(table: Table, notebook: Notebook) -> None:
    taken = {heading.position for heading in table.headings.taken}
    others = (cell for position, cell in enumerate(table.header.cells) if cell.strip() and position not in taken)
    listed = ", ".join(shown(" ".join(cell.split())) for cell in others)
    if listed:
        listed = listed[:_LISTED_MAX_CHARACTERS]
        notebook.note(Problem.COLUMNS_LEFT_OUT, Place(line=table.header.line), listed=listed)


def _says_increments(headings: Headings) -> bool:
    naming = (Column.FIRST_INCREMENT, Column.INCREMENT, Column.INCREMENTS, Column.UNIT_S)
    # Kazoo's own default is whole minutes: nothing is assumed there.
    return headings.file_format is Format.KAZOO or any(headings.has(column) for column in naming)


def _cells_of(table: Table, columns: frozenset[Column]) -> Iterator[str]:
    """The cells of some columns, in rows that are no notes."""
    positions = [heading.position for heading in table.headings.taken if heading.column in columns]
    rows = (record.cells for record in table.records if not record.is_noted)
    return (cells[place] for cells in rows for place in positions if place < len(cells))


def _file_tax(table: Table, options: ImportOptions, notebook: Notebook) -> Fraction | None:
    """The share to add to the amounts of a row that names none; None if each row has to."""
    headings = table.headings
    if headings.taxed is Taxed.INCLUDED:
        return Fraction(0)
    named = {cell.strip() for cell in _cells_of(table, frozenset({Column.TAX})) if not is_empty(cell)}
    _doubt_taxes(named, Place(line=table.header.line), notebook)
    if options.tax is not None:
        return options.tax
    if named:
        return None
    if headings.taxed is Taxed.WITHOUT or headings.file_format is Format.OVH:
        raise UnusableError(Problem.TAX_NOT_STATED)
    return unsaid_tax(options, notebook)


def _doubt_taxes(named: Iterable[str], place: Place, notebook: Notebook) -> None:
    """Tell of taxes that differ and do not say per cent: where there is one tax for calls, they are rather amounts."""
    taxes = {}
    for cell in named:
        with suppress(UnusableError):
            taxes[read_tax(cell)] = cell
    doubtful = [cell for tax, cell in sorted(taxes.items()) if tax and "%" not in cell]
    if len(doubtful) > 1:
        notebook.note(Problem.TAX_DOUBTFUL, place, cell=shown(doubtful[0]))


class _Kind(StrEnum):
    """What a line of a table is."""

    NOTE = "note"
    NO_RATE = "no_rate"
    RATE = "rate"


def _kind(record: Record, row: Row, habit: PrefixHabit) -> _Kind:
    """Tell a rate from notes, titles, footnotes, rates for all other numbers, and rates for inbound calls.

    A spreadsheet writes ``#N/A`` where a label was looked up in vain: such a row is a rate. A prefix without a price is
    no title: it would be priced by a shorter one.
    """
    prefix = row.said(Column.PREFIX)
    if record.is_noted and not (row.has_price and _is_prefix(prefix.lstrip("# "), habit)):
        return _Kind.NOTE
    is_struck_out = prefix.startswith("#")
    is_other = prefix.casefold() in DEFAULT_ROWS or row.said(Column.DIRECTION).casefold() == "inbound"
    is_title = not row.has_price and row.is_lone and not _is_prefix(prefix, habit)
    return _Kind.NO_RATE if is_struck_out or is_other or is_title else _Kind.RATE


def _is_prefix(word: str, habit: PrefixHabit) -> bool:
    try:
        read_prefixes(word, habit)
    except UnusableError:
        return False
    return True


def _demand_whole(record: Record, sheet: _Sheet) -> None:
    """Refuse a row with too many fields, and one that ends early: the file was cut, or columns have moved."""
    found = len(record.cells)
    if any(cell.strip() for cell in record.cells[sheet.width :]):
        raise UnusableError(Problem.BROKEN_ROW, found=found, needed=sheet.width)
    if found < sheet.named_width:
        raise UnusableError(Problem.BROKEN_ROW, found=found, needed=sheet.named_width)


def _offers(row: Row, sheet: _Sheet, place: Place, notebook: Notebook) -> list[Offer]:
    options = sheet.options
    cell = row.said(Column.PREFIX)
    prefixes = read_prefixes(cell, sheet.habit)
    label = read_label(row.all_said(Column.LABEL))
    first, last = _day(row, Column.VALID_FROM, options), _day(row, Column.VALID_TO, options)
    if first and last and last < first:
        raise UnusableError(Problem.BAD_DAY, cell=shown(f"{first} - {last}"))
    for found in (*map(read_currency, row.all_said(Column.CURRENCY)), *row.currencies()):
        demand_currency(found, options)
    tax = _tax(row, sheet, place, notebook)
    timed = timed_terms(row, _increments(row, sheet, place, notebook), options.peak)
    _tell_liberties(row, timed, place, notebook)
    if prefixes.is_guess:
        notebook.note(Problem.PREFIX_ASSUMED, place, cell=shown(cell), prefix=prefixes.listed)
    return [
        Offer(
            place=place,
            prefix=prefix,
            label=label,
            connect_micros=micros_of(offered.terms.connect),
            per_minute_micros=micros_of(offered.terms.per_minute),
            increments=offered.terms.increments,
            currency=options.currency,
            tax_micros=micros_of(tax),
            first=first,
            last=last,
            week=offered.week,
        )
        for prefix in prefixes.found
        for offered in timed
    ]


def _day(row: Row, column: Column, options: ImportOptions) -> date | None:
    word = row.said(column)
    if not word:
        return None
    day_first = options.plan.country not in _MONTH_FIRST
    return read_day(word, is_end=column is Column.VALID_TO, day_first=day_first)


def _tax(row: Row, sheet: _Sheet, place: Place, notebook: Notebook) -> Fraction:
    word = row.said(Column.TAX)
    if word and sheet.headings.taxed is not Taxed.INCLUDED:
        tax = read_tax(word)
        if 0 < tax < _DOUBTFUL_TAX:
            notebook.note(Problem.TAX_DOUBTFUL, place, cell=shown(word))
        return tax
    if sheet.tax is None:
        raise UnusableError(Problem.TAX_NOT_STATED)
    return sheet.tax


def _increments(row: Row, sheet: _Sheet, place: Place, notebook: Notebook) -> Increments:
    stated = stated_increments(row)
    if stated is not None:
        return stated
    if not sheet.options.increments and _says_increments(sheet.headings):
        notebook.note(Problem.INCREMENTS_ASSUMED, place)
    return sheet.options.increments or WHOLE_MINUTES


def _tell_liberties(row: Row, timed: list[TimedTerms], place: Place, notebook: Notebook) -> None:
    if not all(offered.terms.is_exact for offered in timed):
        notebook.note(Problem.COUNTED_DEARER, place)
    if row.said(Column.NUMBER_LENGTH):
        notebook.note(Problem.LENGTH_ASSUMED, place)
