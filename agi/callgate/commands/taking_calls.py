"""What every worker does in the end: take calls until it is told to leave."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence

import structlog

from callgate.commands import Exit
from callgate.kept_store import end_task
from callgate.server import Server

log = structlog.get_logger()


def told_to_stop() -> asyncio.Event:
    """An event that is set when this process is told to end."""
    stop = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, stop.set)
    return stop


async def take_calls(
    server: Server, works: Sequence[Callable[[], Awaitable[None]]], listening: socket.socket, *, stop: asyncio.Event
) -> Exit:
    """Take calls until told to stop, and let the last ones have their answer.

    The background never ends by itself (`repeat`). If it does all the same, the worker ends with it: one that settles
    or guards nothing any more must not look like one that does, and the supervisor starts another.

    Args:
        server: answers them.
        works: what goes on in the background, until the last call has its answer.
        listening: where calls come to.
        stop: set when it is told.
    """
    # What is here now stays for good: looked through again and again for garbage it would hold calls up (0.05 s).
    gc.collect()
    gc.freeze()
    accepting = await server.listen(listening)
    background = asyncio.create_task(_background(works))
    background.add_done_callback(lambda _: stop.set())
    log.info("gate.started", pid=os.getpid())
    await stop.wait()
    is_broken = background.done()
    accepting.close()
    await server.drain()
    await end_task(background)
    if is_broken:
        log.critical("gate.broken", exc_info=background.exception())
        return Exit.NEGATIVE
    log.info("gate.stopped")
    return Exit.OK


async def _background(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    await asyncio.gather(*(work() for work in works))
