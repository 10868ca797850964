"""The table of regions, held against the numbers that libphonenumber gives as examples of each region."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from fuzz.metadata import kinds
from fuzz.regions import SHARED, country_code, region_of

SHARED_REGIONS = sorted(
    (str(code), region)
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    for region in regions
    if len(regions) > 1
)
ANOTHERS = ("590", "MF")
"""Saint-Martin's example is a number that Saint-Barthelemy has, too."""


def test_the_table_names_every_region_that_shares_a_country_code() -> None:
    assert sorted((code, region) for code, regions in SHARED.items() for region in regions) == SHARED_REGIONS


@pytest.mark.parametrize(("code", "region"), [found for found in SHARED_REGIONS if found != ANOTHERS])
def test_the_example_number_of_a_region_is_its_own_and_exists(code: str, region: str) -> None:
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.FIXED_LINE)
    assert example is not None
    subscriber = phonenumbers.national_significant_number(example)
    assert country_code(code + subscriber) == code
    assert region_of(code, subscriber) == region
    assert "fixed_line" in kinds(code, region, subscriber)
