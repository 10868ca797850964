"""What ordinary calls may cost: the rates under which money is no bound in opening hours, and lines and time are.

Read off the number plan and the deck, whatever the day and hour: a bound has to hold for as long as the deck does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from callgate.core.deck import DatedRate, RateDeck
from callgate.core.destination import Destination
from callgate.core.dialling import read_dialled
from callgate.core.hours import WhenClosed
from callgate.core.plan import ORDINARY_CLASSES, Family, NumberClass, NumberPlan
from callgate.core.policy import Policy
from callgate.core.policy_tables import Bundle, RuleHours
from callgate.core.pricing import decides, unlisted_rate
from callgate.core.ranges import Places, places_of
from callgate.core.tariff import CUT_MARGIN_S, Rate, billed_seconds, dearest, price

START_GAP_S = 60
"""From the beginning of one call on a line to that of the next. Nothing enforces it: where an operator bills whole
minutes, a call of a second every three seconds, as attacks on offices made them (facts/features.md 1), costs up to
twenty times as much as the same lines talking. The alarm of the national purse sounds either way."""

_MINUTE_S = 60
_Rows = tuple[DatedRate, ...]


def home_rates(plan: NumberPlan, deck: RateDeck, bundle: Bundle) -> tuple[Rate, ...]:
    """List what a home line's call may cost where it counts as ordinary, for each set of rows that prices some number.

    Classes that the bundle includes cost nothing and are left out. Where rates change with the hour or the day, or the
    deck has none at times, the rate is the dearest of all (`tariff.dearest`).
    """
    found: list[Rate] = []
    for entry, pattern in plan.disjoint:
        region = entry.region if isinstance(entry, Family) else plan.country
        if region != plan.country or entry.number_class not in ORDINARY_CLASSES - {*bundle.included}:
            continue
        trunk = plan.trunk_of(entry) if isinstance(entry, Family) else ""
        country = f"+{plan.dial_code}" if isinstance(entry, Family) else ""
        rows = _rows_under(country, len(country) + entry.opening(trunk) if entry.is_singled_out else 0, deck)
        destination = Destination(number="", region=region, number_class=entry.number_class, cap=entry.price_cap)
        unlisted = _unlisted(destination, plan, deck)
        for deciding in set(_walk(rows, places_of(pattern.removeprefix(trunk)), rows.get("", ()))):
            rates = _rates(deciding, unlisted)
            cheap = [rate for rate in rates if price(rate, _MINUTE_S) <= plan.unknown_rate_cap_micros]
            found += [dearest(cheap)] if cheap else []
    return tuple(dict.fromkeys(found))


def lifeline_rates(plan: NumberPlan, deck: RateDeck) -> tuple[Rate, ...]:
    """List what the numbers cost that must be reached: ordinary whatever their rate, and never refused by money."""
    found: list[Rate] = []
    for number in sorted(plan.must_reach_numbers):
        destination = read_dialled(number, plan=plan, outside_prefix="")
        rows, unlisted = deck.rows_for(number), _unlisted(destination, plan, deck)
        # As the gate prices it: a row about others says nothing of a home line, and of a dear one the dearer counts.
        is_decided = all(decides(row.rate, destination) for row in rows)
        is_home_line = destination.number_class in ORDINARY_CLASSES
        rates = _rates(rows if is_decided or not is_home_line else (), unlisted)
        if not is_decided and unlisted is not None:
            rates.append(unlisted)
        found += [dearest(rates)] if rates else []
    return tuple(dict.fromkeys(found))


def _rows_under(country: str, least: int, deck: RateDeck) -> Mapping[str, _Rows]:
    """Find the rows about numbers that begin so, by the digits that follow; "" for the nearest row above them."""
    shorter = (country[:size] for size in range(len(country), max(0, least - 1), -1))
    above = next((deck.rates[prefix] for prefix in shorter if prefix in deck.rates), ())
    inside = {
        prefix.removeprefix(country): rows
        for prefix, rows in deck.rates.items()
        if prefix.startswith("+") == bool(country) and prefix.startswith(country) and len(prefix) >= least
    }
    return {"": above, **inside}


def _walk(rows: Mapping[str, _Rows], places: Places, above: _Rows) -> Iterator[_Rows]:
    """Walk the digits of a range down the deck: the rows of the longest prefix decide about each number."""
    decided = rows.get("", above)
    deeper = {prefix: found for prefix, found in rows.items() if prefix}
    if not deeper or not places:
        yield decided
        return
    for digit in sorted(places[0]):
        yield from _walk(
            {prefix[1:]: found for prefix, found in deeper.items() if prefix[0] == digit}, places[1:], decided
        )


def _unlisted(destination: Destination, plan: NumberPlan, deck: RateDeck) -> Rate | None:
    """Find what a call costs that the deck has no rate for; nothing for a freephone number, whatever is held for it."""
    if destination.number_class is NumberClass.FREEPHONE:
        return None
    return unlisted_rate(destination, plan, deck.currency)


def _rates(rows: _Rows, unlisted: Rate | None) -> list[Rate]:
    """List the rates of the rows, and of the times that none of them names."""
    rates = [row.rate for row in rows]
    if any(row.hours is None and (row.first, row.last) == (date.min, date.max) for row in rows):
        return rates
    return rates if unlisted is None else [*rates, unlisted]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCost:
    """The most that calls one after another on a line may cost, under some rates.

    Fields:
        per_s: micros a second, as a fraction.
        beyond_micros: once more, for the increment that is begun last.
    """

    per_s: Fraction
    beyond_micros: Fraction

    def micros(self, seconds: int, stretches: int = 1) -> Fraction:
        """Bound what a line costs in `stretches` stretches of `seconds` together.

        Calls that begin in a stretch of x seconds last d1, d2, ... in it, and the larger of d and `START_GAP_S` adds up
        to x + `START_GAP_S` at most. One that was up before pays no first increment again: at most the time at the rate
        of a minute, and the rest of one increment.
        """
        return self.per_s * (seconds + START_GAP_S * stretches) + self.beyond_micros * stretches


def line_cost(rates: Iterable[Rate]) -> LineCost:
    """Find what a line may cost in time: the most for each second of a call, or of `START_GAP_S` for a shorter one.

    Between two new increments a longer call costs no more; from one increment to the next, cost and time grow by the
    same steps. So the most is that of a call of `START_GAP_S`, of the first increment begun after that, or of one
    without end.
    """
    per_s, beyond = [Fraction(0)], [Fraction(0)]
    for rate in rates:
        after_s = billed_seconds(rate, START_GAP_S) + 1
        per_s += [
            Fraction(price(rate, START_GAP_S), START_GAP_S),
            Fraction(price(rate, after_s), after_s),
            Fraction(rate.per_minute_micros, _MINUTE_S),
        ]
        beyond.append(Fraction(rate.per_minute_micros * max(rate.first_increment_s, rate.increment_s), _MINUTE_S))
    return LineCost(per_s=max(per_s), beyond_micros=max(beyond))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryCalls:
    """What ordinary calls may cost a clinic.

    Fields:
        home_line, listed_line: a line on which calls follow one another: to any home number, and to those that no
            ceiling ever binds.
        call_micros: the dearest call of the longest duration.
        bound_call_micros: the same where ceilings bind it.
        go_when_closed: whether others than the listed ones may begin when the clinic is closed.
    """

    home_line: LineCost
    listed_line: LineCost
    call_micros: int
    bound_call_micros: int
    go_when_closed: bool


def ordinary_calls(policy: Policy, plan: NumberPlan, deck: RateDeck) -> OrdinaryCalls:
    """Find what ordinary calls may cost under a policy."""
    home, lifelines = home_rates(plan, deck, policy.bundle), lifeline_rates(plan, deck)
    numbers = policy.numbers
    named = (*(pattern.digits for pattern in numbers.always_allow), *(entry.number for entry in numbers.exception))
    lists_home = any(not number.startswith("+") or number.startswith(f"+{plan.dial_code}") for number in named)
    longest_s = policy.limits.max_duration_s.ordinary + CUT_MARGIN_S
    call_micros = max((price(rate, longest_s) for rate in home), default=0)
    per_call = policy.ceilings.national.per_call
    return OrdinaryCalls(
        home_line=line_cost(home),
        listed_line=line_cost((*lifelines, *(home if lists_home else ()))),
        call_micros=max((call_micros, *(price(rate, longest_s) for rate in lifelines))),
        bound_call_micros=call_micros if per_call is None else min(call_micros, per_call),
        go_when_closed=policy.hours.outside is not WhenClosed.EMERGENCY or _goes_by_rule(policy, plan),
    )


def _goes_by_rule(policy: Policy, plan: NumberPlan) -> bool:
    """Tell whether some ordinary call passes a clinic that is closed but for emergencies."""
    at_night = any(rule.country == plan.country and rule.hours is RuleHours.ALWAYS for rule in policy.countries.rule)
    practice = (read_dialled(number, plan=plan, outside_prefix="") for number in plan.practice_listed)
    return at_night or any(found.number_class in ORDINARY_CLASSES for found in practice)
