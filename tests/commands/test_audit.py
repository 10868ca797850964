"""`callgate audit` tells an installer and a CI what is wrong, and ends with the code that says so."""

import json
from pathlib import Path

import pytest

from audit.docs_page import rules_table
from audit.seeds import SEEDS, copy_of, plant
from callgate.cli import main
from callgate.texts.catalog import Language, text
from clinic_samples import ROOT

OK, NEGATIVE, USAGE, INVALID = 0, 1, 2, 3
Out = pytest.CaptureFixture[str]
SETTINGS = ROOT / "policies" / "callgate.toml"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of this machine."""
    monkeypatch.setattr("callgate.commands.audit.DEFAULT_SETTINGS", tmp_path / "none.toml")
    monkeypatch.setenv("CALLGATE_SETTINGS", str(tmp_path / "none.toml"))


def test_a_clean_configuration_ends_well(tmp_path: Path, capsys: Out) -> None:
    assert main(["--language", "en", "audit", "--config", str(copy_of("plain", tmp_path))]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Found: 0 critical, 0 high, 0 medium, 0 low."
    assert all(line.startswith("Note: ") for line in lines[:-1])


def test_a_hole_is_told_with_its_way_its_reason_and_its_remedy(tmp_path: Path, capsys: Out) -> None:
    assert main(["--language", "en", "audit", "--config", str(plant(SEEDS[1], tmp_path))]) == NEGATIVE
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "extensions.conf:29: high, ungated_dial",
        "  A call can reach the operator without asking the gate: [second] s: Dial PJSIP/carrier-b.",
        "  Way: 21, 22 > [phones] > [internal] _7X. > [helper] s > [second] s",
        f"  {text('audit.why_ungated_dial', Language.EN)}",
        f"  Remedy: {text('audit.remedy_ungated_dial', Language.EN)}",
    ]


def test_it_speaks_french(tmp_path: Path, capsys: Out) -> None:
    assert main(["--language", "fr", "audit", "--config", str(plant(SEEDS[1], tmp_path))]) == NEGATIVE
    assert "élevé, ungated_dial" in capsys.readouterr().out


def test_with_the_settings_the_gate_itself_is_compared(tmp_path: Path, capsys: Out) -> None:
    folder = copy_of("plain", tmp_path)
    words = ["--settings", str(SETTINGS), "--language", "en", "audit", "--config", str(folder)]
    assert main(words) == OK
    gate = folder / "callgate.conf"
    gate.write_text(gate.read_text(encoding="utf-8").replace("]?veto)", "]?ok)"), encoding="utf-8")
    assert main(words) == NEGATIVE
    assert "high, gate_outdated" in capsys.readouterr().out


def test_programs_get_one_object(tmp_path: Path, capsys: Out) -> None:
    folder = plant(SEEDS[1], tmp_path)
    assert main(["--language", "en", "audit", "--config", str(folder), "--json"]) == NEGATIVE
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"critical": 0, "high": 1, "medium": 0, "low": 0}
    [finding] = document["findings"]
    assert set(finding) == {"rule", "severity", "file", "line", "subject", "path", "what", "why", "remedy"}
    assert (finding["rule"], finding["file"], finding["line"]) == ("ungated_dial", "extensions.conf", 29)
    assert {note["note"] for note in document["notes"]} >= {"trunks_guessed", "gate_not_compared"}


def test_a_ci_gets_a_sarif_log(tmp_path: Path, capsys: Out) -> None:
    assert main(["audit", "--config", str(plant(SEEDS[1], tmp_path)), "--sarif"]) == NEGATIVE
    [run] = json.loads(capsys.readouterr().out)["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["ungated_dial"]


def test_the_picture_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "ways.svg"
    assert main(["audit", "--config", str(copy_of("wazo", tmp_path)), "--graph", str(file)]) == OK
    assert file.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.parametrize(
    "case",
    [
        (["--config", "gone"], INVALID, "gone: is no folder. Remedy: name Asterisk's with --config"),
        (["--config", "."], INVALID, "extensions.conf: is not there. Remedy: "),
        (["--config", "half"], INVALID, 'extensions.conf:1: includes "gone.conf", which is not there'),
        (["--json", "--sarif"], USAGE, "not allowed with argument"),
        (["--config", "deep"], INVALID, "has an application within hundreds of others"),
        (["--config", "whole", "--graph", "gone/x.svg"], INVALID, "gone/x.svg: No such file"),
    ],
)
def test_what_cannot_be_audited_is_said_in_one_line(
    case: tuple[list[str], int, str], tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, code, said = case
    monkeypatch.chdir(tmp_path)
    nested = "Exec(" * 900 + ")" * 900
    texts = {"half": "#include gone.conf\n", "deep": f"[c]\nexten => 1,1,{nested}\n", "whole": "[c]\n"}
    for name, written in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "extensions.conf").write_text(written)
    try:
        found = main(["audit", *words])
    except SystemExit as stopped:
        found = stopped.code if isinstance(stopped.code, int) else -1
    shown = capsys.readouterr().err
    assert (found, said in shown) == (code, True), shown


def test_what_a_stranger_wrote_cannot_play_with_the_terminal(tmp_path: Path, capsys: Out) -> None:
    folder = copy_of("plain", tmp_path)
    with (folder / "extensions.conf").open("a", encoding="utf-8") as file:
        file.write("[internal](+)\nexten => _9\x1bc.,1,Dial(PJSIP/06@\x1bcarrier-a&PJSIP/06@carrier-a)\n")
    assert main(["audit", "--config", str(folder)]) == NEGATIVE
    assert "\x1b" not in capsys.readouterr().out


def test_the_page_has_every_rule_as_the_code_has_it() -> None:
    """After a change: ``PYTHONPATH=agi:tests python -m audit.docs_page``."""
    assert rules_table() in (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
