"""A file is known by its first line: a list of attempts, Asterisk's Master.csv, or an export of CDRs with a header."""

import pytest

from callgate.replay.layout import COLUMNS_MAX, LINE_MAX_CHARACTERS, Form, recognise, split

MASTER = (
    '"","101","0142685300","internal","""Accueil"" <101>","PJSIP/101-00000001","PJSIP/ovh-00000002","Dial",'
    '"PJSIP/0142685300@ovh,60","2026-11-24 10:02:00","2026-11-24 10:02:07","2026-11-24 10:05:12",192,185,'
    '"ANSWERED","DOCUMENTATION"'
)
FREEPBX = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
    "accountcode,uniqueid,userfield,did,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,recordingfile,linkedid"
)


@pytest.mark.parametrize(
    ("first_line", "form", "delimiter", "names"),
    [
        ("start,extension,dialled,duration_s", Form.ATTEMPTS, ",", "start extension dialled duration_s"),
        ("start;extension;dialled;duration_s;origin", Form.ATTEMPTS, ";", "start extension dialled duration_s origin"),
        ("\ufeffStart, Extension, Dialled, Duration_s\r\n", Form.ATTEMPTS, ",", "start extension dialled duration_s"),
        ("note\tduration_s\tdialled\tstart\textension", Form.ATTEMPTS, "\t", "start extension dialled duration_s"),
        (
            FREEPBX,
            Form.EXPORT,
            ",",
            "calldate dst channel dstchannel billsec disposition lastdata uniqueid linkedid",
        ),
        (FREEPBX.replace(",", '";"').join('""'), Form.EXPORT, ";", None),
        ("start,dst,channel,dstchannel,billsec,disposition", Form.EXPORT, ",", None),
        (
            MASTER,
            Form.MASTER,
            ",",
            "dst-(3) channel-(6) dstchannel-(7) lastdata-(9) start-(10) billsec-(14) disposition-(15)",
        ),
        (MASTER + ',"1764000000.1",""', Form.MASTER, ",", None),
        (MASTER + ',"1764000000.1","","","1764000000.1",3', Form.MASTER, ",", None),
    ],
)
def test_each_kind_of_file_is_recognised_and_says_which_columns_it_takes(
    first_line: str, form: Form, delimiter: str, names: str | None
) -> None:
    found = recognise(first_line)
    assert found is not None
    assert (found.form, found.delimiter) == (form, delimiter)
    if names is not None:
        assert found.names == tuple(name.replace("-(", " (") for name in names.split())


@pytest.mark.parametrize(
    "first_line",
    [
        "",
        "\n",
        "start,extension,dialled",
        "start,dst,channel",
        MASTER.replace("2026-11-24 10:02:00", "yesterday"),
        MASTER.rpartition(",")[0],
        MASTER + "," * 6,
        '{"start": "2026-11-24T10:02:00"}',
        'start,extension,dialled,"duration_s',
        "start,extension,dialled,duration_s\0",
        "start,extension,dialled,duration_s," + "x" * LINE_MAX_CHARACTERS,
        "start,extension,dialled,duration_s" + ",note" * (COLUMNS_MAX - 3),
    ],
)
def test_any_other_file_is_not_guessed_at(first_line: str) -> None:
    assert recognise(first_line) is None


def test_a_header_has_as_many_columns_as_any_system_writes_and_no_more() -> None:
    found = recognise("start,extension,dialled,duration_s" + ",note" * (COLUMNS_MAX - 4))
    assert found is not None
    assert found.columns == range(COLUMNS_MAX, COLUMNS_MAX + 1)
    assert recognise(",".join(f"c{place}" for place in range(1_000_000))) is None


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('a,"b,""c""",\n', ["a", 'b,"c"', ""]),
        ("", []),
        ('a,"b\n', None),
        ('"a"b\n', None),
        ("a" * LINE_MAX_CHARACTERS, ["a" * LINE_MAX_CHARACTERS]),
        ("a" * (LINE_MAX_CHARACTERS + 1), None),
    ],
)
def test_a_line_is_split_by_itself(line: str, cells: list[str] | None) -> None:
    assert split(line, ",") == cells


def test_the_uniqueid_of_master_csv_is_taken_only_where_asterisk_logs_it() -> None:
    without, with_it = recognise(MASTER), recognise(MASTER + ',"1764000000.1"')
    assert without is not None
    assert with_it is not None
    assert "uniqueid" not in without.places
    assert with_it.places["uniqueid"] == 16
