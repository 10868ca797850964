"""The manager interface as bytes: nothing that a caller writes into an event passes for something Asterisk said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.control.ami import (
    BANNER_MAX_BYTES,
    MESSAGE_MAX_BYTES,
    AmiDecoder,
    Message,
    NotAmiError,
    UnsafeFieldError,
    action,
)

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
HANGUP = b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/carrier-a-00000001\r\nUniqueid: 1.2\r\n\r\n"
VARIABLE = b"Event: VarSet\r\nVariable: CALLGATE_GRANT\r\nValue: x: y\r\n\r\n"
WANTED = {"Hangup": "", "VarSet": "\r\nVariable: CALLGATE_"}


def read(*chunks: bytes) -> list[Message]:
    decoder = AmiDecoder(WANTED)
    return [message for chunk in (BANNER, *chunks) for message in decoder.receive(chunk)]


def test_a_message_is_its_lines_in_their_order() -> None:
    (hangup,) = read(HANGUP)
    assert (hangup.event, hangup.is_reply, hangup.is_success) == ("Hangup", False, False)
    assert hangup.lines[1] == ("Privilege", "call,all")
    assert hangup.opening("Privilege", "Channel") == ("call,all", "PJSIP/carrier-a-00000001")
    assert hangup.opening("Channel") is None
    assert hangup.last("Uniqueid") == "1.2"
    assert hangup.last("Linkedid") == ""


def test_a_reply_says_whether_the_action_was_carried_out() -> None:
    done, failed = read(b"Response: Success\r\nActionID: 1\r\n\r\nResponse: Error\r\nMessage: No such channel\r\n\r\n")
    assert (done.is_reply, done.is_success, done.event) == (True, True, "")
    assert (failed.is_reply, failed.is_success, failed.last("Message")) == (True, False, "No such channel")


def test_the_last_of_two_lines_of_one_name_is_asterisks_own() -> None:
    (message,) = read(b"Event: Hangup\r\nExten: 1\r\nUniqueid: forged\r\nUniqueid: 1.2\r\n\r\n")
    assert message.last("Uniqueid") == "1.2"


def test_lines_that_stand_together_are_found_wherever_a_caller_has_broken_the_message() -> None:
    (message,) = read(b"Event: x\r\nDestChannel: a\r\nState: 0\r\nDestChannel: b\r\nState: 5\r\n\r\n")
    assert message.runs("DestChannel", "State") == (("a", "0"), ("b", "5"))
    (rest,) = read(b"Exten: 1\r\nDestChannel: c\r\n\r\n")
    assert (rest.event, rest.runs("DestChannel")) == ("", (("c",),))


@pytest.mark.parametrize(
    "other",
    [
        b"Event: Newexten\r\nChannel: x\r\n\r\n",
        b"Event: VarSet\r\nVariable: RTPAUDIOQOS\r\nValue: CALLGATE_\r\n\r\n",
        b"Priority: 1\r\nUniqueid: 1.2\r\n\r\n",
        b"\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ],
)
def test_what_nobody_wants_is_passed_over(other: bytes) -> None:
    assert read(other) == []
    assert [message.event for message in read(other + VARIABLE)] == ["VarSet"]


def test_a_value_may_hold_whatever_a_line_can() -> None:
    (message,) = read(VARIABLE)
    assert message.last("Value") == "x: y"


@given(cuts=st.lists(st.integers(0, 400), max_size=6))
def test_it_is_all_the_same_where_the_bytes_are_cut(cuts: list[int]) -> None:
    data = BANNER + HANGUP + VARIABLE + HANGUP
    decoder = AmiDecoder(WANTED)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = [message for begin, end in itertools.pairwise(edges) for message in decoder.receive(data[begin:end])]
    assert found == read(HANGUP + VARIABLE + HANGUP)


@given(st.binary(max_size=300))
def test_any_bytes_give_messages_or_are_no_manager(data: bytes) -> None:
    for message in read(data):
        assert message.event or message.is_reply or message.runs("DestChannel")


@pytest.mark.parametrize("size", [MESSAGE_MAX_BYTES + 1, 3 * MESSAGE_MAX_BYTES])
@pytest.mark.parametrize("chunk", [1000, MESSAGE_MAX_BYTES, 10 * MESSAGE_MAX_BYTES])
def test_a_message_without_end_takes_no_memory_and_the_next_one_is_read(size: int, chunk: int) -> None:
    data = b"Event: Hangup\r\nX: " + b"x" * size + b"\r\n\r\n" + HANGUP
    decoder = AmiDecoder(WANTED)
    decoder.receive(BANNER)
    found = []
    for begin in range(0, len(data), chunk):
        found += decoder.receive(data[begin : begin + chunk])
        assert len(decoder._buffer) <= MESSAGE_MAX_BYTES
    assert [message.last("Uniqueid") for message in found] == ["1.2"]


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"Asterisk Call Manager/" + b"1" * BANNER_MAX_BYTES])
def test_another_program_is_told_by_its_first_line(data: bytes) -> None:
    with pytest.raises(NotAmiError):
        AmiDecoder(WANTED).receive(data)


def test_an_action_has_a_line_for_each_field() -> None:
    assert action("Hangup", {"Channel": "PJSIP/é"}) == "Action: Hangup\r\nChannel: PJSIP/é\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("Hangup", "Channel", "x\r\nAction: Originate"),
        ("Hangup", "Channel", "x\n"),
        ("Hangup", "Channel", "x\0"),
        ("Hangup", "Channel: x\r\nAction", "y"),
        ("Hangup\r\nAction: Originate", "Channel", "x"),
    ],
)
def test_nothing_in_a_field_becomes_another_action(name: str, field: str, value: str) -> None:
    with pytest.raises(UnsafeFieldError) as raised:
        action(name, {field: value})
    assert value not in str(raised.value) or value == "y"
