"""The demo's rules are right on whatever day and hour it runs."""

from datetime import UTC, datetime, timedelta

import pytest

from callgate.clinic import check_policy
from callgate.core.hours import is_open
from demo_policy import belgium_ends, hours_closed_at, rules

A_YEAR = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=37 * step, minutes=59) for step in range(240)]


@pytest.mark.parametrize("now", A_YEAR, ids=str)
def test_the_closed_practice_is_closed_for_the_hour_of_the_demo_and_open_some_day(now: datetime) -> None:
    policy = check_policy(rules(now, hours_closed_at(now)), "the demo")
    minutes = [now + timedelta(minutes=minute) for minute in range(0, 60, 5)]
    assert not any(is_open(policy.hours, instant, policy.timezone, frozenset()) for instant in minutes)
    week = [now + timedelta(hours=hour) for hour in range(7 * 24)]
    assert any(is_open(policy.hours, instant, policy.timezone, frozenset()) for instant in week)


@pytest.mark.parametrize("now", A_YEAR[::24], ids=str)
def test_the_open_practice_allows_belgium_for_ten_days_and_germany_no_more(now: datetime) -> None:
    policy = check_policy(rules(now), "the demo")
    assert is_open(policy.hours, now, policy.timezone, frozenset())
    belgium, germany = policy.countries.exception
    assert (belgium.country, germany.country) == ("BE", "DE")
    assert germany.until < now < belgium.until
    assert belgium.until == belgium_ends(now)
