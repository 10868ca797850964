"""Country codes: which are assigned, and where a zero behind one is no part of the number (libphonenumber)."""

import re

import phonenumbers
from phonenumbers import PhoneMetadata

COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_MAX_DIGITS = 3
_ZERO_STARTS = re.compile(r"(?:^|\|)(?:\(\?:)?(0[0-9]+)")
"""Literal digits with a zero in front, at the beginning of a choice of a pattern of libphonenumber."""


def country_code(digits: str) -> str:
    """The country code with which digits begin, "" if none is assigned or they are too short for one."""
    heads = (digits[:length] for length in range(1, _MAX_DIGITS + 1))
    return next((head for head in heads if head in COUNTRY_CODES), "")


def has_trunk_zero(code: str, rest: str) -> bool:
    """Tell whether what follows a country code begins with the zero that international forms leave out.

    A few countries that have such a zero have numbers too that begin with one, +598 0004 of Uruguay among them.

    Args:
        code: the country code.
        rest: what follows it.
    """
    metadata = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(int(code)), None)
    if not rest.startswith("0") or metadata is None or metadata.national_prefix != "0":
        return False
    general = metadata.general_desc
    starts = _ZERO_STARTS.findall((general and general.national_number_pattern) or "")
    return not any(start.startswith(rest) or rest.startswith(start) for start in starts)
