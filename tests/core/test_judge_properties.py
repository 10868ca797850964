"""What holds of every call and every policy, whatever they are."""

from dataclasses import replace
from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.attempt import Origin
from callgate.core.dialling import Destination
from callgate.core.hours import WhenClosed
from callgate.core.judge import Pass, Refuse, Reserve
from callgate.core.plan import NumberClass
from callgate.core.policy import Policy
from callgate.core.policy_tables import (
    ClassChoice,
    CountryException,
    ExternalNumber,
    NumberException,
)
from callgate.core.policy_values import Instant, NumberPattern, PlainNumber, Region
from callgate.core.reasons import by_weight
from callgate.core.tariff import CUT_MARGIN_S, price
from callgate.ledger.validity import unsound_hold
from core.samples import (
    BRUSSELS,
    CLOSED,
    EURO,
    HEALTH_INSURANCE,
    INMARSAT,
    IVORY_COAST,
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
    Call,
    clinic_rules,
)

PROPERTY = settings(deadline=None)
"""A busy machine must not fail a rule."""

DIALLED = st.sampled_from(
    (
        PARIS,
        MOBILE,
        REUNION,
        SAINT_PIERRE,
        BRUSSELS,
        SWISS_MOBILE,
        IVORY_COAST,
        INMARSAT,
        LATVIA,
        PREMIUM,
        SHARED_COST,
        POISON_CENTRE,
        SUICIDE_HELPLINE,
        HEALTH_INSURANCE,
        "15",
        "0612",
        "*21*0612345678#",
        "+80012345678",
        "+447012345678",
    )
)
LINES = st.lists(
    st.sampled_from(
        (
            'numbers.always_allow = ["+3225551212", "3646", "+262262*"]',
            'numbers.always_refuse = ["+331*", "+225*", "3114"]',
            'numbers.exception = [{number = "+3225551212", until = 2026-12-01T18:00:00+01:00, total = "5.00"}]',
            'countries.exception = [{country = "BE", until = 2026-12-01T18:00:00+01:00, day = "5.00"}]',
            'countries.rule = [{country = "CH", max_rate_per_minute = "2.00", day = "3.00"}, {country = "BE"}]',
            'hours.outside = "emergency"',
            'extensions = [{match = "101", allow = "national"}, {match = "102", allow = "internal"}]',
            'ceilings.costly.per_call = "0.25"',
            'ceilings.international.per_call = "0.30"',
            'limits.max_rate_per_minute = "9.00"',
            'classes.premium = "allow"',
            'classes.national_fixed = "refuse"',
            'external_to_external.number = [{number = "+3225551212"}, {number = "+33612345678"}]',
            'bundle.included = ["national_fixed", "national_mobile"]',
        )
    ),
    unique=True,
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    countries = draw(st.lists(st.sampled_from(("RE", "PM", "BE", "CH", "CI")), unique=True))
    return Call(
        dialled=draw(DIALLED),
        policy=clinic_rules(*draw(LINES), allow=("FR", *countries)),
        at=draw(st.sampled_from((OPEN, CLOSED))),
        origin=draw(st.sampled_from(Origin)),
        extension=draw(st.sampled_from(("101", "102", "103", ""))),
        channels=draw(st.integers(0, 30)),
    )


def _permissions(policy: Policy, where: Destination) -> list[Policy]:
    """Give every way to permit one number more than a policy does."""
    change, number, region = msgspec.structs.replace, where.number, Region(where.region)
    until = Instant(CLOSED + timedelta(days=1))
    pattern = NumberPattern(digits=number, is_prefix=False)
    lists = (
        change(policy.numbers, always_allow=(*policy.numbers.always_allow, pattern)),
        change(policy.numbers, always_refuse=()),
        change(policy.numbers, exception=(NumberException(number=PlainNumber(number), until=until),)),
    )
    countries = (
        change(policy.countries, allow=(*policy.countries.allow, region)),
        change(policy.countries, exception=(CountryException(country=region, until=until),)),
    )
    outsiders = change(policy.external_to_external, number=(ExternalNumber(number=PlainNumber(number)),))
    return [
        *(change(policy, numbers=changed) for changed in lists),
        *(change(policy, countries=changed) for changed in countries),
        change(policy, classes=change(policy.classes, **{where.number_class.value: ClassChoice.ALLOW})),
        change(policy, hours=change(policy.hours, outside=WhenClosed.AS_OPEN)),
        change(policy, extensions=()),
        change(policy, external_to_external=outsiders),
    ]


@PROPERTY
@given(calls())
def test_a_refusal_gives_its_reasons_heaviest_first_and_never_none(call: Call) -> None:
    match call.ruling:
        case Refuse(reasons=reasons):
            assert reasons
            assert reasons == by_weight(reasons)
            assert all(reason.refuses for reason in reasons)
        case Pass():
            assert call.dialled == "15"
        case Reserve():
            pass


@PROPERTY
@given(calls())
def test_one_permission_more_never_gives_one_reason_more(call: Call) -> None:
    where = call.priced.destination
    if where.region and where.number_class is not NumberClass.EMERGENCY:
        for policy in _permissions(call.policy, where):
            assert set(replace(call, policy=policy).reasons) <= set(call.reasons)


@PROPERTY
@given(calls())
def test_a_costly_call_that_nobody_permitted_and_whose_country_is_closed_never_goes(call: Call) -> None:
    if not call.priced.ordinary and call.dialled != "15":
        case = call.case
        in_allowed_country = case.priced.destination.region in call.policy.countries.allow
        if not (case.permitted or case.country_exception or in_allowed_country):
            assert call.reasons


@PROPERTY
@given(calls())
def test_whatever_goes_asks_the_ledger_for_what_it_can_hold(call: Call) -> None:
    """At most 8 purses of different names, 1 to 7200 seconds, and a costly call within the price of one call."""
    match call.ruling:
        case Reserve(request=request):
            assert unsound_hold(request) == ""
            if not call.priced.ordinary:
                assert price(request.rate, request.seconds + CUT_MARGIN_S) <= 5 * EURO
        case Pass() | Refuse():
            pass
