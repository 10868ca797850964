"""The second look: suspicious prices, gaps, rows of no use. Each row of the tables is one line of a deck."""

from dataclasses import replace

import pytest

from callgate.core.plan import ORDINARY_CLASSES, parse_plan
from callgate.rates.findings import SHOWN_MAX, Problem
from callgate.rates.home_ranges import HomeRanges
from callgate.rates.offers import ImportOptions
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
        ("+331;0;0;1;", set()),
        ("+33805;0;0;1;", set()),
        ("+800;0;0;1;", set()),
        ("+33899;0;0;1;", {(Problem.FREE, 2)}),
        ("+33;0;0;1;", {(Problem.FREE, 2)}),
        ("short:3624;0;0;1;", {(Problem.FREE, 2)}),
        ("short:3006;0;0;1;", set()),
        ("short:3919;0;0;1;", set()),
        ("+262262;0;0;1;", set()),
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


def test_a_free_country_is_no_slip_if_its_costly_numbers_have_rates_of_their_own() -> None:
    costly = {
        known.mark + known.opening
        for known in HomeRanges(PLAN).all
        if known.mark and known.number_class not in ORDINARY_CLASSES
    }
    rows = " ".join(["+33;0;0;1;", *(f"{prefix};1;0;1;" for prefix in sorted(costly))])
    assert (Problem.FREE, 2) in told("+33;0;0;1;")
    assert (Problem.FREE, 2) not in told(rows)


def test_countries_that_share_the_home_code_are_reachable() -> None:
    assert told("+1876;1;0;1; +1212;1;0;1;", AMERICAN) == set()


@pytest.mark.parametrize(
    ("rows", "missing", "priced"),
    [
        ("+33;1;0;1;", "3624, ", "089, "),
        ("short:3;1;0;1;", "089, ", "3624, "),
        ("+881;1;0;1;", "+882, ", "+881, "),
        ("+8816;1;0;1;", "+882, ", "+881, "),
        ("+8;1;0;1;", "+979, ", "+881, "),
    ],
)
def test_what_has_no_rate_is_told_satellites_first(rows: str, missing: str, priced: str) -> None:
    imported = read_text(HEADER + rows + "\n")
    gaps = [found.problem for found in imported.findings if found.kind is Problem.GAP]
    assert len(gaps) == 2
    assert missing in " ".join(gaps)
    assert priced not in " ".join(gaps)
    assert all(gap.count(", ") <= SHOWN_MAX for gap in gaps)


def test_a_deck_that_prices_everything_has_no_gap() -> None:
    rows = "".join(f"+{digit};1;0;1;\n" for digit in range(1, 10)) + "".join(
        f"short:{digit};1;0;1;\n" for digit in range(1, 10)
    )
    assert [found for found in read_text(HEADER + rows).findings if found.kind is Problem.GAP] == []
