"""Whole files, one row each: what an operator writes, and what the clinic's deck makes of it."""

from dataclasses import replace
from fractions import Fraction

import pytest

from callgate.rates.columns import Format
from callgate.rates.findings import Problem
from callgate.rates.offers import ImportOptions
from callgate.rates.reader import Imported
from callgate.rates.terms import Increments
from callgate.rates.week import read_hours
from rates.samples import OPTIONS, errors, read_text, said

WITH_TAX = replace(OPTIONS, tax=Fraction("0.2"))
AT_PEAK = replace(OPTIONS, peak=read_hours("mon-fri 08:00-19:00"))
PER_SECOND = replace(OPTIONS, increments=Increments(first_s=1, next_s=1))
AS_OVH = replace(OPTIONS, file_format=Format.OVH)


def rows(imported: Imported) -> list[str]:
    """The rows of the deck without prefix and label."""
    assert errors(imported) == []
    return [row.split(",", 2)[2] for row in imported.text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("header", "row", "options", "expected"),
    [
        ("Prix TTC;Pas", "0,05;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Mise en relation TTC;Pas", "0,05 €;0,10 €;60", OPTIONS, "0.10,0.05,60,60,EUR,0.00,,"),
        ("Prix HT;Pas", "0,05;1", WITH_TAX, "0.00,0.05,1,1,EUR,0.20,,"),
        ("Prix;Pas", "0,05;1", WITH_TAX, "0.00,0.05,1,1,EUR,0.20,,"),
        ("Prix;TVA;Pas", "0,05;20 %;1", OPTIONS, "0.00,0.05,1,1,EUR,0.20,,"),
        ("Prix;TVA;Pas", "0,05;;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix T.T.C.;Pas", "0,05;1", WITH_TAX, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix hors forfait TTC;Pas", "0,05;1", WITH_TAX, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Unité (s)", "0,05;10", OPTIONS, "0.00,0.30,10,10,EUR,0.00,,"),
        ("Price incl. VAT;Unit", "0.05;second", OPTIONS, "0.00,3.00,1,1,EUR,0.00,,"),
        ("Price incl. VAT;Unit", "0.05;min", OPTIONS, "0.00,0.05,60,60,EUR,0.00,,"),
        ("Price/min incl. VAT;Unit", "0.05;10", OPTIONS, "0.00,0.05,10,10,EUR,0.00,,"),
        ("Prix TTC pour 30 secondes;Pas", "0,05;1", OPTIONS, "0.00,3.00,1,1,EUR,0.00,,"),
        ("Prix TTC en € (arrondi au centime);Pas", "0,05;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC (remise 10 pour cent);Pas", "0,05;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix HT;TVA;Pas", "0,05;20;1", OPTIONS, "0.00,0.05,1,1,EUR,0.20,,"),
        ("Prix HT;TVA;Pas", "0,05;;1", WITH_TAX, "0.00,0.05,1,1,EUR,0.20,,"),
        ("Prix TTC;TVA;Pas", "0,06;20 %;1", WITH_TAX, "0.00,0.06,1,1,EUR,0.00,,"),
        ("Prix", "0,05", replace(WITH_TAX, file_format=Format.OVH), "0.00,0.05,60,60,EUR,0.20,,"),
        ("Prix TTC", "0,05", AS_OVH, "0.00,0.05,60,60,EUR,0.00,,"),
        ("Prix TTC", "0,05", OPTIONS, "0.00,0.05,60,60,EUR,0.00,,"),
        ("Prix TTC", "0,05", PER_SECOND, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Pas", "0,05;", PER_SECOND, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Premier palier;Pas", "0,05;60;1", OPTIONS, "0.00,0.05,60,1,EUR,0.00,,"),
        ("Prix TTC;Premier palier", "0,05;30", OPTIONS, "0.00,0.05,30,30,EUR,0.00,,"),
        ("Prix TTC;Facturation", "0,05;60/1", OPTIONS, "0.00,0.05,60,1,EUR,0.00,,"),
        ("Prix TTC;Facturation", "0,05;30 s + 6 s", OPTIONS, "0.00,0.05,30,6,EUR,0.00,,"),
        ("Prix TTC;Facturation", "0,05;à la seconde", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Facturation", "0,05;par minute", OPTIONS, "0.00,0.05,60,60,EUR,0.00,,"),
        ("Prix TTC à la seconde;Pas", "0,001;1", OPTIONS, "0.00,0.06,1,1,EUR,0.00,,"),
        ("Prix TTC de l'unité;Unité (s)", "0,10;30", OPTIONS, "0.00,0.20,30,30,EUR,0.00,,"),
        ("Prix TTC en centimes;Pas", "5;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Mise en relation TTC;Secondes incluses;Pas", "0,06;0,10;30;1", OPTIONS, "0.07,0.06,30,1,EUR,0.00,,"),
        ("Prix TTC;Secondes incluses;Pas", "0,06;30;1", OPTIONS, "0.00,0.06,1,1,EUR,0.00,,"),
        ("Prix TTC;Devise;Pas", "0,05;€;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        ("Prix TTC;Devise;Pas", "0,05;;1", OPTIONS, "0.00,0.05,1,1,EUR,0.00,,"),
        (
            "Prix TTC;Pas;Début;Fin",
            "1;1;01/01/2026;31/12/2026",
            OPTIONS,
            "0.00,1.00,1,1,EUR,0.00,2026-01-01,2026-12-31",
        ),
        ("Prix TTC;Pas;Horaires", "1;1;lun-ven 8h-19h", OPTIONS, "0.00,1.00,1,1,EUR,0.00,,,mon-fri 08:00-19:00"),
        ("Prix TTC à la seconde;Pas", "0,00000001;1", OPTIONS, "0.00,0.000001,1,1,EUR,0.00,,"),
        ("Peak price;Off-peak price;Pas", "1;1;1", AT_PEAK, "0.00,1.00,1,1,EUR,0.00,,"),
    ],
)
def test_a_row_becomes_a_row_of_the_deck(header: str, row: str, options: ImportOptions, expected: str) -> None:
    assert rows(read_text(f"Préfixe;Libellé;{header}\n0032;Belgique;{row}\n", options)) == [expected]


@pytest.mark.parametrize(
    ("header", "row", "options"),
    [
        ("Heures pleines TTC;Heures creuses TTC;Pas", "0,06;0,05;1", AT_PEAK),
        ("Heures pleines TTC;Heures creuses TTC;Pas;Horaires", "0,06;0,05;1;lun-ven 8h-19h", OPTIONS),
        ("Prix TTC;Heures creuses TTC;Pas", "0,06;0,05;1", AT_PEAK),
        ("Prix TTC;Heures pleines TTC;Pas", "0,05;0,06;1", AT_PEAK),
    ],
)
def test_peak_and_off_peak_are_two_rows(header: str, row: str, options: ImportOptions) -> None:
    assert rows(read_text(f"Préfixe;Libellé;{header}\n0032;Belgique;{row}\n", options)) == [
        "0.00,0.06,1,1,EUR,0.00,,,mon-fri 08:00-19:00",
        "0.00,0.05,1,1,EUR,0.00,,,",
    ]


@pytest.mark.parametrize(
    ("text", "kind", "line", "words"),
    [
        ("Préfixe;Prix HT;Pas\n32;1;1\n", Problem.TAX_NOT_STATED, 0, "--tax 0.20"),
        ("Préfixe;Prix HT;TVA;Pas\n32;1;;1\n", Problem.TAX_NOT_STATED, 0, "--tax 0.20"),
        ("Préfixe;Prix;TVA;Pas\n32;1;20;1\n33;1;;1\n", Problem.TAX_NOT_STATED, 3, "--tax 0.20"),
        ("Préfixe;Prix H.T.;Pas\n32;1;1\n", Problem.TAX_NOT_STATED, 0, "--tax 0.20"),
        ("Préfixe;Prix HT (TTC sur demande);Pas\n32;1;1\n", Problem.TAX_UNCLEAR, 0, "with tax and without"),
        ("Préfixe;Prix (USD);Pas\n32;1;1\n", Problem.OTHER_CURRENCY, 0, "USD"),
        ("Préfixe;Tarif DKK TTC;Pas\n32;1;1\n", Problem.OTHER_CURRENCY, 0, "DKK"),
        ("Préfixe;Prix (€);Mise en relation (CAD);Pas\n32;1;1;1\n", Problem.OTHER_CURRENCY, 0, "CAD"),
        ("Préfixe;Prix TTC;Pas\n32;1;1\n44;£0.05;1\n", Problem.OTHER_CURRENCY, 3, "GBP"),
        ("Préfixe;Prix TTC;Pas\n32;1 €;1\n1;$0.01;1\n", Problem.OTHER_CURRENCY, 3, "$"),
        ("Préfixe;Prix TTC;Pas\n32;US$ 1;1\n", Problem.OTHER_CURRENCY, 2, "USD"),
        ("Préfixe;Prix TTC;Mise en relation TTC;Pas\n41;1;CHF 0.10;1\n", Problem.OTHER_CURRENCY, 2, "CHF"),
        ("prefix;rate_cost;currency\n32;1;USD\n", Problem.OTHER_CURRENCY, 2, "USD"),
        ("Préfixe;Prix TTC;Devise;Pas\n32;1;USD;1\n", Problem.OTHER_CURRENCY, 2, "USD"),
        ("Préfixe;Prix TTC;Devise;Pas\n32;1;XYZ;1\n", Problem.UNKNOWN_CURRENCY, 2, "XYZ"),
        ("Préfixe;Prix TTC;Pas\n32;-1;1\n", Problem.NEGATIVE_AMOUNT, 2, "below 0"),
        ("Préfixe;Prix TTC;Pas\n32;dear;1\n", Problem.BAD_AMOUNT, 2, '"dear"'),
        ("Préfixe;Prix TTC;Pas\n32;;1\n", Problem.BAD_AMOUNT, 2, '"" is not an amount'),
        ("Préfixe;Prix TTC;Pas\n32;1;1\n33899;;\n", Problem.BAD_AMOUNT, 3, '"" is not an amount'),
        ("Préfixe;Libellé;Prix TTC;Pas\n+33899;#N/A;;1\n", Problem.BAD_AMOUNT, 2, '"" is not an amount'),
        ("Libellé;Préfixe;Prix TTC;Pas\n#N/A;+33899;-1;1\n", Problem.NEGATIVE_AMOUNT, 2, "below 0"),
        ("Préfixe;Prix;Pas;TVA\n32;1;1;20\n33;1;1;cher\n", Problem.BAD_TAX, 3, "is not a tax"),
        ("Préfixe;Prix TTC;Pas\n;1;1\n", Problem.BAD_PREFIX, 2, "is no prefix"),
        ("Préfixe;Prix TTC;Pas\n33;1;1\n6;1;1\n", Problem.BAD_PREFIX, 3, "a spreadsheet keeps the zero"),
        ("Préfixe;Prix TTC;Pas\n33;1;1\n899;1;1\n", Problem.BAD_PREFIX, 3, "as it is dialled, 06"),
        ("Préfixe;Prix TTC (ct/min);Pas\n32;0,05 €;1\n", Problem.NOT_CENTS, 2, '"Prix TTC (ct/min)"'),
        ("Préfixe,Prix TTC,Pas\n32,0,05,1\n", Problem.BROKEN_ROW, 2, "has 4 fields where 3 are expected"),
        ("Préfixe;Prix TTC;Pas\n32;1;1\n8816;1\n", Problem.BROKEN_ROW, 3, "has 2 fields where 3 are expected"),
        ("Préfixe;Prix TTC;Pas\n32;1;1\n8816\n", Problem.BROKEN_ROW, 3, "has 1 fields where 3 are expected"),
        ("Préfixe;Prix TTC;Pas;\n32;1\n33;1;1;\n", Problem.BROKEN_ROW, 2, "has 2 fields where 3 are expected"),
        ("Préfixe;Prix;Pas;TVA\n32;1;1;cher\n", Problem.BAD_TAX, 2, "is not a tax"),
        ("Préfixe;Prix TTC;Facturation\n32;1;cher\n", Problem.BAD_SECONDS, 2, "such as 60/1"),
        ("Préfixe;Prix TTC de l'unité;Unité\n32;1;\n", Problem.UNIT_NOT_STATED, 2, "whose seconds are missing"),
        ("Préfixe;Prix TTC;Unité (s)\n32;1;\n", Problem.UNIT_NOT_STATED, 2, "whose seconds are missing"),
        ("Préfixe;Prix par impulsion (20 s)\n32;1\n", Problem.UNIT_NOT_STATED, 2, "whose seconds are missing"),
        ("Préfixe;Prix HP;Prix HC;Unité\n32;2;1;10\n", Problem.UNIT_NOT_STATED, 0, "peak prices per minute"),
        ("Préfixe;Prix HP par seconde;Pas\n32;2;1\n", Problem.UNIT_NOT_STATED, 0, "peak prices per minute"),
        ("Préfixe;Prix TTC;Pas;Début;Fin\n32;1;1;2026-02-01;2026-01-01\n", Problem.BAD_DAY, 2, "ends before it begins"),
        ("Préfixe;Prix TTC;Pas;Horaires\n32;1;1;la nuit\n", Problem.BAD_HOURS, 2, "is not days with their hours"),
        ("Préfixe;Libellé;Prix TTC;Pas\n32;=1+1;1;1\n", Problem.BAD_LABEL, 2, "a formula"),
        ("Préfixe;Heures pleines TTC;Heures creuses TTC;Pas\n32;2;1;1\n", Problem.PEAK_NOT_STATED, 2, "--peak"),
        ("dialprefix;rateinitial;stepchargea\n32;1;0,5\n", Problem.NOT_EXPRESSIBLE, 2, "cannot express"),
        ("dialprefix;rateinitial;minimal_cost\n32;1;0.5\n", Problem.NOT_EXPRESSIBLE, 2, "cannot express"),
        ("dialprefix;rateinitial;starttime;endtime\n32;1;600;500\n", Problem.BAD_HOURS, 2, "such as 0-10079"),
        ("dialprefix;rateinitial;starttime;endtime\n32;1;;x\n", Problem.BAD_HOURS, 2, "such as 0-10079"),
    ],
)
def test_what_cannot_be_used_refuses_the_file_with_line_and_remedy(
    text: str, kind: Problem, line: int, words: str
) -> None:
    imported = read_text(text)
    (found,) = errors(imported)
    assert (found.kind, found.place.line) == (kind, line)
    assert words in said(found)
    assert imported.rows == ()
    assert imported.text == ""


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("Préfixe;Prix;Pas\n32;1;1\n", Problem.TAX_ASSUMED, 0),
        ("Préfixe;Prix TTC;Pas;Remarques\n32;1;1;-\n", Problem.COLUMNS_LEFT_OUT, 1),
        ("Préfixe;Prix TTC;Prix HT;Pas\n32;1;1;1\n", Problem.COLUMNS_LEFT_OUT, 1),
        ("Préfixe;Prix TTC\n32;1\n", Problem.INCREMENTS_ASSUMED, 0),
        ("Préfixe;Prix TTC;Pas\n32;1;0\n", Problem.INCREMENTS_ASSUMED, 2),
        ("Match Prefix;Rate;Billable Unit(s);Number Length\n32;1;60;9\n", Problem.LENGTH_ASSUMED, 2),
        ("Préfixe;Prix TTC;Pas\n32;1;1\nNotes;;\n", Problem.LEFT_OUT, 3),
        ("Préfixe;Prix TTC;Pas\n32;1;1\nEUROPE\n", Problem.LEFT_OUT, 3),
        ("Préfixe;Libellé;Prix TTC;Pas\n+33;x;1;1\n#+33899;x;2;1\n", Problem.LEFT_OUT, 3),
        ("Préfixe;Prix TTC;Pas\n33;1;1\n7;1;1\n", Problem.PREFIX_ASSUMED, 3),
        ("Préfixe;Prix TTC;Pas\n33;1;1\n3624;1;1\n", Problem.PREFIX_ASSUMED, 3),
        ("Préfixe;Prix TTC (cts/min);Pas\n32;0,5;1\n33;0,6;1\n34;0;1\n36;5;1\n", Problem.CENTS_DOUBTFUL, 1),
        ("Préfixe;Prix HT;TVA;Pas\n32;0,06;0,012;1\n", Problem.TAX_DOUBTFUL, 2),
        ("Préfixe;Prix HT;TVA\n32;0,5;0,1\n33;0,3;0,06\n34;0;0\n", Problem.TAX_DOUBTFUL, 1),
        ("Préfixe;Prix;TVA;Pas\n32;1;;1\n", Problem.TAX_ASSUMED, 0),
        ("prefix;rate_cost;direction\n32;1;\n33;1;Inbound\n", Problem.LEFT_OUT, 3),
        ("dialprefix;rateinitial;billingblock\n32;1;1\ndefaultprefix;1;1\n", Problem.LEFT_OUT, 3),
        ("Préfixe;Prix TTC;Secondes incluses;Pas\n32;1;10;1\n", Problem.COUNTED_DEARER, 2),
    ],
)
def test_a_liberty_that_is_taken_is_told(text: str, kind: Problem, line: int) -> None:
    imported = read_text(text)
    assert errors(imported) == []
    assert (kind, line) in [(found.kind, found.place.line) for found in imported.findings]


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("rateinitial;initblock;billingblock", "0.6;0;0", "0.00,0.60,1,1,EUR,0.00,,"),
        ("rateinitial;initblock;billingblock", "0.6;30;0", "0.00,0.60,30,1,EUR,0.00,,"),
        ("rateinitial;initblock;billingblock", "0.6;60;6", "0.00,0.60,60,6,EUR,0.00,,"),
        ("rateinitial;initblock;billingblock", "0.6;30;60", "0.00,0.60,60,60,EUR,0.00,,"),
        ("rateinitial;billingblock;connectcharge;disconnectcharge", "0.6;1;0.1;0.2", "0.30,0.60,1,1,EUR,0.00,,"),
        ("rateinitial;billingblock;stepchargea;minimal_cost", "0.6;1;0;0.00", "0.00,0.60,1,1,EUR,0.00,,"),
        ("rateinitial;billingblock;starttime;endtime", "0.6;1;0;10079", "0.00,0.60,1,1,EUR,0.00,,"),
        ("rateinitial;billingblock;starttime;endtime", "0.6;1;480;1139", "0.00,0.60,1,1,EUR,0.00,,,mon 08:00-19:00"),
    ],
)
def test_a2billing_counts_its_blocks_from_the_start_of_the_call(header: str, row: str, expected: str) -> None:
    assert rows(read_text(f"dialprefix;destination;{header}\n32;Belgium;{row}\n")) == [expected]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("0.5;60;0;0", "0.00,0.50,60,60,EUR,0.00,,"),
        ("0.5;60;120;2", "1.00,0.50,120,60,EUR,0.00,,"),
        ("0.5;60;120;0.2", "0.00,0.50,120,60,EUR,0.00,,"),
    ],
)
def test_yeastar_charges_an_initial_cost_and_then_units(row: str, expected: str) -> None:
    header = "Name;Match Prefix;Rate;Billable Unit(s);Initial Time(s);Initial Cost"
    assert rows(read_text(f"{header}\nBelgium;0032;{row}\n")) == [expected]


