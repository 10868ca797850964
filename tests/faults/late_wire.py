"""A road to the store on which some requests come late: what is asked behind them overtakes them."""

import asyncio

from faults.wire import Place, StoreWire


class LateWire(StoreWire):
    """Keeps so many requests back until they are let go; whoever asked may be gone by then."""

    def __init__(self, target: Place) -> None:
        super().__init__(target)
        self._late, self._left = b"", 0
        self._gone = asyncio.Event()

    def keep_back(self, text: bytes, count: int) -> None:
        """Let the next `count` requests with this in them wait, each with all that follows on its connection."""
        self._late, self._left = text, count

    def let_go(self) -> None:
        """Send on what waits, and keep nothing back any more."""
        self._left = 0
        self._loop.call_soon_threadsafe(self._gone.set)

    async def come(self, data: bytes) -> None:
        """Wait as long as this is late."""
        if self._left and self._late in data:
            self._left -= 1
            await self._gone.wait()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reply: bool) -> None:
        await super()._carry(reader if is_reply else _LateReader(reader, self), writer, is_reply=is_reply)


class _LateReader(asyncio.StreamReader):
    def __init__(self, reader: asyncio.StreamReader, wire: LateWire) -> None:
        super().__init__()
        self._reader, self._wire = reader, wire

    async def read(self, n: int = -1) -> bytes:
        data = await self._reader.read(n)
        await self._wire.come(data)
        return data
