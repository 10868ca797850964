"""`callgate plan show` prints what is known, each fact with its source; `plan lint` finds what is unsound in a plan."""

import json
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.clinic import plan_countries

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("country", plan_countries())
def test_a_shipped_plan_is_shown_whole_and_has_no_flaw(country: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--language", "en", "plan", "show", country]) == 0
    shown = capsys.readouterr().out
    assert main(["plan", "show", country, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    for entry in (*plan["emergency"], *plan["must_reach"], *plan["practice_numbers"]):
        assert f"  {entry['number']:<16}{entry['service']}  [{entry['source']}]" in shown
    for entry in (*plan["short_codes"], *plan["families"]):
        assert f"  {entry['prefix']:<16}{entry['length']}" in shown
    for name, source in plan["sources"].items():
        assert f"  {name} ({source['date']}): {source['title']}" in shown
    assert main(["--language", "en", "plan", "lint", country]) == 0
    assert capsys.readouterr().out.startswith(f"{country}: 0 to correct, ")


def test_a_desk_with_the_digits_of_an_emergency_number_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--language", "en", "plan", "lint", "FR", "--extensions", "100-119, 2XX,018,31XX"]) == 1
    said = capsys.readouterr().out
    for digits in ("112", "114", "115", "119", "018"):
        assert f"TO CORRECT: The extension {digits} has the digits of an emergency call" in said
    assert "to know: The extension 3114 has the digits of suicide prevention" in said


def test_exceptions_within_ranges_are_counted_and_listed_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--language", "en", "plan", "lint", "GB"]) == 0
    brief = capsys.readouterr().out
    assert main(["--language", "en", "plan", "lint", "GB", "--exceptions"]) == 0
    whole = capsys.readouterr().out
    assert (" is an exception within " in brief, " is an exception within " in whole) == (False, True)
    assert whole.startswith(brief.splitlines()[0])


def test_only_the_prefix_of_the_practice_is_looked_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "lint", "FR", "--extensions", "9112,0112,116000", "--prefix", "9"]) == 1
    said = capsys.readouterr().out
    assert [digits in said for digits in ("9112", "0112", "116000")] == [True, False, True]


@pytest.mark.parametrize("word", ["1x", "119-100", "10-200", "", "1234567", "²", "1;2", "[9-1]XX"])
def test_extensions_that_cannot_be_read_are_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "lint", "--extensions", word])
    assert ended.value.code == 2
    assert "a span such as 100-139" in capsys.readouterr().err


def test_a_plan_file_of_ones_own_is_read_and_a_slip_in_it_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text, encoding="utf-8")
    assert main(["--language", "en", "plan", "lint", str(mine)]) == 0
    assert capsys.readouterr().out.startswith(f"{mine}: 0 to correct")
    mine.write_text(text.replace('class = "directory"', 'class = "directry"'), encoding="utf-8")
    assert main(["plan", "show", str(mine)]) == 3
    assert "Invalid enum value 'directry'" in capsys.readouterr().err


def test_an_unknown_country_is_told_how_to_add_its_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "show", "AQ"]) == 3
    assert "add policies/plans/AQ.toml" in capsys.readouterr().err
