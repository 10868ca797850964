"""A slice of `make flood`: each refusal of a flood is counted, also when the gate is killed in it; and its judgement.

Here no wait is held to a limit: other tests run at the same time.
"""

from pathlib import Path
from random import Random

import pytest

from flood.killed import KillReport, flood_and_kill
from flood.neighbours import FLOODS, JOURNAL_MAX_MIB, MIB, NEIGHBOURS, FloodReport, flood, gate_of_two
from flood.real_gate import real_gate


async def test_among_two_thousand_refusals_a_gate_that_is_killed_three_times_loses_none(tmp_path: Path) -> None:
    with real_gate(tmp_path) as gate:
        report = await flood_and_kill(gate, Random("a"), refusals=2_000, kills=3)
    assert (report.kills, report.supervisors) == (3, 2)
    assert report.answered >= 2_000
    assert report.is_well, report
    assert report.rows < report.answered / 2


@pytest.mark.parametrize("name", FLOODS)
async def test_in_a_flood_every_refusal_is_counted_and_the_neighbours_are_served(tmp_path: Path, name: str) -> None:
    with gate_of_two(tmp_path) as gate:
        report = await flood(gate, dialled=FLOODS[name], seconds=3)
    assert report.verdicts.total() == 500
    assert "no verdict" not in report.verdicts
    assert report.counted == report.refused > 0
    assert list(report.wrong()) == []
    assert report.disk_bytes > 0
    assert report.log_lines > 0
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


def flood_report(*, quiet_ms: float = 10.0, flooded_ms: float = 12.0, **changes: int) -> FloodReport:
    """What a flood of ten refusals might give, with neighbours that waited so long."""
    report = FloodReport(counted=10, disk_bytes=JOURNAL_MAX_MIB * MIB, log_lines=20, log_lines_max=20)
    report.verdicts["refuse country_refused"] = 10
    for field, value in changes.items():
        setattr(report, field, value)
    for name in NEIGHBOURS:
        report.before_ms[name], report.flooded_ms[name], report.behind_ms[name] = [quiet_ms], [flooded_ms], [quiet_ms]
    return report


def test_a_flood_within_every_limit_is_as_it_must_be() -> None:
    assert list(flood_report().wrong(1.2)) == []


@pytest.mark.parametrize("changes", [{"counted": 9}, {"counted": 11}, {"disk_bytes": 16 * MIB + 1}, {"log_lines": 21}])
def test_a_flood_that_is_not_counted_or_fills_the_disk_is_wrong(changes: dict[str, int]) -> None:
    assert len(list(flood_report(**changes).wrong())) == 1


def test_a_neighbour_that_waits_a_fifth_longer_is_wrong_where_it_is_judged() -> None:
    report = flood_report(flooded_ms=12.1)
    assert len(list(report.wrong(1.2))) == len(NEIGHBOURS)
    assert list(report.wrong()) == []


def test_a_neighbour_of_whom_nothing_was_measured_is_wrong_where_it_is_judged() -> None:
    report = flood_report()
    report.flooded_ms["another clinic"].clear()
    assert len(list(report.wrong(1.2))) == 1
    assert "nothing was measured" in "\n".join(report.lines())
    assert list(report.wrong()) == []


def test_a_flood_of_which_nothing_was_refused_is_wrong() -> None:
    report = flood_report(counted=0)
    report.verdicts.clear()
    assert len(list(report.wrong())) == 1
