"""The Asterisk Manager Interface as bytes: messages in, actions out. Holds no socket and knows no time.

Whoever calls a PBX writes into its events: a line feed that is percent-encoded in the user part of a request URI or a
From becomes a line break in `Exten`, `CallerIDNum` and `ConnectedLineNum` (measured with Asterisk 22.10: 79 bytes each,
and no account is needed). So a message here is its lines in their order, and nothing takes a line for true because of
its name alone: `opening` asks for the lines that Asterisk writes before any of those, too many to be forged in 79
bytes; `last` takes what it writes after them. Replies are told by an id that nobody can guess.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MESSAGE_MAX_BYTES = 64 * 1024
"""A longer one is passed over, however long it is."""
BANNER_MAX_BYTES = 128
_BANNER = b"Asterisk Call Manager/"
_LINE_END = b"\r\n"
_END = b"\r\n\r\n"
_EVENT = b"Event: "
_RESPONSE = b"Response: "
_DIALLED = b"DestChannel: "
_NAME = re.compile(r"[A-Za-z]+")
_BREAKS = re.compile(r"[\r\n\0]")


class NotAmiError(Exception):
    """What listens there is no Asterisk manager."""


class UnsafeFieldError(ValueError):
    """A field of an action would end its line. Field: `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the field {name!r} cannot stand in one line")
        self.name = name


@dataclass(frozen=True, slots=True)
class Message:
    """One event or reply: its lines, each a name and a value, in the order in which they came."""

    lines: tuple[tuple[str, str], ...]

    @property
    def event(self) -> str:
        """The name of the event; "" for a reply, and for what is left of a message that was broken in two."""
        return self.lines[0][1] if self.lines[0][0] == "Event" else ""

    @property
    def is_reply(self) -> bool:
        """Whether an action was answered."""
        return self.lines[0][0] == "Response"

    @property
    def is_success(self) -> bool:
        """Whether an action was carried out."""
        return self.lines[0] == ("Response", "Success")

    def last(self, name: str) -> str:
        """The value of the last line of this name; "" if there is none."""
        return next((value for found, value in reversed(self.lines) if found == name), "")

    def opening(self, *names: str) -> tuple[str, ...] | None:
        """The values of the lines behind the first, if those are these, in this order."""
        found = self.lines[1 : len(names) + 1]
        return tuple(value for _, value in found) if tuple(name for name, _ in found) == names else None

    def runs(self, *names: str) -> tuple[tuple[str, ...], ...]:
        """The values of every run of lines with these names, in this order, wherever it stands."""
        every = [self.lines[place : place + len(names)] for place in range(len(self.lines))]
        return tuple(tuple(value for _, value in run) for run in every if tuple(name for name, _ in run) == names)


class AmiDecoder:
    """Turns what Asterisk sends on one connection into messages.

    Args:
        wanted: by name of an event, the text that must stand in it, "" for any; other events are passed over unread,
            but for those that name a channel that is dialled: see `callgate.control.board`.
    """

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self._wanted = {name.encode(): text.encode() for name, text in wanted.items()}
        self._buffer = b""
        self._has_banner = False
        self._is_skipping = False

    def receive(self, data: bytes) -> list[Message]:
        """Take bytes as they arrived, cut anywhere.

        Returns:
            What they complete, in order.

        Raises:
            NotAmiError: the first line is not Asterisk's.
        """
        self._buffer += data
        if not self._has_banner and not self._take_banner():
            return []
        *whole, self._buffer = self._buffer.split(_END)
        if whole and self._is_skipping:
            del whole[0]
            self._is_skipping = False
        if len(self._buffer) > MESSAGE_MAX_BYTES:
            # The end of a message may be cut in the middle.
            self._buffer, self._is_skipping = self._buffer[-len(_END) :], True
        # An application that ends its event with an empty line of its own leaves the next one with a break in front.
        stripped = (raw.lstrip(_LINE_END) for raw in whole if len(raw) <= MESSAGE_MAX_BYTES)
        return [_read(raw) for raw in stripped if self._is_wanted(raw)]

    def _take_banner(self) -> bool:
        line, end, rest = self._buffer.partition(_LINE_END)
        if not line.startswith(_BANNER[: len(line)]) or len(line) > BANNER_MAX_BYTES:
            raise NotAmiError
        if end:
            self._has_banner, self._buffer = True, rest
        return self._has_banner

    def _is_wanted(self, raw: bytes) -> bool:
        if raw.startswith(_RESPONSE) or _DIALLED in raw:
            return True
        if not raw.startswith(_EVENT):
            return False
        text = self._wanted.get(raw[len(_EVENT) :].partition(_LINE_END)[0])
        return text is not None and text in raw


def _read(raw: bytes) -> Message:
    lines = raw.decode("utf-8", "replace").split("\r\n")
    return Message(tuple((name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)))


def action(name: str, fields: Mapping[str, str]) -> bytes:
    r"""Write an action.

    Args:
        name: such as ``Hangup``.
        fields: by name, in the order they are sent.

    Returns:
        Such as ``b"Action: Hangup\r\nChannel: PJSIP/carrier-a-00000001\r\n\r\n"``.

    Raises:
        UnsafeFieldError: a value would end its line, or a name is none.
    """
    lines = [f"{field}: {value}" for field, value in {"Action": name, **fields}.items()]
    for field, value in {"Action": name, **fields}.items():
        if _NAME.fullmatch(field) is None or _BREAKS.search(value) is not None:
            raise UnsafeFieldError(field)
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
