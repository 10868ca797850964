"""The list of verdicts is CSV for programs, and opens in a spreadsheet without running anything."""

import csv
import io
from pathlib import Path

import pytest

from callgate.replay.run import replay
from callgate.replay.verdicts import unarmed, write_verdicts
from replay.samples import BRUSSELS, GUADELOUPE, PARIS, attempt, site

TWO_REASONS = "country_refused closed"


async def test_each_attempt_is_a_row_with_its_meaning_and_its_verdict(tmp_path: Path) -> None:
    attempts = [attempt("10:00", PARIS, 90), attempt("22:00", BRUSSELS, 60), attempt("22:10", GUADELOUPE)]
    replayed = await replay(attempts, site(tmp_path))
    stream = io.StringIO(newline="")
    write_verdicts(stream, zip(attempts, replayed.outcomes, strict=True))
    assert stream.getvalue().splitlines() == [
        "start,extension,dialled,number,region,class,ordinary,verdict,reasons,cost_micros",
        "2026-11-24T10:00:00+00:00,101,0142685300,+33142685300,FR,national_fixed,true,grant,,30000",
        f"2026-11-24T22:00:00+00:00,101,{BRUSSELS},+3225551212,BE,international_fixed,false,refuse,{TWO_REASONS},0",
        "2026-11-24T22:10:00+00:00,101,0590271212,+590590271212,GP,national_fixed,false,refuse,closed,0",
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("0142685300", "0142685300"),
        ("+33142685300", "+33142685300"),
        ("*31*0142685300", "*31*0142685300"),
        ("101", "101"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "\t'=1"),
        ("\r=1", "\r'=1"),
        ("\n=1", "\n'=1"),
        ("a\n=1", "a\n'=1"),
        # A French spreadsheet parts cells at a semicolon, others at a tab, and none minds where quotes were.
        ("0;=1+cmd|'/C calc'!A0", "0;'=1+cmd|'/C calc'!A0"),
        ("0; ;@A1", "0; ;'@A1"),
        ('0;"=1"', '0;"\'=1"'),
        ("0,+1", "0,'+1"),
        ("0|-1", "0|'-1"),
        ("0\t=1", "0\t'=1"),
        (" =1", " '=1"),
        ("01 42;68=53-00", "01 42;68=53-00"),
    ],
)
def test_no_cell_is_a_formula(text: str, written: str) -> None:
    assert unarmed(text) == written


async def test_what_was_dialled_keeps_its_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    attempts = [attempt("10:00", '1,"2\n3')]
    replayed = await replay(attempts, site(tmp_path))
    stream = io.StringIO(newline="")
    write_verdicts(stream, zip(attempts, replayed.outcomes, strict=True))
    stream.seek(0)
    assert [row["dialled"] for row in csv.DictReader(stream)] == ['1,"2\n3']
