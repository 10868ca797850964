"""`callgate rates`: look first, then put in force, go back; whatever is wrong costs one clear answer."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.commands import Exit
from callgate.core.deck import parse_deck
from callgate.rates.encoding import FILE_MAX_BYTES
from callgate.settings import DEFAULT_SETTINGS
from clinic_samples import SETTINGS, write_site
from rates.samples import DECKS

N = "\u00a0"
TARIFF = "Préfixe;Libellé;Prix TTC (€);Pas\n0033;France;0,05;1\n0032;Belgique;0,06;60\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a clinic, and an operator's file beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tarif.csv").write_text(TARIFF, encoding="utf-8")
    return write_site(tmp_path)


def run(words: str, settings: Path, language: str = "en") -> int:
    """Run `callgate rates ...` with these settings."""
    return main(["--settings", str(settings), "--language", language, *shlex.split(words)])


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
    assert listed[1]["note"] == "tarif.csv (simple)"


def test_a_refused_file_changes_nothing_even_if_it_is_to_be_applied(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (settings.parent / "rates.csv").read_bytes()
    (settings.parent / "tarif.csv").write_text(TARIFF.replace("0,06", "-0,06"), encoding="utf-8")
    assert run("rates import tarif.csv --apply", settings) is Exit.INVALID
    said = capsys.readouterr().out
    assert 'error negative_amount, line 3: The amount "-0,06" is below 0. Ask the operator' in said
    assert said.endswith("Nothing was written: correct the errors, or ask the operator to.\n")
    assert (settings.parent / "rates.csv").read_bytes() == before


def test_the_first_deck_of_a_clinic_may_be_an_imported_one(settings: Path) -> None:
    deck = settings.parent / "rates.csv"
    deck.unlink()
    assert run("rates import tarif.csv --apply", settings) is Exit.OK
    assert deck.exists()


def test_a_deck_that_cannot_be_kept_is_not_put_in_force(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deck = settings.parent / "rates.csv"
    before = deck.read_bytes()
    history = settings.parent / "rates.csv.history"
    history.mkdir()
    (history / "0002.csv").symlink_to("a folder that is not there/0002.csv")
    assert run("rates import tarif.csv --apply", settings) is Exit.INVALID
    assert "cannot be written" in capsys.readouterr().err
    assert deck.read_bytes() == before


def two_clinics(settings: Path, rates: str) -> None:
    """Add a second clinic to the settings."""
    text = SETTINGS.replace("/SPOOL", str(settings.parent / "spool"))
    other = f'[[clinic]]\nname = "cabinet-b"\npolicy = "policy.toml"\nrates = "{rates}"\n\n[[trunk]]'
    entry = '\n[[entry]]\ncontext = "b"\nclinic = "cabinet-b"\noutside_prefix = ""\ntrunks = ["carrier-a"]\n'
    settings.write_text(text.replace("[[trunk]]", other, 1) + entry, encoding="utf-8")


@pytest.mark.parametrize(("rates", "is_shared"), [("./rates.csv", True), ("rates-b.csv", False)])
def test_other_clinics_with_the_same_deck_are_named(
    settings: Path, capsys: pytest.CaptureFixture[str], rates: str, *, is_shared: bool
) -> None:
    two_clinics(settings, rates)
    told = "The same file is the deck of cabinet-b: it is in force there too.\n"
    for words in ("import tarif.csv --apply", "rollback 1"):
        assert run(f"rates {words} --clinic cabinet-des-lilas", settings) is Exit.OK
        assert (told in capsys.readouterr().out) is is_shared
    assert run("rates import tarif.csv --clinic cabinet-des-lilas --json --apply", settings) is Exit.OK
    assert json.loads(capsys.readouterr().out)["also_in_force_for"] == (["cabinet-b"] if is_shared else [])
    assert run("rates import tarif.csv --clinic cabinet-des-lilas --json", settings) is Exit.OK
    assert json.loads(capsys.readouterr().out)["also_in_force_for"] == []


def test_whoever_changes_the_deck_is_sent_to_the_dialplan(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("import tarif.csv --apply", "rollback 1"):
        assert run(f"rates {words}", settings) is Exit.OK
        assert "write it again with callgate dialplan" in capsys.readouterr().out
    assert run("rates import tarif.csv", settings) is Exit.OK
    assert "callgate dialplan" not in capsys.readouterr().out


def test_a_pipe_is_not_waited_for(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An import from a pipe that nobody writes to once hung for ever."""
    os.mkfifo(settings.parent / "pipe")
    (settings.parent / "folder").mkdir()
    os.mkfifo(settings.parent / "folder" / "Rates.csv")
    for name, told in (("pipe", "pipe"), ("folder", "folder/Rates.csv")):
        assert run(f"rates import {name}", settings) is Exit.USAGE
        assert capsys.readouterr().err.startswith(f"callgate: {told} is no plain file. ")


def test_a_program_gets_one_object(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rates import tarif.csv --json --apply", settings) is Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows"], found["revision"]) == ("simple", 2, 2)
    assert found["first_rows"][0].startswith("+33,France,0.00,0.05,1,1,EUR,")
    assert [call["micros"] for call in found["calls"]] == [150_000, 300_000, 600_000]
    assert found["reading"][:2] == [
        'encoding utf-8, fields parted by ";", header on line 1',
        '"Préfixe" is the prefix',
    ]
    assert {finding["kind"] for finding in found["findings"]} == {"gap"}


