"""The whole policy document: what it means, its factory figures, and the mistakes between its fields."""

from contextlib import suppress
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.hours import FACTORY_WEEK, ClosedDays, OpenSpan, WhenClosed
from callgate.core.plan import NumberClass
from callgate.core.policy import Mode, Policy, parse_policy
from callgate.core.policy_document import PolicyError, PolicyErrors
from callgate.core.policy_tables import (
    AutomaticLock,
    Bundle,
    Ceilings,
    ClassChoice,
    Classes,
    ExtensionReach,
    FirstCountry,
    Limits,
    LockWhen,
    PurseCeilings,
    RuleHours,
)
from callgate.core.policy_values import ExtensionPattern, NumberPattern, StartLimit

SMALLEST = """
schema = 1
clinic = "cabinet-des-lilas"
home = "FR"
timezone = "Europe/Paris"
countries.allow = ["FR"]
"""

FULL = """
schema   = 1
clinic   = "cabinet-des-lilas"
name     = "Cabinet des Lilas"
home     = "FR"
timezone = "Europe/Paris"
holidays = "FR-57"
currency = "EUR"
mode     = "observe"
[countries]
allow = ["FR", "GP", "MQ", "GF", "RE", "YT"]
[[countries.exception]]
country = "BE"
until   = 2026-12-01T18:00:00+01:00
classes = ["international_fixed", "international_mobile"]
day     = "5.00"
reason  = "congres Bruxelles"
[[countries.rule]]
country = "CH"
classes = ["international_fixed", "international_mobile"]
hours   = "open"
day     = "5.00"
max_rate_per_minute = "0.80"
[classes]
freephone = "allow"
premium = "listed"
[numbers]
always_allow  = ["+3225551212"]
always_refuse = ["+225*"]
[[numbers.exception]]
number = "+41795551212"
until  = 2026-12-01T18:00:00+01:00
total  = "5.00"
[hours]
weekly  = { mon = ["08:00-19:00"], tue = ["08:00-19:00"], sat = ["08:00-12:30"] }
closed  = ["2026-12-24/2027-01-02"]
outside = "national"
[ceilings.costly]
per_call = "5.00"
hour = "10.00"
day = "15.00"
week = "30.00"
calendar_month = "60.00"
[ceilings.international]
day = "10.00"
week = "25.00"
[ceilings.overseas]
day = "5.00"
week = "15.00"
[ceilings.national]
day = "20.00"
week = "60.00"
[ceilings.extension]
day = "10.00"
[bundle]
included = ["national_fixed", "national_mobile"]
distinct_per_month = 99
max_call_s = 3600
[limits]
max_rate_per_minute = "0.50"
concurrent = { clinic = 9, international = 2, overseas = 2, external_to_external = 2, closed = 2 }
starts     = { international = "6/1h", overseas = "6/1h", same_number = "6/15m", distinct_foreign = "15/24h" }
max_duration_s = { ordinary = 7200, costly = 1800 }
first_country = "alert"
[[external_to_external.number]]
number = "+33612345678"
label  = "medecin de garde"
lines  = 2
day    = "20.00"
[[extensions]]
match = "3[0-9]"
allow = "national"
[installer_maximum]
costly = { day = "50.00", calendar_month = "200.00" }
[when_the_ledger_is_down]
ordinary = { calls = 30, per = "60s", total = "5.00" }
unknown_rate = "refuse"
"""

UNTIL = datetime(2026, 12, 1, 17, tzinfo=UTC)


def micros(ceilings: PurseCeilings) -> tuple[int | None, ...]:
    return (ceilings.per_call, ceilings.hour, ceilings.day, ceilings.week, ceilings.calendar_month)


def test_the_clinic_the_zone_and_the_mode_are_read() -> None:
    policy = parse_policy(FULL)
    assert (policy.clinic, policy.name, policy.home) == ("cabinet-des-lilas", "Cabinet des Lilas", "FR")
    assert (policy.timezone, policy.holidays, policy.currency) == (ZoneInfo("Europe/Paris"), "FR-57", "EUR")
    assert policy.mode is Mode.OBSERVE


