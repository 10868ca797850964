"""What a call costs: rates, the price of so many seconds, and the price of a call that crosses a change of rate."""

from collections.abc import Sequence
from dataclasses import dataclass

from callgate.core.money import ceil_div


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The price of calls to one prefix, tax included.

    Fields:
        prefix: the digits of E.164 without ``+``, or the short code's digits; "" for a rate that is no row of a deck.
            For a message, not for arithmetic.
        label: the deck's own words.
        connect_micros: charged once when the call is answered (per-call prices are connect fees).
        per_minute_micros: charged by time.
        first_increment_s, increment_s: the first and the following billing increments, at least 1.
    """

    prefix: str
    label: str
    connect_micros: int
    per_minute_micros: int
    first_increment_s: int
    increment_s: int


def billed_seconds(rate: Rate, duration_s: int) -> int:
    """Round a duration up to the rate's increments; 0 stays 0."""
    if duration_s <= 0:
        return 0
    beyond_s = max(0, duration_s - rate.first_increment_s)
    return rate.first_increment_s + ceil_div(beyond_s, rate.increment_s) * rate.increment_s


def price(rate: Rate, duration_s: int) -> int:
    """Price an answered call.

    Args:
        rate: its rate.
        duration_s: whole seconds from answer to end; a part of a second counts as a whole one, rounded by the caller.

    Returns:
        Micros: connect fee plus time, rounded up to the micro. An unanswered call costs nothing: do not price it.
    """
    return rate.connect_micros + ceil_div(rate.per_minute_micros * billed_seconds(rate, duration_s), 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRate:
    """What is in force from `begins_s` seconds after the answer on, until the next; None where the deck has no rate."""

    begins_s: int
    rate: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledPart:
    """The increments of a call that began under one rate.

    Fields:
        rate: theirs.
        begins_s: seconds from the answer to the first of them.
        billed_s: how long they are together.
        micros: their share of the price; the shares and the connect fee add up to it.
    """

    rate: Rate
    begins_s: int
    billed_s: int
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The price of one answered call, in the parts that its rates divide it into; no part for one of 0 seconds."""

    connect_micros: int
    parts: tuple[BilledPart, ...]

    @property
    def micros(self) -> int:
        """The whole price, rounded up once."""
        return self.connect_micros + sum(part.micros for part in self.parts)


def bill(timed: Sequence[TimedRate], duration_s: int) -> Bill | None:
    """Price an answered call that may cross changes of rate.

    An increment is billed at the rate in force when it begins, and has that rate's length; the connect fee is that of
    the rate at the answer.

    Args:
        timed: the rates in force during the call, in order, the first from second 0 on.
        duration_s: whole seconds from answer to end, as for `price`.

    Returns:
        The bill, or None if an increment begins where there is no rate: nobody knows what it costs.
    """
    answered = timed[0].rate
    if answered is None:
        return None
    parts: list[BilledPart] = []
    now_s, owed, rounded_micros = 0, 0, 0
    ends = [*(later.begins_s for later in timed[1:]), duration_s]
    for in_force, end_s in zip(timed, ends, strict=True):
        within_s = min(end_s, duration_s) - now_s
        if within_s <= 0:  # the last increment of the rate before runs over all of it
            continue
        if in_force.rate is None:
            return None
        billed_s = _whole_increments(in_force.rate, within_s, is_first=now_s == 0)
        # In sixtieths of a micro: the shares are rounded as they add up, so that the sum is rounded once.
        owed += in_force.rate.per_minute_micros * billed_s
        micros = ceil_div(owed, 60) - rounded_micros
        parts.append(BilledPart(rate=in_force.rate, begins_s=now_s, billed_s=billed_s, micros=micros))
        now_s, rounded_micros = now_s + billed_s, rounded_micros + micros
    return Bill(connect_micros=answered.connect_micros, parts=tuple(parts))


def _whole_increments(rate: Rate, within_s: int, *, is_first: bool) -> int:
    """Add up the increments that begin within so many seconds, at least one."""
    if is_first:
        return billed_seconds(rate, within_s)
    return ceil_div(within_s, rate.increment_s) * rate.increment_s


def dearest(rates: Sequence[Rate]) -> Rate:
    """Find the rate to hold a call at that may meet several: no way through them is ever dearer.

    The worst of each component. Under rates of different increments a call may be billed up to one increment, less a
    second, beyond its end; that is added to the connect fee, and the time itself is billed by the second.

    The ledger keeps one rate a hold: what a hold books in the end is its held rate's price, hence never less than the
    operator's for a call that crosses a change of rate, and sometimes more.

    Args:
        rates: all that the call may meet, at least one.

    Returns:
        The one rate itself if they are all the same; else one with prefix and label of the dearest minute.
    """
    first, *others = dict.fromkeys(rates)
    if not others:
        return first
    worst = max((first, *others), key=lambda rate: price(rate, 60))
    connect_micros = max(rate.connect_micros for rate in rates)
    per_minute_micros = max(rate.per_minute_micros for rate in rates)
    increment_s = max(rate.increment_s for rate in rates)
    if len({(rate.first_increment_s, rate.increment_s) for rate in rates}) > 1:
        connect_micros += ceil_div(per_minute_micros * (increment_s - 1), 60)
        increment_s = 1
    return Rate(
        prefix=worst.prefix,
        label=worst.label,
        connect_micros=connect_micros,
        per_minute_micros=per_minute_micros,
        first_increment_s=max(rate.first_increment_s for rate in rates),
        increment_s=increment_s,
    )


CUT_MARGIN_S = 2
"""Paid beyond the last granted second, so that a cut never falls on a new increment (facts/semantics.md 5)."""


def affordable_seconds(rate: Rate, amount_micros: int, longest_s: int) -> int:
    """Find how long a call may last for an amount of money, in whole paid increments less the cut margin.

    Args:
        rate: what it costs.
        amount_micros: what may be spent.
        longest_s: no answer is higher; at least 1.

    Returns:
        Seconds from 0 (not even the first increment fits) to `longest_s`.
    """
    if price(rate, longest_s + CUT_MARGIN_S) <= amount_micros:
        return longest_s
    fits, too_dear = -1, ceil_div(max(0, longest_s + CUT_MARGIN_S - rate.first_increment_s), rate.increment_s)
    while too_dear - fits > 1:
        middle = (fits + too_dear) // 2
        if price(rate, rate.first_increment_s + middle * rate.increment_s) <= amount_micros:
            fits = middle
        else:
            too_dear = middle
    return max(0, rate.first_increment_s + fits * rate.increment_s - CUT_MARGIN_S) if fits >= 0 else 0
