"""Foreign numbers, read by `phonenumbers`: the party that is billed, its region, and its class seen from home."""

import re
from collections.abc import Mapping

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from callgate.core.destination import INVALID, Destination
from callgate.core.plan import NumberClass

_E164_MAX_DIGITS = 15

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
# Numbers that are dialled at home only: Canada's 310 and four digits.
_NOT_FROM_ABROAD = re.compile(r"1\d{7}", re.ASCII)
# Where `phonenumbers` names the main region of a code shared with another: Western Sahara, Jersey and the Isle of Man,
# by the plans of their country codes; and 098, British there. A test holds the list to the plans.
_REGION = re.compile(
    r"(?P<EH>212528[89]\d+)"
    r"|(?P<JE>44(?=\d{10}$)(?:300(?:735|781)|308901|3444(?:05|42|69)|344703|345(?:041|800)|370002|371206|800(?:735|781)|808901"
    r"|8444(?:05|42|69)|844703|845(?:041|800)|870002|871206|90066[59]|901810|907(?:107|155))\d+)"
    r"|(?P<IM>44(?=\d{10}$)(?:7924|[38]08162|[38]440[49]06|[38]45624|[38]70624|[38]72299|90[0167]624)\d+)"
    r"|(?P<GB>4498\d+)",
    re.ASCII,
)
# Dear numbers that `phonenumbers` takes for plain ones. Each is in the plan of its country with its source, and a test
# holds this list to every plan: pay-per-call exchanges and paid enquiries of North America, Canada's 600, the satellite
# numbers of Australia, 055 and 056 in Great Britain, mass calling and satellite resale in Italy, 7 in Luxembourg.
_DEAR = re.compile(
    r"(?P<premium>1[2-9]\d\d(?:976\d{4}|5551212)|44(?:55|56)\d{8}|39(?:0[37]69|0878|319)\d+)"
    r"|(?P<personal>1600\d{7}|3527\d{7,})"
    r"|(?P<satellite>6114\d{7})",
    re.ASCII,
)
_PAY_PER_CALL = re.compile(r"1\d{3}(?:976|555)", re.ASCII)
# How many digits after the country code a row of a deck needs to be about another region of the code, and how many in
# all to be about dear numbers (4 unless said otherwise). Regions that operators price like the main one are not here.
_REGION_DIGITS = {"1": 3, "44": 4, "7": 1, "599": 1}
_DEAR_DIGITS = {"39": 5, "449": 3}
_EXCHANGE_DIGITS = 6
_PLAIN = frozenset({NumberClass.INTERNATIONAL_FIXED, NumberClass.INTERNATIONAL_MOBILE})
_DEAR_CLASS = {
    "premium": NumberClass.INTERNATIONAL_PREMIUM,
    "personal": NumberClass.PERSONAL_NUMBER,
    "satellite": NumberClass.SATELLITE_GLOBAL,
}


def read_foreign(digits: str, tollfree: NumberClass) -> Destination:
    """Read what follows ``+`` of a foreign number.

    Only the number as dialled is taken, or without one trunk 0 (RULES 6), whatever else `phonenumbers` reads.

    Args:
        digits: ASCII digits.
        tollfree: the class of another country's toll-free numbers.
    """
    if len(digits) > _E164_MAX_DIGITS + 1:
        return INVALID
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return INVALID
    code, significant = str(parsed.country_code), phonenumbers.national_significant_number(parsed)
    if digits not in {code + significant, f"{code}0{significant}"}:
        # It took off what it holds for a trunk prefix: the 8 of 810, with which Belarus's premium numbers begin.
        significant = digits.removeprefix(code)
        parsed = PhoneNumber(country_code=parsed.country_code, national_number=int(significant))
        if phonenumbers.national_significant_number(parsed) != significant:
            return INVALID
    if _NOT_FROM_ABROAD.fullmatch(code + significant):
        return INVALID
    own = _REGION.fullmatch(code + significant)
    region = own.lastgroup if own is not None else phonenumbers.region_code_for_number(parsed)
    number_class = None if region is None else _foreign_class(parsed, region, tollfree)
    if region is None or number_class is None:
        return INVALID
    dear = _DEAR.fullmatch(code + significant)
    if dear is not None and dear.lastgroup is not None:
        number_class = _DEAR_CLASS[dear.lastgroup]
    return Destination(
        number=f"+{code}{significant}",
        region=region,
        number_class=number_class,
        opening=_opening(code, significant, region, number_class),
    )


def _opening(code: str, significant: str, region: str, number_class: NumberClass) -> int:
    """Count the first digits without which a rate is about plainer lines of the same country code."""
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return 0
    if number_class not in _PLAIN:
        if _PAY_PER_CALL.match(code + significant):
            return len(code) + _EXCHANGE_DIGITS
        return _DEAR_DIGITS.get(code + significant[0], _DEAR_DIGITS.get(code, 4))
    is_main = region in {phonenumbers.region_code_for_country_code(int(code)), "CA"}  # "+1 USA/Canada" is one row
    return 0 if is_main or code not in _REGION_DIGITS else len(code) + _REGION_DIGITS[code]


def is_in_service(number: str, region: str) -> bool:
    """Tell whether `phonenumbers` knows this number, in E.164 with ``+``, as one of the region."""
    return phonenumbers.is_valid_number_for_region(phonenumbers.parse(number), region)


def preload() -> None:
    """Warm `phonenumbers` for every region (100 to 140 ms), so that no call pays for it; call it at daemon start."""
    examples = [phonenumbers.example_number(region) for region in phonenumbers.SUPPORTED_REGIONS]
    examples += [
        phonenumbers.example_number_for_non_geo_entity(code) for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS
    ]
    for example in filter(None, examples):
        number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        read_foreign(number.removeprefix("+"), NumberClass.INTERNATIONAL_PREMIUM)


def _foreign_class(parsed: phonenumbers.PhoneNumber, region: str, tollfree: NumberClass) -> NumberClass | None:
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN:  # so it says of a number that its region does not have
        return None
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return _GLOBAL_CLASS.get(parsed.country_code or 0)
    if kind == PhoneNumberType.TOLL_FREE:
        return tollfree
    return _FOREIGN_CLASS.get(kind, NumberClass.INTERNATIONAL_PREMIUM)
