"""Which purses and start limits count a call: one row, one call, what the ledger is asked to count."""

from datetime import datetime
from itertools import compress, product

import pytest

from callgate.core.attempt import Origin
from callgate.core.case import open_case
from callgate.core.hold import Ceiling, Purse, Window
from callgate.core.limits import PurseKind, VelocityKind, included_s, per_call_micros, purses, velocities
from core.samples import (
    BRUSSELS,
    CENT,
    CLOSED,
    EURO,
    FRANCE,
    INMARSAT,
    LATVIA,
    MOBILE,
    OPEN,
    PARIS,
    POISON_CENTRE,
    PREMIUM,
    REUNION,
    SAINT_PIERRE,
    SHARED_COST,
    SUICIDE_HELPLINE,
    SWISS_MOBILE,
    TAG,
    Call,
    clinic_rules,
)

NATIONAL = ("clinic", "national")
NATIONAL_CLOSED = ("national_closed",)
FREEPHONE = "0800123456"
ABROAD = ("clinic", "costly", "international", "extension:101")
DEPARTMENT = ("clinic", "costly", "overseas", "extension:101")


def names(call: Call) -> tuple[str, ...]:
    return tuple(purse.name for purse in purses(call.case))


def purse(call: Call, name: str) -> Purse:
    (found,) = (purse for purse in purses(call.case) if purse.name == name)
    return found


def ceilings(*windows: tuple[Window, int], enforced: bool = True) -> tuple[Ceiling, ...]:
    return tuple(Ceiling(window=window, limit_micros=limit, enforced=enforced) for window, limit in windows)


@pytest.mark.parametrize(
    ("dialled", "expected", "closed"),
    [
        (PARIS, NATIONAL, NATIONAL_CLOSED),
        (MOBILE, NATIONAL, NATIONAL_CLOSED),
        (FREEPHONE, NATIONAL, NATIONAL_CLOSED),
        (SUICIDE_HELPLINE, NATIONAL, ()),
        (POISON_CENTRE, NATIONAL, ()),
        (REUNION, DEPARTMENT, ()),
        ("0590901234", DEPARTMENT, ()),
        ("0269601234", DEPARTMENT, ()),
        # National in form, but no department: another country.
        (SAINT_PIERRE, ABROAD, ()),
        ("0708401234", ABROAD, ()),
        (BRUSSELS, ABROAD, ()),
        (PREMIUM, ("clinic", "costly", "extension:101"), ()),
        ("3646", ("clinic", "costly", "extension:101"), ()),
    ],
)
def test_a_call_counts_in_the_purses_of_its_kind(
    dialled: str, expected: tuple[str, ...], closed: tuple[str, ...]
) -> None:
    assert names(Call(dialled=dialled)) == expected
    assert names(Call(dialled=dialled, at=CLOSED)) == ("clinic", "closed", *expected[1:], *closed)


@pytest.mark.parametrize("dialled", [LATVIA, INMARSAT])
def test_a_call_to_where_fraud_often_ends_counts_in_a_purse_for_all_of_these(dialled: str) -> None:
    assert names(Call(dialled=dialled)) == (*ABROAD, "hotspot")
    assert purse(Call(dialled=dialled), "hotspot") == Purse(name="hotspot", concurrent_max=1)
    rules = clinic_rules("limits.concurrent.hotspot = 3")
    assert purse(Call(dialled=dialled, policy=rules), "hotspot") == Purse(name="hotspot", concurrent_max=3)


def test_a_costly_call_of_an_unknown_line_counts_in_no_line_s_purse() -> None:
    assert names(Call(dialled=BRUSSELS, extension="")) == ("clinic", "costly", "international")


