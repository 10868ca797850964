"""`callgate support-bundle`: all that an engineer needs to help, in one file, without a number, a name or a secret."""

import argparse
import asyncio
import os
import shutil
import stat
import time
import tomllib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import distributions, version
from pathlib import Path

import msgspec
from redis.exceptions import RedisError

from callgate.audit.survey import survey
from callgate.bundle import Member, document, given_away, packed
from callgate.clinic import read_text
from callgate.commands import Exit
from callgate.commands.audit import ASTERISK, as_json, known_to
from callgate.commands.context import (
    ledger_link,
    ledger_place,
    printable,
    repair_deadlines,
    say,
    settings_of,
    state_folder,
    warn,
)
from callgate.commands.journal import verification
from callgate.commands.private_file import private_file
from callgate.commands.status import find_status
from callgate.errors import CallgateError
from callgate.journal import JOURNAL_FILE, read_rows
from callgate.ledger.primaries import Primaries
from callgate.ledger.revisions import PolicyRevision
from callgate.policies import kept_policy
from callgate.screening import screened_value
from callgate.settings import Settings
from callgate.texts.catalog import Language, text

ROWS_MAX = 200
LOG_BYTES_MAX = 512 * 1024
FIGURE_MAX = 999_999
"""No rule of a policy has a longer one."""
_OF_PEOPLE = frozenset({"author", "label", "name", "reason", "sealed"})
"""Fields that say who somebody is, or give a number to whoever has a key."""
_NOTES_KEPT_BACK = ("ledger.", "privacy.", "journal.cut")
"""How the events begin whose note says who did it, and why, or has bytes that nobody can screen."""


