"""The rate deck: what each destination costs, read from CSV once and looked up by longest prefix.

A row's `prefix` is ``+`` and the first digits of E.164 (``+33899``), or ``short:`` and the first digits of a short code
(``short:3624``). The two never meet: a number with ``+`` is looked up among the first, one without among the second.
`tax` is a share: 0.20 says that the row's amounts are without tax and 20 % is added, rounded up to the micro; 0 says
that they already include it. Lines that begin with ``#`` are notes.

A deck may have one more column, `hours` (`callgate.core.rate_hours`): the row counts at these times of the week only. A
row without hours counts at every time that no other row of its prefix names on that day.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from callgate.core.money import MICROS_PER_UNIT, ceil_div, parse_amount
from callgate.core.policy_values import UnreadableError
from callgate.core.rate_hours import RateHours, WallStretch, parse_rate_hours, wall_stretches
from callgate.core.tariff import Rate, TimedRate, dearest

COLUMNS = (
    "prefix",
    "label",
    "connect_fee",
    "per_minute",
    "first_increment_s",
    "increment_s",
    "currency",
    "tax",
    "valid_from",
    "valid_to",
)
COLUMNS_WITH_HOURS = (*COLUMNS, "hours")
LINES_MAX = 200_000
FAULTS_MAX = 100
"""Reading ends at this many faults: a deck with more is in another format."""
LABEL_MAX_CHARACTERS = 100
INCREMENT_MAX_S = 3600
ROWS_OF_PREFIX_MAX = 100
"""Each row is compared with the others of its prefix, so their number has a limit."""
RATE_MAX_MICROS = 1_000 * MICROS_PER_UNIT
"""No minute and no connection costs more, tax included; a larger figure has its dot in the wrong place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckFault:
    """One mistake in a deck, on a line counted from 1."""

    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}. Remedy: {self.remedy}"


