"""A real daemon with its own Redis on a port of this machine, to be asked from outside, killed and started again."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from redis import Redis
from redis.exceptions import RedisError

from asterisk_agi import CommandReader
from callgate.journal import JOURNAL_FILE
from clinic_samples import SETTINGS, header, policy_text, write_site

PATIENCE_S = 60
ALWAYS_OPEN = policy_text({'outside = "national"': 'outside = "as_open"'})
CONFIRMED = b"200 result=1\n"
PING = header("ping")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


@dataclass(kw_only=True)
class RealGate:
    """A daemon's process, and where its files are; `error` is its standard error, where that is not the log."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    error: int | None = None

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.folder / "state" / JOURNAL_FILE

    @property
    def log(self) -> Path:
        """What it says on standard error."""
        return self.folder / "gate.log"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and wait until it takes calls."""
        words = [sys.executable, "-m", "callgate.cli", "--settings", str(self.folder / "callgate.toml"), "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log if self.error is None else self.error)
        until = monotonic() + PATIENCE_S
        while not self.is_up():
            if self.process.poll() is not None or monotonic() > until:
                raise RuntimeError(f"the gate does not start: {self.log.read_text(encoding='utf-8')[-2000:]}")
            sleep(0.05)

    def is_up(self) -> bool:
        """Whether somebody listens on its port."""
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """End it, and wait until it has ended."""
        process = self.process
        assert process is not None
        process.send_signal(signal_number)
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    async def ask(self, *, is_confirmed: bool = True, **changes: str) -> list[str]:
        """One call, as the dialplan asks for it: the fields of the verdict, none without one.

        A grant that is not confirmed is taken back.

        Raises:
            OSError: the connection broke off.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(header(**changes))
            commands = CommandReader().receive(await reader.read())
            if commands and is_confirmed:
                writer.write(CONFIRMED)
                await writer.drain()
            return commands[0][-1].split("|") if commands else []
        finally:
            writer.close()

    async def ping(self) -> float:
        """Ask whether it lives; how many seconds that took: what its event loop was late, and little more."""
        began = monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(PING)
        await reader.read()
        writer.close()
        return monotonic() - began


@contextmanager
def real_gate(
    folder: Path, policy: str = ALWAYS_OPEN, settings: str = SETTINGS, *, error: int | None = None
) -> Iterator[RealGate]:
    """A daemon that takes calls; it is ended when this is left."""
    port = free_port()
    write_site(folder, policy, settings.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    gate = RealGate(folder=folder, port=port, error=error)
    try:
        gate.start()
        yield gate
    finally:
        if gate.process is not None and gate.process.poll() is None:
            gate.end()
        # A daemon that was killed left its store behind.
        with suppress(RedisError), Redis(unix_socket_path=str(folder / "state" / "redis" / "redis.sock")) as store:
            store.shutdown(nosave=True)
