"""The rate deck: reading CSV, finding every fault, and looking up by longest prefix."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.deck import COLUMNS, FAULTS_MAX, LINES_MAX, DeckError, parse_deck

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
