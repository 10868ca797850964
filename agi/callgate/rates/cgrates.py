"""The tariff plan of CGRateS: several CSV files that refer to each other, joined into offers.

Destinations name prefixes, Rates name prices, DestinationRates join the two; where RatingPlans and Timings are there
too, they say at what times. RatingProfiles (who has which plan, from when) are not read: one plan is imported whole.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from callgate.core.hours import MINUTES_PER_DAY
from callgate.core.policy_values import shown
from callgate.rates.cells import read_amount, read_label
from callgate.rates.findings import Notebook, Place, Problem, UnusableError
from callgate.rates.offers import ImportOptions, Offer, demand_currency, micros_of, unsaid_tax
from callgate.rates.prefixes import DEFAULT_ROWS, PrefixHabit, habit_of, read_prefixes
from callgate.rates.table import split_rows
from callgate.rates.terms import Increments, Terms, per_minute_of, with_initial_cost
from callgate.rates.week import WHOLE_WEEK, span_mask

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Destinations.csv": ("Id", "Prefix"),
    "Rates.csv": ("Id", "ConnectFee", "Rate", "RateUnit", "RateIncrement", "GroupIntervalStart"),
    "DestinationRates.csv": ("Id", "DestinationId", "RatesTag"),
    "RatingPlans.csv": ("Id", "DestinationRatesId", "TimingTag", "Weight"),
    "Timings.csv": ("Tag", "Years", "Months", "MonthDays", "WeekDays", "Time"),
}
"""The files and the columns taken, in their order; further ones are not looked at."""
NEEDED = ("Destinations.csv", "Rates.csv", "DestinationRates.csv")

_DURATION = re.compile(r"(?:([0-9]{1,3})m)?(?:([0-9]{1,4})s?)?")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::00)?")
_WEEK_DAYS = re.compile(r"[1-7](?:;[1-7])*")
_ANY = frozenset({"", "*any", "*always"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of one file; `fields` are those of `COLUMNS`."""

    place: Place
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """When one group of DestinationRates counts: of two at the same minute the heavier, then the later begun."""

    group: str
    weight: Fraction
    start_minute: int
    week: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """Rates for a destination, and at what times; `timed` is None where no plan names any."""

    line: _Line
    timed: _Timed | None


def read_plan(texts: Mapping[str, str], options: ImportOptions, notebook: Notebook) -> Iterator[Offer]:
    """Join the files of a tariff plan.

    Args:
        texts: by file name; `NEEDED` and, for hours, RatingPlans.csv with Timings.csv.
        options: what the installer says.
        notebook: for what cannot be used.

    Raises:
        UnusableError: if a file is missing, or the plan as a whole cannot be read.
    """
    missing = [name for name in NEEDED if name not in texts]
    if missing:
        problem = f"a tariff plan of CGRateS needs {', '.join(missing)} too"
        raise UnusableError(Problem.BAD_LINK, problem, "give the folder or the zip that holds all of its files")
    lines = {name: list(_lines(name, texts[name], notebook)) for name in COLUMNS if name in texts}
    destinations = _by_tag(lines["Destinations.csv"])
    rates = _by_tag(lines["Rates.csv"])
    prefix_cells = (line.fields[1] for line in lines["Destinations.csv"])
    habit = habit_of(prefix_cells, options.plan, options.international)
    currency = demand_currency(options.stated_currency or options.currency, options)
    tax_micros = micros_of(unsaid_tax(options, notebook))
    for destination, claims in _claims(lines, notebook).items():
        for line, week in _shared_out(claims):
            try:
                terms = _terms(_linked(rates, line.fields[2], "Rates.csv"))
                prefixes = _prefixes(destination, destinations, habit)
                label = read_label([destination])
            except UnusableError as error:
                notebook.add(error.at(line.place))
                continue
            if not prefixes:
                problem = "a rate for all other numbers is not taken"
                notebook.note(Problem.LEFT_OUT, line.place, problem, "none is needed: without a rate they are refused")
            if not terms.is_exact:
                problem = "the deck cannot express these steps: short calls are counted dearer than they are"
                notebook.note(Problem.COUNTED_DEARER, line.place, problem, "none is needed: no hold is too little")
            for prefix in prefixes:
                yield Offer(
                    place=line.place,
                    prefix=prefix,
                    label=label,
                    connect_micros=micros_of(terms.connect),
                    per_minute_micros=micros_of(terms.per_minute),
                    increments=terms.increments,
                    currency=currency,
                    tax_micros=tax_micros,
                    first=None,
                    last=None,
                    week=week,
                )


def _lines(name: str, text: str, notebook: Notebook) -> Iterator[_Line]:
    width = len(COLUMNS[name])
    for record in split_rows(text, ","):
        place = Place(file=name, line=record.line)
        fields = tuple(cell.strip() for cell in record.cells[:width])
        if len(fields) < width:
            problem = f"the line has {len(fields)} fields, {width} are needed: {', '.join(COLUMNS[name])}"
            notebook.add(UnusableError(Problem.BROKEN_ROW, problem, "complete it").at(place))
        else:
            yield _Line(place=place, fields=fields)


def _by_tag(lines: list[_Line]) -> dict[str, list[_Line]]:
    found: dict[str, list[_Line]] = {}
    for line in lines:
        found.setdefault(line.fields[0], []).append(line)
    return found


def _linked(tagged: Mapping[str, list[_Line]], tag: str, name: str) -> list[_Line]:
    if tag not in tagged:
        raise UnusableError(Problem.BAD_LINK, f"{shown(tag)} is not in {name}", "add it there, or take this line out")
    return tagged[tag]


