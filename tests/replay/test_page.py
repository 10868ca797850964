"""The page on replay shows what the command really says, and names every option and every column."""

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.cli import parser
from callgate.replay.layout import ATTEMPT_COLUMNS
from callgate.replay.reader import ROWS_MAX
from callgate.replay.verdicts import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_is_what_the_command_says() -> None:
    (block,) = re.findall(r"^```console\n\$ (.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    command, _, said = block.partition("\n")
    program = str(Path(sys.executable).with_name("callgate"))
    ended = subprocess.run(
        [program, *shlex.split(command)[1:]], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert (ended.stdout, ended.stderr) == (said, "")


def options() -> set[str]:
    top = parser()._subparsers
    assert top is not None
    (commands,) = (action for action in top._group_actions if isinstance(action, argparse._SubParsersAction))
    return {word for action in commands.choices["replay"]._actions for word in action.option_strings} - {"-h", "--help"}


def test_the_page_names_every_option_and_no_other() -> None:
    usage = PAGE.partition("```\n")[2].partition("```")[0]
    assert set(re.findall(r"--[a-z-]+", usage)) == options()


@pytest.mark.parametrize("column", [*ATTEMPT_COLUMNS, *COLUMNS])
def test_the_page_names_every_column(column: str) -> None:
    assert re.search(rf"\b{column}\b", PAGE)


def test_the_page_tells_the_limit_of_rows() -> None:
    assert f"{ROWS_MAX:,} rows" in PAGE