def test_the_currency_that_is_said_must_be_the_clinics() -> None:
    imported = read_text("Préfixe;Prix TTC;Pas\n32;1;1\n", replace(OPTIONS, stated_currency="CHF"))
    assert [found.kind for found in errors(imported)] == [Problem.OTHER_CURRENCY]


@pytest.mark.parametrize(
    ("clinic", "stated", "header", "cell", "is_told"),
    [
        ("EUR", None, "Prix TTC", "0,05", True),
        ("EUR", "EUR", "Prix TTC", "0,05", False),
        ("EUR", None, "Prix TTC (€)", "0,05", False),
        ("EUR", None, "Prix TTC", "0,05 €", False),
        ("EUR", None, "Prix TTC", "0,05 eur", False),
        ("EUR", None, "Devise;Prix TTC", "EUR;0,05", False),
        ("EUR", None, "Devise;Prix TTC", "NULL;0,05", True),
        ("CAD", None, "Price incl. VAT", "$0.05", True),
        ("CAD", None, "Price incl. VAT (CAD)", "$0.05", False),
        ("CAD", "CAD", "Price incl. VAT", "$0.05", False),
        ("USD", None, "Price in dollars incl. VAT", "0.05", False),
        ("USD", None, "Price incl. VAT", "0.05", True),
    ],
)
def test_a_currency_that_nothing_names_is_assumed_and_told(
    clinic: str, stated: str | None, header: str, cell: str, *, is_told: bool
) -> None:
    imported = read_text(
        f"Préfixe;{header};Pas\n0032;{cell};1\n", replace(OPTIONS, currency=clinic, stated_currency=stated)
    )
    assert errors(imported) == []
    assert (Problem.CURRENCY_ASSUMED in {found.kind for found in imported.findings}) is is_told
    assert imported.text.splitlines()[1].split(",")[6] == clinic


