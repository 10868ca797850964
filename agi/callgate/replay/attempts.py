"""One attempt of the past, as replay takes it from any kind of file, and what may be wrong with a line."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callgate.core.attempt import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that was tried.

    Fields:
        start: when, as the file has it; `instant` is the same, aware UTC.
        extension: the line that dialled, or "" if none is known.
        dialled: the digits as they were dialled.
        duration_s: whole seconds from the answer to the end; 0 for a call that nobody answered.
    """

    start: str
    instant: datetime
    extension: str
    dialled: str
    duration_s: int
    origin: Origin


class Fault(StrEnum):
    """What is wrong with a line. Each has its sentence and its remedy in the texts."""

    NOT_CSV = "not_csv"
    FIELDS = "fields"
    START = "start"
    EXTENSION = "extension"
    DURATION = "duration"
    ORIGIN = "origin"


class LineError(ValueError):
    """A line cannot be used. Fields: `fault`, and `found`, what stands there."""

    def __init__(self, fault: Fault, found: str) -> None:
        super().__init__(f"{fault}: {found}")
        self.fault = fault
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line, counted from 1, that could not be used."""

    line: int
    fault: Fault
    found: str
