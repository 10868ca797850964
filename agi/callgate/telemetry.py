"""Logs: one JSON object a line, named noun then past verb, with fields and no prose. Numbers in it are masked."""

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from structlog.typing import EventDict, Processor

from callgate.log_lines import LogLines, Throttle
from callgate.screening import screened_value


def instant_and_event_first(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Put `ts` and `event` first, where a person looks and fail2ban's anchored expressions begin."""
    return {**{name: event[name] for name in ("ts", "event") if name in event}, **event}


def without_numbers(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Hide what no log may have, also in the text of an exception: a log is read by more people than a journal."""
    hidden = screened_value(event)
    assert isinstance(hidden, dict)
    return hidden


class FromTheLibraries(logging.Handler):
    """Takes what Python and its libraries say, which would write to standard error themselves, and wait for it."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        log = structlog.get_logger()
        log.log(record.levelno, "library.spoke", logger=record.name, text=record.getMessage(), exc_info=record.exc_info)


_PROCESSORS: Sequence[Processor] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
    without_numbers,
    instant_and_event_first,
    structlog.processors.JSONRenderer(),
)


def configure_command_logs() -> None:
    """Write warnings alone to standard error: a command's answer is its own, and its reader waits anyway."""
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def configure_logs() -> None:
    """Write every event to standard error, from INFO up, the instant and the event first, without waiting for it."""
    throttle = Throttle()

    def omitted(*, at_end: bool) -> list[str]:
        return [
            _line("lines.omitted", of=event, clinic=clinic, count=count)
            for (event, clinic), count in throttle.over(at_end=at_end)
        ]

    lines = LogLines(omitted, lambda count: _line("lines.lost", count=count))
    logging.basicConfig(handlers=[FromTheLibraries(logging.WARNING)], force=True)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[throttle, *_PROCESSORS],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda: lines,
    )


def _line(event: str, **fields: str | int) -> str:
    """Write a line about lines: it goes past the throttle."""
    return json.dumps({"ts": datetime.now(UTC).isoformat(), "event": event, "level": "warning", **fields})
