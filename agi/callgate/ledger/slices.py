"""How far a call may go for how much money: the arithmetic of `HoldRequest` and `RenewRequest` in the model's words."""

from bisect import bisect_right
from dataclasses import dataclass

from callgate.core.tariff import Rate, billed_seconds, price

CUT_MARGIN_S = 2
"""A grant ends this long before the paid time: the cut never falls on a new increment (facts/semantics.md 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A call from its answer to a cut; both in seconds since the answer.

    Fields:
        seconds: what may be spoken.
        covered_s: what is paid; no new increment begins before.
        is_cut: whether it ends for want of money, short of what was asked.
    """

    seconds: int
    covered_s: int
    is_cut: bool = False

    def price(self, rate: Rate) -> int:
        """Price it from the answer on, in micros."""
        return price(rate, self.covered_s)


def whole(rate: Rate, seconds: int) -> Stretch:
    """Pay for a whole call at once."""
    return Stretch(seconds=seconds, covered_s=billed_seconds(rate, seconds + CUT_MARGIN_S))


def slice_until(rate: Rate, until_s: int, granted_s: int) -> Stretch:
    """Pay for a call so far that it ends as late as possible up to `until_s` and nothing is paid for its end."""
    covered_s = _boundary_up_to(rate, until_s + CUT_MARGIN_S)
    if covered_s - CUT_MARGIN_S <= granted_s:
        covered_s = billed_seconds(rate, until_s + CUT_MARGIN_S)
    return Stretch(seconds=min(until_s, covered_s - CUT_MARGIN_S), covered_s=covered_s)


def shortest(rate: Rate, granted_s: int) -> Stretch:
    """Pay for at least one second more than was granted."""
    covered_s = billed_seconds(rate, granted_s + 1 + CUT_MARGIN_S)
    return Stretch(seconds=covered_s - CUT_MARGIN_S, covered_s=covered_s, is_cut=True)


def longest_for(rate: Rate, asked: Stretch, granted_s: int, budget_micros: int) -> Stretch | None:
    """Find the longest stretch for a sum of money that gains a second, cut off at a boundary; None if there is none."""
    first_s = shortest(rate, granted_s).covered_s
    boundaries = range(first_s, asked.covered_s, rate.increment_s)
    fitting = bisect_right(boundaries, budget_micros, key=lambda covered_s: price(rate, covered_s))
    if not fitting:
        return None
    covered_s = boundaries[fitting - 1]
    return Stretch(seconds=min(asked.seconds, covered_s - CUT_MARGIN_S), covered_s=covered_s, is_cut=True)


def _boundary_up_to(rate: Rate, second: int) -> int:
    beyond_s = second - rate.first_increment_s
    return 0 if beyond_s < 0 else rate.first_increment_s + beyond_s // rate.increment_s * rate.increment_s
