"""A foreign number is one billed party in one region, and what another country's plan calls dear is no plain line."""

import random
from pathlib import Path

import pytest

from callgate.core.abroad import is_in_service, preload, read_foreign
from callgate.core.destination import INVALID
from callgate.core.plan import Family, NumberClass, parse_plan
from callgate.core.ranges import places_of

PLANS = sorted((Path(__file__).parent.parent.parent / "policies" / "plans").glob("*.toml"))
TOLLFREE = NumberClass.INTERNATIONAL_PREMIUM
PLAIN = {NumberClass.INTERNATIONAL_FIXED, NumberClass.INTERNATIONAL_MOBILE}
DEAR = {
    NumberClass.PREMIUM,
    NumberClass.PERSONAL_NUMBER,
    NumberClass.SHARED_COST,
    NumberClass.M2M_PAGER,
    NumberClass.SATELLITE_GLOBAL,
    NumberClass.DIRECTORY,
}
SEED = 20261122


@pytest.mark.parametrize(
    ("digits", "number", "region", "number_class", "opening"),
    [
        ("33142685300", "+33142685300", "FR", "international_fixed", 0),
        ("330142685300", "+33142685300", "FR", "international_fixed", 0),
        ("33612345678", "+33612345678", "FR", "international_mobile", 0),
        ("33800123456", "+33800123456", "FR", "international_premium", 4),
        ("33899701234", "+33899701234", "FR", "international_premium", 4),
        ("18769221234", "+18769221234", "JM", "international_fixed", 4),
        ("447797123456", "+447797123456", "JE", "international_mobile", 6),
        ("447012345678", "+447012345678", "GB", "personal_number", 4),
        ("447600123456", "+447600123456", "GB", "m2m_pager", 4),
        ("881612345678", "+881612345678", "001", "satellite_global", 0),
        ("3758101234567", "+3758101234567", "BY", "international_premium", 4),
        ("979987654321", "+979987654321", "001", "international_premium", 0),
        ("80012345678", "+80012345678", "001", "freephone", 0),
        # What `phonenumbers` takes for a plain line.
        ("12129761234", "+12129761234", "US", "international_premium", 7),
        ("14165551212", "+14165551212", "CA", "international_premium", 7),
        ("16002345678", "+16002345678", "CA", "personal_number", 4),
        # What it places in the main region of a shared code, or in another.
        ("212528812345", "+212528812345", "EH", "international_fixed", 0),
        ("447924123456", "+447924123456", "IM", "international_mobile", 6),
        ("448007354537", "+448007354537", "JE", "international_premium", 4),
        ("44800735445", "+44800735445", "GB", "international_premium", 4),
        ("449806398086", "+449806398086", "GB", "international_premium", 3),
        ("61147108852", "+61147108852", "AU", "satellite_global", 4),
    ],
)
def test_a_foreign_number_has_one_reading(
    digits: str, *, number: str, region: str, number_class: str, opening: int
) -> None:
    got = read_foreign(digits, TOLLFREE)
    assert (got.number, got.region, got.number_class, got.opening) == (number, region, number_class, opening)


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "0",
        "999123456",
        "888123456",
        "3314268530",
        "3333142685300",
        "33001426853",
        "39267101234",
        "57093211234567",
        "1" * 17,
        "12120551234",
        "13101234",
    ],
)
def test_what_no_plan_has_is_invalid(digits: str) -> None:
    assert read_foreign(digits, TOLLFREE) == INVALID


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_what_a_country_calls_dear_at_home_is_no_plain_line_from_abroad(file: Path) -> None:
    plan, draw = parse_plan(file.read_text(encoding="utf-8")), random.Random(f"{SEED} {file.stem}")
    dear = [
        (entry, pattern) for entry, pattern in plan.disjoint if isinstance(entry, Family) and entry.number_class in DEAR
    ]
    for entry, pattern in dear:
        for _ in range(20):
            national = "".join(draw.choice(sorted(place)) for place in places_of(pattern))
            significant = national.removeprefix(plan.trunk_of(entry))
            got = read_foreign(plan.dial_codes[entry.region] + significant, TOLLFREE)
            assert got.number_class not in PLAIN, (national, got)


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_a_number_is_in_the_region_its_countrys_plan_says(file: Path) -> None:
    plan, draw = parse_plan(file.read_text(encoding="utf-8")), random.Random(f"{SEED} {file.stem}")
    shared = {entry.region for entry in plan.families if entry.region != plan.country}
    for entry, pattern in plan.disjoint:
        if not isinstance(entry, Family) or entry.region not in shared or entry.region in plan.overseas:
            continue
        for _ in range(20):
            national = "".join(draw.choice(sorted(place)) for place in places_of(pattern))
            got = read_foreign(plan.dial_codes[entry.region] + national.removeprefix(plan.trunk_of(entry)), TOLLFREE)
            assert got.region in {entry.region, ""}, (national, got)


def test_who_is_in_service_is_told_by_region() -> None:
    assert is_in_service("+447797123456", "JE")
    assert not is_in_service("+447797123456", "GB")


def test_every_region_can_be_warmed() -> None:
    preload()
