"""The first worker's end of the line to the further ones: carries out what they say, in the order they say it."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import msgspec
import structlog

from callgate.burst_watch import Counted
from callgate.errors import JournalError
from callgate.grants import Grants
from callgate.journal import Journal
from callgate.kept_store import end_task
from callgate.letters import (
    Answer,
    Done,
    GrantGiven,
    LedgerFrozen,
    LedgerSeen,
    Letter,
    RefusalCounted,
    RefusalToWrite,
    RowToWrite,
    Standing,
    frame,
    letters,
    problem_of,
    read_frame,
)
from callgate.told_once import ToldOnce

STANDING_PAUSE_S = 0.1
"""Further workers learn as fast that the link of control is up or down, and what others saw of a ledger."""
ACCEPT_AGAIN_S = 0.1

log = structlog.get_logger()


@dataclass(kw_only=True, slots=True, eq=False)
class FirstWorker:
    """What it keeps for all workers.

    Fields:
        journal: its rows and its memory of the ledgers are those of the whole gate.
        grants: what control renews and the guard believes.
        count: counts a refusal towards a burst.
        is_linked: whether control looks after live calls now.
        serves: whether a clinic is in this worker's settings. A further worker may still have those of before a reload.
    """

    journal: Journal
    grants: Grants
    count: Callable[[Counted], None]
    is_linked: Callable[[], bool] = lambda: False
    serves: Callable[[str], bool] = lambda _: True
    _accepting: asyncio.Task[None] | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _complaints: ToldOnce = field(default_factory=ToldOnce)

    def open(self, listening: socket.socket | None, ending: AsyncExitStack) -> None:
        """Hear the further workers until the end; other holders of the socket hear them afterwards. None: nobody."""
        if listening is not None:
            listening.settimeout(0)
            self._accepting = asyncio.create_task(self._accept(ending.enter_context(listening)))
            ending.push_async_callback(self.close)

    async def close(self) -> None:
        """Hear nothing more, and let what was heard be done and answered: the next first worker gets the rest."""
        if self._accepting is not None:
            await end_task(self._accepting)
        # Stopped between two frames, so that each letter is either answered or was not taken.
        for connection in tuple(self._connections):
            connection.cancel()
        while self._connections:
            await asyncio.wait(self._connections)

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                link, _ = await asyncio.get_running_loop().sock_accept(listening)
            except OSError as error:
                # No file is left, or no memory, for a moment.
                self._complaints.warn("worker.not_heard", error.strerror or "")
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            connection = asyncio.create_task(self._connected(link))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _connected(self, link: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=link)
        telling = asyncio.create_task(self._tell(writer))
        works: set[asyncio.Task[None]] = set()
        try:
            with suppress(asyncio.CancelledError, EOFError, OSError):
                while True:
                    for letter in await read_frame(reader, letters):
                        self._take(letter, writer, works)
                    # What was kept for this worker comes in many frames at once: calls and beats go between them.
                    await asyncio.sleep(0)
        except msgspec.DecodeError as error:
            # The next worker is of a newer callgate than this one, which is being replaced.
            log.warning("letter.unreadable", problem=str(error))
        finally:
            telling.cancel()
            if works:
                await asyncio.wait(works)
            writer.close()

    def _take(self, letter: Letter, writer: asyncio.StreamWriter, works: set[asyncio.Task[None]]) -> None:
        """Do at once what waits for nothing; what waits for the disk is begun in its order."""
        content = letter.content
        match content:
            case RowToWrite() | RefusalToWrite():
                work = asyncio.create_task(self._write(letter.number, content, writer))
                works.add(work)
                work.add_done_callback(works.discard)
                return
            case LedgerSeen():
                self.journal.witness(content.clinic, content.seen, content.change)
            case LedgerFrozen():
                self.journal.freeze(content.clinic, content.cause)
            case GrantGiven(issued=issued) if self.serves(issued.attempt.clinic):
                self.grants.add(issued)
            case RefusalCounted(counted=counted) if self.serves(counted.clinic):
                self.count(counted)
            case GrantGiven() | RefusalCounted():
                # Nobody here could judge it.
                pass
        writer.write(frame([Done(letter.number)]))

    async def _write(self, number: int, content: RowToWrite | RefusalToWrite, writer: asyncio.StreamWriter) -> None:
        problem = None
        try:
            match content:
                case RowToWrite():
                    await self.journal.write(content.row, durable=content.durable)
                case RefusalToWrite():
                    await self.journal.refuse(content.row)
        except JournalError as error:
            problem = problem_of(error)
            log.warning("journal.failed", problem=str(error))
        writer.write(frame([Done(number, problem)]))

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        told: Answer | None = None
        while True:
            standing = self._standing()
            if standing != told:
                writer.write(frame([standing]))
                told = standing
            await asyncio.sleep(STANDING_PAUSE_S)

    def _standing(self) -> Standing:
        memory = self.journal.memory
        seen = {clinic: memory.seen(clinic) for clinic in memory.clinics()}
        return Standing(memory.gate, self.is_linked(), seen)
