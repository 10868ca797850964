"""The second look: suspicious prices, gaps, rows of no use. Each row of the tables is one line of a deck."""

from dataclasses import replace
from itertools import takewhile

import pytest

from callgate.core.plan import parse_plan
from callgate.rates.country_codes import country_code, has_trunk_zero
from callgate.rates.findings import Problem
from callgate.rates.home_ranges import home_ranges
from callgate.rates.offers import ImportOptions
from callgate.rates.prefixes import SHORT
from callgate.rates.review import LISTED_MAX
from rates.samples import OPTIONS, PLAN, ROOT, errors, read_text

HEADER = "Préfixe;Prix TTC;Mise en relation TTC;Pas;Fin\n"
AMERICAN = replace(OPTIONS, plan=parse_plan((ROOT / "policies" / "plans" / "US.toml").read_text(encoding="utf-8")))


def told(rows: str, options: ImportOptions = OPTIONS) -> set[tuple[Problem, int]]:
    imported = read_text(HEADER + rows.replace(" ", "\n") + "\n", options)
    assert errors(imported) == []
    return {(found.kind, found.place.line) for found in imported.findings if found.kind is not Problem.GAP}


@pytest.mark.parametrize(
    ("rows", "findings"),
    [
        ("+32;0;0;1;", {(Problem.FREE, 2)}),
        ("+32;0;0,10;1;", set()),
        ("+331;0;0;1;", {(Problem.FREE, 2)}),
        ("+331;0;0;1; +32;1;0;1;", set()),
        ("+33805;0;0;1; +32;1;0;1;", set()),
        ("+800;0;0;1; +32;1;0;1;", set()),
        ("+33899;0;0;1;", {(Problem.FREE, 2)}),
        ("+33;0;0;1; +32;1;0;1;", set()),
        ("+3389;0;0;1;", {(Problem.FREE, 2)}),
        ("+1;0;0;1;", {(Problem.FREE, 2)}),
        ("short:3624;0;0;1;", {(Problem.FREE, 2)}),
        ("short:3006;0;0;1; +32;1;0;1;", set()),
        ("short:3919;0;0;1; +32;1;0;1;", set()),
        ("+262262;0;0;1; +32;1;0;1;", set()),
        ("+32;5;0;1;", set()),
        ("+32;5,01;0;1;", {(Problem.DEAR, 2)}),
        ("+32;0,02;0;1; +324;0,40;0;1; +325;0,40;0;1;", set()),
        ("+32;0,02;0;1; +324;0,41;0;1;", {(Problem.OUTLIER, 3)}),
        ("+324;0,02;0;1; +325;0,41;0;1;", set()),
        ("+32;0;1;1; +324;0,41;0;1;", set()),
        ("+32;1;0;1;2026-11-21", {(Problem.EXPIRED, 2)}),
        ("+32;1;0;1;2026-11-22", set()),
        ("+999;1;0;1;", {(Problem.UNREACHABLE, 2)}),
        ("+33000;1;0;1;", {(Problem.UNREACHABLE, 2)}),
        ("+3314268530012;1;0;1;", {(Problem.UNREACHABLE, 2)}),
        ("short:2;1;0;1;", {(Problem.UNREACHABLE, 2)}),
        ("short:15;1;0;1;", set()),
        ("+3;1;0;1;", set()),
        ("+881;1;0;1;", set()),
        ("+88;1;0;1;", set()),
    ],
)
def test_a_row_is_told_of_if_a_person_should_look_at_it(rows: str, findings: set[tuple[Problem, int]]) -> None:
    assert told(rows) == findings


def test_countries_that_share_the_home_code_are_reachable() -> None:
    assert told("+1876;1;0;1; +1212;1;0;1;", AMERICAN) == set()


def has_zero(digits: str) -> bool:
    code = country_code(digits)
    return bool(code) and has_trunk_zero(code, digits.removeprefix(code))


def gaps(rows: str, options: ImportOptions = OPTIONS) -> list[str]:
    """What has no rate: at home, whole countries, and kinds of numbers within a country code."""
    imported = read_text(HEADER + rows.replace(" ", "\n") + "\n", options)
    assert errors(imported) == []
    return [f"{found.fields['listed']}, " for found in imported.findings if found.kind is Problem.GAP]


