"""Text to rows: delimiters, titles above the header, quotes, notes."""

import pytest

from callgate.rates.findings import Problem, UnusableError
from callgate.rates.table import HEADER_WITHIN_LINES, read_table, split_rows


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_the_one_that_gives_a_header(delimiter: str) -> None:
    table = read_table(f"Prefix{delimiter}Price\n33{delimiter}0.05\n", None)
    assert table.delimiter == delimiter
    assert [record.cells for record in table.records] == [("33", "0.05")]


def test_titles_may_stand_above_the_header_and_blank_lines_below() -> None:
    text = "Grille tarifaire;;\nau 1er janvier;;\nPréfixe;Prix;\n\n# une note\n33;0,05;\n ; ;\n"
    table = read_table(text, None)
    assert table.header.line == 3
    assert [(record.line, record.is_noted) for record in table.records] == [(5, True), (6, False)]
    assert table.records[1].cells == ("33", "0,05", "")


def test_a_header_may_be_broken_into_lines_within_its_quotes() -> None:
    table = read_table('"Préfixe";"Prix\nHT"\n33;"0,05"\n', None)
    assert [heading.header for heading in table.headings.taken] == ['"Préfixe"', '"Prix HT"']
    assert [record.line for record in table.records] == [3]


def test_the_header_with_the_most_columns_counts() -> None:
    assert read_table("Code|Prix\nPréfixe;Libellé;Prix\n33;France;0,05\n", None).header.line == 2


@pytest.mark.parametrize(
    "text", ["", "33;0,05\n", "\n" * HEADER_WITHIN_LINES + "Préfixe;Prix\n", '"Préfixe;Prix\n33;0,05\n']
)
def test_a_file_without_a_header_is_refused(text: str) -> None:
    with pytest.raises(UnusableError) as caught:
        read_table(text, None)
    assert caught.value.kind is Problem.NO_HEADER


@pytest.mark.parametrize(("row", "line"), [('33;"0,05', 2), ('33;"0,05"x', 2), ('33;0,05\n\n44;"0,05', 4)])
def test_a_line_that_cannot_be_split_is_named(row: str, line: int) -> None:
    with pytest.raises(UnusableError) as caught:
        read_table(f"Préfixe;Prix\n{row}\n", None)
    assert (caught.value.kind, caught.value.line) == (Problem.UNSPLIT_ROW, line)


def test_a_field_that_never_ends_is_refused() -> None:
    text = "Préfixe;Prix\n" + '33;"' + ("x" * 1_000 + "\n") * 200
    with pytest.raises(UnusableError) as caught:
        read_table(text, None)
    assert caught.value.kind is Problem.UNSPLIT_ROW


def test_notes_stay_because_one_may_be_the_header_and_another_a_rate() -> None:
    assert [record.cells for record in split_rows("#Id,Prefix\n", ",", is_opening=True)] == [("#Id", "Prefix")]
    assert [record.cells for record in split_rows("#N/A,33\n", ",")] == [("#N/A", "33")]
