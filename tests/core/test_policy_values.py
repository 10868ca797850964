"""What one word of a policy means, and which words are refused with a remedy."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.hours import ClosedDays, OpenSpan
from callgate.core.policy_values import (
    READERS,
    ClinicName,
    Count,
    Currency,
    ExtensionPattern,
    HolidayCode,
    Instant,
    Micros,
    NumberPattern,
    PlainNumber,
    PlainText,
    Region,
    Schema,
    Seconds,
    Span,
    StartLimit,
    UnreadableError,
    shown,
)

WINTER = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("kind", "written", "meaning"),
    [
        (Micros, "5.00", 5_000_000),
        (Micros, "0", 0),
        (Region, "FR", "FR"),
        (Region, "RE", "RE"),
        (Instant, datetime(2026, 12, 1, 18, tzinfo=WINTER), datetime(2026, 12, 1, 17, tzinfo=UTC)),
        (Seconds, 7200, 7200),
        (Count, 0, 0),
        (Schema, 1, 1),
        (Span, "60s", 60),
        (Span, "15m", 900),
        (Span, "168h", 604_800),
        (ClinicName, "cabinet-des-lilas", "cabinet-des-lilas"),
        (Currency, "CHF", "CHF"),
        (HolidayCode, "FR", "FR"),
        (HolidayCode, "FR-6AE", "FR-6AE"),
        (HolidayCode, "none", "none"),
        (PlainNumber, "+41795551212", "+41795551212"),
        (PlainNumber, "3624", "3624"),
        (PlainText, "congrès à Bruxelles", "congrès à Bruxelles"),
        (PlainText, "", ""),
        (ZoneInfo, "Europe/Paris", ZoneInfo("Europe/Paris")),
        (OpenSpan, "08:00-19:00", OpenSpan(first_minute=480, end_minute=1140)),
        (OpenSpan, "00:00-24:00", OpenSpan(first_minute=0, end_minute=1440)),
        (OpenSpan, "18:00-00:00", OpenSpan(first_minute=1080, end_minute=1440)),
        (OpenSpan, "22:00-06:00", OpenSpan(first_minute=1320, end_minute=1800)),
        (OpenSpan, "20:00-06:00", OpenSpan(first_minute=1200, end_minute=1800)),
        (ClosedDays, "2026-12-24/2027-01-02", ClosedDays(first=date(2026, 12, 24), last=date(2027, 1, 2))),
        (ClosedDays, "2026-12-24", ClosedDays(first=date(2026, 12, 24), last=date(2026, 12, 24))),
        (NumberPattern, "+3225551212", NumberPattern(digits="+3225551212", is_prefix=False)),
        (NumberPattern, "+225*", NumberPattern(digits="+225", is_prefix=True)),
        (NumberPattern, "118712", NumberPattern(digits="118712", is_prefix=False)),
        (ExtensionPattern, "3[0-9]", ExtensionPattern(expression="3[0-9]")),
        (StartLimit, "6/1h", StartLimit(count_max=6, span_s=3600)),
        (StartLimit, "0/15m", StartLimit(count_max=0, span_s=900)),
    ],
)
def test_a_word_of_a_policy_has_its_meaning(kind: object, written: object, meaning: object) -> None:
    assert READERS[kind](written) == meaning


def test_instants_are_kept_in_utc() -> None:
    instant = READERS[Instant](datetime(2026, 12, 1, 18, tzinfo=WINTER))
    assert isinstance(instant, datetime)
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "written", "problem"),
    [
        (Micros, 5, "5 is not money: money is text"),
        (Micros, 5.0, "5.0 is not money: money is text"),
        (Micros, float("nan"), "nan is not money: money is text"),
        (Micros, "-5.00", '"-5.00" is not an amount of money'),
        (Micros, "5,00", '"5,00" is not an amount of money'),
        (Micros, "NaN", '"NaN" is not an amount of money'),
        (Micros, "1000000.01", '"1000000.01" is not an amount of money'),
        (Region, "XX", '"XX" is not a country'),
        (Region, "fr", '"fr" is not a country'),
        (Region, "FRA", '"FRA" is not a country'),
        (Region, "001", '"001" is not a country'),
        (Region, 33, "33 is not text"),
        (Instant, "2026-12-01T18:00:00+01:00", '"2026-12-01T18:00:00+01:00" is not an instant'),
        (Instant, datetime.fromisoformat("2026-12-01T18:00:00"), '"2026-12-01 18:00:00" is not an instant'),
        (Instant, date(2026, 12, 1), '"2026-12-01" is not an instant'),
        (Instant, datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "this instant is beyond all calendars"),
        (Seconds, 0, "0 is not a whole number from 1 to 7200"),
        (Seconds, 7201, "7201 is not a whole number from 1 to 7200"),
        (Seconds, 60.0, "60.0 is not a whole number"),
        (Count, -1, "-1 is not a whole number from 0 to 1000"),
        (Count, 1001, "1001 is not a whole number"),
        (Count, True, "True is not a whole number"),
        (Count, "2", '"2" is not a whole number'),
        (Schema, 2, "2 is not a whole number from 1 to 1"),
        (Span, "60", '"60" is not a duration'),
        (Span, "0s", '"0s" is not a duration'),
        (Span, "169h", '"169h" is longer than a week'),
        (ClinicName, "Cabinet", '"Cabinet" is not a name'),
        (ClinicName, "a{b}", '"a{b}" is not a name'),
        (ClinicName, "a" * 64, f'"{"a" * 39}... is not a name'),
        (Currency, "eur", '"eur" is not a currency'),
        (HolidayCode, "France", '"France" is not a country or a part of one'),
        (PlainNumber, "0612345678", '"0612345678" is not one number'),
        (PlainNumber, "+225*", '"+225*" is not one number'),
        (PlainNumber, "+33\u0661\u0662\u0663", '"+33\u0661\u0662\u0663" is not one number'),
        (PlainText, "x" * 101, f'"{"x" * 39}... is too long'),
        (PlainText, "a\nb", "'a\\nb' is too long or holds characters"),
        (ZoneInfo, "Europe/Lyon", '"Europe/Lyon" is not a time zone'),
        (ZoneInfo, "Europe", '"Europe" is not a time zone'),
        (ZoneInfo, "../etc/passwd", '"../etc/passwd" is not a time zone'),
        (ZoneInfo, "", '"" is not a time zone'),
        (OpenSpan, "25:00-26:00", '"25:00-26:00" is not a span of hours'),
        (OpenSpan, "08:60-19:00", '"08:60-19:00" is not a span of hours'),
        (OpenSpan, "08:00-24:30", '"08:00-24:30" is not a span of hours'),
        (OpenSpan, "8:00-19:00", '"8:00-19:00" is not a span of hours'),
        (OpenSpan, "08:00", '"08:00" is not a span of hours'),
        (OpenSpan, "08:00-08:00", '"08:00-08:00" opens no time'),
        (OpenSpan, "24:00-06:00", '"24:00-06:00" opens no time'),
        (OpenSpan, "19:00-08:00", '"19:00-08:00" ends before it begins'),
        (OpenSpan, "19:59-06:00", '"19:59-06:00" ends before it begins'),
        (ClosedDays, "24/12/2026", '"24/12/2026" is not a day'),
        (ClosedDays, "2026-02-30", '"2026-02-30" names a day that does not exist'),
        (ClosedDays, "2027-01-02/2026-12-24", '"2027-01-02/2026-12-24" ends before it begins'),
        (NumberPattern, "*", '"*" is not a number'),
        (NumberPattern, "+*", '"+*" is not a number'),
        (NumberPattern, "+33*1", '"+33*1" is not a number'),
        (NumberPattern, "36*", '"36*" is not a number'),
        (NumberPattern, "0033612345678", '"0033612345678" is not a number'),
        (ExtensionPattern, ".*", '".*" is not a line of digits'),
        (ExtensionPattern, "3X", '"3X" is not a line of digits'),
        (ExtensionPattern, "(3+)+", '"(3+)+" is not a line of digits'),
        (ExtensionPattern, "3[^0]", '"3[^0]" is not a line of digits'),
        (ExtensionPattern, "3[9-0]", '"3[9-0]" holds a set that runs backwards'),
        (StartLimit, "6", '"6" is not a number of calls in a time'),
        (StartLimit, "-6/1h", '"-6/1h" is not a number of calls in a time'),
        (StartLimit, "6/1d", '"6/1d" is not a number of calls in a time'),
        (StartLimit, "6/200h", '"200h" is longer than a week'),
    ],
)
def test_a_word_that_means_nothing_is_refused_with_a_remedy(kind: object, written: object, problem: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        READERS[kind](written)
    assert caught.value.problem.startswith(problem)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("pattern", "number", "matches"),
    [
        ("+225*", "+2250712345678", "yes"),
        ("+225*", "+225", "yes"),
        ("+225*", "+2260712345678", "no"),
        ("+225*", "2250712345678", "no"),
        ("+3225551212", "+3225551212", "yes"),
        ("+3225551212", "+32255512123", "no"),
        ("3624", "3624", "yes"),
        ("3624", "36245", "no"),
    ],
)
def test_a_listed_number_means_itself_and_a_star_all_that_follow(pattern: str, number: str, matches: str) -> None:
    listed = READERS[NumberPattern](pattern)
    assert isinstance(listed, NumberPattern)
    assert listed.matches(number) is (matches == "yes")


@pytest.mark.parametrize(
    ("pattern", "extension", "matches"),
    [
        ("3[0-9]", "30", "yes"),
        ("3[0-9]", "39", "yes"),
        ("3[0-9]", "3", "no"),
        ("3[0-9]", "301", "no"),
        ("3[0-9]", "130", "no"),
        ("3[0-9]", "3\u0660", "no"),
        ("[12-4]5", "15", "yes"),
        ("[12-4]5", "35", "yes"),
        ("101", "", "no"),
    ],
)
def test_a_rule_for_extensions_speaks_of_the_whole_line(pattern: str, extension: str, matches: str) -> None:
    lines = READERS[ExtensionPattern](pattern)
    assert isinstance(lines, ExtensionPattern)
    assert lines.matches(extension) is (matches == "yes")


@given(st.sampled_from(sorted(READERS, key=str)), st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_any_value_has_a_meaning_or_a_remedy(kind: object, written: object) -> None:
    with suppress(UnreadableError):
        READERS[kind](written)


@given(st.text() | st.lists(st.text()))
def test_a_value_in_a_message_stays_short_and_on_one_line(value: object) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) <= 43
