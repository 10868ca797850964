"""Country codes, and the zero that some people write behind them."""

import pytest

from callgate.rates.country_codes import country_code, has_trunk_zero


@pytest.mark.parametrize(
    ("digits", "code"),
    [("33612", "33"), ("1876", "1"), ("352", "352"), ("35", ""), ("6", ""), ("899", ""), ("999", ""), ("", "")],
)
def test_a_country_code_is_one_that_is_assigned(digits: str, code: str) -> None:
    assert country_code(digits) == code


@pytest.mark.parametrize(
    ("code", "rest", "is_trunk"),
    [
        ("44", "020", True),
        ("44", "20", False),
        ("44", "", False),
        ("39", "06", False),
        ("1", "0", False),
        ("800", "0", False),
        ("81", "03", True),
        ("81", "0", False),
        ("598", "0004", False),
        ("598", "00041", False),
        ("598", "02", True),
    ],
)
def test_a_zero_is_no_part_of_the_number_where_no_number_begins_so(code: str, rest: str, *, is_trunk: bool) -> None:
    assert has_trunk_zero(code, rest) is is_trunk
