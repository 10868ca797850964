"""The side of Asterisk: any bytes from a server give commands or a `ProtocolError`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_agi import (
    ALLOWED,
    AgiRequest,
    AgiSession,
    CommandReader,
    Limit,
    LimitExceededError,
    ProtocolError,
    UnsafeTextError,
    encode_request,
    parse_command,
    set_variable,
    verbose,
)


def test_a_request_is_written_as_asterisk_writes_it() -> None:
    assert encode_request({"agi_dnid": "0612", "agi_accountcode": ""}) == b"agi_dnid: 0612\nagi_accountcode: \n\n"


@given(
    st.dictionaries(
        st.from_regex(r"agi_[a-z]{1,8}", fullmatch=True),
        st.binary(max_size=20).map(lambda data: data.translate(None, b"\r\n\0").decode("utf-8", "surrogateescape")),
    )
)
def test_a_server_reads_the_request_that_was_written(variables: dict[str, str]) -> None:
    (request,) = AgiSession().receive(encode_request(variables))
    assert isinstance(request, AgiRequest)
    assert {key: value.encode("utf-8", "surrogateescape") for key, value in request.variables.items()} == {
        key: value.encode("utf-8", "surrogateescape") for key, value in variables.items()
    }
    assert request.faults == ()


@pytest.mark.parametrize("variables", [{"dnid": "0612"}, {"agi_dnid\n": "0612"}, {"agi_dnid": "0612\nagi_arg_1: x"}])
def test_a_request_that_would_forge_lines_is_not_written(variables: dict[str, str]) -> None:
    with pytest.raises(UnsafeTextError):
        encode_request(variables)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", ()),
        (b" \t ", ()),
        (b"SET VARIABLE X 1", ("SET", "VARIABLE", "X", "1")),
        (b"  SET\t\tX  ", ("SET", "X")),
        (b'"two words" ""', ("two words", "")),
        (b'a"b c"d', ("ab cd",)),
        (b'"a""b"', ("ab",)),
        (rb"\"a\ b\\", ('"a b\\',)),
        (rb'"a\"b\n"', ('a"bn',)),
        (b'"never closed', ("never closed",)),
        (b"lone \\", ("lone",)),
        (b"cut\0HANGUP", ("cut",)),
        (b"\xff", ("\udcff",)),
    ],
)
def test_a_command_is_split_as_asterisk_splits_it(line: bytes, words: tuple[str, ...]) -> None:
    assert parse_command(line) == words


def test_more_words_than_asterisk_has_room_for_are_an_error() -> None:
    assert len(parse_command(b"x " * 127)) == 127
    with pytest.raises(LimitExceededError) as caught:
        parse_command(b'"x" ' * 128)
    assert caught.value.limit is Limit.COMMAND_WORDS


def test_commands_are_heard_when_their_line_is_whole() -> None:
    reader = CommandReader()
    heard = [words for byte in verbose("good day") + set_variable("X", "1") for words in reader.receive(bytes([byte]))]
    assert heard == [("VERBOSE", "good day", "1"), ("SET", "VARIABLE", "X", "1")]
    assert reader.receive(b"SET VARIABLE half") == []


def test_a_command_larger_than_asterisks_buffer_is_an_error() -> None:
    line = b"x" * (ALLOWED[Limit.COMMAND_BYTES] - 1)
    assert len(CommandReader().receive(line + b"\n")) == 1
    with pytest.raises(LimitExceededError):
        CommandReader().receive(line + b"x")


@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([b"\n", b'"', b"\\", b" ", b"SET X\n"]))))
def test_any_bytes_give_commands_or_an_error(pieces: list[bytes]) -> None:
    reader = CommandReader()
    try:
        words = [words for piece in pieces for words in reader.receive(piece)]
    except ProtocolError:
        return
    assert len(words) == b"".join(pieces).count(b"\n")
