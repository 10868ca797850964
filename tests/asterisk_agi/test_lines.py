"""Bytes cut anywhere give whole lines within their limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_agi import ALLOWED, Limit, LimitExceededError
from asterisk_agi.lines import LineBuffer


@given(st.lists(st.binary(max_size=20)))
def test_no_byte_is_lost_between_the_pieces(pieces: list[bytes]) -> None:
    buffer = LineBuffer()
    lines = []
    for piece in pieces:
        buffer.append(piece)
        while (line := buffer.take(Limit.REPLY_BYTES, 0)) is not None:
            lines.append(line)
    whole = b"".join(pieces)
    assert lines == whole.split(b"\n")[:-1]
    assert len(buffer) == len(whole.split(b"\n")[-1])


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_beyond_its_limit_is_an_error_whether_it_has_ended_or_not(end: bytes) -> None:
    buffer = LineBuffer()
    buffer.append(b"x" * (ALLOWED[Limit.REPLY_BYTES] - 10) + end)
    with pytest.raises(LimitExceededError):
        buffer.take(Limit.REPLY_BYTES, 10)


def test_a_cleared_buffer_starts_again() -> None:
    buffer = LineBuffer()
    buffer.append(b"half")
    assert buffer.take(Limit.REPLY_BYTES, 0) is None
    buffer.clear()
    buffer.append(b"a\n")
    assert buffer.take(Limit.REPLY_BYTES, 0) == b"a"
