"""FastAGI: the sockets and deadlines of the gate. One connection is one attempt: a question, a command, half-close."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

import structlog

from asterisk_agi import AgiRequest, AgiSession, Event, ProtocolError, Reply, ReplyCode, set_variable
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.verdict import EMERGENCY_GRANT, Grant, Refusal, Verdict, token
from callgate.core.wire import mask
from callgate.door import Door
from callgate.gate import Gate, Passage
from callgate.seal import Questions, Seal
from callgate.settings import Settings
from callgate.shared_nonces import SharedNonces
from callgate.told_once import ToldOnce
from callgate.turns import Turns

VERDICT_VARIABLE = "CALLGATE_VERDICT"
NETWORK_SCRIPT = "v1"
PING_SCRIPT = "ping"
"""`callgate status` asks for this one: it gets no answer, and the connection's end says that the gate lives."""
REPLY_DEADLINE_S = 1.0
DRAIN_S = 4.0
VOID_S = 0.5
"""Meanwhile the next worker waits for the journal, and calls for it."""
_READ_BYTES = 4096

_NAMES = (
    "entry",
    "trunk",
    "passage",
    "attempt",
    "nonce",
    "supersedes",
    "extension",
    "origin",
    "caller",
    "dialled",
    "asked",
    "seal",
)
_ORIGINS = {origin.value: origin for origin in Origin}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ATTEMPT = re.compile(r"[1-9][0-9]?")
_GRANT = re.compile(r"[0-9A-Za-z.:_-]{0,120}")
_ENCODED = re.compile(r"[!-~]{0,1024}")
_ASKED = re.compile(r"[0-9]{10}\.[0-9]{3}")
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
        and _ASKED.fullmatch(named["asked"]) is not None
    )


def _superseded(named: dict[str, str], settings: Settings) -> str:
    """The hold of this passage's earlier trunk attempt: never a stranger's, and "" for a grant that was no hold."""
    grant = named["supersedes"]
    return grant if grant.startswith(f"{settings.gate.pbx}.{named['passage']}.") else ""


class Server:
    """Listens, and takes each connection through receive, decide and answer."""

    def __init__(
        self,
        settings: Settings,
        gate: Gate,
        clock: Callable[[], datetime],
        seal: Seal | None,
        *,
        shared: SharedNonces,
    ) -> None:
        """Take what a call needs; without a `seal`, who asks is not asked who he is. For `shared` see `Questions`."""
        self._settings = settings
        self._gate = gate
        self._clock = clock
        self._seal = seal
        self._questions = Questions(shared)
        self._connections: set[asyncio.Task[None]] = set()
        self._complaints = ToldOnce()
        self._turns = Turns()
        self._door = Door(settings.gate.waiting_max, self._welcome, self._complaints)

    async def listen(self, listening: socket.socket) -> Door:
        """Take calls from a socket that listens (`callgate.listening`); its other holders go on listening."""
        self._door.open(listening)
        return self._door

    async def drain(self) -> None:
        """Wait until the calls that are here have their answer, for at most `DRAIN_S`, and void the doubtful holds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._door.emptied()
                while self._connections:
                    await asyncio.wait(self._connections)
        # Nobody else knows of them: until they lapse they would have a line and money.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VOID_S):
                await self._gate.ledger.void_doubtful()

    def _welcome(self, link: socket.socket, session: AgiSession, request: AgiRequest) -> None:
        connection = asyncio.create_task(self._connected(link, session, request))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connected(self, link: socket.socket, session: AgiSession, request: AgiRequest) -> None:
        """One call. The one broad catch of the daemon: whatever fails here, the dialplan gets no verdict."""
        with link:
            try:
                passage = self._received(request)
                if passage is not None:
                    await self._call(passage, link, session)
            except ConnectionError as error:
                self._complaints.warn("connection.dropped", type(error).__name__)
            except Exception:
                log.exception("call.failed", call=_passage_of(request))

    async def _call(self, passage: Passage, link: socket.socket, session: AgiSession) -> None:
        verdict = await self._gate.decide(passage, self._clock())
        is_confirmed = False
        try:
            if isinstance(verdict, Refusal):
                await self._turns.turn((passage.attempt.clinic, passage.attempt.extension))
            _log_verdict(passage, verdict)
            answer = token(verdict, passage.attempt.nonce)
            sealed = self._seal.sealed(answer) if self._seal else answer
            await asyncio.get_running_loop().sock_sendall(link, set_variable(VERDICT_VARIABLE, sealed))
            # Asterisk runs commands that were sent together only once the sending side is closed (facts/asterisk.md 2).
            link.shutdown(socket.SHUT_WR)
            is_confirmed = await _confirmed(link, session)
        finally:
            if not is_confirmed:
                await self._take_back(passage, verdict)

    def _received(self, request: AgiRequest) -> Passage | None:
        """The passage of a sound question that our dialplan asks now, and for the first time."""
        if request.network_script == PING_SCRIPT:
            return None
        if self._seal is not None and not self._seal.is_on(request.arguments):
            self._complaints.warn("request.refused", "no seal")
            return None
        passage = receive(request, self._settings)
        if passage is None:
            self._complaints.warn("request.refused", "forged lines" if request.faults else "not our dialplan's")
        elif not self._questions.is_new(passage.attempt.nonce, _asked(request), self._clock()):
            self._complaints.warn("request.refused", "asked before")
            return None
        return passage

    async def _take_back(self, passage: Passage, verdict: Verdict) -> None:
        """Void a grant that Asterisk never confirmed: a gate that was too late must not keep the money."""
        match verdict:
            case Grant() if verdict.grant_id != EMERGENCY_GRANT:
                await self._gate.ledger.void(passage.attempt.clinic, verdict.grant_id)
                log.warning("grant.unconfirmed", call=passage.attempt.passage, grant=verdict.grant_id)
            case Grant() | Refusal():
                pass


def _asked(request: AgiRequest) -> float:
    """When the dialplan asked; `receive` has proven that it says so."""
    return float(request.arguments[_NAMES.index("asked")].partition("=")[2])


async def _confirmed(link: socket.socket, session: AgiSession) -> bool:
    """Wait for ``200 result=1``: only then has the dialplan the verdict."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(REPLY_DEADLINE_S):
            while data := await loop.sock_recv(link, _READ_BYTES):
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
