"""The gate on a real port, and who calls it: what the tests of the server share."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from asterisk_agi import CommandReader
from callgate.gate import Gate
from callgate.seal import Seal
from callgate.server import Server
from callgate.shared_nonces import SharedNonces
from clinic_samples import KEY, Site, shared_by_one

CONFIRMED = b"200 result=1\n"
SEAL = Seal(KEY)
FIELDS = 8
"""Of a verdict; its seal stands behind them."""


@dataclass(kw_only=True)
class Asterisk:
    """One AGI connection, as Asterisk holds it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def heard(self) -> list[str]:
        """Everything up to the gate's half-close or end: the fields of the verdict without its seal, or nothing."""
        token = await self.token()
        return token.split("|")[:FIELDS] if token else []

    async def token(self) -> str:
        """The verdict as it is on the wire, or ""."""
        try:
            heard = await self.reader.read()
        except ConnectionError:
            return ""
        commands = CommandReader().receive(heard)
        if not commands:
            return ""
        ((*words, token),) = commands
        assert words == ["SET", "VARIABLE", "CALLGATE_VERDICT"]
        return token


Call = Callable[[], AbstractAsyncContextManager[Asterisk]]


@asynccontextmanager
async def served(
    site: Site, gate: Gate | None = None, *, seal: Seal | None = SEAL
) -> AsyncIterator[tuple[Server, Call]]:
    """A server on a port of its own; when it is left, every connection has come to its end."""
    shared = shared_by_one(SharedNonces)
    server = Server(site.settings, gate or site.gate, lambda: site.now, seal, shared=shared)
    listening = await server.listen(socket.create_server(("127.0.0.1", 0)))
    host, port = listening.sockets[0].getsockname()

    @asynccontextmanager
    async def call() -> AsyncIterator[Asterisk]:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield Asterisk(reader=reader, writer=writer)
        finally:
            writer.close()

    try:
        yield server, call
    finally:
        listening.close()
        await server.drain()


async def answer(call: Call, request: bytes) -> list[str]:
    async with call() as asterisk:
        asterisk.say(request)
        heard = await asterisk.heard()
        asterisk.say(CONFIRMED)
        return heard
