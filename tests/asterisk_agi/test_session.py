"""Any bytes, however they are cut, give events or a `ProtocolError`, in bounded memory and time."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asterisk_agi import (
    ALLOWED,
    AgiRequest,
    AgiSession,
    EndOfInput,
    EndPoint,
    Event,
    FaultKind,
    Hangup,
    Limit,
    LimitExceededError,
    MalformedReplyError,
    ProtocolError,
    Reply,
    ReplyCode,
    SessionClosedError,
    State,
    encode_request,
)
from asterisk_agi.session import RULES

HEADER = encode_request(
    {
        "agi_network": "yes",
        "agi_network_script": "v1",
        "agi_request": "agi://127.0.0.1:4599/v1",
        "agi_calleridname": "Dr Möller",
        "agi_accountcode": "",
        "agi_arg_1": "0142685300",
        "agi_arg_2": "101",
    }
)
USAGE = b"520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER\n520 End of proper usage.\n"
GLUED_USAGE = b"520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER520 End of proper usage.\n"
RUN = HEADER + b"100 result=0 Trying...\n200 result=1 (a value) endpos=160\n" + USAGE + b"HANGUP\n510 Invalid\n"

Outcome = tuple[list[Event], type[ProtocolError] | None]

wire = st.lists(
    st.one_of(
        st.sampled_from(
            [
                HEADER,
                b"\n",
                b"agi_",
                b"agi_x: 1\n",
                b"agi_arg_1: 2\n",
                b"HANGUP\n",
                b"HANG",
                b"UP\n",
                b"nonsense\n",
                b"\r",
            ]
        ),
        st.sampled_from(
            [
                b"200 result=1\n",
                b"200 result=",
                b" (",
                b")",
                b"100 Trying\n",
                b"520-",
                b"520 End of proper usage.\n",
                USAGE,
            ]
        ),
        st.binary(max_size=40),
    ),
    max_size=12,
).map(b"".join)


def hear(*pieces: bytes) -> Outcome:
    """Everything a session says to these pieces and the end after them."""
    session = AgiSession()
    events: list[Event] = []
    try:
        for piece in pieces:
            events += session.receive(piece)
        events += session.receive_eof()
    except ProtocolError as error:
        return [*events, *error.events], type(error)
    return events, None


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


@given(data=wire, cuts=st.lists(st.integers(min_value=0, max_value=300), max_size=6))
@example(data=HEADER.replace(b"\n\n", b"\n0612\n\n"), cuts=[])
def test_what_is_heard_does_not_depend_on_where_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert hear(data) == hear(*byte_by_byte(data)) == hear(*pieces)


@pytest.mark.parametrize("cut", range(len(RUN) + 1))
def test_a_run_cut_in_two_at_any_place_is_heard_whole(cut: int) -> None:
    assert hear(RUN[:cut], RUN[cut:]) == hear(RUN)


def test_a_run_is_heard_as_request_replies_hangup_and_end() -> None:
    events, error = hear(RUN)
    assert error is None
    request, trying, answer, usage, hangup, unknown, end = events
    assert isinstance(request, AgiRequest)
    assert request.network_script == "v1"
    assert request.arguments == ("0142685300", "101")
    assert request.faults == ()
    codes = [reply.code for reply in (trying, answer, usage, unknown) if isinstance(reply, Reply)]
    assert codes == [ReplyCode.TRYING, ReplyCode.OK, ReplyCode.USAGE, ReplyCode.UNKNOWN_COMMAND]
    assert (hangup, end) == (Hangup(), EndOfInput(at=EndPoint.CLEAN))


@pytest.mark.parametrize("usage", [USAGE, GLUED_USAGE])
def test_a_usage_ends_at_its_closing_sentence_even_on_a_shared_line(usage: bytes) -> None:
    (_, reply, after, _), _ = hear(HEADER, usage, b"200 result=0\n")
    assert isinstance(reply, Reply)
    assert reply.text == "Invalid command syntax.  Proper usage follows:\nUsage: ANSWER"
    assert isinstance(after, Reply)
    assert after.result == 0


def test_a_hangup_inside_a_usage_is_heard_and_is_no_part_of_it() -> None:
    (_, hangup, reply, _), _ = hear(HEADER, USAGE.replace(b"Usage:", b"HANGUP\nUsage:"))
    assert hangup == Hangup()
    assert isinstance(reply, Reply)
    assert "HANGUP" not in reply.text


def test_a_hangup_inside_the_header_is_heard_and_makes_the_request_faulty() -> None:
    (hangup, request, _), _ = hear(b"agi_dnid: 0612\nHANGUP\n\n")
    assert hangup == Hangup()
    assert isinstance(request, AgiRequest)
    assert [fault.kind for fault in request.faults] == [FaultKind.NO_COLON]


def test_a_header_cut_short_by_a_forged_blank_line_ends_in_an_error_that_keeps_what_was_heard() -> None:
    with pytest.raises(MalformedReplyError) as caught:
        AgiSession().receive(b"agi_dnid: 0612\n\nagi_arg_1: 0142685300\n\n")
    (request,) = caught.value.events
    assert isinstance(request, AgiRequest)
    assert request.arguments == ()
    assert caught.value.line == "agi_arg_1: 0142685300"


@pytest.mark.parametrize(
    ("data", "at"),
    [
        (b"", EndPoint.BEFORE_REQUEST),
        (b"a", EndPoint.IN_HEADER),
        (b"agi_request: x\n", EndPoint.IN_HEADER),
        (b"\n", EndPoint.CLEAN),
        (b"\n200 result=1\n", EndPoint.CLEAN),
        (b"\n200 res", EndPoint.IN_REPLY),
        (b"\n520-Usage\n", EndPoint.IN_REPLY),
        (b"\n520-Usage\nhalf", EndPoint.IN_REPLY),
    ],
)
def test_the_end_says_where_the_other_side_stopped(data: bytes, at: EndPoint) -> None:
    session = AgiSession()
    session.receive(data)
    assert session.receive_eof() == [EndOfInput(at=at)]
    assert session.state is State.CLOSED


def test_bytes_that_are_no_utf_8_come_back_as_they_were() -> None:
    (request, _), _ = hear(b"agi_calleridname: \xff\xe9\n\n")
    assert isinstance(request, AgiRequest)
    assert request.variables["agi_calleridname"].encode("utf-8", "surrogateescape") == b"\xff\xe9"


HEADER_BYTES, REPLY_BYTES, USAGE_BYTES = (
    ALLOWED[limit] for limit in (Limit.HEADER_BYTES, Limit.REPLY_BYTES, Limit.USAGE_BYTES)
)
FITS = [
    b"agi_x: ".ljust(HEADER_BYTES - 2, b"x") + b"\n\n",
    b"agi_x: 1\n" * ALLOWED[Limit.HEADER_LINES] + b"\n",
    b"\n" + b"510 ".ljust(REPLY_BYTES - 1, b"x") + b"\n",
    b"\n520-\n" + b"x" * (USAGE_BYTES - 5 - 25 - 1) + b"\n520 End of proper usage.\n",
]


@pytest.mark.parametrize("data", FITS)
def test_the_largest_header_and_replies_are_heard(data: bytes) -> None:
    assert hear(data)[1] is None


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (FITS[0].replace(b"x\n", b"xx\n"), Limit.HEADER_BYTES),
        (b"agi_x: 1\n" + FITS[1], Limit.HEADER_LINES),
        (FITS[2].replace(b"x\n", b"xx\n"), Limit.REPLY_BYTES),
        (FITS[3].replace(b"x\n", b"xx\n"), Limit.USAGE_BYTES),
    ],
)
def test_one_byte_or_line_more_is_an_error_at_any_cut(data: bytes, limit: Limit) -> None:
    with pytest.raises(LimitExceededError) as caught:
        AgiSession().receive(data)
    assert (caught.value.limit, caught.value.allowed) == (limit, ALLOWED[limit])
    assert hear(*byte_by_byte(data)) == hear(data)


@pytest.mark.parametrize("start", [b"", b"\n", b"\n520-\n"])
@pytest.mark.parametrize("chunk", [b"x" * 1000, b"\0" * 1000, (b"x" * 99 + b"\n") * 10])
def test_an_endless_sender_is_stopped_soon_and_nothing_of_it_is_kept(start: bytes, chunk: bytes) -> None:
    session = AgiSession()
    session.receive(start)
    with pytest.raises((LimitExceededError, MalformedReplyError)):
        deque((session.receive(chunk) for _ in range(HEADER_BYTES // len(chunk) + 1)), maxlen=0)
    assert len(session._lines) == 0
    assert session._block == []


@pytest.mark.parametrize("end", [b"\n200 result=x", b"\nnonsense\n"])
def test_a_session_that_ended_or_failed_stays_closed(end: bytes) -> None:
    session = AgiSession()
    try:
        session.receive(end)
        session.receive_eof()
    except MalformedReplyError:
        assert session.state is State.CLOSED
    with pytest.raises(SessionClosedError):
        session.receive(b"200 result=1\n")
    with pytest.raises(SessionClosedError):
        session.receive_eof()


def test_every_state_but_the_last_has_rules_and_each_ends_with_one_that_fits_any_line() -> None:
    assert set(RULES) == set(State) - {State.CLOSED}
    assert all(rules[-1].pattern.pattern == b"" for rules in RULES.values())
