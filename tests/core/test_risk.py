"""Risk tiers: how each destination is rated, by which entry of the list, and that the page says what the list does."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialling import Destination
from callgate.core.document import DocumentError
from callgate.core.plan import ORDINARY_CLASSES, NumberClass
from callgate.core.risk import (
    RISE,
    Entry,
    Risk,
    RiskTable,
    Tier,
    assess,
    claimed_number,
    parse_risk,
)
from core.samples import (
    BRUSSELS,
    INMARSAT,
    IVORY_COAST,
    MOBILE,
    PARIS,
    PLAN,
    POISON_CENTRE,
    POLICIES,
    PREMIUM,
    REUNION,
    RISKS,
    SHARED_COST,
    SUICIDE_HELPLINE,
    destination,
)

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "risk.md").read_text(encoding="utf-8")
NORMAL, WATCH, SPECIAL, HOTSPOT = Tier
FIXED, ABROAD = NumberClass.NATIONAL_FIXED, NumberClass.INTERNATIONAL_FIXED

SMALL = """
version = "2026-01-31.2"
outside_plan = { tier = "hotspot", why = "w", sources = ["a"] }
classes = [{ class = "premium", tier = "special", why = "w", sources = ["a"] }]
ranges = [
  { prefix = "+33899", tier = "hotspot", why = "w", sources = ["b"] },
  { prefix = "+3314", tier = "hotspot", why = "w", sources = ["b"] },
  { prefix = "+44", tier = "watch", why = "w", sources = ["a"] },
  { prefix = "+44X7", tier = "hotspot", why = "w", sources = ["a"] },
  { prefix = "+447[0-3]", tier = "normal", why = "w", sources = ["b"] },
  { prefix = "+44[1-9]9", tier = "special", why = "w", sources = ["a", "b"] },
]
countries = [
  { region = "FR", tier = "hotspot", why = "w", sources = ["a"] },
  { region = "LV", tier = "hotspot", why = "w", sources = ["a"], neighbours = ["BE"] },
  { region = "GB", tier = "watch", why = "w", sources = ["a"] },
  { region = "NL", tier = "normal", why = "w", sources = ["a"], neighbours = ["BE"] },
]
[sources]
a = { title = "A", date = 2024-01-31 }
b = { title = "B", date = 2024-01-31 }
"""
TABLE = parse_risk(SMALL)


def rated(number: str, region: str, number_class: NumberClass = ABROAD, home: str = "FR") -> tuple[Tier, str]:
    found = assess(Destination(number=number, region=region, number_class=number_class), home, TABLE)
    return found.tier, found.because


def shipped(dialled: str) -> tuple[Tier, str]:
    found = destination(dialled)
    claimed = "" if found.number else claimed_number(dialled, plan=PLAN, outside_prefix="")
    risk = assess(found, "FR", RISKS, claimed=claimed)
    return risk.tier, risk.because


@pytest.mark.parametrize(
    ("dialled", "tier", "because"),
    [
        (PARIS, NORMAL, ""),
        (MOBILE, NORMAL, ""),
        (REUNION, NORMAL, ""),
        (SHARED_COST, NORMAL, ""),
        (POISON_CENTRE, NORMAL, ""),
        (SUICIDE_HELPLINE, NORMAL, ""),
        ("15", NORMAL, ""),
        ("101", NORMAL, ""),
        ("+4930123456", NORMAL, ""),
        ("+12124567890", NORMAL, ""),
        # The number is the trap.
        (PREMIUM, SPECIAL, "class:premium"),
        ("+3290212345", SPECIAL, "class:international_premium"),
        ("+447012345678", SPECIAL, "range:+4470"),
        ("+448431234567", SPECIAL, "range:+448[47]"),
        ("+448712345678", SPECIAL, "range:+448[47]"),
        ("+12129761234", SPECIAL, "range:+1XXX976"),
        ("+19002345678", SPECIAL, "range:+1900"),
        # Neighbours, and countries named once.
        ("+442079460123", WATCH, "country:GB"),
        (BRUSSELS, WATCH, "country:BE"),
        ("+31201234567", WATCH, "country:NL"),
        ("+38612345218", WATCH, "country:SI"),
        (IVORY_COAST, WATCH, "country:CI"),
        ("+18765123456", WATCH, "country:JM"),
        ("+212520123127", WATCH, "country:MA"),
        # What fraud lives on.
        ("+37163123341", HOTSPOT, "country:LV"),
        ("+5351234442", HOTSPOT, "country:CU"),
        ("+85021234418", HOTSPOT, "country:KP"),
        ("+68820165", HOTSPOT, "country:TV"),
        ("+37090012757", HOTSPOT, "country:LT"),
        (INMARSAT, HOTSPOT, "range:+870"),
        ("+881612345678", HOTSPOT, "range:+881"),
        ("+88213123456", HOTSPOT, "range:+882"),
        ("+979123456789", HOTSPOT, "range:+979"),
        # Outside the published plan: invalid, and refused as that.
        ("+252 41 87 41 20", HOTSPOT, "range:+25241"),
        ("0025241874120", HOTSPOT, "range:+25241"),
        ("+371", NORMAL, ""),
        ("+371234", HOTSPOT, "outside_plan"),
        ("+4415", HOTSPOT, "outside_plan"),
        ("+33142", NORMAL, ""),
        ("01426853", NORMAL, ""),
    ],
)
def test_each_destination_has_a_tier_and_the_entry_that_gave_it(dialled: str, tier: Tier, because: str) -> None:
    assert shipped(dialled) == (tier, because)


def test_a_decision_cites_the_entry_with_its_sources_and_the_version_of_the_list() -> None:
    latvia = Destination(number="+37163123341", region="LV", number_class=ABROAD)
    assert assess(latvia, "FR", TABLE) == Risk(
        tier=HOTSPOT, because="country:LV", sources=("a",), version="2026-01-31.2"
    )
    plain = Destination(number="+4930123456", region="DE", number_class=ABROAD)
    assert assess(plain, "FR", TABLE) == Risk(tier=NORMAL, because="", sources=(), version="2026-01-31.2")


@pytest.mark.parametrize(
    ("number", "region", "number_class", "home", "expected"),
    [
        # The home country's ordinary numbers are normal whatever the list says, and nothing in it is a hotspot.
        ("+33142685300", "FR", FIXED, "FR", (NORMAL, "")),
        ("+33612345678", "FR", NumberClass.NATIONAL_MOBILE, "FR", (NORMAL, "")),
        ("+33800123456", "FR", NumberClass.FREEPHONE, "FR", (NORMAL, "")),
        ("+33899123456", "FR", NumberClass.PREMIUM, "FR", (SPECIAL, "range:+33899")),
        ("+33826123456", "FR", NumberClass.SHARED_COST, "FR", (NORMAL, "")),
        ("3624", "FR", NumberClass.SPECIAL_SHORT, "FR", (NORMAL, "")),
        ("+33142685300", "FR", ABROAD, "BE", (HOTSPOT, "range:+3314")),
        ("+33212345678", "FR", ABROAD, "BE", (HOTSPOT, "country:FR")),
        # From a neighbour it is watched; what is lower stays lower.
        ("+37163123341", "LV", ABROAD, "FR", (HOTSPOT, "country:LV")),
        ("+37163123341", "LV", ABROAD, "BE", (WATCH, "country:LV")),
        ("+31201234567", "NL", ABROAD, "BE", (NORMAL, "country:NL")),
        # The most specific range counts: more places, then more of them given; also downwards.
        ("+442079460123", "XX", ABROAD, "FR", (WATCH, "range:+44")),
        ("+442779460123", "XX", ABROAD, "FR", (HOTSPOT, "range:+44X7")),
        ("+447012345678", "XX", ABROAD, "FR", (NORMAL, "range:+447[0-3]")),
        ("+447912345678", "XX", ABROAD, "FR", (SPECIAL, "range:+44[1-9]9")),
        ("+447712345678", "XX", ABROAD, "FR", (HOTSPOT, "range:+44X7")),
        # Of range, class and country the highest; of equals the first of these.
        ("+447012345678", "GB", ABROAD, "FR", (WATCH, "country:GB")),
        ("+442079460123", "GB", ABROAD, "FR", (WATCH, "range:+44")),
        ("+447912345678", "GB", NumberClass.PREMIUM, "FR", (SPECIAL, "range:+44[1-9]9")),
        ("+442079460123", "GB", NumberClass.PREMIUM, "FR", (SPECIAL, "class:premium")),
        ("+37190123341", "LV", NumberClass.PREMIUM, "FR", (HOTSPOT, "country:LV")),
    ],
)
def test_the_highest_of_range_class_and_country_counts_and_home_is_no_hotspot(
    number: str, region: str, *, number_class: NumberClass, home: str, expected: tuple[Tier, str]
) -> None:
    assert rated(number, region, number_class, home) == expected


def test_a_number_that_must_be_reached_is_normal_whatever_its_class() -> None:
    line = Destination(number="+33899123456", region="FR", number_class=NumberClass.PREMIUM, must_reach=True)
    assert assess(line, "FR", TABLE).tier is NORMAL


def test_a_hotspot_is_above_special_above_watched_above_normal() -> None:
    assert sorted(Tier, key=RISE.__getitem__) == [NORMAL, WATCH, SPECIAL, HOTSPOT]


@pytest.mark.parametrize(
    ("dialled", "outside_prefix", "claimed"),
    [
        ("+25241874120", "", "+25241874120"),
        ("0025241874120", "", "+25241874120"),
        ("00025241874120", "0", "+25241874120"),
        ("90025241874120", "9", "+25241874120"),
        ("0+25241874120", "0", "+25241874120"),
        ("+252 (41) 87-41.20", "", "+25241874120"),
        ("\uff0b252\u00a041874120", "", "+25241874120"),
        ("+\u0662\u0665\u0662\u0664\u0661", "", "+25241"),
        # No country code, or none that is assigned.
        ("25241874120", "", ""),
        ("+99941874120", "", ""),
        ("+2104187", "", ""),
        ("+", "", ""),
        ("+252", "", ""),
        ("+0123456", "", ""),
        ("+2524187;ext=1", "", "+2524187"),
        ("", "", ""),
        ("", "0", ""),
        # A wrong number under one of the home country's own codes is a slip.
        ("+33142", "", ""),
        ("0033142", "", ""),
        ("+262262", "", ""),
    ],
)
def test_an_invalid_number_may_still_say_which_country_it_claims_to_be_in(
    dialled: str, outside_prefix: str, claimed: str
) -> None:
    assert claimed_number(dialled, plan=PLAN, outside_prefix=outside_prefix) == claimed


@given(st.text(max_size=300), st.sampled_from(("", "0", "9")))
def test_whatever_is_dialled_claims_a_plain_number_or_none(dialled: str, outside_prefix: str) -> None:
    assert re.fullmatch(r"(?:\+[1-9][0-9]+)?", claimed_number(dialled, plan=PLAN, outside_prefix=outside_prefix))


@given(
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    st.sampled_from(("FR", "BE", "LV", "CU", "GB", "001")),
    st.sampled_from(NumberClass),
    st.sampled_from(("FR", "BE", "GB", "US")),
)
def test_whatever_the_number_home_is_safe_and_each_tier_above_normal_names_its_sources(
    number: str, region: str, number_class: NumberClass, home: str
) -> None:
    risk = assess(Destination(number=number, region=region, number_class=number_class), home, RISKS)
    if region == home:
        assert RISE[risk.tier] < RISE[HOTSPOT]
        assert risk.tier is NORMAL or number_class not in ORDINARY_CLASSES
    assert bool(risk.sources) == bool(risk.because) == (risk.tier is not NORMAL)
    assert all(key in RISKS.sources for key in risk.sources)


def without(part: str, instead: str) -> str:
    assert SMALL.count(part) >= 1
    return SMALL.replace(part, instead, 1)


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("version = [", "risk", "this is not TOML"),
        ("version = 1\nversion = 2", "risk", "this is not TOML"),
        ("version = 1\nversion = ]", "line 2", "this is not TOML"),
        ("", "risk", "Object missing required field `version`"),
        (without("2026-01-31.2", "second"), "version", "Expected `str` matching regex"),
        (without('tier = "hotspot"', 'tier = "red"'), "outside_plan.tier", "Invalid enum value 'red'"),
        (without('class = "premium"', 'class = "dear"'), "classes[0].class", "Invalid enum value 'dear'"),
        (without("why =", "because ="), "outside_plan", "Object contains unknown field `because`"),
        (without('sources = ["a"]', "sources = []"), "outside_plan.sources", "Expected `array` of length >= 1"),
        (without('sources = ["b"]', 'sources = ["c"]'), "risk", 'source "c" is not in sources'),
        (without('"+33899"', '"33899"'), "ranges[0].prefix", "Expected `str` matching regex"),
        (without('"+447[0-3]"', '"+447[3-0]"'), "ranges[4]", '"+447[3-0]" counts downwards'),
        (without('"+447[0-3]"', '"+44"'), "risk", 'prefix "+44" is there twice'),
        (without('region = "GB"', 'region = "LV"'), "risk", 'region "LV" is there twice'),
        (without('region = "GB"', 'region = "UK"'), "risk", 'region "UK" is not in ISO 3166'),
        (without('["BE"]', '["EN"]'), "risk", 'region "EN" is not in ISO 3166'),
        (
            without("classes = [", 'classes = [{ class = "premium", tier = "watch", why = "w", sources = ["a"] }, '),
            "risk",
            'class "premium" is there twice',
        ),
    ],
)
def test_a_mistake_in_the_list_is_told_with_its_place_and_what_to_do(text: str, path: str, problem: str) -> None:
    with pytest.raises(DocumentError) as raised:
        parse_risk(text)
    assert raised.value.path == path
    assert raised.value.problem.startswith(problem)
    assert raised.value.remedy
    assert str(raised.value) == f"{path}: {raised.value.problem}. Remedy: {raised.value.remedy}"


@pytest.mark.parametrize("text", ["[" * 10_000, "version = " + "1" * 5000])
def test_a_list_that_overwhelms_the_reader_is_an_error_like_any_other(text: str) -> None:
    with pytest.raises(DocumentError):
        parse_risk(text)


def test_no_source_of_the_list_is_left_unused() -> None:
    entries = (RISKS.outside_plan, *RISKS.classes, *RISKS.ranges, *RISKS.countries)
    assert {key for entry in entries for key in entry.sources} == RISKS.sources.keys()


def test_no_home_country_is_a_hotspot_seen_from_another() -> None:
    homes = {file.stem for file in (POLICIES / "plans").glob("*.toml")}
    assert {entry.region for entry in RISKS.countries if entry.tier is HOTSPOT} & homes == set()


def test_every_country_that_the_number_set_marks_as_prone_to_fraud_is_in_the_list() -> None:
    with (TESTS / "data" / "public.csv").open(encoding="utf-8", newline="") as stream:
        prone = {row["expected_region"] for row in csv.DictReader(stream) if "IRSF-prone" in row["why"]}
    assert len(prone) > 50
    assert prone - {entry.region for entry in RISKS.countries} == set()


def test_a_country_is_either_a_hotspot_or_watched() -> None:
    assert {entry.tier for entry in RISKS.countries} == {WATCH, HOTSPOT}


def page_rows(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/risk.md."""
    section = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line[1:-1].split(" |")] for line in lines]


