"""A real redis-server for tests, on a unix socket in a folder of their own; nothing touches the disk unless asked.

``$CALLGATE_STORE_PROGRAM`` names another program that speaks Redis; `make ledger-servers` tries all there are.
"""

import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = os.environ.get("CALLGATE_STORE_PROGRAM", "redis-server")


class RedisServer:
    """Runs from entry to exit of its ``with`` block.

    Args:
        folder: an empty folder; its path must be short enough for a socket.
        settings: more options, such as ``("--appendonly", "yes")``.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self.url = f"unix://{folder}/redis.sock"
        self.version = ""
        self._folder = folder
        self._settings = settings

    def __enter__(self) -> Self:
        socket = str(self._folder / "redis.sock")
        ours = ("--port", "0", "--unixsocket", socket, "--dir", str(self._folder), "--save", "")
        self._process = subprocess.Popen(
            [PROGRAM, *ours, *self._settings], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "version=" in line:
                self.version = line.partition("version=")[2].partition(",")[0]
            if "ready to accept connections" in line.lower():
                return self
        message = f"{PROGRAM} ended with status {self._process.wait()}"
        raise RuntimeError(message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.thaw()
        self._process.terminate()
        self._process.communicate()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay up, nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._process.send_signal(signal.SIGCONT)
