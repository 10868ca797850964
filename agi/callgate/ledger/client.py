"""The link to Redis: one script, one round trip, one deadline, one retry; every failure a value.

redis-py's own retries are off. Left on, one lost reply became 11 executions (facts/reliability.md 0.5). Ours repeats
once, and only scripts that may arrive twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from callgate.core.hold import Unavailable
from callgate.ledger.address import Endpoint, StoreKind, read_address
from callgate.ledger.primaries import ClusterDirectory, Command, Primaries, SentinelDirectory, exchange
from callgate.ledger.scripts import Script

CONNECTIONS_MAX = 64
FAILURES_TO_OPEN = 3
OPEN_S = 1.0
CIRCUIT_OPEN = "circuit_open"
"""The cause of an `Unavailable` for which nothing was sent at all."""
TOO_FEW_REPLICAS = "replicas"
"""The cause of an `Unavailable` that the primary carried out, and too few replicas acknowledged in time."""

_GREETED_WITHIN = 4 / 3
_REPEATED_WITHIN = 1.5
"""In deadlines of an answer: a first try may connect for so long; one that took longer has left no time for another."""
_WORTH_REPEATING = frozenset({"timeout", "connection"})
_NOT_PRIMARY = "readonly"
_BEFORE_AUTH = "unauthenticated"
"""Is in what a server answers, instead of NOAUTH, to a command of more than ten words without a password."""
_Done = TypeVar("_Done")
Argument = str | bytes | Callable[[], bytes]
"""Of a script; one that can be called is made anew for each try."""
_ANSWERED = frozenset({"invalid", "err"})
"""A server that will not take what it is given has answered: the next request may be another matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long to wait, in seconds. Whatever is repeated is so within 1.5 `answer_s`: all of it takes at most 300 ms.

    `replicas` that many must acknowledge what a costly call depends on, within `replica_s`; 0: the primary suffices.
    """

    connect_s: float = 0.1
    free_connection_s: float = 0.05
    answer_s: float = 0.12
    replica_s: float = 0.05
    replicas: int = 0


PROMPT = Deadlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What opens a store that asks who is there; each has its default in the address.

    Fields:
        password_file: read at each connection, so that a new password needs no restart.
        ca: the certificate that vouches for the servers, a PEM file; None for those of the system.
        certificate: of this gate, a PEM file, where servers want one; `key` is its key.
        key: see there.
    """

    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


BY_ADDRESS = Access()


class PasswordFile(CredentialProvider):
    """Reads a password from its file at each connection; the last line break is none of it."""

    def __init__(self, file: Path, username: str | None) -> None:
        self._file = file
        self._username = username

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Give what AUTH is sent with.

        Raises:
            OSError: if the file cannot be read.
        """
        password = self._file.read_text("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Give what AUTH is sent with."""
        return self.get_credentials()


class _Pool(BlockingConnectionPool):
    """Connections to one server: one more than are in use, so that a second call at a time waits for no greeting."""

    _spare: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the next one that is taken has been greeted by the server, which has not closed it since."""
        return bool(self._available_connections) and _is_open(self._available_connections[-1])

    async def get_connection(self, *names: object, **options: object) -> AbstractConnection:
        """Take one, and have another opened unless there is one; also if there was no time to wait for this one."""
        try:
            connection: AbstractConnection = await super().get_connection(*names, **options)  # type: ignore[no-untyped-call]
        finally:
            if not self.is_ready and self.can_get_connection() and (self._spare is None or self._spare.done()):
                self._spare = asyncio.create_task(self._open_spare())
        return connection

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Connect it, and be greeted; one that was not is open to nobody."""
        try:
            await super().ensure_connection(connection)
        except BaseException:
            await _hang_up(connection)
            raise

    async def release(self, connection: AbstractConnection) -> None:
        """Give one back; the last that was given back is the next to be taken, but an open one goes first."""
        await super().release(connection)
        self._available_connections.sort(key=_is_open)

    async def _open_spare(self) -> None:
        # What is wrong is told to who needs a connection next.
        with suppress(OSError, RedisError):
            await self.release(await super().get_connection())  # type: ignore[no-untyped-call]

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002  # redis-py's
        """Close them, with the one that is being opened, which leads where they led."""
        if self._spare is not None:
            self._spare.cancel()
            await asyncio.wait([self._spare])
        for connection in (*self._available_connections, *(self._in_use_connections if inuse_connections else ())):
            await _hang_up(connection)


async def _hang_up(connection: AbstractConnection) -> None:
    """Close one at once: under TLS a close takes both sides, and a server that hangs keeps no call waiting."""
    writer = connection._writer  # noqa: SLF001  # redis-py's own way waits
    if writer is not None:
        writer.transport.abort()
    await connection.disconnect(nowait=True)


