"""The daemon's own store, kept by the supervisor: a worker that dies does not take it along."""

import asyncio
from pathlib import Path

import structlog

from callgate.ledger.embedded import EmbeddedRedis, EmbeddedStoreError, start_embedded

RESTART_PAUSE_S = 1.0
CANCEL_AGAIN_S = 0.5

log = structlog.get_logger()


class KeptStore:
    """The daemon's own store, started again whenever it ends: it ends by itself on a full disk."""

    def __init__(self, state: Path, store: EmbeddedRedis) -> None:
        self._state = state
        self._store = store
        self._keeper = asyncio.create_task(self._keep())

    @classmethod
    async def start(cls, state: Path) -> "KeptStore":
        """Start it.

        Raises:
            EmbeddedStoreError: if it does not start the first time.
        """
        return cls(state, await start_embedded(state))

    async def _keep(self) -> None:
        while True:
            status = await self._store.wait()
            log.error("store.ended", status=status)
            await self._store.stop()
            while True:
                await asyncio.sleep(RESTART_PAUSE_S)
                try:
                    self._store = await start_embedded(self._state)
                except (EmbeddedStoreError, OSError) as error:
                    log.warning("store.not_started", problem=str(error))
                else:
                    break

    async def stop(self) -> None:
        """End it with the daemon."""
        await end_task(self._keeper)
        await self._store.stop()


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task of the background and wait for its end."""
    while not task.done():
        # More than once: a cancellation that meets redis-py while it connects can be lost.
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
