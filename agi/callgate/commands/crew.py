"""Starts workers, each with what it needs: the port, the settings, and what the workers of one gate share."""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from callgate.commands.context import ledger_link
from callgate.commands.handed import NONE, Handed
from callgate.errors import SettingsError
from callgate.settings import Settings, check_settings, read_settings
from callgate.workers import Worker, start_worker

CORES_A_WORKER = 2


@dataclass(kw_only=True, slots=True)
class Crew:
    """Recruits the workers of one daemon (`callgate.places.Recruiter`).

    Fields:
        file: the settings file.
        good: what it said when a worker last took calls with it; until then, when the daemon began.
        began_with: the same, read: what the supervisor itself goes by.
        port: where calls come to; set before the first worker is started, as are the others.
        nonces: see `SharedNonces`; -1 for one worker alone.
        line: where the first worker hears the further ones; None for one alone.
    """

    file: Path
    good: str
    began_with: Settings
    port: socket.socket = field(init=False)
    nonces: int = NONE
    line: socket.socket | None = None
    _tried: str = field(default="", init=False)
    _had_first: bool = field(default=False, init=False)

    def start(self, place: int, news: Callable[[], None], *, anew: bool) -> Worker:
        """See `Recruiter.start`; what the supervisor itself goes by cannot have changed."""
        text = self._read_anew() if anew else self.good
        self._tried = text if anew else self._tried
        is_one_of_more = self.line is not None and self._had_first
        self._had_first = True
        settings = os.memfd_create("settings")
        try:
            os.write(settings, text.encode())
            handed = Handed(
                place=place,
                is_one_of_more=is_one_of_more,
                port=self.port.fileno(),
                text=settings,
                nonces=self.nonces,
                line=NONE if self.line is None or place else self.line.fileno(),
            )
            words = [sys.executable, "-P", "-m", "callgate.cli", "--settings", str(self.file), "serve", "--worker"]
            return start_worker([*words, msgspec.json.encode(handed).decode(), "{link}"], handed.files, news)
        finally:
            os.close(settings)

    def took_calls(self) -> None:
        """See `Recruiter.took_calls`."""
        self.good = self._tried

    def _read_anew(self) -> str:
        text = read_settings(self.file)
        settings = _usable(text, self.file)
        for name in ("listen", "state", "redis", "workers"):
            if getattr(settings.gate, name) != getattr(self.began_with.gate, name):
                raise SettingsError(f"gate.{name}", "it cannot change while the daemon runs", "restart the daemon")
        return text


def crew_of(arguments: argparse.Namespace) -> tuple[str, Settings, Path]:
    """Read the settings: what the file says, the same checked, and the folder that relative paths start from."""
    file: Path = arguments.settings
    text = read_settings(file)
    return text, _usable(text, file), file.resolve().parent


def _usable(text: str, file: Path) -> Settings:
    """Check settings, the ledger's address too, before a worker is started with them."""
    settings = check_settings(text, file)
    ledger_link(settings, file.resolve().parent)
    return settings


def worker_count(settings: Settings) -> int:
    """How many workers there are to be: of a machine's processors others need some, Asterisk first of all."""
    return settings.gate.workers or max(1, len(os.sched_getaffinity(0)) // CORES_A_WORKER)
