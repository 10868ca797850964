"""The port's door: who has connected and not asked yet. So many may wait, so long, and none at the cost of a call.

Asterisk sends its whole question in the moment it connects, so whoever waits longest is never a call for long, and goes
first. A connection costs no more here than its file and its lines so far: ten thousand idle ones are accepted in a
fraction of a second, and a call that stands behind them in the kernel's queue is not given up meanwhile.
"""

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from asterisk_agi import AgiRequest, AgiSession, ProtocolError
from callgate.told_once import ToldOnce

HEADER_DEADLINE_S = 1.0
LAST_QUESTION_S = 0.25
"""So long a worker that ends still hears questions: the calls of the next one stand in the kernel's queue meanwhile."""
BACKLOG = 4096
"""The kernel's queue, which it shortens to its own ``somaxconn``: in it calls wait behind a crowd, instead of a second
for their next try."""
ACCEPTED_AT_ONCE = 64
"""Then those who have come before have their turn."""
HEARD_AT_ONCE = 8
"""Of these so many may have said something: their questions are the longest step of a crowd."""
NO_FILES_PAUSE_S = 0.02
RESERVED_FILES = 128
"""Descriptors kept for the journal, the ledger's connections, the spool and the manager interface."""
RESERVED_PART = 4
"""Of a limit so small that `RESERVED_FILES` would leave no room, a quarter is kept."""
_READ_BYTES = 4096

Welcome = Callable[[socket.socket, AgiSession, AgiRequest], None]
"""Gets who has asked: the connection, which is its own from now on, its session and the question."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Caller:
    """Who waits, and on the loop's clock until when."""

    link: socket.socket
    until_s: float
    session: AgiSession = field(default_factory=AgiSession)


class Door:
    """Accepts connections, reads what they ask, and passes on who has asked.

    Args:
        waiting_max: so many may wait; the oldest goes when one more comes.
        welcome: takes each question.
        complaints: told of everybody who is turned away.
    """

    def __init__(self, waiting_max: int, welcome: Welcome, complaints: ToldOnce) -> None:
        self._waiting_max = waiting_max
        self._welcome = welcome
        self._complaints = complaints
        self._waiting: dict[_Caller, None] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._nobody = asyncio.Event()
        self._nobody.set()
        self.sockets: list[socket.socket] = []

    def open(self, listening: socket.socket) -> None:
        """Accept at a listening socket from now on; it is closed with the door."""
        listening.settimeout(0)
        listening.listen(BACKLOG)
        self.sockets.append(listening)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept nobody any more. Who has come already may still ask."""
        for listening in self.sockets:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        self.sockets.clear()

    async def emptied(self) -> None:
        """Wait until nobody waits, for a moment: who has asked nothing by then is no call, and holds no other up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_QUESTION_S):
                await self._nobody.wait()
        for caller in tuple(self._waiting):
            self._turn_away(caller, "no question")

    def _accept(self, listening: socket.socket) -> None:
        heard = 0
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                link, _ = listening.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError:
                self._pause(listening)
                return
            heard += not self._waits(link)
            if heard == HEARD_AT_ONCE:
                return

    def _pause(self, listening: socket.socket) -> None:
        """No file is left, not even a reserved one: make room, and do something else before the next try."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        if self._waiting:
            self._turn_away(next(iter(self._waiting)), "no files")

        def resume() -> None:
            if listening in self.sockets:
                loop.add_reader(listening, self._accept, listening)

        loop.call_later(NO_FILES_PAUSE_S, resume)

    def _waits(self, link: socket.socket) -> bool:
        """Let somebody in; tells whether nothing was heard of him yet."""
        # The system gives the lowest free file number, so that one tells how many are open.
        room = file_room()
        if self._waiting and (len(self._waiting) >= self._waiting_max or link.fileno() >= room):
            self._turn_away(next(iter(self._waiting)), "no room")
        found = link if link.fileno() < room else _lowered(link)
        if found is None:
            self._complaints.warn("connection.dropped", "no files")
            return False
        loop = asyncio.get_running_loop()
        found.settimeout(0)
        caller = _Caller(link=found, until_s=loop.time() + HEADER_DEADLINE_S)
        # Asterisk asks in the moment it connects: often the whole question is here already.
        if not self._read(caller):
            return False
        if self._sweeper is None:
            self._sweeper = loop.call_at(caller.until_s, self._sweep)
        self._nobody.clear()
        self._waiting[caller] = None
        loop.add_reader(found, self._read, caller)
        return True

    def _read(self, caller: _Caller) -> bool:
        """Hear what has come; tells whether there is more to wait for."""
        try:
            data = caller.link.recv(_READ_BYTES)
            events = caller.session.receive(data)
        except BlockingIOError:
            return True
        except (OSError, ProtocolError) as error:
            self._turn_away(caller, type(error).__name__)
            return False
        if not data:
            self._leave(caller)
            caller.link.close()
            return False
        # What comes with the question, behind it, was said too early and is not heard.
        for request in events:
            if isinstance(request, AgiRequest):
                self._leave(caller)
                self._welcome(caller.link, caller.session, request)
                return False
        return True

    def _sweep(self) -> None:
        """Turn away who has waited too long, and look again when the next one will have."""
        loop = asyncio.get_running_loop()
        while self._waiting and (oldest := next(iter(self._waiting))).until_s <= loop.time():
            self._turn_away(oldest, "no question")
        self._sweeper = loop.call_at(oldest.until_s, self._sweep) if self._waiting else None

    def _turn_away(self, caller: _Caller, cause: str) -> None:
        self._leave(caller)
        caller.link.close()
        self._complaints.warn("connection.dropped", cause)

    def _leave(self, caller: _Caller) -> None:
        if caller in self._waiting:
            asyncio.get_running_loop().remove_reader(caller.link)
            del self._waiting[caller]
        if not self._waiting:
            self._nobody.set()


def _lowered(link: socket.socket) -> socket.socket | None:
    """Move a connection to the lowest free file number, which somebody has just left; None if that is a kept one, too.

    So what is kept stays free, however many come: else every second one would take one of the kept.
    """
    with link:
        try:
            lower = link.dup()
        except OSError:
            return None
    if lower.fileno() < file_room():
        return lower
    lower.close()
    return None


def file_room() -> int:
    """The first file number that is kept from callers. Read anew: the limit of a running process can be changed."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit - min(RESERVED_FILES, limit // RESERVED_PART)


def raise_file_limit() -> None:
    """Let this process open as many files as it may: systemd and shells start with 1024 and allow far more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