def test_countries_with_their_exceptions_and_rules_are_read() -> None:
    countries = parse_policy(FULL).countries
    abroad = (NumberClass.INTERNATIONAL_FIXED, NumberClass.INTERNATIONAL_MOBILE)
    (exception,), (rule,) = countries.exception, countries.rule
    assert countries.allow == ("FR", "GP", "MQ", "GF", "RE", "YT")
    assert (exception.country, exception.until, exception.classes) == ("BE", UNTIL, abroad)
    assert (exception.day, exception.reason) == (5_000_000, "congres Bruxelles")
    assert (rule.country, rule.classes, rule.hours) == ("CH", abroad, RuleHours.OPEN)
    assert (rule.day, rule.max_rate_per_minute) == (5_000_000, 800_000)


def test_classes_and_numbers_are_read() -> None:
    policy = parse_policy(FULL)
    (exception,) = policy.numbers.exception
    assert policy.classes == Classes(premium=ClassChoice.LISTED)
    assert policy.numbers.always_allow == (NumberPattern(digits="+3225551212", is_prefix=False),)
    assert policy.numbers.always_refuse == (NumberPattern(digits="+225", is_prefix=True),)
    assert (exception.number, exception.until, exception.total) == ("+41795551212", UNTIL, 5_000_000)


def test_hours_are_read_and_a_day_that_is_not_named_is_closed() -> None:
    hours = parse_policy(FULL).hours
    assert hours.weekly.mon == (OpenSpan(first_minute=480, end_minute=1140),)
    assert hours.weekly.sat == (OpenSpan(first_minute=480, end_minute=750),)
    assert hours.weekly.wed == hours.weekly.sun == ()
    assert hours.closed == (ClosedDays(first=date(2026, 12, 24), last=date(2027, 1, 2)),)
    assert hours.outside is WhenClosed.NATIONAL


def test_forwards_lines_and_the_bundle_are_read() -> None:
    policy = parse_policy(FULL)
    (number,), (rule,) = policy.external_to_external.number, policy.extensions
    assert (number.number, number.label, number.lines, number.day) == (
        "+33612345678",
        "medecin de garde",
        2,
        20_000_000,
    )
    assert (rule.match, rule.allow) == (ExtensionPattern(expression="3[0-9]"), ExtensionReach.NATIONAL)
    assert policy.bundle.included == (NumberClass.NATIONAL_FIXED, NumberClass.NATIONAL_MOBILE)
    assert policy.limits.concurrent.clinic == 9
    assert micros(policy.installer_maximum.costly) == (None, None, 50_000_000, None, 200_000_000)


def test_what_an_installer_leaves_out_has_the_factory_figures() -> None:
    """facts/semantics.md, factory policy for France; the sample above writes the same figures out."""
    policy, written = parse_policy(SMALLEST), parse_policy(FULL)
    assert policy.mode is Mode.ENFORCE
    assert (policy.holidays, policy.currency, policy.name) == ("FR", "EUR", "")
    assert policy.classes == Classes()
    assert policy.hours.weekly == FACTORY_WEEK
    assert policy.bundle == Bundle()
    assert policy.bundle.included == ()
    assert policy.ceilings == written.ceilings == Ceilings()
    assert micros(policy.ceilings.costly) == (5_000_000, 10_000_000, 15_000_000, 30_000_000, 60_000_000)
    assert micros(policy.ceilings.international) == (None, None, 10_000_000, 25_000_000, None)
    assert micros(policy.ceilings.overseas) == (None, None, 5_000_000, 15_000_000, None)
    assert micros(policy.ceilings.national) == (None, None, 20_000_000, 60_000_000, None)
    assert micros(policy.ceilings.extension) == (None, None, 10_000_000, None, None)
    assert policy.when_the_ledger_is_down == written.when_the_ledger_is_down
    assert policy.automatic_lock == AutomaticLock(when=LockWhen.CLOSED, refused=StartLimit(count_max=10, span_s=600))


def test_what_an_installer_leaves_out_has_the_factory_limits() -> None:
    policy, written = parse_policy(SMALLEST), parse_policy(FULL)
    limits = policy.limits
    assert policy.limits == Limits()
    assert (limits.max_rate_per_minute, limits.first_country) == (500_000, FirstCountry.ALERT)
    assert limits.concurrent.clinic is None
    assert (limits.concurrent.international, limits.concurrent.overseas, limits.concurrent.closed) == (2, 2, 2)
    assert limits.starts == written.limits.starts
    assert limits.starts.same_number == StartLimit(count_max=6, span_s=900)
    assert limits.max_duration_s == written.limits.max_duration_s


