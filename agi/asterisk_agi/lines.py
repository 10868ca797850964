"""Bytes cut anywhere, put together to lines again, each within its limit."""

from asterisk_agi.errors import LimitExceededError
from asterisk_agi.limits import ALLOWED, Limit


class LineBuffer:
    """Holds at most one unfinished line, besides what the last `append` brought."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0  # so that a line that comes byte by byte is not searched again from its start each time

    def __len__(self) -> int:
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Add what arrived."""
        self._data += data

    def take(self, limit: Limit, used: int) -> bytes | None:
        """Take the next line off the front.

        Args:
            limit: bounds the line with its newline, in bytes.
            used: bytes already counted against it.

        Returns:
            The line without its newline, or None if it is not whole yet.

        Raises:
            LimitExceededError: the line is too long, or will be whenever it ends.
        """
        end = self._data.find(b"\n", self._searched)
        size = end if end >= 0 else len(self._data)
        if used + size + 1 > ALLOWED[limit]:
            raise LimitExceededError(limit)
        if end < 0:
            self._searched = size
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        self._searched = 0
        return line

    def clear(self) -> None:
        """Forget everything."""
        self._data.clear()
        self._searched = 0
