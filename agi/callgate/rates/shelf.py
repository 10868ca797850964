"""The shelf of a clinic's rate decks: the one in force, and every one before it.

The deck in force is the file that the settings name. Beside it, in ``<name>.history/``, stand ``0001.csv``,
``0002.csv``, ..., the texts of the last revisions, and ``history.jsonl``, one line for each revision ever.

A switch writes all that needs space first and syncs it; then it takes two renames: the deck, and the list that has the
new line. Killed before the first it has changed nothing; killed between the two, the next command finds the list that
belongs to the deck in force, and puts it in its place.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from callgate.core.deck import DeckError, RateDeck, parse_deck
from callgate.disk import sync_folder
from callgate.errors import SettingsError
from callgate.resources import resource

KEPT_MAX = 100
"""So many texts are kept, the newest; the list keeps a line for each revision ever."""


class Origin(StrEnum):
    """How a revision came into force: by a switch, by a rollback, or by hand, and found at the next switch."""

    SWITCH = "switch"
    ROLLBACK = "rollback"
    FOUND = "found"


class DeckRevision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deck that was in force.

    Fields:
        revision: from 1.
        at: when it came into force, or was found, UTC.
        author, note: in the words of whoever did it; "" for one that was found.
        restored: of a rollback, the revision it brought back; else 0.
        sha256: of the file, in hexadecimal digits.
        rows: lines that are neither header nor notes.
    """

    revision: Annotated[int, msgspec.Meta(ge=1)]
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    origin: Origin
    author: str
    note: str
    restored: int = 0
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDeck:
    """A deck that was in force, as it was read again: its text, and what that says."""

    revision: int
    text: str
    deck: RateDeck


def switch(deck_file: Path, text: str, *, author: str, note: str) -> int:
    """Put a deck in force; the daemon takes it within seconds.

    Args:
        deck_file: the one that the settings name; it need not exist yet.
        text: a deck that can be read (`callgate.core.deck.parse_deck`): nothing is checked here.
        author: who does it, for the record.
        note: why, for the record.

    Returns:
        Its revision.

    Raises:
        SettingsError: if it cannot be written; the former deck stays in force.
    """
    with _locked(deck_file) as shelf:
        return shelf.put(text.encode(), _Change(origin=Origin.SWITCH, author=author, note=note))


def rollback(deck_file: Path, revision: int, *, currency: str, author: str) -> int:
    """Put an earlier deck in force again.

    Args:
        deck_file: the one that the settings name.
        revision: of the deck to bring back.
        currency: what its rows must be in: that of the policy.
        author: who does it, for the record.

    Returns:
        Its new revision: a rollback is one, too.

    Raises:
        SettingsError: if that text is no longer kept, cannot be used (one found after a change by hand was never
            checked), or cannot be written; the former deck stays in force.
    """
    with _locked(deck_file) as shelf:
        kept = read_kept(deck_file, revision, currency)
        return shelf.put(kept.text.encode(), _Change(origin=Origin.ROLLBACK, author=author, restored=revision))


def last_good(deck_file: Path, currency: str) -> KeptDeck | None:
    """Find the newest deck of the history that can be used; None if there is none.

    Args:
        deck_file: the one that the settings name; it need not exist any more.
        currency: what its rows must be in.

    Raises:
        SettingsError: if the list is damaged.
        OSError: if the history may not be read.
    """
    for entry in reversed(history(deck_file)):
        with suppress(SettingsError):
            return read_kept(deck_file, entry.revision, currency)
    return None


def read_kept(deck_file: Path, revision: int, currency: str) -> KeptDeck:
    """Read the deck of a revision.

    Raises:
        SettingsError: if its text is no longer kept, or cannot be used, with its first bad line.
    """
    text = text_of(deck_file, revision)
    try:
        return KeptDeck(revision=revision, text=text, deck=parse_deck(text, currency))
    except DeckError as error:
        fault = error.faults[0]
        problem = f"revision {revision} cannot be used: line {fault.line}: {fault.problem}"
        raise SettingsError(str(deck_file), problem, "use another revision of the history") from None


def history(deck_file: Path) -> tuple[DeckRevision, ...]:
    """List every revision, the oldest first; the last is the deck in force unless that was changed by hand.

    Raises:
        SettingsError: if the list is damaged.
    """
    return _Shelf(deck=Path(os.path.realpath(deck_file))).revisions()


