"""`callgate rates`: look first, then put in force, go back; whatever is wrong costs one clear answer."""

import json
import shutil
from pathlib import Path

import pytest

from callgate.commands import Exit
from callgate.core.deck import parse_deck
from callgate.errors import SettingsError
from callgate.rates.encoding import FILE_MAX_BYTES
from callgate.settings import DEFAULT_SETTINGS
from clinic_samples import write_site
from rates.command_line import run
from rates.samples import DECKS

TARIFF = "Préfixe;Libellé;Prix TTC;Pas\n0033;France;0,05;1\n0032;Belgique;0,06;60\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a clinic, and an operator's file beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tarif.csv").write_text(TARIFF, encoding="utf-8")
    return write_site(tmp_path)


def test_a_preview_writes_nothing(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (settings.parent / "rates.csv").read_bytes()
    assert run("rates import tarif.csv", settings) is Exit.OK
    assert capsys.readouterr().out.endswith(
        "Nothing was written. To put the deck in force, give the same command with --apply.\n"
    )
    assert (settings.parent / "rates.csv").read_bytes() == before
    assert run("rates history", settings) is Exit.OK
    assert capsys.readouterr().out == ""


def test_a_deck_is_put_in_force_and_taken_back(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deck = settings.parent / "rates.csv"
    before = deck.read_bytes()
    assert run("rates import tarif.csv --apply", settings) is Exit.OK
    assert set(parse_deck(deck.read_text(encoding="utf-8"), "EUR").rates) == {"+33", "+32"}
    assert run("rates rollback 1", settings) is Exit.OK
    assert deck.read_bytes() == before
    capsys.readouterr()
    assert run("rates history --json", settings) is Exit.OK
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(entry["revision"], entry["origin"]) for entry in listed] == [(3, "rollback"), (2, "switch"), (1, "found")]
    assert listed[1]["note"] == "import of tarif.csv (simple)"


def test_a_refused_file_changes_nothing_even_if_it_is_to_be_applied(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (settings.parent / "rates.csv").read_bytes()
    (settings.parent / "tarif.csv").write_text(TARIFF.replace("0,06", "-0,06"), encoding="utf-8")
    assert run("rates import tarif.csv --apply", settings) is Exit.INVALID
    said = capsys.readouterr().out
    assert "error negative_amount: line 3: the amount" in said
    assert said.endswith("Nothing was written: correct the errors, or ask the operator to.\n")
    assert (settings.parent / "rates.csv").read_bytes() == before


def test_the_first_deck_of_a_clinic_may_be_an_imported_one(settings: Path) -> None:
    deck = settings.parent / "rates.csv"
    deck.unlink()
    assert run("rates import tarif.csv --apply", settings) is Exit.OK
    assert deck.exists()


def test_a_program_gets_one_object(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rates import tarif.csv --json --apply", settings) is Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows"], found["revision"]) == ("simple", 2, 2)
    assert found["first_rows"][0].startswith("+33,France,0.00,0.05,1,1,EUR,")
    assert [call["micros"] for call in found["calls"]] == [150_000, 300_000, 600_000]
    assert {finding["kind"] for finding in found["findings"]} == {"gap"}


def test_a_program_gets_the_errors_too(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("nothing", encoding="utf-8")
    assert run("rates import tarif.csv --json", settings) is Exit.INVALID
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows"], found["calls"]) == (None, 0, [])
    assert [finding["kind"] for finding in found["findings"]] == ["no_header"]


@pytest.mark.parametrize(
    "given", ["folder", "folder.zip", "folder/Rates.csv folder/Destinations.csv folder/DestinationRates.csv"]
)
def test_a_tariff_plan_is_a_folder_a_zip_or_its_files(
    settings: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    folder = settings.parent / "folder"
    shutil.copytree(DECKS / "cgrates", folder)
    (folder / "Actions.csv").write_text("not one of them", encoding="utf-8")
    (folder / "DestinationRates.csv").write_text("#Id\nDR_ALWAYS,DST_32,RT_8\n", encoding="utf-8")
    (folder / "RatingPlans.csv").unlink()
    shutil.make_archive(str(folder), "zip", folder)
    assert run(f"rates import {given} --tax 0", settings) is Exit.OK
    assert "+32,DST_32,0.10,0.054,60,1,EUR,0.00,," in capsys.readouterr().out


def test_a_call_without_a_rate_is_shown_as_such(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("Préfixe;Prix TTC\n0044;1\n", encoding="utf-8")
    assert run("rates import tarif.csv", settings) is Exit.OK
    assert "  national mobile +33612345678, 3 min: no rate\n" in capsys.readouterr().out


def test_an_installer_without_settings_may_look_and_not_apply(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.exists()
    assert run("rates import tarif.csv", DEFAULT_SETTINGS) is Exit.OK
    assert "reading for a clinic in France" in capsys.readouterr().err
    with pytest.raises(SettingsError):
        run("rates import tarif.csv --apply", DEFAULT_SETTINGS)


def test_what_stands_before_country_codes_is_taken_off(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("Préfixe;Prix TTC\n01144;1\n", encoding="utf-8")
    assert run("rates import tarif.csv --country-prefix 011", settings) is Exit.OK
    assert "  +44,,0.00,1.00,60,60,EUR,0.00,,\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["missing.csv", "tarif.csv/x"])
def test_a_file_that_is_not_there_is_a_slip_of_the_command_line(
    settings: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(f"rates import {name}", settings) is Exit.USAGE
    assert f"callgate: {name} cannot be read" in capsys.readouterr().err


def test_a_file_is_read_no_further_than_a_file_may_be_long(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (settings.parent / "long.csv").open("wb") as stream:
        stream.truncate(4 * FILE_MAX_BYTES)
    assert run("rates import long.csv", settings) is Exit.INVALID
    assert "error too_large" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rates", "import|history|rollback"),
        ("rates import", "FILE"),
        ("rates import tarif.csv --format excel", "invalid choice"),
        ("rates import tarif.csv --tax much", "is not a tax"),
        ("rates import tarif.csv --currency XYZ", "is no currency"),
        ("rates import tarif.csv --peak always", "is not days with their hours"),
        ("rates import tarif.csv --increments often", "are no increments"),
        ("rates import tarif.csv --country-prefix +", "such as 00 or 011"),
        ("rates rollback 0", "is not the number of a revision"),
    ],
)
def test_a_slip_of_the_command_line_is_explained(
    settings: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(words, settings)
    assert stopped.value.code == Exit.USAGE
    assert said in capsys.readouterr().err


def test_what_a_file_says_cannot_play_with_the_terminal(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("Préfixe;Prix TTC;\u202enote\n32;\u202e1;\n", encoding="utf-8")
    assert run("rates import tarif.csv", settings) is Exit.INVALID
    assert "\u202e" not in capsys.readouterr().out
