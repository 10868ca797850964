"""Says what a lock stops, until when, and who locked."""

from datetime import datetime, tzinfo

from callgate.core.locks import Lock, LockedCalls, LockScope
from callgate.texts.catalog import Language, text


def scope_words(scope: LockScope, language: Language) -> str:
    """Say what a lock speaks of, such as "calls abroad, extension 23"."""
    calls = text(f"lock.{scope.calls}", language)
    if not scope.extension:
        return calls
    return text("cli.lock_of_extension", language, calls=calls, extension=scope.extension)


def lock_line(lock: Lock, zone: tzinfo, language: Language) -> str:
    """Write one lock on one line; what others wrote in it is not yet safe for a terminal.

    Args:
        lock: the lock.
        zone: the clinic's clock, on which the times are told.
        language: of the reader.
    """
    until = text("cli.lock_open", language) if lock.until is None else _told(lock.until, zone)
    return text(
        "cli.lock_line_cut" if lock.cut else "cli.lock_line",
        language,
        scope=scope_words(lock.scope, language),
        until=until,
        author=lock.author,
        at=_told(lock.at, zone),
        reason=lock.reason or "-",
    )


def selector(scope: LockScope) -> str:
    """Write what ``callgate unlock`` wants to hear of this lock, with a space before it; "" for the whole lock."""
    calls = "" if scope.calls is LockedCalls.ALL else f" {scope.calls}"
    extension = f" extension {scope.extension}" if scope.extension else ""
    return f" --only{calls}{extension}" if calls or extension else ""


def _told(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")
