"""Replies of Asterisk, as its source and real runs have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_agi import MalformedReplyError, ReplyCode
from asterisk_agi.reply import read_reply, read_usage


@pytest.mark.parametrize(
    ("line", "result", "text", "attributes"),
    [
        ("200 result=1", 1, "", {}),
        ("200 result=-1", -1, "", {}),
        ("200 result=1 (clinic)", 1, "clinic", {}),
        ("200 result=1 ()", 1, "", {}),
        ("200 result=0 endpos=160", 0, "", {"endpos": "160"}),
        ("200 result=-1 (hangup) endpos=0", -1, "hangup", {"endpos": "0"}),
        ("200 result=1 (a) b) endpos=5)", 1, "a) b) endpos=5", {}),
        ("200 result=1 (result=7 (x)", 1, "result=7 (x", {}),
        (
            '200 result=1 (speech) endpos=0 results=1 score0=900 text0="call home" grammar0=',
            1,
            "speech",
            {"endpos": "0", "results": "1", "score0": "900", "text0": "call home", "grammar0": ""},
        ),
        ("200 result=0 Gosub complete", 0, "", {}),
        ("200 result=", None, "", {}),
        ("200 result= (timeout)", None, "timeout", {}),
        ("200 result=*12 (timeout)", None, "timeout", {}),
        ("200 result=007", 7, "", {}),
        ("200 result=" + "9" * 5000, None, "", {}),
        ("100 result=0 Trying...", 0, "", {}),
    ],
)
def test_a_result_says_its_number_text_and_attributes(
    line: str, result: int | None, text: str, attributes: dict[str, str]
) -> None:
    reply = read_reply(line)
    assert (reply.code, reply.line) == (int(line[:3]), line)
    assert (reply.result, reply.text, reply.attributes) == (result, text, attributes)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("100 Trying", ReplyCode.TRYING),
        ("510 Invalid or unknown command", ReplyCode.UNKNOWN_COMMAND),
        ("511 Command Not Permitted on a dead channel", ReplyCode.DEAD_CHANNEL),
        ("511 result=1", ReplyCode.DEAD_CHANNEL),
        ("520 Invalid command syntax.  Proper usage not available.", ReplyCode.USAGE),
    ],
)
def test_any_other_reply_is_its_code_and_a_message(line: str, code: ReplyCode) -> None:
    reply = read_reply(line)
    assert (reply.code, reply.result, reply.text, reply.attributes) == (code, None, line[4:], {})


def test_digits_that_are_no_plain_number_are_kept_as_they_came() -> None:
    assert read_reply("200 result=*12 (timeout)").result_text == "*12"
    assert read_reply("200 result=007").result_text == "007"


@pytest.mark.parametrize(
    "line",
    ["", "200", "200 ", "200 OK", "200result=1", "404 result=1", "agi_arg_1: 0612", "200 result=1 (first line of two"],
)
def test_a_line_that_is_no_reply_is_an_error_that_carries_it(line: str) -> None:
    with pytest.raises(MalformedReplyError) as caught:
        read_reply(line)
    assert caught.value.line == line


def test_a_usage_is_one_text_without_its_first_and_last_words() -> None:
    reply = read_usage(["520-Proper usage follows:", "Usage: ANSWER", "520 End of proper usage."])
    assert (reply.code, reply.result, reply.text) == (ReplyCode.USAGE, None, "Proper usage follows:\nUsage: ANSWER")
    assert reply.line == "520-Proper usage follows:\nUsage: ANSWER\n520 End of proper usage."


@given(st.text(alphabet=st.characters(exclude_characters="\n")))
def test_any_value_of_a_variable_comes_back_whole(value: str) -> None:
    assert read_reply(f"200 result=1 ({value})").text == value


@pytest.mark.parametrize("unit", ["a", "a=", ' a="', " a", ")", " (", '"'])
def test_a_reply_made_to_be_slow_is_read_once_from_end_to_end(unit: str) -> None:
    """Half a million characters: a reader that went back for each of them would not end within the test run."""
    read_reply("200 result=1 () " + unit * (500_000 // len(unit)))
