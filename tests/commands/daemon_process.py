"""The real daemon as a process of its own, its site and its calls, for the tests of `callgate serve`."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from asterisk_agi import CommandReader
from clinic_samples import SETTINGS, header, policy_text, write_site

PATIENCE_S = 30
ALWAYS_OPEN = policy_text({'outside = "national"': 'outside = "as_open"'})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def write_settings(folder: Path, port: int, redis: str = "") -> None:
    text = SETTINGS.replace("127.0.0.1:0", f"127.0.0.1:{port}").replace("[gate]", f'[gate]\nredis = "{redis}"')
    write_site(folder, ALWAYS_OPEN, text)


@dataclass(kw_only=True)
class Daemon:
    """A running daemon, and everything it has said so far."""

    folder: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    heard: queue.Queue[str] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard.put(line)
        self.heard.put("")

    def wait_for(self, event: str) -> str:
        """The next line that has this event."""
        while line := self.heard.get(timeout=PATIENCE_S):
            self.said.append(line)
            if event in line:
                return line
        pytest.fail(f"the daemon ended without {event}: {''.join(self.said)}")

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE_S)

    def has_store(self) -> bool:
        """Whether somebody listens on the socket of its own Redis."""
        with socket.socket(socket.AF_UNIX) as link:
            return link.connect_ex(str(self.folder / "state" / "redis" / "redis.sock")) == 0


@contextmanager
def daemon(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Daemon]:
    words = [sys.executable, "-m", "callgate.cli", "--settings", str(folder / "callgate.toml"), "serve"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    ) as process:
        try:
            yield Daemon(folder=folder, process=process)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def ask(port: int, dialled: str) -> list[str]:
    """One call, as the dialplan asks for it: the fields of its verdict."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as link, link.makefile("rb") as heard:
        link.sendall(header(passage=str(uuid4()), nonce=str(uuid4()), dialled=dialled, asked=f"{time.time():.3f}"))
        ((*_, token),) = CommandReader().receive(heard.read())
        link.sendall(b"200 result=1\n")
    return token.split("|")


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again, for a bounded time."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail("it never was")
