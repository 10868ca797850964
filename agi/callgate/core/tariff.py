"""What a call costs: rates, the deck they come from, and the price of so many seconds."""

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
