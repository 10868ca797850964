"""`callgate blocked --reveal`: the full number of one refused costly call, for a reason that is written down."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate import acts
from callgate.commands import Exit
from callgate.commands.context import printable, say, say_json, settings_of, state_folder, warn
from callgate.errors import SettingsError
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.policies import author
from callgate.sealing import Unreadable, key_folder, unseal
from callgate.texts.catalog import Language, text

SHORT_CHARACTERS = 8


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """One number, as ``--json`` shows it; one of `number` and `unreadable` is ""."""

    at: datetime
    clinic: str
    call: str
    attempt: int
    number: str = ""
    unreadable: str = ""


def short_call(row: JournalRow) -> str:
    """The beginning of a call's own id, enough for a person to name it by."""
    return _own_id(row.call)[:SHORT_CHARACTERS]


def _own_id(call: str) -> str:
    # In front of it is the name of the Asterisk, which has no dot.
    return call.rpartition(".")[2]


def reveal(arguments: argparse.Namespace) -> Exit:
    """Show it. That it was shown is on the disk before."""
    if not (arguments.reason or "").strip():
        raise SettingsError("--reason", "is needed with --reveal", "say why, for the record")
    settings, folder = settings_of(arguments)
    language, state = Language(arguments.language), state_folder(settings, folder)
    rows = list(_rows(state / JOURNAL_FILE, arguments.reveal))
    if len({row.call for row in rows}) != 1:
        key = "cli.reveal_many" if rows else "cli.reveal_none"
        warn(f"callgate: {text(key, language, call=printable(arguments.reveal))}")
        return Exit.NEGATIVE
    found = [_revealed(row, key_folder(settings, folder)) for row in rows]
    for one in found:
        if one.number:
            _record(state, one, arguments.reason)
    _tell(found, arguments, language)
    return Exit.OK if all(one.number for one in found) else Exit.NEGATIVE


def _rows(journal: Path, call: str) -> Iterator[JournalRow]:
    """Every row with a sealed number of the calls whose id, or its own part, begins so."""
    for row, _ in read_rows(journal):
        if row.sealed and (row.call == call or _own_id(row.call).startswith(call)):
            yield row


def _revealed(row: JournalRow, keys: Path) -> Revealed:
    plain = Revealed(at=row.at, clinic=row.clinic, call=row.call, attempt=row.attempt)
    match unseal(row, keys):
        case Unreadable() as why:
            return msgspec.structs.replace(plain, unreadable=why.value)
        case number:
            return msgspec.structs.replace(plain, number=number)


def _record(state: Path, one: Revealed, reason: str) -> None:
    note = f"{author()}: {reason}"
    at, attempt = datetime.now(UTC), one.attempt
    row = JournalRow(at=at, event="privacy.revealed", clinic=one.clinic, call=one.call, attempt=attempt, note=note)
    acts.leave(state, row)


def _tell(found: Sequence[Revealed], arguments: argparse.Namespace, language: Language) -> None:
    for one in found:
        if arguments.json:
            say_json(one)
            continue
        what = printable(one.number) or text(f"cli.reveal_{one.unreadable}", language)
        say(f"{one.at:%Y-%m-%d %H:%M:%S}Z  {printable(one.call)}  {what}")