@pytest.mark.parametrize("taxes", [("20", "20"), ("20 %", "10 %"), ("0,20", "0"), ("0.20", "20 %")])
def test_taxes_that_are_alike_or_say_per_cent_are_no_amounts(taxes: tuple[str, str]) -> None:
    imported = read_text("Préfixe;Prix HT;TVA;Pas\n32;1;{};1\n33;1;{};1\n".format(*taxes))
    assert errors(imported) == []
    assert Problem.TAX_DOUBTFUL not in {found.kind for found in imported.findings}


def test_a_row_whose_label_a_spreadsheet_did_not_find_is_a_rate_and_a_note_is_none() -> None:
    text = "Libellé;Préfixe;Prix TTC;Pas\nFrance;+33;0,02;1\n#N/A;+33899;0,80;60\n# 0,80;une note\n#;+34;;\n"
    imported = read_text(text)
    assert errors(imported) == []
    assert [(row.prefix, row.label) for row in imported.rows] == [("+33", "France"), ("+33899", "#N/A")]
    assert Problem.LEFT_OUT not in {found.kind for found in imported.findings}


def test_a_file_with_a_hundred_errors_is_read_no_further() -> None:
    assert len(errors(read_text("Préfixe;Prix TTC;Pas\n" + "32;-1;1\n" * 150))) == 100
