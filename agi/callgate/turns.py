"""Turns: those who crowd one kind go on one after the other, with time between them for everybody else.

The answers of a flood come free together, when the disk has the row that counts them. Given in one go they would hold
up every other call for as long as all of them take; given in each pass of the event loop, a call that takes many passes
would meet one in each.
"""

import asyncio
from collections import deque
from collections.abc import Hashable

BETWEEN_S = 0.002
"""Between two of a crowd."""
CROWD_S = 0.1
"""For as long as the crowd is larger than what goes on in this time, it goes on faster: it never grows without end."""


class Turns:
    """Lets those of one kind go on one after the other. Who is alone waits for nothing; nothing is kept of him."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def turn(self, kind: Hashable) -> None:
        """Wait until it is one's turn."""
        loop = asyncio.get_running_loop()
        if kind not in self._waiting:
            self._waiting[kind] = deque()
            self._next_later(kind)
            return
        mine = loop.create_future()
        self._waiting[kind].append(mine)
        await mine

    def _next(self, kind: Hashable) -> None:
        waiting = self._waiting[kind]
        while waiting:
            # Who gave up has no turn.
            if not (first := waiting.popleft()).done():
                first.set_result(None)
                self._next_later(kind)
                return
        del self._waiting[kind]

    def _next_later(self, kind: Hashable) -> None:
        between_s = min(BETWEEN_S, CROWD_S / (len(self._waiting[kind]) + 1))
        asyncio.get_running_loop().call_later(between_s, self._next, kind)
