"""The road between gate and store, with whatever may go wrong on it: a TCP proxy in a thread of its own."""

import asyncio
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

Place = tuple[str, int]

_CHUNK = 65_536
_CLOSE_BY_RESET = struct.pack("ii", 1, 0)
_PATIENCE_S = 5.0


def bridge_address() -> str:
    """This machine's address that every container reaches."""
    words = ("docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


class StoreWire:
    """Carries bytes to the store and back; what it does to them may be changed at any time.

    Fields:
        target: the store it leads to; a change holds for new connections.
        delay_s: so long a reply is kept back, and up to `jitter_s` more.
        loses: the next answer of the store with this in it never arrives, and the connection stays; then no more.
        resets: at the next answer with this in it the connection is reset (RST); then no more.
        swallows: nothing arrives, in neither direction; nobody is told.
    """

    def __init__(self, target: Place) -> None:
        self.target = target
        self.delay_s = self.jitter_s = 0.0
        self.loses = self.resets = b""
        self.swallows = False
        self.place: Place = (bridge_address(), 0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What the gate's settings name."""
        return f"redis://callgate@{self.place[0]}:{self.place[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def restore(self) -> None:
        """Carry everything again, at once and as it is."""
        self.delay_s = self.jitter_s = 0.0
        self.loses = self.resets = b""
        self.swallows = False
        if self._server is None:
            self._do(self._open())

    def refuse(self) -> None:
        """Refuse every connection, and end those there are."""
        self._do(self._close())

    def cut(self) -> None:
        """End the connections there are; new ones are taken."""
        self._do(self._end_connections())

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, *self.place)
        self.place = self._server.sockets[0].getsockname()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end_connections()

    async def _end_connections(self) -> None:
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either side has gone, or the wire is being cut: that is what it is for
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_connection(*self.target)
        ways = {
            asyncio.ensure_future(self._carry(reader, store_writer, is_reply=False)),
            asyncio.ensure_future(self._carry(store_reader, writer, is_reply=True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            store_writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reply: bool) -> None:
        while data := await reader.read(_CHUNK):
            if self.swallows:
                continue
            if is_reply and self.loses and self.loses in data:
                self.loses = b""
                continue
            if is_reply and self.resets and self.resets in data:
                self.resets = b""
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_BY_RESET)
                return
            if is_reply and self.delay_s:
                await asyncio.sleep(self.delay_s + random.uniform(0, self.jitter_s))
            writer.write(data)
            await writer.drain()


def can_drop_packets() -> bool:
    """Whether `drop_packets` works here: it wants root and iptables."""
    return os.geteuid() == 0 and None not in {shutil.which("nsenter"), shutil.which("iptables")}


def drop_packets(process: int, place: Place) -> None:
    """Have the kernel drop each packet between the network that a process lives in and a place, both ways."""
    for rule in _rules(place):
        _iptables(process, "-I", *rule).check_returncode()


def carry_packets(process: int, place: Place) -> None:
    """Have it carry them again."""
    for rule in _rules(place):
        _iptables(process, "-D", *rule)


def _rules(place: Place) -> tuple[tuple[str, ...], ...]:
    host, port = place[0], str(place[1])
    return ("OUTPUT", "-d", host, "-p", "tcp", "--dport", port), ("INPUT", "-s", host, "-p", "tcp", "--sport", port)


def _iptables(process: int, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = ("nsenter", "-t", str(process), "-n", "iptables", "-w", *words, "-j", "DROP")
    return subprocess.run(command, capture_output=True, check=False)
