"""One AGI run as the server hears it: bytes in, events out. Only this module changes the state of a session."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from asterisk_agi.errors import LimitExceededError, RemoteProtocolError, SessionClosedError
from asterisk_agi.events import EndOfInput, EndPoint, Event, Hangup
from asterisk_agi.limits import ALLOWED, Limit
from asterisk_agi.lines import LineBuffer
from asterisk_agi.reply import USAGE_END, read_reply, read_usage
from asterisk_agi.request import read_request


class State(StrEnum):
    """What the session waits for."""

    HEADER = "header"
    REPLIES = "replies"
    USAGE = "usage"
    CLOSED = "closed"


Reading = Callable[[str, list[str]], tuple[Event, ...]]
"""How a line is read: from the line and the earlier lines of its block, what is heard. May add to the block."""


def _keep(line: str, block: list[str]) -> tuple[Event, ...]:
    block.append(line)
    return ()


def _hangup(_line: str, _block: list[str]) -> tuple[Event, ...]:
    return (Hangup(),)


def _forged_hangup(line: str, block: list[str]) -> tuple[Event, ...]:
    # Asterisk never interrupts its header: the line is heard, and kept to become a fault of the request.
    return (*_keep(line, block), Hangup())


def _request(_line: str, block: list[str]) -> tuple[Event, ...]:
    return (read_request(block),)


def _reply(line: str, _block: list[str]) -> tuple[Event, ...]:
    return (read_reply(line),)


def _usage(line: str, block: list[str]) -> tuple[Event, ...]:
    return (read_usage([*block, line]),)


@dataclass(frozen=True, slots=True)
class Rule:
    """A line that `pattern` finds is read by `read` and leads to `state`."""

    pattern: re.Pattern[bytes]
    read: Reading
    state: State


_ANY = re.compile(b"")
_HANGUP = re.compile(rb"\AHANGUP\Z")

RULES: Mapping[State, tuple[Rule, ...]] = MappingProxyType(
    {
        State.HEADER: (
            Rule(re.compile(rb"\A\Z"), _request, State.REPLIES),
            Rule(_HANGUP, _forged_hangup, State.HEADER),
            Rule(_ANY, _keep, State.HEADER),
        ),
        State.REPLIES: (
            Rule(_HANGUP, _hangup, State.REPLIES),
            Rule(re.compile(rb"\A520-"), _keep, State.USAGE),
            Rule(_ANY, _reply, State.REPLIES),
        ),
        State.USAGE: (
            Rule(_HANGUP, _hangup, State.USAGE),
            # Not at the start of its line: Asterisk's descriptions end without a newline, so that the last one and
            # the closing sentence share a line.
            Rule(re.compile(re.escape(USAGE_END.encode()) + rb"\Z"), _usage, State.REPLIES),
            Rule(_ANY, _keep, State.USAGE),
        ),
    }
)
"""The state table: in each state the first rule that fits. Errors and the end of input lead to CLOSED, for good."""

_BOUND: Mapping[State, Limit] = MappingProxyType(
    {State.HEADER: Limit.HEADER_BYTES, State.REPLIES: Limit.REPLY_BYTES, State.USAGE: Limit.USAGE_BYTES}
)


class AgiSession:
    """Turns what Asterisk sends in one run into events. Holds no socket and knows no time: deadlines are the caller's.

    Commands are made by the functions of `asterisk_agi.commands` and need no session. Asterisk answers them in order;
    send the next one after the reply, or all at once and then half-close: pipelined commands stall until the end.
    """

    def __init__(self) -> None:
        self._state = State.HEADER
        self._lines = LineBuffer()
        self._block: list[str] = []  # the lines so far of a header or usage
        self._block_bytes = 0

    @property
    def state(self) -> State:
        """What the session waits for."""
        return self._state

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes as they arrived, cut anywhere.

        Returns:
            What they complete, in order; often nothing.

        Raises:
            LimitExceededError: something is larger than `limits.ALLOWED` admits.
            MalformedReplyError: a line where a reply was due is none.
            SessionClosedError: the session had already ended. Every error closes it; the first one's `events` hold
                what this call had read before.
        """
        self._require_open()
        self._lines.append(data)
        events: list[Event] = []
        try:
            while (line := self._lines.take(_BOUND[self._state], self._block_bytes)) is not None:
                events.extend(self._read(line))
        except RemoteProtocolError as error:
            self._close()
            error.events = tuple(events)
            raise
        return events

    def receive_eof(self) -> list[Event]:
        """Take the end of the input.

        Returns:
            One `EndOfInput`.

        Raises:
            SessionClosedError: the session had already ended.
        """
        self._require_open()
        at = EndPoint.CLEAN
        if self._state is State.HEADER:
            at = EndPoint.IN_HEADER if self._block or self._lines else EndPoint.BEFORE_REQUEST
        elif self._state is State.USAGE or self._lines:
            at = EndPoint.IN_REPLY
        self._close()
        return [EndOfInput(at=at)]

    def _require_open(self) -> None:
        if self._state is State.CLOSED:
            raise SessionClosedError

    def _close(self) -> None:
        self._state = State.CLOSED
        self._lines.clear()
        self._block.clear()

    def _read(self, raw: bytes) -> tuple[Event, ...]:
        rule = next(rule for rule in RULES[self._state] if rule.pattern.search(raw))
        self._state = rule.state
        self._block_bytes = 0 if rule.state is State.REPLIES else self._block_bytes + len(raw) + 1
        events = rule.read(raw.decode("utf-8", "surrogateescape"), self._block)
        if self._state is State.REPLIES:
            self._block.clear()
        elif self._state is State.HEADER and len(self._block) > ALLOWED[Limit.HEADER_LINES]:
            raise LimitExceededError(Limit.HEADER_LINES)
        return events
