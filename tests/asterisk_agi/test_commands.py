"""Commands that Asterisk reads back as they were meant, or an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_agi import (
    ALLOWED,
    CommandTooLongError,
    Limit,
    ProtocolError,
    UnsafeTextError,
    command,
    exec_application,
    get_full_variable,
    hangup,
    parse_command,
    quote,
    set_variable,
    verbose,
)

sendable = st.binary(max_size=60).map(
    lambda data: data.translate(None, delete=b"\r\n\0").decode("utf-8", "surrogateescape")
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("GATE_1", "GATE_1"),
        ("", '""'),
        ("two words", '"two words"'),
        ("\t", '"\t"'),
        ('say "yes"', r'"say \"yes\""'),
        ("back\\slash", r'"back\\slash"'),
        ("end\\", r'"end\\"'),
        ("1|grant|n|+33142685300|g|120|ok|end", '"1|grant|n|+33142685300|g|120|ok|end"'),
        ("é", '"é"'),
    ],
)
def test_an_argument_is_quoted_so_that_asterisk_reads_the_same(text: str, written: str) -> None:
    assert quote(text) == written


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (set_variable("CALLGATE_VERDICT", "1|refuse"), b'SET VARIABLE CALLGATE_VERDICT "1|refuse"\n'),
        (get_full_variable("${CHANNEL(linkedid)}"), b'GET FULL VARIABLE "${CHANNEL(linkedid)}"\n'),
        (verbose("good day"), b'VERBOSE "good day" 1\n'),
        (verbose("quiet", level=4), b"VERBOSE quiet 4\n"),
        (exec_application("Playback", "vm-goodbye,noanswer"), b'EXEC Playback "vm-goodbye,noanswer"\n'),
        (exec_application("Progress"), b'EXEC Progress ""\n'),
        (hangup(), b"HANGUP\n"),
    ],
)
def test_each_command_is_one_line(line: bytes, words: bytes) -> None:
    assert line == words


@given(name=st.sampled_from(["SET VARIABLE", "EXEC", "Database Put"]), arguments=st.lists(sendable, max_size=8))
def test_asterisk_reads_back_every_argument(name: str, arguments: list[str]) -> None:
    line = command(name, *arguments)
    assert line.count(b"\n") == 1
    read = [word.encode("utf-8", "surrogateescape") for word in parse_command(line[:-1])]
    assert read == [word.encode("utf-8", "surrogateescape") for word in [*name.split(), *arguments]]


@pytest.mark.parametrize(
    ("text", "position"), [("0612\nHANGUP", 4), ("\r", 0), ("a\0", 1), ("\ud800", 0), ("ab\udfff", 2)]
)
def test_a_text_that_would_forge_or_cut_a_command_is_refused(text: str, position: int) -> None:
    with pytest.raises(UnsafeTextError) as caught:
        set_variable("X", text)
    assert (caught.value.text, caught.value.position) == (text, position)
    assert isinstance(caught.value, ValueError)
    assert text not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "SET  VARIABLE", "SET VARIABLE ", 'SET "X"', "HANGUP\n"])
def test_a_command_name_is_made_of_words(name: str) -> None:
    with pytest.raises(UnsafeTextError):
        command(name)


def test_a_command_fills_asterisks_buffer_and_no_more() -> None:
    """Asterisk 22 executed the first part of a 9000-byte line and then parsed the remainder as another command."""
    room = ALLOWED[Limit.COMMAND_BYTES] - len(set_variable("X", ""))
    assert len(set_variable("X", "-" * room)) == ALLOWED[Limit.COMMAND_BYTES]
    with pytest.raises(CommandTooLongError) as caught:
        set_variable("X", "-" * (room + 1))
    assert (caught.value.limit, caught.value.size, caught.value.allowed) == (Limit.COMMAND_BYTES, 8192, 8191)


def test_a_command_has_no_more_words_than_asterisk_keeps() -> None:
    assert len(parse_command(command("EXEC", *["x"] * 126)[:-1])) == 127
    with pytest.raises(CommandTooLongError) as caught:
        command("EXEC", *["x"] * 127)
    assert (caught.value.limit, caught.value.size) == (Limit.COMMAND_WORDS, 128)


@given(st.text(), st.text())
def test_any_text_gives_one_line_or_an_error(name: str, value: str) -> None:
    try:
        line = set_variable(name, value)
    except ProtocolError:
        return
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
