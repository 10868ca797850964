"""A client of many servers, of which one is the primary of a clinic: in a cluster that of its slot, else the only one.

redis-py's own clients for this repeat commands, follow 16 redirects and look the whole cluster up in the middle of a
call. This one has no patience of its own: whoever calls bounds it. A primary that failed in any way is looked up again
before the next command, at most every `LOOK_AGAIN_S`, and a refusal that names another node is followed
`REDIRECTS_MAX` times.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, InvalidResponse, MovedError, NoScriptError, RedisError

from callgate.ledger.address import Endpoint

LOOK_AGAIN_S = 0.25
REDIRECTS_MAX = 2
SLOTS = 16_384

_NO_HOST = (None, "", "?")

Command = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The slots, first and last, of one primary."""

    first: int
    last: int
    primary: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What one look-up found: who owns which slots, and who may be asked the next time."""

    shares: tuple[Share, ...]
    witnesses: tuple[Endpoint, ...]


class Directory(ABC):
    """Whoever knows the primaries.

    Args:
        seeds: who is asked first.
        open_link: a client for one of them; closed after each question.
    """

    question: Command

    def __init__(self, seeds: tuple[Endpoint, ...], open_link: Callable[[Endpoint], Redis]) -> None:
        self.seeds = seeds
        self._open_link = open_link

    async def ask(self, witness: Endpoint) -> Layout:
        """Ask one of them.

        Raises:
            RedisError, OSError: if it does not answer, or knows no primary.
        """
        async with self._open_link(witness) as link:
            link.connection_pool.max_connections = 1
            (reply,) = await exchange(link, self.question)
        try:
            return self.read(reply, witness)
        except (IndexError, TypeError, ValueError) as error:
            raise InvalidResponse(str(error)) from None

    @abstractmethod
    def read(self, reply: list[Any] | None, witness: Endpoint) -> Layout:
        """Read what one of them answered."""


class ClusterDirectory(Directory):
    """The nodes of a cluster; all of them can be asked, replicas too."""

    question = ("CLUSTER", "SLOTS")

    def read(self, reply: list[Any] | None, witness: Endpoint) -> Layout:
        """Read rows of slots.

        Raises:
            ClusterDownError: if there are none.
        """
        if not reply:
            raise ClusterDownError("no slot has an owner")
        # Each row: first slot, last slot, the primary, its replicas; a node: host, port, id. A node that does not know
        # its own name leaves the host out: it is the one that was reached.
        nodes = [[Endpoint(witness.host if n[0] in _NO_HOST else n[0], n[1]) for n in row[2:]] for row in reply]
        shares = [Share(first=row[0], last=row[1], primary=own[0]) for row, own in zip(reply, nodes, strict=True)]
        found = [node for own in nodes for node in own]
        return Layout(shares=tuple(shares), witnesses=tuple(dict.fromkeys((*found, *self.seeds))))


class SentinelDirectory(Directory):
    """Sentinels, each of which knows the primary by its name."""

    def __init__(self, seeds: tuple[Endpoint, ...], open_link: Callable[[Endpoint], Redis], name: str) -> None:
        super().__init__(seeds, open_link)
        self.question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)

    def read(self, reply: list[Any] | None, witness: Endpoint) -> Layout:
        """Read host and port.

        Raises:
            ClusterDownError: if it does not know the name.
        """
        if reply is None:
            raise ClusterDownError(f"{witness} knows no such primary")
        primary = Endpoint(reply[0], int(reply[1]))
        return Layout(shares=(Share(first=0, last=SLOTS - 1, primary=primary),), witnesses=self.seeds)


class Primaries(Redis):
    """Sends each command to the primary of its key.

    The key is the second word, or the third after EVAL and EVALSHA; a command without one goes to any primary.

    Args:
        directory: who knows the primaries.
        open_node: a client for one of them.
        monotonic: seconds that only go forward.
    """

    def __init__(
        self,
        directory: Directory,
        open_node: Callable[[Endpoint], Redis],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # The base class has a link of its own, which is never used: this name leads nowhere (RFC 2606).
        super().__init__(host="primaries.invalid")
        self._directory = directory
        self._open_node = open_node
        self._monotonic = monotonic
        self._witnesses = directory.seeds
        self._owners: dict[int, Endpoint] = {}
        self._nodes: dict[Endpoint, Redis] = {}
        self._is_doubtful = True
        self._look_at = monotonic()
        self._looking = asyncio.Lock()

    def owner(self, key: str) -> Endpoint | None:
        """Name the primary of a key, as far as is known now."""
        return self._owners.get(key_slot(key.encode()))

    async def every(self) -> dict[Endpoint, Redis]:
        """Look all primaries up that own a slot.

        Raises:
            ClusterDownError: if none is found.
        """
        await self._look_up()
        if not self._owners:
            raise ClusterDownError("no primary is known")
        return {endpoint: self._node(endpoint) for endpoint in dict.fromkeys(self._owners.values())}

    async def exchange(self, key: str, *commands: Command) -> list[Any]:
        """Send some commands to the primary of a key, in one round trip on one connection.

        Returns:
            Their replies.

        Raises:
            RedisError, OSError: the first that was an error; the commands after it were carried out nevertheless.
        """
        try:
            return await self._follow(key, commands)
        except NoScriptError:
            raise
        except BaseException:
            # Also where the caller's patience ended: whoever did not answer may not be the primary any more, and is the
            # last to be asked who is.
            self._is_doubtful = True
            owner = self.owner(key)
            self._witnesses = tuple(sorted(self._witnesses, key=lambda witness: witness == owner))
            raise

    async def _follow(self, key: str, commands: tuple[Command, ...]) -> list[Any]:
        if self._is_doubtful:
            await self._look_up()
        slot = key_slot(key.encode())
        if slot not in self._owners:
            raise ClusterDownError("no primary is known")
        owner, asking = self._owners[slot], False
        for _ in range(REDIRECTS_MAX):
            try:
                return await self._send(owner, commands, asking=asking)
            except MovedError as moved:
                owner, asking = self._learn(slot, owner, moved), False
            except AskError as elsewhere:
                owner, asking = _named(owner, elsewhere), True
        return await self._send(owner, commands, asking=asking)

    async def _send(self, owner: Endpoint, commands: tuple[Command, ...], *, asking: bool) -> list[Any]:
        if asking:
            return (await exchange(self._node(owner), ("ASKING",), *commands))[1:]
        return await exchange(self._node(owner), *commands)

    def _learn(self, slot: int, owner: Endpoint, moved: MovedError) -> Endpoint:
        self._is_doubtful = True
        self._owners[slot] = _named(owner, moved)
        return self._owners[slot]

    def _node(self, endpoint: Endpoint) -> Redis:
        if endpoint not in self._nodes:
            self._nodes[endpoint] = self._open_node(endpoint)
        return self._nodes[endpoint]

    async def _look_up(self) -> None:
        async with self._looking:
            if not self._is_doubtful or self._monotonic() < self._look_at:
                return
            for _ in self._witnesses:
                # Taken in turn, also if a look-up is cut short: one that hangs is not asked again and again.
                witness, *others = self._witnesses
                self._witnesses = (*others, witness)
                try:
                    layout = await self._directory.ask(witness)
                except (OSError, RedisError):
                    continue
                await self._take(layout)
                break
            self._look_at = self._monotonic() + LOOK_AGAIN_S

    async def _take(self, layout: Layout) -> None:
        self._owners = {slot: s.primary for s in layout.shares for slot in range(s.first, s.last + 1)}
        self._witnesses = tuple(sorted(layout.witnesses, key=self._turn))
        self._is_doubtful = False
        for endpoint in self._nodes.keys() - self._owners.values():
            await self._nodes.pop(endpoint).aclose()

    def _turn(self, witness: Endpoint) -> int:
        return self._witnesses.index(witness) if witness in self._witnesses else -1

    async def execute_command(self, *args: str | bytes | int, **_options: object) -> object:
        """Send one command to the primary of its key; see the class."""
        position = 3 if str(args[0]).upper() in {"EVAL", "EVALSHA"} else 1
        key = str(args[position]) if len(args) > position else ""
        return (await self.exchange(key, args))[0]

    async def aclose(self, *_: object, **__: object) -> None:
        """Close the links to all of them."""
        while self._nodes:
            await self._nodes.popitem()[1].aclose()


async def exchange(node: Redis, *commands: Command) -> list[Any]:
    """Send some commands to one server; as `Primaries.exchange`."""
    if len(commands) == 1:
        execute: Callable[..., Awaitable[object]] = node.execute_command
        return [await execute(*commands[0])]
    async with node.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    return replies


def _named(owner: Endpoint, redirect: AskError) -> Endpoint:
    # MovedError is a kind of AskError. Without a host, the node that answered is meant, at another port.
    return Endpoint(owner.host if redirect.host in _NO_HOST else redirect.host, redirect.port)
