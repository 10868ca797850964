"""A real daemon with its own Redis on a port of this machine, to be asked from outside, killed and started again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep, time
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from asterisk_agi import CommandReader
from callgate.journal import JOURNAL_FILE
from clinic_samples import SETTINGS, header, policy_text, write_site

PATIENCE_S = 60
ANSWER_S = 2.0
STARTS_MAX = 4
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
    """A daemon's process, its workers, and where its files are; `error` is its standard error, if not the log."""

    folder: Path
    port: int
    workers: int = 1
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

    def serving(self) -> set[int]:
        """The processes of its workers now."""
        return {int(child) for child in self._children() if _is_worker(child)}

    def spent_ms(self) -> Counter[str]:
        """Processor time that its workers and its store have taken, in ms."""
        spent: Counter[str] = Counter()
        for child in self._children():
            spent["the gate" if _is_worker(child) else "its store"] += _spent_ms(child)
        return spent

    def start(self) -> None:
        """Start it, and wait until it takes calls.

        Raises:
            RuntimeError: it ended instead, or did not in time.
        """
        words = [sys.executable, "-m", "callgate.cli", "--settings", str(self.folder / "callgate.toml"), "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log if self.error is None else self.error)
        self._wait_until_up(0)

    def kill(self, rng: Random) -> bool:
        """Kill a worker or the supervisor, and wait until there is another and calls are taken.

        Another supervisor is started at once, and until one stays, as an init system would: the port may still be a
        worker's that has not seen what became of its own. Returns whether it was the supervisor.
        """
        process = self.process
        assert process is not None
        killed = rng.choice([process.pid, *sorted(self.serving())])
        os.kill(killed, signal.SIGKILL)
        if killed != process.pid:
            self._wait_until_up(killed)
            return False
        process.wait()
        for _ in range(STARTS_MAX - 1):
            with suppress(RuntimeError):
                self.start()
                return True
        self.start()
        return True

    def end(self) -> int:
        """End it, and wait until it has ended."""
        process = self.process
        assert process is not None
        process.terminate()
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def _children(self) -> list[str]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return children.split()

    def _wait_until_up(self, not_this: int) -> None:
        assert self.process is not None
        until = monotonic() + PATIENCE_S
        while len(self.serving() - {not_this}) < self.workers or not self._answers():
            if self.process.poll() is not None or monotonic() > until:
                raise RuntimeError(f"the gate does not start: {self.log.read_text(encoding='utf-8')[-2000:]}")
            sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as link:
            link.sendall(PING)
            return link.recv(1) == b""
        return False

    async def ask(self, *, is_confirmed: bool = True, **changes: str) -> list[str]:
        """One call, as the dialplan asks for it: the fields of the verdict, none without one.

        A grant that is not confirmed is taken back.

        Raises:
            OSError: the connection broke off.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(header(nonce=str(uuid4()), asked=f"{time():.3f}", **changes))
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


def _is_worker(process: str) -> bool:
    with suppress(OSError):
        return b"--worker" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def _spent_ms(process: str) -> int:
    """What all threads of a process have taken, in user and kernel mode (proc(5))."""
    _, _, told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")
    ticks = told.split()[11:13]
    return sum(map(int, ticks)) * 1000 // os.sysconf("SC_CLK_TCK")


@contextmanager
def real_gate(
    folder: Path, policy: str = ALWAYS_OPEN, settings: str = SETTINGS, *, workers: int = 1, error: int | None = None
) -> Iterator[RealGate]:
    """A daemon that takes calls; it is ended when this is left."""
    port = free_port()
    settings = settings.replace("127.0.0.1:0", f"127.0.0.1:{port}").replace("[gate]", f"[gate]\nworkers = {workers}")
    write_site(folder, policy, settings)
    gate = RealGate(folder=folder, port=port, workers=workers, error=error)
    try:
        gate.start()
        yield gate
    finally:
        if gate.process is not None and gate.process.poll() is None:
            gate.end()
        # A daemon that was killed left its store behind.
        with suppress(RedisError), Redis(unix_socket_path=str(folder / "state" / "redis" / "redis.sock")) as store:
            store.shutdown(nosave=True)
