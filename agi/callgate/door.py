"""The port's door: how many may wait there without having asked, and who goes when there is no room."""

import resource
from typing import Protocol

RESERVED_FILES = 128
"""Descriptors kept for the journal, the ledger's connections, the spool and the manager interface."""
RESERVED_PART = 4
"""Of a limit so small that `RESERVED_FILES` would leave no room, a quarter is kept."""


class Connection(Protocol):
    """What can be turned away: a transport of asyncio."""

    def abort(self) -> None:
        """Close at once."""


class Door:
    """Keeps those who have not asked yet, oldest first.

    Asterisk sends its whole question in the moment it connects, so a call is never the oldest for long: whoever waits
    longest goes first, and ten thousand idle connections cost a call nothing but their acceptance.
    """

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._waiting: dict[Connection, None] = {}

    def enter(self, connection: Connection, descriptor: int) -> int:
        """Take in a new connection.

        Args:
            connection: the new one.
            descriptor: its file number. The system gives the lowest free one, so it tells how many are open.

        Returns:
            How many were turned away for it: 0 or 1. Where nobody else waits that is the new one itself.
        """
        self._waiting[connection] = None
        if len(self._waiting) <= self._waiting_max and descriptor < file_room():
            return 0
        oldest = next(iter(self._waiting))
        del self._waiting[oldest]
        oldest.abort()
        return 1

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has asked, or is gone."""
        self._waiting.pop(connection, None)


def file_room() -> int:
    """The first file number that is kept from callers. Read anew: the limit of a running process can be changed."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit - min(RESERVED_FILES, limit // RESERVED_PART)


def raise_file_limit() -> None:
    """Let this process open as many files as it may: systemd and shells start with 1024 and allow far more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
