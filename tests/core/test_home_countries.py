"""Every home country reads every row written for it: the published rows, and those taken from its regulator's plan."""

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from callgate.core.dialling import Destination, read_dialled
from callgate.core.money import parse_amount
from callgate.core.plan import NumberClass, NumberPlan, PriceCap, ShortCode, parse_plan
from callgate.core.wire import national_form

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"
COUNTRIES = sorted(file.stem for file in (ROOT / "policies" / "plans").glob("*.toml"))


@cache
def plan_of(country: str) -> NumberPlan:
    return parse_plan((ROOT / "policies" / "plans" / f"{country}.toml").read_text(encoding="utf-8"))


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def passes(row: dict[str, str], got: Destination) -> bool:
    """The scoring rule of numbers/RULES.md: alternatives are tagged in `why`."""
    classes = {row["expected_class"], *re.findall(r"\[alt:(\w+)\]", row["why"])}
    regions = {row["expected_region"], *re.findall(r"\[region:([^\]]+)\]", row["why"])}
    if got.number_class is NumberClass.INVALID:
        return "invalid" in classes and (got.number, got.region) == ("", "")
    return got.number_class in classes and got.number == row["expected_e164_or_short"] and got.region in regions


def price_cap(written: str) -> PriceCap | None:
    """Read `3.00+0.95`: a call and a minute; nothing where the plan knows no most."""
    if not written:
        return None
    call, minute = written.split("+")
    return PriceCap(connect_micros=parse_amount(call), per_minute_micros=parse_amount(minute))


PUBLISHED = rows_of(DATA / "public.csv")
OWN = [row for country in COUNTRIES for row in rows_of(DATA / "numbers" / f"{country}.csv")]
NAMED = rows_of(DATA / "must_reach.csv") + rows_of(DATA / "must_reach_added.csv")
LIFELINES = [row for row in NAMED if row["level"] != "practice"]


def test_the_published_rows_are_all_there_and_each_home_country_has_rows_of_its_own() -> None:
    assert len(PUBLISHED) == 1047
    counted = Counter(row["home_country"] for row in OWN)
    assert sorted(counted) == COUNTRIES
    assert min(counted.values()) >= 60


@pytest.mark.parametrize("row", [*PUBLISHED, *OWN], ids=lambda row: f"{row['home_country']} {row['dialled'][:40]!a}")
def test_a_dialled_string_means_what_its_row_says(row: dict[str, str]) -> None:
    got = read_dialled(row["dialled"], plan=plan_of(row["home_country"]), outside_prefix=row["outside_prefix"])
    assert passes(row, got), (row, got)


@pytest.mark.parametrize("row", OWN, ids=lambda row: f"{row['home_country']} {row['dialled'][:40]!a}")
def test_a_number_is_held_at_the_most_that_its_row_says(row: dict[str, str]) -> None:
    got = read_dialled(row["dialled"], plan=plan_of(row["home_country"]), outside_prefix=row["outside_prefix"])
    assert got.cap == price_cap(row["expected_cap"]), (row, got)


def range_of(number: str, plan: NumberPlan) -> ShortCode | None:
    """The range of a number as the gate returns it."""
    if not number.startswith("+"):
        return plan.range_of(number)
    return plan.range_of(national_form(number.removeprefix(f"+{plan.dial_code}"), plan))


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_range_with_a_most_has_a_row_with_that_most(country: str) -> None:
    plan = plan_of(country)
    rows = [row for row in OWN if row["home_country"] == country and row["expected_cap"]]
    reached = {range_of(row["expected_e164_or_short"], plan) for row in rows}
    assert reached == {entry for entry in plan.ranges if entry.price_cap is not None}


@pytest.mark.parametrize(
    ("country", "currency", "unknown_rate_cap"),
    [
        ("AU", "AUD", "0.32"),
        ("BE", "EUR", "0.15"),
        ("CA", "CAD", "0.40"),
        ("CH", "CHF", "0.30"),
        ("DE", "EUR", "0.15"),
        ("ES", "EUR", "0.15"),
        ("FR", "EUR", "0.15"),
        ("GB", "GBP", "0.25"),
        ("IT", "EUR", "0.15"),
        ("LU", "EUR", "0.15"),
        ("MC", "EUR", "0.15"),
        ("PT", "EUR", "0.15"),
        ("US", "USD", "0.25"),
    ],
)
def test_an_ordinary_call_without_a_rate_is_held_at_a_tariff_of_the_country(
    country: str, currency: str, unknown_rate_cap: str
) -> None:
    plan = plan_of(country)
    assert (plan.currency, plan.unknown_rate_cap) == (currency, unknown_rate_cap)


def named_by_rows(country: str, *levels: str) -> set[str]:
    """The numbers of a country's rows, as the gate returns them."""
    rows = [row for row in NAMED if row["country"] == country and row["level"] in levels]
    return {read_dialled(row["number"], plan=plan_of(country), outside_prefix="").number for row in rows}


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_lifelines_of_a_plan_are_those_of_its_rows_and_no_others(country: str) -> None:
    """A lifeline that was deleted from a plan once left every test green; now neither side can change alone."""
    plan = plan_of(country)
    lifelines = plan.emergency_numbers | plan.must_reach_numbers
    assert named_by_rows(country, "emergency", "must_reach") == lifelines
    assert named_by_rows(country, "practice") == plan.practice_listed


@pytest.mark.parametrize("row", LIFELINES, ids=lambda row: f"{row['country']} {row['number']}")
@pytest.mark.parametrize("prefix", ["", "0", "9"])
def test_a_lifeline_is_read_as_one_with_and_without_a_prefix(row: dict[str, str], prefix: str) -> None:
    plan = plan_of(row["country"])
    found = [read_dialled(prefix + row["number"], plan=plan, outside_prefix=prefix)]
    if row["level"] == "emergency":
        found.append(read_dialled(row["number"], plan=plan, outside_prefix=prefix))
        assert [one.number_class for one in found] == [NumberClass.EMERGENCY] * 2
    for one in found:
        assert one.must_reach or one.number_class is NumberClass.EMERGENCY, one
        # Monaco's poison centres are in France.
        assert one.region == ("FR" if one.number.startswith("+33") else row["country"])


@pytest.mark.parametrize("country", COUNTRIES)
def test_an_emergency_number_behind_the_countrys_own_code_connects(country: str) -> None:
    plan = plan_of(country)
    for number in plan.emergency_numbers:
        for code in (f"+{plan.dial_code}", *(idd + plan.dial_code for idd in plan.international_prefixes)):
            for prefix in ("", "0", "9"):
                got = read_dialled(prefix + code + number, plan=plan, outside_prefix=prefix)
                assert (got.number, got.number_class) == (number, NumberClass.EMERGENCY)


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_short_lifeline_behind_the_countrys_own_code_is_that_lifeline(country: str) -> None:
    plan = plan_of(country)
    for number in (number for number in plan.must_reach_numbers if not number.startswith("+")):
        for code in (f"+{plan.dial_code}", *(idd + plan.dial_code for idd in plan.international_prefixes)):
            got = read_dialled(code + number, plan=plan, outside_prefix="")
            assert (got.number, got.must_reach) == (number, True)
