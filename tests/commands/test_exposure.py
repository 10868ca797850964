"""`callgate exposure` tells the worst loss in both languages and for programs, and the page shows what it says."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.commands import Exit
from callgate.texts.catalog import Language, text
from clinic_samples import ROOT, policy_text, write_site

PAGE = (ROOT / "docs" / "exposure.md").read_text(encoding="utf-8")
Out = pytest.CaptureFixture[str]


def told(capsys: Out, *words: str, language: str = "en") -> list[str]:
    assert main(["--language", language, "exposure", *words]) == Exit.OK
    return plain(capsys.readouterr().out).splitlines()


def plain(said: str) -> str:
    """Without the spaces that hold a number and its unit together."""
    return said.replace("\u00a0", " ")


def policy(folder: Path, changes: dict[str, str] | None = None, more: str = "") -> str:
    file = folder / "policy.toml"
    file.write_text(policy_text(changes) + more, encoding="utf-8")
    return str(file)


def test_every_span_has_its_total_and_what_binds(tmp_path: Path, capsys: Out) -> None:
    lines = told(capsys, "--policy", policy(tmp_path, {'holidays = "FR"': 'holidays = "none"'}))
    assert lines[0] == "The most that the policy of cabinet-des-lilas can cost, in EUR; lines: 10, hosts: 1"
    assert [line for line in lines if line.startswith("In ")] == [
        "In an hour: 83.94 EUR",
        "In a night (13 h): 314.46 EUR",
        "In a weekend (Friday 19:00 to Monday 08:00, 61 h): 1231.34 EUR",
        "In the longest closing (43 h 30): 737.06 EUR",
        "In a calendar month: 23161.00 EUR",
    ]
    assert lines[2] == "  costly calls: 10.00 (ceiling of costly calls in 60 minutes: 10.00, times 1)"


FORWARD = '\n[[external_to_external.number]]\nnumber = "+33612345678"\nday = "20.00"\n'


def test_calls_between_outsiders_are_told_last_of_a_span(tmp_path: Path, capsys: Out) -> None:
    lines = told(capsys, "--policy", policy(tmp_path, more=FORWARD))
    last = lines[lines.index(next(line for line in lines if line.startswith("In a night"))) - 1]
    assert last == (
        "    of it at most calls between two outside parties: 34.41 (ceiling of calls between two outside parties "
        "in 24 hours: 20.00, and 14.41 that calls already up may go on for, times 1)"
    )


@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_observing_clinic_is_told_that_nothing_binds(tmp_path: Path, capsys: Out, language: str) -> None:
    observing = policy(tmp_path, {'mode     = "enforce"': 'mode = "observe"'})
    _, said = told(capsys, "--policy", observing, language=language)
    assert said == plain(text("cli.exposure_observed", Language(language)))


def test_what_is_not_covered_is_said_in_one_line(tmp_path: Path, capsys: Out) -> None:
    assert told(capsys, "--policy", policy(tmp_path))[-1] == (
        "Not covered: whoever is root on the PBX, and whoever has the password of the trunk and calls past it."
    )


def test_lines_and_hosts_count(tmp_path: Path, capsys: Out) -> None:
    lines = told(capsys, "--policy", policy(tmp_path), "--channels", "4", "--hosts", "2")
    assert "lines: 4, hosts: 2" in lines[0]
    assert any("by 4 counters" in line for line in lines)
    assert any("lines busy: 3" in line for line in lines)


def test_a_clinic_of_the_settings_is_asked_with_its_own_lines(tmp_path: Path, capsys: Out) -> None:
    settings = write_site(tmp_path)
    words = ["--settings", str(settings), "--language", "en", "exposure", "--clinic", "cabinet-des-lilas"]
    assert main([*words, "--policy", policy(tmp_path)]) == Exit.OK
    assert "lines: 15" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("word", ["0", "-1", "ten", "10000"])
def test_a_number_of_lines_is_a_whole_number(word: str, capsys: Out) -> None:
    with pytest.raises(SystemExit):
        main(["exposure", "--channels", word])
    assert "a number from 1 to 9999" in capsys.readouterr().err


def test_programs_get_one_object(tmp_path: Path, capsys: Out) -> None:
    (line,) = told(capsys, "--policy", policy(tmp_path), "--json")
    answer = json.loads(line)
    assert {name: answer[name] for name in answer if name != "spans"} == {
        "clinic": "cabinet-des-lilas",
        "mode": "enforce",
        "currency": "EUR",
        "channels": 10,
        "hosts": 1,
    }
    assert [span["span"] for span in answer["spans"]] == ["hour", "night", "weekend", "closing", "month"]
    assert answer["spans"][0]["parts"][0] == {
        "kind": "costly",
        "micros": 10_000_000,
        "bound": {
            "purse": "costly",
            "window": "hour",
            "limit_micros": 10_000_000,
            "times": 1,
            "beyond_micros": 0,
        },
    }


def test_the_example_of_the_page_is_what_the_command_says() -> None:
    command, _, said = PAGE.partition("```console\n$ ")[2].partition("```")[0].partition("\n")
    program = str(Path(sys.executable).with_name("callgate"))
    words = [program, *shlex.split(command)[1:]]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    shown, *others = said.split("...\n")
    assert plain(ended.stdout).startswith(shown)
    assert all(other in plain(ended.stdout) for other in others)
