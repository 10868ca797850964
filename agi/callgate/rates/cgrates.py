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
from callgate.rates.findings import Notebook, Place, Problem, UnusableError, reading
from callgate.rates.offers import ImportOptions, Offer, demand_currency, micros_of, tell_currency, unsaid_tax
from callgate.rates.prefixes import DEFAULT_ROWS, PrefixHabit, habit_of, read_prefixes
from callgate.rates.table import split_rows
from callgate.rates.terms import Increments, Terms, per_minute_of, with_initial_cost
from callgate.rates.week import WHOLE_WEEK, span_mask

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Destinations.csv": ("Id", "Prefix"),
    "Rates.csv": ("Id", "ConnectFee", "Rate", "RateUnit", "RateIncrement", "GroupIntervalStart"),
    "DestinationRates.csv": ("Id", "DestinationId", "RatesTag", "RoundingMethod", "RoundingDecimals"),
    "RatingPlans.csv": ("Id", "DestinationRatesId", "TimingTag", "Weight"),
    "Timings.csv": ("Tag", "Years", "Months", "MonthDays", "WeekDays", "Time"),
}
"""The files and the columns taken, in their order; further ones are not looked at."""
_OPTIONAL = {"DestinationRates.csv": 2}
"""So many columns at the end of a line may be missing."""
NEEDED = ("Destinations.csv", "Rates.csv", "DestinationRates.csv")

_DURATION = re.compile(r"(?:([0-9]{1,3})m)?(?:([0-9]{1,4})s?)?")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::00)?")
_WEEK_DAYS = re.compile(r"[1-7](?:;[1-7])*")
_ANY = frozenset({"", "*any", "*always"})
_ROUNDS = frozenset({"*up", "*middle"})
_EXACT_DECIMALS = 4
"""Costs rounded to a hundredth of a cent are as good as exact; to a tenth or a whole unit no deck can follow."""
_FEWEST_DECIMALS = 2


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
        raise UnusableError(Problem.MISSING_FILE, files=", ".join(missing))
    lines = {name: list(_lines(name, texts[name], notebook)) for name in COLUMNS if name in texts}
    destinations = _by_tag(lines["Destinations.csv"])
    rates = _by_tag(lines["Rates.csv"])
    prefix_cells = (line.fields[1] for line in lines["Destinations.csv"])
    habit = habit_of(prefix_cells, options.plan, options.international)
    demand_currency(options.stated_currency or options.currency, options)
    tell_currency((), options, notebook)
    tax_micros = micros_of(unsaid_tax(options, notebook))
    for destination, claims in _claims(lines, notebook).items():
        for line, week in _shared_out(claims):
            try:
                terms = _rounded(_terms(_linked(rates, line.fields[2], "Rates.csv")), line)
                prefixes = _prefixes(destination, destinations, habit, notebook)
                label = read_label([destination])
            except UnusableError as error:
                notebook.add(error.at(line.place))
                continue
            if not prefixes:
                notebook.note(Problem.LEFT_OUT, line.place)
            if not terms.is_exact:
                notebook.note(Problem.COUNTED_DEARER, line.place)
            for prefix in prefixes:
                yield Offer(
                    place=line.place,
                    prefix=prefix,
                    label=label,
                    connect_micros=micros_of(terms.connect),
                    per_minute_micros=micros_of(terms.per_minute),
                    increments=terms.increments,
                    currency=options.currency,
                    tax_micros=tax_micros,
                    first=None,
                    last=None,
                    week=week,
                )


def _lines(name: str, text: str, notebook: Notebook) -> Iterator[_Line]:
    width = len(COLUMNS[name])
    with reading(name):
        records = list(split_rows(text, ","))
    needed = width - _OPTIONAL.get(name, 0)
    for record in records:
        place = Place(file=name, line=record.line)
        fields = tuple(cell.strip() for cell in record.cells[:width])
        if record.is_noted:
            continue
        if len(fields) < needed:
            notebook.add(UnusableError(Problem.BROKEN_ROW, found=len(fields), needed=needed).at(place))
        else:
            yield _Line(place=place, fields=fields + ("",) * (width - len(fields)))


def _by_tag(lines: list[_Line]) -> dict[str, list[_Line]]:
    found: dict[str, list[_Line]] = {}
    for line in lines:
        found.setdefault(line.fields[0], []).append(line)
    return found


