"""The side of Asterisk, for a test double or a load generator: requests out, commands in."""

from collections.abc import Mapping

from asterisk_agi.commands import require_safe
from asterisk_agi.errors import LimitExceededError, UnsafeTextError
from asterisk_agi.limits import ALLOWED, Limit
from asterisk_agi.lines import LineBuffer
from asterisk_agi.request import VARIABLE_NAME

_QUOTE, _BACKSLASH = b'"\\'
_BLANKS = b" \t"


def encode_request(variables: Mapping[str, str]) -> bytes:
    """Write a header as Asterisk would, in the order of the mapping, arguments as ``agi_arg_1`` and so on.

    Raises:
        UnsafeTextError: a name is not ``agi_`` and small letters, digits, underscores; or a value cannot stand
            in one line.
    """
    for name, value in variables.items():
        if not VARIABLE_NAME.fullmatch(name):
            raise UnsafeTextError(name, 0)
        require_safe(value)
    lines = [f"{name}: {value}\n" for name, value in variables.items()]
    return "".join([*lines, "\n"]).encode("utf-8", "surrogateescape")


def parse_command(line: bytes) -> tuple[str, ...]:
    """Split a command into words exactly as Asterisk does (res_agi.c, parse_args); the inverse of `commands.command`.

    Args:
        line: without its newline. What follows a NUL does not exist for Asterisk, nor here.

    Returns:
        The words: ``("SET", "VARIABLE", "GREETING", "good day")``; none for a blank line.

    Raises:
        LimitExceededError: more than 127 words.
    """
    words: list[bytearray] = []
    quoted = escaped = False
    between = True
    for byte in line.partition(b"\0")[0]:
        if byte in _BLANKS and not (quoted or escaped):
            between = True
            continue
        if byte == _BACKSLASH and not escaped:
            escaped = True
            continue
        is_mark = byte == _QUOTE and not escaped
        quoted ^= is_mark
        if between:
            words.append(bytearray())
            between = False
        if not is_mark:
            words[-1].append(byte)
        escaped = False
    if len(words) > ALLOWED[Limit.COMMAND_WORDS]:
        raise LimitExceededError(Limit.COMMAND_WORDS)
    return tuple(word.decode("utf-8", "surrogateescape") for word in words)


class CommandReader:
    """Turns what a server sends into commands, cut anywhere."""

    def __init__(self) -> None:
        self._lines = LineBuffer()

    def receive(self, data: bytes) -> list[tuple[str, ...]]:
        """Take bytes as they arrived.

        Returns:
            The words of each command they complete. A half line is never a command here, though Asterisk executes it.

        Raises:
            LimitExceededError: a command larger than Asterisk reads in one piece, or of more words. Do not use the
                reader after that.
        """
        self._lines.append(data)
        commands: list[tuple[str, ...]] = []
        while (line := self._lines.take(Limit.COMMAND_BYTES, 0)) is not None:
            commands.append(parse_command(line))
        return commands
