"""A file to attempts: a list of attempts, Asterisk's ``Master.csv``, or an export of CDRs with a header (`layout`).

The file is read line by line, a row a line, so that a bad one costs only itself: a stray quote would swallow what
follows. What is kept are the attempts.
"""

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from callgate.core.attempt import Origin
from callgate.core.dialling import DIALLED_MAX_CHARACTERS
from callgate.replay.attempts import Attempt, BadLine, Fault, LineError
from callgate.replay.cells import extension_in, instant_in, origin_in, seconds_in
from callgate.replay.channels import Lines
from callgate.replay.layout import Form, Layout, recognise, split

ROWS_MAX = 500_000
"""A few hundred bytes each are kept in memory."""
FAULTS_KEPT = 20
TRUNKS_WITHIN_S = 300
"""A row of one call's next trunk begins so soon after that of the one that did not answer."""
ZONE_WITHIN_S = 900
"""A ``uniqueid`` is made so soon before or after the start beside it."""
ZONE_ROWS = 20
"""The first so many rows are asked for their zone: a call may have been parked or transferred before."""

_FOUND_MAX_CHARACTERS = 60
_UNIQUEID = re.compile(r"(?:.+-)?([0-9]{9,10})\.[0-9]+")
_ANSWERED = "ANSWERED"


class UnusableError(ValueError):
    """The file as a whole cannot be replayed. Field: `problem`."""

    def __init__(self, problem: "Problem") -> None:
        super().__init__(problem)
        self.problem = problem


class Problem(StrEnum):
    """What is wrong with a whole file."""

    NO_FORM = "no_form"
    NO_ZONE = "no_zone"
    TOO_LONG = "too_long"


class ZoneFrom(StrEnum):
    """How the zone of times without one was found."""

    ASKED = "asked"
    CLINIC = "clinic"
    UNIQUEID = "uniqueid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """What times without a zone may be in: what was asked for, or, with None, the clinic's own."""

    clinic: tzinfo
    asked: tzinfo | None = None


@dataclass(slots=True, kw_only=True)
class Reading:
    """A file that was read.

    Fields:
        layout: what was recognised.
        zone, zone_from: of times without one; a row that has its own keeps it.
        attempts: by instant, those of one instant in the order of the file.
        order: of each attempt, its place in the file.
        rows: how many there were, without header and blank ones; `unordered` of them began before an earlier one.
        left_out: rows of CDRs that did not leave by an operator's line.
        numberless: rows that did, and hold no number.
        redirected: rows whose ``dst`` is not the number that was sent, which is what counts.
        joined: rows of a call's next trunk, that are no attempts of their own.
        bad, bad_lines: how many could not be used, and the first of them, at most `FAULTS_KEPT`.
        lines: the operator's, for CDRs.
    """

    layout: Layout
    zone: tzinfo
    zone_from: ZoneFrom
    lines: Lines
    attempts: list[Attempt] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    rows: int = 0
    unordered: int = 0
    left_out: int = 0
    numberless: int = 0
    redirected: int = 0
    joined: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    _calls: list[str] = field(default_factory=list)

    def take(self, line: int, cells: list[str] | None) -> None:
        """Make an attempt of one row, or count why it is none; None: it cannot be split."""
        self.rows += 1
        try:
            attempt = self._attempt(cells)
        except LineError as error:
            self.bad += 1
            if len(self.bad_lines) < FAULTS_KEPT:
                found = error.found[:_FOUND_MAX_CHARACTERS]
                self.bad_lines.append(BadLine(line=line, fault=error.fault, found=found))
            return
        if attempt is not None:
            self.attempts.append(attempt)

    def sort(self) -> None:
        """Put the attempts in order of time, those of one call on its trunks joined to one."""
        instants = [attempt.instant for attempt in self.attempts]
        latest = itertools.accumulate(instants, max)
        self.unordered = sum(instant < so_far for instant, so_far in zip(instants, latest, strict=True))
        order = sorted(range(len(instants)), key=instants.__getitem__)
        by_time = [self.attempts[place] for place in order]
        if self.layout.form is Form.ATTEMPTS:
            self.order, self.attempts = order, by_time
        else:
            self.order, self.attempts = self._joined(order, by_time)

    def _joined(self, order: list[int], by_time: list[Attempt]) -> tuple[list[int], list[Attempt]]:
        """Join each row to the one before of its call and number, if that did not answer: the gate counts one start."""
        last: dict[tuple[str, str], tuple[int, datetime]] = {}
        places: list[int] = []
        attempts: list[Attempt] = []
        for place, attempt in zip(order, by_time, strict=True):
            key = (self._calls[place], self.lines.number(attempt.dialled))
            at, started = last.get(key, (-1, attempt.instant))
            is_soon = (attempt.instant - started).total_seconds() <= TRUNKS_WITHIN_S
            if key[0] and at >= 0 and is_soon and attempts[at].duration_s == 0:
                attempts[at] = replace(attempts[at], duration_s=attempt.duration_s)
                self.joined += 1
            else:
                at = len(attempts)
                places.append(place)
                attempts.append(attempt)
            last[key] = (at, attempt.instant)
        return places, attempts

    def _attempt(self, cells: list[str] | None) -> Attempt | None:
        if cells is None:
            raise LineError(Fault.NOT_CSV, "")
        if len(cells) not in self.layout.columns:
            raise LineError(Fault.FIELDS, str(len(cells)))
        row = {name: cells[place] for name, place in self.layout.places.items() if place < len(cells)}
        return self._listed(row) if self.layout.form is Form.ATTEMPTS else self._recorded(row)

    def _listed(self, row: Mapping[str, str]) -> Attempt:
        """Read a row of a list of attempts."""
        return Attempt(
            start=row["start"],
            instant=self._instant(row["start"]),
            extension=extension_in(row["extension"]),
            dialled=row["dialled"][: DIALLED_MAX_CHARACTERS + 1],
            duration_s=seconds_in(row["duration_s"]),
            origin=origin_in(row.get("origin", "")),
        )

    def _recorded(self, row: Mapping[str, str]) -> Attempt | None:
        """Read a CDR; None for a call that did not leave by an operator's line, or one without a number."""
        if not self.lines.leaves_by(row["dstchannel"]):
            self.left_out += 1
            return None
        dialled = self.lines.dialled(
            row["dst"], row.get("lastdata", ""), channel=row["channel"], dstchannel=row["dstchannel"]
        )
        if not dialled:
            self.numberless += 1
            return None
        extension, origin = self.lines.caller(row["channel"])
        attempt = Attempt(
            start=row["start"],
            instant=self._instant(row["start"]),
            extension=extension,
            dialled=dialled[: DIALLED_MAX_CHARACTERS + 1],
            duration_s=seconds_in(row["billsec"]) if row["disposition"].strip().upper() == _ANSWERED else 0,
            origin=origin,
        )
        self.redirected += dialled != row["dst"]
        # A channel is told from the next one of its phone by its end: what has none may be any of them.
        self._calls.append(row.get("linkedid") or (row["channel"] if origin is not Origin.UNKNOWN else ""))
        return attempt

    def _instant(self, word: str) -> datetime:
        instant = instant_in(word)
        return (instant if instant.tzinfo else instant.replace(tzinfo=self.zone)).astimezone(UTC)