def test_the_factory_ceilings_are_those_of_the_money_a_clinic_can_lose() -> None:
    abroad, department, national = Call(dialled=BRUSSELS), Call(dialled=REUNION), Call(dialled=PARIS)
    assert purse(abroad, "costly") == Purse(
        name="costly",
        ceilings=ceilings(
            (Window.HOUR, 10 * EURO), (Window.DAY, 15 * EURO), (Window.WEEK, 30 * EURO), (Window.MONTH, 60 * EURO)
        ),
    )
    assert purse(abroad, "international") == Purse(
        name="international",
        ceilings=ceilings((Window.DAY, 10 * EURO), (Window.WEEK, 25 * EURO)),
        concurrent_max=2,
    )
    assert purse(department, "overseas") == Purse(
        name="overseas", ceilings=ceilings((Window.DAY, 5 * EURO), (Window.WEEK, 15 * EURO)), concurrent_max=2
    )
    assert purse(abroad, "extension:101") == Purse(name="extension:101", ceilings=ceilings((Window.DAY, 10 * EURO)))
    assert purse(national, "national").ceilings == ceilings(
        (Window.DAY, 20 * EURO), (Window.WEEK, 60 * EURO), enforced=False
    )


@pytest.mark.parametrize(
    ("dialled", "at", "rules", "is_bound"),
    [
        (PARIS, OPEN, "", False),
        (PARIS, CLOSED, "", True),
        (FREEPHONE, CLOSED, "", True),
        (PARIS, CLOSED, 'hours.outside = "as_open"', True),
        # Must-reach and listed numbers are written down and never refused by money.
        (POISON_CENTRE, CLOSED, "", False),
        (SUICIDE_HELPLINE, CLOSED, "", False),
        (PARIS, CLOSED, 'numbers.always_allow = ["+33142685300"]', False),
        (
            PARIS,
            CLOSED,
            'numbers.exception = [{number = "+33142685300", until = 2026-12-01T18:00:00+01:00}]',
            False,
        ),
    ],
)
def test_national_money_only_alarms_and_what_is_spent_when_closed_is_refused_by_a_purse_of_its_own(
    dialled: str, at: datetime, rules: str, *, is_bound: bool
) -> None:
    """One purse for day and night refused 720 to 790 calls in 13 weeks: the calls of the day had used it up."""
    national, *closed = (
        found
        for found in purses(Call(dialled=dialled, at=at, policy=clinic_rules(rules)).case)
        if found.name.startswith("national")
    )
    limits = (Window.DAY, 20 * EURO), (Window.WEEK, 60 * EURO)
    assert national == Purse(name="national", ceilings=ceilings(*limits, enforced=False))
    assert closed == ([Purse(name="national_closed", ceilings=ceilings(*limits))] if is_bound else [])


@pytest.mark.parametrize("at", [OPEN, CLOSED])
def test_a_listed_costly_number_is_bound_by_every_ceiling(at: datetime) -> None:
    call = Call(dialled=BRUSSELS, at=at, policy=clinic_rules('numbers.always_allow = ["+3225551212"]'))
    assert all(ceiling.enforced for found in purses(call.case) for ceiling in found.ceilings)
    assert names(call)[-3:] == ("costly", "international", "extension:101")


@pytest.mark.parametrize(
    ("rules", "channels", "lines"),
    [
        ("", 10, 9),
        ("", 2, 1),
        ("", 1, 1),
        ("", 0, 1),
        ("limits.concurrent.clinic = 4", 10, 4),
        ("limits.concurrent.clinic = 12", 10, 12),
        ("limits.concurrent.clinic = 0", 10, 0),
    ],
)
def test_all_calls_together_leave_a_channel_for_an_emergency_unless_the_policy_says_otherwise(
    rules: str, channels: int, lines: int
) -> None:
    call = Call(dialled=PARIS, policy=clinic_rules(rules), channels=channels)
    assert purse(call, "clinic") == Purse(name="clinic", concurrent_max=lines)


def test_two_calls_may_be_up_when_the_clinic_is_closed() -> None:
    assert purse(Call(dialled=PARIS, at=CLOSED), "closed") == Purse(name="closed", concurrent_max=2)


BELGIUM = 'countries.exception = [{country = "BE", until = 2026-12-01T18:00:00+01:00, day = "%s"}]'
SWISS = 'countries.rule = [{country = "%s", day = "%s"}]'


