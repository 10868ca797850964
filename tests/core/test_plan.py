"""The plan file is data that a person edits: it says what France has, and a slip in it is found when it is read."""

import csv
from pathlib import Path

import pytest

from callgate.core.plan import NumberClass, NumberPlan, PlanError, Presentation, parse_plan

ROOT = Path(__file__).parent.parent.parent
FRENCH = (ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8")

SMALL = """
country                = "ZZ"
international_prefixes = ["00"]
trunk_prefix           = ""
overseas               = []
foreign_tollfree       = "international_premium"
unknown_rate_cap       = "0.15"
carrier_selection      = ["16XX"]
caller_id_codes        = [{ code = "*67", presentation = "shown", source = "law" }]
emergency              = [{ number = "112", service = "all", source = "law" }]
must_reach             = []
short_codes            = [{ prefix = "12", length = 3, class = "special_short", source = "law" }]
families               = [{ prefix = "2[0-4]X5", length = 8, class = "national_fixed", region = "ZZ", source = "law" }]
dial_codes             = { ZZ = "999" }
sources                = { law = "a law" }
"""


@pytest.fixture(scope="module")
def plan() -> NumberPlan:
    return parse_plan(FRENCH)


def test_the_french_emergency_numbers_are_the_twelve_that_the_regulator_lists(plan: NumberPlan) -> None:
    with (ROOT / "tests" / "data" / "must_reach.csv").open(encoding="utf-8", newline="") as file:
        listed = {
            row["number"] for row in csv.DictReader(file) if (row["country"], row["level"]) == ("FR", "emergency")
        }
    assert plan.emergency_numbers == listed
    assert len(listed) == 12


def test_the_french_plan_says_what_the_rest_of_the_gate_asks_of_it(plan: NumberPlan) -> None:
    assert plan.dial_code == "33"
    assert plan.overseas == ("GP", "MQ", "GF", "RE", "YT")
    assert plan.unknown_rate_cap_micros == 150_000
    assert plan.foreign_tollfree is NumberClass.INTERNATIONAL_PREMIUM
    assert {"3114", "3919", "+33140054848"} <= plan.must_reach_numbers
    assert {code.code: code.presentation for code in plan.caller_id_codes} == dict.fromkeys(
        ("*31#", "#31#", "3651"), Presentation.WITHHELD
    )


@pytest.mark.parametrize(
    ("digits", "pattern"),
    [("0142685300", "01XXXXXXXX"), ("0639691234", "0639XXXXXX"), ("0298001122", "02[0-57-9]XXXXXXX")],
)
def test_a_dialplan_can_be_written_from_the_ranges_as_they_stand(plan: NumberPlan, digits: str, pattern: str) -> None:
    assert [family.pattern for family in plan.families if family.covers(digits)] == [pattern]


def test_a_range_covers_its_own_numbers_only() -> None:
    family = parse_plan(SMALL).families[0]
    assert [
        family.covers(digits) for digits in ("20951234", "24051234", "25951234", "20961234", "2095123", "209512345")
    ] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "path", "problem"),
    [
        ('country                = "ZZ"', "", "plan", "missing required field `country`"),
        ('country                = "ZZ"', 'country = "zz"', "country", "matching regex"),
        ("trunk_prefix", "trunk_prefx", "plan", "unknown field `trunk_prefx`"),
        ("length = 8", "length = 0", "families[0].length", ">= 1"),
        ("length = 8", 'length = 8, tariff = "x"', "families[0]", "unknown field `tariff`"),
        ('"national_fixed"', '"national"', "families[0].class", "Invalid enum value 'national'"),
        ("2[0-4]X5", "2[0-4", "families[0].prefix", "matching regex"),
        ("2[0-4]X5", "2[4-0]X5", "families[0]", "counts downwards"),
        ("length = 8", "length = 3", "families[0]", "more digits than its length 3"),
        ('region = "ZZ"', 'region = "YY"', "plan", 'region "YY" is not in dial_codes'),
        ("overseas               = []", 'overseas = ["YY"]', "plan", 'region "YY" is not in dial_codes'),
        (
            'service = "all", source = "law"',
            'service = "all", source = "lore"',
            "plan",
            'source "lore" is not in sources',
        ),
        ('unknown_rate_cap       = "0.15"', 'unknown_rate_cap = "0,15"', "plan", "not an amount of money"),
        ('prefix = "12", length = 3', 'prefix = "1", length = 3', "plan", '"1XX" and "112" overlap'),
        ("2[0-4]X5", "1[5-7]", "plan", 'begins like the carrier selection code "16XX"'),
        ('presentation = "shown"', 'presentation = "sent"', "caller_id_codes[0].presentation", "Invalid enum value"),
        ("must_reach             = []", "must_reach = [", "line 12", "not TOML"),
        ("must_reach             = []", "must_reach = " + "[" * 5000, "plan", "not TOML"),
    ],
)
def test_a_slip_in_a_plan_is_found_with_its_place_and_its_remedy(
    right: str, wrong: str, path: str, problem: str
) -> None:
    assert right in SMALL
    with pytest.raises(PlanError) as raised:
        parse_plan(SMALL.replace(right, wrong))
    assert raised.value.path == path
    assert problem in raised.value.problem
    assert raised.value.remedy in str(raised.value)
