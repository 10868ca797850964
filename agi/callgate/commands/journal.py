"""`callgate journal`: verify the gate's journal, export its rows, restore the ledger from it (`commands.rebuild`)."""

import argparse
import csv
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from callgate.commands import Exit
from callgate.commands.blocked import Faults, since_instant
from callgate.commands.context import printable, say, say_json, settings_of, state_folder
from callgate.commands.rebuild import rebuild_ledger
from callgate.disk import open_plain
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.journal_file import HEADERS_BYTES, Damage, Flaw, Kind, Record, goes_on_from, read_header
from callgate.journal_files import Part, aside_files, is_closed_file, missing, scan_journal
from callgate.ledger_memory import Purged
from callgate.replay.verdicts import unarmed
from callgate.texts.catalog import Language, text

AddCommand = Callable[..., argparse.ArgumentParser]

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9•]+")


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at every byte of a journal found.

    Fields:
        file: the one that is written; files: how many there are, with those that were closed.
        journal: its identity, "" where both headers are damaged.
        records, rows, changes: how many whole ones; changes are the ledger's.
        first, last: when the first and the last whole record were written.
        damages: each place that is not as it was written.
        ends: the files beside it that keep ends which were cut off it and not looked at yet.
    """

    file: str
    files: int
    journal: str
    records: int
    rows: int
    changes: int
    first: datetime | None
    last: datetime | None
    damages: tuple[Damage, ...]
    ends: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether it is as it was written."""
        return not self.damages and not self.ends


def add_journal(add_command: AddCommand) -> None:
    """Describe ``callgate journal``."""
    journals = add_command("journal", help="the gate's own record of every verdict").add_subparsers(
        dest="journal_command", required=True, metavar="verify|export|rebuild-ledger"
    )
    verifying = journals.add_parser("verify", help="look at every byte; exit 1 if one was changed, and where")
    verifying.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the daemon's own")
    verifying.add_argument("--json", action="store_true", help="one JSON object")
    verifying.set_defaults(run=verify)
    exporting = journals.add_parser("export", help="every row as CSV; numbers are masked")
    exporting.add_argument("--since", type=since_instant, metavar="SPAN", help="30m, 12h, 7d or an ISO instant")
    exporting.add_argument("--until", type=since_instant, metavar="SPAN", help="the same")
    exporting.add_argument("--clinic", metavar="NAME")
    form = exporting.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line")
    form.add_argument("--csv", action="store_true", help="CSV, as without it")
    exporting.set_defaults(run=export)
    rebuilding = journals.add_parser("rebuild-ledger", help="restore the ledger from the journal, by hand")
    rebuilding.add_argument("--clinic", metavar="NAME", help="one clinic's alone")
    rebuilding.add_argument("--yes", action="store_true", help="do not ask")
    rebuilding.set_defaults(run=rebuild_ledger)


def verify(arguments: argparse.Namespace) -> Exit:
    """Say whether the journal is as it was written."""
    found = verification(arguments.file or _own(arguments))
    if arguments.json:
        say_json(found)
    else:
        for line in verification_lines(found, Language(arguments.language)):
            say(line)
    return Exit.OK if found.is_sound else Exit.NEGATIVE


def verification(file: Path) -> Verification:
    """Look at every byte of a journal, which may be written meanwhile.

    Raises:
        OSError: it cannot be read.
    """
    counts: dict[int, int] = {}
    first: Record | None = None
    last: Record | None = None
    damages: list[Damage] = []
    parts: dict[str, Part] = {}
    notes: list[Purged] = []
    for part, found in scan_journal(file):
        parts[part.key] = part
        match found:
            case Record():
                counts[found.kind] = counts.get(found.kind, 0) + 1
                first, last = first or found, found
                if found.kind == Kind.PURGED:
                    notes.append(msgspec.json.decode(found.payload, type=Purged))
            case Damage():
                damages.append(found)
    if first is not None and not is_closed_file(file) and _is_beheaded(first, notes):
        damages.insert(0, missing(next(iter(parts.values())), first, None))
    with open_plain(file) as stream:
        header, _ = read_header(stream.read(HEADERS_BYTES))
    return Verification(
        file=str(file),
        files=max(len(parts), 1),
        journal=header.identity.hex() if header else "",
        records=sum(counts.values()),
        rows=counts.get(Kind.ROW, 0),
        changes=counts.get(Kind.CHANGE, 0),
        first=first.written if first else None,
        last=last.written if last else None,
        damages=tuple(damages),
        ends=tuple(str(end) for end in aside_files(file)),
    )


def _is_beheaded(first: Record, notes: Sequence[Purged]) -> bool:
    """Whether the oldest file follows another one that is not there, and that the journal does not say was removed."""
    return first.kind == Kind.TURN and not any(
        # It may say so of this one already: the daemon was killed before it removed it.
        note.number >= first.number or goes_on_from(first, note.number, bytes.fromhex(note.chain))
        for note in notes
    )


def verification_lines(found: Verification, language: Language) -> Iterator[str]:
    """Write it for a person."""
    counts = {"records": found.records, "files": found.files, "rows": found.rows, "changes": found.changes}
    yield f"{printable(found.file)}: {text('cli.journal_records', language, **counts)}"
    for damage in found.damages:
        yield text(
            "cli.journal_header" if damage.flaw is Flaw.HEADER else "cli.journal_damage",
            language,
            file=printable(damage.file),
            number=damage.number,
            begin=damage.offset,
            end=damage.offset + damage.length,
            flaw=text(f"cli.journal_flaw_{damage.flaw}", language),
            after=_instant(damage.after),
        )
    for end in found.ends:
        yield text("cli.journal_end", language, file=printable(end))
    yield text("cli.journal_sound" if found.is_sound else "cli.journal_unsound", language, last=_instant(found.last))


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z" if at else "-"


def export(arguments: argparse.Namespace) -> Exit:
    """Write every row, oldest first."""
    faults = Faults()
    rows = (row for row, _ in read_rows(_own(arguments), 0, faults.note) if _is_wanted(row, arguments))
    if arguments.json:
        for row in rows:
            say_json(row)
        return faults.told(Language(arguments.language))
    sheet = csv.writer(sys.stdout, lineterminator="\n")
    sheet.writerow(JournalRow.__struct_fields__)
    for row in rows:
        # Lists become words, and an instant is written as in JSON.
        fields = msgspec.to_builtins(row)
        sheet.writerow([cell(value) for value in fields.values()])
    return faults.told(Language(arguments.language))


def cell(value: object) -> str:
    """Write one field for a spreadsheet, which must not take what a stranger dialled for a formula."""
    words = printable(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return words if _PLAIN_NUMBER.fullmatch(words) else unarmed(words)


def _is_wanted(row: JournalRow, arguments: argparse.Namespace) -> bool:
    return (
        (arguments.since is None or row.last_at >= arguments.since)
        and (arguments.until is None or row.at < arguments.until)
        and arguments.clinic in {None, row.clinic}
    )


def _own(arguments: argparse.Namespace) -> Path:
    settings, folder = settings_of(arguments)
    return state_folder(settings, folder) / JOURNAL_FILE