def test_a_program_gets_the_errors_too(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("nothing", encoding="utf-8")
    assert run("rates import tarif.csv --json", settings) is Exit.INVALID
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows"], found["calls"]) == (None, 0, [])
    assert [finding["kind"] for finding in found["findings"]] == ["no_header"]
    assert found["findings"][0]["fields"] == {"most": 30}
    assert found["findings"][0]["sentence"].startswith("None of the first 30 lines names a column of prefixes")


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
    assert capsys.readouterr().err == "callgate: no settings file; reading for a clinic in France\n"
    assert run("rates import tarif.csv --apply", DEFAULT_SETTINGS) is Exit.INVALID
    assert str(DEFAULT_SETTINGS) in capsys.readouterr().err


def test_what_stands_before_country_codes_is_taken_off(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("Préfixe;Prix TTC\n01144;1\n", encoding="utf-8")
    assert run("rates import tarif.csv --country-prefix 011", settings) is Exit.OK
    assert "  +44,,0.00,1.00,60,60,EUR,0.00,,\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["missing.csv", "tarif.csv/x"])
def test_a_file_that_is_not_there_is_a_slip_of_the_command_line(
    settings: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(f"rates import {name}", settings) is Exit.USAGE
    assert f"callgate: {name} is not there." in capsys.readouterr().err


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
        ("rates import tarif.csv --currency XYZ", "is no currency of ISO 4217"),
        ("rates import tarif.csv --peak always", "is not days with their hours"),
        ("rates import tarif.csv --increments often", "Write it such as 60/1."),
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


def test_an_installer_is_answered_in_french(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rates import tarif.csv --apply", settings, "fr") is Exit.OK
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == [
        f"Format{N}: simple",
        '  encodage utf-8, champs séparés par ";", en-tête à la ligne 1',
        f'  "Préfixe"{N}: préfixe',
    ]
    assert f'  "Prix TTC (€)"{N}: prix à la minute, taxe comprise, EUR' in told
    assert f"  mobile national +33612345678, 3{N}min{N}: 0.15 EUR (France)" in told
    assert f"Erreurs{N}: 0, avertissements{N}: 3" in told
    assert [line for line in told if line.startswith(f"  avertissement gap, tout le fichier{N}: ")]
    assert told[-2] == f"cabinet-des-lilas{N}: la révision 2 de la grille tarifaire est en vigueur."
    assert told[-1].endswith("réécrivez-le avec callgate dialplan, puis rechargez-le dans Asterisk.")
    assert run("rates rollback 1", settings, "fr") is Exit.OK
    done, to_do = capsys.readouterr().out.splitlines()
    assert done == f"révision 3 en vigueur{N}: la grille de la révision 1"
    assert to_do == told[-1]
    assert run("rates history", settings, "fr") is Exit.OK
    back, switched, found = capsys.readouterr().out.splitlines()
    assert "  retour à la révision 1  " in back
    assert switched.endswith(f"  mise en vigueur  lignes{N}: 2  tarif.csv (simple)")
    assert "  trouvée (modifiée à la main)  " in found


def test_cents_and_a_currency_of_the_header_are_told(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif.csv").write_text("Préfixe;Prix TTC (€) en centimes\n0044;5\n", encoding="utf-8")
    assert run("rates import tarif.csv", settings) is Exit.OK
    told = capsys.readouterr().out
    assert '  "Prix TTC (€) en centimes" is the price per minute, tax included, in cents, EUR\n' in told


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ("RT_8,0,1,60s,soon,0s\n", "error bad_seconds, DestinationRates.csv, line 1: "),
        ('RT_8,"0\n', "error unsplit_row, Rates.csv, line 1: "),
    ],
)
def test_a_mistake_in_a_tariff_plan_is_told_with_its_file_and_line(
    settings: Path, capsys: pytest.CaptureFixture[str], rates: str, told: str
) -> None:
    (settings.parent / "Destinations.csv").write_text("DST_32,+32\n", encoding="utf-8")
    (settings.parent / "Rates.csv").write_text(rates, encoding="utf-8")
    (settings.parent / "DestinationRates.csv").write_text("DR,DST_32,RT_8\n", encoding="utf-8")
    assert run("rates import . --tax 0", settings) is Exit.INVALID
    assert told in capsys.readouterr().out


def test_of_two_files_of_one_name_neither_wins(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for year in ("2025", "2026"):
        shutil.copytree(DECKS / "cgrates", settings.parent / year)
    assert run("rates import 2025 2026", settings) is Exit.INVALID
    assert "error same_name, the file: Two files are named Destinations.csv" in capsys.readouterr().out


def test_the_name_of_a_file_cannot_play_with_the_terminal(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "tarif\u202e.csv").write_text(TARIFF, encoding="utf-8")
    assert run("rates import tarif\u202e.csv --apply", settings) is Exit.OK
    assert run("rates history", settings) is Exit.OK
    assert run("rates import missing\u202e.csv", settings) is Exit.USAGE
    told = capsys.readouterr()
    assert "\u202e" not in told.out + told.err
