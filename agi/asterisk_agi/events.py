"""What an AGI session can hear from Asterisk. All texts are UTF-8 with surrogateescape, so no byte is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class FaultKind(StrEnum):
    """What is wrong with a header line. Asterisk writes none of these itself: each is a sign of a forged line."""

    NO_COLON = "no_colon"
    NOT_AGI = "not_agi"
    DUPLICATE = "duplicate"
    ARGUMENT_ORDER = "argument_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A header line that Asterisk would not have written.

    Asterisk copies a dialled number or a caller's name into the header as it is: a line feed hidden in one (``%0A`` in
    a SIP address) forges the next lines. Refuse a request with faults.

    Fields:
        kind: what is wrong.
        line_number: from 1.
        line: as it came; it may hold a telephone number.
    """

    kind: FaultKind
    line_number: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiRequest:
    """The header: what Asterisk says once, before it takes commands.

    Fields:
        variables: by full name (``agi_uniqueid``), in order of arrival. Of a duplicate the first is kept: neither is
            to be trusted.
        arguments: the values of ``agi_arg_1`` to ``agi_arg_n`` in order of arrival, duplicates included.
        faults: in order of arrival; empty for every header that Asterisk alone has written.
    """

    variables: Mapping[str, str]
    arguments: tuple[str, ...]
    faults: tuple[Fault, ...]

    @property
    def network_script(self) -> str:
        """The path of the FastAGI address with its query (``v1`` of ``agi://127.0.0.1:4599/v1``), or ``""``."""
        return self.variables.get("agi_network_script", "")


class ReplyCode(IntEnum):
    """The first word of a reply."""

    TRYING = 100
    OK = 200
    UNKNOWN_COMMAND = 510
    DEAD_CHANNEL = 511
    USAGE = 520


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Asterisk's answer to one command. After `ReplyCode.TRYING` the answer proper is still to come.

    Fields:
        code: what kind of answer.
        result: the number after ``result=``, or None where there is none (GET DATA may give ``*12`` or nothing).
        result_text: what follows ``result=``, as it came.
        text: in 100 and 200 what is in parentheses; else the message, or every line of the usage.
        attributes: such as ``endpos``, without quotes.
        line: the whole reply as it came; a usage has several lines.
    """

    code: ReplyCode
    result: int | None
    result_text: str
    text: str
    attributes: Mapping[str, str]
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """The literal line ``HANGUP``: the channel has gone, or this AGI run is over.

    FastAGI sends it between any two replies when the caller hangs up, and once more after the last reply of every run.
    """


class EndPoint(StrEnum):
    """Where the other side stopped sending."""

    BEFORE_REQUEST = "before_request"
    """Not one byte came: a port probe or health check."""
    IN_HEADER = "in_header"
    IN_REPLY = "in_reply"
    CLEAN = "clean"
    """Between two lines, the request having been whole. A command may still be without its reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfInput:
    """Nothing more will come."""

    at: EndPoint


Event = AgiRequest | Reply | Hangup | EndOfInput
