"""What the policy says of one very call: looked up once, before its rules."""

from datetime import UTC, datetime, timedelta

import pytest

from callgate.core.attempt import Origin
from core.samples import (
    BRUSSELS,
    CLOSED,
    MOBILE,
    OPEN,
    PARIS,
    POISON_CENTRE,
    REUNION,
    SUICIDE_HELPLINE,
    Call,
    clinic_rules,
)

END = datetime(2026, 12, 1, 17, tzinfo=UTC)
LAST_MOMENT = END - timedelta(microseconds=1)
RULES = clinic_rules(
    'numbers.always_allow = ["3646", "+32255513*"]',
    'numbers.exception = [{number = "+3225551212", until = 2026-12-01T18:00:00+01:00}]',
    "countries.exception = ["
    '{country = "BE", until = 2026-12-01T18:00:00+01:00, classes = ["international_fixed"], day = "5.00"}, '
    '{country = "BE", until = 2026-12-31T18:00:00+01:00, classes = ["international_mobile"], day = "1.00"}]',
    'countries.rule = [{country = "BE", classes = ["international_mobile"], hours = "always"}, {country = "RE"}]',
    'external_to_external.number = [{number = "+33612345678", label = "medecin de garde"}]',
)


@pytest.mark.parametrize(
    ("dialled", "at", "permitted"),
    [
        (BRUSSELS, OPEN, True),
        (BRUSSELS, LAST_MOMENT, True),
        (BRUSSELS, END, False),
        ("+3225551312", END, True),
        ("+3225551412", OPEN, False),
        ("3646", OPEN, True),
        (PARIS, OPEN, False),
    ],
)
def test_a_number_is_permitted_by_the_list_or_until_its_exception_ends(
    dialled: str, at: datetime, *, permitted: bool
) -> None:
    assert Call(dialled=dialled, policy=RULES, at=at).case.permitted is permitted


@pytest.mark.parametrize(
    ("dialled", "free"),
    [
        (BRUSSELS, True),
        ("3646", True),
        (SUICIDE_HELPLINE, True),
        (POISON_CENTRE, True),
        (PARIS, False),
        (REUNION, False),
    ],
)
def test_permitted_and_must_reach_numbers_are_free_of_hours(dialled: str, *, free: bool) -> None:
    assert Call(dialled=dialled, policy=RULES).case.free_of_hours is free


@pytest.mark.parametrize(
    ("dialled", "at", "day"),
    [
        (BRUSSELS, OPEN, 5_000_000),
        ("+32470123456", OPEN, 1_000_000),
        (BRUSSELS, LAST_MOMENT, 5_000_000),
        (BRUSSELS, END, None),
        ("+32470123456", END, 1_000_000),
        ("+41227301212", OPEN, None),
    ],
)
def test_a_country_s_exception_speaks_of_its_classes_until_it_ends(dialled: str, at: datetime, day: int | None) -> None:
    found = Call(dialled=dialled, policy=RULES, at=at).case.country_exception
    assert (None if found is None else found.day) == day


@pytest.mark.parametrize(
    ("dialled", "country"), [("+32470123456", "BE"), (BRUSSELS, None), (REUNION, "RE"), ("0269601234", None)]
)
def test_a_country_s_rule_speaks_of_its_classes(dialled: str, country: str | None) -> None:
    found = Call(dialled=dialled, policy=RULES).case.country_rule
    assert (None if found is None else found.country) == country


@pytest.mark.parametrize(("dialled", "label"), [(MOBILE, "medecin de garde"), (PARIS, None)])
def test_a_number_given_for_outsiders_is_found_whoever_calls(dialled: str, label: str | None) -> None:
    found = Call(dialled=dialled, policy=RULES).case.external_number
    assert (None if found is None else found.label) == label


@pytest.mark.parametrize("origin", Origin)
def test_an_outside_caller_and_whom_a_forward_of_no_line_brings_along_are_outsiders(origin: Origin) -> None:
    forwards = {Origin.FORWARDED, Origin.PHONE_FORWARDED}
    assert Call(dialled=PARIS, origin=origin).case.between_outsiders is (origin is Origin.EXTERNAL)
    nobody = Call(dialled=PARIS, origin=origin, extension="").case
    assert nobody.between_outsiders is (origin in {Origin.EXTERNAL, *forwards})


def test_a_case_knows_its_number_and_whether_the_clinic_is_open() -> None:
    assert Call(dialled=REUNION).case.number == "+262262301234"
    assert Call(dialled="3646").case.number == "3646"
    assert Call(dialled=PARIS, at=OPEN).case.is_open
    assert not Call(dialled=PARIS, at=CLOSED).case.is_open
    assert not Call(dialled=PARIS, at=OPEN, holidays=frozenset({OPEN.date()})).case.is_open
