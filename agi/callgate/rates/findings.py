"""What an import finds wrong with an operator's file: a closed list, each with its place and what to do about it."""

from enum import StrEnum

import msgspec

ERRORS_MAX = 100
"""Reading ends at this many errors: a file with more is in another format."""
SHOWN_MAX = 20
"""Of each kind of warning so many are listed, then their count."""


class Problem(StrEnum):
    """Every kind of finding. Those in `WARNINGS` are told; any other refuses the whole file."""

    TOO_LARGE = "too_large"
    NOT_TEXT = "not_text"
    BAD_ARCHIVE = "bad_archive"
    NO_HEADER = "no_header"
    TWO_COLUMNS = "two_columns"
    TOO_MANY_ROWS = "too_many_rows"
    NO_ROWS = "no_rows"
    BROKEN_ROW = "broken_row"
    BAD_PREFIX = "bad_prefix"
    BAD_LABEL = "bad_label"
    BAD_AMOUNT = "bad_amount"
    NEGATIVE_AMOUNT = "negative_amount"
    BAD_SECONDS = "bad_seconds"
    BAD_DAY = "bad_day"
    BAD_HOURS = "bad_hours"
    BAD_TAX = "bad_tax"
    BAD_LINK = "bad_link"
    UNKNOWN_CURRENCY = "unknown_currency"
    OTHER_CURRENCY = "other_currency"
    TAX_NOT_STATED = "tax_not_stated"
    PEAK_NOT_STATED = "peak_not_stated"
    NOT_EXPRESSIBLE = "not_expressible"
    CONFLICT = "conflict"
    NOT_CANONICAL = "not_canonical"
    DUPLICATE = "duplicate"
    LEFT_OUT = "left_out"
    ASSUMED = "assumed"
    COUNTED_DEARER = "counted_dearer"
    FREE = "free"
    DEAR = "dear"
    OUTLIER = "outlier"
    GAP = "gap"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"


WARNINGS = frozenset(
    {
        Problem.DUPLICATE,
        Problem.LEFT_OUT,
        Problem.ASSUMED,
        Problem.COUNTED_DEARER,
        Problem.FREE,
        Problem.DEAR,
        Problem.OUTLIER,
        Problem.GAP,
        Problem.UNREACHABLE,
        Problem.EXPIRED,
    }
)


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where something stands: a line counted from 1, 0 for the file as a whole; `file` where several are read."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        words = (self.file, f"line {self.line}" if self.line else "")
        return ", ".join(word for word in words if word) or "the file"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or looks so."""

    kind: Problem
    place: Place
    problem: str
    remedy: str

    @property
    def refuses(self) -> bool:
        """Whether nothing is imported because of it."""
        return self.kind not in WARNINGS

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}. Remedy: {self.remedy}"


class UnusableError(ValueError):
    """Something in a file cannot be used; the caller knows its place. Fields: `kind`, `problem`, `remedy`."""

    def __init__(self, kind: Problem, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem
        self.remedy = remedy

    def at(self, place: Place) -> Finding:
        """The finding it makes at a place."""
        return Finding(kind=self.kind, place=place, problem=self.problem, remedy=self.remedy)


class TooManyErrorsError(Exception):
    """The file has `ERRORS_MAX` errors: reading on is of no use."""


class Notebook:
    """Collects findings while a file is read; raises `TooManyErrorsError` when it holds `ERRORS_MAX` errors."""

    def __init__(self) -> None:
        self._errors: list[Finding] = []
        self._warnings: dict[Problem, list[Finding]] = {}
        self._counts: dict[Problem, int] = {}

    @property
    def refused(self) -> bool:
        """Whether an error is among them."""
        return bool(self._errors)

    def add(self, finding: Finding) -> None:
        """Note a finding; of each kind of warning the first `SHOWN_MAX` are kept and all are counted."""
        if finding.refuses:
            self._errors.append(finding)
            if len(self._errors) >= ERRORS_MAX:
                raise TooManyErrorsError
            return
        self._counts[finding.kind] = self._counts.get(finding.kind, 0) + 1
        kept = self._warnings.setdefault(finding.kind, [])
        if len(kept) < SHOWN_MAX:
            kept.append(finding)

    def note(self, kind: Problem, place: Place, problem: str, remedy: str) -> None:
        """Note a warning."""
        self.add(Finding(kind=kind, place=place, problem=problem, remedy=remedy))

    def findings(self) -> tuple[Finding, ...]:
        """Errors first, by place; then the warnings of each kind, with how many more there are."""
        found = sorted(self._errors, key=lambda error: error.place)
        for kind in Problem:
            kept = self._warnings.get(kind, [])
            found += kept
            if kept and (more := self._counts[kind] - len(kept)):
                problem = f"{more} more lines have the same finding"
                found.append(Finding(kind=kind, place=Place(), problem=problem, remedy=kept[-1].remedy))
        return tuple(found)
