"""The number as a trunk wants it, and the masks under which it may be shown."""

import re
from enum import StrEnum

from callgate.core.dialling import Destination, read_dialled
from callgate.core.plan import Family, NumberPlan

MASKED_DIGITS = 4
_SHORT_DIGITS_MAX = 6
# Digits with whatever people put between them. What parts two numbers, such as an extension or a host, ends one.
_ONE_NUMBER = re.compile(r"\d(?:[^\w*;@&,/]*\d)*")
_DIGIT = re.compile(r"\d")


class NumberFormat(StrEnum):
    """How a trunk wants numbers: ``+33142685300``, ``33142685300``, ``0033142685300`` or ``0142685300``."""

    E164_PLUS = "e164_plus"
    E164 = "e164"
    INTERNATIONAL = "00"
    NATIONAL = "national"


def to_wire(destination: Destination, number_format: NumberFormat, plan: NumberPlan) -> str:
    """Write a destination for a trunk.

    Args:
        destination: a dialable one; a short code is the same in every format.
        number_format: the trunk's.
        plan: of the home country; with ``national``, foreign numbers are written with its international prefix, those
            of its overseas regions too.
    """
    if not destination.number.startswith("+"):
        return destination.number
    return e164_to_wire(destination.number[1:], number_format, plan)


def from_wire(number: str, number_format: NumberFormat, plan: NumberPlan) -> Destination:
    """Read a destination from what a trunk was sent: what `to_wire` wrote, an invalid one for anything else."""
    if number_format is NumberFormat.E164:
        # A short code has no plus in front of it in any format.
        destination = read_dialled(f"+{number}", plan=plan, outside_prefix="")
        if destination.number:
            return destination
    return read_dialled(number, plan=plan, outside_prefix="")


def e164_to_wire(digits: str, number_format: NumberFormat, plan: NumberPlan) -> str:
    """Write E.164 digits (without ``+``) for a trunk."""
    match number_format:
        case NumberFormat.E164_PLUS:
            return f"+{digits}"
        case NumberFormat.E164:
            return digits
        case NumberFormat.INTERNATIONAL:
            return f"00{digits}"
        case NumberFormat.NATIONAL:
            if digits.startswith(plan.dial_code):
                return national_form(digits.removeprefix(plan.dial_code), plan)
            return plan.international_prefixes[0] + digits


def national_form(significant: str, plan: NumberPlan) -> str:
    """Write the digits after the home country code as dialled in the country.

    Puts back what the international form left out: mostly the trunk prefix, nothing before an Australian 1800.
    """
    for trunk in plan.trunks:
        family = plan.range_of(trunk + significant)
        if isinstance(family, Family) and plan.trunk_of(family) == trunk:
            return trunk + significant
    return plan.trunk_prefix + significant


def mask(dialled: str) -> str:
    """Hide the last four digits of every number in what was dialled; a short code alone is not personal and stays.

    The yardstick is the CNIL's for workplace telephony (facts/reliability.md 7).
    """
    if sum(character.isdecimal() for character in dialled) <= _SHORT_DIGITS_MAX:
        return dialled
    return _ONE_NUMBER.sub(lambda found: _DIGIT.sub("•", found[0][::-1], count=MASKED_DIGITS)[::-1], dialled)
