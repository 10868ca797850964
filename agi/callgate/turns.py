"""Turns: of what crowds one kind, one goes on in each pass of the event loop, so that all others get theirs between.

The answers of a flood come free together, when the disk has the row that counts them. Given in one go they would hold
up every other call for as long as all of them take.
"""

import asyncio
from collections import deque
from collections.abc import Hashable


class Turns:
    """Lets those of one kind go on one after the other. Who is alone waits for nothing; nothing is kept of him."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def turn(self, kind: Hashable) -> None:
        """Wait until it is one's turn."""
        loop = asyncio.get_running_loop()
        if kind not in self._waiting:
            self._waiting[kind] = deque()
            loop.call_soon(self._next, kind)
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
                asyncio.get_running_loop().call_soon(self._next, kind)
                return
        del self._waiting[kind]
