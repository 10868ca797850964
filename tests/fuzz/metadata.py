"""The ranges that libphonenumber publishes for a region, matched here.

The gate's reader asks the library what a number is; this module only takes the library's data, so that a mistake in how
the reader asks, or in what it makes of the reply, cannot hide on both sides. A mistake in the data is on both.
"""

import re
from functools import cache, lru_cache

from phonenumbers import PhoneMetadata

GLOBAL_REGION = "001"
"""Region of numbers that belong to the whole world, as RULES 7 writes it."""

_KINDS = (
    *("premium_rate", "shared_cost", "toll_free", "uan", "voicemail", "personal_number", "pager"),
    *("voip", "fixed_line", "mobile"),
)


@cache
def _patterns(code: str, region: str) -> dict[str, tuple[frozenset[int], re.Pattern[str]]]:
    """Of each kind of number, and of all together: how many digits, and which."""
    if region == GLOBAL_REGION:
        metadata = PhoneMetadata.metadata_for_nongeo_region(int(code))
    else:
        metadata = PhoneMetadata.metadata_for_region(region)
    found = {kind: getattr(metadata, kind) for kind in ("general_desc", *_KINDS)}
    return {
        kind: (frozenset(ranges.possible_length), re.compile(ranges.national_number_pattern, re.ASCII))
        for kind, ranges in found.items()
        if ranges is not None and ranges.national_number_pattern
    }


@lru_cache(maxsize=50_000)
def kinds(code: str, region: str, subscriber: str) -> frozenset[str]:
    """Say which of a region's ranges hold a number.

    Args:
        code: the country code.
        region: one of its regions.
        subscriber: the digits behind the country code.

    Returns:
        libphonenumber's names, such as ``premium_rate``; none for a number that the region does not have.
    """
    found = {
        kind
        for kind, (lengths, pattern) in _patterns(code, region).items()
        if len(subscriber) in lengths and pattern.fullmatch(subscriber)
    }
    return frozenset(found - {"general_desc"} if "general_desc" in found else ())


def trunk_of(region: str, subscriber: str) -> str:
    """What the library takes for the trunk prefix in front of a number: ``0``, or ``0`` with more digits, or "".

    Of ``0`` with more digits (a carrier's code, as in Colombia, or the whole number, as in Gabon) only those are
    returned where the zero alone may be what has to go.
    """
    pattern = _trunk_pattern(region)
    found = None if pattern is None else pattern.match(subscriber)
    if found is None or found[0] != "0" + "".join(filter(None, found.groups())):
        return ""
    return found[0]


@cache
def _trunk_pattern(region: str) -> re.Pattern[str] | None:
    metadata = None if region == GLOBAL_REGION else PhoneMetadata.metadata_for_region(region)
    return (
        re.compile(metadata.national_prefix_for_parsing) if metadata and metadata.national_prefix_for_parsing else None
    )
