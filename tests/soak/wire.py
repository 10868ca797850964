"""A link to Redis that treats scripts as a bad network does: twice, late, out of order, or executed without an answer.

Lateness is counted in messages and not in time, so that one task with one seed always meets the same trouble.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

TWICE, LATE, MUTE = 0.12, 0.08, 0.05
"""Shares of messages that arrive again later, only later, or whose answer is lost."""
LATER_MAX = 60
"""A late message is overtaken by at most so many others."""

Word = str | bytes | int
_Execute = Callable[..., Awaitable[object]]

_in_trouble: ContextVar[bool] = ContextVar("in_trouble", default=False)


def forget_trouble() -> None:
    """Begin to look whether a message of this task meets trouble."""
    _in_trouble.set(False)


def met_trouble() -> bool:
    """Say whether one did: what it asked for may happen later, whatever was answered."""
    return _in_trouble.get()


@dataclass(slots=True)
class Traffic:
    """How many messages were sent, and how many of them arrived twice, late or without an answer."""

    messages: int = 0
    troubled: int = 0


class RoughRedis(Redis):
    """A client whose scripts meet trouble.

    Args:
        pool: of a client from `callgate.ledger.client.connect`.
        chance: what decides.
        traffic: where it counts.
    """

    def __init__(self, pool: ConnectionPool, chance: Random, traffic: Traffic) -> None:
        super().__init__(connection_pool=pool)
        self._execute: _Execute = super().execute_command
        self._chance = chance
        self._traffic = traffic
        # Which message lets it pass, and what is sent then.
        self._waiting: list[tuple[int, tuple[Word, ...]]] = []

    async def execute_command(self, *args: Word, **options: object) -> object:
        """Send a command; a script may meet trouble."""
        if args[0] not in {"EVALSHA", "EVAL"}:
            return await self._execute(*args, **options)
        self._traffic.messages += 1
        await self._let_pass()
        try:
            return await self._send(args)
        except BaseException:
            _in_trouble.set(True)
            raise

    async def deliver_all(self) -> None:
        """Let everything arrive that is still under way."""
        while self._waiting:
            await self._deliver(self._waiting.pop()[1])

    async def _send(self, args: tuple[Word, ...]) -> object:
        luck = self._chance.random()
        if luck >= TWICE + LATE + MUTE:
            return await self._execute(*args)
        self._traffic.troubled += 1
        if luck < TWICE + LATE:
            due = self._traffic.messages + self._chance.randint(1, LATER_MAX)
            self._waiting.append((due, args))
        if luck < TWICE:
            _in_trouble.set(True)
            return await self._execute(*args)
        if luck >= TWICE + LATE:
            await self._execute(*args)
        raise RedisTimeoutError

    async def _let_pass(self) -> None:
        due = [command for message, command in self._waiting if message <= self._traffic.messages]
        self._waiting = [late for late in self._waiting if late[0] > self._traffic.messages]
        for command in due:
            await self._deliver(command)

    async def _deliver(self, command: tuple[Word, ...]) -> None:
        with suppress(RedisError, OSError):
            await self._execute(*command)