def test_a_ceiling_written_alone_leaves_the_others_at_the_factory_figure() -> None:
    ceilings = parse_policy(SMALLEST + 'ceilings.costly.day = "20.00"').ceilings
    assert micros(ceilings.costly) == (5_000_000, 10_000_000, 20_000_000, 30_000_000, 60_000_000)


def test_a_clinic_may_keep_no_public_holidays() -> None:
    assert parse_policy(SMALLEST + 'holidays = "none"').holidays == "none"


BELGIUM = '[[countries.exception]]\ncountry = "BE"\nuntil = 2026-12-01T18:00:00+01:00\n'
SWISS = '[[countries.rule]]\ncountry = "CH"\n'
SWISS_NUMBER = '[[numbers.exception]]\nnumber = "+41795551212"\nuntil = 2026-12-01T18:00:00+01:00\n'
ON_CALL = '[[external_to_external.number]]\nnumber = "+33612345678"\n'
FAX = '[[extensions]]\nmatch = "3[0-9]"\nallow = "national"\n'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SMALLEST.replace('["FR"]', '["BE"]'), {"countries.allow": "the home country FR is missing"}),
        (SMALLEST.replace('["FR"]', "[]"), {"countries.allow": "the home country FR is missing"}),
        (
            SMALLEST + 'installer_maximum.costly.day = "10.00"',
            {"ceilings.costly.day": "15.00 is above installer_maximum"},
        ),
        (SMALLEST + 'installer_maximum.costly.day = "15.00"', {}),
        (
            SMALLEST + 'installer_maximum.international.hour = "5.00"',
            {"ceilings.international.hour": "no ceiling is above installer_maximum"},
        ),
        (
            SMALLEST + 'hours.weekly.mon = ["08:00-12:00", "11:00-19:00"]',
            {"hours.weekly.mon": "two spans share a time"},
        ),
        (
            SMALLEST + 'hours.weekly = { fri = ["22:00-06:00"], sat = ["05:00-12:00"] }',
            {"hours.weekly.sat": "two spans share a time"},
        ),
        (SMALLEST + 'hours.weekly.mon = ["08:00-12:00", "12:00-19:00"]', {}),
        (SMALLEST + BELGIUM, {}),
        (
            SMALLEST + BELGIUM + BELGIUM.replace("12-01", "12-02") + 'classes = ["international_fixed"]\n',
            {"countries.exception[1]": "BE international_fixed is already spoken of above"},
        ),
        (
            SMALLEST + SWISS + 'classes = ["national_fixed"]\n' + SWISS + 'classes = ["international_fixed"]\n',
            {},
        ),
        (
            SMALLEST + SWISS + 'day = "1.00"\n' + SWISS + 'classes = ["international_fixed"]\n',
            {"countries.rule[1]": "CH international_fixed is already spoken of above"},
        ),
        (SMALLEST + SWISS + "classes = []\n", {"countries.rule[0].classes": "it is empty"}),
        (
            SMALLEST + SWISS + 'classes = ["invalid"]\n',
            {"countries.rule[0].classes": '"invalid" has no meaning here'},
        ),
        (
            SMALLEST + BELGIUM + 'classes = ["emergency"]\n',
            {"countries.exception[0].classes": '"emergency" has no meaning here'},
        ),
        (SMALLEST + 'bundle.included = ["premium"]', {"bundle.included": '"premium" has no meaning here'}),
        (
            SMALLEST + 'numbers.always_allow = ["+225*"]',
            {"numbers.always_allow[0]": "+225* would open a whole country"},
        ),
        (
            SMALLEST + 'numbers.always_allow = ["+3225*"]',
            {"numbers.always_allow[0]": "+3225* would open a whole country"},
        ),
        (SMALLEST + 'numbers.always_allow = ["+32255*", "+225"]', {}),
        (
            SMALLEST + 'numbers.always_allow = ["3624"]\nnumbers.always_refuse = ["3624"]',
            {"numbers.always_allow[0]": "3624 is also in always_refuse"},
        ),
        (
            SMALLEST + SWISS_NUMBER + SWISS_NUMBER.replace("12-01", "12-02"),
            {"numbers.exception[1]": "+41795551212 is already spoken of above"},
        ),
        (
            SMALLEST + ON_CALL + ON_CALL + "lines = 1\n",
            {"external_to_external.number[1]": "+33612345678 is already spoken of above"},
        ),
        (
            SMALLEST + FAX + FAX.replace('"national"', '"internal"'),
            {"extensions[1]": "3[0-9] is already spoken of above"},
        ),
        (
            SMALLEST + 'automatic_lock.refused = "0/10m"',
            {"automatic_lock.refused": "no refusal at all is no burst"},
        ),
        (SMALLEST + 'automatic_lock = { when = "never", refused = "1/1m" }', {}),
    ],
)
def test_fields_that_contradict_each_other_are_told(text: str, found: dict[str, str]) -> None:
    errors: tuple[PolicyError, ...] = ()
    try:
        parse_policy(text)
    except PolicyErrors as caught:
        errors = caught.errors
    assert {error.path: error.problem for error in errors} == found
    assert all(error.remedy for error in errors)