@pytest.mark.parametrize(
    ("dialled", "rules", "day_micros"),
    [
        (BRUSSELS, [BELGIUM % "5.00"], 5 * EURO),
        (BRUSSELS, [SWISS % ("BE", "3.00")], 3 * EURO),
        # Both are said of the country: the lower one holds.
        (BRUSSELS, [BELGIUM % "5.00", SWISS % ("BE", "3.00")], 3 * EURO),
        (BRUSSELS, [BELGIUM % "3.00", SWISS % ("BE", "5.00")], 3 * EURO),
        (BRUSSELS, [BELGIUM % "0.00"], 0),
        (BRUSSELS, [BELGIUM.replace("2026-12", "2026-10") % "5.00"], None),
        (BRUSSELS, ['countries.rule = [{country = "BE"}]'], None),
        (BRUSSELS, [SWISS % ("CH", "3.00")], None),
        (SWISS_MOBILE, [SWISS % ("CH", "3.00")], 3 * EURO),
        (REUNION, [SWISS % ("RE", "3.00")], 3 * EURO),
    ],
)
def test_a_country_may_have_its_own_money_for_24_hours(dialled: str, rules: list[str], day_micros: int | None) -> None:
    call = Call(dialled=dialled, policy=clinic_rules(*rules, allow=(*FRANCE, "BE", "CH")))
    found = [purse for purse in purses(call.case) if purse.name.startswith("country:")]
    if day_micros is None:
        assert not found
    else:
        region = call.priced.destination.region
        assert found == [Purse(name=f"country:{region}", ceilings=ceilings((Window.DAY, day_micros)))]


NUMBER = 'numbers.exception = [{number = "+3225551212", until = %s%s}]'
UNTIL, UNTIL_S = "2026-12-01T18:00:00+01:00", 1_796_144_400


def test_an_exceptional_number_has_one_sum_in_all_and_a_new_permission_starts_a_new_one() -> None:
    call = Call(dialled=BRUSSELS, policy=clinic_rules(NUMBER % (UNTIL, ', total = "5.00"')))
    assert purses(call.case)[-1] == Purse(name=f"number:{TAG}:{UNTIL_S}", ceilings=ceilings((Window.TOTAL, 5 * EURO)))
    renewed = Call(dialled=BRUSSELS, policy=clinic_rules(NUMBER % ("2026-12-08T18:00:00+01:00", ', total = "5.00"')))
    assert names(renewed)[-1] != names(call)[-1]


@pytest.mark.parametrize(
    ("dialled", "exception"),
    [
        (BRUSSELS, NUMBER % (UNTIL, "")),
        ("+3225551213", NUMBER % (UNTIL, ', total = "5.00"')),
        (BRUSSELS, NUMBER % ("2026-11-01T18:00:00+01:00", ', total = "5.00"')),
        # Ordinary calls hold no more than a minute of money, and are never refused by it in opening hours.
        (PARIS, NUMBER.replace("+3225551212", "+33142685300") % (UNTIL, ', total = "5.00"')),
    ],
)
def test_no_sum_in_all_binds_a_call_of_which_none_is_said(dialled: str, exception: str) -> None:
    assert not any(name.startswith("number:") for name in names(Call(dialled=dialled, policy=clinic_rules(exception))))


FLAT_RATE = 'bundle.included = ["national_fixed"]'
ON_CALL = (
    'external_to_external.number = [{number = "+33612345678"}, {number = "+3225551212", lines = 8, day = "40.00"}]'
)
TOGETHER = Purse(name="external_to_external", concurrent_max=2)


@pytest.mark.parametrize(
    ("dialled", "origin", "lines", "day_micros"),
    [
        (MOBILE, Origin.EXTERNAL, 2, 20 * EURO),
        (BRUSSELS, Origin.EXTERNAL, 8, 40 * EURO),
        (MOBILE, Origin.FORWARDED, 2, 20 * EURO),
        (BRUSSELS, Origin.FORWARDED, 8, 40 * EURO),
    ],
)
def test_a_call_between_outsiders_counts_for_all_of_them_and_for_the_number_it_reaches(
    dialled: str, origin: Origin, lines: int, day_micros: int
) -> None:
    call = Call(dialled=dialled, origin=origin, extension="", policy=clinic_rules(ON_CALL))
    own = Purse(name=f"external:{TAG}", ceilings=ceilings((Window.DAY, day_micros)), concurrent_max=lines)
    assert purses(call.case)[-2:] == (TOGETHER, own)