def _is_open(connection: AbstractConnection) -> bool:
    """Whether both sides have a connection open, as far as this side has heard."""
    reader = connection._reader  # noqa: SLF001  # whoever asks redis-py has to wait
    return reader is not None and connection.is_connected and not reader.at_eof()


def connect(url: str, deadlines: Deadlines = PROMPT, access: Access = BY_ADDRESS) -> Redis:
    """Prepare a client; it connects when it is first used.

    Args:
        url: see `address`; a time-out or retry named in it does not count.
        deadlines: what may be waited for.
        access: passwords and certificates.

    Returns:
        A client for one server, or for all primaries of a cluster or sentinels.

    Raises:
        ValueError: for another kind of address. The sentence never holds the address, which may hold a password.
    """
    address = read_address(url)

    def open_node(endpoint: Endpoint) -> Redis:
        return _one_server(address.url_of(endpoint), deadlines, access)

    def open_sentinel(endpoint: Endpoint) -> Redis:
        told = access if address.asks_sentinels_as_user else replace(access, password_file=None)
        return _one_server(address.sentinel_url_of(endpoint), deadlines, told)

    match address.kind:
        case StoreKind.ONE:
            return _one_server(address.url, deadlines, access)
        case StoreKind.CLUSTER:
            open_node(address.seeds[0])  # so that a fault in the address is told now
            return Primaries(ClusterDirectory(address.seeds, open_node), open_node)
        case StoreKind.SENTINEL:
            open_node(address.seeds[0])
            return Primaries(SentinelDirectory(address.seeds, open_sentinel, address.name), open_node)


def _one_server(url: str, deadlines: Deadlines, access: Access) -> Redis:
    try:
        # Said here, or a connection that the server has closed meanwhile would be given out: with "auto", the default,
        # what it has to say might be a notification.
        pool: _Pool = _Pool.from_url(url, maint_notifications_config=MaintNotificationsConfig(enabled=False))
    except ValueError:
        raise ValueError("its port, or a word after the question mark, cannot be read") from None
    pool.max_connections = CONNECTIONS_MAX
    pool.timeout = deadlines.free_connection_s
    # Set after the address was read, whose query would otherwise win.
    pool.connection_kwargs.update(
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        retry_on_error=[],
        socket_connect_timeout=deadlines.connect_s,
        socket_timeout=deadlines.answer_s,
        health_check_interval=0,
        protocol=2,
        decode_responses=True,
        driver_info=None,  # it would send CLIENT SETINFO, which an ACL then has to allow
    )
    _unlock(pool, access)
    try:
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, RedisError):
        raise ValueError("a word after the question mark is not known, or needs rediss://") from None
    return Redis.from_pool(pool)


def _unlock(pool: BlockingConnectionPool, access: Access) -> None:
    files = {"ssl_ca_certs": access.ca, "ssl_certfile": access.certificate, "ssl_keyfile": access.key}
    pool.connection_kwargs.update({name: str(file) for name, file in files.items() if file is not None})
    if access.password_file is not None:
        username = pool.connection_kwargs.pop("username", None)
        if pool.connection_kwargs.pop("password", None) is not None:
            raise ValueError("it holds a password, and a file holds another")
        pool.connection_kwargs["credential_provider"] = PasswordFile(access.password_file, username)


@dataclass(frozen=True, slots=True)
class Unreplicated:
    """The primary carried it out and said `reply`; not enough replicas acknowledged it in time."""

    reply: object


@dataclass(slots=True)
class _Circuit:
    """The failures in a row of one server, until when it is not asked, and why the last one failed."""

    failures: int = 0
    closed_until: float = 0.0
    cause: str = ""


