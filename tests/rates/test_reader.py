"""The importer as a whole: whatever is given to it, it answers with a deck or with what is wrong."""

import io
import zipfile
from dataclasses import replace
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.deck import parse_deck
from callgate.rates.columns import Column, Format
from callgate.rates.findings import ERRORS_MAX, SHOWN_MAX, Problem
from callgate.rates.reader import Imported, PlanReading, TableReading, read_file, read_files
from rates.samples import DECKS, OPTIONS, errors, read_text

HEADER = "Préfixe;Libellé;Prix TTC;Pas\n"
SIMPLE = (DECKS / "simple.csv").read_bytes()
RATES = b"RT_1,0,1,60s,60s,0s\n"


def zipped_rates() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("Rates.csv", RATES)
    return stream.getvalue()


def assert_sound(imported: Imported) -> None:
    """Half an import does not exist, and what is imported is what the gate loads."""
    assert imported.refused == bool(errors(imported))
    if imported.refused:
        assert (imported.rows, imported.text, dict(imported.deck.rates)) == ((), "", {})
    else:
        assert imported.rows
        assert parse_deck(imported.text, OPTIONS.currency) == imported.deck
        assert len(imported.rows) == sum(map(len, imported.deck.rates.values()))


def test_how_a_file_was_read_is_told() -> None:
    imported = read_text("Préfixe;Prix HT (€/min) en centimes;TVA;Pas\n0032;5;20;1\n")
    assert imported.file_format is Format.SIMPLE
    assert isinstance(imported.reading, TableReading)
    assert (imported.reading.encoding, imported.reading.delimiter, imported.reading.header_line) == ("utf-8", ";", 1)
    assert [heading.column for heading in imported.reading.taken] == [
        Column.PREFIX,
        Column.PER_MINUTE,
        Column.TAX,
        Column.INCREMENT,
    ]


def test_of_a_tariff_plan_the_files_that_were_read_are_told() -> None:
    files = {f"plan/{file.name}": file.read_bytes() for file in sorted((DECKS / "cgrates").iterdir())}
    assert read_files(files, OPTIONS).reading == PlanReading(files=tuple(map(str.removeprefix, files, repeat("plan/"))))


def test_nothing_is_half_imported() -> None:
    imported = read_text(HEADER + "32;Belgique;0,05;1\n33;France;-1;1\n")
    assert_sound(imported)
    assert [found.kind for found in imported.findings if found.refuses] == [Problem.NEGATIVE_AMOUNT]


def test_errors_come_first_and_by_line() -> None:
    imported = read_text("Préfixe;Libellé;Prix;Pas\n32;x;1;1\n33;x;-1;1\n34;x;-1;1\n")
    assert [found.place.line for found in imported.findings] == [3, 4, 0]


def test_of_each_kind_of_warning_twenty_are_listed_and_the_others_counted() -> None:
    imported = read_text(HEADER + "".join(f"+32{number};x;6;1\n" for number in range(100, 150)))
    dear = [found for found in imported.findings if found.kind is Problem.DEAR]
    assert len(dear) == SHOWN_MAX
    (more,) = [found for found in imported.findings if found.kind is Problem.MORE]
    assert more.fields == {"count": 30, "code": "dear"}


def test_a_file_with_very_many_errors_ends_at_a_hundred() -> None:
    imported = read_text(HEADER + "32;x;-1;1\n" * 1_000)
    assert_sound(imported)
    assert len(errors(imported)) == ERRORS_MAX


