"""The link to Redis: one script, one round trip, one deadline, one retry; every failure a value.

redis-py's own retries are off. Left on, one lost reply became 11 executions (facts/reliability.md 0.5). Ours repeats
once, and only scripts that may arrive twice.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from callgate.core.hold import Unavailable
from callgate.ledger.scripts import Script

CONNECTIONS_MAX = 64
FAILURES_TO_OPEN = 3
OPEN_S = 1.0
CIRCUIT_OPEN = "circuit_open"
"""The cause of an `Unavailable` for which nothing was sent at all."""

_WORTH_REPEATING = frozenset({"timeout", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long to wait, in seconds. Two tries at `answer_s` are all there is: less than 300 ms for one operation."""

    connect_s: float = 0.1
    free_connection_s: float = 0.05
    answer_s: float = 0.12


PROMPT = Deadlines()


def connect(url: str, deadlines: Deadlines = PROMPT) -> Redis:
    """Prepare a client; it connects when it is first used.

    Args:
        url: ``unix:///path``, ``redis://`` or ``rediss://``; a time-out or retry named in it does not count.
        deadlines: what may be waited for.

    Raises:
        ValueError: for another kind of address.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(url)
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
    )
    return Redis.from_pool(pool)


class ScriptRunner:
    """Runs scripts, and stops asking a store that does not answer.

    After `FAILURES_TO_OPEN` failures in a row nothing is sent for `OPEN_S`; the next operation then tries again, and
    one more failure closes the road for as long.

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
        self._failures = 0
        self._closed_until = 0.0

    async def run(self, script: Script, keys: tuple[str, ...], *arguments: str | bytes) -> object:
        """Run one script.

        Returns:
            The server's reply (lists, text and integers), or `Unavailable`.
        """
        if self._failures >= FAILURES_TO_OPEN and self._monotonic() < self._closed_until:
            return Unavailable(cause=CIRCUIT_OPEN)
        reply = await self._try(script, keys, arguments)
        if isinstance(reply, Unavailable) and reply.cause in _WORTH_REPEATING:
            reply = await self._try(script, keys, arguments)
        if isinstance(reply, Unavailable):
            self._failures += 1
            self._closed_until = self._monotonic() + OPEN_S
        else:
            self._failures = 0
        return reply

    async def _try(self, script: Script, keys: tuple[str, ...], arguments: tuple[str | bytes, ...]) -> object:
        try:
            async with asyncio.timeout(self._deadlines.answer_s):
                return await self._send(script, keys, arguments)
        except (OSError, RedisError) as error:
            return Unavailable(cause=_cause(error))

    async def _send(self, script: Script, keys: tuple[str, ...], arguments: tuple[str | bytes, ...]) -> object:
        try:
            return await self._client.evalsha(script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            # The server says so before it runs anything: sending the text is the same operation, not a second one.
            return await self._client.eval(script.source, len(keys), *keys, *arguments)


def _cause(error: Exception) -> str:
    # redis-py has a class for most codes (ReadOnlyError, BusyLoadingError ...), leaves the others in the text (MISCONF,
    # BUSY, INVALID ...) and strips a plain ERR.
    if type(error) is ResponseError:
        code = str(error).partition(" ")[0]
        return code.lower() if code.isupper() else "err"
    return type(error).__name__.removesuffix("Error").lower()