@pytest.mark.parametrize(
    ("written", "instead", "path"),
    [
        ("schema   = 1", "", "schema"),
        ("schema   = 1", "schema = 2", "schema"),
        ('timezone = "Europe/Paris"', 'timezone = "Paris"', "timezone"),
        ('mode     = "observe"', 'mode = "off"', "mode"),
        ('allow = ["FR", "GP", "MQ", "GF", "RE", "YT"]', "", "countries.allow"),
        ('country = "BE"', 'country = "EU"', "countries.exception[0].country"),
        ("until   = 2026-12-01T18:00:00+01:00", "until = 2026-12-01T18:00:00", "countries.exception[0].until"),
        ('hours   = "open"', 'hours = "09:00-10:00"', "countries.rule[0].hours"),
        ('max_rate_per_minute = "0.80"', "max_rate_per_minute = 0.8", "countries.rule[0].max_rate_per_minute"),
        ('freephone = "allow"', 'freephones = "allow"', "classes.freephones"),
        ('freephone = "allow"', 'freephone = "yes"', "classes.freephone"),
        ('always_refuse = ["+225*"]', 'always_refuse = ["00225"]', "numbers.always_refuse[0]"),
        ('total  = "5.00"', 'total = "-5.00"', "numbers.exception[0].total"),
        ('mon = ["08:00-19:00"]', 'mon = ["25:00-26:00"]', "hours.weekly.mon[0]"),
        ('mon = ["08:00-19:00"]', 'mon = ["19:00-08:00"]', "hours.weekly.mon[0]"),
        ('mon = ["08:00-19:00"]', 'monday = ["08:00-19:00"]', "hours.weekly.monday"),
        ('hour = "10.00"', 'hour = "NaN"', "ceilings.costly.hour"),
        ('hour = "10.00"', 'hours = "10.00"', "ceilings.costly.hours"),
        ('overseas = "6/1h"', 'overseas = "6 per hour"', "limits.starts.overseas"),
        ("closed = 2 }", "closed = -2 }", "limits.concurrent.closed"),
        ("ordinary = 7200", "ordinary = 7201", "limits.max_duration_s.ordinary"),
        ('match = "3[0-9]"', 'match = "3.*"', "extensions[0].match"),
        ('per = "60s"', 'per = "1 minute"', "when_the_ledger_is_down.ordinary.per"),
        ('unknown_rate = "refuse"', 'unknown_rate = "allow"', "when_the_ledger_is_down.unknown_rate"),
    ],
)
def test_a_mistake_in_one_field_names_that_field(written: str, instead: str, path: str) -> None:
    assert written in FULL
    with pytest.raises(PolicyErrors) as caught:
        parse_policy(FULL.replace(written, instead, 1))
    assert [error.path for error in caught.value.errors] == [path]
    assert caught.value.problem
    assert caught.value.remedy


@given(st.text(max_size=60), st.integers(0, len(FULL)), st.integers(0, 40))
def test_any_text_is_a_policy_or_a_list_of_mistakes(text: str, place: int, cut: int) -> None:
    with suppress(PolicyErrors):
        assert isinstance(parse_policy(FULL[:place] + text + FULL[place + cut :]), Policy)
