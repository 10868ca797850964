"""What a dialled string means: one number that will be billed, its region and its class.

Nothing raises here: whatever the string holds, it has one meaning, and a string that has none is `invalid`. The home
country's numbers come from its plan; `phonenumbers` is asked about foreign numbers, and never about emergency.
"""

import re
from dataclasses import replace
from functools import lru_cache

from callgate.core.abroad import is_in_service, preload, read_foreign
from callgate.core.destination import INVALID, Destination
from callgate.core.plan import Family, InService, NumberClass, NumberPlan, ShortCode
from callgate.core.spelling import FULL_WIDTH_PLUS, SEPARATORS, Spelled, spell

__all__ = [
    "DIALLED_MAX_CHARACTERS",
    "FULL_WIDTH_PLUS",
    "SEPARATORS",
    "Destination",
    "NumberClass",
    "foreign_claim",
    "preload",
    "read_dialled",
]

DIALLED_MAX_CHARACTERS = 255
"""Longer strings are invalid unread."""

READINGS_KEPT = 8192
KEPT_MAX_CHARACTERS = 64
"""So many readings are remembered, about 0.9 KB each, of strings no longer than a phone can send. `phonenumbers` needs
0.2 ms for a number of a mix of regions: its expressions drive each other out of their cache."""

EXTENSION_MAX_DIGITS = 5

_NUMBER = re.compile(r"\+?[0-9]+")
_EXTENSION = re.compile(rf"[0-9]{{1,{EXTENSION_MAX_DIGITS}}}")


def read_dialled(dialled: str, *, plan: NumberPlan, outside_prefix: str) -> Destination:
    """Find out what was dialled.

    The order is DESIGN section 4: characters, caller-id codes, emergency, feature codes, extension, one outside prefix,
    short codes, national and international numbers. The rules are those of numbers/RULES.md.

    Args:
        dialled: any text at all.
        plan: of the home country.
        outside_prefix: what the entry point's users dial before an outside number, or "" where none is left to strip.
    """
    if len(dialled) > DIALLED_MAX_CHARACTERS:
        return INVALID
    read = _remembered if len(dialled) <= KEPT_MAX_CHARACTERS else _read
    return read(dialled, plan, outside_prefix)


def foreign_claim(dialled: str, *, plan: NumberPlan, outside_prefix: str) -> str:
    """Find the foreign number that a string claims to be, whether any such number exists or not.

    Args:
        dialled: any text at all.
        plan: of the home country; a number under one of its own country codes is not foreign.
        outside_prefix: what is dialled before an outside number.

    Returns:
        ``+`` and digits, or "".
    """
    spelled = spell(dialled) if len(dialled) <= DIALLED_MAX_CHARACTERS else None
    text = "" if spelled is None else _public_text(spelled, plan, outside_prefix) or ""
    digits = _after_international_prefix(text, plan)
    if digits is None or not digits.isdecimal() or digits.startswith(("0", *plan.dial_codes.values())):
        return ""
    return "+" + digits


def _read(dialled: str, plan: NumberPlan, outside_prefix: str) -> Destination:
    spelled = spell(dialled)
    if spelled is None:
        return INVALID
    found = _read_spelled(spelled, plan, outside_prefix)
    # Digits for after the answer belong to a full number: no emergency number, short code or extension carries any.
    return INVALID if spelled.has_more and not found.number.startswith("+") else found


_remembered = lru_cache(maxsize=READINGS_KEPT)(_read)


def _read_spelled(spelled: Spelled, plan: NumberPlan, outside_prefix: str) -> Destination:
    bare = _bare(spelled, plan)
    if bare is None:
        return _internal(spelled.body)
    public = _public_text(spelled, plan, outside_prefix)
    inside = _without_codes(bare.removeprefix(outside_prefix), plan)
    found = _read_emergency(bare, plan) or _read_emergency(inside, plan)
    if found is None and public is not None:
        found = _read_public(public, plan)
    if found is None:
        found = _internal(bare) if _EXTENSION.fullmatch(bare) else INVALID
    # Extension 3114 is not the helpline 3114: a line that must be reached has a region.
    return replace(found, must_reach=found.region != "" and found.number in plan.must_reach_numbers)


def _bare(spelled: Spelled, plan: NumberPlan) -> str | None:
    """What is left after the caller-id codes, less one trailing ``#``; None for a feature code."""
    text = _without_codes(spelled.body, plan)
    return None if text.startswith(("*", "#")) else text.removesuffix("#")


def _public_text(spelled: Spelled, plan: NumberPlan, outside_prefix: str) -> str | None:
    """What is to be read as a public number; None without the outside prefix, and for a feature code."""
    bare = _bare(spelled, plan)
    if bare is None or spelled.is_uri or bare.startswith("+"):  # neither of the two needs an outside prefix (RULES 1)
        return bare
    return _without_codes(bare.removeprefix(outside_prefix), plan) if bare.startswith(outside_prefix) else None


def _internal(number: str) -> Destination:
    return Destination(number=number, region="", number_class=NumberClass.INTERNAL_FEATURE)


