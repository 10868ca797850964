"""Counts a flood of refusals: the first ones are a row each, those beyond a bound are told by one row for many.

A counted row says exactly how many refusals it stands for, when the first and the last of them were, and all that they
have in common; what differs from one to the next is left out. No clock here: the instants are the rows' own.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from callgate.journal_rows import JournalRow

WINDOW_S = 60
"""So long a bound lasts."""
KIND_ROWS_MAX = 20
"""So many refusals of one clinic, extension and first reason have a row each in a window."""
CLINIC_ROWS_MAX = 200
"""So many of a whole clinic: whoever can reach the port may name a thousand extensions."""
GROUP_ROWS_MAX = 8
"""At most so many counted rows of a clinic are made at once; of more, those of one reason become one."""

_Kind = tuple[str, str]
"""Extension and first reason."""
_BLANK = JournalRow(at=datetime.fromtimestamp(0, UTC), event="", clinic="", call="")


@dataclass(slots=True, kw_only=True)
class _Window:
    """How many rows of each kind a clinic has had since an instant; never more than `CLINIC_ROWS_MAX` kinds."""

    since: datetime
    rows: Counter[_Kind] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Counted:
    """A row that stands for one or more refusals, and the places where its caller has them."""

    row: JournalRow
    places: list[int]

    def add(self, other: "Counted") -> None:
        """Let it stand for the other's, too."""
        self.row = merged(self.row, other.row)
        self.places += other.places


@dataclass(slots=True, kw_only=True)
class Tally:
    """What every journal has one of; all of it is by clinic, and no clinic's flood counts against another."""

    windows: dict[str, _Window] = field(default_factory=dict)
    counted: dict[str, dict[_Kind, Counted]] = field(default_factory=dict)

    def has_room(self, row: JournalRow) -> bool:
        """Whether a refusal is to have a row of its own; that is noted if so."""
        window = self.windows.get(row.clinic)
        if window is None or not timedelta() <= row.at - window.since < timedelta(seconds=WINDOW_S):
            window = self.windows[row.clinic] = _Window(since=row.at)
        kind = _kind(row)
        if window.rows[kind] >= KIND_ROWS_MAX or window.rows.total() >= CLINIC_ROWS_MAX:
            return False
        window.rows[kind] += 1
        return True

    def count(self, row: JournalRow, *places: int) -> None:
        """Add a refusal, or a row that stands for many, to what the next counted row of its kind says.

        Args:
            row: it.
            places: where the caller has it; see `take_placed`.
        """
        waiting = self.counted.setdefault(row.clinic, {})
        _add(waiting, _kind(row), Counted(row=row, places=list(places)))
        if len(waiting) > GROUP_ROWS_MAX:
            self.counted[row.clinic] = _by_reason(waiting.values())

    def take(self, clinic: str) -> tuple[JournalRow, ...]:
        """The rows for all that was counted of a clinic since the last time: they are the caller's to write."""
        return tuple(counted.row for counted in self.counted.pop(clinic, {}).values())

    def take_all(self) -> tuple[JournalRow, ...]:
        """The same of every clinic."""
        return tuple(counted.row for counted in self.take_placed())

    def take_placed(self) -> Sequence[Counted]:
        """The same, each row with the places of the refusals that it stands for."""
        taken, self.counted = self.counted, {}
        return [counted for waiting in taken.values() for counted in waiting.values()]


def merged(one: JournalRow, other: JournalRow) -> JournalRow:
    """Make one row of two refusals, or of rows for many, of one clinic; their first reason is the same."""
    differing = {
        name: getattr(_BLANK, name)
        for name in JournalRow.__struct_fields__
        if getattr(one, name) != getattr(other, name)
    }
    told = {
        **differing,
        "at": min(one.at, other.at),
        "until": max(one.last_at, other.last_at),
        "count": one.count + other.count,
        "reasons": one.reasons if one.reasons == other.reasons else one.reasons[:1],
    }
    return msgspec.structs.replace(one, **told)


def _kind(row: JournalRow) -> _Kind:
    # Only one that was damaged in a file has none.
    return row.extension, row.reasons[0] if row.reasons else ""


def _add(waiting: dict[_Kind, Counted], kind: _Kind, counted: Counted) -> None:
    if kind in waiting:
        waiting[kind].add(counted)
    else:
        waiting[kind] = counted


def _by_reason(waiting: Iterable[Counted]) -> dict[_Kind, Counted]:
    """Leave the extensions out: there are never more rows then than there are reasons."""
    found: dict[_Kind, Counted] = {}
    for counted in waiting:
        _, reason = _kind(counted.row)
        _add(found, ("", reason), counted)
    return found
