"""Work that is done again and again in the background of the gate."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

FAILED_PAUSE_S = 5.0

log = structlog.get_logger()


async def repeat(work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """Do some work again and again. The one broad catch of the background: what fails is tried again, in its time."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background.failed")
            await asyncio.sleep(FAILED_PAUSE_S)
        await asyncio.sleep(pause_s)
