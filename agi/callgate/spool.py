"""The spool: one file the dialplan appends to without any network, and the gate reads.

Asterisk's hangup handlers run before the BYE: one that talked to a daemon would keep the operator's meter running while
the daemon hangs (facts/dialplan.md 1). So the dialplan writes a line, and the gate reads it when it can.

Lines, fields parted by ``|``, ended by ``end`` (instants are epoch seconds with milliseconds):

* ``1|settle|GRANT|ENTRY|NUMBER|ANSWERED|ENDED|CAUSE|end`` a carrier leg ended; ANSWERED is empty if nobody answered;
* ``1|void|GRANT|ENTRY|AT|end`` a grant was not used;
* ``1|local|GRANT|ENTRY|NUMBER|AT|EXTENSION|SECONDS|end`` the dialplan let an ordinary call go with no verdict;
* ``1|refused|ENTRY|AT|EXTENSION|REASON|DIALLED|end`` the dialplan refused by itself; DIALLED is percent-encoded.
"""

import contextlib
import math
import os
from pathlib import Path
from typing import Annotated

import msgspec

from callgate.core.allowance import LENT_SECONDS
from callgate.core.reasons import Reason
from callgate.disk import open_plain

VERSION = "1"
END_MARK = "end"
Instant = Annotated[float, msgspec.Meta(gt=0, lt=10_000_000_000)]
"""Epoch seconds; the bound refuses "inf", "nan" and an epoch in milliseconds."""
READ_BYTES_MAX = 64 * 1024
"""Read at once: what a worker handles in a moment, whatever stands there. No line of ours is that long."""
ROTATE_BYTES = 4 * 1024 * 1024
AGE_MAX_S = 86_400


class LegEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A carrier leg ended; `answered` is None if nobody answered."""

    grant: str
    entry: str
    number: str
    answered: Instant | None = None
    ended: Instant
    cause: str = ""

    @property
    def duration_s(self) -> int:
        """Whole seconds from answer to end, rounded up; 0 if nobody answered.

        An answered call lasts at least a second, and `LENT_SECONDS` where nobody can tell: a clock set back during the
        call must not make it cheap.
        """
        if self.answered is None:
            return 0
        return LENT_SECONDS if self.clock_ran_back else max(1, math.ceil(self.ended - self.answered))

    @property
    def clock_ran_back(self) -> bool:
        """Whether it ended before it was answered: how long it was is not known."""
        return self.answered is not None and self.ended < self.answered


class GrantUnused(msgspec.Struct, frozen=True, kw_only=True):
    """A grant was never dialled."""

    grant: str
    entry: str
    at: Instant


class LocalGrant(msgspec.Struct, frozen=True, kw_only=True):
    """The dialplan granted an ordinary call by its own counted allowance."""

    grant: str
    entry: str
    number: str
    at: Instant
    extension: str = ""
    seconds: int


class LocalRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """The dialplan refused a call without asking the gate; `dialled` is percent-encoded."""

    entry: str
    at: Instant
    extension: str = ""
    reason: Reason
    dialled: str = ""


SpoolLine = LegEnded | GrantUnused | LocalGrant | LocalRefusal

_KINDS: dict[str, type[SpoolLine]] = {
    "settle": LegEnded,
    "void": GrantUnused,
    "local": LocalGrant,
    "refused": LocalRefusal,
}
"""The fields of each kind of line are its struct's, in their order."""


def parse_line(line: str) -> SpoolLine | None:
    """Read one line; None if it is not one of ours (cut short by a full disk, or of another version)."""
    version, *fields = line.split("|")
    if version != VERSION or len(fields) < len(("kind", END_MARK)) or fields[-1] != END_MARK:
        return None
    kind = _KINDS.get(fields[0])
    if kind is None:
        return None
    try:
        named = dict(zip(kind.__struct_fields__, fields[1:-1], strict=True))
        return msgspec.convert({name: value for name, value in named.items() if value}, kind, strict=False)
    except ValueError:
        # A field too many or too few, or one that is no number: not a line the dialplan writes.
        return None


def _told_at(line: SpoolLine) -> float:
    return line.ended if isinstance(line, LegEnded) else line.at


