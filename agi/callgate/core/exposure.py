"""The worst that a policy can cost: a closed form, whatever somebody does who has every telephone of the clinic.

What it rests on:

* **A ceiling admits at most ``limit x ceil(T / W)`` in T seconds**, W being its rolling window. Take any W seconds,
  both ends included, and the last instant t in them at which a call was granted under the ceiling. What accrues in them
  is of calls that ended before t: settled, or lapsed, after it had accrued, so that it still counts at t, for a window
  counts W seconds at least (up to one bucket more, never less). Or it is of calls that are up at t, and a hold counts
  in full, however old. So the ledger had counted it all when it granted at t, and it is at most the limit. ceil(T / W)
  such stretches cover T seconds. Nothing less is true: who spends all at once, waits until the window has passed and
  does it again, gets there. A calendar month counts the calls begun in it: its limit counts once for each month that
  calls up in this time may have begun in.
* Of ceilings on the same calls the lowest counts. A costly call is held, or cut, to what fits, its last increment
  included: it exceeds no ceiling.
* **An ordinary call holds one minute and may go on** (facts/semantics.md 1). Where ceilings bind it, when the clinic is
  closed, the calls that are up at t may cost a whole call each beyond the limit.
* In opening hours money does not bind ordinary calls, and listed ones it never does. Lines and time do, if a line
  begins at most one call a minute (`ordinary_calls.LineCost`). A call from opening hours may keep its line busy after
  closing, for the longest call.
* While the ledger or the gate is away, costly calls are refused. Ordinary ones draw on the local allowance; each gate
  and each dialplan counts it for itself, by the hours of the clock, each call in the hour it begins in.

Prices are the deck's. In observation mode nothing is refused: there is no bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from callgate.core.allowance import LENT_SECONDS
from callgate.core.case import Rulebook
from callgate.core.closings import WEEK_MINUTES, Stretch, closed_stretches, longest_closing_s, open_week, stretch
from callgate.core.deck import RateDeck
from callgate.core.hold import Window
from callgate.core.hours import MINUTES_PER_DAY
from callgate.core.loss import AllowanceBound, CeilingBound, LinesBound, Loss, LossKind, Span, SpanLoss
from callgate.core.money import ceil_div
from callgate.core.ordinary_calls import LineCost, OrdinaryCalls, ordinary_calls
from callgate.core.policy import Mode, Policy
from callgate.core.policy_tables import CountryException, CountryRule, PurseCeilings
from callgate.core.policy_values import Micros
from callgate.core.tariff import CUT_MARGIN_S

_HOUR_S = 3600
_WINDOW_S = {Window.HOUR: _HOUR_S, Window.DAY: 86_400, Window.WEEK: 604_800}
_SHORTEST_MONTH_S = 28 * 86_400 - _HOUR_S
_LONGEST_MONTH_MINUTES = 31 * MINUTES_PER_DAY + 60
_NIGHT_MINUTES = 13 * 60
"""19:00 to 08:00, where the timetable knows no night."""
_FRIDAY_19, _WEEKEND_MINUTES = 4 * MINUTES_PER_DAY + 19 * 60, 61 * 60
_COUNTERS_PER_HOST = 2
"""The gate counts the local allowance while the ledger is away, the dialplan while the gate is."""


def exposures(book: Rulebook, deck: RateDeck, hosts: int = 1) -> tuple[SpanLoss, ...]:
    """Work out the worst loss of each span, in their order; none of `Span.CLOSING` for a clinic that never closes.

    Args:
        book: the clinic's rules.
        deck: its rates.
        hosts: on how many machines a gate and an Asterisk serve it.
    """
    calls = ordinary_calls(book.policy, book.plan, deck)
    return tuple(
        _span_loss(_Question(span=span, time=time, book=book, calls=calls), hosts) for span, time in _times(book)
    )


def _times(book: Rulebook) -> Iterator[tuple[Span, Stretch]]:
    """Find how long each span is, and as much opening hours in it as there can be."""
    policy = book.policy
    week = open_week(policy.hours.weekly)
    ever_open = b"o" in week
    yield Span.HOUR, Stretch(seconds=_HOUR_S, open_s=_HOUR_S * ever_open, closings=0)
    nights = [minutes for minutes in closed_stretches(week) if minutes < MINUTES_PER_DAY]
    if nights:
        yield Span.NIGHT, Stretch(seconds=60 * max(nights), open_s=0, closings=1)
    else:
        yield Span.NIGHT, Stretch(seconds=60 * _NIGHT_MINUTES, open_s=60 * _NIGHT_MINUTES * ever_open, closings=0)
    yield Span.WEEKEND, stretch(week, _FRIDAY_19, _WEEKEND_MINUTES)
    if closing_s := longest_closing_s(policy.hours, policy.timezone, book.closed_days):
        yield Span.CLOSING, Stretch(seconds=closing_s, open_s=0, closings=1)
    months = (stretch(week, first, _LONGEST_MONTH_MINUTES) for first in range(0, WEEK_MINUTES, MINUTES_PER_DAY))
    yield Span.MONTH, max(months, key=lambda month: (month.open_s, month.closings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One span, and all that its loss depends on."""

    span: Span
    time: Stretch
    book: Rulebook
    calls: OrdinaryCalls

    @property
    def call_s(self) -> int:
        """How long after its verdict a call may still cost money, at most."""
        longest = self.book.policy.limits.max_duration_s
        return self.book.ring_timeout_s + max(longest.ordinary, longest.costly) + CUT_MARGIN_S

    @property
    def seconds(self) -> int:
        """How long money accrues: what begins in a month may end after it."""
        return self.time.seconds + (self.call_s if self.span is Span.MONTH else 0)

    @property
    def months(self) -> int:
        """In how many calendar months the calls may have begun."""
        return 1 if self.span is Span.MONTH else (self.time.seconds + self.call_s) // _SHORTEST_MONTH_S + 2

    @property
    def busy_s(self) -> int:
        """How long lines may be busy with calls from opening hours."""
        closings = self.time.closings + (self.span is Span.MONTH)
        return min(self.seconds, self.time.open_s + closings * self.call_s)

    @property
    def lines(self) -> int:
        """How many calls may be up."""
        most: int | None = self.book.policy.limits.concurrent.clinic
        return max(1, self.book.channels - 1) if most is None else most

    def lowest(self, purse: str, table: PurseCeilings, beyond_micros: int = 0) -> CeilingBound:
        """Find the ceiling of a purse that binds."""
        limits = {
            Window.HOUR: table.hour,
            Window.DAY: table.day,
            Window.WEEK: table.week,
            Window.MONTH: table.calendar_month,
        }
        bounds = [
            CeilingBound(
                purse=purse,
                window=window,
                limit_micros=limit,
                times=ceil_div(self.seconds, _WINDOW_S[window]) if window in _WINDOW_S else self.months,
                beyond_micros=beyond_micros,
            )
            for window, limit in limits.items()
            if limit is not None
        ]
        # A table of ceilings always has a day: it has a factory figure, and TOML has no word for none.
        return min(bounds, key=lambda bound: bound.micros)

    def of_lines(self, kind: LossKind, cost: LineCost, lines: int, seconds: int) -> Loss:
        """Bound what so many lines cost that are busy for so long, in as many stretches as the clinic closes."""
        bound = LinesBound(lines=lines, seconds=seconds, hour_micros=ceil(cost.per_s * _HOUR_S))
        return Loss(kind=kind, micros=ceil(lines * cost.micros(seconds, self.time.closings + 1)), bound=bound)


