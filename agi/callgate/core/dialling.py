"""What a dialled string means: one number that will be billed, its region and its class.

Nothing raises here: whatever the string holds, it has one meaning, and a string that has none is `invalid`. The home
country's numbers come from its plan; `phonenumbers` is asked about foreign numbers only, and never about emergency.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from callgate.core.plan import Family, InService, NumberClass, NumberPlan, Presentation, PriceCap

__all__ = [
    "DIALLED_MAX_CHARACTERS",
    "FULL_WIDTH_PLUS",
    "SEPARATORS",
    "Destination",
    "NumberClass",
    "preload",
    "read_dialled",
]

DIALLED_MAX_CHARACTERS = 255
"""Longer strings are invalid unread."""

READINGS_KEPT = 32_768
"""So many readings are remembered, about 0.5 KB each. `phonenumbers` needs 0.2 ms for a number of a mix of regions: its
expressions drive each other out of their cache."""

EXTENSION_MAX_DIGITS = 5
_E164_MAX_DIGITS = 15

SEPARATORS = " .-()\u00a0\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2212\uff0d"
"""Space and the no-break and thin spaces, dot, hyphens and the dashes pasted for them, parentheses."""
FULL_WIDTH_PLUS = "\uff0b"

_SPELLING = str.maketrans(dict.fromkeys(SEPARATORS) | {FULL_WIDTH_PLUS: "+"})
_URI = re.compile(r"(?:tel:([^?]*)|sips?:([^@?]*)@[\w.:\[\]-]+(?:;[\w.=-]+)*)", re.ASCII | re.IGNORECASE)
_PARAMETER = re.compile(r"(?:(?P<ext>ext=[0-9]+)|phone-context=(?P<context>\+[0-9]+))", re.IGNORECASE)
_DIALLED = re.compile(r"(?P<body>[0-9+*#]+)(?P<after>;ext=[0-9]+|[xpw][0-9*#xpw]*)?")
_NUMBER = re.compile(r"\+?[0-9]+")
_EXTENSION = re.compile(rf"[0-9]{{1,{EXTENSION_MAX_DIGITS}}}")

# International networks and services (ITU-T E.164, list of assigned country codes): no country, one class everywhere.
# A code that is not here is refused, also +888, which was reclaimed.
_GLOBAL_CLASS: Mapping[int, NumberClass] = {
    800: NumberClass.FREEPHONE,
    808: NumberClass.SHARED_COST,
    870: NumberClass.SATELLITE_GLOBAL,
    878: NumberClass.SATELLITE_GLOBAL,
    881: NumberClass.SATELLITE_GLOBAL,
    882: NumberClass.SATELLITE_GLOBAL,
    883: NumberClass.SATELLITE_GLOBAL,
    979: NumberClass.INTERNATIONAL_PREMIUM,
}
# What is not plainly fixed, mobile or personal has a price that nobody can tell from here: premium.
_FOREIGN_CLASS: Mapping[int, NumberClass] = {
    PhoneNumberType.FIXED_LINE: NumberClass.INTERNATIONAL_FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberClass.INTERNATIONAL_FIXED,
    PhoneNumberType.VOIP: NumberClass.INTERNATIONAL_FIXED,
    PhoneNumberType.MOBILE: NumberClass.INTERNATIONAL_MOBILE,
    PhoneNumberType.PERSONAL_NUMBER: NumberClass.PERSONAL_NUMBER,
    PhoneNumberType.PAGER: NumberClass.M2M_PAGER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a call would go.

    Fields:
        number: E.164 with ``+`` of the party that is billed; a short code's digits; an extension or feature code as
            dialled; "" when invalid.
        region: ISO 3166 region where the money goes, ``001`` for global codes, "" for internal and invalid.
        number_class: seen from the home country.
        must_reach: the plan names it as a line that must be reached.
        withheld: a caller-id code was dialled that hides the caller's number.
        cap: the most it may cost, where the plan says so.
    """

    number: str
    region: str
    number_class: NumberClass
    must_reach: bool = False
    withheld: bool = False
    cap: PriceCap | None = None


