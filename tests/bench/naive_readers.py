"""Three ways in which dialled strings are commonly read, and callgate's.

Each naive way is given a fair chance: the outside prefix of the line, the full list of the country's emergency numbers
where it has a place for one, and an extension rule.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from callgate.core.dialling import read_dialled
from callgate.core.plan import NumberPlan

NATIONAL_PATTERNS = {
    "AU": r"0[2-478]\d{8}",
    "BE": r"0[1-9]\d{7,8}",
    "CA": r"1?[2-9]\d{2}[2-9]\d{6}",
    "CH": r"0[1-9]\d{8}",
    "DE": r"0[1-9]\d{4,11}",
    "ES": r"[6-9]\d{8}",
    "FR": r"0[1-9]\d{8}",
    "GB": r"0[1-9]\d{8,9}",
    "IT": r"0\d{5,10}|3\d{8,9}",
    "LU": r"[2-9]\d{5,8}",
    "US": r"1?[2-9]\d{2}[2-9]\d{6}",
}
"""What a national route lets through on an Asterisk set up by hand (``_0[1-9]XXXXXXXX`` and its like)."""

_EXTENSION_MAX_DIGITS = 5
_NATIONAL = {
    PhoneNumberType.MOBILE: "national_mobile",
    PhoneNumberType.TOLL_FREE: "freephone",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "m2m_pager",
}
_FOREIGN = {
    PhoneNumberType.MOBILE: "international_mobile",
    PhoneNumberType.TOLL_FREE: "international_premium",
    PhoneNumberType.SHARED_COST: "international_premium",
    PhoneNumberType.PREMIUM_RATE: "international_premium",
    PhoneNumberType.UAN: "international_premium",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "m2m_pager",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of public.csv.

    Fields:
        classes, regions: what is accepted, the expected one first.
    """

    home: str
    prefix: str
    dialled: str
    number: str
    classes: tuple[str, ...]
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a way of reading says of a row."""

    number: str = ""
    region: str = ""
    number_class: str = "invalid"


Reader = Callable[[Row, NumberPlan], Reading]


def by_phonenumbers(row: Row, _plan: NumberPlan) -> Reading:
    """Strip the prefix, parse with the home region, take emergency and type from the library; domestic by code."""
    text = _without_prefix(row)
    if text is None:
        return _extension(row)
    if shortnumberinfo.is_emergency_number(text, row.home):
        return Reading(number=re.sub(r"\D", "", text), region=row.home, number_class="emergency")
    try:
        parsed = phonenumbers.parse(text, row.home)
    except NumberParseException:
        return Reading()
    if not phonenumbers.is_valid_number(parsed):
        return Reading()
    kind = phonenumbers.number_type(parsed)
    domestic = parsed.country_code == phonenumbers.country_code_for_region(row.home)
    return Reading(
        number=phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        region=row.home if domestic else phonenumbers.region_code_for_number(parsed) or "",
        number_class=_NATIONAL.get(kind, "national_fixed") if domestic else _FOREIGN.get(kind, "international_fixed"),
    )


def by_patterns(row: Row, plan: NumberPlan) -> Reading:
    """Match the string as it stands against a dialplan's routes: emergency, international, national."""
    text = _without_prefix(row)
    emergency = {entry.number for entry in plan.emergency}
    if text in emergency or row.dialled in emergency:
        return Reading(number=text or row.dialled, region=row.home, number_class="emergency")
    if text is None:
        return _extension(row)
    exits = "|".join(map(re.escape, ("+", *plan.international_prefixes)))
    if found := re.fullmatch(rf"(?:{exits})(.+)", text):
        return _by_country_code(found[1])
    if re.fullmatch(NATIONAL_PATTERNS[row.home], text):
        number = plan.dial_codes[plan.country] + text.removeprefix(plan.trunk_prefix)
        return Reading(number=f"+{number}", region=row.home, number_class="national_fixed")
    return Reading()


def by_prefix_list(row: Row, plan: NumberPlan) -> Reading:
    """Bring the string to E.164 and look its prefix up among the allowed country codes, as a hosted exchange does."""
    text = _without_prefix(row)
    if text is None:
        return _extension(row)
    digits = re.sub(r"[^\d+]", "", text)
    if digits in {entry.number for entry in plan.emergency}:
        return Reading(number=digits, region=row.home, number_class="emergency")
    own_code = plan.dial_codes[plan.country]
    for start in ("+", *plan.international_prefixes):
        if digits.startswith(start):
            number = digits.removeprefix(start)
            break
    else:
        number = own_code + digits.removeprefix(plan.trunk_prefix)
    if number.startswith(own_code):
        return Reading(number=f"+{number}", region=row.home, number_class="national_fixed")
    return _by_country_code(number)


def by_callgate(row: Row, plan: NumberPlan) -> Reading:
    """Read as callgate reads."""
    found = read_dialled(row.dialled, plan=plan, outside_prefix=row.prefix)
    return Reading(number=found.number, region=found.region, number_class=found.number_class.value)


READERS: dict[str, Reader] = {
    "`phonenumbers` as commonly used": by_phonenumbers,
    "dialplan patterns": by_patterns,
    "list of allowed country codes": by_prefix_list,
    "callgate": by_callgate,
}


def _without_prefix(row: Row) -> str | None:
    """The string after the outside prefix; None if it lacks one that it needs."""
    if row.dialled.startswith(("+", "tel:", "sip:", "sips:")) or not row.prefix:
        return row.dialled
    return row.dialled.removeprefix(row.prefix) if row.dialled.startswith(row.prefix) else None


def _extension(row: Row) -> Reading:
    if len(row.dialled) <= _EXTENSION_MAX_DIGITS:
        return Reading(number=row.dialled, number_class="internal_feature")
    return Reading()


def _by_country_code(number: str) -> Reading:
    """The main region of the longest country code the number begins with."""
    for length in (3, 2, 1):
        code = number[:length]
        if code.isdecimal() and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            region = phonenumbers.region_code_for_country_code(int(code))
            return Reading(number=f"+{number}", region=region, number_class="international_fixed")
    return Reading()
