"""CDRs name channels, not lines and people: what left by an operator's line, who called, what was dialled."""

import pytest

from callgate.clinic import load_plan
from callgate.core.attempt import Origin
from callgate.core.wire import NumberFormat
from callgate.replay.channels import Lines

PHONE, OPERATOR = "PJSIP/101-0000002f", "PJSIP/carrier-a-00000030"


def french_lines(number_format: NumberFormat = NumberFormat.E164_PLUS) -> Lines:
    return Lines(outside_prefix="0", plan=load_plan("FR"), number_format=number_format)


@pytest.mark.parametrize(
    ("channel", "is_operator"),
    [
        ("PJSIP/ovh-0000002f", True),
        ("PJSIP/carrier-a-0000002f", True),
        ("SIP/0033972123456-0000002f", True),
        ("IAX2/teliax-1234", True),
        ("DAHDI/i1/0142685300-2f", True),
        ("PJSIP/101-0000002f", False),
        ("SIP/99101-0000002f", False),
        ("Local/0612345678@from-internal-0000002f;2", False),
        ("", False),
        ("no channel", False),
    ],
)
def test_a_line_whose_name_is_no_extension_is_taken_for_the_operators(channel: str, *, is_operator: bool) -> None:
    lines = Lines()
    assert lines.leaves_by(channel) is is_operator
    assert bool(lines.met) is is_operator


def test_named_lines_are_the_operators_and_no_other() -> None:
    lines = Lines(named=frozenset({"972123", "carrier-a"}))
    assert lines.leaves_by("PJSIP/972123-0000002f")
    assert lines.leaves_by("PJSIP/carrier-a-0000002f")
    assert not lines.leaves_by("PJSIP/alice-0000002f")
    assert lines.met == {"972123", "carrier-a"}


def test_no_more_than_a_hundred_lines_are_remembered() -> None:
    lines = Lines()
    assert all(lines.leaves_by(f"PJSIP/line{place}-0000002f") for place in range(200))
    assert len(lines.met) == 100


@pytest.mark.parametrize(
    ("channel", "extension", "origin"),
    [
        ("PJSIP/101-0000002f", "101", Origin.EXTENSION),
        ("SCCP/201-00000001", "201", Origin.EXTENSION),
        ("PJSIP/ovh-0000002f", "", Origin.EXTERNAL),
        ("Local/0612345678@from-internal-0000002f;2", "", Origin.FORWARDED),
        ("", "", Origin.UNKNOWN),
    ],
)
def test_the_caller_is_told_from_the_channel_as_the_dialplan_does(channel: str, extension: str, origin: Origin) -> None:
    assert Lines().caller(channel) == (extension, origin)


def test_a_phone_whose_name_no_extension_could_have_is_nobody() -> None:
    assert Lines(named=frozenset({"ovh"})).caller("PJSIP/al ice-0000002f") == ("", Origin.EXTENSION)
    assert Lines(named=frozenset({"ovh"})).caller("PJSIP/alice-0000002f") == ("alice", Origin.EXTENSION)


@pytest.mark.parametrize(
    ("dst", "lastdata", "dialled"),
    [
        ("00142685300", "PJSIP/+33142685300@carrier-a,60", "00142685300"),
        ("s", "PJSIP/+33142685300@carrier-a,60,b(callgate-leg^s^1)", "+33142685300"),
        ("s", "PJSIP/0142685300@ovh,300,T", "00142685300"),
        ("s-ANSWER", "SIP/ovh/0142685300,300", "00142685300"),
        ("", "PJSIP/ovh/sip:0142685300@203.0.113.7,300", "00142685300"),
        ("s", "DAHDI/g1/15", "015"),
        ("s", "", ""),
        ("h", "PJSIP/alice,30", ""),
    ],
)
def test_where_the_dialplan_hides_what_was_dialled_the_number_sent_is_taken(
    dst: str, lastdata: str, dialled: str
) -> None:
    assert french_lines().dialled(dst, lastdata) == dialled


@pytest.mark.parametrize(
    ("sent", "dialled"), [("33142685300", "+33142685300"), ("+33142685300", "+33142685300"), ("3624", "03624")]
)
def test_a_trunk_that_is_sent_e164_without_a_plus_gets_it_back_but_a_short_number_has_none(
    sent: str, dialled: str
) -> None:
    assert french_lines(NumberFormat.E164).dialled("s", f"PJSIP/{sent}@carrier-a,60") == dialled


@pytest.mark.parametrize(
    ("channel", "dst", "lastdata", "dialled"),
    [
        # A call that came in for the practice was forwarded to Ivory Coast: dst is the practice's own number.
        (OPERATOR, "0142000000", "PJSIP/+2250712345678@carrier-a,60", "+2250712345678"),
        (OPERATOR, "00142000000", "PJSIP/+33142000000@carrier-a,60", "00142000000"),
        (OPERATOR, "0142000000", "PJSIP/999@carrier-a,60", "0999"),
        (OPERATOR, "0142000000", "", "0142000000"),
        # A short form, and a rewritten number.
        (PHONE, "200", "PJSIP/+33612345678@carrier-a", "+33612345678"),
        (PHONE, "00142685300", "PJSIP/+33612345678@carrier-a", "+33612345678"),
        # The same number in another form stays as it was dialled.
        (PHONE, "0003225551212", "PJSIP/+3225551212@carrier-a", "0003225551212"),
        (PHONE, "#31#00142685300", "PJSIP/+33142685300@carrier-a", "#31#00142685300"),
        (PHONE, "0142685300", "PJSIP/0142685300@carrier-a", "00142685300"),
        # What the operator wants before or around a number is no other number.
        (PHONE, "015", "PJSIP/+3315@carrier-a", "015"),
        (PHONE, "00142685300", "PJSIP/96330142685300@carrier-a", "00142685300"),
        # Of several legs the one that left counts, and a phone is none.
        (PHONE, "600", "PJSIP/102&PJSIP/0612345678@carrier-a,20", "00612345678"),
        (PHONE, "600", "PJSIP/0142685300@other&PJSIP/carrier-a/sip:0612345678@host,20", "00612345678"),
        (PHONE, "600", "PJSIP/0142685300@other&PJSIP/0612345678@another,20", "00142685300"),
        (PHONE, "600", "Local/00612345678@from-internal/n,20", "00612345678"),
        (PHONE, "600", "support,t,,,30", "600"),
    ],
)
def test_the_number_that_was_sent_counts_where_dst_is_another_one(
    channel: str, dst: str, lastdata: str, dialled: str
) -> None:
    """A forward to a foreign country was once judged on the practice's own number, and granted for nothing."""
    assert french_lines().dialled(dst, lastdata, channel=channel, dstchannel=OPERATOR) == dialled


def test_without_a_number_plan_strings_are_one_number_if_they_are_the_same() -> None:
    assert Lines().dialled("0142685300", "PJSIP/0142685300@carrier-a") == "0142685300"
    assert Lines().dialled("0142685300", "PJSIP/+33142685300@carrier-a") == "+33142685300"