def read_attempts(stream: Iterable[str], zones: Zones, lines: Lines) -> Reading:
    """Read a file of any of the three kinds.

    Args:
        stream: its lines, opened with ``newline=""``. A byte order mark may stand first.
        zones: of times without a zone. Of CDRs that have a ``uniqueid``, the first ones tell whether Asterisk writes
            UTC (``usegmtime``, Debian's default): it begins with the epoch second of the call.
        lines: the operator's, for CDRs.

    Raises:
        UnusableError: if it is of none, its times are in neither zone, or it has more than `ROWS_MAX` rows.
    """
    stream = iter(stream)
    first_line = next(stream, "")
    layout = recognise(first_line)
    if layout is None:
        raise UnusableError(Problem.NO_FORM)
    rows = _rows(stream if layout.has_header else itertools.chain([first_line], stream), layout)
    opening = list(itertools.islice(rows, ZONE_ROWS))
    zone, zone_from = _zone(layout, [cells for _, cells in opening if cells], zones)
    reading = Reading(layout=layout, zone=zone, zone_from=zone_from, lines=lines)
    for line, cells in itertools.chain(opening, rows):
        if reading.rows == ROWS_MAX:
            raise UnusableError(Problem.TOO_LONG)
        reading.take(line, cells)
    reading.sort()
    return reading


def _rows(lines: Iterable[str], layout: Layout) -> Iterator[tuple[int, list[str] | None]]:
    """Give each row that is not blank, with its line; None where it cannot be split."""
    for line, words in enumerate(lines, start=2 if layout.has_header else 1):
        cells = split(words, layout.delimiter)
        if cells is None or any(cell.strip() for cell in cells):
            yield line, cells


def _zone(layout: Layout, rows: Iterable[list[str]], zones: Zones) -> tuple[tzinfo, ZoneFrom]:
    """Find the zone of times without one: the first ``uniqueid`` that fits the clinic's or UTC shows it."""
    if zones.asked is not None:
        return zones.asked, ZoneFrom.ASKED
    shown = list(_made(layout, rows))
    for written, made_s in shown:
        for zone, zone_from in ((zones.clinic, ZoneFrom.CLINIC), (UTC, ZoneFrom.UNIQUEID)):
            if abs(written.replace(tzinfo=zone).timestamp() - made_s) <= ZONE_WITHIN_S:
                return zone, zone_from
    if shown:
        raise UnusableError(Problem.NO_ZONE)
    return zones.clinic, ZoneFrom.CLINIC


def _made(layout: Layout, rows: Iterable[list[str]]) -> Iterator[tuple[datetime, int]]:
    """Give each start that has no zone of its own, and the epoch second in the ``uniqueid`` beside it."""
    place = layout.places.get("uniqueid")
    for cells in rows:
        made = _UNIQUEID.fullmatch(cells[place].strip()) if place is not None and place < len(cells) else None
        if made is not None:
            with contextlib.suppress(LineError):
                written = instant_in(cells[layout.places["start"]])
                if written.tzinfo is None:
                    yield written, int(made[1])
