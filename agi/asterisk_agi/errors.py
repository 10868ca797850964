"""What can go wrong on the wire, named for whose fault it is. Messages never repeat what was on the wire."""

from typing import TYPE_CHECKING

from asterisk_agi.limits import ALLOWED, Limit

if TYPE_CHECKING:
    from asterisk_agi.events import Event


class ProtocolError(Exception):
    """The root: always raised as one of its leaves.

    Attributes:
        events: what the same `receive` had read before the error, so that nothing depends on where the bytes were cut.
    """

    events: "tuple[Event, ...]" = ()


class RemoteProtocolError(ProtocolError):
    """The other side sent what the protocol does not allow. The session is closed; close the connection."""


class LimitExceededError(RemoteProtocolError):
    """The other side sent more than the limit.

    Attributes:
        limit: which one.
        allowed: the most it admits.
    """

    def __init__(self, limit: Limit) -> None:
        super().__init__(f"more than {ALLOWED[limit]} {limit}")
        self.limit = limit
        self.allowed = ALLOWED[limit]


class MalformedReplyError(RemoteProtocolError):
    """A line where a reply was due is none.

    Attributes:
        line: the line as it came, without its newline; it may hold a telephone number.
    """

    def __init__(self, line: str) -> None:
        super().__init__(f"a line of {len(line)} characters is no AGI reply")
        self.line = line


class LocalProtocolError(ProtocolError):
    """Our own side asked for what the protocol does not allow."""


class SessionClosedError(LocalProtocolError):
    """Bytes, or an end, were given to a session that had already ended or failed."""

    def __init__(self) -> None:
        super().__init__("the session has ended")


class UnsafeTextError(LocalProtocolError, ValueError):
    """A text cannot be sent: a carriage return, line feed or NUL in it would end the line or cut it short.

    Attributes:
        text: the text that was refused.
        position: index in it of the first character that cannot be sent.
    """

    def __init__(self, text: str, position: int) -> None:
        super().__init__(f"character {position} of {len(text)} cannot be sent in an AGI line")
        self.text = text
        self.position = position


class CommandTooLongError(LocalProtocolError, ValueError):
    """A command is larger than Asterisk reads in one piece; it would execute the part and then the remainder.

    Attributes:
        limit: `Limit.COMMAND_BYTES` or `Limit.COMMAND_WORDS`.
        size: bytes or words asked for.
        allowed: the most it admits.
    """

    def __init__(self, limit: Limit, size: int) -> None:
        super().__init__(f"{size} {limit}, at most {ALLOWED[limit]} can be sent")
        self.limit = limit
        self.size = size
        self.allowed = ALLOWED[limit]
