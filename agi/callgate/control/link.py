"""The one connection to Asterisk's manager interface: log in, keep alive, and connect again for ever."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from callgate.control.ami import AmiDecoder, Message, NotAmiError, UnsafeFieldError, action

ANSWER_S = 1.0
"""Asterisk answers within a millisecond or so; nobody may wait longer for one that does not."""
LOGIN_S = 5.0
LIST_S = 5.0
PING_PAUSE_S = 5.0
PING_ANSWER_S = 3.0
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REFUSED_RETRY_S = 30.0
"""Whoever guesses at secrets is banned (fail2ban); we have one, and it is wrong until somebody mends it."""
UNSENT_MAX_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024

log = structlog.get_logger()


class LinkRefusedError(Exception):
    """Asterisk does not let us in, or is no Asterisk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the manager interface listens, and how to log in.

    Fields:
        secret_file: read at each login, so that a new secret needs no restart.
    """

    host: str
    port: int
    user: str
    secret_file: Path


class Listener:
    """Hears what comes over a link."""

    async def opened(self) -> None:
        """The login is done, and events come already."""

    def heard(self, message: Message) -> None:
        """An event came. Nothing here may wait or raise."""

    def lost(self) -> None:
        """The link is gone; tried again for ever."""


@dataclass(slots=True)
class _Awaited:
    """An action that was sent: its answer, None if the link is lost before, and the list that may follow."""

    answer: asyncio.Future[Message | None]
    items: list[Message] = field(default_factory=list)
    is_whole: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """A link to one Asterisk. `run` keeps it up; actions are sent in the order in which they are asked.

    Args:
        account: where, and as whom.
        wanted: as `AmiDecoder`.
        listener: is told what comes.
    """

    def __init__(self, account: Account, wanted: Mapping[str, str], listener: Listener) -> None:
        self._account = account
        self._wanted = wanted
        self._listener = listener
        self._writer: asyncio.StreamWriter | None = None
        self._awaited: dict[str, _Awaited] = {}
        self._session = ""
        self._sent = 0
        self._tries = 0
        self._told = ""

    async def run(self) -> None:
        """Connect, and connect again whenever the connection ends, until cancelled."""
        while True:
            pause_s = RETRY_S[min(self._tries, len(RETRY_S) - 1)]
            self._tries += 1
            try:
                await self._connected()
            except* LinkRefusedError as problems:
                self._say("control.refused", problems)
                pause_s = REFUSED_RETRY_S
            except* (OSError, NotAmiError, UnsafeFieldError, UnicodeDecodeError) as problems:
                self._say("control.unlinked", problems)
            await asyncio.sleep(pause_s)

    async def ask(self, name: str, **fields: str) -> Message | None:
        """Send an action and wait for its answer, for at most `ANSWER_S`.

        Returns:
            None without a link or an answer.

        Raises:
            UnsafeFieldError: a field would end its line.
        """
        return await self._ask(name, fields, ANSWER_S)

    async def ask_list(self, name: str, **fields: str) -> list[Message] | None:
        """Send an action that is answered by a list, and wait for its end.

        Returns:
            The list's events; None without a link, an answer or an end within `LIST_S`.

        Raises:
            UnsafeFieldError: a field would end its line.
        """
        with self._sent_action(name, fields) as awaited, suppress(TimeoutError):
            async with asyncio.timeout(LIST_S):
                answer = await awaited.answer
                if answer is not None and answer.is_success:
                    await awaited.is_whole.wait()
                    return awaited.items
        return None

    async def _ask(self, name: str, fields: Mapping[str, str], within_s: float) -> Message | None:
        with self._sent_action(name, fields) as awaited, suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                return await awaited.answer
        return None

    @contextmanager
    def _sent_action(self, name: str, fields: Mapping[str, str]) -> Iterator[_Awaited]:
        """Send an action and be ready for its answer."""
        awaited = _Awaited(asyncio.get_running_loop().create_future())
        self._sent += 1
        action_id = f"{self._session}.{self._sent}"
        raw = action(name, {**fields, "ActionID": action_id})
        if self._writer is None or self._writer.is_closing():
            awaited.answer.set_result(None)
        else:
            self._awaited[action_id] = awaited
            self._writer.write(raw)
            if self._writer.transport.get_write_buffer_size() > UNSENT_MAX_BYTES:
                self._writer.transport.abort()
        try:
            yield awaited
        finally:
            self._awaited.pop(action_id, None)

    async def _connected(self) -> None:
        """One connection, from its first byte to its last."""
        async with asyncio.timeout(LOGIN_S):
            reader, writer = await asyncio.open_connection(self._account.host, self._account.port)
        self._writer = writer
        # An answer that somebody forges from inside an event would have to name this.
        self._session = secrets.token_hex(8)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(reader))
                tasks.create_task(self._keep())
        finally:
            self._writer = None
            writer.close()
            for awaited in self._awaited.values():
                if not awaited.answer.done():
                    awaited.answer.set_result(None)
            self._listener.lost()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = AmiDecoder(self._wanted)
        while data := await reader.read(_READ_BYTES):
            for message in decoder.receive(data):
                self._take(message)
        raise ConnectionResetError("Asterisk has closed the connection")

    def _take(self, message: Message) -> None:
        awaited = self._awaited.get(message.last("ActionID"))
        if awaited is None:
            if not message.is_reply:
                self._listener.heard(message)
        elif message.is_reply:
            if not awaited.answer.done():
                awaited.answer.set_result(message)
        else:
            awaited.items.append(message)
            if message.last("EventList") == "Complete":
                awaited.is_whole.set()

    async def _keep(self) -> None:
        secret = self._account.secret_file.read_text(encoding="utf-8").strip()
        answer = await self._ask("Login", {"Username": self._account.user, "Secret": secret}, LOGIN_S)
        if answer is None:
            raise TimeoutError("no answer to the login")
        if not answer.is_success:
            raise LinkRefusedError(answer.last("Message"))
        self._tries, self._told = 0, ""
        await self._listener.opened()
        while True:
            await asyncio.sleep(PING_PAUSE_S)
            if await self._ask("Ping", {}, PING_ANSWER_S) is None:
                raise TimeoutError("no answer to a ping")

    def _say(self, event: str, problems: BaseExceptionGroup[Exception]) -> None:
        """Say what is wrong, and not again at each try."""
        problem = str(problems.exceptions[0]) or type(problems.exceptions[0]).__name__
        if problem != self._told:
            self._told = problem
            manager = f"{self._account.host}:{self._account.port}"
            log.error(event, manager=manager, user=self._account.user, problem=problem)
