"""What an import finds wrong with an operator's file: a closed list, each with its place.

No sentence stands here: a finding is its kind and what fills the blanks of the text ``finding.<kind>``, which says in
the reader's language what is wrong and what to do about it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    SAME_NAME = "same_name"
    MISSING_FILE = "missing_file"
    NO_HEADER = "no_header"
    TWO_COLUMNS = "two_columns"
    TOO_MANY_ROWS = "too_many_rows"
    NO_ROWS = "no_rows"
    UNSPLIT_ROW = "unsplit_row"
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
    NOT_CENTS = "not_cents"
    TAX_NOT_STATED = "tax_not_stated"
    TAX_UNCLEAR = "tax_unclear"
    PEAK_NOT_STATED = "peak_not_stated"
    UNIT_NOT_STATED = "unit_not_stated"
    SEVERAL_PLANS = "several_plans"
    SAME_TAG = "same_tag"
    NOT_EXPRESSIBLE = "not_expressible"
    CONFLICT = "conflict"
    TOO_MANY_RATES = "too_many_rates"
    NOT_CANONICAL = "not_canonical"
    DUPLICATE = "duplicate"
    LEFT_OUT = "left_out"
    COLUMNS_LEFT_OUT = "columns_left_out"
    CURRENCY_ASSUMED = "currency_assumed"
    PREFIX_ASSUMED = "prefix_assumed"
    CENTS_DOUBTFUL = "cents_doubtful"
    TAX_ASSUMED = "tax_assumed"
    TAX_DOUBTFUL = "tax_doubtful"
    INCREMENTS_ASSUMED = "increments_assumed"
    LENGTH_ASSUMED = "length_assumed"
    COUNTED_DEARER = "counted_dearer"
    FREE = "free"
    DEAR = "dear"
    OUTLIER = "outlier"
    GAP = "gap"
    HOURS_MISSING = "hours_missing"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    MORE = "more"


WARNINGS = frozenset(
    {
        Problem.DUPLICATE,
        Problem.LEFT_OUT,
        Problem.COLUMNS_LEFT_OUT,
        Problem.CURRENCY_ASSUMED,
        Problem.PREFIX_ASSUMED,
        Problem.CENTS_DOUBTFUL,
        Problem.TAX_ASSUMED,
        Problem.TAX_DOUBTFUL,
        Problem.INCREMENTS_ASSUMED,
        Problem.LENGTH_ASSUMED,
        Problem.COUNTED_DEARER,
        Problem.FREE,
        Problem.DEAR,
        Problem.OUTLIER,
        Problem.GAP,
        Problem.HOURS_MISSING,
        Problem.UNREACHABLE,
        Problem.EXPIRED,
        Problem.MORE,
    }
)


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where something stands: a line counted from 1, 0 for the file as a whole; `file` where several are read."""

    file: str = ""
    line: int = 0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or looks so; `fields` fill the placeholders of its text, by name."""

    kind: Problem
    place: Place
    fields: Mapping[str, str | int]

    @property
    def refuses(self) -> bool:
        """Whether nothing is imported because of it."""
        return self.kind not in WARNINGS


class UnusableError(ValueError):
    """Something in a file cannot be used. Fields: `kind`, `fields` as in `Finding`, `file` and `line` where known."""

    def __init__(self, kind: Problem, *, on_line: int = 0, **fields: str | int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.fields = fields
        self.file = ""
        self.line = on_line

    def at(self, place: Place) -> Finding:
        """The finding it makes at a place that the caller knows; its own is the nearer one."""
        nearer = Place(file=self.file or place.file, line=self.line or place.line)
        return Finding(kind=self.kind, place=nearer, fields=self.fields)


@contextmanager
def reading(file: str) -> Iterator[None]:
    """Say of whatever cannot be used in which of several files it is."""
    try:
        yield
    except UnusableError as error:
        error.file = file
        raise


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

    def note(self, kind: Problem, place: Place, **fields: str | int) -> None:
        """Note a warning."""
        self.add(Finding(kind=kind, place=place, fields=fields))

    def findings(self) -> tuple[Finding, ...]:
        """Errors first, by place; then the warnings of each kind, with how many more there are."""
        found = sorted(self._errors, key=lambda error: error.place)
        for kind in Problem:
            kept = self._warnings.get(kind, [])
            found += kept
            if kept and (more := self._counts[kind] - len(kept)):
                found.append(Finding(kind=Problem.MORE, place=Place(), fields={"count": more, "code": kind}))
        return tuple(found)