class Spool:
    """Reads whole lines from the spool file, from where the last line that was acknowledged ended.

    The offset is kept on disk: a restart reads nothing twice and loses nothing. A crash between handling a line and
    acknowledging it hands it out again, which does no harm: every ledger operation may arrive twice.

    A file that has grown large or old is renamed, which Asterisk does not notice (it opens the file anew for each
    line); the old one is read to its end, once more after a pause, and removed.

    Attributes:
        ahead: the lines that are handled while one before them waits, by what `read` calls them; kept like the offset.
    """

    def __init__(self, file: Path, state: Path) -> None:
        self._file = file
        self._old = file.with_name(file.name + ".old")
        self._offset_file = state / "spool.offset"
        self._offset, self.ahead = 0, set[int]()
        with contextlib.suppress(OSError, ValueError):
            offset, *ahead = map(int, self._offset_file.read_text().split())
            self._offset, self.ahead = max(0, offset), set(ahead)
        self._remembered = self._place()
        self._has_just_turned = False

    def read(self) -> list[tuple[str, int]]:
        """Read what is new: each whole line with the offset to acknowledge once it is handled."""
        current = self._old if self._old.exists() else self._file
        try:
            with open_plain(current) as stream:
                if os.fstat(stream.fileno()).st_size < self._offset:
                    self._offset, self.ahead = 0, set()
                stream.seek(self._offset)
                data = stream.read(READ_BYTES_MAX)
        except FileNotFoundError:
            return []
        lines = self._split(data)
        if not lines and current == self._old and self._place() == self._remembered:
            self._remove_old()
        return lines

    def _remove_old(self) -> None:
        """Remove it, also with a line that was never ended, unless somebody may have opened it a moment ago."""
        if self._has_just_turned:
            self._has_just_turned = False
            return
        # The offset first: a crash in between hands lines out again, the other way round it would skip the new file's.
        self._remember(0)
        self._old.unlink()
        self._offset = 0

    def is_read(self) -> bool:
        """Tell whether every whole line that was written so far has been acknowledged."""
        return not self._old.exists() and not self.read()

    def _split(self, data: bytes) -> list[tuple[str, int]]:
        *whole, rest = data.split(b"\n")
        if not whole and len(rest) == READ_BYTES_MAX:
            # No line of ours is that long. It is passed on in pieces, each unreadable, so that it stops nothing.
            whole, rest = [rest[:-1]], b""
        lines: list[tuple[str, int]] = []
        offset = self._offset
        for line in whole:
            offset += len(line) + 1
            lines.append((line.decode("utf-8", "replace").removesuffix("\r"), offset))
        return lines

    def pass_over(self, offset: int) -> None:
        """Hand out nothing before `offset` again, as long as this process lives."""
        self._offset = offset
        self.ahead = {one for one in self.ahead if one > offset}

    def acknowledge(self) -> None:
        """Remember for the next process, too, what was passed over, and what is ahead."""
        if self._place() != self._remembered:
            self._remember(*self._place())
        if self._offset >= ROTATE_BYTES and not self._old.exists():
            self._file.rename(self._old)

    def turn(self, now: float) -> None:
        """Turn a file over whose first line, which is handled, is a day old: full numbers stand in it.

        Args:
            now: epoch seconds.

        Raises:
            OSError: it cannot be read or renamed.
        """
        if self._offset and not self._old.exists():
            with contextlib.suppress(FileNotFoundError), open_plain(self._file) as stream:
                first = parse_line(stream.readline(READ_BYTES_MAX).decode("utf-8", "replace").rstrip("\r\n"))
                # What is none of ours, or of a clock that ran ahead, says nothing of its age.
                if first is None or not 0 <= now - _told_at(first) < AGE_MAX_S:
                    self._file.rename(self._old)
                    self._has_just_turned = True

    def _place(self) -> tuple[int, ...]:
        return self._offset, *sorted(self.ahead)

    def _remember(self, *place: int) -> None:
        temporary = self._offset_file.with_suffix(".new")
        temporary.write_text(" ".join(map(str, place)))
        temporary.replace(self._offset_file)
        self._remembered = place