def _linked(tagged: Mapping[str, list[_Line]], tag: str, name: str) -> list[_Line]:
    if tag not in tagged:
        raise UnusableError(Problem.BAD_LINK, tag=shown(tag), file=name)
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
        raise UnusableError(Problem.SEVERAL_PLANS)
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
        timing, *others = _linked(timings, tag, "Timings.csv")
        if others:
            raise UnusableError(Problem.SAME_TAG, tag=shown(tag), file="Timings.csv")
        _, years, months, month_days, week_days, clock = timing.fields
        if not {years, months, month_days} <= _ANY:
            raise UnusableError(Problem.NOT_EXPRESSIBLE, cell=shown(tag))
        start = _start_minute(clock)
        week = sum(span_mask(day * MINUTES_PER_DAY + start, (day + 1) * MINUTES_PER_DAY) for day in _days(week_days))
    return _Timed(group=group, weight=read_amount(weight or "0", "."), start_minute=start, week=week)


def _days(words: str) -> list[int]:
    if words in _ANY:
        return list(range(7))
    if not _WEEK_DAYS.fullmatch(words):
        raise UnusableError(Problem.BAD_HOURS, cell=shown(words), example="1;2;3;4;5")
    return sorted({int(word) - 1 for word in words.split(";")})


def _start_minute(words: str) -> int:
    if words in _ANY:
        return 0
    match = _CLOCK.fullmatch(words)
    if match is None:
        raise UnusableError(Problem.BAD_HOURS, cell=shown(words), example="08:00:00")
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


def _prefixes(tag: str, destinations: Mapping[str, list[_Line]], habit: PrefixHabit, notebook: Notebook) -> list[str]:
    """The prefixes of a destination; none for the one that means every number."""
    if tag in DEFAULT_ROWS:
        return []
    found: list[str] = []
    for line in _linked(destinations, tag, "Destinations.csv"):
        read = read_prefixes(line.fields[1], habit)
        found += read.found
        if read.is_guess:
            notebook.note(Problem.PREFIX_ASSUMED, line.place, cell=shown(line.fields[1]), prefix=read.listed)
    return found


def _terms(tiers: list[_Line]) -> Terms:
    """Join the tiers of a rate: what its first seconds cost, and what follows them."""
    steps = sorted(map(_step, tiers), key=lambda step: step.start_s)
    first, *later = steps
    is_joinable = len(later) <= 1 and all(_follows(step, first) for step in later)
    if first.start_s or not is_joinable:
        raise UnusableError(Problem.NOT_EXPRESSIBLE, cell=shown(tiers[0].fields[0]))
    if not later:
        increments = Increments(first_s=first.increment_s, next_s=first.increment_s)
        return Terms(connect=first.connect, per_minute=first.per_minute, increments=increments)
    (second,) = later
    cost = first.connect + first.per_minute * second.start_s / 60
    joined = with_initial_cost(cost, second.start_s, per_minute=second.per_minute, next_s=second.increment_s)
    return replace(joined, is_exact=joined.is_exact and first.increment_s == second.start_s)


def _follows(step: "_Step", first: "_Step") -> bool:
    """Tell whether a tier goes on after whole increments of the first, and charges no further fee."""
    is_later = step.start_s > 0 and step.start_s % first.increment_s == 0
    return is_later and step.connect in {0, first.connect}


def _rounded(terms: Terms, line: _Line) -> Terms:
    """Add what rounding may add to a cost; the operator rounds each call."""
    *_, method, words = line.fields
    if method not in _ROUNDS:
        return terms
    decimals = int(words) if re.fullmatch(r"[0-9]{1,2}", words) else 0
    if decimals < _FEWEST_DECIMALS:
        raise UnusableError(Problem.NOT_EXPRESSIBLE, cell=shown(f"{method}, {words}"))
    if decimals >= _EXACT_DECIMALS:
        return terms
    return replace(terms, connect=terms.connect + Fraction(1, 10**decimals), is_exact=False)


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
        raise UnusableError(Problem.BAD_SECONDS, cell=shown(f"{unit}, {increment}"), example="60s")
    return _Step(
        connect=read_amount(connect, "."),
        per_minute=per_minute_of(read_amount(rate, "."), unit_s),
        increment_s=increment_s,
        start_s=_seconds(start),
    )


def _seconds(words: str) -> int:
    match = _DURATION.fullmatch(words)
    if match is None:
        raise UnusableError(Problem.BAD_SECONDS, cell=shown(words), example="60s")
    return int(match[1] or 0) * 60 + int(match[2] or 0)
