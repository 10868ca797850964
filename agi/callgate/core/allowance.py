"""The local allowance: what ordinary calls may still do while the ledger does not answer (DESIGN section 8)."""

from dataclasses import dataclass

from callgate.core.policy_tables import Allowance
from callgate.core.tariff import Rate, price

LENT_SECONDS = 900
"""A call on the allowance may last this long, and its whole price is taken from the allowance when it starts."""

_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceUse:
    """How much of a clinic's allowance is used: calls in the span that began at `span_s`, money in the hour."""

    span_s: int = 0
    calls: int = 0
    hour_s: int = 0
    spent_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """The allowance lets the call go; `grant_id` begins with ``local:`` and the ledger does not know it yet."""

    grant_id: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The allowance does not suffice for an ordinary call that would otherwise have gone."""


def draw(use: AllowanceUse, allowance: Allowance, rate: Rate, now_s: int) -> AllowanceUse | None:
    """Take one call from the allowance.

    Args:
        use: what is used so far.
        allowance: of the clinic's policy.
        rate: of the call.
        now_s: epoch seconds.

    Returns:
        What is used from now on, or None if the allowance does not suffice.
    """
    span_s, hour_s = now_s - now_s % allowance.per, now_s - now_s % _HOUR_S
    calls = (use.calls if use.span_s == span_s else 0) + 1
    spent_micros = (use.spent_micros if use.hour_s == hour_s else 0) + price(rate, LENT_SECONDS)
    if calls > allowance.calls or spent_micros > allowance.total:
        return None
    return AllowanceUse(span_s=span_s, calls=calls, hour_s=hour_s, spent_micros=spent_micros)
