"""The command that classifies a whole file keeps every row, in order, and says which line stops it."""

import csv
import io
from pathlib import Path

import pytest

from callgate.classify import COLUMNS_WRITTEN, ClassifyError, classify_rows
from callgate.core.plan import NumberPlan, parse_plan

ROOT = Path(__file__).parent.parent
PLAN = parse_plan((ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8"))
PLANS: dict[str, NumberPlan] = {"FR": PLAN}
HEADER = "home_country,outside_prefix,dialled\r\n"


def _classified(text: str) -> tuple[str, int]:
    written = io.StringIO(newline="")
    without_plan = classify_rows(io.StringIO(text, newline=""), written, PLANS)
    return written.getvalue(), without_plan


def test_each_row_gets_its_number_region_and_class() -> None:
    text, without_plan = _classified(HEADER + "FR,0,0 0892 35 35 35\r\nFR,,15\r\n")
    assert text == (
        "home_country,outside_prefix,dialled,number,region,class\r\n"
        "FR,0,0 0892 35 35 35,+33892353535,FR,premium\r\n"
        "FR,,15,15,FR,emergency\r\n"
    )
    assert without_plan == 0


def test_a_dialled_string_with_newlines_and_quotes_stays_one_row() -> None:
    text, _ = _classified(HEADER + 'FR,,"0142685300\n00881612345678"\r\nFR,,"say ""15"""\r\n')
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [
        ["FR", "", "0142685300\n00881612345678", "", "", "invalid"],
        ["FR", "", 'say "15"', "", "", "invalid"],
    ]


def test_columns_may_stand_in_any_order_and_others_are_left_out() -> None:
    text, _ = _classified("note,dialled,home_country,outside_prefix\r\nx,17,FR,\r\n")
    assert text.splitlines()[1] == "FR,,17,17,FR,emergency"


def test_a_home_country_without_a_plan_is_counted_and_does_not_cost_the_other_rows() -> None:
    text, without_plan = _classified(HEADER + "BE,,112\r\nFR,,112\r\n,,112\r\n")
    assert text.splitlines()[1:] == ["BE,,112,,,invalid", "FR,,112,112,FR,emergency", ",,112,,,invalid"]
    assert without_plan == 2


def test_the_whole_published_set_comes_back_row_by_row() -> None:
    with (ROOT / "tests" / "data" / "public.csv").open(encoding="utf-8", newline="") as public:
        written = io.StringIO(newline="")
        without_plan = classify_rows(public, written, PLANS)
        public.seek(0)
        given = list(csv.DictReader(public))
    got = list(csv.DictReader(io.StringIO(written.getvalue(), newline="")))
    assert [row["dialled"] for row in got] == [row["dialled"] for row in given]
    assert tuple(got[0]) == COLUMNS_WRITTEN
    assert without_plan == sum(row["home_country"] != "FR" for row in given)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "home_country is missing"),
        ("home_country,outside_prefix\r\nFR,\r\n", 1, "dialled is missing"),
        (HEADER + "FR,,15\r\nFR,15\r\n", 3, "2 fields and the header 3"),
        (HEADER + "FR,,15,extra\r\n", 2, "4 fields and the header 3"),
        (HEADER + 'FR,,"15" or so\r\n', 2, "not CSV"),
        (HEADER + 'FR,,"15', 2, "not CSV"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_line_and_the_remedy(text: str, line: int, problem: str) -> None:
    with pytest.raises(ClassifyError, match=problem) as raised:
        _classified(text)
    assert raised.value.line == line
    assert raised.value.remedy in str(raised.value)


def test_a_file_that_is_not_utf_8_is_an_error_and_not_a_guess() -> None:
    read = io.TextIOWrapper(io.BytesIO(HEADER.encode() + b"FR,,\xff15\r\n"), encoding="utf-8", newline="")
    with pytest.raises(ClassifyError, match="not UTF-8: byte 0xff"):
        classify_rows(read, io.StringIO(newline=""), PLANS)
