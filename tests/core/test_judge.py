"""What the rules say of a call: one row, one call, one verdict.

A row without reasons is a call that the rules let go; the ledger then has the last word.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from callgate.core.attempt import Origin
from callgate.core.judge import Pass, Reserve
from callgate.core.policy import parse_policy
from callgate.core.reasons import Reason
from core.samples import (
    BRUSSELS,
    CLOSED,
    FRANCE,
    INMARSAT,
    IVORY_COAST,
    LATVIA,
    MOBILE,
    OPEN,
    PARIS,
    POISON_CENTRE,
    POLICIES,
    PREMIUM,
    REUNION,
    SAINT_PIERRE,
    SHARED_COST,
    SUICIDE_HELPLINE,
    SWISS_MOBILE,
    Call,
    clinic_rules,
)

GO: tuple[Reason, ...] = ()
CLASS, COUNTRY, RATE, SHUT = Reason.CLASS_REFUSED, Reason.COUNTRY_REFUSED, Reason.RATE_TOO_HIGH, Reason.CLOSED
ONE_CALL = Reason.CEILING_CALL

HOSTILE = clinic_rules(
    'hours.outside = "emergency"',
    'numbers.always_refuse = ["15", "112", "116117"]',
    'extensions = [{match = "101", allow = "internal"}]',
    'ceilings.costly.per_call = "0.00"',
    "limits.concurrent.clinic = 0",
    allow=("FR",),
)


@pytest.mark.parametrize("dialled", ["15", "17", "18", "112", "114", "115", "119", "191", "196", "197", "116117"])
@pytest.mark.parametrize("at", [OPEN, CLOSED])
@pytest.mark.parametrize("origin", Origin)
def test_an_emergency_number_passes_whatever_the_policy_the_hour_and_the_caller(
    dialled: str, at: datetime, origin: Origin
) -> None:
    assert Call(dialled=dialled, policy=HOSTILE, at=at, origin=origin).ruling == Pass()


@pytest.mark.parametrize(
    ("dialled", "open_reasons", "closed_reasons"),
    [
        (PARIS, GO, GO),
        (MOBILE, GO, GO),
        ("0800123456", GO, GO),
        ("3020", GO, GO),
        (POISON_CENTRE, GO, GO),
        (SUICIDE_HELPLINE, GO, GO),
        ("3977", GO, GO),
        (REUNION, GO, (SHUT,)),
        ("0692301234", GO, (SHUT,)),
        (SAINT_PIERRE, (COUNTRY,), (COUNTRY, SHUT)),
        (SHARED_COST, (CLASS,), (CLASS, SHUT)),
        (PREMIUM, (CLASS, RATE), (CLASS, RATE, SHUT)),
        ("118218", (CLASS, RATE), (CLASS, RATE, SHUT)),
        ("3900", (CLASS, RATE), (CLASS, RATE, SHUT)),
        ("07001234567890", (CLASS, Reason.RATE_UNKNOWN), (CLASS, Reason.RATE_UNKNOWN, SHUT)),
        (BRUSSELS, (COUNTRY,), (COUNTRY, SHUT)),
        (IVORY_COAST, (COUNTRY, RATE), (COUNTRY, RATE, SHUT)),
        ("+80012345678", (COUNTRY, RATE), (COUNTRY, RATE, SHUT)),
        (INMARSAT, (CLASS, COUNTRY, RATE, ONE_CALL), (CLASS, COUNTRY, RATE, SHUT, ONE_CALL)),
        ("+447012345678", (CLASS, COUNTRY, RATE, ONE_CALL), (CLASS, COUNTRY, RATE, SHUT, ONE_CALL)),
        ("0612", (Reason.INVALID,), (Reason.INVALID,)),
        ("0612%40trunk%26PJSIP%2F0088", (Reason.INVALID,), (Reason.INVALID,)),
        ("*21*0899123456#", (Reason.NOT_A_PUBLIC_NUMBER,), (Reason.NOT_A_PUBLIC_NUMBER,)),
    ],
)
def test_the_factory_policy_lets_ordinary_calls_go_at_any_hour_and_the_departments_in_opening_hours(
    dialled: str, open_reasons: tuple[Reason, ...], closed_reasons: tuple[Reason, ...]
) -> None:
    assert Call(dialled=dialled).reasons == open_reasons
    assert Call(dialled=dialled, at=CLOSED).reasons == closed_reasons


@pytest.mark.parametrize(
    ("dialled", "rules", "reasons"),
    [
        (BRUSSELS, 'numbers.always_allow = ["+3225551212"]', GO),
        (BRUSSELS, 'numbers.always_allow = ["+32255512*"]', GO),
        ("+3225551213", 'numbers.always_allow = ["+3225551212"]', (COUNTRY, SHUT)),
        (SHARED_COST, 'numbers.always_allow = ["+33826123456"]', GO),
        # The list beats country, class, hours and the highest rate; the ceilings still bind.
        (PREMIUM, 'numbers.always_allow = ["+33899123456"]', GO),
        ("3900", 'numbers.always_allow = ["3900"]', GO),
        ("0612", 'numbers.always_allow = ["+33612345678"]', (Reason.INVALID,)),
        (PARIS, 'numbers.always_refuse = ["+33142685300"]', (Reason.NUMBER_REFUSED,)),
        (PARIS, 'numbers.always_refuse = ["+331*"]', (Reason.NUMBER_REFUSED,)),
        (MOBILE, 'numbers.always_refuse = ["+331*"]', GO),
        (SUICIDE_HELPLINE, 'numbers.always_refuse = ["3114"]', (Reason.NUMBER_REFUSED,)),
        # Refusing wins, and it hides no other reason.
        (
            BRUSSELS,
            'numbers.always_allow = ["+3225551212"]\nnumbers.always_refuse = ["+322*"]',
            (Reason.NUMBER_REFUSED,),
        ),
        (IVORY_COAST, 'numbers.always_refuse = ["+225*"]', (Reason.NUMBER_REFUSED, COUNTRY, RATE, SHUT)),
    ],
)
def test_a_listed_number_beats_country_class_and_hours_and_a_refused_one_beats_all_but_emergency(
    dialled: str, rules: str, reasons: tuple[Reason, ...]
) -> None:
    assert Call(dialled=dialled, policy=clinic_rules(rules), at=CLOSED).reasons == reasons


END = datetime(2026, 12, 1, 17, tzinfo=UTC)
"""A Tuesday at 18:00 in Paris, an open hour."""
LAST_SECOND = END - timedelta(seconds=1)
BELGIUM = 'countries.exception = [{country = "BE", until = 2026-12-01T18:00:00+01:00%s}]'


@pytest.mark.parametrize(
    ("dialled", "rules", "at", "reasons"),
    [
        (BRUSSELS, BELGIUM % "", OPEN, GO),
        (BRUSSELS, BELGIUM % "", LAST_SECOND, GO),
        (BRUSSELS, BELGIUM % "", END, (COUNTRY,)),
        ("+32470123456", BELGIUM % "", OPEN, GO),
        ("+32470123456", BELGIUM % ', classes = ["international_fixed"]', OPEN, (COUNTRY,)),
        (SWISS_MOBILE, BELGIUM % "", OPEN, (COUNTRY, RATE)),
        # It opens a country, not the class, and not the closed hours.
        ("+3290012345", BELGIUM % ', classes = ["international_premium"]', OPEN, (CLASS, RATE, ONE_CALL)),
        (BRUSSELS, BELGIUM % "", CLOSED, (SHUT,)),
        (SAINT_PIERRE, BELGIUM.replace("BE", "PM") % "", OPEN, GO),
    ],
)
def test_a_country_may_be_called_until_the_instant_its_exception_ends(
    dialled: str, rules: str, at: datetime, reasons: tuple[Reason, ...]
) -> None:
    assert Call(dialled=dialled, policy=clinic_rules(rules), at=at).reasons == reasons


NUMBER = 'numbers.exception = [{number = "+3225551212", until = 2026-12-01T18:00:00+01:00}]'


@pytest.mark.parametrize(
    ("dialled", "at", "reasons"),
    [
        (BRUSSELS, OPEN, GO),
        (BRUSSELS, CLOSED, GO),
        (BRUSSELS, LAST_SECOND, GO),
        (BRUSSELS, END, (COUNTRY,)),
        ("+3225551213", OPEN, (COUNTRY,)),
    ],
)
def test_a_number_may_be_called_at_any_hour_until_the_instant_its_exception_ends(
    dialled: str, at: datetime, reasons: tuple[Reason, ...]
) -> None:
    assert Call(dialled=dialled, policy=clinic_rules(NUMBER), at=at).reasons == reasons


SWISS = 'countries.rule = [{country = "CH", max_rate_per_minute = "2.00"%s}]'
EUROPE = (*FRANCE, "BE", "CH")


@pytest.mark.parametrize(
    ("dialled", "rules", "at", "reasons"),
    [
        (SWISS_MOBILE, "", OPEN, (RATE,)),
        (SWISS_MOBILE, SWISS % "", OPEN, GO),
        (SWISS_MOBILE, SWISS % "", CLOSED, (SHUT,)),
        (SWISS_MOBILE, SWISS % ', hours = "always"', CLOSED, GO),
        (SWISS_MOBILE, SWISS % ', classes = ["international_fixed"]', OPEN, (RATE,)),
        # The country's rule alone decides about its hours.
        (SWISS_MOBILE, 'hours.outside = "as_open"\n' + SWISS % "", CLOSED, (SHUT,)),
        (BRUSSELS, SWISS % "", CLOSED, (SHUT,)),
        (BRUSSELS, 'countries.rule = [{country = "BE", max_rate_per_minute = "0.29"}]', OPEN, (RATE,)),
        (BRUSSELS, 'countries.rule = [{country = "BE", max_rate_per_minute = "0.30"}]', OPEN, GO),
        (BRUSSELS, 'countries.rule = [{country = "BE", day = "5.00"}]', OPEN, GO),
        (REUNION, 'countries.rule = [{country = "RE", hours = "always"}]', CLOSED, GO),
        # By itself a rule opens no country.
        ("+4930123456", 'countries.rule = [{country = "DE", hours = "always"}]', OPEN, (COUNTRY,)),
    ],
)
def test_a_country_rule_says_when_and_how_dear_an_allowed_country_may_be(
    dialled: str, rules: str, at: datetime, reasons: tuple[Reason, ...]
) -> None:
    assert Call(dialled=dialled, policy=clinic_rules(rules, allow=EUROPE), at=at).reasons == reasons


@pytest.mark.parametrize(
    ("dialled", "choice", "reasons"),
    [
        (SHARED_COST, "allow", GO),
        (SHARED_COST, "listed", (CLASS,)),
        (SHARED_COST, "refuse", (CLASS,)),
        ("0800123456", "listed", (CLASS,)),
        # A number that must be reached is refused by no class.
        (SUICIDE_HELPLINE, "listed", GO),
        (SUICIDE_HELPLINE, "refuse", GO),
        (POISON_CENTRE, "refuse", GO),
        (PARIS, "refuse", (CLASS,)),
    ],
)
def test_a_class_is_allowed_refused_or_kept_for_listed_and_must_reach_numbers(
    dialled: str, choice: str, reasons: tuple[Reason, ...]
) -> None:
    classes = ("shared_cost", "freephone", "national_fixed")
    rules = clinic_rules(*(f'classes.{name} = "{choice}"' for name in classes))
    assert Call(dialled=dialled, policy=rules).reasons == reasons


@pytest.mark.parametrize(
    ("dialled", "emergency", "national", "as_open"),
    [
        (PARIS, (SHUT,), GO, GO),
        ("0800123456", (SHUT,), GO, GO),
        (REUNION, (SHUT,), (SHUT,), GO),
        (BRUSSELS, (SHUT,), (SHUT,), GO),
        (SAINT_PIERRE, (SHUT,), (SHUT,), GO),
        (SUICIDE_HELPLINE, GO, GO, GO),
        (POISON_CENTRE, GO, GO, GO),
    ],
)
def test_outside_opening_hours_the_clinic_chooses_what_may_still_be_dialled(
    dialled: str, emergency: tuple[Reason, ...], national: tuple[Reason, ...], as_open: tuple[Reason, ...]
) -> None:
    for outside, reasons in (("emergency", emergency), ("national", national), ("as_open", as_open)):
        rules = clinic_rules(f'hours.outside = "{outside}"', allow=(*FRANCE, "BE", "PM"))
        assert Call(dialled=dialled, policy=rules, at=CLOSED).reasons == reasons
        assert Call(dialled=dialled, policy=rules, at=OPEN).reasons == GO


@pytest.mark.parametrize(
    ("at", "reasons"),
    [
        (datetime(2026, 11, 10, 9, tzinfo=UTC), GO),
        (datetime(2026, 11, 11, 9, tzinfo=UTC), (SHUT,)),
        (datetime(2026, 12, 23, 17, tzinfo=UTC), GO),
        (datetime(2026, 12, 24, 9, tzinfo=UTC), (SHUT,)),
        (datetime(2027, 1, 2, 9, tzinfo=UTC), (SHUT,)),
        (datetime(2027, 1, 4, 9, tzinfo=UTC), GO),
        # Sunday 29 March 2026, Paris goes to UTC+2: on Monday 08:00 is 06:00 UTC, on Friday it was 07:00.
        (datetime(2026, 3, 27, 6, 30, tzinfo=UTC), (SHUT,)),
        (datetime(2026, 3, 27, 7, 0, tzinfo=UTC), GO),
        (datetime(2026, 3, 30, 5, 59, 59, tzinfo=UTC), (SHUT,)),
        (datetime(2026, 3, 30, 6, 0, tzinfo=UTC), GO),
        (datetime(2026, 3, 30, 17, 0, tzinfo=UTC), (SHUT,)),
        # Sunday 25 October 2026, back to UTC+1.
        (datetime(2026, 10, 23, 6, 30, tzinfo=UTC), GO),
        (datetime(2026, 10, 26, 6, 30, tzinfo=UTC), (SHUT,)),
        (datetime(2026, 10, 26, 7, 0, tzinfo=UTC), GO),
        # Open from 02:00 to 03:00 on the nights the clocks change: no such hour in March, two of them in October.
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), (SHUT,)),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), (SHUT,)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), GO),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), GO),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), (SHUT,)),
    ],
)
def test_the_departments_are_closed_on_holidays_leave_and_by_the_clock_on_the_wall(
    at: datetime, reasons: tuple[Reason, ...]
) -> None:
    days = "mon tue wed thu fri"
    weekly = ", ".join(f'{day} = ["08:00-19:00"]' for day in days.split())
    rules = clinic_rules(
        f'hours.weekly = {{{weekly}, sun = ["02:00-03:00"]}}', 'hours.closed = ["2026-12-24/2027-01-02"]'
    )
    assert Call(dialled=REUNION, policy=rules, at=at, holidays=frozenset({date(2026, 11, 11)})).reasons == reasons


@pytest.mark.parametrize(
    ("extension", "dialled", "reasons"),
    [
        ("31", PARIS, (Reason.EXTENSION_RESTRICTED,)),
        ("31", SUICIDE_HELPLINE, (Reason.EXTENSION_RESTRICTED,)),
        ("42", PARIS, GO),
        ("42", SUICIDE_HELPLINE, GO),
        ("42", REUNION, (Reason.EXTENSION_RESTRICTED,)),
        ("42", BRUSSELS, (Reason.EXTENSION_RESTRICTED,)),
        # A listed number beats country, class and hours, not the line it is dialled from.
        ("42", "+3225551299", (Reason.EXTENSION_RESTRICTED,)),
        ("42", PREMIUM, (Reason.EXTENSION_RESTRICTED, CLASS, RATE)),
        ("50", BRUSSELS, GO),
        ("3", BRUSSELS, GO),
        ("310", BRUSSELS, GO),
        ("", BRUSSELS, GO),
    ],
)
def test_a_restricted_line_dials_only_as_far_as_its_rule_says(
    extension: str, dialled: str, reasons: tuple[Reason, ...]
) -> None:
    rules = clinic_rules(
        'extensions = [{match = "3[0-9]", allow = "internal"}, {match = "4[0-9]", allow = "national"}, '
        '{match = "50", allow = "as_clinic"}]',
        'numbers.always_allow = ["+3225551299"]',
        allow=(*FRANCE, "BE"),
    )
    assert Call(dialled=dialled, policy=rules, extension=extension).reasons == reasons


ON_CALL = 'external_to_external.number = [{number = "+33612345678"}, {number = "+3225551212"}]'
OUTSIDE = (Reason.EXTERNAL_TO_EXTERNAL,)


UNKNOWN = (Reason.ORIGIN_UNKNOWN,)


@pytest.mark.parametrize(
    ("origin", "extension", "dialled", "reasons"),
    [
        (Origin.EXTENSION, "101", PARIS, GO),
        (Origin.UNKNOWN, "", PARIS, GO),
        (Origin.UNKNOWN, "", REUNION, UNKNOWN),
        (Origin.UNKNOWN, "101", REUNION, UNKNOWN),
        (Origin.UNKNOWN, "", BRUSSELS, UNKNOWN),
        # A program that rings a phone first dials for that phone; else nobody answers for what it costs.
        (Origin.ORIGINATED, "101", REUNION, GO),
        (Origin.ORIGINATED, "", REUNION, UNKNOWN),
        (Origin.ORIGINATED, "", PARIS, GO),
        (Origin.CALL_FILE, "101", REUNION, GO),
        (Origin.CALL_FILE, "", REUNION, UNKNOWN),
        (Origin.CALL_FILE, "", PARIS, GO),
        (Origin.TRANSFERRED, "101", REUNION, GO),
        (Origin.VOICEMAIL, "101", REUNION, GO),
        (Origin.DISA, "101", REUNION, GO),
        (Origin.FOLLOW_ME, "101", REUNION, GO),
        (Origin.FAX, "101", REUNION, GO),
        (Origin.EXTERNAL, "", PARIS, OUTSIDE),
        (Origin.EXTERNAL, "101", PARIS, OUTSIDE),
        (Origin.EXTERNAL, "", SUICIDE_HELPLINE, OUTSIDE),
        (Origin.EXTERNAL, "", REUNION, OUTSIDE),
        (Origin.EXTERNAL, "", MOBILE, GO),
        (Origin.EXTERNAL, "", BRUSSELS, GO),
        (Origin.FORWARDED, "101", REUNION, GO),
        (Origin.PHONE_FORWARDED, "101", REUNION, GO),
        # Whom a forward of no line brings along nobody knows: a costly one is taken for a call between outsiders.
        (Origin.FORWARDED, "", PARIS, GO),
        (Origin.FORWARDED, "", REUNION, OUTSIDE),
        (Origin.FORWARDED, "", BRUSSELS, GO),
        (Origin.PHONE_FORWARDED, "", REUNION, OUTSIDE),
    ],
)
def test_a_call_goes_by_where_it_comes_from(
    origin: Origin, extension: str, dialled: str, reasons: tuple[Reason, ...]
) -> None:
    policy = clinic_rules(ON_CALL, allow=(*FRANCE, "BE"))
    assert Call(dialled=dialled, policy=policy, origin=origin, extension=extension).reasons == reasons


def test_a_number_given_for_outsiders_still_needs_its_country_and_hour() -> None:
    call = Call(dialled=BRUSSELS, policy=clinic_rules(ON_CALL), origin=Origin.EXTERNAL, at=CLOSED)
    assert call.reasons == (COUNTRY, SHUT)


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ("+32 0 0.50 1 1", GO),
        ("+32 0 0.500001 1 1", (RATE,)),
        ("+33 0 0.02 1 1", (Reason.RATE_UNKNOWN,)),
        ("+32 0 0 1 1", GO),
    ],
)
def test_a_costly_number_needs_a_known_rate_of_at_most_the_highest(row: str, reasons: tuple[Reason, ...]) -> None:
    assert Call(dialled=BRUSSELS, policy=clinic_rules(allow=EUROPE), rates=(row,)).reasons == reasons


def test_an_ordinary_number_without_a_rate_goes_and_a_dear_national_one_is_judged_as_costly() -> None:
    assert Call(dialled=PARIS, rates=("+32 0 0.30 1 1",)).reasons == GO
    assert Call(dialled=PARIS, rates=("+33 0 0.51 1 1",), at=CLOSED).reasons == (RATE, SHUT)
    assert Call(dialled=PARIS, rates=("+33 0 0.16 1 1",), at=CLOSED).reasons == (SHUT,)
    assert Call(dialled=PARIS, rates=("+33 0 0.15 1 1",), at=CLOSED).reasons == GO


@pytest.mark.parametrize("dialled", [PARIS, REUNION, BRUSSELS, PREMIUM, SUICIDE_HELPLINE])
@pytest.mark.parametrize("at", [OPEN, CLOSED])
def test_the_shipped_policy_for_france_alone_rules_as_the_factory_figures_do(dialled: str, at: datetime) -> None:
    document = (POLICIES / "presets" / "cabinet-france-seule.toml").read_text(encoding="utf-8")
    assert Call(dialled=dialled, policy=parse_policy(document), at=at).ruling == Call(dialled=dialled, at=at).ruling


@pytest.mark.parametrize(
    ("dialled", "at", "warnings"),
    [
        (PARIS, CLOSED, GO),
        # A neighbour is called all day; at night the same call is pointed out.
        (BRUSSELS, OPEN, GO),
        (BRUSSELS, CLOSED, (Reason.WATCHED,)),
        (PREMIUM, OPEN, (Reason.RISKY_NUMBER,)),
        (LATVIA, OPEN, (Reason.HOTSPOT,)),
    ],
)
def test_a_call_that_may_go_is_pointed_out_if_it_is_risky(
    dialled: str, at: datetime, warnings: tuple[Reason, ...]
) -> None:
    everything = 'numbers.always_allow = ["+32255*", "+371631*", "+33899*"]'
    ruling = Call(dialled=dialled, at=at, policy=clinic_rules(everything)).ruling
    assert isinstance(ruling, Reserve)
    assert ruling.warnings == warnings


def test_a_number_that_somebody_named_is_still_pointed_out_as_a_hotspot() -> None:
    ruling = Call(dialled=LATVIA, policy=clinic_rules(f'numbers.always_allow = ["{LATVIA}"]')).ruling
    assert isinstance(ruling, Reserve)
    assert ruling.warnings == (Reason.HOTSPOT,)
