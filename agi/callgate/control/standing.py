"""Whether control has its hand on Asterisk, for `callgate status`: a small file in the state folder."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from callgate.control.switch import Watcher

STANDING_FILE = "control.json"

log = structlog.get_logger()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the link.

    Fields:
        is_linked: whether it is up.
        since: when that became so.
        ungated: how many legs no grant covered since the gate started.
        answered, answered_at: how many of such the carrier answered, and when it answered the last one; also in earlier
            runs, for a restart of the gate is no end of an alarm.
        watched_from: when it came up for the first time, in this run of the gate or an earlier one; None for never.
    """

    is_linked: bool
    since: datetime
    ungated: int
    watched_from: datetime | None = None
    answered: int = 0
    answered_at: datetime | None = None


class StandingFile(Watcher):
    """Writes it whenever it changes.

    Args:
        state: the gate's state folder.
        clock: aware UTC.
    """

    def __init__(self, state: Path, clock: Callable[[], datetime]) -> None:
        self._file = state / STANDING_FILE
        self._clock = clock
        now = clock()
        earlier = read_standing(state) or Standing(is_linked=False, since=now, ungated=0)
        self._standing = msgspec.structs.replace(earlier, is_linked=False, since=now, ungated=0)
        self._escaped = earlier.answered, earlier.answered_at
        self._write()

    @property
    def watched_from(self) -> datetime | None:
        """When control began to watch this Asterisk; None while it never has."""
        return self._standing.watched_from

    def linked(self) -> None:
        """See `Watcher.linked`."""
        self._standing = msgspec.structs.replace(self._standing, watched_from=self.watched_from or self._clock())
        self._turn(is_linked=True)

    def unlinked(self) -> None:
        """See `Watcher.unlinked`."""
        self._turn(is_linked=False)

    def escaped(self, at: datetime) -> None:
        """Say that one was answered, at an instant; written with the next `count`."""
        self._escaped = self._escaped[0] + 1, at

    def count(self, ungated: int) -> None:
        """Say how many legs no grant covered."""
        answered, at = self._escaped
        counted = msgspec.structs.replace(self._standing, ungated=ungated, answered=answered, answered_at=at)
        if counted != self._standing:
            self._standing = counted
            self._write()

    def _turn(self, *, is_linked: bool) -> None:
        self._standing = msgspec.structs.replace(self._standing, is_linked=is_linked, since=self._clock())
        self._write()

    def _write(self) -> None:
        draft = self._file.with_suffix(".new")
        try:
            draft.write_bytes(msgspec.json.encode(self._standing))
            draft.replace(self._file)
        except OSError as error:
            log.warning("control.not_told", file=str(self._file), problem=error.strerror)


def read_standing(state: Path) -> Standing | None:
    """Read it; None where no daemon with control has run, or the file is none of ours."""
    try:
        return msgspec.json.decode((state / STANDING_FILE).read_bytes(), type=Standing)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
