"""The second oracle must itself be right: over public.csv as far as it speaks, and where it alone decides."""

import csv
import re
from pathlib import Path

import pytest

from fuzz.automaton import Automaton
from fuzz.foreign import ForeignNumbers
from fuzz.plan_files import read_plan_files
from fuzz.truth import Answer

ROOT = Path(__file__).resolve().parents[2]
PLAN_FILES = read_plan_files()
FOREIGN = ForeignNumbers(PLAN_FILES.values())
AUTOMATA = {country: Automaton(plan, FOREIGN) for country, plan in PLAN_FILES.items()}


def _rows() -> list[dict[str, str]]:
    with (ROOT / "tests" / "data" / "public.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _accepted(row: dict[str, str]) -> list[Answer]:
    """The answers that numbers/RULES.md accepts for a row."""
    classes = [row["expected_class"], *re.findall(r"\[alt:(\w+)\]", row["why"])]
    regions = [row["expected_region"], *re.findall(r"\[region:([^\]]+)\]", row["why"])]
    number = row["expected_e164_or_short"]
    return [
        Answer(number="", region="", number_class=found)
        if found == "invalid"
        else Answer(number=number, region=region, number_class=found)
        for found in classes
        for region in regions
    ]


def test_the_second_oracle_allows_what_every_published_row_expects() -> None:
    rows = [row for row in _rows() if row["home_country"] in AUTOMATA]
    wrong = [
        row["dialled"]
        for row in rows
        if not any(
            answer in AUTOMATA[row["home_country"]].truth(row["dialled"], row["outside_prefix"]).answers
            for answer in _accepted(row)
        )
    ]
    assert wrong == []
    assert len(rows) >= 549


def test_the_second_oracle_is_exact_about_every_emergency_row() -> None:
    for row in _rows():
        if row["expected_class"] == "emergency" and row["home_country"] in AUTOMATA and "[alt" not in row["why"]:
            truth = AUTOMATA[row["home_country"]].truth(row["dialled"], row["outside_prefix"])
            assert truth.is_emergency, row["dialled"]


PLAN = """
country                = "FR"
international_prefixes = ["00"]
trunk_prefix           = "0"
carrier_selection      = ["16XX"]
overseas               = ["PM", "RE"]
shared_with            = []
caller_id_codes        = [{ code = "3651" }]
emergency              = [{ number = "15" }, { number = "112" }]
must_reach             = [{ number = "3114" }, { number = "+33142685300" }]
short_codes            = [{ prefix = "3[0-8]", length = 4, class = "special_short" }]
families               = [
  { prefix = "0262", length = 10, class = "national_fixed", region = "RE" },
  { prefix = "0508", length = 10, class = "national_fixed", region = "PM", trunk = "0508" },
  { prefix = "01X", length = 10, length_max = 11, class = "national_fixed", region = "FR" },
  { prefix = "0[67]", length = 10, class = "national_mobile", region = "FR", in_service = "libphonenumber" },
  { prefix = "089", length = 10, class = "premium", region = "FR" },
  { prefix = "08", length = 10, class = "shared_cost", region = "FR" },
]
[dial_codes]
FR = "33"
PM = "508"
RE = "262"
"""


@pytest.fixture(scope="module")
def french(tmp_path_factory: pytest.TempPathFactory) -> Automaton:
    """An automaton over a small plan, which no change of the real one can touch."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "FR.toml").write_text(PLAN, encoding="utf-8")
    plans = read_plan_files(folder)
    return Automaton(plans["FR"], ForeignNumbers(plans.values()))


@pytest.mark.parametrize(
    ("dialled", "prefix", "wanted"),
    [
        ("0142685300", "", {"national_fixed"}),
        ("01426853001", "", {"national_fixed"}),
        ("014268530011", "", {"invalid"}),
        ("00142685300", "0", {"national_fixed"}),
        ("0142685300", "9", {"invalid"}),
        ("0612345678", "", {"national_mobile"}),
        ("0700123456", "", {"invalid"}),
        ("0899701234", "", {"premium"}),
        ("0825123456", "", {"shared_cost"}),
        ("+33 (0)1 42 68 53 00", "", {"national_fixed"}),
        ("+33 00142685300", "", {"invalid"}),
        ("+262 262905000", "", {"national_fixed"}),
        ("+508 412000", "", {"national_fixed"}),
        ("+508 508412000", "", {"invalid"}),
        ("sip:00899701234@pbx.local", "0", {"premium", "invalid"}),
        ("sip:0899701234@pbx.local", "0", {"premium"}),
        ("+333114", "", {"special_short"}),
        ("9003114", "9", {"invalid"}),
        ("sip:3012@pbx.local", "0", {"special_short", "internal_feature"}),
        ("sip:*98@pbx.local", "", {"internal_feature", "invalid"}),
        ("TEL:+33142685300", "", {"national_fixed", "invalid"}),
        ("tel:15;phone-context=+33", "", {"emergency"}),
        ("tel:142685300;phone-context=example.com", "", {"invalid"}),
        ("tel:142685300;ext=5", "", {"invalid"}),
        ("tel:0142685300;ext=5", "", {"national_fixed"}),
        ("sip:15@a@b", "", {"invalid"}),
        ("sip:15@pbx.local?Replaces=x", "", {"invalid"}),
        ("sip:x@pbx.local", "", {"invalid"}),
        ("15w9", "", {"invalid"}),
        ("0142685300w&9", "", {"national_fixed", "invalid"}),
        ("*31##31#0142685300", "", {"national_fixed"}),
        ("*31#0", "", {"internal_feature", "invalid"}),
        ("3651", "0", {"internal_feature"}),
        ("36511", "9", {"internal_feature", "invalid"}),
        ("365115", "9", {"emergency"}),
        ("00330033 15", "", {"invalid"}),
        ("+3315", "", {"emergency"}),
        ("003315", "9", {"emergency"}),
        ("+80012345678", "", {"freephone"}),
        ("+800123456789", "", {"invalid"}),
        ("+999123456", "", {"invalid"}),
        ("1690142685300", "", {"invalid"}),
        ("#", "", {"internal_feature", "invalid"}),
        ("+", "", {"invalid"}),
        ("1-5", "", {"emergency"}),
        ("1\u20135", "", {"emergency", "invalid"}),
        ("*31#" * 3000 + "0142685300", "", {"national_fixed", "invalid"}),
        ("0142685300" + " " * 100, "", {"national_fixed", "invalid"}),
    ],
)
def test_what_the_second_oracle_allows(french: Automaton, dialled: str, prefix: str, wanted: set[str]) -> None:
    truth = french.truth(dialled, prefix)
    assert {answer.number_class for answer in truth.answers} == wanted
