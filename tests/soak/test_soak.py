"""A slice of `make soak-ledger`. Its figures and its seed are printed."""

from pathlib import Path

import pytest

from soak.run import shortcomings, soak

SEEDS = ("slice/1", "slice/2")
OPERATIONS = 100_000
KILLS = 50


def test_in_a_hundred_thousand_operations_with_fifty_kills_no_cent_is_over_any_ceiling_and_none_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        outcomes = soak(tmp_path, SEEDS, OPERATIONS, KILLS)
    assert shortcomings(outcomes, KILLS) == []
