"""What commands share: the settings, the clinics, and a link to the ledger of the daemon that runs."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
from redis.asyncio import Redis

from callgate.acts import Courier
from callgate.clinic import Clinic, load_clinics
from callgate.control.link import Account
from callgate.errors import SettingsError
from callgate.ledger.client import PROMPT, Access, Deadlines, connect
from callgate.ledger.redis import RedisLedger
from callgate.settings import Settings, load_settings
from callgate.texts.catalog import Language, catalog

EMBEDDED_SOCKET = "redis/redis.sock"
REPAIR_ANSWER_S = 1.0
"""Batches are small (`callgate.repair`); a machine this slow restores one change at a time."""
_NO_BREAK_SPACES = "\u00a0\u202f"

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


def manager_account(settings: Settings, folder: Path) -> Account | None:
    """Where Asterisk's manager interface is, and as whom to log in; None where the settings do not name it."""
    control = settings.control
    if not control.ami:
        return None
    host, _, port = control.ami.rpartition(":")
    return Account(host=host.strip("[]"), port=int(port), user=control.user, secret_file=folder / control.secret_file)


def check_reach(settings: Settings, folder: Path) -> None:
    """See to it that whoever asks may reach the daemon's own Redis: to one who may not, it would seem to be away.

    Raises:
        PermissionError: if it is behind a folder of another user's.
    """
    if not settings.gate.redis:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (state_folder(settings, folder) / EMBEDDED_SOCKET).stat()


def ledger_url(settings: Settings, folder: Path) -> str:
    """Where the ledger is: the configured Redis, or the socket of the daemon's own."""
    return settings.gate.redis or f"unix://{quote(str(state_folder(settings, folder).resolve() / EMBEDDED_SOCKET))}"


def ledger_link(settings: Settings, folder: Path, deadlines: Deadlines | None = None) -> Redis:
    """Prepare the link to the ledger; it connects when it is first used.

    Args:
        settings: the installer's.
        folder: where relative paths in them start from.
        deadlines: None for those of a call.

    Raises:
        SettingsError: if the configured address is none.
    """
    told = deadlines or ledger_deadlines(settings)
    try:
        return connect(ledger_url(settings, folder), told, _ledger_access(settings, folder))
    except ValueError as error:
        # Not the address itself: what cannot be read may hold a password all the same.
        raise SettingsError("gate.redis", f"is no address: {error}", "write it as redis://host:6379/0") from None


def ledger_deadlines(settings: Settings) -> Deadlines:
    """How long the ledger may take, and how many replicas must have what a costly call depends on."""
    return replace(PROMPT, replicas=settings.gate.redis_replicas)


def repair_deadlines(settings: Settings) -> Deadlines:
    """How long a repair waits for the ledger: no call waits for it, and its failures must close no call's road."""
    return replace(ledger_deadlines(settings), answer_s=REPAIR_ANSWER_S)


def _ledger_access(settings: Settings, folder: Path) -> Access:
    def file(name: str) -> Path | None:
        return folder / name if name else None

    gate = settings.gate
    return Access(
        password_file=file(gate.redis_password_file),
        ca=file(gate.redis_ca),
        certificate=file(gate.redis_cert),
        key=file(gate.redis_key),
    )


def ledger_place(settings: Settings) -> str:
    """Name the ledger for a message, without the user and the query of its address."""
    return settings.gate.redis.partition("?")[0].rpartition("@")[2] or "the daemon's own Redis"


def silence_words(cause: str, language: Language) -> str:
    """Say why the ledger does not answer; the code itself of a cause that has no words."""
    return catalog(language).get(f"cli.cause_{cause}", cause)


def with_ledger(settings: Settings, folder: Path, work: Callable[[RedisLedger], Awaitable[Answer]]) -> Answer:
    """Run some work on the ledger and close the link. What it changes is left for the daemon's journal.

    No call waits for a command, and the books of a large clinic take their time.
    """
    patient = repair_deadlines(settings)

    async def run() -> Answer:
        async with ledger_link(settings, folder, patient) as client:
            courier = Courier(state_folder(settings, folder))
            return await work(RedisLedger(client, patient, witness=courier))

    return asyncio.run(run())


def say(text: str = "") -> None:
    """Write a line for whoever asked."""
    sys.stdout.write(text + "\n")


def printable(text: str) -> str:
    """Make what a stranger wrote safe for a terminal: nothing in it moves the cursor or writes from right to left.

    The no-break spaces of French stay: a terminal shows a space.
    """
    if text.isprintable():
        return text
    return "".join(sign if _is_shown(sign) else sign.encode("unicode_escape").decode() for sign in text)


def say_json(value: object) -> None:
    """Write a value as one line of JSON for whoever asked; what no terminal shows stands in it as codes."""
    words = msgspec.json.encode(value).decode()
    # Beside strings, JSON has nothing that is not printable, and each sign in one may be written as its code.
    say(
        words
        if words.isprintable()
        else "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in words)
    )


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or sign in _NO_BREAK_SPACES


def warn(text: str) -> None:
    """Write a line that is not the answer."""
    sys.stderr.write(text + "\n")
