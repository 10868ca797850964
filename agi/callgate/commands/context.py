"""What commands share: the settings, the clinics, and a link to the ledger of the daemon that runs."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from callgate.clinic import Clinic, load_clinics
from callgate.errors import SettingsError
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.settings import Settings, load_settings

EMBEDDED_SOCKET = "redis/redis.sock"

Answer = TypeVar("Answer")


def settings_of(arguments: argparse.Namespace) -> tuple[Settings, Path]:
    """Load the settings and the folder that relative paths in them start from."""
    file: Path = arguments.settings
    return load_settings(file), file.resolve().parent


def clinics_of(settings: Settings, folder: Path) -> dict[str, Clinic]:
    """Load the clinics of the settings."""
    return load_clinics(settings, folder)


def clinic_named(settings: Settings, name: str | None) -> str:
    """The clinic a command is about: the one named, or the only one.

    Raises:
        SettingsError: if it is unknown, or several are there and none was named.
    """
    names = [clinic.name for clinic in settings.clinic]
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        problem = "several clinics are set up" if name is None else f'no clinic is named "{name}"'
        raise SettingsError("clinic", problem, f"name one with --clinic: {', '.join(names)}")
    return name


def state_folder(settings: Settings, folder: Path) -> Path:
    """The daemon's state folder."""
    return folder / settings.gate.state


def ledger_url(settings: Settings, folder: Path) -> str:
    """Where the ledger is: the configured Redis, or the socket of the daemon's own."""
    return settings.gate.redis or f"unix://{quote(str(state_folder(settings, folder).resolve() / EMBEDDED_SOCKET))}"


def with_ledger(url: str, work: Callable[[RedisLedger], Awaitable[Answer]]) -> Answer:
    """Run some work on the ledger and close the link."""

    async def run() -> Answer:
        client = connect(url)
        try:
            return await work(RedisLedger(client))
        finally:
            await client.aclose()

    return asyncio.run(run())


def say(text: str = "") -> None:
    """Write a line for whoever asked."""
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    """Write a line that is not the answer."""
    sys.stderr.write(text + "\n")
