"""Which start limits count a call, and whether it may be the first to its country: one row, one call."""

import pytest

from callgate.core.hold import Velocity
from callgate.core.limits import novelty, purses, velocities
from core.samples import (
    BRUSSELS,
    INMARSAT,
    LATVIA,
    MOBILE,
    PARIS,
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

HOUR_S, DAY_S = 3600, 86_400
UNTIL = "2026-12-01T18:00:00+01:00"
NUMBER = 'numbers.exception = [{number = "+3225551212", until = %s%s}]'


@pytest.mark.parametrize(
    ("dialled", "rules", "name"),
    [
        (BRUSSELS, "", "country:BE"),
        (SWISS_MOBILE, "", "country:CH"),
        # The overseas departments are no other country.
        (REUNION, "", ""),
        (BRUSSELS, 'limits.first_country = "ignore"', ""),
        # Home is no news, however costly; neither is what belongs to no country.
        (PARIS, "", ""),
        (SHARED_COST, "", ""),
        (INMARSAT, "", ""),
        # The owner's permission counts as first, and only for the country that it names.
        (BRUSSELS, 'countries.rule = [{country = "BE"}]', ""),
        (BRUSSELS, 'countries.exception = [{country = "BE", until = 2026-12-01T18:00:00+01:00}]', ""),
        (BRUSSELS, 'countries.exception = [{country = "CH", until = 2026-12-01T18:00:00+01:00}]', "country:BE"),
        (BRUSSELS, 'numbers.always_allow = ["+3225551212"]', "country:BE"),
    ],
)
def test_a_costly_call_to_another_country_may_be_the_first_one_ever(dialled: str, rules: str, name: str) -> None:
    assert novelty(Call(dialled=dialled, policy=clinic_rules(rules)).case) == name


SAME_NUMBER = Velocity(name=f"same_number:{TAG}", count_max=6, span_s=900)
INTERNATIONAL = (
    SAME_NUMBER,
    Velocity(name="international", count_max=6, span_s=HOUR_S),
    Velocity(name="distinct_foreign", count_max=15, span_s=DAY_S, tag=TAG),
)
OVERSEAS = (SAME_NUMBER, Velocity(name="overseas", count_max=6, span_s=HOUR_S))


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        # Redialling an engaged hospital all morning is ordinary.
        (PARIS, ()),
        (SUICIDE_HELPLINE, ()),
        (REUNION, OVERSEAS),
        (SAINT_PIERRE, INTERNATIONAL),
        (BRUSSELS, INTERNATIONAL),
        (PREMIUM, (SAME_NUMBER,)),
    ],
)
def test_only_costly_calls_have_start_limits(dialled: str, expected: tuple[Velocity, ...]) -> None:
    assert velocities(Call(dialled=dialled).case) == expected


HOTSPOT = Velocity(name="hotspot", count_max=1, span_s=12 * HOUR_S)


@pytest.mark.parametrize(
    ("rules", "limited"),
    [
        ("", True),
        ('countries.exception = [{country = "LV", until = 2026-12-01T18:00:00+01:00}]', True),
        # Whoever names this very number has decided on it; whoever opens a range has not.
        (f'numbers.always_allow = ["{LATVIA}"]', False),
        ('numbers.always_allow = ["+371631*"]', True),
        (f'numbers.always_allow = ["{LATVIA}*"]', True),
        (f'numbers.always_allow = ["{BRUSSELS}", "+37163123342"]', True),
        (f'numbers.always_allow = ["+371631*", "{LATVIA}"]', False),
        (NUMBER.replace(BRUSSELS, LATVIA) % (UNTIL, ""), False),
        (NUMBER.replace(BRUSSELS, LATVIA) % (UNTIL, ', total = "5.00"'), False),
        (NUMBER.replace(BRUSSELS, LATVIA) % ("2026-11-01T18:00:00+01:00", ""), True),
        (NUMBER % (UNTIL, ""), True),
    ],
)
def test_one_call_in_twelve_hours_goes_to_where_fraud_often_ends_unless_somebody_named_the_number(
    rules: str, *, limited: bool
) -> None:
    call = Call(dialled=LATVIA, policy=clinic_rules(rules))
    assert velocities(call.case) == (*INTERNATIONAL, *([HOTSPOT] if limited else []))
    assert ("hotspot" in {purse.name for purse in purses(call.case)}) == limited


@pytest.mark.parametrize("dialled", [BRUSSELS, "+448431234567", PREMIUM, REUNION, PARIS])
def test_no_other_call_has_the_limits_of_a_hotspot(dialled: str) -> None:
    call = Call(dialled=dialled)
    assert not any(found.name == "hotspot" for found in purses(call.case))
    assert not any(found.name == "hotspot" for found in velocities(call.case))


BUNDLE = clinic_rules('bundle.included = ["national_fixed", "national_mobile"]', "bundle.distinct_per_month = 40")
DISTINCT = Velocity(name="bundle", count_max=40, span_s=31 * DAY_S, tag=TAG, enforced=False)


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        (PARIS, (DISTINCT,)),
        (MOBILE, (DISTINCT,)),
        ("0800123456", ()),
        (REUNION, OVERSEAS),
    ],
)
def test_too_many_different_numbers_of_a_bundle_sound_an_alarm_and_refuse_nothing(
    dialled: str, expected: tuple[Velocity, ...]
) -> None:
    assert velocities(Call(dialled=dialled, policy=BUNDLE).case) == expected


def test_the_policy_sets_every_start_limit() -> None:
    rules = clinic_rules(
        "limits.starts = {international = '1/10m', overseas = '2/2h', same_number = '3/5m', distinct_foreign = '4/1h', "
        "hotspot = '5/3h'}"
    )
    abroad = velocities(Call(dialled=BRUSSELS, policy=rules).case)
    department = velocities(Call(dialled=REUNION, policy=rules).case)
    hotspot = velocities(Call(dialled=LATVIA, policy=rules).case)
    assert [(found.count_max, found.span_s) for found in abroad] == [(3, 300), (1, 600), (4, 3600)]
    assert [(found.count_max, found.span_s) for found in hotspot] == [(3, 300), (1, 600), (4, 3600), (5, 10_800)]
    assert [(found.count_max, found.span_s) for found in department] == [(3, 300), (2, 7200)]
