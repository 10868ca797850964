"""The store of a row: a Redis of this machine, as durable as the gate wants it, on a disk that can be given trouble."""

import os
import subprocess
from pathlib import Path

from faults.wire import Place
from lab import GATE_USER
from store_servers import HOST, StoreServer, wait_until

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
FULL, READ_ONLY = 28, 30
"""ENOSPC and EROFS, as ``soak/disk.c`` reads them."""


class FaultyStore(StoreServer):
    """One server whose disk obeys ``soak/disk.c``.

    Args:
        folder: where it may write.
        disk: the compiled library (`soak.disk.compile_disk`).
        settings: more options.
    """

    def __init__(self, folder: Path, disk: Path, *settings: str) -> None:
        super().__init__(folder / "data", *DURABLE, *GATE_USER, *settings)
        self.disk = disk
        self.synced = folder / "synced"
        self.synced.mkdir(parents=True)
        self._trouble = folder / "trouble"

    @property
    def at(self) -> Place:
        """Where it listens."""
        return HOST, self.port

    def start(self) -> None:
        """Start it, again after it was killed, and wait until it answers."""
        self.begin()
        wait_until(self.answers, f"{self.place} answers; see {self.folder}/log")

    def begin(self, *more: str) -> None:
        """Start it and wait for nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*self.words(), *more], stdout=log, stderr=log, env=self.environment())

    def environment(self) -> dict[str, str]:
        """The variables it is started with."""
        return {
            **os.environ,
            "LD_PRELOAD": str(self.disk),
            "DISK_SYNCED": str(self.synced),
            "DISK_TROUBLE": str(self._trouble),
        }

    def trouble(self, what: int) -> None:
        """Let each write end with an error (above 0), or each flush take so many milliseconds (below 0)."""
        draft = self._trouble.with_suffix(".draft")
        draft.write_text(f"{what}\n")
        draft.replace(self._trouble)

    def mend_disk(self) -> None:
        """Let the disk be sound again."""
        self._trouble.unlink(missing_ok=True)

    def come_back(self) -> None:
        """Mend the disk, and start it again if it has ended."""
        self.mend_disk()
        if not self.is_up() or (self.process is not None and self.process.poll() is not None):
            self.start()

    @property
    def increments(self) -> list[Path]:
        """Its append-only files, without base and manifest."""
        return sorted((self.folder / "appendonlydir").glob("*.incr.aof"))
