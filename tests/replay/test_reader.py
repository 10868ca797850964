"""A file becomes attempts in order of time; what is wrong with a line is told, and costs that line alone."""

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.clinic import load_plan
from callgate.core.attempt import Origin
from callgate.replay import reader
from callgate.replay.attempts import Attempt, BadLine, Fault
from callgate.replay.channels import Lines
from callgate.replay.reader import Problem, Reading, UnusableError, ZoneFrom, Zones, read_attempts

PARIS = ZoneInfo("Europe/Paris")
PLAN = load_plan("FR")
HEADER = "start,extension,dialled,duration_s,origin\n"
EXPORT = "calldate,dst,channel,dstchannel,billsec,disposition,uniqueid\n"
LINKED = "calldate,dst,channel,dstchannel,lastdata,billsec,disposition,linkedid\n"


def read(lines: Iterable[str], zones: Zones | None = None, named: Iterable[str] = ()) -> Reading:
    stream = io.StringIO("".join(lines), newline="")
    return read_attempts(stream, zones or Zones(clinic=PARIS), Lines(named=frozenset(named), plan=PLAN))


def listed(*rows: str) -> Reading:
    return read([HEADER, *(f"{row}\n" for row in rows)])


def exported(*rows: str) -> Reading:
    return read([EXPORT, *(f"{row}\n" for row in rows)])


def at(word: str) -> datetime:
    return datetime.fromisoformat(word).astimezone(UTC)


PHONE, OTHER_PHONE, OPERATOR = "PJSIP/101-00000001", "PJSIP/102-00000002", "PJSIP/ovh-00000002"
TEN_IN_PARIS_S = int(at("2026-11-24T10:02:00+01:00").timestamp())
UNIQUEID = f"{TEN_IN_PARIS_S}.1"


def master(
    dst: str, channel: str, dstchannel: str, *, billsec: int = 185, disposition: str = "ANSWERED", more: str = ""
) -> str:
    return (
        f'"","0142000000","{dst}","from-internal","""Accueil"" <101>","{channel}","{dstchannel}","Dial",'
        f'"PJSIP/{dst}@ovh,60","2026-11-24 10:02:00","","2026-11-24 10:05:12",192,{billsec},'
        f'"{disposition}","DOCUMENTATION"{more}\n'
    )


def test_a_row_is_read_as_it_stands() -> None:
    reading = listed("2026-11-24T10:02:00+01:00,101, 01 42 68 53 00,312,Forwarded")
    assert reading.attempts == [
        Attempt(
            start="2026-11-24T10:02:00+01:00",
            instant=at("2026-11-24T09:02:00+00:00"),
            extension="101",
            dialled=" 01 42 68 53 00",
            duration_s=312,
            origin=Origin.FORWARDED,
        )
    ]
    assert (reading.rows, reading.bad, reading.unordered) == (1, 0, 0)


@pytest.mark.parametrize(
    ("start", "instant"),
    [
        ("2026-11-24T10:02:00Z", "2026-11-24T10:02:00+00:00"),
        ("2026-11-24 10:02", "2026-11-24T10:02:00+01:00"),
        ("2026-07-24T10:02:00", "2026-07-24T10:02:00+02:00"),
        ("2026-11-24T10:02:00.5-05:00", "2026-11-24T10:02:00.5-05:00"),
    ],
)
def test_an_instant_without_a_zone_is_on_the_clinics_own_clock(start: str, instant: str) -> None:
    assert listed(f"{start},101,15,0,").attempts[0].instant == at(instant)


def test_another_zone_can_be_asked_for() -> None:
    reading = read([HEADER, "2026-11-24T10:02:00,101,15,0,\n"], Zones(clinic=PARIS, asked=UTC))
    assert reading.attempts[0].instant == at("2026-11-24T10:02:00+00:00")
    assert reading.zone_from is ZoneFrom.ASKED


def test_the_origin_is_an_extension_unless_said_otherwise() -> None:
    reading = read(["start,extension,dialled,duration_s\n", "2026-11-24T10:02,,15,0\n"])
    assert (reading.attempts[0].origin, reading.attempts[0].extension) == (Origin.EXTENSION, "")


