"""Errors name whose fault it is and never repeat what was on the wire."""

import pytest

from asterisk_agi import (
    CommandTooLongError,
    Limit,
    LimitExceededError,
    LocalProtocolError,
    MalformedReplyError,
    ProtocolError,
    RemoteProtocolError,
    SessionClosedError,
    UnsafeTextError,
)

NUMBER = "0142685300"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (LimitExceededError(Limit.HEADER_BYTES), RemoteProtocolError),
        (MalformedReplyError(NUMBER), RemoteProtocolError),
        (SessionClosedError(), LocalProtocolError),
        (UnsafeTextError(NUMBER, 3), LocalProtocolError),
        (CommandTooLongError(Limit.COMMAND_WORDS, 128), LocalProtocolError),
    ],
)
def test_an_error_says_whose_fault_it_is_and_shows_no_number(error: ProtocolError, fault: type[ProtocolError]) -> None:
    assert isinstance(error, fault)
    assert isinstance(error, ProtocolError)
    assert error.events == ()
    assert str(error)
    assert NUMBER not in str(error)
