"""Servers that speak Redis' wire and answer what a test wants, to see what the gate sends to whom."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field

from callgate.ledger.address import Endpoint

HOST = "127.0.0.1"
LEFT_S = 0.005
Words = list[str]
Answer = Callable[[Words], bytes | None]

OK = b"+OK\r\n"
NONE = b"*1\r\n$4\r\nNONE\r\n"
"""What the script that reads the policy answers where there is none."""


@dataclass(kw_only=True)
class FakeStore:
    """One of them: `answer` gives the reply, `far_s` late; None hangs up, b"" is silence.

    `asked` is what came in, `asked_on` on which connection each.
    """

    answer: Answer
    far_s: float = 0.0
    port: int = 0
    asked: list[Words] = field(default_factory=list)
    asked_on: list[int] = field(default_factory=list)
    connections: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _serving: list[asyncio.Task[object]] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(HOST, self.port)

    def names(self) -> list[str]:
        """The first words of what came in."""
        return [words[0] for words in self.asked]

    def hang_up(self) -> None:
        """Close every connection, and go on listening."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def hang(self) -> None:
        """Take nothing more in, not even a farewell."""
        for writer in self._writers:
            _transport(writer).pause_reading()

    def go_on(self) -> None:
        """End the hanging, for whoever is still there."""
        for writer in self._writers:
            if not writer.is_closing():
                _transport(writer).resume_reading()

    async def left(self) -> None:
        """Wait until the clients that have gone are seen to have, also who was only about to come."""
        await asyncio.sleep(LEFT_S)
        if self._serving:
            await asyncio.wait(self._serving, timeout=1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.connections += 1
        link = self.connections
        self._writers.append(writer)
        self._serving += filter(None, [asyncio.current_task()])
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            while words := await _command(reader):
                self.asked.append(words)
                self.asked_on.append(link)
                reply = self.answer(words)
                await asyncio.sleep(self.far_s)
                if reply is None:
                    break
                writer.write(reply)


def _transport(writer: asyncio.StreamWriter) -> asyncio.Transport:
    assert isinstance(writer.transport, asyncio.Transport)
    return writer.transport


async def _command(reader: asyncio.StreamReader) -> Words:
    count = (await reader.readline())[1:]
    words = []
    for _ in range(int(count or 0)):
        length = int((await reader.readline())[1:])
        words.append((await reader.readexactly(length + 2))[:-2].decode("utf-8", "replace"))
    return words


@asynccontextmanager
async def stores(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[list[FakeStore]]:
    """Start one for each answer."""
    async with AsyncExitStack() as running:
        started = []
        for answer in answers:
            store = FakeStore(answer=answer)
            server = await running.enter_async_context(await asyncio.start_server(store.serve, HOST, 0, ssl=tls))
            store.port = server.sockets[0].getsockname()[1]
            started.append(store)
        yield started
        for store in started:
            await store.left()


def bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


def node(endpoint: Endpoint) -> bytes:
    """One node, as CLUSTER SLOTS tells it."""
    return b"*3\r\n" + bulk(endpoint.host) + f":{endpoint.port}\r\n".encode() + bulk("id")


def slots(*rows: tuple[int, int, Endpoint]) -> bytes:
    """The answer to CLUSTER SLOTS: first slot, last slot, primary."""
    told = [f"*3\r\n:{first}\r\n:{last}\r\n".encode() + node(primary) for first, last, primary in rows]
    return f"*{len(rows)}\r\n".encode() + b"".join(told)


def all_slots(primary: Endpoint) -> bytes:
    return slots((0, 16_383, primary))


def host_and_port(primary: Endpoint) -> bytes:
    """What a sentinel says."""
    return b"*2\r\n" + bulk(primary.host) + bulk(str(primary.port))
