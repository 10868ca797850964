"""One cell at a time: what operators write for an amount, a duration, a day, a tax, a name."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.rates import cells
from callgate.rates.findings import Place, Problem, UnusableError
from rates.samples import said

LONG = "1" * 41


@pytest.mark.parametrize(
    ("cell", "sign", "amount"),
    [
        ("0.05", "", "0.05"),
        ("0,05", "", "0.05"),
        (",05", "", "0.05"),
        ("5", "", "5"),
        ("0,05 €", ",", "0.05"),
        ("€ 0.05", ".", "0.05"),
        ("0,05 EUR", ",", "0.05"),
        ("0,05 euros", ",", "0.05"),
        ("0.05 cad", ".", "0.05"),
        ("£0.05 GBP", ".", "0.05"),
        ("12 345,5", ",", "12345.5"),
        ("12\u202f345,5", ",", "12345.5"),
        ("1'234.50", ".", "1234.50"),
        ("1.234,56", ",", "1234.56"),
        ("1,234,567.8", ".", "1234567.8"),
        ("1,234", "", "1.234"),
        ("1,234", ",", "1.234"),
        ("1,234", ".", "1234"),
        ("0,234", ".", "0.234"),
        ("gratuit", "", "0"),
        ("Inclus", "", "0"),
        ("0.000000000001", "", "0.000000000001"),
    ],
)
def test_an_amount_is_read_in_french_and_in_english(cell: str, sign: str, amount: str) -> None:
    assert cells.read_amount(cell, sign) == Fraction(amount)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("-0,05", Problem.NEGATIVE_AMOUNT),
        ("\u22120.05", Problem.NEGATIVE_AMOUNT),
        ("(0.05)", Problem.NEGATIVE_AMOUNT),
        ("", Problem.BAD_AMOUNT),
        ("€", Problem.BAD_AMOUNT),
        ("n/a", Problem.BAD_AMOUNT),
        ("NaN", Problem.BAD_AMOUNT),
        ("0€05", Problem.BAD_AMOUNT),
        ("0'05", Problem.BAD_AMOUNT),
        ("0,0 5", Problem.BAD_AMOUNT),
        ("$0.05 USD", Problem.BAD_AMOUNT),
        ("0,05 HTVA", Problem.BAD_AMOUNT),
        ("5 ct", Problem.BAD_AMOUNT),
        ("1e-3", Problem.BAD_AMOUNT),
        ("0.0.5", Problem.BAD_AMOUNT),
        ("1.2345,6", Problem.BAD_AMOUNT),
        ("\u0663", Problem.BAD_AMOUNT),
        (LONG, Problem.BAD_AMOUNT),
    ],
)
def test_what_is_no_amount_is_refused(cell: str, kind: Problem) -> None:
    with pytest.raises(UnusableError) as caught:
        cells.read_amount(cell, "")
    assert caught.value.kind is kind
    assert said(caught.value.at(Place()))


@pytest.mark.parametrize(
    ("amounts", "sign"),
    [
        (["0,05", "1,234"], ","),
        (["0.05", "1.234"], "."),
        (["1,234"], ""),
        (["5", "gratuit"], ""),
        (["0,05", "0.05"], ""),
        ([], ""),
    ],
)
def test_the_decimal_sign_is_that_of_the_amounts_with_one_reading_only(amounts: list[str], sign: str) -> None:
    assert cells.decimal_sign(amounts) == sign


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("60", 60),
        ("30 s", 30),
        ("30s", 30),
        ("1 min", 60),
        ("2mn", 120),
        ("6 secondes", 6),
        ("60.0", 60),
        ("min", 60),
        ("Seconde", 1),
    ],
)
def test_a_duration_is_read_in_seconds_and_minutes(cell: str, seconds: int) -> None:
    assert cells.read_seconds(cell) == seconds


@pytest.mark.parametrize(
    ("cell", "is_end", "day"),
    [
        ("2026-12-31", True, date(2026, 12, 31)),
        ("2026-12-31T00:00:00Z", False, date(2026, 12, 31)),
        ("2027-01-01 00:00:00", True, date(2026, 12, 31)),
        ("2026-12-31 23:59:59", True, date(2026, 12, 31)),
        ("0001-01-01 00:00:00", True, date.min),
        ("31/12/2026", True, date(2026, 12, 31)),
        ("1.2.2026", False, date(2026, 2, 1)),
        ("01-02-26", False, date(2026, 2, 1)),
        ("01/01/2027 00:00", True, date(2026, 12, 31)),
    ],
)
def test_a_day_is_read_as_written_in_france_and_by_databases(cell: str, *, is_end: bool, day: date) -> None:
    assert cells.read_day(cell, is_end=is_end, day_first=True) == day


def test_a_day_that_may_be_a_month_is_refused_in_north_america() -> None:
    with pytest.raises(UnusableError):
        cells.read_day("01/02/2026", is_end=False, day_first=False)


@pytest.mark.parametrize(
    ("cell", "tax"), [("0.20", "0.2"), ("20", "0.2"), ("20 %", "0.2"), ("5,5 %", "0.055"), ("0", "0"), ("1", "1")]
)
def test_a_tax_is_a_share_or_per_cent(cell: str, tax: str) -> None:
    assert cells.read_tax(cell) == Fraction(tax)


@pytest.mark.parametrize(
    ("label", "read"),
    [
        (["France,  mobiles"], "France, mobiles"),
        (["Maroc\u00a0fixe"], "Maroc fixe"),
        (["Maroc", "mobile"], "Maroc mobile"),
        (["- Belgique"], "Belgique"),
        (["+33 France"], "33 France"),
        (["x" * 200], "x" * 100),
        ([], ""),
    ],
)
def test_a_label_is_made_to_fit_the_deck(label: list[str], read: str) -> None:
    assert cells.read_label(label) == read


@pytest.mark.parametrize(
    ("read", "cell", "kind"),
    [
        (cells.read_seconds, "", Problem.BAD_SECONDS),
        (cells.read_seconds, "-1", Problem.BAD_SECONDS),
        (cells.read_seconds, "6.5", Problem.BAD_SECONDS),
        (cells.read_tax, "250", Problem.BAD_TAX),
        (cells.read_tax, "-20", Problem.BAD_TAX),
        (cells.read_tax, "TVA", Problem.BAD_TAX),
        (lambda cell: cells.read_label([cell]), "=cmd|'/c calc'!A0", Problem.BAD_LABEL),
        (lambda cell: cells.read_label([cell]), "@SUM(A1)", Problem.BAD_LABEL),
        (lambda cell: cells.read_label([cell]), "+=1+1", Problem.BAD_LABEL),
        (lambda cell: cells.read_label([cell]), "\u202eFrance", Problem.BAD_LABEL),
        (lambda cell: cells.read_day(cell, is_end=True, day_first=True), "2026-13-01", Problem.BAD_DAY),
        (lambda cell: cells.read_day(cell, is_end=True, day_first=True), "31/02/2026", Problem.BAD_DAY),
        (lambda cell: cells.read_day(cell, is_end=True, day_first=True), "demain", Problem.BAD_DAY),
    ],
)
def test_what_has_no_meaning_is_refused(read: Callable[[str], object], cell: str, kind: Problem) -> None:
    with pytest.raises(UnusableError) as caught:
        read(cell)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("cell", "empty"), [("", True), (" ", True), ("NULL", True), ("0000-00-00", True), ("0", False)]
)
def test_what_databases_write_for_nothing_is_empty(cell: str, *, empty: bool) -> None:
    assert cells.is_empty(cell) is empty


@given(st.text(max_size=60), st.sampled_from(["", ",", "."]))
def test_any_text_is_an_amount_from_0_on_or_refused(cell: str, sign: str) -> None:
    with suppress(UnusableError):
        assert cells.read_amount(cell, sign) >= 0
