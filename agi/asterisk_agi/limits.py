"""How large anything on the wire may grow, with the evidence for each figure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Limit(StrEnum):
    """What is bounded."""

    HEADER_BYTES = "header_bytes"
    HEADER_LINES = "header_lines"
    REPLY_BYTES = "reply_bytes"
    USAGE_BYTES = "usage_bytes"
    COMMAND_BYTES = "command_bytes"
    COMMAND_WORDS = "command_words"


ALLOWED: Mapping[Limit, int] = MappingProxyType(
    {
        # Asterisk sends some 20 variables, 0.7 kB in all, and the arguments of AGI(); the dialplan line that these come
        # from is itself at most 8 kB. The blank line counts.
        Limit.HEADER_BYTES: 16 * 1024,
        # The variables and more than 100 arguments; res_agi.c takes at most 127. The blank line does not count.
        Limit.HEADER_LINES: 128,
        # A reply repeats one variable. GET FULL VARIABLE answers with a string that Asterisk does not bound, but what
        # the dialplan or AGI itself can put into a variable fits twice.
        Limit.REPLY_BYTES: 16 * 1024,
        # From "520-" to "520 End of proper usage."; the longest description of a command is a few kB.
        Limit.USAGE_BYTES: 16 * 1024,
        # Asterisk 22 reads a command into 8192 bytes, with the newline and a NUL. What does not fit is not refused: the
        # first part is executed and the remainder is parsed as another command. (Asterisk 11 had 2048.)
        Limit.COMMAND_BYTES: 8191,
        # MAX_ARGS in res_agi.c is 128 with the closing NULL. Beyond, Asterisk drops plain words, and quoted ones are
        # written past the end of its array.
        Limit.COMMAND_WORDS: 127,
    }
)
"""The most of each, inclusive; bytes of a line or block include its newlines."""
