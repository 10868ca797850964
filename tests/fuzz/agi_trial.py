"""One byte stream before the AGI session, and what must hold of that, whatever the bytes are.

Promised: events or a `ProtocolError`, the same ones however the stream is cut; a session that ended in an error stays
closed and keeps nothing; a request becomes a passage or nothing; all of it in less than a second.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from asterisk_agi import AgiRequest, AgiSession, CommandReader, Event, SessionClosedError
from asterisk_agi.errors import LimitExceededError, RemoteProtocolError
from callgate.server import receive
from callgate.settings import Settings, parse_settings
from clinic_samples import SETTINGS

SLOW_S = 1.0


class StreamFault(StrEnum):
    """What is wrong with how a stream was taken, gravest first."""

    EXCEPTION = "exception"
    SLOW = "over a second"
    CUT = "other events when cut otherwise"
    KEPT = "bytes kept after the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a session made of a stream: what it heard, and the error that ended it, "" for none."""

    events: tuple[Event, ...]
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOutcome:
    """What one stream came to.

    Fields:
        kind: how it ended, in a word or two, to be counted.
        fault: None where all is well; `detail` says more.
    """

    kind: str
    seconds: float
    fault: StreamFault | None = None
    detail: str = ""


class StreamTrial:
    """Takes streams; has the settings that a request is read against."""

    def __init__(self) -> None:
        self._settings: Settings = parse_settings(SETTINGS)

    def run(self, parts: list[bytes]) -> StreamOutcome:
        """Let a session hear a stream in these parts, and another one all at once."""
        began = time.thread_time()
        try:
            kind, fault, detail = self._taken(parts)
        except Exception as error:  # noqa: BLE001  any exception at all is what is looked for
            kind, fault, detail = "exception", StreamFault.EXCEPTION, repr(error)
        # Of its own thread: on a busy machine others have the processor meanwhile. The run tells what waits for ever.
        seconds = time.thread_time() - began
        if fault is None and seconds > SLOW_S:
            fault, detail = StreamFault.SLOW, f"{seconds:.1f} s"
        return StreamOutcome(kind=kind, seconds=seconds, fault=fault, detail=detail)

    def _taken(self, parts: list[bytes]) -> tuple[str, StreamFault | None, str]:
        session = AgiSession()
        heard = hear(session, parts)
        whole = hear(AgiSession(), [b"".join(parts)])
        if heard != whole:
            return "cut", StreamFault.CUT, f"{heard} / {whole}"
        if len(session._lines) or session._block:
            return "kept", StreamFault.KEPT, f"{len(session._lines)} bytes, {len(session._block)} lines"
        if len(parts) == 1:
            _read_as_commands(parts[0])
        requests = [event for event in heard.events if isinstance(event, AgiRequest)]
        if not requests:
            return heard.error or "no request", None, ""
        passage = receive(requests[0], self._settings)
        return ("passage" if passage else "request") + (f", {heard.error}" if heard.error else ""), None, ""


def hear(session: AgiSession, parts: Iterable[bytes]) -> Heard:
    """Feed a session; an error ends it, and it says so to whoever goes on."""
    events: list[Event] = []
    try:
        for part in parts:
            events += session.receive(part)
        events += session.receive_eof()
    except RemoteProtocolError as error:
        _require_closed(session)
        return Heard(events=(*events, *error.events), error=type(error).__name__)
    _require_closed(session)
    return Heard(events=tuple(events), error="")


def _require_closed(session: AgiSession) -> None:
    try:
        session.receive(b"")
    except SessionClosedError:
        return
    raise AssertionError("a session that has ended went on")


def _read_as_commands(data: bytes) -> None:
    """The other side's reader must stand it, too: a load generator is given what a broken gate says."""
    with suppress(LimitExceededError):
        CommandReader().receive(data)
