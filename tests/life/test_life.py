"""Ordinary life refuses nobody: a week of every practice here, thirteen of the small one; all by `make life`."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from callgate.core.dialling import read_dialled
from callgate.core.plan import NumberClass
from callgate.core.policy import parse_policy
from callgate.core.reasons import Reason
from life.life_table import BEGIN, END, SEEDS, is_refused, lives, row, table, with_table
from life.lived import MACHINES, OFF_AND_UNSYNCED, while_on
from life.practices import (
    BORDER,
    BUSY,
    FIRST_MONDAY,
    HOLIDAYS,
    MEDIUM,
    ON_CALL,
    PARIS,
    PLAN,
    POLICIES,
    PRACTICES,
    SMALL,
    WEEKS,
    Practice,
    attempts,
    calls_of,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.name)
def test_a_week_of_a_practice_refuses_no_ordinary_call_and_no_costly_one(practice: Practice, machine: str) -> None:
    (life,) = lives(practice, machine, SEEDS[:1], weeks=1)
    assert life.refused_ordinary == {}
    assert life.refused_costly == {} or machine == OFF_AND_UNSYNCED


def test_thirteen_weeks_of_the_small_practice_are_those_of_the_page() -> None:
    """After a change: `make life`, which lives the weeks of all practices on all machines."""
    machine = "off every night"
    assert row(SMALL, machine, lives(SMALL, machine)) in PAGE.splitlines()


def test_the_page_has_a_row_for_each_practice_on_each_machine() -> None:
    made = PAGE.partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    _, _, *rows = made.splitlines()
    names = [row.split(" | ")[:2] for row in rows]
    assert names == [
        [f"| {practice.name}, {practice.day_calls} a day", machine] for practice in PRACTICES for machine in MACHINES
    ]
    assert with_table(PAGE, table(rows)) == PAGE


@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.name)
def test_the_page_says_that_no_ordinary_call_was_refused(practice: Practice) -> None:
    rows = [row.split(" | ") for row in PAGE.splitlines() if row.startswith(f"| {practice.name}, ")]
    assert {cells[4] for cells in rows} == {"0"}


@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.name)
def test_a_practice_calls_about_as_often_as_it_says_and_always_the_same_for_a_seed(practice: Practice) -> None:
    calls = calls_of(practice, 1, weeks=2)
    assert calls == calls_of(practice, 1, weeks=2) != calls_of(practice, 2, weeks=2)
    weekday = [call for call in calls if call.start.date() == FIRST_MONDAY + timedelta(days=1) and call.extension]
    # Redials to engaged numbers come on top.
    assert 0.6 * practice.day_calls <= len(weekday) <= 1.6 * practice.day_calls


@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.name)
def test_a_telephone_makes_one_call_at_a_time(practice: Practice) -> None:
    busy_until: dict[str, datetime] = {}
    for call in calls_of(practice, 1, weeks=2):
        line = call.extension or call.dialled
        assert call.duration_s == 0 or busy_until.get(line, call.start) <= call.start
        busy_until[line] = max(busy_until.get(line, call.start), call.start + timedelta(seconds=call.duration_s))


def test_every_number_that_is_called_exists_and_is_of_the_kind_it_is_meant_to_be() -> None:
    classes = {
        read_dialled(call.dialled, plan=PLAN, outside_prefix="").number_class for call in calls_of(BORDER, 1, weeks=2)
    }
    assert classes == {
        NumberClass.NATIONAL_FIXED,
        NumberClass.NATIONAL_MOBILE,
        NumberClass.INTERNATIONAL_FIXED,
        NumberClass.INTERNATIONAL_MOBILE,
        NumberClass.FREEPHONE,
        NumberClass.SPECIAL_SHORT,
    }


def test_the_border_practice_calls_abroad_as_often_as_it_says() -> None:
    calls = [call for call in calls_of(BORDER, 1) if call.extension]
    abroad = sum(call.dialled.startswith("00") for call in calls)
    assert abroad / len(calls) == pytest.approx(BORDER.abroad, abs=0.02)


def test_numbers_that_are_engaged_are_dialled_again() -> None:
    calls = calls_of(MEDIUM, 1, weeks=1)
    again = [
        later
        for earlier in calls
        for later in calls
        if earlier.duration_s == 0
        and later.dialled == earlier.dialled
        and timedelta(0) < later.start - earlier.start < timedelta(minutes=6)
    ]
    assert len(again) > 20


def test_on_holidays_only_the_doctor_on_call_is_called() -> None:
    calls = calls_of(BUSY, 1)
    assert {call.dialled for call in calls if call.start.date() in HOLIDAYS} == {ON_CALL}
    assert any(call.start.date() in HOLIDAYS for call in calls)


def test_the_weeks_have_both_holidays_and_the_change_of_the_clocks() -> None:
    days = [FIRST_MONDAY + timedelta(days=ahead) for ahead in range(7 * WEEKS)]
    assert set(days) >= HOLIDAYS
    offsets = {call.start.utcoffset() for call in calls_of(SMALL, 1)}
    assert len(offsets) == 2


def test_a_machine_that_is_off_hears_of_no_call() -> None:
    calls = calls_of(BUSY, 1, weeks=2)
    heard = while_on(calls)
    assert {call.start.hour for call in calls} > {call.start.hour for call in heard} == {*range(7, 21)}


def test_a_machine_that_is_off_at_night_boots_once_a_day() -> None:
    first_s = int(calls_of(SMALL, 1, weeks=1)[0].start.timestamp())
    seconds = iter(range(first_s, first_s + 7 * 86_400, 1800))
    look_at = MACHINES["off every night"](seconds.__next__)
    looks = [look_at() for _ in range(7 * 48)]
    assert len({look.boot for look in looks}) in {7, 8}
    assert all(0 <= look.uptime_s < 86_400 for look in looks)


def test_attempts_are_written_with_their_distance_from_utc() -> None:
    header, first, *_ = attempts(calls_of(SMALL, 1, weeks=1)).splitlines()
    assert header == "start,extension,dialled,duration_s,origin"
    assert "+01:00," in first


@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.name)
def test_the_policy_of_a_practice_is_its_preset_and_the_one_number_it_fills_in(practice: Practice) -> None:
    policy = parse_policy(practice.policy())
    assert [str(number.number) for number in policy.external_to_external.number] == ["+33698765432"]
    assert policy.timezone == PARIS
    preset = parse_policy((POLICIES / "presets" / f"{practice.preset}.toml").read_text(encoding="utf-8"))
    assert msgspec.structs.replace(policy, external_to_external=preset.external_to_external) == preset


def test_a_refused_call_is_a_fault_but_for_costly_ones_where_nothing_proves_the_nights() -> None:
    (quiet,) = lives(SMALL, "always on", SEEDS[:1], weeks=1)
    ordinary = replace(quiet, refused_ordinary=Counter({Reason.CEILING_WEEK: 1}))
    costly = replace(quiet, refused_days=1)
    assert not is_refused("always on", [quiet])
    assert is_refused("always on", [ordinary])
    assert is_refused("always on", [costly])
    assert is_refused(OFF_AND_UNSYNCED, [ordinary])
    assert not is_refused(OFF_AND_UNSYNCED, [costly])
