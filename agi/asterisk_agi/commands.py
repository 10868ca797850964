"""Commands to Asterisk, as bytes ready to be sent in one write.

Asterisk executes a truncated line, and a line feed in a value starts a second command: so a text that cannot be sent
whole is refused here and never altered.
"""

import re

from asterisk_agi.errors import CommandTooLongError, UnsafeTextError
from asterisk_agi.limits import ALLOWED, Limit

_NAME = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*")
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
# Carriage return, line feed, NUL; and the surrogates that stand for no byte, which UTF-8 cannot carry.
_UNSAFE = re.compile("[\r\n\0\ud800-\udc7f\udd00-\udfff]")


def require_safe(text: str) -> None:
    """Refuse what cannot stand in one line.

    Raises:
        UnsafeTextError: `text` holds a carriage return, line feed, NUL, or a surrogate that stands for no byte.
    """
    match = _UNSAFE.search(text)
    if match is not None:
        raise UnsafeTextError(text, match.start())


def quote(text: str) -> str:
    """Write one argument so that Asterisk reads back the same one (res_agi.c, parse_args).

    There, blanks part arguments, double quotes keep blanks, and a backslash, within quotes too, takes the next
    character as it is. Letters, digits and underscores need no quotes; the empty argument needs them.

    Raises:
        UnsafeTextError: as `require_safe`.
    """
    require_safe(text)
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def command(name: str, *arguments: str) -> bytes:
    r"""Write any command.

    Args:
        name: its words, such as ``"SET VARIABLE"``: letters, parted by one blank.
        arguments: texts, quoted here.

    Returns:
        One line with its newline: ``b'SET VARIABLE GREETING "good day"\n'``.

    Raises:
        UnsafeTextError: `name` is not made of words, or an argument cannot be sent.
        CommandTooLongError: more bytes or words than Asterisk reads in one piece.
    """
    if not _NAME.fullmatch(name):
        raise UnsafeTextError(name, 0)
    words = [*name.split(" "), *map(quote, arguments)]
    line = " ".join(words).encode("utf-8", "surrogateescape") + b"\n"
    for limit, size in ((Limit.COMMAND_WORDS, len(words)), (Limit.COMMAND_BYTES, len(line))):
        if size > ALLOWED[limit]:
            raise CommandTooLongError(limit, size)
    return line


def set_variable(name: str, value: str) -> bytes:
    """Set a channel variable, or write a dialplan function; raises as `command`. Answered ``200 result=1``."""
    return command("SET VARIABLE", name, value)


def get_full_variable(expression: str) -> bytes:
    """Evaluate an expression such as ``${CHANNEL(linkedid)}``; raises as `command`. The value is the reply's `text`.

    Do not ask for what a stranger can write: a line feed in the value starts another line of reply.
    """
    return command("GET FULL VARIABLE", expression)


def verbose(message: str, level: int = 1) -> bytes:
    """Write to Asterisk's console, at `level` 1 to 4; raises as `command`."""
    return command("VERBOSE", message, str(level))


def exec_application(application: str, options: str = "") -> bytes:
    """Run a dialplan application, its options as in the dialplan, parted by commas; raises as `command`."""
    return command("EXEC", application, options)


def hangup() -> bytes:
    """Hang up the channel."""
    return command("HANGUP")