@pytest.mark.parametrize(
    ("files", "wanted", "kind"),
    [
        ({}, None, Problem.MISSING_FILE),
        ({"a.csv": SIMPLE, "b.csv": SIMPLE}, None, Problem.MISSING_FILE),
        ({"here/Rates.csv": RATES}, None, Problem.MISSING_FILE),
        ({"a.csv": SIMPLE}, Format.CGRATES, Problem.MISSING_FILE),
        ({"2025/Rates.csv": RATES, "2026/Rates.csv": RATES}, None, Problem.SAME_NAME),
        ({"Rates.csv": RATES, "plan.zip": zipped_rates()}, None, Problem.SAME_NAME),
        ({"2025.zip": zipped_rates(), "2026.zip": zipped_rates()}, None, Problem.SAME_NAME),
    ],
)
def test_files_that_make_no_plan_are_refused(files: dict[str, bytes], wanted: Format | None, kind: Problem) -> None:
    imported = read_files(files, replace(OPTIONS, file_format=wanted))
    assert [found.kind for found in errors(imported)] == [kind]
    assert_sound(imported)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", Problem.NO_HEADER),
        (b"%PDF-1.7", Problem.NOT_TEXT),
        (b"x" * 10_000_000, Problem.UNSPLIT_ROW),
        (b'"' + b"x" * 10_000_000, Problem.UNSPLIT_ROW),
        (HEADER.encode(), Problem.NO_ROWS),
        (HEADER.encode() + b"32;=HYPERLINK(1);1;1\n", Problem.BAD_LABEL),
        (HEADER.encode() + b"32;\x07;1;1\n", Problem.NOT_TEXT),
        (HEADER.encode() + "32;\u202ex;1;1\n".encode(), Problem.BAD_LABEL),
        (HEADER.encode() + b"32;x;1e309;1\n", Problem.BAD_AMOUNT),
        (HEADER.encode() + b"32;x;1" + b"0" * 10_000 + b";1\n", Problem.BAD_AMOUNT),
        (HEADER.encode() + b"32;x;1;99999\n", Problem.BAD_SECONDS),
        (HEADER.encode() + b"32;x;1;9999\n", Problem.NOT_CANONICAL),
        (HEADER.encode() + b"33 (0)1;x;1;1\n", Problem.BAD_PREFIX),
        (b"prefix" + b";x" * 300 + b";price\n", Problem.NO_HEADER),
    ],
    ids=lambda value: value.value if isinstance(value, Problem) else "",
)
def test_a_hostile_file_is_refused_with_one_clear_finding(raw: bytes, kind: Problem) -> None:
    imported = read_file(raw, OPTIONS)
    assert_sound(imported)
    assert [found.kind for found in errors(imported)] == [kind]


@given(st.binary(max_size=400))
def test_any_bytes_are_imported_or_refused(raw: bytes) -> None:
    assert_sound(read_file(raw, OPTIONS))


_CELLS = st.one_of(
    st.sampled_from(
        [
            "0033",
            "33 1-5",
            "3624",
            "6",
            "0033 0899",
            "33 6, 337",
            "#N/A",
            "£1",
            "0,05 €",
            "0,05",
            "1.234",
            "-1",
            "60/1",
            "20 %",
            "EUR",
            "01/01/2026",
            "",
            "NULL",
        ]
    ),
    st.text(max_size=8),
)


@given(
    st.lists(
        st.sampled_from(
            [
                "Préfixe",
                "Prix TTC",
                "Prix (ct)",
                "Prix HP",
                "Unité (s)",
                "Pas",
                "Facturation",
                "TVA",
                "Devise",
                "Début",
                "Fin",
                "Horaires",
                "Pays",
            ]
        ),
        min_size=2,
        max_size=6,
        unique=True,
    ),
    st.lists(st.lists(_CELLS, max_size=7), max_size=6),
    st.sampled_from([";", ",", "\t"]),
)
def test_any_table_is_imported_or_refused(header: list[str], rows: list[list[str]], delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in [header, *rows])
    assert_sound(read_file(text.encode(errors="replace"), OPTIONS))


@given(st.integers(0, 5_000), st.binary(min_size=1, max_size=3))
def test_a_deck_with_some_bytes_changed_is_imported_or_refused(place: int, changed: bytes) -> None:
    start = place % len(SIMPLE)
    assert_sound(read_file(SIMPLE[:start] + changed + SIMPLE[start + len(changed) :], OPTIONS))


def test_forty_thousand_rows_are_imported() -> None:
    rows = "".join(f"+{10_000_000 + number};Zone {number};0,05;1\n" for number in range(40_000))
    assert len(read_text(HEADER + rows).rows) == 40_000
