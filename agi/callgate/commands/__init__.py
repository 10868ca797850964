"""The commands of `callgate`, one module each. A command returns its exit code; `callgate.cli` names them all."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes (facts/ecosystem.md 2.8)."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    INVALID = 3
    UNREACHABLE = 4
    PERMISSION = 5
    INTERRUPTED = 130