def text_of(deck_file: Path, revision: int) -> str:
    """Read the text of a revision.

    Raises:
        SettingsError: if there is no such revision, or its text is no longer kept or damaged.
    """
    file = _Shelf(deck=Path(os.path.realpath(deck_file))).text_file(revision)
    content = file.read_bytes() if file.exists() else b""
    if (revision, _sha256(content)) in ((listed.revision, listed.sha256) for listed in history(deck_file)):
        with suppress(UnicodeDecodeError):
            return content.decode()
    remedy = "use another revision of the history"
    raise SettingsError(str(file), f"revision {revision} is not kept, or damaged", remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a line of the list says beside the deck itself."""

    origin: Origin
    author: str = ""
    note: str = ""
    restored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    """The files of one deck. Only whoever holds the lock may `put`."""

    deck: Path

    @property
    def folder(self) -> Path:
        return self.deck.with_name(f"{self.deck.name}.history")

    @property
    def listed(self) -> Path:
        return self.folder / "history.jsonl"

    @property
    def listed_next(self) -> Path:
        return self.folder / "history.jsonl.new"

    def text_file(self, revision: int) -> Path:
        return self.folder / f"{revision:04d}.csv"

    def revisions(self) -> tuple[DeckRevision, ...]:
        """Read the list; where a switch was killed between its renames, the one that belongs to the deck in force."""
        found = _read_list(self.listed)
        with suppress(SettingsError):  # cut short by a kill, before its switch changed anything
            following = _read_list(self.listed_next)
            if not self._is_last(found) and self._is_last(following):
                return following
        return found

    def _is_last(self, revisions: tuple[DeckRevision, ...]) -> bool:
        return bool(revisions) and self.deck.exists() and revisions[-1].sha256 == _sha256(self.deck.read_bytes())

    def put(self, content: bytes, change: _Change) -> int:
        """Make `content` the next revision, and the deck in force."""
        revisions = self.revisions()
        if revisions != _read_list(self.listed):
            self.listed_next.replace(self.listed)
        if self.deck.exists() and not self._is_last(revisions):
            revisions = self._add(revisions, self.deck.read_bytes(), _Change(origin=Origin.FOUND))
        revisions = self._add(revisions, content, change)
        self._write(self.listed_next, b"".join(msgspec.json.encode(entry) + b"\n" for entry in revisions))
        deck_next = self.deck.with_name(f".{self.deck.name}.new")
        self._write(deck_next, content)
        deck_next.replace(self.deck)
        sync_folder(self.deck.parent)
        self.listed_next.replace(self.listed)
        sync_folder(self.folder)
        number = revisions[-1].revision
        self.text_file(number - KEPT_MAX).unlink(missing_ok=True)
        return number

    def _add(self, revisions: tuple[DeckRevision, ...], content: bytes, change: _Change) -> tuple[DeckRevision, ...]:
        """Keep a text and describe it."""
        number = revisions[-1].revision + 1 if revisions else 1
        self._write(self.text_file(number), content)
        lines = [line for line in content.splitlines() if line.strip() and not line.startswith(b"#")]
        revision = DeckRevision(
            revision=number,
            at=datetime.now(UTC),
            origin=change.origin,
            author=change.author,
            note=change.note,
            restored=change.restored,
            sha256=_sha256(content),
            rows=max(0, len(lines) - 1),
        )
        return (*revisions, revision)

    def own(self, file: Path) -> None:
        """Give a file the deck's owner, so that root's work does not lock out the daemon's user."""
        if self.deck.exists():
            former = self.deck.stat()
            os.chown(file, former.st_uid, former.st_gid)

    def _write(self, file: Path, content: bytes) -> None:
        """Write a file and sync it, with the deck's own mode and owner; what cannot be written whole is removed."""
        try:
            with file.open("wb") as stream:
                if self.deck.exists():
                    file.chmod(self.deck.stat().st_mode & 0o777)
                self.own(file)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            file.unlink(missing_ok=True)
            raise


@contextmanager
def _locked(deck_file: Path) -> Iterator[_Shelf]:
    """Let one command at a time change a deck; whatever the disk says is told as what the settings can do about it."""
    shelf = _Shelf(deck=Path(os.path.realpath(deck_file)))
    remedy = "copy the deck to a folder that can be written, and name the copy in the settings (clinic.rates)"
    if shelf.deck.is_relative_to(resource("policies").resolve()):
        raise SettingsError(str(shelf.deck), "is shipped with callgate, whose next version would undo it", remedy)
    try:
        shelf.folder.mkdir(mode=0o750, exist_ok=True)
        shelf.own(shelf.folder)
        with (shelf.folder / "lock").open("ab") as lock:
            shelf.own(shelf.folder / "lock")
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield shelf
    except OSError as error:
        where, problem = error.filename or shelf.deck, f"cannot be written: {error.strerror}"
        raise SettingsError(str(where), problem, f"free the disk or its rights, or {remedy}") from None


def _read_list(file: Path) -> tuple[DeckRevision, ...]:
    try:
        lines = file.read_bytes().splitlines() if file.exists() else []
        return tuple(msgspec.json.decode(line, type=DeckRevision) for line in lines)
    except msgspec.MsgspecError as error:
        raise SettingsError(str(file), f"is damaged: {error}", "take the damaged line out") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
