"""Money: what an amount is worth in micros, and how it is written back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.money import AMOUNT_MAX_MICROS, ceil_div, format_amount, parse_amount


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("0.00", 0),
        ("5", 5_000_000),
        ("5.00", 5_000_000),
        ("0.5", 500_000),
        ("0.000001", 1),
        ("007", 7_000_000),
        ("1000000", AMOUNT_MAX_MICROS),
        ("1000000.000000", AMOUNT_MAX_MICROS),
    ],
)
def test_an_amount_is_worth_its_micros(text: str, micros: int) -> None:
    assert parse_amount(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1e3",
        "NaN",
        "inf",
        "5,00",
        "5.",
        ".5",
        " 5",
        "5\n",
        "1 000",
        "0.0000001",
        "12345678",
        "\u0665",
        "5.\u0665",
    ],
)
def test_what_is_not_an_amount_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r'such as "5\.00"'):
        parse_amount(text)


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e5", "5\x9b"])
def test_what_is_not_an_amount_cannot_play_with_the_terminal_that_shows_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount of money") as raised:
        parse_amount(text)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("text", ["1000000.000001", "9999999"])
def test_an_amount_above_a_million_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than the largest amount"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (5_000_000, "5.00"),
        (12_500_000, "12.50"),
        (1, "0.000001"),
        (-1_250_000, "-1.25"),
        (-1, "-0.000001"),
    ],
)
def test_an_amount_is_written_with_at_least_two_decimals(micros: int, text: str) -> None:
    assert format_amount(micros) == text


@given(st.integers(0, AMOUNT_MAX_MICROS))
def test_an_amount_that_was_written_reads_the_same(micros: int) -> None:
    assert parse_amount(format_amount(micros)) == micros


@given(st.integers(0, 10**15), st.integers(1, 10**6))
def test_division_never_rounds_in_the_callers_favour(dividend: int, divisor: int) -> None:
    quotient = ceil_div(dividend, divisor)
    assert (quotient - 1) * divisor < dividend <= quotient * divisor