@pytest.mark.parametrize("origin", [origin for origin in Origin if origin is not Origin.EXTERNAL])
@pytest.mark.parametrize("dialled", [MOBILE, BRUSSELS])
def test_a_call_from_inside_to_a_number_given_for_outsiders_counts_as_any_other(dialled: str, origin: Origin) -> None:
    plain = names(Call(dialled=dialled, origin=origin))
    assert names(Call(dialled=dialled, origin=origin, policy=clinic_rules(ON_CALL))) == plain


def test_a_call_counts_in_eight_purses_at_most() -> None:
    """With a line's own purse it was nine; the ledger takes eight, and such a call was never granted."""
    rules = clinic_rules(NUMBER % (UNTIL, ', total = "5.00"'), SWISS % ("BE", "3.00"), ON_CALL)
    call = Call(dialled=BRUSSELS, at=CLOSED, origin=Origin.EXTERNAL, policy=rules)
    assert names(call) == (
        "clinic",
        "closed",
        "costly",
        "international",
        "country:BE",
        f"number:{TAG}:{UNTIL_S}",
        "external_to_external",
        f"external:{TAG}",
    )


@pytest.mark.parametrize(
    ("origin", "last"),
    [
        (Origin.EXTERNAL, ("hotspot", "country:LV", "external_to_external", f"external:{TAG}")),
        (Origin.EXTENSION, ("extension:101", "hotspot", "country:LV")),
    ],
)
def test_also_a_call_to_a_hotspot_counts_in_eight_purses_at_most(origin: Origin, last: tuple[str, ...]) -> None:
    rules = clinic_rules(SWISS % ("LV", "3.00"), ON_CALL.replace(BRUSSELS, LATVIA))
    call = Call(dialled=LATVIA, at=CLOSED, origin=origin, policy=rules)
    assert names(call) == ("clinic", "closed", "costly", "international", *last)


EVERYTHING = {
    "a permission": 'countries.exception = [{country = "%(region)s", until = 2026-12-01T18:00:00+01:00, day = "5.00"}]',
    "a rule": 'countries.rule = [{country = "%(region)s", hours = "always", day = "3.00"}]',
    "a sum": 'numbers.exception = [{number = "%(number)s", until = 2026-12-01T18:00:00+01:00, total = "5.00"}]',
    "a list": 'numbers.always_allow = ["%(number)s"]',
    "outsiders": 'external_to_external.number = [{number = "%(number)s"}]',
    "a flat rate": 'bundle.included = ["national_fixed", "national_mobile", "freephone"]',
}
"""All that a policy can say to make a call count in one purse more."""


@pytest.mark.parametrize(
    ("dialled", "most"),
    [
        (PARIS, 6),
        (SUICIDE_HELPLINE, 5),
        (SHARED_COST, 6),
        (REUNION, 8),
        (BRUSSELS, 8),
        (LATVIA, 8),
        # A number of no country: nobody can say anything of that.
        (INMARSAT, 7),
    ],
)
def test_no_call_whatsoever_counts_in_more_than_eight_purses_of_different_names(dialled: str, most: int) -> None:
    priced = Call(dialled=dialled).priced
    region = priced.destination.region
    where = {"number": priced.destination.number, "region": region if region.isalpha() else "BE"}
    counted = 0
    for said in product((False, True), repeat=len(EVERYTHING)):
        policy = clinic_rules(*(line % where for line in compress(EVERYTHING.values(), said)))
        for at, origin, extension in product((OPEN, CLOSED), Origin, ("101", "")):
            call = Call(dialled=dialled, at=at, origin=origin, extension=extension, policy=policy)
            found = [purse.name for purse in purses(open_case(call.attempt, priced, call.book, at))]
            assert len(set(found)) == len(found) <= 8
            counted = max(counted, len(found))
    assert counted == most


