"""Currencies, wherever an operator writes them: a price in another one is never taken for the clinic's."""

import pytest

from callgate.rates import currencies
from callgate.rates.currencies import DOLLAR, Money, currencies_in, part_money, read_currency
from callgate.rates.findings import Problem, UnusableError


@pytest.mark.parametrize(
    ("cell", "figures", "currency"),
    [
        ("0,05", "0,05", ""),
        ("0,05 €", "0,05", "EUR"),
        ("€0.05", "0.05", "EUR"),
        ("£ 0.05", "0.05", "GBP"),
        ("$0.05", "0.05", DOLLAR),
        ("US$0.05", "0.05", "USD"),
        ("CHF 0.10", "0.10", "CHF"),
        ("0.10 dkk", "0.10", "DKK"),
        ("0,05 euros", "0,05", "EUR"),
        ("€ 0,05 EUR", "0,05", "EUR"),
        ("€ 0,05 USD", "€ 0,05 USD", ""),
        ("0,05 € TTC", "0,05 € TTC", ""),
        ("0,05 HTVA", "0,05 HTVA", ""),
        ("gratuit", "gratuit", ""),
        ("0€05", "0€05", ""),
        ("", "", ""),
        ("€" + " " * 50, "", "EUR"),
        ("€" + "1" * 50, "€" + "1" * 50, ""),
    ],
)
def test_an_amount_is_parted_from_the_currency_beside_it(cell: str, figures: str, currency: str) -> None:
    assert part_money(cell) == Money(figures=figures, currency=currency)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("Prix TTC", ""),
        ("Prix HT (€/min)", "EUR"),
        ("Prix en euros", "EUR"),
        ("Price USD", "USD"),
        ("price (usd)", "USD"),
        ("Price in $", DOLLAR),
        ("Price (US$)", "USD"),
        ("Price CAD/min", "CAD"),
        ("Price EUR (USD on demand)", "EUR USD"),
        ("Price to all countries", ""),
        ("Prix SOS", "SOS"),
        ("c€/min", "EUR"),
        ("Pence per minute", "GBP"),
    ],
)
def test_a_header_names_the_currencies_of_its_amounts(header: str, named: str) -> None:
    assert currencies_in(header) == set(named.split())


@pytest.mark.parametrize(
    ("cell", "currency"),
    [("EUR", "EUR"), ("eur", "EUR"), ("€", "EUR"), ("Euros", "EUR"), ("$", "USD"), ("US$", "USD"), ("dollars", "USD")],
)
def test_a_currency_is_its_code_or_its_sign(cell: str, currency: str) -> None:
    assert read_currency(cell) == currency


@pytest.mark.parametrize("cell", ["XXX", "EURO!", ""])
def test_what_is_no_currency_is_refused(cell: str) -> None:
    with pytest.raises(UnusableError) as caught:
        read_currency(cell)
    assert caught.value.kind is Problem.UNKNOWN_CURRENCY


def test_the_currencies_in_use_are_known() -> None:
    assert {"EUR", "USD", "GBP", "CHF", "CAD", "AUD", "MAD", "XOF", "XPF"} <= currencies.CURRENCIES
    assert "888" not in currencies.CURRENCIES
