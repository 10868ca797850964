"""A slice of `make flood`: each refusal of a flood is counted, also when the gate is killed in it."""

from pathlib import Path
from random import Random

import pytest

from flood.killed import KillReport, flood_and_kill
from flood.neighbours import BOTH, FLOODS, OTHER_POLICY, flood
from flood.real_gate import real_gate


async def test_among_two_thousand_refusals_a_gate_that_is_killed_three_times_loses_none(tmp_path: Path) -> None:
    with real_gate(tmp_path) as gate:
        report = await flood_and_kill(gate, Random("slice"), refusals=2_000, kills=3)
    assert report.kills == 3
    assert report.answered >= 2_000
    assert report.is_well, report
    assert report.rows < report.answered / 2


@pytest.mark.parametrize("name", FLOODS)
async def test_in_a_flood_every_refusal_is_counted_and_the_neighbours_are_served(tmp_path: Path, name: str) -> None:
    (tmp_path / "other.toml").write_text(OTHER_POLICY, encoding="utf-8")
    with real_gate(tmp_path, settings=BOTH) as gate:
        report = await flood(gate, dialled=FLOODS[name], seconds=3)
    assert report.verdicts.total() == 500
    assert "no verdict" not in report.verdicts
    assert report.counted == report.refused > 0
    assert report.flooded_ms["another clinic"]
    assert any("p99" in line for line in report.lines())


@pytest.mark.parametrize(
    ("answered", "counted", "is_well", "lost"), [(5, 5, True, 0), (5, 7, True, 0), (5, 4, False, 1), (5, 8, False, 0)]
)
def test_a_refusal_that_is_nowhere_or_that_nobody_asked_for_is_found_out(
    answered: int, counted: int, *, is_well: bool, lost: int
) -> None:
    report = KillReport(asked=7, answered=answered, counted=counted)
    assert (report.is_well, report.lost) == (is_well, lost)
    assert f"{lost} lost" in str(report)
