"""Which header means what: what operators call their columns, in two languages, and what software calls them."""

import pytest

from callgate.rates.columns import LAYOUTS, Column, Format, Headings, Taxed
from callgate.rates.findings import Problem, UnusableError
from callgate.rates.header import COLUMNS_MAX, of_header


def read(header: str, wanted: Format | None = None) -> Headings:
    found = of_header(header.split(";"), wanted)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("label", Column.LABEL),
        ("Libellé", Column.LABEL),
        ("Pays", Column.LABEL),
        ("connect_fee", Column.CONNECT),
        ("Coût de mise en relation", Column.CONNECT),
        ("Mise en relation (€/appel)", Column.CONNECT),
        ("Charge d'établissement", Column.CONNECT),
        ("Setup fee", Column.CONNECT),
        ("Prix par appel", Column.CONNECT),
        ("Price per call", Column.CONNECT),
        ("TVA", Column.TAX),
        ("Devise", Column.CURRENCY),
        ("first_increment_s", Column.FIRST_INCREMENT),
        ("1er palier", None),
        ("Premier palier (s)", Column.FIRST_INCREMENT),
        ("Durée minimale", Column.FIRST_INCREMENT),
        ("increment_s", Column.INCREMENT),
        ("Pas de facturation", Column.INCREMENT),
        ("Facturation", Column.INCREMENTS),
        ("Secondes incluses", Column.INCLUDED_S),
        ("Date d'effet", Column.VALID_FROM),
        ("Valable jusqu'au", Column.VALID_TO),
        ("Plage horaire", Column.HOURS),
        ("Remarques", None),
        ("Prix SMS", None),
        ("", None),
    ],
)
def test_a_column_is_known_by_its_words_whatever_their_accents_and_signs(name: str, column: Column | None) -> None:
    taken = read(f"Préfixe;{name};Prix").taken
    assert [heading.column for heading in taken] == [
        found for found in (Column.PREFIX, column, Column.PER_MINUTE) if found
    ]


@pytest.mark.parametrize("name", ["prefix", "Préfixe", "Préfixes", "Indicatif", "Code", "Dial code", "Code pays"])
def test_the_prefix_has_many_names(name: str) -> None:
    assert read(f"{name};Prix").has(Column.PREFIX)


@pytest.mark.parametrize(
    ("name", "column", "taxed"),
    [
        ("per_minute", Column.PER_MINUTE, Taxed.UNSAID),
        ("Prix", Column.PER_MINUTE, Taxed.UNSAID),
        ("Tarif HT", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix HT (€/min)", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix hors taxes", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix H.T.", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix H. T. (€/min)", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix T.T.C.", Column.PER_MINUTE, Taxed.INCLUDED),
        ("Price ex VAT", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Price inc VAT", Column.PER_MINUTE, Taxed.INCLUDED),
        ("Price without including VAT", Column.PER_MINUTE, Taxed.UNSAID),
        ("Prix net", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix net TTC", Column.PER_MINUTE, Taxed.INCLUDED),
        ("Prix hors forfait", Column.PER_MINUTE, Taxed.UNSAID),
        ("Price incl. connection", Column.CONNECT, Taxed.UNSAID),
        ("Price (VAT included)", Column.PER_MINUTE, Taxed.INCLUDED),
        ("Price (VAT not included)", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Price not including VAT", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix TVA comprise", Column.PER_MINUTE, Taxed.INCLUDED),
        ("Prix TVA non comprise", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix TTC", Column.PER_MINUTE, Taxed.INCLUDED),
        ("Coût de l'appel à la minute", Column.PER_MINUTE, Taxed.UNSAID),
        ("Price per minute excl. VAT", Column.PER_MINUTE, Taxed.WITHOUT),
        ("Prix à la seconde", Column.PER_SECOND, Taxed.UNSAID),
        ("Price per sec", Column.PER_SECOND, Taxed.UNSAID),
        ("Prix pour 30 secondes", Column.PER_SECOND, Taxed.UNSAID),
        ("Prix de l'unité", Column.PER_UNIT, Taxed.UNSAID),
        ("Price per pulse", Column.PER_UNIT, Taxed.UNSAID),
        ("Prix par impulsion (20 s)", Column.PER_UNIT, Taxed.UNSAID),
        ("Price per block", Column.PER_UNIT, Taxed.UNSAID),
        ("Price per half minute", Column.PER_UNIT, Taxed.UNSAID),
        ("Prix heures pleines TTC", Column.PEAK, Taxed.INCLUDED),
        ("Tarif HP", Column.PEAK, Taxed.UNSAID),
        ("Peak", Column.PEAK, Taxed.UNSAID),
        ("Off-peak rate", Column.OFF_PEAK, Taxed.UNSAID),
        ("Heures creuses", Column.OFF_PEAK, Taxed.UNSAID),
        ("Week-end", Column.OFF_PEAK, Taxed.UNSAID),
        ("Prix nuit", Column.OFF_PEAK, Taxed.UNSAID),
        ("Daytime", Column.PEAK, Taxed.UNSAID),
    ],
)
def test_a_price_says_its_unit_its_hours_and_its_tax(name: str, column: Column, taxed: Taxed) -> None:
    found = read(f"Préfixe;{name};Prix par impulsion" if column is Column.CONNECT else f"Préfixe;{name}")
    assert found.taken[1].column is column
    assert found.taken[1].taxed is taxed


@pytest.mark.parametrize(
    ("name", "currencies", "is_cents"),
    [
        ("Prix (€)", "EUR", False),
        ("Price USD", "USD", False),
        ("Prix (EUR, USD sur demande)", "EUR USD", False),
        ("Prix", "", False),
        ("Prix en centimes", "", True),
        ("Prix TTC (ct/min)", "", True),
        ("Prix HT EUR cts", "EUR", True),
        ("Prix (c€)", "EUR", True),
        ("Price in cents per minute", "", True),
        ("Cents par minute", "", True),
        ("Price (¢/min)", "", True),
        ("Pence per minute", "GBP", True),
        ("Prix TTC en € (arrondi au centime)", "EUR", False),
        ("Prix arrondi au centime par minute", "", False),
        ("Price (rounded to cents per minute)", "", False),
        ("Prix au centime par minute", "", False),
        ("Prix (remise 10 pour cent)", "", False),
        ("Prix (10 pour cent par minute)", "", False),
    ],
)
def test_a_price_says_its_currencies_and_cents_as_its_unit(name: str, currencies: str, *, is_cents: bool) -> None:
    found = read(f"Préfixe;{name}")
    assert found.currencies == set(currencies.split())
    assert found.taken[1].is_cents is is_cents


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Préfixe;Prix;Unité (s)", Column.PER_UNIT),
        ("Préfixe;price;unit", Column.PER_UNIT),
        ("Préfixe;Price;Pulse", Column.PER_UNIT),
        ("Préfixe;Prix par minute;Unité (s)", Column.PER_MINUTE),
        ("Préfixe;Prix par seconde;Unité (s)", Column.PER_SECOND),
    ],
)
def test_beside_a_column_of_units_a_price_that_names_no_time_is_that_of_a_unit(header: str, column: Column) -> None:
    assert read(header).taken[1].column is column


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Préfixe;Prix HT (TTC sur demande)", Problem.TAX_UNCLEAR),
        ("Préfixe;Prix TTC;Mise en relation excl. VAT, TTC", Problem.TAX_UNCLEAR),
        ("Préfixe;Prix heures pleines par seconde", Problem.UNIT_NOT_STATED),
        ("Préfixe;Peak price per pulse;Off-peak price per pulse", Problem.UNIT_NOT_STATED),
        ("Préfixe;Prix HP;Prix HC;Unité (s)", Problem.UNIT_NOT_STATED),
    ],
)
def test_a_header_with_two_meanings_is_refused(header: str, kind: Problem) -> None:
    with pytest.raises(UnusableError) as caught:
        read(header)
    assert caught.value.kind is kind