def _span_loss(asked: _Question, hosts: int) -> SpanLoss:
    is_bound = asked.book.policy.mode is Mode.ENFORCE
    parts = (*_costly(asked), *_ordinary(asked), _allowance(asked, hosts)) if is_bound else ()
    return SpanLoss(
        span=asked.span,
        seconds=asked.time.seconds,
        parts=parts,
        within=tuple(_within(asked)) if is_bound else (),
        total_micros=sum(part.micros for part in parts) if is_bound else None,
    )


def _costly(asked: _Question) -> Iterator[Loss]:
    yield _of_ceiling(LossKind.COSTLY, asked.lowest("costly", asked.book.policy.ceilings.costly))


def _ordinary(asked: _Question) -> Iterator[Loss]:
    """Bound ordinary calls: by lines while calls from opening hours may be up, then by ceilings or fewer lines."""
    calls, closed_s = asked.calls, asked.seconds - asked.busy_s
    if asked.busy_s:
        yield asked.of_lines(LossKind.ORDINARY_OPEN, calls.home_line, asked.lines, asked.busy_s)
        yield asked.of_lines(LossKind.LISTED, calls.listed_line, asked.lines, asked.busy_s)
    if not closed_s:
        return
    lines = min(asked.lines, asked.book.policy.limits.concurrent.closed)
    if calls.go_when_closed:
        ceiling = asked.lowest("national_closed", asked.book.policy.ceilings.national, lines * calls.bound_call_micros)
        by_lines = asked.of_lines(LossKind.ORDINARY_CLOSED, calls.home_line, lines, closed_s)
        yield min(_of_ceiling(LossKind.ORDINARY_CLOSED, ceiling), by_lines, key=lambda loss: loss.micros)
    yield asked.of_lines(LossKind.LISTED, calls.listed_line, lines, closed_s)