def list_row(name: str, entry: Entry, neighbours: tuple[str, ...] = ()) -> list[str]:
    return [name, entry.tier.value, " ".join(neighbours), entry.why, ", ".join(entry.sources)]


def rows_of(table: RiskTable) -> list[list[str]]:
    return [
        *(list_row(f"class:{entry.number_class}", entry) for entry in table.classes),
        *(list_row(f"range:{entry.prefix}", entry) for entry in table.ranges),
        *(list_row(f"country:{entry.region}", entry, entry.neighbours) for entry in table.countries),
    ]


def test_the_page_shows_every_entry_of_the_list_and_its_version() -> None:
    assert page_rows(f"The list, version {RISKS.version}") == rows_of(RISKS)


def test_the_page_shows_every_source_with_its_date() -> None:
    assert page_rows("Sources") == [
        [key, source.date.isoformat(), source.title] for key, source in RISKS.sources.items()
    ]


def test_the_page_says_what_becomes_of_a_number_outside_every_plan() -> None:
    cited = ", ".join(f"`{key}`" for key in RISKS.outside_plan.sources)
    said = f"`outside_plan` (`{RISKS.outside_plan.tier}`: {RISKS.outside_plan.why}; source {cited})"
    assert said in PAGE.replace("\n", " ")


def test_the_entries_that_the_page_gives_as_examples_are_in_the_list() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    shown = [tomllib.loads(f"entry = {line.rstrip(',')}")["entry"] for line in example.splitlines()]
    document = tomllib.loads((POLICIES / "risk" / "risk.toml").read_text(encoding="utf-8"))
    assert [entry for entry in shown if entry not in (*document["ranges"], *document["countries"])] == []


def test_the_page_names_every_tier() -> None:
    tiers = [line.split("`")[1] for line in PAGE.splitlines() if re.match(r"\| `[a-z]+` \|", line)]
    assert tiers == [tier.value for tier in Tier]