@pytest.mark.parametrize(
    ("row", "fault", "found"),
    [
        ("yesterday,101,15,0,", Fault.START, "yesterday"),
        ("2026-11-24,101,15,0,", Fault.START, "2026-11-24"),
        ("1999-11-24T10:02,101,15,0,", Fault.START, "1999-11-24T10:02"),
        ("2026-13-24T10:02,101,15,0,", Fault.START, "2026-13-24T10:02"),
        ("2026-11-24T10:02,1;0,15,0,", Fault.EXTENSION, "1;0"),
        (f"2026-11-24T10:02,{'1' * 65},15,0,", Fault.EXTENSION, "1" * 60),
        ("2026-11-24T10:02,101,15,-1,", Fault.DURATION, "-1"),
        ("2026-11-24T10:02,101,15,1.5,", Fault.DURATION, "1.5"),
        ("2026-11-24T10:02,101,15,604801,", Fault.DURATION, "604801"),
        ("2026-11-24T10:02,101,15,,", Fault.DURATION, ""),
        ("2026-11-24T10:02,101,15,0,carol", Fault.ORIGIN, "carol"),
        ("2026-11-24T10:02,101,15", Fault.FIELDS, "3"),
        ("2026-11-24T10:02,101,01,42,60,", Fault.FIELDS, "6"),
        ('2026-11-24T10:02,101,"15"x,0,', Fault.NOT_CSV, ""),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_costs_itself_alone(row: str, fault: Fault, found: str) -> None:
    reading = listed("2026-11-24T10:00,101,15,0,", "", row, "2026-11-24T10:03,101,15,0,")
    assert reading.bad_lines == [BadLine(line=4, fault=fault, found=found)]
    assert (len(reading.attempts), reading.rows, reading.bad) == (2, 3, 1)


def test_a_row_is_a_line_and_a_quote_that_stays_open_swallows_no_other() -> None:
    """One stray quote once made a single bad line of everything up to the next quote, in silence."""
    good = "2026-11-24T10:00,101,15,0,"
    reading = listed(good, '2026-11-24T10:00,"101,15,0,', *[good] * 500, '2026-11-24T10:00,101,"15,0,', good)
    assert [bad.line for bad in reading.bad_lines] == [3, 504]
    assert {bad.fault for bad in reading.bad_lines} == {Fault.NOT_CSV}
    assert (len(reading.attempts), reading.rows, reading.bad) == (502, 504, 2)


def test_a_line_break_within_quotes_makes_two_bad_lines() -> None:
    reading = listed('2026-11-24T10:00,101,"01\n42",0,', "never,101,15,0,")
    assert reading.bad_lines == [
        BadLine(line=2, fault=Fault.NOT_CSV, found=""),
        BadLine(line=3, fault=Fault.FIELDS, found="3"),
        BadLine(line=4, fault=Fault.START, found="never"),
    ]


def test_only_the_first_bad_lines_are_kept_and_all_are_counted() -> None:
    reading = listed(*["never,101,15,0,"] * 50)
    assert (reading.bad, len(reading.bad_lines), reading.attempts) == (50, 20, [])


def test_rows_out_of_order_are_sorted_and_counted_and_equal_ones_stay_in_the_order_of_the_file() -> None:
    reading = listed(
        "2026-11-24T10:00,101,15,0,",
        "2026-11-24T12:00,102,15,0,",
        "2026-11-24T11:00,103,15,0,",
        "2026-11-24T10:00,104,15,0,",
        "2026-11-24T12:00,105,15,0,",
    )
    assert [attempt.extension for attempt in reading.attempts] == ["101", "104", "103", "102", "105"]
    assert (reading.order, reading.unordered) == ([0, 3, 2, 1, 4], 2)


CELL = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    ["2026-11-24T10:00", "101", "0142685300", "60", PHONE, OPERATOR, "ANSWERED", UNIQUEID, '"', "\0"]
)


@given(
    header=st.sampled_from([HEADER, EXPORT, LINKED, master("0142685300", PHONE, OPERATOR, more=f',"{UNIQUEID}"')]),
    rows=st.lists(st.lists(CELL, max_size=18), max_size=5),
    quote=st.sampled_from(["", '"']),
)
def test_whatever_a_file_holds_each_row_is_an_attempt_left_out_or_bad(
    header: str, rows: list[list[str]], quote: str
) -> None:
    reading = read([header, *(",".join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in rows)])
    others = reading.left_out + reading.numberless + reading.joined + reading.bad
    assert reading.rows == len(reading.attempts) + others
    assert len(reading.order) == len(reading.attempts)


def test_a_string_longer_than_any_number_is_cut_to_one_that_is_still_too_long() -> None:
    assert len(listed(f"2026-11-24T10:00,101,{'1' * 5000},0,").attempts[0].dialled) == 256


def test_a_file_of_no_known_kind_is_said_to_be_none() -> None:
    with pytest.raises(UnusableError) as caught:
        read(["when,who,what\n"])
    assert caught.value.problem is Problem.NO_FORM


def test_an_empty_file_is_none_and_a_header_alone_is_an_empty_list() -> None:
    with pytest.raises(UnusableError):
        read([])
    assert listed().attempts == []


def test_a_file_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "ROWS_MAX", 3)
    rows = ["2026-11-24T10:00,101,15,0,"] * 3
    assert len(listed(*rows).attempts) == 3
    with pytest.raises(UnusableError) as caught:
        listed(*rows, rows[0])
    assert caught.value.problem is Problem.TOO_LONG