def add_support_bundle(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe ``callgate support-bundle``."""
    bundling = add_command("support-bundle", help="what an engineer needs to help, without numbers, names or secrets")
    bundling.add_argument("file", type=Path, metavar="FILE.tar.gz", help="where to; never over another file")
    bundling.add_argument("--log", type=Path, metavar="LOG", help="add the end of the gate's log")
    bundling.add_argument("--config", type=Path, default=ASTERISK, metavar="FOLDER", help=f"Asterisk's ({ASTERISK})")
    bundling.set_defaults(run=support_bundle)


def support_bundle(arguments: argparse.Namespace) -> Exit:
    """Write it; where anything in it must not leave, write nothing, and say where."""
    language, at = Language(arguments.language), datetime.now(UTC)
    members = list(_members(arguments, at))
    found = list(given_away(members))
    for one in found:
        leak = text(f"leak.{one.leak}", language)
        warn(f"callgate: {text('cli.bundle_leak', language, member=one.member, place=printable(one.place), leak=leak)}")
    if found:
        warn(f"callgate: {text('cli.bundle_refused', language)}")
        return Exit.NEGATIVE
    with private_file(arguments.file, may_replace=False) as stream:
        stream.buffer.write(packed(members, at))
    say(text("cli.bundle_written", language, file=printable(str(arguments.file)), members=len(members)))
    return Exit.OK


def _members(arguments: argparse.Namespace, at: datetime) -> Iterator[Member]:
    settings, folder = settings_of(arguments)
    state = state_folder(settings, folder)
    yield _told("about", lambda: _about(at))
    yield _told("settings", lambda: _plain_settings(settings))
    for clinic in settings.clinic:
        yield _told(f"policy-{clinic.name}", partial(_plain_policy, folder / clinic.policy))
        yield _told(f"in-force-{clinic.name}", partial(_plain_revision, kept_policy(state, clinic.name)))
    yield _told("status", lambda: _impersonal(find_status(settings, folder)))
    yield _told("audit", lambda: as_json(survey(arguments.config, known_to(arguments)), Language.EN))
    yield _told("journal", lambda: msgspec.to_builtins(verification(state / JOURNAL_FILE)))
    yield _told("rows", lambda: _last_rows(state / JOURNAL_FILE))
    yield _told("store", lambda: asyncio.run(_store(settings, folder)))
    yield _told("machine", lambda: _machine(state))
    if arguments.log is not None:
        # As it is: what the gate writes is screened already, and of what others wrote nothing may be left out unseen.
        yield Member(name="log.txt", content=_tail(arguments.log))


def _told(name: str, look: Callable[[], object]) -> Member:
    """Make a member of what is found; a part that cannot be had is told, and stops no other: something is broken."""
    try:
        value = look()
    except (CallgateError, OSError, RedisError, ValueError) as error:
        value = {"problem": f"{type(error).__name__}: {error}"}
    return document(name, screened_value(value))


def _about(at: datetime) -> object:
    host = os.uname()
    return {
        "at": at.isoformat(),
        "callgate": version("callgate"),
        "libraries": {found.name: found.version for found in sorted(distributions(), key=lambda found: found.name)},
        "machine": {"system": host.sysname, "release": host.release, "kind": host.machine},
    }


def _plain_settings(settings: Settings) -> object:
    gate = msgspec.structs.replace(settings.gate, redis=ledger_place(settings) if settings.gate.redis else "")
    return msgspec.to_builtins(msgspec.structs.replace(settings, gate=gate))


def _plain_policy(file: Path) -> object:
    """A policy's rules. Its comments and what it calls people and things stay here."""
    return _rules(read_text(file))


def _plain_revision(file: Path) -> object:
    """The same of the revision that this gate had in force last, and its locks."""
    revision = msgspec.json.decode(file.read_bytes(), type=PolicyRevision)
    rules = _rules(revision.document)
    return {"revision": revision.revision, "at": revision.at, "locks": _impersonal(revision.locks), "rules": rules}


def _rules(document: str) -> object:
    return _quoted(_impersonal(tomllib.loads(document)))


def _quoted(value: object) -> object:
    """A policy in which a long figure is a text: it is a number that lacks its quotes, and screened as any other."""
    match value:
        case dict():
            return {key: _quoted(below) for key, below in value.items()}
        case list():
            return [_quoted(below) for below in value]
        case int() if value > FIGURE_MAX:
            return str(value)
        case _:
            return value


def _impersonal(value: object) -> object:
    """A document as JSON knows it, without what says who somebody is."""
    return _without_people(msgspec.to_builtins(value))


def _without_people(value: object) -> object:
    match value:
        case dict():
            return {key: _without_people(below) for key, below in value.items() if key not in _OF_PEOPLE}
        case list() | tuple():
            return [_without_people(below) for below in value]
        case _:
            return value


def _last_rows(journal: Path) -> object:
    rows = deque((row for row, _ in read_rows(journal)), maxlen=ROWS_MAX)
    return [
        _impersonal(msgspec.structs.replace(row, note="") if row.event.startswith(_NOTES_KEPT_BACK) else row)
        for row in rows
    ]


async def _store(settings: Settings, folder: Path) -> object:
    async with ledger_link(settings, folder, repair_deadlines(settings)) as client:
        if isinstance(client, Primaries):
            return {str(endpoint): await node.info() for endpoint, node in (await client.every()).items()}
        return await client.info()


def _machine(state: Path) -> object:
    disk, nodes = shutil.disk_usage(state), os.statvfs(state)
    return {
        "disk": {"bytes": disk.total, "free_bytes": disk.free, "files": nodes.f_files, "free_files": nodes.f_ffree},
        "load": os.getloadavg(),
        "clock": {
            "wall_s": time.time(),
            "monotonic_s": time.monotonic(),
            "since_boot_s": time.clock_gettime(time.CLOCK_BOOTTIME),
            "zone": time.tzname,
        },
        "state": dict(_sizes(state)),
    }


def _sizes(state: Path) -> Iterator[tuple[str, int]]:
    for file in sorted(state.iterdir()):
        # The gate that runs removes some of them at any moment.
        with suppress(FileNotFoundError):
            found = file.lstat()
            if stat.S_ISREG(found.st_mode):
                yield file.name, found.st_size


def _tail(log: Path) -> bytes:
    """The last lines of a log, whole ones."""
    with log.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - LOG_BYTES_MAX))
        content = stream.read(LOG_BYTES_MAX)
    return content if size <= LOG_BYTES_MAX else content.partition(b"\n")[2]
