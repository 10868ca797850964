"""How far a journal was read, so that whoever takes it over reads only what was added since."""

import os
from collections.abc import Callable
from pathlib import Path

from callgate.errors import JournalError
from callgate.journal_file import FOLLOWING_VERSION, Damage, Flaw, Header, Record
from callgate.journal_files import Part, open_parts, scan_part


class JournalReading:
    """How far a journal was read: what is added since is read later, by the writer that takes the file over.

    Files of a former journal, which was lost, are passed over.

    Attributes:
        beginning: the first 64 bytes of the file that is written; header: what they say, None where neither copy is
            whole.
        last: the last whole record; None where there is none.
        begun_ms: when the first record of the file that is written was; None where it has none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._current = self._place = ""
        self._found: list[tuple[str, Damage]] = []
        self.beginning = b""
        self.header: Header | None = None
        self.last: Record | None = None
        self.begun_ms: int | None = None

    def go_on(self, visit: Callable[[Record], None]) -> None:
        """Read to the end as it is now, while another process may write on; `visit` is told each whole record.

        Raises:
            JournalError: it is of a newer callgate.
            OSError: it cannot be read.
        """
        keys = self._keys()
        if self._place not in keys:
            self._place, self.last = "", None
        done = keys[: keys.index(self._place)] if self._place else []
        # What was torn may be whole by now.
        self._found = [
            (key, damage)
            for key, damage in self._found
            if key in done or (key == self._place and damage.flaw is not Flaw.TORN)
        ]
        for part in open_parts(self._file):
            if part.is_own and part.key not in done:
                self._read(part, visit)

    def _read(self, part: Part, visit: Callable[[Record], None]) -> None:
        if part.header is not None and part.header.version > FOLLOWING_VERSION:
            remedy = "install that version, or name another folder in gate.state"
            problem = f"it has format {part.header.version}, of a newer callgate"
            raise JournalError(str(part.path), problem, remedy)
        behind = self.last if part.key == self._place else None
        if behind is None:
            self.begun_ms = None
        self._current, self.beginning, self.header = part.key, part.beginning, part.header
        for found in scan_part(part, self.last, behind=behind):
            match found:
                case Record():
                    visit(found)
                    self.begun_ms = found.written_ms if self.begun_ms is None else self.begun_ms
                    self._place, self.last = part.key, found
                case Damage():
                    self._found.append((part.key, found))

    @property
    def damages(self) -> list[Damage]:
        """What was found."""
        return [damage for _, damage in self._found]

    @property
    def last_here(self) -> Record | None:
        """The last whole record of the file that is written; None where it has none."""
        return self.last if self._place == self._current else None

    @property
    def torn(self) -> Damage | None:
        """The end of the file that is written, where it is not whole."""
        key, damage = self._found[-1] if self._found else ("", None)
        return damage if damage and damage.flaw is Flaw.TORN and key == self._current else None

    @property
    def is_current(self) -> bool:
        """Whether what was read is still there: nobody removed, replaced or emptied the file."""
        try:
            sizes = {part.key: os.fstat(part.stream.fileno()).st_size for part in open_parts(self._file)}
        except FileNotFoundError:
            return False
        return sizes.get(self._place or self._current, -1) >= (self.last.end if self.last else 0)

    def _keys(self) -> list[str]:
        return [part.key for part in open_parts(self._file) if part.is_own]