def test_master_csv_gives_the_calls_that_left_by_an_operators_line() -> None:
    reading = read(
        [
            master("0142685300", PHONE, OPERATOR),
            master("102", PHONE, OTHER_PHONE),
            master("0142000000", OPERATOR, PHONE),
            master("0612345678", PHONE, OPERATOR, disposition="NO ANSWER"),
            master("0612345678", OPERATOR, "PJSIP/ovh-00000003", billsec=9),
            master("0612345678", PHONE, "", disposition="FAILED"),
            master("s", PHONE, OPERATOR),
        ]
    )
    assert [
        (attempt.extension, attempt.dialled, attempt.duration_s, attempt.origin.value) for attempt in reading.attempts
    ] == [
        ("101", "0142685300", 185, "extension"),
        ("101", "0612345678", 0, "extension"),
        ("", "0612345678", 9, "external"),
    ]
    assert (reading.rows, reading.left_out, reading.numberless) == (7, 3, 1)
    assert reading.lines.met == {"ovh"}


def test_master_csv_may_grow_or_lose_columns_on_the_way_when_asterisk_is_told_to() -> None:
    rows = [master("0142685300", PHONE, OPERATOR, more=more) for more in (f',"{UNIQUEID}",""', "", ',"","","","",1,2')]
    reading = read(rows)
    assert (len(reading.attempts), reading.bad_lines) == (2, [BadLine(line=3, fault=Fault.FIELDS, found="22")])


def test_an_export_of_cdrs_is_read_by_its_header() -> None:
    reading = exported(f"2026-11-24 10:02:00,00142685300,{PHONE},{OPERATOR},12,ANSWERED,")
    assert [(attempt.dialled, attempt.duration_s) for attempt in reading.attempts] == [("00142685300", 12)]
    assert reading.attempts[0].start == "2026-11-24 10:02:00"


def test_a_line_that_was_named_is_the_only_operators() -> None:
    rows = [EXPORT, f"2026-11-24 10:02:00,0142685300,{PHONE},{OPERATOR},12,ANSWERED,\n"]
    assert read(rows, named=["other"]).left_out == 1


@pytest.mark.parametrize(
    ("uniqueid", "zone_from", "hour"),
    [
        (f"{TEN_IN_PARIS_S}.17", ZoneFrom.CLINIC, 9),
        (f"pbx-1-{TEN_IN_PARIS_S - 2}.17", ZoneFrom.CLINIC, 9),
        (f"{TEN_IN_PARIS_S + 3600}.17", ZoneFrom.UNIQUEID, 10),
        ("", ZoneFrom.CLINIC, 9),
        ("odd", ZoneFrom.CLINIC, 9),
    ],
)
def test_the_uniqueid_shows_whether_asterisk_writes_utc_as_debian_lets_it(
    uniqueid: str, zone_from: ZoneFrom, hour: int
) -> None:
    reading = exported(f"2026-11-24 10:02:00,0142685300,{PHONE},{OPERATOR},12,ANSWERED,{uniqueid}")
    assert (reading.zone_from, reading.attempts[0].instant.hour) == (zone_from, hour)


@pytest.mark.parametrize(
    ("late_s", "zone_from"),
    [
        (-900, ZoneFrom.CLINIC),
        (900, ZoneFrom.CLINIC),
        (2700, ZoneFrom.UNIQUEID),
        (4500, ZoneFrom.UNIQUEID),
        (901, None),
        (2699, None),
        (-901, None),
        (4501, None),
        (5 * 3600, None),
    ],
)
def test_a_zone_is_believed_only_if_its_times_are_within_a_quarter_of_an_hour(
    late_s: int, zone_from: ZoneFrom | None
) -> None:
    """A machine on New York's time was once taken for one in Paris, five hours off."""
    row = f"2026-11-24 10:02:00,0142685300,{PHONE},{OPERATOR},12,ANSWERED,{TEN_IN_PARIS_S + late_s}.17"
    if zone_from is None:
        with pytest.raises(UnusableError) as caught:
            exported(row)
        assert caught.value.problem is Problem.NO_ZONE
        assert read([EXPORT, f"{row}\n"], Zones(clinic=PARIS, asked=PARIS)).zone_from is ZoneFrom.ASKED
    else:
        assert exported(row).zone_from is zone_from


