"""The log's way out: no call waits for it, and no flood fills it.

Lines go to standard error through a bounded queue and a thread: a pipe that nobody reads, or a file on a disk that does
not answer, holds up that thread and nothing else. Of one kind only the first lines of a window are written; how many
more there were is said once the window is over.
"""

import atexit
import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from structlog.typing import EventDict

LINES_WAITING_MAX = 1000
WINDOW_S = 10.0
KIND_LINES_MAX = 20
"""So many lines of one event and clinic are written in a window."""
LOOK_S = 1.0
"""How often the thread looks for windows that are over."""
END_PATIENCE_S = 1.0
"""So long the end of the program waits for the last lines."""
_STANDARD_ERROR = 2

Kind = tuple[str, str]
"""An event and a clinic."""


class Omitted(Protocol):
    """Makes the lines about what was left out."""

    def __call__(self, *, at_end: bool) -> list[str]:
        """Make those of the windows that are over, or at the end of all."""


@dataclass(slots=True, kw_only=True)
class _Window:
    since: float
    lines: int = 0


@dataclass(slots=True, kw_only=True)
class Throttle:
    """A processor that leaves out what is too much; of several threads.

    Fields:
        clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    windows: dict[Kind, _Window] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Pass an event on.

        Raises:
            structlog.DropEvent: there were too many of its kind; it is counted.
        """
        kind = (str(event.get("event")), str(event.get("clinic", "")))
        with self.lock:
            window = self.windows.setdefault(kind, _Window(since=self.clock()))
            window.lines += 1
            if window.lines <= KIND_LINES_MAX:
                return event
        raise structlog.DropEvent

    def over(self, *, at_end: bool = False) -> Iterator[tuple[Kind, int]]:
        """End the windows that are over, or at the end all, with how many lines each left out, if any."""
        with self.lock:
            until = self.clock() - WINDOW_S
            ended = [kind for kind, window in self.windows.items() if at_end or window.since <= until]
            counts = [(kind, self.windows.pop(kind).lines - KIND_LINES_MAX) for kind in ended]
        return ((kind, count) for kind, count in counts if count > 0)


class LogLines:
    """Writes lines to standard error in a thread of its own; what does not fit into its queue is counted, and lost.

    Args:
        omitted: makes the lines about what was left out; asked once a second or so, in the thread.
        dropped: makes the line that says how many were lost.
    """

    def __init__(self, omitted: Omitted, dropped: Callable[[int], str]) -> None:
        self._omitted = omitted
        self._dropped = dropped
        self._waiting: queue.Queue[str | None] = queue.Queue(LINES_WAITING_MAX)
        self._lost = 0
        self._is_ending = False
        # A daemon: the end of the program waits for no log either.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.end)

    def write_line(self, line: str) -> None:
        """Leave one line to the thread; nothing is waited for."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lost += 1

    debug = info = warning = error = critical = write_line

    def end(self) -> None:
        """Wait for the last lines, but not for long."""
        self._is_ending = True
        with contextlib.suppress(queue.Full):
            # Into a full queue it need not go: the thread looks by itself when that is empty.
            self._waiting.put_nowait(None)
        self._thread.join(END_PATIENCE_S)

    def _run(self) -> None:
        look_at = time.monotonic() + LOOK_S
        is_over = False
        while not is_over:
            with contextlib.suppress(queue.Empty):
                line = self._waiting.get(timeout=max(look_at - time.monotonic(), 0))
                if line is not None:
                    self._write(line)
                is_over = line is None or (self._is_ending and self._waiting.empty())
            if is_over or time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_S
                for line in self._omitted(at_end=is_over):
                    self._write(line)
                lost, self._lost = self._lost, 0
                if lost:
                    self._write(self._dropped(lost))

    def _write(self, line: str) -> None:
        # Not through `sys.stderr`: a thread that hangs in there would keep its lock, and the program from ending.
        data = (line + "\n").encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(_STANDARD_ERROR, data) :]
        except OSError:
            self._lost += 1
