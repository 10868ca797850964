"""Logs: one JSON object a line, named noun then past verb, with fields and no prose. Numbers in it are masked."""

import contextlib
import logging
import sys

import structlog
from structlog.typing import EventDict

from callgate.screening import screened_value


def instant_and_event_first(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Put `ts` and `event` first, where a person looks and fail2ban's anchored expressions begin."""
    return {**{name: event[name] for name in ("ts", "event") if name in event}, **event}


def without_numbers(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Hide what no log may have, also in the text of an exception: a log is read by more people than a journal."""
    hidden = screened_value(event)
    assert isinstance(hidden, dict)
    return hidden


class StandardError:
    """Writes lines to standard error. One that cannot be written is lost: it must not cost the call it speaks of."""

    def write_line(self, line: str) -> None:
        """Write one event."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = write_line


def configure_logs() -> None:
    """Write every event to standard error, from INFO up, the instant and the event first."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            without_numbers,
            instant_and_event_first,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=StandardError,
        cache_logger_on_first_use=True,
    )