class ScriptRunner:
    """Runs scripts, and stops asking a server that does not answer.

    After `FAILURES_TO_OPEN` failures in a row nothing is sent to it for `OPEN_S`; the next operation then tries again,
    and one more failure closes the road for as long. Of a cluster, each primary has its own count.

    Args:
        client: from `connect`.
        deadlines: the same as its.
        monotonic: seconds that only go forward.
    """

    def __init__(
        self, client: Redis, deadlines: Deadlines = PROMPT, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._deadlines = deadlines
        self._monotonic = monotonic
        self._circuits: dict[Endpoint | None, _Circuit] = {}

    async def run(
        self, script: Script, keys: tuple[str, ...], *arguments: Argument, replicated: bool = False
    ) -> object:
        """Run one script.

        Args:
            script: which.
            keys: all of one clinic.
            arguments: as the script wants them.
            replicated: whether replicas must acknowledge it. A repetition may find its work done and write nothing, so
                that nobody can acknowledge it: it counts as not replicated.

        Returns:
            The server's reply (lists, text and integers), or `Unavailable`, or `Unreplicated` if that was asked.
        """
        owner = self._client.owner(keys[0]) if isinstance(self._client, Primaries) else None
        circuit = self._circuits.get(owner, _Circuit())
        if circuit.failures >= FAILURES_TO_OPEN and self._monotonic() < circuit.closed_until:
            return Unavailable(cause=CIRCUIT_OPEN, last_cause=circuit.cause)
        wanted = self._deadlines.replicas if replicated else 0
        reply: object
        reply, spent_s = await self._within(_GREETED_WITHIN * self._deadlines.answer_s, self._greet())
        is_sent = not isinstance(reply, Unavailable)
        if is_sent:
            reply, asked_s = await self._try(script, keys, arguments, wanted)
            spent_s += asked_s
        if spent_s < _REPEATED_WITHIN * self._deadlines.answer_s and self._is_worth_repeating(reply):
            reply, _ = await self._try(script, keys, arguments, 0 if is_sent else wanted)
            if is_sent and wanted and not isinstance(reply, Unavailable):
                reply = Unreplicated(reply)
        if isinstance(reply, Unavailable) and reply.cause not in _ANSWERED:
            closed_until = self._monotonic() + OPEN_S
            self._circuits[owner] = _Circuit(circuit.failures + 1, closed_until, reply.cause)
        else:
            self._circuits.pop(owner, None)
        return reply

    def _is_worth_repeating(self, reply: object) -> bool:
        if not isinstance(reply, Unavailable):
            return False
        # A server that is a replica now has carried nothing out, and the next look-up names another.
        has_others = isinstance(self._client, Primaries)
        return reply.cause in _WORTH_REPEATING or (reply.cause == _NOT_PRIMARY and has_others)

    async def _try(
        self, script: Script, keys: tuple[str, ...], arguments: tuple[Argument, ...], wanted: int
    ) -> tuple[object, float]:
        made = tuple(argument() if callable(argument) else argument for argument in arguments)
        replies, spent_s = await self._within(self._deadlines.answer_s, self._send(script, keys, made, wanted))
        if isinstance(replies, Unavailable):
            return replies, spent_s
        reply, *acknowledged = replies
        if acknowledged and acknowledged[0] < wanted:
            return Unreplicated(reply), spent_s
        return reply, spent_s

    async def _within(self, limit_s: float, doing: Awaitable[_Done]) -> tuple[_Done | Unavailable, float]:
        """Wait for it; gives the seconds it took, too: no more than it had, for in the others this process stood still.

        A reply that came in while it did so can then be asked for again.
        """
        began_s = self._monotonic()
        done: _Done | Unavailable
        try:
            async with asyncio.timeout(limit_s):
                done = await doing
        except (OSError, RedisError) as error:
            done = Unavailable(cause=_cause(error))
            if done.cause == _NOT_PRIMARY:
                # Its name may lead to another server by now: the next command connects again.
                await self._client.connection_pool.disconnect(inuse_connections=False)
        return done, min(self._monotonic() - began_s, limit_s)

    async def _greet(self) -> None:
        """Have a connection that the server has greeted, which takes an answer of its own where it wants a name."""
        pool = self._client.connection_pool
        if isinstance(pool, _Pool) and not pool.is_ready:
            await pool.release(await pool.get_connection())

    async def _send(
        self, script: Script, keys: tuple[str, ...], arguments: tuple[str | bytes, ...], wanted: int
    ) -> list[Any]:
        wait: tuple[Command, ...] = (("WAIT", wanted, int(self._deadlines.replica_s * 1000)),) if wanted else ()
        rest = (len(keys), *keys, *arguments)
        try:
            return await self._exchange(keys[0], ("EVALSHA", script.sha, *rest), *wait)
        except NoScriptError:
            # The server says so before it runs anything: sending the text is the same operation, not a second one.
            return await self._exchange(keys[0], ("EVAL", script.source, *rest), *wait)

    async def _exchange(self, key: str, *commands: Command) -> list[Any]:
        if isinstance(self._client, Primaries):
            return await self._client.exchange(key, *commands)
        return await exchange(self._client, *commands)


def _cause(error: Exception) -> str:
    # redis-py has a class for most codes (ReadOnlyError, BusyLoadingError ...), leaves the others in the text (MISCONF,
    # BUSY, INVALID ...) and strips a plain ERR.
    if type(error) is ResponseError:
        if _BEFORE_AUTH in str(error):
            return "authentication"
        code = str(error).partition(" ")[0]
        return code.lower() if code.isupper() else "err"
    return type(error).__name__.removesuffix("Error").lower()