def _allowance(asked: _Question, hosts: int) -> Loss:
    total: int = asked.book.policy.when_the_ledger_is_down.ordinary.total
    lasting_s = asked.time.seconds + asked.book.ring_timeout_s + LENT_SECONDS
    bound = AllowanceBound(
        total_micros=total, counters=_COUNTERS_PER_HOST * hosts, hours=ceil_div(lasting_s, _HOUR_S) + 1
    )
    return Loss(kind=LossKind.ALLOWANCE, micros=total * bound.counters * bound.hours, bound=bound)


def _within(asked: _Question) -> Iterator[Loss]:
    """Say how much some calls may cost: the purses inside the costly one, and calls between outsiders."""
    policy, plan = asked.book.policy, asked.book.plan
    costly = asked.lowest("costly", policy.ceilings.costly)
    bounds = [(LossKind.EXTENSION, asked.lowest("extension:*", policy.ceilings.extension))]
    if _goes_abroad(asked.book):
        bounds.append((LossKind.INTERNATIONAL, asked.lowest("international", policy.ceilings.international)))
    if plan.overseas:
        bounds.append((LossKind.OVERSEAS, asked.lowest("overseas", policy.ceilings.overseas)))
    bounds += [
        (LossKind.COUNTRY, asked.lowest(f"country:{country}", PurseCeilings(day=Micros(day))))
        for country, day in sorted(_country_days(policy).items())
    ]
    totals = [exception.total for exception in policy.numbers.exception]
    if totals and None not in totals:
        total = sum(total for total in totals if total is not None)
        bounds.append(
            (LossKind.NUMBERS, CeilingBound(purse="number", window=Window.TOTAL, limit_micros=total, times=1))
        )
    yield from (_of_ceiling(kind, min(bound, costly, key=lambda found: found.micros)) for kind, bound in bounds)
    yield from _external(asked)


def _goes_abroad(book: Rulebook) -> bool:
    """Tell whether the policy lets any number outside the home plan pass."""
    policy, plan = book.policy, book.plan
    countries = {*policy.countries.allow, *(entry.country for entry in policy.countries.exception)}
    listed = (
        *(pattern.digits for pattern in policy.numbers.always_allow),
        *(entry.number for entry in policy.numbers.exception),
    )
    home = tuple(f"+{code}" for code in plan.dial_codes.values())
    return bool(countries - plan.dial_codes.keys()) or any(
        number.startswith("+") and not number.startswith(home) for number in listed
    )


def _country_days(policy: Policy) -> dict[str, int]:
    """Find the most money a day of each country that has a purse of its own; of several entries the highest counts."""
    days: dict[str, int] = {}
    entries: tuple[CountryRule | CountryException, ...] = (*policy.countries.rule, *policy.countries.exception)
    for entry in entries:
        if entry.day is not None:
            days[entry.country] = max(entry.day, days.get(entry.country, 0))
    return days


def _external(asked: _Question) -> Iterator[Loss]:
    policy = asked.book.policy
    numbers = policy.external_to_external.number
    if not numbers:
        return
    lines = [min(number.lines, policy.limits.concurrent.external_to_external) for number in numbers]
    yield _of_ceiling(
        LossKind.EXTERNAL,
        CeilingBound(
            purse="external_to_external",
            window=Window.DAY,
            limit_micros=sum(number.day for number in numbers),
            times=ceil_div(asked.seconds, _WINDOW_S[Window.DAY]),
            beyond_micros=sum(lines) * asked.calls.call_micros,
        ),
    )


def _of_ceiling(kind: LossKind, bound: CeilingBound) -> Loss:
    return Loss(kind=kind, micros=bound.micros, bound=bound)
