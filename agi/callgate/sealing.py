"""Seals the full numbers of refused costly calls in their journal rows; a number can be read as long as its key exists.

The journal is append-only and chained, so that nothing in it can be removed. What ends a number's time is the removal
of its key: one key for each clinic and each ISO week, a file of 32 bytes that its owner alone may read. A number is
encrypted with AES-256-GCM under a fresh nonce, bound to its row: moved to another one it does not open.
"""

import base64
import contextlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callgate.disk import sync_folder
from callgate.errors import SettingsError
from callgate.journal_rows import JournalRow
from callgate.key_file import make_key, read_key
from callgate.lived import WEEK_DAYS, periods_lived
from callgate.settings import Settings

NONCE_BYTES = 12
KEY_FOLDER = "keys"
_VERSION = "1"
_REMEDY = "remove it; a new one is made"
_WEEK = timedelta(weeks=1)
# With a dot in front and digits behind, one that was being made when the machine stopped.
_FILE = re.compile(r"\.?(?P<clinic>[A-Za-z0-9][A-Za-z0-9_-]{0,63})\.(?P<week>[0-9]{4}-W[0-9]{2})\.key(\.[0-9a-f]{8})?")
_WEEK_NAME = re.compile(r"[0-9]{4}-W[0-9]{2}")

log = structlog.get_logger()


class Unreadable(StrEnum):
    """Why a sealed number cannot be shown."""

    KEY_GONE = "key_gone"
    KEY_DAMAGED = "key_damaged"
    NOT_OF_THIS_ROW = "not_of_this_row"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeyName:
    """Which key: whose, and of which ISO week (UTC) such as ``2026-W47``."""

    week: str
    clinic: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.clinic}.{self.week}.key"

    @property
    def begins(self) -> datetime:
        """The first instant of its week."""
        return datetime.strptime(f"{self.week}-1", "%G-W%V-%u").replace(tzinfo=UTC)


def key_name(clinic: str, at: datetime) -> KeyName:
    """Name the key of a clinic for an aware instant."""
    return KeyName(clinic=clinic, week=at.astimezone(UTC).strftime("%G-W%V"))


def key_folder(settings: Settings, folder: Path) -> Path:
    """Where the keys are; `folder` is that of the settings file."""
    named = settings.privacy.keys
    return folder / named if named else folder / settings.gate.state / KEY_FOLDER


class Seals:
    """Seals numbers with keys it has in memory: no call waits for a key file.

    Args:
        folder: of the key files; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[KeyName, AESGCM] = {}
        self._missed: set[KeyName] = set()

    def prepare(self, clinics: Iterable[str], now: datetime) -> None:
        """Make or read each clinic's keys of this week and the next; may be called in a thread.

        One that cannot be had is said in the log, and tried again the next time.
        """
        # A call that was refused in the last second of a week is written down in the next one.
        keys = {name: key for name, key in self._keys.items() if name.begins + 2 * _WEEK > now}
        for clinic in clinics:
            for at in (now, now + _WEEK):
                name = key_name(clinic, at)
                try:
                    keys[name] = AESGCM(make_key(self._folder / name.file, _REMEDY))
                except (OSError, SettingsError) as error:
                    log.warning("key.unusable", file=str(self._folder / name.file), problem=str(error))
        self._keys, self._missed = keys, set()

    def seal(self, row: JournalRow, number: str) -> str:
        """Encrypt a number for its row; "" where there is no key: the row is then written without it."""
        name = key_name(row.clinic, row.at)
        key = self._keys.get(name)
        if key is None:
            if name not in self._missed:
                # Once for each key: a flood of refusals must not become one of complaints.
                self._missed.add(name)
                log.warning("number.not_sealed", clinic=row.clinic, key=name.file)
            return ""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + key.encrypt(nonce, number.encode(), _bound(row, name))
        return ".".join((_VERSION, name.week, base64.b32encode(sealed).decode().rstrip("=")))


def unseal(row: JournalRow, folder: Path) -> str | Unreadable:
    """Read the full number of a row that has one.

    Raises:
        PermissionError: the key may not be read.
        OSError: it cannot be read for another reason.
    """
    version, week, text = ([*row.sealed.split(".", 2), "", ""])[:3]
    if version != _VERSION or _WEEK_NAME.fullmatch(week) is None:
        return Unreadable.NOT_OF_THIS_ROW
    name = KeyName(clinic=row.clinic, week=week)
    try:
        sealed = base64.b32decode(text + "=" * (-len(text) % 8))
        key = AESGCM(read_key(folder / name.file, _REMEDY))
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(row, name)).decode()
    except FileNotFoundError:
        return Unreadable.KEY_GONE
    except SettingsError:
        return Unreadable.KEY_DAMAGED
    except (InvalidTag, ValueError):  # binascii.Error is one
        return Unreadable.NOT_OF_THIS_ROW


def purge_keys(folder: Path, now: datetime, days: int) -> list[KeyName]:
    """Remove every key whose week began so many days ago: no number stays readable longer than that.

    A clock that leapt removes none of the last weeks: keys of enough later weeks must be there (`callgate.lived`).

    Args:
        folder: of the keys.
        now: aware.
        days: 7 or more, so that the key of this week is never among them.

    Returns:
        Those that were removed, oldest first.

    Raises:
        OSError: one cannot be removed.
    """
    due = keys_due(folder, now, days)
    weeks = {name.week for name in _keys_in(folder).values() if _is_due(name, now, 0)}
    lived = periods_lived(days, WEEK_DAYS)
    due = {file: name for file, name in due.items() if sum(week > name.week for week in weeks) >= lived}
    for file in due:
        file.unlink(missing_ok=True)
    if due:
        sync_folder(folder)
    return sorted(set(due.values()))


def keys_due(folder: Path, now: datetime, days: int) -> dict[Path, KeyName]:
    """The keys whose week began so many days ago by the clock, with their files.

    Raises:
        OSError: the folder cannot be read.
    """
    return {file: name for file, name in _keys_in(folder).items() if _is_due(name, now, days)}


def _keys_in(folder: Path) -> dict[Path, KeyName]:
    with contextlib.suppress(FileNotFoundError):
        return {file: name for file in folder.iterdir() if (name := _name_of(file))}
    return {}


def _name_of(file: Path) -> KeyName | None:
    found = _FILE.fullmatch(file.name)
    return KeyName(clinic=found["clinic"], week=found["week"]) if found else None


def _is_due(name: KeyName, now: datetime, days: int) -> bool:
    # A week that no calendar has was never used.
    with contextlib.suppress(ValueError):
        return name.begins + timedelta(days=days) <= now
    return False


def _bound(row: JournalRow, name: KeyName) -> bytes:
    """What a sealed number belongs to: its row and key."""
    return msgspec.json.encode((_VERSION, name.week, row.clinic, row.call, row.attempt, row.at))
