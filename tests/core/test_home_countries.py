"""Every home country reads every row written for it: the published rows, and those taken from its regulator's plan."""

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from callgate.core.dialling import Destination, read_dialled
from callgate.core.plan import NumberClass, NumberPlan, parse_plan

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"
COUNTRIES = sorted(file.stem for file in (ROOT / "policies" / "plans").glob("*.toml"))
MUST_REACH = ("must_reach.csv", "must_reach_added.csv", "must_reach_added_mc.csv")


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


PUBLISHED = rows_of(DATA / "public.csv")
OWN = [row for country in COUNTRIES for row in rows_of(DATA / "numbers" / f"{country}.csv")]


def test_the_published_rows_are_all_there_and_each_home_country_has_rows_of_its_own() -> None:
    assert len(PUBLISHED) == 1047
    counted = Counter(row["home_country"] for row in OWN)
    assert sorted(counted) == COUNTRIES
    assert min(counted.values()) >= 60


@pytest.mark.parametrize("row", [*PUBLISHED, *OWN], ids=lambda row: f"{row['home_country']} {row['dialled'][:40]!a}")
def test_a_dialled_string_means_what_its_row_says(row: dict[str, str]) -> None:
    got = read_dialled(row["dialled"], plan=plan_of(row["home_country"]), outside_prefix=row["outside_prefix"])
    assert passes(row, got), (row, got)


@pytest.mark.parametrize(
    "row", [row for name in MUST_REACH for row in rows_of(DATA / name)], ids=lambda row: row["number"]
)
@pytest.mark.parametrize("prefix", ["", "0", "9"])
def test_a_lifeline_is_read_as_one_with_and_without_a_prefix(row: dict[str, str], prefix: str) -> None:
    plan = plan_of(row["country"])
    found = [read_dialled(prefix + row["number"], plan=plan, outside_prefix=prefix)]
    if row["level"] == "emergency":
        found.append(read_dialled(row["number"], plan=plan, outside_prefix=prefix))
        assert [one.number_class for one in found] == [NumberClass.EMERGENCY] * 2
    for one in found:
        assert one.must_reach or one.number_class is NumberClass.EMERGENCY, one
        assert one.region == row["country"]


@pytest.mark.parametrize("country", COUNTRIES)
def test_an_emergency_number_behind_the_countrys_own_code_connects(country: str) -> None:
    plan = plan_of(country)
    for number in plan.emergency_numbers:
        for code in (f"+{plan.dial_code}", *(idd + plan.dial_code for idd in plan.international_prefixes)):
            for prefix in ("", "0", "9"):
                got = read_dialled(prefix + code + number, plan=plan, outside_prefix=prefix)
                assert (got.number, got.number_class) == (number, NumberClass.EMERGENCY)
