"""How an operator bills time, put into the one form the deck has: a fee, a price a minute, and two increments.

What that form cannot say is put dearer, never cheaper, and said so.
"""

from dataclasses import dataclass
from fractions import Fraction

_MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """The first and the following billing increments, in seconds."""

    first_s: int
    next_s: int


WHOLE_MINUTES = Increments(first_s=_MINUTE_S, next_s=_MINUTE_S)
"""What is assumed where a file does not say: no operator bills more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a call costs, in units of the file's currency.

    Fields:
        connect: charged once.
        per_minute: charged by time.
        increments: how time is rounded up.
        is_exact: no call costs less in the operator's own words.
    """

    connect: Fraction
    per_minute: Fraction
    increments: Increments
    is_exact: bool = True


def with_initial_cost(cost: Fraction, initial_s: int, *, per_minute: Fraction, next_s: int) -> Terms:
    """A call costs `cost` for its first `initial_s` seconds, and from then on `per_minute` in steps of `next_s`."""
    connect = cost - per_minute * initial_s / _MINUTE_S
    return Terms(
        connect=max(connect, Fraction(0)),
        per_minute=per_minute,
        increments=Increments(first_s=initial_s or next_s, next_s=next_s),
        is_exact=connect >= 0,
    )


def with_included_seconds(plain: Terms, included_s: int) -> Terms:
    """The connect fee pays for the first `included_s` seconds too, where that can be said; else they are charged."""
    if not included_s:
        return plain
    folded = with_initial_cost(plain.connect, included_s, per_minute=plain.per_minute, next_s=plain.increments.next_s)
    if folded.is_exact and plain.increments.first_s == plain.increments.next_s:
        return folded
    return Terms(connect=plain.connect, per_minute=plain.per_minute, increments=plain.increments, is_exact=False)


def with_minimum(plain: Terms, minimum_s: int) -> Terms:
    """A call counts at least `minimum_s` seconds, a longer one as a multiple of the step from its start (A2Billing).

    The first increment is the minimum, rounded up to a multiple: from there on the steps fall together.
    """
    step_s = plain.increments.next_s
    first_s = max(1, -(-minimum_s // step_s)) * step_s
    return Terms(
        connect=plain.connect,
        per_minute=plain.per_minute,
        increments=Increments(first_s=first_s, next_s=step_s),
        is_exact=plain.is_exact and minimum_s % step_s == 0,
    )


def per_minute_of(amount: Fraction, unit_s: int) -> Fraction:
    """The price of a minute where `amount` is that of `unit_s` seconds."""
    return amount * _MINUTE_S / unit_s