class DeckError(ValueError):
    """A rate deck cannot be used. Field: `faults`, at least one, by line."""

    def __init__(self, faults: tuple[DeckFault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRate:
    """A rate, the days it is valid on, both ends included, and its hours; None: those that no other row names."""

    rate: Rate
    first: date
    last: date
    hours: RateHours | None = None

    def is_valid_on(self, day: date) -> bool:
        """Tell whether the rate is valid on a day of the clinic's calendar."""
        return self.first <= day <= self.last

    def meets(self, other: "DatedRate") -> bool:
        """Tell whether the two claim the same time: one of them without hours gives way to the other."""
        if self.last < other.first or other.last < self.first:
            return False
        if self.hours is None or other.hours is None:
            return self.hours is other.hours
        return self.hours.meet(other.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDeck:
    """All rates of one operator, in one currency.

    Fields:
        currency: of all amounts, ISO 4217.
        rates: by prefix, ``+33899`` for E.164 and ``3624`` for short codes; at any time one rate of a prefix counts.
        longest: characters in the longest prefix.
    """

    currency: str
    rates: Mapping[str, tuple[DatedRate, ...]]
    longest: int

    def rows_for(self, number: str) -> tuple[DatedRate, ...]:
        """Find the rows of the longest prefix the deck knows.

        A rate is looked for in these alone: where none of them counts there is no rate, since a shorter prefix would
        price a dear service as an ordinary line.

        Args:
            number: E.164 with ``+``, or the digits of a short code.
        """
        for length in range(min(len(number), self.longest), 0, -1):
            rows = self.rates.get(number[:length])
            if rows is not None:
                return rows
        return ()

    def rate_for(self, number: str, on: date) -> Rate | None:
        """Find the dearest that a call may cost on a day, at whatever hour: for whom cannot look at the clock.

        Args:
            number: E.164 with ``+``, or the digits of a short code.
            on: the day of the call in the clinic's zone.
        """
        rates = [row.rate for row in self.rows_for(number) if row.is_valid_on(on)]
        return dearest(rates) if rates else None

    def rate_at(self, number: str, at: datetime) -> Rate | None:
        """Find what a call costs at an instant.

        Args:
            number: E.164 with ``+``, or the digits of a short code.
            at: an instant on the clinic's wall clock.

        Returns:
            The rate that counts then, or None.
        """
        return _rate_at(self.rows_for(number), at)

    def timed_rates(self, number: str, at: datetime, duration_s: int) -> tuple[TimedRate, ...]:
        """List the rates in force during a call.

        Args:
            number: E.164 with ``+``, or the digits of a short code.
            at: the answer, aware in the clinic's zone (`zoneinfo`): its wall clock and calendar count.
            duration_s: how long the call may last; the work grows with the number of times that rates change in it.

        Returns:
            At least one, the first at second 0, each unlike the one before.
        """
        rows = self.rows_for(number)
        begin = at.astimezone(UTC)
        timed: list[TimedRate] = []
        for stretch in wall_stretches(at, max(1, duration_s)):
            for wall, rate in _in_force(rows, stretch):
                if not timed or rate != timed[-1].rate:
                    after = stretch.begins - begin + (wall - stretch.wall_begins)
                    timed.append(TimedRate(begins_s=ceil_div(after // timedelta.resolution, 1_000_000), rate=rate))
        return tuple(timed)


def _rate_at(rows: tuple[DatedRate, ...], wall: datetime) -> Rate | None:
    """Find the row that counts at an instant on the wall clock: the one that names it, else the one without hours."""
    otherwise = None
    for row in rows:
        if row.is_valid_on(wall.date()):
            if row.hours is None:
                otherwise = row.rate
            elif row.hours.cover(wall):
                return row.rate
    return otherwise


def _in_force(rows: tuple[DatedRate, ...], stretch: WallStretch) -> Iterator[tuple[datetime, Rate | None]]:
    """Go through a stretch of the wall clock from rate to rate, each with what the clock shows when it begins."""
    day = stretch.wall_begins.date()
    monday = datetime.combine(day, time.min) - timedelta(days=day.weekday())
    begins, ends = stretch.wall_begins - monday, stretch.wall_ends - monday
    valid = [row for row in rows if row.is_valid_on(day)]
    otherwise = next((row.rate for row in valid if row.hours is None), None)
    # No two rows share a time, so the spans are in their order and one ends before the next begins.
    named = [(span, row.rate) for row in valid if row.hours is not None for span in row.hours.between(begins, ends)]
    for span, rate in sorted(named, key=lambda found: found[0].begins):
        if begins < span.begins:
            yield monday + begins, otherwise
        yield monday + max(begins, span.begins), rate
        begins = span.ends
    if begins < ends:
        yield monday + begins, otherwise


def parse_deck(text: str, currency: str) -> RateDeck:
    """Read a rate deck.

    Args:
        text: CSV with the header `COLUMNS` or `COLUMNS_WITH_HOURS`; a field may be quoted, but holds no line break.
        currency: what every row must be in.

    Raises:
        DeckError: with every fault, up to `FAULTS_MAX`: fields that cannot be read, negative amounts, another currency,
            increments below 1 s, two rates of one prefix at one time.
    """
    faults: list[DeckFault] = []
    rates: dict[str, list[DatedRate]] = {}
    columns, rows = _read_table(text)
    for line, content in rows:
        try:
            dated, prefix = _read_row(columns, content, currency)
            _demand_free_time(dated, rates.setdefault(prefix, []))
        except _RowError as error:
            faults.append(DeckFault(line=line, problem=error.problem, remedy=error.remedy))
            if len(faults) == FAULTS_MAX:
                break
        else:
            rates[prefix].append(dated)
    if faults:
        raise DeckError(tuple(faults))
    frozen = {prefix: tuple(dated_rates) for prefix, dated_rates in rates.items()}
    return RateDeck(currency=currency, rates=MappingProxyType(frozen), longest=max(map(len, frozen), default=0))


class _RowError(ValueError):
    """One row cannot be used."""

    def __init__(self, *, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def _read_table(text: str) -> tuple[tuple[str, ...], Iterator[tuple[int, str]]]:
    """Read the header; give its columns, and the lines under it that are no notes, each with its place from 1."""
    lines = text.removeprefix("\ufeff").split("\n")
    if len(lines) > LINES_MAX:
        remedy = "leave out the destinations that the clinic never calls"
        raise DeckError((DeckFault(line=LINES_MAX, problem=f"there are more than {LINES_MAX} lines", remedy=remedy),))
    plain = ((line, content.rstrip("\r")) for line, content in enumerate(lines, start=1))
    rows = ((line, content) for line, content in plain if content and not content.startswith("#"))
    line, header = next(rows, (len(lines), ""))
    for columns in (COLUMNS, COLUMNS_WITH_HOURS):
        if header == ",".join(columns):
            return columns, rows
    remedy = f"begin with {','.join(COLUMNS)}"
    raise DeckError((DeckFault(line=line, problem="the header is missing", remedy=remedy),))


def _read_row(columns: tuple[str, ...], content: str, currency: str) -> tuple[DatedRate, str]:
    """Read one row; the text is its prefix as numbers are looked up, with ``+`` or as a short code."""
    try:
        (fields,) = csv.reader([content], strict=True)
    except csv.Error:
        fields = []
    if len(fields) != len(columns):
        problem = f"it cannot be split into {len(columns)} fields"
        raise _RowError(problem=problem, remedy="part them by commas, and quote those that hold one")
    row = dict(zip(columns, fields, strict=True))
    prefix = _read_prefix(row["prefix"])
    return _read_rate(row, prefix, currency), prefix


def _read_prefix(word: str) -> str:
    match = re.fullmatch(r"(\+[1-9][0-9]{0,14})|short:([0-9]{1,6})", word)
    if match is None:
        remedy = 'write "+33899" for numbers, "short:3624" for short codes'
        raise _RowError(problem=f"{word!a} is not a prefix", remedy=remedy)
    return match[1] or match[2]


def _read_rate(row: Mapping[str, str], prefix: str, currency: str) -> DatedRate:
    if row["currency"] != currency:
        problem = f"the currency is {row['currency']!a}, that of the policy is {currency}"
        raise _RowError(problem=problem, remedy="convert the deck before it is used")
    tax_micros = _read_amount(row, "tax", most_micros=MICROS_PER_UNIT)
    first = _read_day(row, "valid_from", open_end=date.min)
    last = _read_day(row, "valid_to", open_end=date.max)
    if last < first:
        raise _RowError(problem="valid_to is before valid_from", remedy="put the earlier day first")
    rate = Rate(
        prefix=prefix.removeprefix("+"),
        label=_read_label(row["label"]),
        connect_micros=_read_amount(row, "connect_fee", most_micros=RATE_MAX_MICROS, tax_micros=tax_micros),
        per_minute_micros=_read_amount(row, "per_minute", most_micros=RATE_MAX_MICROS, tax_micros=tax_micros),
        first_increment_s=_read_increment(row, "first_increment_s"),
        increment_s=_read_increment(row, "increment_s"),
    )
    return DatedRate(rate=rate, first=first, last=last, hours=_read_hours(row.get("hours", "")))


def _read_hours(text: str) -> RateHours | None:
    try:
        return parse_rate_hours(text) if text else None
    except UnreadableError as error:
        raise _RowError(problem=f"hours: {error.problem}", remedy=error.remedy) from None


def _read_label(label: str) -> str:
    """Read what is shown on terminals and goes into the ledger with each hold."""
    if len(label) > LABEL_MAX_CHARACTERS or not label.isprintable():
        problem = f"the label {label!a} is too long or cannot be printed"
        raise _RowError(problem=problem, remedy=f"write at most {LABEL_MAX_CHARACTERS} letters, digits and signs")
    return label


def _read_amount(row: Mapping[str, str], column: str, *, most_micros: int, tax_micros: int = 0) -> int:
    """Read an amount and add its tax, rounded up."""
    try:
        micros = ceil_div(parse_amount(row[column]) * (MICROS_PER_UNIT + tax_micros), MICROS_PER_UNIT)
    except ValueError as error:
        raise _RowError(problem=f"{column}: {error}", remedy="write the amount with a dot, never below 0") from None
    if micros > most_micros:
        remedy = f"write at most {most_micros // MICROS_PER_UNIT}, tax included"
        raise _RowError(problem=f"{column}: {row[column]} is too much", remedy=remedy)
    return micros


def _read_increment(row: Mapping[str, str], column: str) -> int:
    word = row[column]
    if not re.fullmatch(r"[0-9]{1,4}", word) or not 1 <= int(word) <= INCREMENT_MAX_S:
        problem = f"{column}: {word!a} is not a number of seconds from 1 to {INCREMENT_MAX_S}"
        raise _RowError(problem=problem, remedy="write 1 for billing by the second, 60 for whole minutes")
    return int(word)


def _read_day(row: Mapping[str, str], column: str, *, open_end: date) -> date:
    word = row[column]
    if not word:
        return open_end
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
            return date.fromisoformat(word)
    except ValueError:
        pass
    remedy = "write it such as 2026-12-31, or leave it empty"
    raise _RowError(problem=f"{column}: {word!a} is not a day", remedy=remedy)


def _demand_free_time(dated: DatedRate, others: list[DatedRate]) -> None:
    if len(others) == ROWS_OF_PREFIX_MAX:
        problem = f"the prefix {dated.rate.prefix} has more than {ROWS_OF_PREFIX_MAX} rows"
        raise _RowError(problem=problem, remedy="leave out those that have ended")
    if any(dated.meets(other) for other in others):
        when = "on some of these days" if dated.hours is None else "at some of these times"
        problem = f"the prefix {dated.rate.prefix} already has a rate {when}"
        raise _RowError(problem=problem, remedy="keep one row, or end one before the other begins")
