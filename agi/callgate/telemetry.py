"""Logs: one JSON object a line, named noun then past verb, with fields and no prose; numbers in it are masked."""

import logging
import sys

import structlog
from structlog.typing import EventDict


def instant_and_event_first(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Put `ts` and `event` first, where a person looks and fail2ban's anchored expressions begin."""
    return {**{name: event[name] for name in ("ts", "event") if name in event}, **event}


def configure_logs() -> None:
    """Write every event to standard error, from INFO up, the instant and the event first."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            instant_and_event_first,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