def test_a_title_that_names_both_taxes_is_no_header() -> None:
    assert of_header(["Prix HT et TTC au 1er janvier"], None) is None


def test_of_prices_with_and_without_tax_those_with_it_are_taken() -> None:
    found = read("Préfixe;Prix HT;Prix TTC;Mise en relation HT;Mise en relation TTC")
    assert [heading.position for heading in found.taken] == [0, 2, 4]
    assert found.taxed is Taxed.INCLUDED


def test_where_only_some_amounts_stand_with_tax_all_are_taken_without() -> None:
    found = read("Préfixe;Prix HT;Prix TTC;Mise en relation HT")
    assert [heading.position for heading in found.taken] == [0, 1, 3]


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("Préfixe;Prix HT;Mise en relation TTC", "Prix HT", "Mise en relation TTC"),
        ("Préfixe;Prix 2025;Prix 2026", "Prix 2025", "Prix 2026"),
        ("Code;Préfixe;Prix", "Code", "Préfixe"),
        ("Préfixe;Prix première minute;Prix par seconde", "Prix première minute", "Prix par seconde"),
        ("Préfixe;Prix par minute;Price per pulse", "Prix par minute", "Price per pulse"),
    ],
)
def test_two_columns_of_one_meaning_are_refused(header: str, first: str, second: str) -> None:
    with pytest.raises(UnusableError) as caught:
        read(header)
    assert caught.value.kind is Problem.TWO_COLUMNS
    assert caught.value.fields == {"first": f'"{first}"', "second": f'"{second}"'}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Préfixe",
        "Prix",
        "Préfixe;Libellé",
        "33;France;0,05",
        "Préfixe;Mise en relation",
        "Préfixe;Prix" + ";" * COLUMNS_MAX,
    ],
)
def test_a_line_without_a_prefix_or_a_price_is_no_header(header: str) -> None:
    assert of_header(header.split(";"), None) is None


@pytest.mark.parametrize("file_format", LAYOUTS)
def test_a_format_that_software_writes_is_known_by_its_columns(file_format: Format) -> None:
    layout = LAYOUTS[file_format]
    once = {column: name for name, column in reversed(list(layout.items()))}
    found = of_header(list(once.values()), None)
    assert found is not None
    assert found.file_format is file_format
    assert {heading.column for heading in found.taken} == set(layout.values())


def test_a_format_that_is_asked_for_takes_its_own_columns_only() -> None:
    found = read("Code;Destination;Connection Cost;Grace Time;Cost/Min;Initial Increment;Increment;Pays", Format.ASTPP)
    assert [heading.column for heading in found.taken] == [
        Column.PREFIX,
        Column.LABEL,
        Column.CONNECT,
        Column.INCLUDED_S,
        Column.PER_MINUTE,
        Column.FIRST_INCREMENT,
        Column.INCREMENT,
    ]
    assert read("prefix;rate_cost;Devise", Format.KAZOO).has(Column.CURRENCY)
    assert of_header(["Préfixe", "Prix"], Format.KAZOO) is None
    assert of_header(["Préfixe", "Prix"], Format.CGRATES) is None