def _without_codes(text: str, plan: NumberPlan) -> str:
    """Take off every leading caller-id code.

    It is one only before a number, and no number has a single digit: ``*31#`` and ``3651`` alone stay as they are.
    """
    while code := next((code.code for code in plan.caller_id_codes if _precedes(code.code, text)), None):
        text = text.removeprefix(code)
    return text


def _precedes(code: str, text: str) -> bool:
    return text.startswith(code) and len(text) > len(code) + 1


def _read_emergency(text: str, plan: NumberPlan) -> Destination | None:
    """Match the emergency set exactly, also behind the home country's own code: some phones dial so (RULES 2)."""
    digits = _behind_own_code(text, plan)
    for number in (text, digits):
        if number in plan.emergency_numbers:
            return Destination(number=number, region=plan.country, number_class=NumberClass.EMERGENCY)
    return None


def _behind_own_code(text: str, plan: NumberPlan) -> str:
    """What follows the home country's own code, or ""."""
    digits = _after_international_prefix(text, plan) or ""
    return digits.removeprefix(plan.dial_code) if digits.startswith(plan.dial_code) else ""


def _after_international_prefix(text: str, plan: NumberPlan) -> str | None:
    prefixes = ("+", *plan.international_prefixes)
    prefix = next((prefix for prefix in prefixes if text.startswith(prefix)), None)
    return None if prefix is None else text.removeprefix(prefix)


def _read_public(text: str, plan: NumberPlan) -> Destination:
    if not _NUMBER.fullmatch(text):
        return INVALID
    entry = plan.range_of(text)
    if entry is not None and not isinstance(entry, Family):
        return _of_short_code(entry, text, plan)
    digits = _after_international_prefix(text, plan)
    if digits is not None:
        return _read_international(digits, plan)
    spellings = (text, plan.trunk_prefix + text) if plan.trunk_optional else (text,)
    found = (_read_national(national, plan) for national in spellings)
    return next((destination for destination in found if destination is not INVALID), INVALID)


def _of_short_code(entry: ShortCode, digits: str, plan: NumberPlan) -> Destination:
    return Destination(
        number=digits,
        region=plan.country,
        number_class=entry.number_class,
        cap=entry.price_cap,
        opening=entry.opening() if entry.is_singled_out else 0,
    )


def _read_national(national: str, plan: NumberPlan) -> Destination:
    entry = plan.range_of(national)
    found = _of_family(entry, national, plan) if isinstance(entry, Family) else None
    if found is None and national.startswith(plan.trunk_prefix):
        found = _read_shared(national.removeprefix(plan.trunk_prefix), plan)
    return found or INVALID


def _of_family(family: Family, national: str, plan: NumberPlan) -> Destination | None:
    number = f"+{plan.dial_codes[family.region]}{national.removeprefix(plan.trunk_of(family))}"
    if family.in_service is InService.LIBPHONENUMBER and not is_in_service(number, family.region):
        return None
    code = plan.dial_codes[family.region]
    is_apart = family.is_singled_out or (family.region != plan.country and code == plan.dial_code)
    return Destination(
        number=number,
        region=family.region,
        number_class=family.number_class,
        cap=family.price_cap,
        opening=len(code) + family.opening(plan.trunk_of(family)) if is_apart else 0,
    )


def _read_shared(significant: str, plan: NumberPlan) -> Destination | None:
    """Read a number under the home country code that is another region's."""
    if not plan.shared_with or (plan.trunk_prefix == "0" and significant.startswith("0")):
        return None  # one trunk 0 is gone already, and no second one is dropped
    found = read_foreign(plan.dial_code + significant, plan.foreign_tollfree)
    return found if found.region in plan.shared_with else None


def _read_international(digits: str, plan: NumberPlan) -> Destination:
    """Read what follows ``+``: a number under one of the plan's own codes by the plan, any other as foreign."""
    code = next((code for code in plan.dial_codes.values() if digits.startswith(code)), None)
    if code is None:
        return read_foreign(digits, plan.foreign_tollfree)
    if (lifeline := _read_lifeline(digits, plan)) is not None:
        return lifeline
    significant = digits.removeprefix(code)
    if plan.trunk_prefix == "0":  # people write +33 (0)1; nobody writes +1 (1) 212
        significant = significant.removeprefix("0")
    for trunk in plan.trunks:
        family = plan.range_of(trunk + significant)
        if isinstance(family, Family) and plan.trunk_of(family) == trunk and plan.dial_codes[family.region] == code:
            found = _of_family(family, trunk + significant, plan)
            if found is not None:
                return found
    if code == plan.dial_code:
        return _read_shared(significant, plan) or INVALID
    if code in {plan.dial_codes[region] for region in plan.overseas}:
        return INVALID
    return read_foreign(digits, plan.foreign_tollfree)


def _read_lifeline(digits: str, plan: NumberPlan) -> Destination | None:
    """Match a short must-reach number behind the home country's own code: it is published so, and phones keep it so."""
    short = digits.removeprefix(plan.dial_code) if digits.startswith(plan.dial_code) else ""
    entry = plan.range_of(short) if short in plan.must_reach_numbers else None
    return None if entry is None else _of_short_code(entry, short, plan)
