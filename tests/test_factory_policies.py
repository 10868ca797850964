"""What a home country starts with lets its lifelines go at any hour, and the numbers that a practice there needs."""

import csv
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from callgate.clinic import check_numbers, load_plan, plan_countries
from callgate.core.allowance import LENT_SECONDS
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import Rulebook
from callgate.core.deck import parse_deck
from callgate.core.dialling import read_dialled
from callgate.core.judge import Reserve, judge
from callgate.core.policy import Policy, parse_policy
from callgate.core.pricing import price_destination
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal, Verdict, conclude
from callgate.ledger.memory import MemoryLedger, at_second

ROOT = Path(__file__).parent.parent
NO_RATES = "none.csv"

# On the clinic's own clock: its zone takes the place of this one.
WEDNESDAY_NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
at_any_hour = pytest.mark.parametrize("on_the_clock", [WEDNESDAY_NOON, SUNDAY_NIGHT], ids=["open", "at night"])


def lifelines() -> list[tuple[str, str]]:
    found = []
    for name in ("must_reach.csv", "must_reach_added.csv"):
        with (ROOT / "tests" / "data" / name).open(encoding="utf-8", newline="") as rows:
            found += [(row["country"], row["number"]) for row in csv.DictReader(rows) if row["level"] != "practice"]
    return found


def first_rates(country: str) -> str:
    """The deck that a practice begins with."""
    name = f"{country}-default.csv"
    return name if (ROOT / "policies" / "rates" / name).exists() else NO_RATES


@cache
def factory_policy(country: str) -> Policy:
    name = "cabinet-france-seule" if country == "FR" else f"practice-{country}"
    return parse_policy((ROOT / "policies" / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


async def verdict_on(
    country: str, dialled: str, outside_prefix: str, on_the_clock: datetime, *, rates: str = NO_RATES
) -> Verdict:
    policy, plan = factory_policy(country), load_plan(country)
    at = on_the_clock.replace(tzinfo=policy.timezone)
    instant = at.astimezone(UTC)
    priced = price_destination(
        read_dialled(dialled, plan=plan, outside_prefix=outside_prefix),
        plan=plan,
        deck=parse_deck((ROOT / "policies" / "rates" / rates).read_text(encoding="utf-8"), policy.currency),
        bundle=policy.bundle,
        at=at,
        longest_s=7200,
    )
    book = Rulebook(policy=policy, revision=0, plan=plan, closed_days=frozenset(), channels=10, ring_timeout_s=60)
    attempt = CallAttempt(
        passage="pbx1.9b2f",
        attempt=1,
        supersedes="",
        nonce="n0nce",
        clinic="my-practice",
        entry="callgate",
        trunk="carrier-a",
        extension="101",
        caller_id="",
        dialled=dialled,
        origin=Origin.EXTENSION,
    )
    ruling = judge(attempt, priced, book, instant)
    ledger = MemoryLedger(at_second(lambda: int(instant.timestamp())))
    outcome = await ledger.hold(ruling.request) if isinstance(ruling, Reserve) else None
    return conclude(ruling, outcome, priced.destination.number)


def test_every_home_country_has_a_factory_policy() -> None:
    assert {factory_policy(country).home for country in plan_countries()} == set(plan_countries())
    assert {factory_policy(country).currency == load_plan(country).currency for country in plan_countries()} == {True}


@pytest.mark.parametrize("country", plan_countries())
def test_without_a_gate_and_without_a_rate_two_home_calls_at_once_are_allowed(country: str) -> None:
    minute = load_plan(country).unknown_rate_cap_micros
    total: int = factory_policy(country).when_the_ledger_is_down.ordinary.total
    assert total >= 2 * minute * LENT_SECONDS // 60


@pytest.mark.parametrize("country", plan_countries())
def test_a_call_can_have_every_number_that_a_factory_policy_names(country: str) -> None:
    check_numbers(factory_policy(country), load_plan(country))


@at_any_hour
@pytest.mark.parametrize("prefix", ["", "0", "9"])
@pytest.mark.parametrize(("country", "number"), lifelines())
async def test_a_lifeline_is_granted_under_the_factory_policy(
    country: str, number: str, prefix: str, on_the_clock: datetime
) -> None:
    verdict = await verdict_on(country, prefix + number, prefix, on_the_clock)
    assert isinstance(verdict, Grant), verdict


@pytest.mark.parametrize("prefix", ["", "0", "9"])
@pytest.mark.parametrize("country", plan_countries())
async def test_an_emergency_number_is_granted_with_and_without_the_outside_prefix(country: str, prefix: str) -> None:
    for number in sorted(load_plan(country).emergency_numbers):
        for dialled in (prefix + number, number):
            verdict = await verdict_on(country, dialled, prefix, SUNDAY_NIGHT)
            assert isinstance(verdict, Grant)
            assert (verdict.number, verdict.reasons) == (number, (Reason.EMERGENCY,))


@at_any_hour
@pytest.mark.parametrize(
    ("country", "number"),
    [(country, entry.number) for country in plan_countries() for entry in load_plan(country).practice_numbers],
)
async def test_what_a_practice_needs_goes_for_three_minutes_at_the_rates_it_begins_with(
    country: str, number: str, on_the_clock: datetime
) -> None:
    verdict = await verdict_on(country, number, "", on_the_clock, rates=first_rates(country))
    assert isinstance(verdict, Grant), verdict
    # A call that is cut before its next minute begins has two seconds less (facts/semantics.md 5).
    assert verdict.seconds >= 3 * 60 - 2


@at_any_hour
@pytest.mark.parametrize(
    ("country", "number", "reason"),
    [
        ("FR", "3611", Reason.CLASS_REFUSED),
        ("BE", "090399001", Reason.CLASS_REFUSED),
        ("CH", "0900401502", Reason.CLASS_REFUSED),
        ("CH", "0848133134", Reason.CLASS_REFUSED),
        ("DE", "11833", Reason.CLASS_REFUSED),
        ("PT", "1414", Reason.CLASS_REFUSED),
        ("AU", "1900123456", Reason.CLASS_REFUSED),
        ("MC", "00390669812345", Reason.COUNTRY_REFUSED),
    ],
)
async def test_what_is_next_to_it_does_not_go(
    country: str, number: str, reason: Reason, on_the_clock: datetime
) -> None:
    verdict = await verdict_on(country, number, "", on_the_clock, rates=first_rates(country))
    assert isinstance(verdict, Refusal)
    assert reason in verdict.reasons


@at_any_hour
@pytest.mark.parametrize("number", ["0033493123456", "0033612345678"])
async def test_a_practice_in_monaco_calls_france_at_any_hour(number: str, on_the_clock: datetime) -> None:
    assert isinstance(await verdict_on("MC", number, "", on_the_clock, rates="MC-default.csv"), Grant)
    without = await verdict_on("MC", number, "", on_the_clock)
    assert isinstance(without, Refusal)
    assert without.reasons == (Reason.RATE_UNKNOWN,)


@pytest.mark.parametrize("number", ["131000", "1300123456", "13451234"])
async def test_a_practice_in_australia_calls_businesses_behind_13_when_it_is_open(number: str) -> None:
    assert isinstance(await verdict_on("AU", number, "", WEDNESDAY_NOON), Grant)
    assert isinstance(await verdict_on("AU", number, "", SUNDAY_NIGHT), Refusal)
