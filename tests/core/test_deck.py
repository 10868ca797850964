"""The rate deck: reading CSV, finding every fault, and looking up by longest prefix."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.deck import (
    COLUMNS,
    COLUMNS_WITH_HOURS,
    FAULTS_MAX,
    LINES_MAX,
    ROWS_OF_PREFIX_MAX,
    DeckError,
    RateDeck,
    parse_deck,
)

HEADER = ",".join(COLUMNS)
TODAY = date(2026, 11, 22)
GOOD = "+33899,premium,3.00,0.82,60,60,EUR,0,,"


def deck(*rows: str) -> str:
    return "\n".join((HEADER, *rows)) + "\n"


FRENCH = deck(
    "# France, a note with, commas",
    "+33,France,0,0.02,1,1,EUR,0,,",
    "",
    '"+33899","premium, all of it",3.00,0.82,60,60,EUR,0,,',
    "+225,Ivory Coast,0,1.65,30,6,EUR,0.20,,",
    "short:36,3BPQ,3.00,0.82,60,60,EUR,0,,",
    "short:3624,SOS Medecins,0,0.15,60,60,EUR,0,,",
    "+44,2026,0,0.30,1,1,EUR,0,2026-01-01,2026-12-31",
    "+44,2027,0,0.40,1,1,EUR,0,2027-01-01,",
    "+4490,old premium,0,2.00,1,1,EUR,0,,2025-12-31",
)


@pytest.mark.parametrize(
    ("number", "on", "label"),
    [
        ("+33142685300", TODAY, "France"),
        ("+33899701234", TODAY, "premium, all of it"),
        ("+3389", TODAY, "France"),
        ("+22507123456", TODAY, "Ivory Coast"),
        ("3624", TODAY, "SOS Medecins"),
        ("3610", TODAY, "3BPQ"),
        ("+3624123456", TODAY, None),
        ("33142685300", TODAY, None),
        ("+1", TODAY, None),
        ("", TODAY, None),
        ("+441632960000", TODAY, "2026"),
        ("+441632960000", date(2025, 12, 31), None),
        ("+441632960000", date(2026, 12, 31), "2026"),
        ("+441632960000", date(2027, 1, 1), "2027"),
        ("+449091234567", date(2025, 6, 1), "old premium"),
        ("+449091234567", TODAY, None),
    ],
)
def test_the_longest_prefix_of_the_deck_decides(number: str, on: date, label: str | None) -> None:
    rate = parse_deck(FRENCH, "EUR").rate_for(number, on)
    assert (rate and rate.label) == label


@pytest.mark.parametrize(
    ("row", "connect_micros", "per_minute_micros"),
    [
        ("+1,x,0,0.30,1,1,EUR,0,,", 0, 300_000),
        ("+1,x,0.10,0.30,1,1,EUR,0.20,,", 120_000, 360_000),
        ("+1,x,0.000001,0.000004,1,1,EUR,0.20,,", 2, 5),
        ("+1,x,0,0.30,1,1,EUR,1,,", 0, 600_000),
        ("+1,x,0,0,1,1,EUR,0.20,,", 0, 0),
        ("+1,x,1000,1000.00,1,1,EUR,0,,", 1_000_000_000, 1_000_000_000),
        ("+1,x,500,500,1,1,EUR,1,,", 1_000_000_000, 1_000_000_000),
    ],
)
def test_amounts_become_tax_included_and_round_up(row: str, connect_micros: int, per_minute_micros: int) -> None:
    rate = parse_deck(deck(row), "EUR").rate_for("+12125551212", TODAY)
    assert rate is not None
    assert (rate.connect_micros, rate.per_minute_micros) == (connect_micros, per_minute_micros)


@pytest.mark.parametrize("label", ["", "x" * 100, "Réunion (974), fixe", "\u65e5\u672c"])
def test_a_label_is_any_line_of_at_most_100_characters(label: str) -> None:
    rate = parse_deck(deck(f'+1,"{label}",0,1,1,1,EUR,0,,'), "EUR").rate_for("+12125551212", TODAY)
    assert rate is not None
    assert rate.label == label


def test_a_rate_carries_its_prefix_and_increments() -> None:
    rate = parse_deck(FRENCH, "EUR").rate_for("+22507123456", TODAY)
    assert rate is not None
    assert (rate.prefix, rate.first_increment_s, rate.increment_s) == ("225", 30, 6)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_deck_saved_by_a_spreadsheet_reads_the_same(ending: str) -> None:
    saved = "\ufeff" + FRENCH.replace("\n", ending)
    assert parse_deck(saved, "EUR") == parse_deck(FRENCH, "EUR")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("33899,x,0,1,1,1,EUR,0,,", "'33899' is not a prefix"),
        ("+,x,0,1,1,1,EUR,0,,", "'+' is not a prefix"),
        ("+0,x,0,1,1,1,EUR,0,,", "'+0' is not a prefix"),
        ("+1234567890123456,x,0,1,1,1,EUR,0,,", "'+1234567890123456' is not a prefix"),
        ("short:,x,0,1,1,1,EUR,0,,", "'short:' is not a prefix"),
        ("short:\u0663,x,0,1,1,1,EUR,0,,", "'short:\\u0663' is not a prefix"),
        ("+1,x,-1,1,1,1,EUR,0,,", "connect_fee: '-1' is not an amount of money"),
        ("+1,x,0,-0.01,1,1,EUR,0,,", "per_minute: '-0.01' is not an amount of money"),
        ("+1,x,0,NaN,1,1,EUR,0,,", "per_minute: 'NaN' is not an amount of money"),
        ('+1,x,0,"0,5",1,1,EUR,0,,', "per_minute: '0,5' is not an amount of money"),
        ("+1,x,0,,1,1,EUR,0,,", "per_minute: '' is not an amount of money"),
        ("+1,x,0,1000.01,1,1,EUR,0,,", "per_minute: 1000.01 is too much"),
        # With their tax the ledger would refuse every hold at such a rate.
        ("+1,x,0,900,1,1,EUR,0.20,,", "per_minute: 900 is too much"),
        ("+1,x,900,0,1,1,EUR,0.20,,", "connect_fee: 900 is too much"),
        ("+1,\x1b[2Jx,0,1,1,1,EUR,0,,", r"the label '\x1b[2Jx' is too long or cannot be printed"),
        ("+1,\u202ex,0,1,1,1,EUR,0,,", r"the label '\u202ex' is too long or cannot be printed"),
        (f"+1,{'x' * 101},0,1,1,1,EUR,0,,", f"the label '{'x' * 101}' is too long or cannot be printed"),
        ("+1,x,0,\x1b[2J,1,1,EUR,0,,", r"per_minute: '\x1b[2J' is not an amount of money"),
        ("+1,x,0,1,1,1,EUR,20,,", "tax: 20 is too much"),
        ("+1,x,0,1,0,1,EUR,0,,", "first_increment_s: '0' is not a number of seconds"),
        ("+1,x,0,1,1,0,EUR,0,,", "increment_s: '0' is not a number of seconds"),
        ("+1,x,0,1,1,-6,EUR,0,,", "increment_s: '-6' is not a number of seconds"),
        ("+1,x,0,1,1,3601,EUR,0,,", "increment_s: '3601' is not a number of seconds"),
        ("+1,x,0,1,1,6.5,EUR,0,,", "increment_s: '6.5' is not a number of seconds"),
        ("+1,x,0,1,1,1,USD,0,,", "the currency is 'USD', that of the policy is EUR"),
        ("+1,x,0,1,1,1,,0,,", "the currency is '', that of the policy is EUR"),
        ("+1,x,0,1,1,1,EUR,0,2026-13-01,", "valid_from: '2026-13-01' is not a day"),
        ("+1,x,0,1,1,1,EUR,0,,20261231", "valid_to: '20261231' is not a day"),
        ("+1,x,0,1,1,1,EUR,0,2026-12-31,2026-01-01", "valid_to is before valid_from"),
        ("+1,x,0,1,1,1,EUR,0,", "it cannot be split into 10 fields"),
        ("+1,x,0,1,1,1,EUR,0,,,", "it cannot be split into 10 fields"),
        ('+1,"x,0,1,1,1,EUR,0,,', "it cannot be split into 10 fields"),
        (GOOD, "the prefix 33899 already has a rate on some of these days"),
        ("+33899,x,0,1,1,1,EUR,0,2026-01-01,", "the prefix 33899 already has a rate on some of these days"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_line_and_a_remedy(row: str, problem: str) -> None:
    with pytest.raises(DeckError) as caught:
        parse_deck(deck("# a note", GOOD, row), "EUR")
    (fault,) = caught.value.faults
    assert fault.line == 4
    assert fault.problem.startswith(problem)
    assert fault.remedy
    assert str(caught.value) == f"line 4: {fault.problem}. Remedy: {fault.remedy}"


def test_every_fault_of_a_deck_is_told_at_once() -> None:
    bad = deck("+1,x,-1,1,1,1,EUR,0,,", "+2,x,0,1,1,1,EUR,0,,", "nonsense", "+3,x,0,1,0,1,EUR,0,,")
    with pytest.raises(DeckError) as caught:
        parse_deck(bad, "EUR")
    assert [fault.line for fault in caught.value.faults] == [2, 4, 5]


@pytest.mark.parametrize("row", ["+1,x,-1,1,1,1,EUR,0,,", "nonsense"])
def test_reading_ends_at_a_hundred_faults(row: str) -> None:
    with pytest.raises(DeckError) as caught:
        parse_deck(deck(*[row] * (FAULTS_MAX + 5)), "EUR")
    assert len(caught.value.faults) == FAULTS_MAX


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "the header is missing"),
        ("# only a note\n", 2, "the header is missing"),
        ("prefix;label\n+1;x\n", 1, "the header is missing"),
        (GOOD, 1, "the header is missing"),
        ("\n" * LINES_MAX, LINES_MAX, f"there are more than {LINES_MAX} lines"),
    ],
)
def test_a_file_that_is_no_deck_is_refused(text: str, line: int, problem: str) -> None:
    with pytest.raises(DeckError) as caught:
        parse_deck(text, "EUR")
    (fault,) = caught.value.faults
    assert (fault.line, fault.problem) == (line, problem)


# Rates by the hour. 24 November 2026 is a Tuesday.

PARIS = ZoneInfo("Europe/Paris")
PEAK = "mon-fri 08:00-19:00; sat 08:00-12:30"


def timed_deck(*rows: str) -> RateDeck:
    """A deck of rows such as ``+32 peak 0.30 2026-01-01 2026-12-31 mon-fri 08:00-19:00``, ``-`` for an open end."""
    lines = [",".join(COLUMNS_WITH_HOURS)]
    for row in rows:
        prefix, label, minute, first, last, hours = row.split(" ", 5)
        first, last, hours = (word.removeprefix("-") for word in (first, last, hours))
        lines.append(f"{prefix},{label},0,{minute},1,1,EUR,0,{first},{last},{hours}")
    return parse_deck("\n".join(lines), "EUR")


BELGIUM = timed_deck(
    f"+32 peak 0.30 - - {PEAK}",
    "+32 off-peak 0.10 - - -",
    "+324 mobile-days 0.60 - - mon-sun 06:00-22:00",
    "+325 old 0.20 - 2026-11-30 -",
    f"+325 new-peak 0.50 2026-12-01 - {PEAK}",
    "+325 new-off-peak 0.25 2026-12-01 - -",
    "+326 nights 0.05 - - mon-fri 22:00-06:00",
    "+326 days 0.15 - - -",
    "+327 second-hour 0.20 - - sun 02:15-03:00",
    "+327 third-hour 0.30 - - sun 03:00-04:00",
)


@pytest.mark.parametrize(
    ("number", "at", "label"),
    [
        ("+3225551212", "2026-11-24T07:59:59", "off-peak"),
        ("+3225551212", "2026-11-24T08:00:00", "peak"),
        ("+3225551212", "2026-11-24T18:59:59", "peak"),
        ("+3225551212", "2026-11-24T19:00:00", "off-peak"),
        ("+3225551212", "2026-11-28T12:29:00", "peak"),
        ("+3225551212", "2026-11-28T12:30:00", "off-peak"),
        ("+3225551212", "2026-11-29T10:00:00", "off-peak"),
        # A gap: never the price of the shorter prefix.
        ("+32475123456", "2026-11-24T21:59:00", "mobile-days"),
        ("+32475123456", "2026-11-24T22:00:00", None),
        ("+32475123456", "2026-11-24T05:59:00", None),
        ("+3255", "2026-11-30T10:00:00", "old"),
        ("+3255", "2026-12-01T10:00:00", "new-peak"),
        ("+3255", "2026-12-01T20:00:00", "new-off-peak"),
        # The night of Friday ends on Saturday, that of Sunday does not exist.
        ("+3266", "2026-11-27T23:00:00", "nights"),
        ("+3266", "2026-11-28T05:59:00", "nights"),
        ("+3266", "2026-11-28T23:00:00", "days"),
        ("+3266", "2026-11-30T05:00:00", "days"),
        ("+3266", "2026-11-30T22:00:00", "nights"),
    ],
)
def test_a_rate_counts_in_its_hours_and_one_without_hours_at_all_others(
    number: str, at: str, label: str | None
) -> None:
    rate = BELGIUM.rate_at(number, datetime.fromisoformat(at).replace(tzinfo=PARIS))
    assert (rate and rate.label) == label


def test_whoever_does_not_know_the_hour_gets_the_dearest_rate_of_the_day() -> None:
    labels = [BELGIUM.rate_for("+3255", day) for day in (date(2026, 11, 30), date(2026, 12, 1))]
    assert [rate and rate.label for rate in labels] == ["old", "new-peak"]


@pytest.mark.parametrize(
    ("number", "answered", "duration_s", "timed"),
    [
        ("+3225551212", "2026-11-24T10:00+01:00", 7200, [(0, "peak")]),
        ("+3225551212", "2026-11-24T18:59+01:00", 60, [(0, "peak")]),
        ("+3225551212", "2026-11-24T18:59+01:00", 61, [(0, "peak"), (60, "off-peak")]),
        ("+3225551212", "2026-11-24T18:59:30.5+01:00", 7200, [(0, "peak"), (30, "off-peak")]),
        ("+3225551212", "2026-11-24T19:00+01:00", 50_000, [(0, "off-peak"), (46_800, "peak")]),
        ("+32475123456", "2026-11-24T21:00+01:00", 7200, [(0, "mobile-days"), (3600, None)]),
        ("+32475123456", "2026-11-24T05:00+01:00", 7200, [(0, None), (3600, "mobile-days")]),
        # The days end at midnight in Paris, and in summer two hours before that of UTC.
        ("+3255", "2026-11-30T22:59:00+00:00", 600, [(0, "old"), (60, "new-off-peak")]),
        ("+3255", "2026-11-30T10:00:00+00:00", 7200, [(0, "old")]),
        ("+3299", "2026-11-30T22:59:00+00:00", 7200, [(0, "off-peak")]),
        ("+3399", "2026-11-30T22:59:00+00:00", 7200, [(0, None)]),
        # The night of 25 October has an hour twice, that of 29 March lacks one: the wall clock counts.
        ("+3266", "2026-03-30T05:30+02:00", 3600, [(0, "days")]),
        ("+3266", "2026-03-27T23:30+01:00", 30_000, [(0, "nights"), (23_400, "days")]),
        (
            "+327",
            "2026-10-25T00:30:00+00:00",
            7200,
            [(0, "second-hour"), (1800, None), (2700, "second-hour"), (5400, "third-hour")],
        ),
        ("+327", "2026-03-29T00:30:00+00:00", 7200, [(0, None), (1800, "third-hour"), (5400, None)]),
        # A call of 0 seconds has the rate at its answer.
        ("+3225551212", "2026-11-24T18:59+01:00", 0, [(0, "peak")]),
        ("+3225551212", "2026-11-24T19:00+01:00", 0, [(0, "off-peak")]),
    ],
)
def test_the_rates_of_a_call_change_on_the_clinics_wall_clock(
    number: str, answered: str, duration_s: int, timed: list[tuple[int, str | None]]
) -> None:
    at = datetime.fromisoformat(answered).astimezone(PARIS)
    found = BELGIUM.timed_rates(number, at, duration_s)
    assert [(entry.begins_s, entry.rate and entry.rate.label) for entry in found] == timed


def test_an_hour_that_the_clock_jumps_over_has_the_rates_of_the_one_after_it() -> None:
    """A call at 02:30 in the night of 29 March had the rate of 02:30, an hour that this night does not have."""
    found = BELGIUM.timed_rates("+327", datetime(2026, 3, 29, 2, 30, tzinfo=PARIS), 7200)
    assert [(entry.begins_s, entry.rate and entry.rate.label) for entry in found] == [(0, "third-hour"), (1800, None)]


def test_two_rows_of_the_same_price_are_no_change() -> None:
    same = timed_deck("+32 x 0.10 - 2026-11-30 -", "+32 x 0.10 2026-12-01 - -")
    at = datetime(2026, 11, 30, 23, 30, tzinfo=PARIS)
    assert len(same.timed_rates("+3225551212", at, 7200)) == 1


def instants(*days: str) -> st.SearchStrategy[datetime]:
    """Any instant within a day and a half of one of some days."""
    near = st.timedeltas(min_value=timedelta(hours=-36), max_value=timedelta(hours=36))
    return st.builds(lambda day, off: datetime.fromisoformat(f"{day}T00:00Z") + off, st.sampled_from(days), near)


@given(
    number=st.sampled_from(["+3225551212", "+32475123456", "+3255", "+3266", "+327"]),
    # Ends of rates; changes of the clock in Paris, in Beirut (at midnight) and on Lord Howe (by half an hour).
    answered=instants("2026-12-01", "2026-10-25", "2026-03-29", "2022-03-27", "2022-10-30", "2022-04-03"),
    zone=st.sampled_from(["Europe/Paris", "Asia/Beirut", "Australia/Lord_Howe", "UTC"]).map(ZoneInfo),
    duration_s=st.integers(1, 9000) | st.integers(1, 8 * 86_400),
    second=st.integers(0, 8 * 86_400),
)
def test_the_rates_of_a_call_are_those_of_each_of_its_seconds(
    *, number: str, answered: datetime, zone: ZoneInfo, duration_s: int, second: int
) -> None:
    timed = BELGIUM.timed_rates(number, answered.astimezone(zone), duration_s)
    second %= duration_s
    (*_, in_force) = (entry for entry in timed if entry.begins_s <= second)
    assert in_force.rate == BELGIUM.rate_at(number, (answered + timedelta(seconds=second)).astimezone(zone))


def test_rates_that_change_every_minute_are_found_in_a_call_of_eight_days() -> None:
    """Each minute was asked of each row: the settlement of such a call stopped the gate for two seconds."""
    hours = range(0, 24, 2)
    rows = [
        f"+32 {minute} 0.{minute + 1:02} - - mon-sun "
        + " ".join(f"{hour:02}:{minute:02}-{hour:02}:{minute + 1:02}" for hour in hours)
        for minute in range(59)
    ]
    nervous = timed_deck(*rows)
    timed = nervous.timed_rates("+32", datetime(2026, 11, 24, 12, tzinfo=PARIS), 8 * 86_400)
    labels = [entry.rate and entry.rate.label for entry in timed]
    assert labels == [*map(str, range(59)), None] * 12 * 8
    assert [entry.begins_s for entry in timed[:61]] == [*range(0, 3600, 60), 7200]


@pytest.mark.parametrize(
    ("rows", "shared"),
    [
        ((f"+32 a 1 - - {PEAK}", "+32 b 1 - - -"), False),
        ((f"+32 a 1 - - {PEAK}", "+32 b 1 - - mon-fri 19:00-24:00"), False),
        ((f"+32 a 1 - - {PEAK}", f"+33 b 1 - - {PEAK}"), False),
        ((f"+32 a 1 - 2026-11-30 {PEAK}", f"+32 b 1 2026-12-01 - {PEAK}"), False),
        ((f"+32 a 1 - - {PEAK}", "+32 b 1 - - sat 12:29-13:00"), True),
        (("+32 a 1 - - sun 22:00-06:00", "+32 b 1 - - mon 05:00-07:00"), True),
        ((f"+32 a 1 - 2026-12-01 {PEAK}", f"+32 b 1 2026-12-01 - {PEAK}"), True),
        (("+32 a 1 - - -", "+32 b 1 - - -"), True),
    ],
)
def test_two_rows_of_one_prefix_at_one_time_are_refused(rows: tuple[str, ...], *, shared: bool) -> None:
    if not shared:
        assert timed_deck(*rows).longest == 3
        return
    with pytest.raises(DeckError) as caught:
        timed_deck(*rows)
    (fault,) = caught.value.faults
    assert fault.line == 3
    assert fault.problem.startswith("the prefix 32 already has a rate ")
    assert fault.remedy


@pytest.mark.parametrize("hours", ["always", "mon-fri", "mon 8:00-19:00", "mon-fri 08:00-19:00 sat 08:00-12:30"])
def test_hours_that_cannot_be_read_are_named_with_their_line(hours: str) -> None:
    with pytest.raises(DeckError) as caught:
        timed_deck(f"+32 a 1 - - {PEAK}", f"+33 b 1 - - {hours}")
    (fault,) = caught.value.faults
    assert (fault.line, fault.problem[:7]) == (3, "hours: ")
    assert fault.remedy


def test_a_prefix_with_too_many_rows_is_refused() -> None:
    """Each row is compared with those before: a deck of one prefix alone once took hours to read."""
    start = date(2026, 1, 1)
    days = [start + timedelta(days=number) for number in range(ROWS_OF_PREFIX_MAX + 1)]
    assert len(timed_deck(*(f"+32 x 1 {day} {day} -" for day in days[:-1])).rows_for("+32")) == ROWS_OF_PREFIX_MAX
    with pytest.raises(DeckError, match=f"line 102: the prefix 32 has more than {ROWS_OF_PREFIX_MAX} rows"):
        timed_deck(*(f"+32 x 1 {day} {day} -" for day in days))


def test_a_deck_without_rows_has_no_rates() -> None:
    assert parse_deck(HEADER, "EUR").rate_for("+33142685300", TODAY) is None


def test_a_deck_of_forty_thousand_rows_finds_each_of_them() -> None:
    rows = (f"+{10_000_000 + number},row {number},0,0.10,1,1,EUR,0.20,,2030-12-31" for number in range(40_000))
    large = parse_deck(deck(*rows), "EUR")
    assert len(large.rates) == 40_000
    rate = large.rate_for("+10039999123", TODAY)
    assert rate is not None
    assert rate.label == "row 39999"


@given(st.text(max_size=200), st.sampled_from(["{}", HEADER + "\n{}", HEADER + "\n+33899,{},3.00,0.82,60,60,EUR,0,,"]))
def test_any_text_is_a_deck_or_a_list_of_faults(text: str, frame: str) -> None:
    with suppress(DeckError):
        parse_deck(frame.format(text), "EUR")