def test_a_call_that_was_parked_for_long_does_not_hide_what_the_next_row_shows() -> None:
    row = f"2026-11-24 10:02:00,0142685300,{PHONE},{OPERATOR},12,ANSWERED"
    parked, usual = f"{row},{TEN_IN_PARIS_S - 7000}.17", f"{row},{TEN_IN_PARIS_S + 3600}.18"
    assert exported(parked, usual).zone_from is ZoneFrom.UNIQUEID


def test_a_time_that_has_a_zone_needs_no_other() -> None:
    row = f"2026-11-24T10:02:00-05:00,0142685300,{PHONE},{OPERATOR},12,ANSWERED,{TEN_IN_PARIS_S}.17"
    assert exported(row).zone_from is ZoneFrom.CLINIC


def trunk(
    at: str, *, trunk: str = "a", answered_s: int = 0, dialled: str = "0142685300", call: str = "1", phone: str = PHONE
) -> str:
    """A CDR of one attempt on one trunk; without an answer it failed."""
    how = f"{answered_s},ANSWERED" if answered_s else "0,FAILED"
    return f"2026-11-24 {at},{dialled},{phone},PJSIP/carrier-{trunk}-00000009,,{how},{call}\n"


@pytest.mark.parametrize(
    ("rows", "durations"),
    [
        ([trunk("10:00:00"), trunk("10:00:01", trunk="b", answered_s=20)], [20]),
        ([trunk("10:00:00"), trunk("10:00:01", trunk="b"), trunk("10:05:01", trunk="c", answered_s=20)], [20]),
        ([trunk("10:00:00"), trunk("10:00:00", trunk="b")], [0]),
        # The file need not be in order of time.
        ([trunk("10:00:01", trunk="b", answered_s=20), trunk("10:00:00")], [20]),
        # The same number in another trunk's form is the same call.
        ([trunk("10:00:00"), trunk("10:00:01", dialled="+33142685300", answered_s=20)], [20]),
        # Without a linked id it is the same call on the same channel.
        ([trunk("10:00:00", call=""), trunk("10:00:01", call="", answered_s=20)], [20]),
        # An answered call, another number, another call, a long time after: a start of its own.
        ([trunk("10:00:00", answered_s=5), trunk("10:00:06", answered_s=20)], [5, 20]),
        ([trunk("10:00:00"), trunk("10:00:01", dialled="0612345678", answered_s=20)], [0, 20]),
        ([trunk("10:00:00"), trunk("10:00:01", call="2", answered_s=20)], [0, 20]),
        ([trunk("10:00:00"), trunk("10:05:01", answered_s=20)], [0, 20]),
        ([trunk("10:00:00", call=""), trunk("10:00:01", call="", phone=OTHER_PHONE, answered_s=20)], [0, 20]),
        # Of channels that cannot be told apart none is the same.
        ([trunk("10:00:00", call="", phone="101"), trunk("10:00:01", call="", phone="101", answered_s=20)], [0, 20]),
    ],
)
def test_a_call_that_goes_on_to_the_next_trunk_is_one_attempt(rows: list[str], durations: list[int]) -> None:
    """Two rows were once two starts, and a clinic with a spare trunk seemed to hit its start limits."""
    reading = read([LINKED, *rows])
    assert [attempt.duration_s for attempt in reading.attempts] == durations
    assert reading.joined == len(rows) - len(durations)
    assert len(reading.order) == len(durations)


def test_rows_of_a_list_are_never_joined() -> None:
    assert len(listed(*["2026-11-24T10:00,101,0142685300,0,"] * 3).attempts) == 3


def test_a_forwarded_call_counts_for_the_number_it_was_sent_to() -> None:
    rows = [
        f"2026-11-24 10:02:00,0142000000,{OPERATOR},{OPERATOR},PJSIP/+2250712345678@ovh,3600,ANSWERED,1\n",
        f"2026-11-24 10:03:00,0142685300,{PHONE},{OPERATOR},PJSIP/+33142685300@ovh,60,ANSWERED,2\n",
    ]
    reading = read([LINKED, *rows])
    assert [attempt.dialled for attempt in reading.attempts] == ["+2250712345678", "0142685300"]
    assert reading.redirected == 1


def test_a_first_row_that_cannot_be_read_leaves_the_clinics_zone() -> None:
    reading = exported(f"never,0142685300,{PHONE},{OPERATOR},12,ANSWERED,{TEN_IN_PARIS_S}.17", "short")
    assert (reading.zone_from, reading.bad) == (ZoneFrom.CLINIC, 2)
