"""Replies: one line, or the lines of a usage, in; one `Reply` out."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from asterisk_agi.errors import MalformedReplyError
from asterisk_agi.events import Reply, ReplyCode

_REPLY = re.compile(r"(100|200|510|511|520) (.*)")
_RESULT = re.compile(r"result=([^ ]*)(?: (.*))?")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
# Starts only after a blank and never gives a letter back: 16 kB of letters are read once, not once for each letter.
_ATTRIBUTE = re.compile(r'(?<![^ ])(\w++)=(?:"([^"]*)"|([^ "]*))')
USAGE_END = "520 End of proper usage."
_NONE: Mapping[str, str] = MappingProxyType({})


def read_reply(line: str) -> Reply:
    """Read a reply of one line.

    Shapes: ``200 result=1 (text) endpos=160``, ``100 Trying``, ``510 message``.

    Raises:
        MalformedReplyError: for anything else. Also where a parenthesis does not end on its line: the value of a
            variable with a line feed in it is written as it is, and its next line could pass for a reply of its own.
    """
    match = _REPLY.fullmatch(line)
    if match is None:
        raise MalformedReplyError(line)
    code = ReplyCode(int(match[1]))
    result = _RESULT.fullmatch(match[2])
    if result is not None and code in {ReplyCode.OK, ReplyCode.TRYING}:
        return _read_result(line, code, result)
    if code is ReplyCode.OK:
        raise MalformedReplyError(line)
    return _message(line, code, match[2])


def read_usage(lines: list[str]) -> Reply:
    """Put the lines of a 520 reply together, from ``520-`` to the closing sentence."""
    line = "\n".join(lines)
    return _message(line, ReplyCode.USAGE, line.removeprefix("520-").removesuffix(USAGE_END).removesuffix("\n"))


def _message(line: str, code: ReplyCode, text: str) -> Reply:
    return Reply(code=code, result=None, result_text="", text=text, attributes=_NONE, line=line)


def _read_result(line: str, code: ReplyCode, match: re.Match[str]) -> Reply:
    result_text, rest = match.groups(default="")
    text = ""
    if rest.startswith("("):
        # The last parenthesis ends the text: a variable's value may hold ")" or "endpos=" itself.
        text, closing, rest = rest[1:].rpartition(")")
        if not closing:
            raise MalformedReplyError(line)
    return Reply(
        code=code,
        result=int(result_text) if _INTEGER.fullmatch(result_text) else None,
        result_text=result_text,
        text=text,
        attributes=MappingProxyType({name: quoted or plain for name, quoted, plain in _ATTRIBUTE.findall(rest)}),
        line=line,
    )
