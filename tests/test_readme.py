"""The README and the lab page hold what they promise: each example that needs no Docker is run, each name exists."""

import argparse
import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import practice
from callgate.cli import parser
from callgate.commands import Exit

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LAB_PAGE = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "docs/lab.md": LAB_PAGE}

NO_DAEMON = "callgate: the daemon's own Redis gives no policy in force; asking the policy file of the settings\n"
"""What `check` says of itself where no daemon runs, as in these tests."""

_BIN = str(Path(sys.executable).parent)
_ENVIRONMENT = {**os.environ, "PATH": f"{_BIN}:{os.environ['PATH']}", "LANG": "fr_FR.UTF-8", "LC_ALL": ""}


def blocks(kind: str) -> list[str]:
    """The fenced blocks of the README with this info string."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Each command of the console blocks, with the output shown under it."""
    found = []
    for block in blocks("console"):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def run(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**_ENVIRONMENT, **more}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=60)


@pytest.mark.parametrize(("command", "output"), examples(), ids=[command for command, _ in examples()])
def test_what_the_readme_shows_is_what_the_command_says(command: str, output: str) -> None:
    ended = run(shlex.split(command))
    assert ended.stdout.replace("\r\n", "\n") == output
    assert ended.returncode == (Exit.NEGATIVE if "Verdict: refused" in output else Exit.OK)
    assert ended.stderr in {"", NO_DAEMON}


def test_the_readme_shows_a_refused_check_a_granted_one_a_validation_and_a_classification() -> None:
    assert [re.findall(r"check|validate|classify", command) for command, _ in examples()] == [
        ["check"],
        ["validate"],
        ["check"],
        ["classify"],
    ]


def test_the_drop_in_steps_give_an_installer_settings_prompts_and_a_dialplan(tmp_path: Path) -> None:
    for folder in ("etc/callgate", "etc/asterisk", "usr/share/callgate"):
        (tmp_path / folder).mkdir(parents=True)
    own_file = tmp_path / "etc" / "asterisk" / "extensions.conf"
    own_file.write_text("[general]\n", encoding="utf-8")
    script = re.sub(r"(?<=[ >])/(?=etc/|usr/)", f"{tmp_path}/", "".join(blocks("sh drop-in")))
    ended = run(["sh", "-euc", script], CALLGATE_SETTINGS=str(tmp_path / "etc" / "callgate" / "callgate.toml"))
    assert (ended.returncode, ended.stderr) == (0, NO_DAEMON)
    dialplan = (tmp_path / "etc" / "asterisk" / "callgate.conf").read_text(encoding="utf-8")
    assert "\n[callgate]\n" in dialplan
    assert "\n[callgate-emergency-callgate]\n" in dialplan
    assert "[general]\n" in own_file.read_text(encoding="utf-8")
    assert "\n[callgate-last-resort]\n" in own_file.read_text(encoding="utf-8")
    assert (tmp_path / "usr/share/callgate/sounds/fr/callgate/refused.wav").exists()


def test_the_lines_for_extensions_conf_are_those_the_lab_runs_with() -> None:
    assert blocks("ini")[0] in practice._EXTENSIONS


def test_the_readme_names_every_command_and_no_other() -> None:
    subcommands = next(found for found in parser()._actions if isinstance(found, argparse._SubParsersAction))
    assert re.findall(r"^\| `callgate ([\w-]+)` \|", README, re.MULTILINE) == list(subcommands.choices)


def test_the_readme_names_every_exit_code_and_no_other() -> None:
    assert re.findall(r"^\| (\d+) \|", README, re.MULTILINE) == [str(code.value) for code in Exit]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)$|`make ([a-z-]+)`", PAGES[page], re.MULTILINE))
    assert named
    assert {first or second for first, second in named} <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", PAGES[page])
    quoted = re.findall(r"`((?:agi|asterisk-conf|docker|docs|policies|requirements|tests)/[\w./-]*)`", PAGES[page])
    called = re.findall(r"(?<= )((?:docker|docs|requirements)/[\w./-]+\.\w+)", PAGES[page])
    for name in {*linked, *quoted, *called}:
        assert (ROOT / name).exists(), name


def test_the_classified_example_is_a_file_of_dialled_strings() -> None:
    with (ROOT / "docs" / "examples" / "dialled.csv").open(encoding="utf-8", newline="") as stream:
        assert csv.DictReader(stream).fieldnames == ["home_country", "outside_prefix", "dialled"]
