"""The rows of an operator's table as offers: each cell by the column it stands in."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from callgate.core.policy_values import shown
from callgate.rates.cells import decimal_sign, read_currency, read_day, read_label, read_tax
from callgate.rates.columns import AMOUNTS, Column, Format, Headings, Taxed
from callgate.rates.findings import Notebook, Place, Problem, UnusableError
from callgate.rates.offers import ImportOptions, Offer, demand_currency, micros_of, unsaid_tax
from callgate.rates.prefixes import DEFAULT_ROWS, PrefixHabit, habit_of, read_prefixes
from callgate.rates.row_terms import Row, TimedTerms, stated_increments, timed_terms
from callgate.rates.table import Record, Table
from callgate.rates.terms import WHOLE_MINUTES, Increments

_MONTH_FIRST = frozenset({"US", "CA"})
"""Where 01/02/2026 may be the second of January."""
_LISTED_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """How every row of one table is read."""

    headings: Headings
    width: int
    options: ImportOptions
    habit: PrefixHabit
    decimal: str
    tax: Fraction | None
    currency: str


def read_rows(table: Table, options: ImportOptions, notebook: Notebook) -> Iterator[Offer]:
    """Read every row of a table; what cannot be used goes into the notebook.

    Raises:
        UnusableError: if the table as a whole cannot be read.
    """
    sheet = _sheet(table, options, notebook)
    for record in table.records:
        place = Place(line=record.line)
        try:
            row = _row(record, sheet)
            why = _left_out(row)
            offers = [] if why else _offers(row, sheet, place, notebook)
        except UnusableError as error:
            notebook.add(error.at(place))
            continue
        if why:
            remedy = "complete it if it is a rate; a number without one is refused"
            notebook.note(Problem.LEFT_OUT, place, why, remedy)
        yield from offers


def _sheet(table: Table, options: ImportOptions, notebook: Notebook) -> _Sheet:
    headings = table.headings
    named = min(headings.currencies, default=options.stated_currency or options.currency)
    if not options.increments and not _says_increments(headings):
        problem = "the file does not say in which steps time is billed; whole minutes are assumed"
        notebook.note(Problem.ASSUMED, Place(), problem, "ask the operator, and say it, such as --increments 1/1")
    _tell_columns(table, notebook)
    return _Sheet(
        headings=headings,
        width=len(table.header.cells),
        options=options,
        habit=habit_of(_cells_of(table, frozenset({Column.PREFIX})), options.plan, options.international),
        decimal=decimal_sign(_cells_of(table, AMOUNTS)),
        tax=_file_tax(headings, options, notebook),
        currency=demand_currency(named, options),
    )


def _tell_columns(table: Table, notebook: Notebook) -> None:
    taken = {heading.position for heading in table.headings.taken}
    others = (cell for position, cell in enumerate(table.header.cells) if cell.strip() and position not in taken)
    listed = ", ".join(shown(" ".join(cell.split())) for cell in others)
    if listed:
        problem = f"these columns are not taken: {listed[:_LISTED_MAX_CHARACTERS]}"
        remedy = "if one holds a part of the price, give it a name of docs/rates.md"
        notebook.note(Problem.LEFT_OUT, Place(line=table.header.line), problem, remedy)


def _says_increments(headings: Headings) -> bool:
    naming = (Column.FIRST_INCREMENT, Column.INCREMENT, Column.INCREMENTS, Column.UNIT_S)
    # Kazoo's own default is whole minutes: nothing is assumed there.
    return headings.file_format is Format.KAZOO or any(headings.has(column) for column in naming)


def _cells_of(table: Table, columns: frozenset[Column]) -> Iterator[str]:
    positions = [heading.position for heading in table.headings.taken if heading.column in columns]
    return (record.cells[place] for record in table.records for place in positions if place < len(record.cells))


def _file_tax(headings: Headings, options: ImportOptions, notebook: Notebook) -> Fraction | None:
    """The share to add to the amounts of a row that names none; None if each row has to."""
    if headings.taxed is Taxed.INCLUDED:
        return Fraction(0)
    if options.tax is not None:
        return options.tax
    if headings.taxed is Taxed.WITHOUT or headings.file_format is Format.OVH:
        if not headings.has(Column.TAX):
            raise _tax_not_stated()
        return None
    return Fraction(0) if headings.has(Column.TAX) else unsaid_tax(options, notebook)


def _tax_not_stated() -> UnusableError:
    problem = "the prices are without tax, and nothing says how much it is"
    return UnusableError(Problem.TAX_NOT_STATED, problem, "say it, such as --tax 0.20")


def _row(record: Record, sheet: _Sheet) -> Row:
    if any(cell.strip() for cell in record.cells[sheet.width :]):
        problem = f"the line has {len(record.cells)} fields, the header {sheet.width}"
        remedy = "quote the fields that hold the delimiter, such as a decimal comma"
        raise UnusableError(Problem.BROKEN_ROW, problem, remedy)
    padded = record.cells + ("",) * (sheet.width - len(record.cells))
    return Row(sheet.headings, padded, sheet.decimal)


def _left_out(row: Row) -> str:
    """Why a row is no rate: a title, a footnote, inbound calls, a rate for all other numbers; "" if it is one."""
    if row.said(Column.PREFIX).casefold() in DEFAULT_ROWS:
        return "a rate for all other numbers is not taken"
    if row.said(Column.DIRECTION).casefold() == "inbound":
        return "a rate for inbound calls is not taken"
    if not row.has_price and row.is_lone:
        return "a line with one field only is no rate"
    return ""


def _offers(row: Row, sheet: _Sheet, place: Place, notebook: Notebook) -> list[Offer]:
    options = sheet.options
    prefixes = read_prefixes(row.said(Column.PREFIX), sheet.habit)
    label = read_label(row.all_said(Column.LABEL))
    first, last = _day(row, Column.VALID_FROM, options), _day(row, Column.VALID_TO, options)
    if first and last and last < first:
        problem = "the last day is before the first"
        raise UnusableError(Problem.BAD_DAY, problem, "put the earlier day first")
    currency = row.said(Column.CURRENCY)
    found = demand_currency(read_currency(currency), options) if currency else sheet.currency
    tax = _tax(row, sheet)
    timed = timed_terms(row, _increments(row, sheet, place, notebook), options.peak)
    _tell_liberties(row, timed, place, notebook)
    return [
        Offer(
            place=place,
            prefix=prefix,
            label=label,
            connect_micros=micros_of(offered.terms.connect),
            per_minute_micros=micros_of(offered.terms.per_minute),
            increments=offered.terms.increments,
            currency=found,
            tax_micros=micros_of(tax),
            first=first,
            last=last,
            week=offered.week,
        )
        for prefix in prefixes
        for offered in timed
    ]


def _day(row: Row, column: Column, options: ImportOptions) -> date | None:
    word = row.said(column)
    if not word:
        return None
    day_first = options.plan.country not in _MONTH_FIRST
    return read_day(word, is_end=column is Column.VALID_TO, day_first=day_first)


def _tax(row: Row, sheet: _Sheet) -> Fraction:
    word = row.said(Column.TAX)
    if word and sheet.headings.taxed is not Taxed.INCLUDED:
        return read_tax(word)
    if sheet.tax is None:
        raise _tax_not_stated()
    return sheet.tax


def _increments(row: Row, sheet: _Sheet, place: Place, notebook: Notebook) -> Increments:
    stated = stated_increments(row)
    if stated is not None:
        return stated
    if not sheet.options.increments and _says_increments(sheet.headings):
        problem = "the line names no increments; whole minutes are assumed"
        notebook.note(Problem.ASSUMED, place, problem, "fill them in")
    return sheet.options.increments or WHOLE_MINUTES


def _tell_liberties(row: Row, timed: list[TimedTerms], place: Place, notebook: Notebook) -> None:
    if not all(offered.terms.is_exact for offered in timed):
        problem = "the deck cannot express what is free or rounded here: short calls are counted dearer than they are"
        remedy = "none is needed: what is held is never too little"
        notebook.note(Problem.COUNTED_DEARER, place, problem, remedy)
    if row.said(Column.NUMBER_LENGTH):
        problem = "the length of numbers is not taken: the rate counts for numbers of any length"
        notebook.note(Problem.ASSUMED, place, problem, "write a longer prefix if others cost more")