@pytest.mark.parametrize(
    ("rows", "missing", "priced"),
    [
        ("+33;1;0;1; +338;1;0;1;", "08[12], 089, ", "09[12], "),
        ("+3381;1;0;1;", "089, ", "08[12], "),
        ("+33;1;0;1;", "089, ", "09[12], "),
        ("short:36;1;0;1;", "3624, ", "36[0-46-9], "),
        ("+881;1;0;1;", "+882, ", "+881, "),
        ("+8816;1;0;1;", "+882, ", "+881, "),
        ("+8;1;0;1;", "+979, ", "+881, "),
        ("+1;0,01;0;1;", "JM +1876, ", "+1, "),
        ("+1;0,01;0;1; +1876;1;0;1;", "BB +1246, ", "JM +1876, "),
        ("+44;0,01;0;1;", "GG +44148, ", "+44, "),
        ("+44;0,01;0;1;", "GB +44701, ", "GB +44740, "),
        ("+447;0,01;0;1;", "GB +44121, ", "GB +44740, "),
        ("+39;0,01;0;1;", "IT +39899, ", "IT +39021, "),
        ("+39;0,01;0;1; +398;1;0;1;", "IT +39899, ", "VA +390"),
        ("+39;0,01;0;1; +39899;1;0;1;", "IT +39178, ", "IT +39899, "),
    ],
)
def test_what_the_gate_finds_no_rate_for_is_told(rows: str, missing: str, priced: str) -> None:
    assert missing in "".join(gaps(rows))
    assert priced not in "".join(gaps(rows))


def test_gaps_are_told_satellites_first_and_not_all_listed() -> None:
    at_home, abroad = gaps("+33612345678;1;0;1;")
    assert abroad.startswith("+800, +808, +870, ")
    assert at_home.startswith("3008, ")
    assert at_home.count(", ") == abroad.count(", ") == LISTED_MAX + 1


def test_other_regions_under_the_home_code_are_told_too() -> None:
    assert "JM +1876, " in gaps("+1;0,01;0;1;", AMERICAN)[-1]


def test_a_deck_that_prices_everything_has_no_gap() -> None:
    settled = (takewhile(lambda place: len(place) == 1, known.places) for known in home_ranges(PLAN).all)
    marks = (known.mark or SHORT for known in home_ranges(PLAN).all)
    home = {mark + "".join(map(min, places)) for mark, places in zip(marks, settled, strict=True)}
    # A zero behind a country code is refused where no number has one.
    world = {f"+{number}" for number in range(1_000, 10_000) if not has_zero(str(number))}
    # Dear Italian numbers and the Crown Dependencies are told apart by more digits.
    world |= {
        f"+{number}" for number in (*range(39_000, 40_000), *range(440_000, 450_000)) if not has_zero(str(number))
    }
    assert gaps(" ".join(f"{prefix};1;0;1;" for prefix in sorted(home | world))) == []


@pytest.mark.parametrize(
    ("rows", "is_told"),
    [
        ("+41;1;0;1;;mon-fri_08:00-19:00", True),
        ("+41;1;0;1;;mon-fri_08:00-19:00 +41;2;0;1;;", False),
        ("+41;1;0;1;;mon-fri_00:00-24:00 +41;2;0;1;;sat-sun_00:00-24:00", False),
        ("+41;1;0;1;;mon-fri_08:00-19:00 +41;2;0;1;2026-12-31;", True),
        ("+41;1;0;1;2026-12-31;mon-fri_08:00-19:00 +41;2;0;1;2026-12-31;", False),
        ("+41;1;0;1;9999-12-31;mon-fri_08:00-19:00 +41;2;0;1;;", False),
        ("+41;1;0;1;2026-12-31;", False),
    ],
)
def test_hours_of_the_week_without_a_rate_are_told(rows: str, *, is_told: bool) -> None:
    imported = read_text(HEADER.replace("Fin", "Fin;Horaires") + rows.replace(" ", "\n").replace("_", " ") + "\n")
    assert errors(imported) == []
    assert ((Problem.HOURS_MISSING, 2) in {(found.kind, found.place.line) for found in imported.findings}) is is_told
