"""What a call costs that the ledger never held: which purses count it, and how much."""

from dataclasses import replace
from datetime import datetime

from callgate.clinic import Clinic
from callgate.core.hours import calendar_month, is_open
from callgate.core.policy import Mode
from callgate.core.pricing import PricedDestination
from callgate.core.tariff import price
from callgate.ledger.base import OrphanCharge
from callgate.repair import missing_price

OBSERVED = ("observed",)
"""The purse of what a clinic only observes: no ceiling counts it."""


def orphan_charge(
    priced: PricedDestination, clinic: Clinic, answered: datetime, duration_s: int
) -> OrphanCharge | None:
    """Say how to book an answered call without a hold.

    Args:
        priced: where it went.
        clinic: whose it was.
        answered: when, aware UTC.
        duration_s: its length in whole seconds.

    Returns:
        None where nobody knows what it costs.
    """
    if priced.rate is None:
        return None
    return OrphanCharge(
        purses=_purses(priced, clinic, answered),
        amount_micros=price(priced.rate, duration_s),
        month=calendar_month(answered, clinic.policy.timezone),
    )


def ungated_charge(priced: PricedDestination, clinic: Clinic, answered: datetime, duration_s: int) -> OrphanCharge:
    """Say how to book an answered call that went past the gate, which would have let none go whose price is not known.

    The arguments are those of `orphan_charge`. Where nobody knows what it cost, it is the most that one call may cost.
    """
    charge = orphan_charge(priced, clinic, answered, duration_s) or OrphanCharge(
        purses=_purses(priced, clinic, answered),
        amount_micros=missing_price(clinic.policy),
        month=calendar_month(answered, clinic.policy.timezone),
    )
    return replace(charge, purses=OBSERVED) if clinic.policy.mode is Mode.OBSERVE else charge


def _purses(priced: PricedDestination, clinic: Clinic, at: datetime) -> tuple[str, ...]:
    """The purses with ceilings of their own that would have counted the call, but for its line's, which is unknown.

    A home number that only the policy lists counts as any other when closed: too much rather than too little.
    """
    region = priced.destination.region
    if priced.ordinary:
        opened = is_open(clinic.policy.hours, at, clinic.policy.timezone, clinic.closed_days)
        return ("national",) if opened or priced.destination.must_reach else ("national", "national_closed")
    if region in clinic.plan.overseas:
        return ("costly", "overseas")
    return ("costly",) if region == clinic.policy.home else ("costly", "international")
