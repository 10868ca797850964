"""The command: it ends well only if nothing at all was found."""

import sys
from collections import Counter

import pytest

from fuzz import run
from fuzz.run import Report
from fuzz.trial import Fault


@pytest.mark.parametrize("fault", [None, *Fault])
def test_one_fault_of_any_kind_among_ten_million_is_a_failure(
    fault: Fault | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(faults=Counter([fault] if fault else []))
    monkeypatch.setattr(run, "fuzz", lambda _seed, _count: report)
    monkeypatch.setattr(sys, "argv", ["fuzz.run", "--seed", "any"])
    assert run.main() == (0 if fault is None else 1)
    assert "--seed any --count 10000000" in capsys.readouterr().out