def test_no_purse_and_no_start_limit_is_named_after_a_telephone_number() -> None:
    """The names of purses held the number in full; they stand in Redis and on the status page."""
    rules = clinic_rules(NUMBER % (UNTIL, ', total = "5.00"'), ON_CALL)
    case = Call(dialled=BRUSSELS, origin=Origin.EXTERNAL, policy=rules).case
    named = [*(found.name for found in purses(case)), *(found.name for found in velocities(case))]
    assert not [name for name in named if "25551212" in name]


@pytest.mark.parametrize("at", [OPEN, CLOSED])
@pytest.mark.parametrize("origin", [Origin.EXTENSION, Origin.EXTERNAL])
@pytest.mark.parametrize("dialled", [PARIS, REUNION, BRUSSELS, LATVIA])
def test_every_purse_and_start_limit_is_named_after_its_kind(dialled: str, origin: Origin, at: datetime) -> None:
    rules = [NUMBER % (UNTIL, ', total = "5.00"'), SWISS % ("BE", "3.00"), ON_CALL]
    call = Call(dialled=dialled, origin=origin, at=at, policy=clinic_rules(*rules, FLAT_RATE))
    assert {name.partition(":")[0] for name in names(call)} <= {*PurseKind}
    assert {found.name.partition(":")[0] for found in velocities(call.case)} <= {*VelocityKind}


@pytest.mark.parametrize(
    ("dialled", "at", "rules", "most"),
    [
        (BRUSSELS, OPEN, [], 5 * EURO),
        (BRUSSELS, OPEN, ['ceilings.international.per_call = "2.00"'], 2 * EURO),
        (BRUSSELS, OPEN, ['ceilings.international.per_call = "9.00"'], 5 * EURO),
        (BRUSSELS, OPEN, ['ceilings.extension.per_call = "0.00"'], 0),
        (REUNION, OPEN, ['ceilings.overseas.per_call = "2.00"', 'ceilings.international.per_call = "1.00"'], 2 * EURO),
        (PREMIUM, OPEN, ['ceilings.international.per_call = "1.00"'], 5 * EURO),
        (PARIS, OPEN, ['ceilings.national.per_call = "1.00"'], None),
        (PARIS, CLOSED, ['ceilings.national.per_call = "1.00"'], EURO),
        (PARIS, CLOSED, [], None),
        (POISON_CENTRE, CLOSED, ['ceilings.national.per_call = "0.10"'], None),
        (PARIS, CLOSED, ['ceilings.national.per_call = "0.10"'], 10 * CENT),
    ],
)
def test_one_call_may_cost_the_least_that_its_purses_say(
    dialled: str, at: datetime, rules: list[str], most: int | None
) -> None:
    assert per_call_micros(Call(dialled=dialled, at=at, policy=clinic_rules(*rules)).case) == most


@pytest.mark.parametrize(
    ("dialled", "at", "rules", "most_s"),
    [
        (PARIS, OPEN, [], None),
        (PARIS, CLOSED, [], 3598),
        (PARIS, CLOSED, ["bundle.max_call_s = 1800"], 1798),
        (PARIS, CLOSED, ["bundle.max_call_s = 2"], 1),
        (PARIS, CLOSED, ['numbers.always_allow = ["+33142685300"]'], None),
        (POISON_CENTRE, CLOSED, [], None),
        (MOBILE, CLOSED, [], None),
        (REUNION, CLOSED, [], None),
    ],
)
def test_a_call_of_the_flat_rate_may_last_as_long_as_it_costs_nothing_where_national_ceilings_bind(
    dialled: str, at: datetime, rules: list[str], most_s: int | None
) -> None:
    assert included_s(Call(dialled=dialled, at=at, policy=clinic_rules(FLAT_RATE, *rules)).case) == most_s
