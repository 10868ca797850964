"""Which region a country code and the digits behind it belong to: an own small table, for RULES 7.

Where several regions share a code, the digits decide. Taken from the ranges of libphonenumber 9.0.43, and from memory
of the plans for the numbers that its regions claim together.
"""

import re
from functools import cache

import phonenumbers

_CANADA = (
    "204|226|236|249|250|257|263|273|289|306|343|354|365|367|368|382|403|416|418|428|431|437|438|450|468|474|506|514|"
    "519|548|579|581|584|587|604|613|639|647|672|683|705|709|742|753|778|780|782|807|819|825|867|873|879|902|905|942|"
    "600|622|633"
)
SHARED: dict[str, dict[str, str]] = {
    "1": {
        "CA": _CANADA,
        "AG": "268",
        "AI": "264",
        "AS": "684",
        "BB": "246",
        "BM": "441",
        "BS": "242",
        "DM": "767",
        "DO": "809|829|849",
        "GD": "473",
        "GU": "671",
        "JM": "658|876",
        "KN": "869",
        "KY": "345",
        "LC": "758",
        "MP": "670",
        "MS": "664",
        "PR": "787|939",
        "SX": "721",
        "TC": "649",
        "TT": "868",
        "VC": "784",
        "VG": "284",
        "VI": "340",
        "US": "",
    },
    "7": {"KZ": "[67]", "RU": ""},
    "39": {"VA": "06698", "IT": ""},
    "44": {
        "GG": "1481|7781|7839|7911[17]",
        "IM": "1624|74576|7524|7624|7924",
        "JE": "1534|7509|7700[378]|7797|7829|7937",
        "GB": "",
    },
    "47": {"SJ": "79", "NO": ""},
    "61": {"CC": "89162", "CX": "89164", "AU": ""},
    "212": {"EH": "528[89]", "MA": ""},
    "262": {"YT": "269|2689|639|7093[5-9]|9398|9478|9769", "RE": ""},
    "290": {"TA": "8", "SH": ""},
    "358": {"AX": "18", "FI": ""},
    "590": {"BL": "590(?:2[7-9]|3[3-7]|5[12]|87)", "MF": "590(?:0[079]|[14]3|7[79]|30|5[068])", "GP": ""},
    "599": {"BQ": "[347]", "CW": ""},
}
"""By country code: the regions in the order in which they are asked, and how their numbers begin."""

PART_OF = {"BL": "GP", "MF": "GP"}
"""Regions that the plan of their country counts as a part of another: both names are right."""


@cache
def _beginnings(code: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((region, re.compile(digits)) for region, digits in SHARED[code].items())


_ALONE = {
    str(code): regions[0]
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    if str(code) not in SHARED
}
_CODES = _ALONE.keys() | SHARED.keys()


def country_code(digits: str) -> str | None:
    """The country code that an international number begins with, if there is such a one."""
    return next((digits[:length] for length in (1, 2, 3) if digits[:length] in _CODES), None)


def region_of(code: str, subscriber: str) -> str:
    """The region to which the digits behind a country code lead; ``001`` for the codes of the whole world."""
    if code in _ALONE:
        return _ALONE[code]
    return next(region for region, begins in _beginnings(code) if begins.match(subscriber))
