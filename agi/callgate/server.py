"""FastAGI: the sockets and deadlines of the gate. One connection is one attempt: a question, a command, half-close."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

import structlog

from asterisk_agi import AgiRequest, AgiSession, Event, ProtocolError, Reply, ReplyCode, set_variable
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.verdict import EMERGENCY_GRANT, Grant, Refusal, Verdict, token
from callgate.core.wire import mask
from callgate.gate import Gate, Passage
from callgate.settings import Settings

VERDICT_VARIABLE = "CALLGATE_VERDICT"
NETWORK_SCRIPT = "v1"
PING_SCRIPT = "ping"
"""`callgate status` asks for this one: it gets no answer, and the connection's end says that the gate lives."""
HEADER_DEADLINE_S = 1.0
REPLY_DEADLINE_S = 1.0
DRAIN_S = 4.0
BACKLOG = 1024
_READ_BYTES = 4096

_NAMES = ("entry", "trunk", "passage", "attempt", "nonce", "supersedes", "extension", "origin", "caller", "dialled")
_ORIGINS = {origin.value: origin for origin in Origin}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ATTEMPT = re.compile(r"[1-9][0-9]?")
_GRANT = re.compile(r"[0-9A-Za-z.:_-]{0,120}")
_ENCODED = re.compile(r"[!-~]{0,1024}")
_EXTENSION = re.compile(r"[0-9A-Za-z_-]{0,64}")

log = structlog.get_logger()


def receive(request: AgiRequest, settings: Settings) -> Passage | None:
    """Turn an AGI request into a passage.

    Returns:
        The passage; None if the request is not one our dialplan makes: forged or doubled header lines, missing or
        unknown arguments, names that the settings do not have.
    """
    if request.faults or request.network_script.partition("?")[0] != NETWORK_SCRIPT:
        return None
    pairs = [argument.partition("=")[::2] for argument in request.arguments]
    if [name for name, _ in pairs] != list(_NAMES):
        return None
    named = dict(pairs)
    entry, trunk = settings.entry_named(named["entry"]), settings.trunk_named(named["trunk"])
    if entry is None or trunk is None or trunk.name not in entry.trunks or not _sound(named):
        return None
    attempt = CallAttempt(
        passage=f"{settings.gate.pbx}.{named['passage']}",
        attempt=int(named["attempt"]),
        supersedes=_superseded(named, settings),
        nonce=named["nonce"],
        clinic=entry.clinic,
        entry=entry.context,
        trunk=trunk.name,
        extension=named["extension"],
        caller_id=named["caller"],
        dialled=unquote(named["dialled"]),
        origin=_ORIGINS.get(named["origin"], Origin.UNKNOWN),
    )
    return Passage(attempt=attempt, entry=entry, trunk=trunk)


def _passage_of(request: AgiRequest | None) -> str:
    """The passage that a request names, whatever else is wrong with it; "" for none."""
    named = [] if request is None else [argument.removeprefix("passage=") for argument in request.arguments]
    return next((name for name in named if _UUID.fullmatch(name)), "")


def _sound(named: dict[str, str]) -> bool:
    return (
        all(_UUID.fullmatch(named[name]) for name in ("passage", "nonce"))
        and _ATTEMPT.fullmatch(named["attempt"]) is not None
        and _GRANT.fullmatch(named["supersedes"]) is not None
        and _EXTENSION.fullmatch(named["extension"]) is not None
        and _ENCODED.fullmatch(named["dialled"]) is not None
    )


def _superseded(named: dict[str, str], settings: Settings) -> str:
    """The hold of this passage's earlier trunk attempt: never a stranger's, and "" for a grant that was no hold."""
    grant = named["supersedes"]
    return grant if grant.startswith(f"{settings.gate.pbx}.{named['passage']}.") else ""