def _claims(lines: Mapping[str, list[_Line]], notebook: Notebook) -> dict[str, list[_Claim]]:
    """Who claims which destination, in the order of the files."""
    claims: dict[str, list[_Claim]] = {}
    if "RatingPlans.csv" not in lines:
        for line in lines["DestinationRates.csv"]:
            claims.setdefault(line.fields[1], []).append(_Claim(line=line, timed=None))
        return claims
    plans = lines["RatingPlans.csv"]
    if len({line.fields[0] for line in plans}) > 1:
        problem = "RatingPlans.csv holds several plans, and a clinic has one deck"
        raise UnusableError(Problem.NOT_EXPRESSIBLE, problem, "leave only the clinic's plan in it")
    groups, timings = _by_tag(lines["DestinationRates.csv"]), _by_tag(lines.get("Timings.csv", []))
    for plan in plans:
        try:
            timed = _timed(plan, timings)
            group = _linked(groups, timed.group, "DestinationRates.csv")
        except UnusableError as error:
            notebook.add(error.at(plan.place))
            continue
        for line in group:
            claims.setdefault(line.fields[1], []).append(_Claim(line=line, timed=timed))
    return claims


def _timed(plan: _Line, timings: Mapping[str, list[_Line]]) -> _Timed:
    _, group, tag, weight = plan.fields
    week, start = WHOLE_WEEK, 0
    if tag not in _ANY:
        (timing, *_) = _linked(timings, tag, "Timings.csv")
        _, years, months, month_days, week_days, clock = timing.fields
        if not {years, months, month_days} <= _ANY:
            problem = f"the timing {shown(tag)} is for some days of the calendar, which a deck cannot express"
            raise UnusableError(Problem.NOT_EXPRESSIBLE, problem, "write the dearer rate for the whole week")
        start = _start_minute(clock)
        week = sum(span_mask(day * MINUTES_PER_DAY + start, (day + 1) * MINUTES_PER_DAY) for day in _days(week_days))
    return _Timed(group=group, weight=read_amount(weight or "0", "."), start_minute=start, week=week)


def _days(words: str) -> list[int]:
    if words in _ANY:
        return list(range(7))
    if not _WEEK_DAYS.fullmatch(words):
        problem = f"{shown(words)} are no days of the week"
        raise UnusableError(Problem.BAD_HOURS, problem, "write them such as 1;2;3;4;5, Monday first")
    return sorted({int(word) - 1 for word in words.split(";")})


def _start_minute(words: str) -> int:
    if words in _ANY:
        return 0
    match = _CLOCK.fullmatch(words)
    if match is None:
        raise UnusableError(Problem.BAD_HOURS, f"{shown(words)} is no time of day", "write it such as 08:00:00")
    return int(match[1]) * 60 + int(match[2])


def _shared_out(claims: list[_Claim]) -> Iterator[tuple[_Line, int | None]]:
    """Share out the week among the claims on one destination; what equals claim both get, to be told as a conflict."""
    yield from ((claim.line, None) for claim in claims if claim.timed is None)
    timed = [(claim.timed, claim.line) for claim in claims if claim.timed is not None]
    timed.sort(key=lambda pair: (pair[0].weight, pair[0].start_minute), reverse=True)
    taken = 0
    for _, equals in groupby(timed, key=lambda pair: (pair[0].weight, pair[0].start_minute)):
        left = WHOLE_WEEK & ~taken
        for when, line in equals:
            taken |= when.week
            if week := when.week & left:
                yield line, None if week == WHOLE_WEEK else week


def _prefixes(tag: str, destinations: Mapping[str, list[_Line]], habit: PrefixHabit) -> list[str]:
    """The prefixes of a destination; none for the one that means every number."""
    if tag in DEFAULT_ROWS:
        return []
    lines = _linked(destinations, tag, "Destinations.csv")
    return [prefix for line in lines for prefix in read_prefixes(line.fields[1], habit)]


def _terms(tiers: list[_Line]) -> Terms:
    """Join the tiers of a rate: what its first seconds cost, and what follows them."""
    steps = sorted(map(_step, tiers), key=lambda step: step.start_s)
    first, *later = steps
    if first.start_s or len(later) > 1 or (later and later[0].start_s % first.increment_s):
        problem = f"the tiers of {shown(tiers[0].fields[0])} cannot be expressed in a rate deck"
        raise UnusableError(Problem.NOT_EXPRESSIBLE, problem, "write the dearest tier alone")
    if not later:
        increments = Increments(first_s=first.increment_s, next_s=first.increment_s)
        return Terms(connect=first.connect, per_minute=first.per_minute, increments=increments)
    (second,) = later
    cost = first.connect + first.per_minute * second.start_s / 60
    joined = with_initial_cost(cost, second.start_s, per_minute=second.per_minute, next_s=second.increment_s)
    return replace(joined, is_exact=joined.is_exact and first.increment_s == second.start_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One tier of a rate, from `start_s` seconds on."""

    connect: Fraction
    per_minute: Fraction
    increment_s: int
    start_s: int


def _step(line: _Line) -> _Step:
    _, connect, rate, unit, increment, start = line.fields
    unit_s, increment_s = _seconds(unit), _seconds(increment)
    if not unit_s or not increment_s:
        problem = f"the rate {shown(line.fields[0])} is for a unit or an increment of no time"
        raise UnusableError(Problem.BAD_SECONDS, problem, "write them such as 60s")
    return _Step(
        connect=read_amount(connect, "."),
        per_minute=per_minute_of(read_amount(rate, "."), unit_s),
        increment_s=increment_s,
        start_s=_seconds(start),
    )


def _seconds(words: str) -> int:
    match = _DURATION.fullmatch(words)
    if match is None:
        raise UnusableError(Problem.BAD_SECONDS, f"{shown(words)} is no duration", "write it such as 60s")
    return int(match[1] or 0) * 60 + int(match[2] or 0)
