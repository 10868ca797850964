"""Complaints that anybody can cause: the first of a burst is logged, the others are counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

AGAIN_S = 10.0

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class _Told:
    at: float
    more: int = 0


@dataclass(frozen=True, slots=True)
class ToldOnce:
    """Logs a complaint at most once in `AGAIN_S`, each with how many came unlogged since the last one (`more`).

    Callers name event and cause themselves, from a closed list: a stranger's text would make every line a first one.
    """

    monotonic: Callable[[], float] = time.monotonic
    _told: dict[tuple[str, str], _Told] = field(default_factory=dict)

    def warn(self, event: str, cause: str) -> None:
        """Log an event with its cause, or count it."""
        more = self.due(event, cause)
        if more is not None:
            log.warning(event, cause=cause, more=more)

    def due(self, event: str, cause: str) -> int | None:
        """Count a complaint; returns how many came since the last line if it is time for one, else None."""
        now_s = self.monotonic()
        last = self._told.get((event, cause))
        if last is not None and now_s < last.at + AGAIN_S:
            last.more += 1
            return None
        self._told[event, cause] = _Told(at=now_s)
        return 0 if last is None else last.more