class Server:
    """Listens, and takes each connection through receive, decide and answer."""

    def __init__(self, settings: Settings, gate: Gate, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._gate = gate
        self._clock = clock
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> asyncio.Server:
        """Open the port.

        Raises:
            OSError: if it is taken.
        """
        host, _, port = self._settings.gate.listen.rpartition(":")
        return await asyncio.start_server(self._accept, host.strip("[]"), int(port), backlog=BACKLOG)

    async def drain(self) -> None:
        """Wait until the calls that are being decided have their answer, for at most `DRAIN_S`."""
        if self._connections:
            await asyncio.wait(self._connections, timeout=DRAIN_S)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connected(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. The one broad catch of the daemon: whatever fails here, the dialplan gets no verdict."""
        session, request = AgiSession(), None
        try:
            async with asyncio.timeout(HEADER_DEADLINE_S):
                request = await _request(reader, session)
            if request is not None:
                await self._call(request, reader, writer, session)
        except (TimeoutError, ConnectionError, ProtocolError) as error:
            log.warning("connection.dropped", cause=type(error).__name__)
        except Exception:
            log.exception("call.failed", call=_passage_of(request))
        finally:
            writer.close()

    async def _call(
        self, request: AgiRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: AgiSession
    ) -> None:
        if request.network_script == PING_SCRIPT:
            return
        passage = receive(request, self._settings)
        if passage is None:
            log.warning("request.refused", faults=len(request.faults), arguments=len(request.arguments))
            return
        verdict = await self._gate.decide(passage, self._clock())
        is_confirmed = False
        try:
            _log_verdict(passage, verdict)
            writer.write(set_variable(VERDICT_VARIABLE, token(verdict, passage.attempt.nonce)))
            # Asterisk runs commands that were sent together only once the sending side is closed (facts/asterisk.md 2).
            writer.write_eof()
            is_confirmed = await _confirmed(reader, session)
        finally:
            if not is_confirmed:
                await self._take_back(passage, verdict)

    async def _take_back(self, passage: Passage, verdict: Verdict) -> None:
        """Void a grant that Asterisk never confirmed: a gate that was too late must not keep the money."""
        match verdict:
            case Grant() if verdict.grant_id != EMERGENCY_GRANT:
                await self._gate.ledger.void(passage.attempt.clinic, verdict.grant_id)
                log.warning("grant.unconfirmed", call=passage.attempt.passage, grant=verdict.grant_id)
            case Grant() | Refusal():
                pass


async def _request(reader: asyncio.StreamReader, session: AgiSession) -> AgiRequest | None:
    """Read until the request is whole; None at the end of the input. What comes with it was said too early."""
    while data := await reader.read(_READ_BYTES):
        for event in session.receive(data):
            if isinstance(event, AgiRequest):
                return event
    return None


async def _confirmed(reader: asyncio.StreamReader, session: AgiSession) -> bool:
    """Wait for ``200 result=1``: only then has the dialplan the verdict."""
    try:
        async with asyncio.timeout(REPLY_DEADLINE_S):
            while data := await reader.read(_READ_BYTES):
                reply = _final(session.receive(data))
                if reply is not None:
                    return reply.code is ReplyCode.OK and reply.result == 1
    except (TimeoutError, ConnectionError, ProtocolError) as error:
        log.warning("reply.missing", cause=type(error).__name__)
    return False


def _final(events: list[Event]) -> Reply | None:
    replies = (event for event in events if isinstance(event, Reply) and event.code is not ReplyCode.TRYING)
    return next(replies, None)


def _log_verdict(passage: Passage, verdict: Verdict) -> None:
    attempt = passage.attempt
    bound = log.bind(
        call=attempt.passage, clinic=attempt.clinic, extension=attempt.extension, dialled=mask(attempt.dialled)
    )
    match verdict:
        case Grant():
            bound.info("call.granted", seconds=verdict.seconds, held_micros=verdict.held_micros, trunk=attempt.trunk)
        case Refusal():
            bound.info("call.refused", reasons=[reason.value for reason in verdict.reasons])


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
