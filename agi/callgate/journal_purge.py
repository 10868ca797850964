"""Which files of a journal are due to be removed, and what has to be written down before they are."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path

import msgspec

from callgate.disk import sync_folder
from callgate.journal_file import Kind, Record, scan
from callgate.journal_files import Part, open_parts
from callgate.journal_writer import month_of
from callgate.ledger_memory import Purged, is_sound, read_change

_UNKNOWN_MS = 2**63
_Ranges = list[tuple[int, int]]
_Numbers = dict[str, dict[str, _Ranges]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Files that are removed, oldest first.

    Fields:
        first: the number of the first record in them.
        until: when the last one was written.
        size: their bytes.
        note: what the journal must say before.
    """

    files: tuple[Path, ...]
    first: int
    until: datetime
    size: int
    note: Purged


@dataclass(slots=True, kw_only=True)
class _Content:
    """What is in a file: first and last record, the latest stamp, and which changes."""

    first: int = 0
    last: Record | None = None
    latest_ms: int = 0
    changes: _Numbers


def find_due(file: Path, before: datetime, known: Purged, *, months: int = 0) -> Due | None:
    """Find the files of a journal in which nothing is of this instant or later; None if there are none.

    Only the oldest files go. The one that is written and the one before it stay, whatever a clock says: what a ledger
    may have to be restored from is of this calendar month or the last.

    Args:
        file: the journal.
        before: an aware instant.
        known: what was removed earlier.
        months: in so many different months a later file must have been begun (`callgate.lived`).

    Raises:
        OSError: it cannot be read.
    """
    before_ms = int(before.timestamp() * 1000)
    due: Due | None = None
    for part in islice(open_parts(file), _count_old(_begun(file), before_ms, months)):
        content = _content(part)
        if content.last is None or content.latest_ms >= before_ms:
            break
        due = _with(due, part, content, due.note if due else known)
    return due


def is_doubted(file: Path, before: datetime, months: int) -> bool:
    """Whether files are so old by the clock alone: it leapt, or the gate was switched off for long; see `find_due`.

    Raises:
        OSError: it cannot be read.
    """
    begun, before_ms = _begun(file), int(before.timestamp() * 1000)
    return _count_old(begun, before_ms, 0) > _count_old(begun, before_ms, months)


def remove(file: Path, due: Due) -> None:
    """Remove files of a journal, oldest first; the disk has it then."""
    for path in due.files:
        path.unlink(missing_ok=True)
    sync_folder(file.parent)


def joined(ranges: Iterable[tuple[int, int]]) -> _Ranges:
    """Put ranges in order, and those that touch or overlap together."""
    found: _Ranges = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _begun(file: Path) -> list[int]:
    return [_begun_ms(part) for part in open_parts(file)]


def _count_old(begun: Sequence[int], before_ms: int, months: int) -> int:
    """How many of the oldest files were closed before an instant, and so many months ago."""

    def is_old(place: int) -> bool:
        # A file was closed when the next one was begun.
        later = {month_of(begun_ms) for begun_ms in begun[place + 1 :] if begun_ms < _UNKNOWN_MS}
        return begun[place + 1] < before_ms and len(later) >= months

    return sum(1 for _ in takewhile(is_old, range(len(begun) - 2)))


def _begun_ms(part: Part) -> int:
    first = next((found for found in scan(part.stream) if isinstance(found, Record)), None)
    # Nothing is known of a file in which nothing can be read: it stays, and so do those before it.
    return first.written_ms if first else _UNKNOWN_MS


def _content(part: Part) -> _Content:
    content = _Content(changes={})
    for found in scan(part.stream):
        if isinstance(found, Record):
            content.first = content.first or found.number
            content.last = found
            content.latest_ms = max(content.latest_ms, found.written_ms)
            if part.is_own and found.kind == Kind.CHANGE:
                _note_change(content.changes, found)
    return content


def _note_change(changes: _Numbers, record: Record) -> None:
    with suppress(msgspec.DecodeError):
        change = read_change(record.payload)
        # One that was told again counts for no number.
        if change.sequence and is_sound(change):
            numbers = changes.setdefault(change.clinic, {}).setdefault(change.epoch, [])
            if numbers and numbers[-1][1] + 1 == change.sequence:
                numbers[-1] = (numbers[-1][0], change.sequence)
            else:
                numbers.append((change.sequence, change.sequence))


def _with(due: Due | None, part: Part, content: _Content, known: Purged) -> Due:
    """Add a file to those that are due, if any."""
    assert content.last is not None
    latest = datetime.fromtimestamp(content.latest_ms / 1000, UTC)
    return Due(
        files=(*(due.files if due else ()), part.path),
        first=due.first if due else content.first,
        until=max(due.until, latest) if due else latest,
        size=(due.size if due else 0) + part.path.stat().st_size,
        note=Purged(
            number=content.last.number,
            chain=content.last.chain.hex(),
            changes=_merged(known.changes, content.changes),
        ),
    )


def _merged(one: _Numbers, other: _Numbers) -> _Numbers:
    return {
        clinic: {
            epoch: joined([*one.get(clinic, {}).get(epoch, []), *other.get(clinic, {}).get(epoch, [])])
            for epoch in {**one.get(clinic, {}), **other.get(clinic, {})}
        }
        for clinic in {**one, **other}
    }
