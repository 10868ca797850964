"""What every home country starts with lets its lifelines go at any hour, before a single rate was imported."""

import csv
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from callgate.clinic import load_plan, plan_countries
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.case import Rulebook
from callgate.core.deck import parse_deck
from callgate.core.dialling import read_dialled
from callgate.core.judge import Reserve, judge
from callgate.core.policy import Policy, parse_policy
from callgate.core.pricing import price_destination
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal, Verdict, conclude
from callgate.ledger.memory import MemoryLedger

ROOT = Path(__file__).parent.parent
WEDNESDAY_NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
NO_RATES = (ROOT / "policies" / "rates" / "none.csv").read_text(encoding="utf-8")
FRENCH_RATES = (ROOT / "policies" / "rates" / "FR-default.csv").read_text(encoding="utf-8")
MUST_REACH = ("must_reach.csv", "must_reach_added.csv", "must_reach_added_mc.csv")


def lifelines() -> list[tuple[str, str]]:
    found = []
    for name in MUST_REACH:
        with (ROOT / "tests" / "data" / name).open(encoding="utf-8", newline="") as rows:
            found += [(row["country"], row["number"]) for row in csv.DictReader(rows)]
    return found


@cache
def factory_policy(country: str) -> Policy:
    name = "cabinet-france-seule" if country == "FR" else f"practice-{country}"
    return parse_policy((ROOT / "policies" / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


async def verdict_on(
    country: str, dialled: str, outside_prefix: str, instant: datetime, *, rates: str = NO_RATES
) -> Verdict:
    policy, plan = factory_policy(country), load_plan(country)
    priced = price_destination(
        read_dialled(dialled, plan=plan, outside_prefix=outside_prefix),
        plan=plan,
        deck=parse_deck(rates, policy.currency),
        bundle=policy.bundle,
        at=instant.astimezone(policy.timezone),
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
    ledger = MemoryLedger(lambda: int(instant.timestamp()))
    outcome = await ledger.hold(ruling.request) if isinstance(ruling, Reserve) else None
    return conclude(ruling, outcome, priced.destination.number)


def test_every_home_country_has_a_factory_policy() -> None:
    assert {factory_policy(country).home for country in plan_countries()} == set(plan_countries())
    assert {factory_policy(country).currency == load_plan(country).currency for country in plan_countries()} == {True}


@pytest.mark.parametrize("instant", [WEDNESDAY_NOON, SUNDAY_NIGHT], ids=["open", "at night"])
@pytest.mark.parametrize("prefix", ["", "0", "9"])
@pytest.mark.parametrize(("country", "number"), lifelines())
async def test_a_lifeline_is_granted_under_the_factory_policy(
    country: str, number: str, prefix: str, instant: datetime
) -> None:
    verdict = await verdict_on(country, prefix + number, prefix, instant)
    assert isinstance(verdict, Grant), verdict


@pytest.mark.parametrize("prefix", ["", "0", "9"])
@pytest.mark.parametrize("country", plan_countries())
async def test_an_emergency_number_is_granted_with_and_without_the_outside_prefix(country: str, prefix: str) -> None:
    for number in sorted(load_plan(country).emergency_numbers):
        for dialled in (prefix + number, number):
            verdict = await verdict_on(country, dialled, prefix, SUNDAY_NIGHT)
            assert isinstance(verdict, Grant)
            assert (verdict.number, verdict.reasons) == (number, (Reason.EMERGENCY,))


@pytest.mark.parametrize("instant", [WEDNESDAY_NOON, SUNDAY_NIGHT], ids=["open", "at night"])
@pytest.mark.parametrize(
    ("number", "kind"), [*((entry.number, Grant) for entry in load_plan("FR").practice_numbers), ("3611", Refusal)]
)
async def test_what_a_french_practice_needs_goes_at_the_default_rates(
    number: str, kind: type[Verdict], instant: datetime
) -> None:
    assert isinstance(await verdict_on("FR", number, "", instant, rates=FRENCH_RATES), kind)
