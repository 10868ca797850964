"""The files of the dialplan's allowance: what a mark is worth, and that old files go."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callgate.allowance_files import KEPT_S, LINE_BYTES, MARKS_MAX, TIDY_PAUSE_S, AllowanceFiles, Marks, place_of_counts
from callgate.core.policy_tables import Allowance
from callgate.core.policy_values import Count, Micros, Span

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def allowance(calls: int, total: int) -> Allowance:
    return Allowance(calls=Count(calls), per=Span(60), total=Micros(total))


@pytest.mark.parametrize(
    ("calls", "total", "micros", "most"),
    [
        (30, 5_000_000, 1250, 4000),
        (30, 0, 1, 0),
        (30, 1, 1, 1),
        (30, 3999, 1, 3999),
        (30, 4001, 2, 2000),
        (30, 1_000_000_000, 250_000, 4000),
        (0, 5_000_000, 1250, -1),
    ],
)
def test_the_money_of_an_hour_is_divided_into_marks_that_are_never_worth_more(
    calls: int, total: int, micros: int, most: int
) -> None:
    marks = Marks.of(allowance(calls, total))
    assert (marks.micros, marks.most) == (micros, most)
    assert marks.most * marks.micros <= total
    assert marks.most <= MARKS_MAX


def test_a_page_of_a_file_holds_whole_lines() -> None:
    assert os.sysconf("SC_PAGE_SIZE") % LINE_BYTES == 0


def write(folder: Path, name: str, age_s: float) -> Path:
    file = folder / name
    file.touch()
    os.utime(file, (NOW.timestamp() - age_s, NOW.timestamp() - age_s))
    return file


async def test_a_file_no_call_can_count_in_any_more_is_removed_and_nothing_else(tmp_path: Path) -> None:
    spool = write(tmp_path, "calls.log", 2 * KEPT_S)
    old = write(tmp_path, "allowance-cabinet-calls-17", KEPT_S + 1)
    young = write(tmp_path, "allowance-cabinet-calls-18", KEPT_S - 1)
    await AllowanceFiles(spool=str(spool), clock=lambda: NOW).tidy()
    assert not old.exists()
    assert spool.exists()
    assert young.exists()


async def test_the_folder_is_looked_at_once_an_hour(tmp_path: Path) -> None:
    now = [NOW]
    files = AllowanceFiles(spool=str(tmp_path / "calls.log"), clock=lambda: now[0])
    await files.tidy()
    old = write(tmp_path, "allowance-cabinet-back-3", KEPT_S * 2)
    now[0] += timedelta(seconds=TIDY_PAUSE_S - 1)
    await files.tidy()
    assert old.exists()
    now[0] += timedelta(seconds=1)
    await files.tidy()
    assert not old.exists()


async def test_a_folder_that_is_not_there_holds_nothing_old(tmp_path: Path) -> None:
    await AllowanceFiles(spool=str(tmp_path / "gone" / "calls.log"), clock=lambda: NOW).tidy()


def test_the_counts_lie_beside_the_spool() -> None:
    assert place_of_counts("/var/spool/callgate/calls.log") == "/var/spool/callgate/allowance-"
