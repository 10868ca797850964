"""Starts workers, each with what it needs: the port, the settings, and what the workers of one gate share."""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from callgate.clinic import read_policies
from callgate.commands.context import ledger_link
from callgate.commands.handed import NONE, Handed, Papers
from callgate.errors import SettingsError
from callgate.listening import Line
from callgate.settings import Settings, check_settings, read_settings
from callgate.workers import Worker, start_worker

CORES_A_WORKER = 2
WORKERS_MAX = 8
"""Of those nobody asked for: each takes about 54 MB, and the unit allows the daemon and its Redis 1 GB in all."""


@dataclass(kw_only=True, slots=True)
class Crew:
    """Recruits the workers of one daemon (`callgate.places.Recruiter`).

    Fields:
        file: the settings file.
        good: what it and the policies said when a worker last took calls with it; until then, when the daemon began.
        began_with: the settings of that moment: what the supervisor itself goes by.
        port: where calls come to; set before the first worker is started, as are the others.
        nonces, lent: see `SharedNonces` and `Lending`; set before, too.
        line: where the first worker hears the further ones; None for one alone.
    """

    file: Path
    good: Papers
    began_with: Settings
    port: socket.socket = field(init=False)
    nonces: int = field(init=False)
    lent: int = field(init=False)
    line: Line | None = None
    _tried: Papers | None = field(default=None, init=False)
    _had_first: bool = field(default=False, init=False)

    def start(self, place: int, news: Callable[[], None], *, anew: bool) -> Worker:
        """See `Recruiter.start`; what the supervisor itself goes by cannot have changed."""
        papers = self._read_anew() if anew else self.good
        self._tried = papers if anew else self._tried
        is_one_of_more = self.line is not None and self._had_first
        self._had_first = True
        file = os.memfd_create("papers")
        try:
            os.write(file, msgspec.json.encode(papers))
            handed = Handed(
                place=place,
                is_one_of_more=is_one_of_more,
                port=self.port.fileno(),
                papers=file,
                nonces=self.nonces,
                lent=self.lent,
                line=self._line_for(place),
            )
            words = [sys.executable, "-P", "-m", "callgate.cli", "--settings", str(self.file), "serve", "--worker"]
            return start_worker([*words, msgspec.json.encode(handed).decode(), "{link}"], handed.files, news)
        finally:
            os.close(file)

    def _line_for(self, place: int) -> int:
        if self.line is None:
            return NONE
        return self.line.way if place else self.line.listening.fileno()

    def took_calls(self) -> None:
        """See `Recruiter.took_calls`."""
        self.good = self._tried or self.good

    def _read_anew(self) -> Papers:
        papers, settings = _read(self.file)
        for name in ("listen", "state", "redis", "workers"):
            if getattr(settings.gate, name) != getattr(self.began_with.gate, name):
                raise SettingsError(f"gate.{name}", "it cannot change while the daemon runs", "restart the daemon")
        return papers


def crew_of(arguments: argparse.Namespace) -> tuple[Papers, Settings, Path]:
    """Read what the files say, the settings of it checked, and the folder that relative paths start from."""
    file: Path = arguments.settings
    return *_read(file), file.resolve().parent


def _read(file: Path) -> tuple[Papers, Settings]:
    """Read settings and policies, and check the settings, the ledger's address too, before a worker is started."""
    text, folder = read_settings(file), file.resolve().parent
    settings = check_settings(text, file)
    ledger_link(settings, folder)
    return Papers(settings=text, policies=read_policies(settings, folder)), settings


def worker_count(settings: Settings) -> int:
    """How many workers there are to be: of a machine's processors others need some, Asterisk first of all."""
    return settings.gate.workers or min(max(1, len(os.sched_getaffinity(0)) // CORES_A_WORKER), WORKERS_MAX)
