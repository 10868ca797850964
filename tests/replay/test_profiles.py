"""Five published attacks: at most EUR 10 each under the presets, and at most the ceilings with everything allowed."""

import re
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from callgate.core.policy import parse_policy
from callgate.core.policy_tables import ClassChoice
from replay.calendar_cap import CAP_MICROS, under_calendar_cap, without_control
from replay.profiles import SEED, Profile, profiles
from replay.profiles_table import (
    BORDER,
    FRANCE,
    Loss,
    loss,
    preset,
    table,
    with_countries,
    with_everything_allowed,
    with_table,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
TEN = 10_000_000
ATTACKS = range(5)
attack = pytest.mark.parametrize("place", ATTACKS, ids=[profile.source for profile in profiles()])
each_preset = pytest.mark.parametrize("name", [FRANCE, BORDER])


@cache
def with_everything(name: str, place: int, seed: int = SEED) -> Loss:
    return loss(profiles(seed)[place], with_everything_allowed(preset(name)))


@attack
@each_preset
@pytest.mark.parametrize("seed", [SEED, 1])
def test_an_attack_costs_at_most_ten_euros_under_a_preset(name: str, place: int, seed: int) -> None:
    assert loss(profiles(seed)[place], preset(name)).micros <= TEN


@cache
def with_its_countries(name: str, place: int, seed: int = SEED) -> Loss:
    profile = profiles(seed)[place]
    return loss(profile, with_countries(preset(name), profile.countries))


@attack
@pytest.mark.parametrize("seed", [SEED, 1])
def test_an_attack_on_countries_that_are_allowed_costs_at_most_ten_euros_a_day(place: int, seed: int) -> None:
    assert with_its_countries(FRANCE, place, seed).day_micros <= TEN


@attack
def test_where_more_may_be_spent_abroad_an_attack_costs_no_more_than_that(place: int) -> None:
    assert with_its_countries(BORDER, place).day_micros <= (
        parse_policy(preset(BORDER)).ceilings.international.day or 0
    )


def test_countries_are_allowed_and_nothing_else() -> None:
    before, after = (parse_policy(text) for text in (preset(BORDER), with_countries(preset(BORDER), ("MQ", "SN"))))
    assert {*after.countries.allow} == {*before.countries.allow, "SN"}
    assert (after.limits, after.ceilings, after.classes) == (before.limits, before.ceilings, before.classes)


@attack
@each_preset
@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_with_everything_allowed_no_day_costs_more_than_its_ceiling_and_no_weekend_more_than_the_weeks(
    name: str, place: int, seed: int
) -> None:
    found, ceilings = with_everything(name, place, seed), parse_policy(preset(name)).ceilings.costly
    assert found.day_micros <= (ceilings.day or 0)
    assert found.micros <= (ceilings.week or 0)


def test_the_attacks_do_reach_the_ceilings_so_that_these_tests_bite() -> None:
    losses = [with_everything(FRANCE, place) for place in ATTACKS]
    ceilings = parse_policy(preset(FRANCE)).ceilings.costly
    assert 100 * max(found.day_micros for found in losses) >= 99 * (ceilings.day or 0)
    assert 100 * max(found.micros for found in losses) >= 99 * (ceilings.week or 0)
    assert min(found.micros for found in losses) >= 5_000_000
    # At prices that no preset allows the first rule to act is another one, but not for all five.
    abroad = parse_policy(preset(FRANCE)).ceilings.international
    assert 100 * max(with_its_countries(FRANCE, place).day_micros for place in ATTACKS) >= 99 * (abroad.day or 0)
    assert 100 * max(with_its_countries(FRANCE, place).micros for place in ATTACKS) >= 99 * (abroad.week or 0)


def test_everything_allowed_leaves_the_ceilings_alone() -> None:
    before, after = (parse_policy(text) for text in (preset(FRANCE), with_everything_allowed(preset(FRANCE))))
    assert len(after.countries.allow) > 200
    assert {getattr(after.classes, name) for name in after.classes.__struct_fields__} == {ClassChoice.ALLOW}
    assert after.limits.max_rate_per_minute == 1_000_000_000
    assert (after.ceilings, after.installer_maximum) == (before.ceilings, before.installer_maximum)


@attack
def test_a_calendar_day_cap_fed_by_cdrs_lets_ten_times_its_cap_through(place: int) -> None:
    profile = profiles()[place]
    assert 10 * CAP_MICROS < under_calendar_cap(profile, profile.calls) < without_control(profile)


@pytest.mark.parametrize(
    ("place", "calls", "least", "most"),
    [
        (0, 1600, 150_000, 200_000),
        (1, 45, 2_900, 3_300),
        (2, 144, 185_000, 205_000),
        (3, 160, 3_500, 4_500),
        (4, range(380, 480), 12_000, 15_000),
    ],
)
def test_an_attack_has_the_calls_and_the_cost_that_were_published(
    place: int, calls: int | range, least: int, most: int
) -> None:
    profile = profiles()[place]
    assert len(profile.calls) in ([calls] if isinstance(calls, int) else calls)
    assert least * 1_000_000 <= without_control(profile) <= most * 1_000_000


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_line_is_busy_while_its_call_lasts(place: int) -> None:
    by_line = defaultdict(list)
    for call in profiles()[place].calls:
        by_line[call.extension].append(call)
    for calls in by_line.values():
        for earlier, later in pairwise(calls):
            assert (later.start - earlier.start).total_seconds() > earlier.duration_s


def test_an_attack_is_drawn_from_its_seed_and_from_nothing_else() -> None:
    assert profiles() == profiles()
    assert _drawn(profiles()[0]) != _drawn(profiles(1)[0])


def _drawn(profile: Profile) -> list[str]:
    return profile.attempts().splitlines()[:20]


def test_the_table_of_the_page_is_the_one_that_the_command_writes() -> None:
    """After a change: ``make replay-profiles``."""
    assert with_table(PAGE, table()) == PAGE


def test_the_page_tells_the_seed() -> None:
    assert re.search(rf"\b{SEED}\b", PAGE)
