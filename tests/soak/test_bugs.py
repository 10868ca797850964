"""The soak must be able to fail: it finds each planted bug, and the ledger as it is passes the very same rounds."""

import subprocess
import sys

import pytest

from soak.bugs import BUGS, NONE
from soak.mortals import ENVIRONMENT

SEED = "buried"


def run(name: str) -> int:
    """Run the rounds under one bug, in a process of its own: its scripts are changed."""
    done = subprocess.run(
        [sys.executable, "-m", "soak.bugs", name, SEED], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert f"{name}, seed" in done.stdout, done.stderr
    return done.returncode


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    assert run(bug) == 1


def test_the_ledger_as_it_is_passes_the_same_rounds() -> None:
    assert run(NONE) == 0
