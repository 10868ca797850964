"""`callgate serve`: the daemon, which is a supervisor and, as its child, the worker that decides calls."""

import argparse
import asyncio
import errno
import os
import resource
import signal
import socket
import time
from contextlib import AsyncExitStack
from pathlib import Path

from callgate.commands import Exit
from callgate.commands.context import state_folder, warn
from callgate.commands.crew import Crew, crew_of, worker_count
from callgate.commands.handed import Papers
from callgate.commands.worker import work
from callgate.door import raise_file_limit
from callgate.errors import SettingsError
from callgate.kept_store import KeptStore
from callgate.ledger.embedded import EmbeddedFault, EmbeddedStoreError
from callgate.listening import open_line, open_listening
from callgate.notify import Notifier
from callgate.settings import Settings
from callgate.supervisor import Supervisor
from callgate.telemetry import configure_logs
from callgate.texts.catalog import Language

RELEASED_WITHIN_S = 2.0
LISTEN_AGAIN_S = 0.05

_REMEDIES: dict[EmbeddedFault, str] = {
    EmbeddedFault.NOT_INSTALLED: "apt-get install redis-server, or set gate.redis to a Redis of your own",
    EmbeddedFault.PATH_TOO_LONG: "name a shorter folder in gate.state",
    EmbeddedFault.FOLDER_IN_USE: "end the other daemon, or name another folder in gate.state",
    EmbeddedFault.DIED: "see redis/redis.log in the state folder",
    EmbeddedFault.SILENT: "see redis/redis.log in the state folder",
}


def serve(arguments: argparse.Namespace) -> int:
    """Keep a worker until SIGTERM or SIGINT; SIGHUP starts one with the settings as they are then."""
    configure_logs()
    raise_file_limit()
    _leave_no_core()
    if arguments.worker:
        return work(arguments)
    papers, settings, folder = crew_of(arguments)
    state = state_folder(settings, folder)
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        Path(settings.gate.spool).parent.mkdir(mode=0o770, parents=True, exist_ok=True)
    except PermissionError:
        raise
    except OSError as error:
        raise SettingsError("gate.state or gate.spool", f"{error}", "make the folder, or name another") from None
    try:
        return asyncio.run(_supervise(arguments, papers, settings, state))
    except EmbeddedStoreError as error:
        warn(f"callgate: {error}. Remedy: {_REMEDIES[error.fault]}")
    return Exit.UNREACHABLE


def _leave_no_core() -> None:
    """Have no image of the memory written when a process of the daemon, or its store, dies: it has numbers and keys."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def _supervise(arguments: argparse.Namespace, papers: Papers, settings: Settings, state: Path) -> int:
    crew = Crew(file=arguments.settings, good=papers, began_with=settings)
    supervisor = Supervisor(
        recruiter=crew,
        workers=worker_count(settings),
        notifier=Notifier.of(os.environ),
        language=Language(arguments.language),
    )
    loop = asyncio.get_running_loop()
    # Before anything is started, so that whoever is told on the way up ends what was started, too.
    for told, what in ((signal.SIGTERM, supervisor.stop), (signal.SIGINT, supervisor.stop)):
        loop.add_signal_handler(told, what)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    async with AsyncExitStack() as ending:
        if not settings.gate.redis:
            ending.push_async_callback((await KeptStore.start(state)).stop)
        try:
            crew.port = ending.enter_context(await _listening(settings.gate.listen))
        except OSError as error:
            remedy = "end what holds the port, or change gate.listen"
            warn(f"callgate: cannot listen on {settings.gate.listen}: {error.strerror}. Remedy: {remedy}")
            return Exit.UNREACHABLE
        crew.nonces, crew.lent = os.memfd_create("nonces"), os.memfd_create("lent")
        for shared in (crew.nonces, crew.lent):
            ending.callback(os.close, shared)
        if supervisor.workers > 1:
            crew.line = ending.enter_context(open_line(state))
        return await supervisor.run()


async def _listening(address: str) -> socket.socket:
    """Open the port; the worker of a supervisor that was killed lets go of it in a moment."""
    until_s = time.monotonic() + RELEASED_WITHIN_S
    while True:
        try:
            return open_listening(address, os.environ)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until_s:
                raise
        await asyncio.sleep(LISTEN_AGAIN_S)
