"""The plan file is data that a person edits: it says what France has, and a slip in it is found when it is read."""

import csv
from pathlib import Path

import pytest

from callgate.core.document import DocumentError
from callgate.core.plan import NumberClass, NumberPlan, Presentation, PriceCap, parse_plan

ROOT = Path(__file__).parent.parent.parent
FRENCH = (ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8")

SMALL = """
country                = "ZZ"
currency               = "EUR"
international_prefixes = ["00"]
trunk_prefix           = ""
overseas               = []
foreign_tollfree       = "international_premium"
unknown_rate_cap       = "0.15"
carrier_selection      = ["16XX"]
caller_id_codes        = [{ code = "*67", presentation = "shown", source = "law" }]
emergency              = [{ number = "112", service = "all", source = "law" }]
must_reach             = []
short_codes            = [{ prefix = "12", length = 3, class = "special_short", source = "law", cap_per_call = "3.00" }]
families               = [
  { prefix = "2[0-4]X5", length = 8, class = "national_fixed", region = "ZZ", source = "law" },
  { prefix = "399", length = 4, class = "premium", region = "ZZ", source = "law", cap_per_minute = "0.80" },
  { prefix = "3", length = 3, length_max = 5, class = "national_fixed", region = "ZZ", source = "law" },
]
dial_codes             = { ZZ = "999" }
sources                = { law = { title = "a law", date = 2026-11-22 } }
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
def test_a_dialplan_can_be_written_from_the_ranges(plan: NumberPlan, digits: str, pattern: str) -> None:
    entry = plan.range_of(digits)
    assert [(found, written) for found, written in plan.disjoint if found is entry] == [(entry, pattern)]


@pytest.mark.parametrize(
    ("digits", "prefix"),
    [
        ("112", None),
        ("129", "12"),
        ("20951234", "2[0-4]X5"),
        ("24051234", "2[0-4]X5"),
        ("25951234", None),
        ("20961234", None),
        ("2095123", None),
        ("209512345", None),
        ("31", None),
        ("312", "3"),
        ("3123", "3"),
        ("31234", "3"),
        ("312345", None),
        ("3999", "399"),
        ("39991", "3"),
    ],
)
def test_the_first_range_that_covers_a_number_decides(digits: str, prefix: str | None) -> None:
    entry = parse_plan(SMALL).range_of(digits)
    assert (None if entry is None else entry.prefix) == prefix


def test_ranges_less_what_earlier_ones_decide_never_meet() -> None:
    plan = parse_plan(SMALL)
    assert [(entry.prefix, pattern) for entry, pattern in plan.disjoint] == [
        ("12", "12X"),
        ("2[0-4]X5", "2[0-4]X5XXXX"),
        ("399", "399X"),
        ("3", "3XX"),
        ("3", "3[0-8]XX"),
        ("3", "39[0-8]X"),
        ("3", "3XXXX"),
    ]


def test_the_most_a_number_costs_is_kept_where_a_source_says_so() -> None:
    assert [entry.price_cap for entry in parse_plan(SMALL).ranges] == [
        PriceCap(connect_micros=3_000_000, per_minute_micros=0),
        None,
        PriceCap(connect_micros=0, per_minute_micros=800_000),
        None,
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
        ('unknown_rate_cap       = "0.15"', 'unknown_rate_cap = "0,15"', "unknown_rate_cap", "matching regex"),
        ('prefix = "12", length = 3', 'prefix = "1", length = 3', "plan", '"1" covers the emergency number 112'),
        ("length_max = 5", "length_max = 2", "families[2]", "a length_max below its length"),
        ('"2[0-4]X5", length = 8', '"2", length = 8, trunk = "0"', "plan", 'does not begin with the trunk prefix "0"'),
        ('prefix = "399", length = 4', 'prefix = "24X5", length = 8', "plan", '"24X5" is wholly covered by earlier'),
        ('code = "*67"', 'code = "067"', "caller_id_codes[0]", '"067" begins like an outside prefix'),
        ("date = 2026-11-22", 'date = "lately"', "sources[...].date", "Invalid RFC3339"),
        ("2[0-4]X5", "1[5-7]", "plan", 'begins like the carrier selection code "16XX"'),
        ('presentation = "shown"', 'presentation = "sent"', "caller_id_codes[0].presentation", "Invalid enum value"),
        ("must_reach             = []", "must_reach = [", "line 13", "not TOML"),
        ("must_reach             = []", "must_reach = " + "[" * 5000, "plan", "not TOML"),
    ],
)
def test_a_slip_in_a_plan_is_found_with_its_place_and_its_remedy(
    right: str, wrong: str, path: str, problem: str
) -> None:
    assert right in SMALL
    with pytest.raises(DocumentError) as raised:
        parse_plan(SMALL.replace(right, wrong))
    assert raised.value.path == path
    assert problem in raised.value.problem
    assert raised.value.remedy in str(raised.value)