_INVALID = Destination(number="", region="", number_class=NumberClass.INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A dialled string without its caller-id codes."""

    text: str
    withheld: bool


def read_dialled(dialled: str, *, plan: NumberPlan, outside_prefix: str) -> Destination:
    """Find out what was dialled.

    The order is DESIGN section 4: characters, caller-id codes, emergency, feature codes, extension, one outside prefix,
    short codes, national and international numbers. The rules are those of numbers/RULES.md.

    Args:
        dialled: any text at all.
        plan: of the home country.
        outside_prefix: what the entry point's users dial before an outside number, or "" where none is left to strip.
    """
    return _INVALID if len(dialled) > DIALLED_MAX_CHARACTERS else _read(dialled, plan, outside_prefix)


@lru_cache(maxsize=READINGS_KEPT)
def _read(dialled: str, plan: NumberPlan, outside_prefix: str) -> Destination:
    uri = _URI.fullmatch(dialled.strip(" "))
    text = _subscriber(uri[1] or uri[2] or "") if uri else dialled
    read = _DIALLED.fullmatch(_ascii(text))
    if read is None:
        return _INVALID
    found = _read_body(read["body"], plan, outside_prefix, is_uri=uri is not None)
    # Digits for after the answer belong to a full number: no emergency number, short code or extension carries any.
    return _INVALID if read["after"] and not found.number.startswith("+") else found


def preload() -> None:
    """Warm `phonenumbers` for every region (100 to 140 ms), so that no call pays for it; call it at daemon start."""
    examples = [phonenumbers.example_number(region) for region in phonenumbers.SUPPORTED_REGIONS]
    examples += [
        phonenumbers.example_number_for_non_geo_entity(code) for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS
    ]
    for example in filter(None, examples):
        number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        _read_foreign(number.removeprefix("+"), NumberClass.INTERNATIONAL_PREMIUM)


def _subscriber(text: str) -> str:
    """Write the number part of a URI as a person would dial it; what cannot be dialled stays, and is invalid later."""
    number, *parameters = text.split(";")
    found = [_PARAMETER.fullmatch(parameter) for parameter in parameters]
    read = [parameter for parameter in found if parameter is not None]
    if len(read) < len(parameters):
        return text
    contexts = [parameter["context"] for parameter in read if parameter["context"]]
    extensions = [f";{parameter['ext'].lower()}" for parameter in read if parameter["ext"]]
    return "".join((*contexts, number, *extensions))


def _ascii(text: str) -> str:
    """Drop separators and write every Unicode decimal digit as ASCII; anything else stays as it is."""
    spelled = text.translate(_SPELLING)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in spelled)


def _read_body(body: str, plan: NumberPlan, outside_prefix: str, *, is_uri: bool) -> Destination:
    outer = _cut_caller_id_codes(body, plan)
    if outer.text.startswith(("*", "#")):
        return _internal(body)
    bare = outer.text.removesuffix("#")
    inner = _cut_caller_id_codes(bare.removeprefix(outside_prefix), plan)
    found = _read_emergency(bare, plan) or _read_emergency(inner.text, plan)
    if found is None:
        if is_uri or bare.startswith("+"):  # neither needs an outside prefix (RULES 1)
            found = _read_public(bare, plan)
        elif bare.startswith(outside_prefix):
            found = _read_public(inner.text, plan)
        else:
            found = _internal(bare) if _EXTENSION.fullmatch(bare) else _INVALID
    # Extension 3114 is not the helpline 3114: a line that must be reached has a region.
    must_reach = found.region != "" and found.number in plan.must_reach_numbers
    return replace(found, must_reach=must_reach, withheld=outer.withheld or inner.withheld)


def _internal(number: str) -> Destination:
    return Destination(number=number, region="", number_class=NumberClass.INTERNAL_FEATURE)


def _cut_caller_id_codes(text: str, plan: NumberPlan) -> _Cut:
    """Take off every leading caller-id code.

    It is one only before a number, and no number has a single digit: ``*31#`` and ``3651`` alone stay as they are.
    """
    withheld = False
    while code := next((code for code in plan.caller_id_codes if _precedes(code.code, text)), None):
        text = text.removeprefix(code.code)
        withheld = withheld or code.presentation is Presentation.WITHHELD
    return _Cut(text=text, withheld=withheld)


def _precedes(code: str, text: str) -> bool:
    return text.startswith(code) and len(text) > len(code) + 1


def _read_emergency(text: str, plan: NumberPlan) -> Destination | None:
    """Match the emergency set exactly, also behind the home country's own code: some phones dial so (RULES 2)."""
    codes = (f"+{plan.dial_code}", *(f"{prefix}{plan.dial_code}" for prefix in plan.international_prefixes))
    for digits in (text, *(text.removeprefix(code) for code in codes)):
        if digits in plan.emergency_numbers:
            return Destination(number=digits, region=plan.country, number_class=NumberClass.EMERGENCY)
    return None


def _read_public(text: str, plan: NumberPlan) -> Destination:
    if not _NUMBER.fullmatch(text):
        return _INVALID
    entry = plan.range_of(text)
    if entry is not None and not isinstance(entry, Family):
        return Destination(number=text, region=plan.country, number_class=entry.number_class, cap=entry.price_cap)
    for prefix in ("+", *plan.international_prefixes):
        if text.startswith(prefix):
            return _read_international(text.removeprefix(prefix), plan)
    spellings = (text, plan.trunk_prefix + text) if plan.trunk_optional else (text,)
    found = (_read_national(national, plan) for national in spellings)
    return next((destination for destination in found if destination is not _INVALID), _INVALID)


def _read_national(national: str, plan: NumberPlan) -> Destination:
    entry = plan.range_of(national)
    found = _of_family(entry, national, plan) if isinstance(entry, Family) else None
    if found is None and national.startswith(plan.trunk_prefix):
        found = _read_shared(national.removeprefix(plan.trunk_prefix), plan)
    return found or _INVALID


def _of_family(family: Family, national: str, plan: NumberPlan) -> Destination | None:
    number = f"+{plan.dial_codes[family.region]}{national.removeprefix(plan.trunk_of(family))}"
    if family.in_service is InService.LIBPHONENUMBER and not _is_in_service(number, family.region):
        return None
    return Destination(number=number, region=family.region, number_class=family.number_class, cap=family.price_cap)


def _read_shared(significant: str, plan: NumberPlan) -> Destination | None:
    """Read a number under the home country code that is another region's."""
    if not plan.shared_with:
        return None
    found = _read_foreign(plan.dial_code + significant, plan.foreign_tollfree)
    return found if found.region in plan.shared_with else None


def _read_international(digits: str, plan: NumberPlan) -> Destination:
    """Read what follows ``+``: a number under one of the plan's own codes by the plan, any other as foreign."""
    code = next((code for code in plan.dial_codes.values() if digits.startswith(code)), None)
    if code is None:
        return _read_foreign(digits, plan.foreign_tollfree)
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
        return _read_shared(significant, plan) or _INVALID
    if code in {plan.dial_codes[region] for region in plan.overseas}:
        return _INVALID
    return _read_foreign(digits, plan.foreign_tollfree)


def _is_in_service(number: str, region: str) -> bool:
    return phonenumbers.is_valid_number_for_region(phonenumbers.parse(number), region)


def _read_foreign(digits: str, tollfree: NumberClass) -> Destination:
    """Ask `phonenumbers`; of its readings only the number as dialled is taken, or without one trunk 0 (RULES 6)."""
    if len(digits) > _E164_MAX_DIGITS + 1:
        return _INVALID
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return _INVALID
    code, significant = str(parsed.country_code), phonenumbers.national_significant_number(parsed)
    if digits not in {code + significant, f"{code}0{significant}"}:
        return _INVALID
    region = phonenumbers.region_code_for_number(parsed)
    number_class = None if region is None else _foreign_class(parsed, region, tollfree)
    if region is None or number_class is None:
        return _INVALID
    return Destination(number=f"+{code}{significant}", region=region, number_class=number_class)


def _foreign_class(parsed: phonenumbers.PhoneNumber, region: str, tollfree: NumberClass) -> NumberClass | None:
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN:  # so it says of a number that its region does not have
        return None
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return _GLOBAL_CLASS.get(parsed.country_code or 0)
    if kind == PhoneNumberType.TOLL_FREE:
        return tollfree
    return _FOREIGN_CLASS.get(kind, NumberClass.INTERNATIONAL_PREMIUM)
