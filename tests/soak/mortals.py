"""What a soak kills: the store, and the gate processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from redis_server import RedisServer
from soak.clocks import Board
from soak.desk import Desk

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
TESTS = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{TESTS.parent / 'agi'}:{TESTS}"}
"""For the programs of a soak that run beside it."""


class MortalRedis(RedisServer):
    """A Redis that is killed, and comes back on what its disk kept."""

    def die(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait until it has ended; gives its exit status."""
        self._process.communicate()
        return self._process.returncode

    def come_back(self) -> None:
        """Start again."""
        self.__enter__()


class Gate:
    """One gate process.

    Args:
        desk: of the soak.
        name: its name.
        seed: of the soak.
    """

    def __init__(self, desk: Desk, name: str, seed: str) -> None:
        self._desk, self._name, self._seed, self._lives = desk, name, seed, 0
        self.done = Board(desk.folder / f"{name}.done", 3)
        self.start()

    def start(self) -> None:
        """Begin its next life."""
        command = (sys.executable, "-m", "soak.worker", str(self._desk.folder), self._name, self._seed)
        self._lives += 1
        with (self._desk.folder / f"{self._name}.errors").open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, str(self._lives)],
                stderr=errors,
                env=ENVIRONMENT,
            )

    def kill(self) -> None:
        """SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    @property
    def has_ended(self) -> bool:
        """Whether it is done; what it raised is raised here."""
        status = self._process.poll()
        if status:
            raise AssertionError((self._desk.folder / f"{self._name}.errors").read_text("utf-8"))
        return status is not None
