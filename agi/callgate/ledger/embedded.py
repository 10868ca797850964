"""The daemon's own store: without a configured Redis it starts one, reachable only by a socket in its state folder.

Each change is on the disk before it is answered (``appendfsync always``: nothing was lost in a kill or a power cut,
facts/reliability.md 2), nothing is ever evicted, and no network port is opened.
"""

import asyncio
import fcntl
import os
import shutil
from asyncio.subprocess import Process
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from callgate.ledger.client import connect

PROGRAMS = ("redis-server", "valkey-server")
START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 10.0

_POLL_S = 0.02
_SOCKET_PATH_MAX = 107  # bytes, Linux, unix(7)
_SETTINGS = (
    ("port", "0"),
    ("unixsocketperm", "700"),
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("maxmemory-policy", "noeviction"),
    ("save", ""),
    ("daemonize", "no"),
)


class EmbeddedFault(StrEnum):
    """Why the daemon's own store did not start."""

    NOT_INSTALLED = "not_installed"
    PATH_TOO_LONG = "path_too_long"
    FOLDER_IN_USE = "folder_in_use"
    DIED = "died"
    SILENT = "silent"


class EmbeddedStoreError(Exception):
    """The daemon's own store did not start.

    Args:
        fault: what happened.
        folder: the store's folder.
        detail: what helps to mend it: the programs looked for, or the last line the program wrote.
    """

    def __init__(self, fault: EmbeddedFault, folder: Path, detail: str) -> None:
        super().__init__(f"the store in {folder} did not start ({fault.value}): {detail}")
        self.fault = fault
        self.folder = folder
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedRedis:
    """A running store. `url` is for `client.connect`; `lock` keeps every other daemon out of its folder."""

    url: str
    process: Process
    lock: IO[bytes]

    async def wait(self) -> int:
        """Wait until the program ends by itself, which it does when the disk is full; gives its exit status."""
        return await self.process.wait()

    async def stop(self, patience_s: float = STOP_PATIENCE_S) -> None:
        """End the program, by force after `patience_s`. Nothing is lost either way. A second stop does nothing."""
        await _end(self.process, patience_s)
        self.lock.close()


async def start_embedded(state_dir: Path, patience_s: float = START_PATIENCE_S) -> EmbeddedRedis:
    """Start ``redis-server`` or ``valkey-server`` and wait until it answers.

    Args:
        state_dir: the daemon's state folder; the store lives in ``redis`` below it, readable by its owner only.
        patience_s: how long it may take to read its file back.

    Raises:
        EmbeddedStoreError: see `EmbeddedFault`.
    """
    folder = state_dir / "redis"
    program = _find_program(folder)
    socket = _prepare(folder)
    url = f"unix://{quote(str(socket))}"
    async with AsyncExitStack() as on_failure, connect(url) as client:
        lock = on_failure.enter_context(_lock(folder / "daemon.lock"))
        if not _take(lock):
            raise EmbeddedStoreError(EmbeddedFault.FOLDER_IN_USE, folder, "another daemon holds daemon.lock")
        try:
            async with asyncio.timeout(patience_s):
                with _lock(folder / "store.lock") as store_lock:
                    await _end_orphan(client, store_lock)
                    process = await _launch(program, socket, store_lock)
                on_failure.push_async_callback(_end, process, STOP_PATIENCE_S)
                await _until_it_answers(client, process, folder)
        except TimeoutError:
            raise EmbeddedStoreError(EmbeddedFault.SILENT, folder, _last_words(folder)) from None
        on_failure.pop_all()
    return EmbeddedRedis(url=url, process=process, lock=lock)


def _find_program(folder: Path) -> str:
    for name in PROGRAMS:
        if program := shutil.which(name):
            return program
    raise EmbeddedStoreError(EmbeddedFault.NOT_INSTALLED, folder, f"install {' or '.join(PROGRAMS)}")


def _prepare(folder: Path) -> Path:
    socket = folder / "redis.sock"
    if len(os.fsencode(socket)) > _SOCKET_PATH_MAX:
        raise EmbeddedStoreError(EmbeddedFault.PATH_TOO_LONG, folder, f"at most {_SOCKET_PATH_MAX} bytes: {socket}")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return socket


def _lock(path: Path) -> IO[bytes]:
    path.touch(0o600)
    return path.open("ab")


def _take(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _end_orphan(client: Redis, store_lock: IO[bytes]) -> None:
    # A daemon that was killed leaves its store running, and two stores on one folder would write over each other. The
    # program inherits the lock, so it is free only when no store lives, even one that hangs.
    while not _take(store_lock):
        with suppress(OSError, RedisError):
            await client.shutdown()
        await asyncio.sleep(_POLL_S)


async def _launch(program: str, socket: Path, store_lock: IO[bytes]) -> Process:
    folder = socket.parent
    settings = [*_SETTINGS, ("unixsocket", str(socket)), ("dir", str(folder))]
    arguments = [word for name, value in settings for word in (f"--{name}", value)]
    log = os.open(folder / "redis.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            program, *arguments, stdout=log, stderr=log, umask=0o077, pass_fds=(store_lock.fileno(),)
        )
    finally:
        os.close(log)


async def _until_it_answers(client: Redis, process: Process, folder: Path) -> None:
    while not await _answers(client):
        if process.returncode is not None:
            raise EmbeddedStoreError(EmbeddedFault.DIED, folder, _last_words(folder))
        await asyncio.sleep(_POLL_S)


async def _answers(client: Redis) -> bool:
    try:
        await client.ping()
    except (OSError, RedisError):
        return False
    return True


async def _end(process: Process, patience_s: float) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _last_words(folder: Path) -> str:
    log = folder / "redis.log"
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it wrote nothing"
