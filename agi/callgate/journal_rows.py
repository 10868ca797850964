"""The rows of a journal: what each says, how they are read, and what is written of a verdict."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from callgate.clinic import Clinic
from callgate.core.attempt import CallAttempt
from callgate.core.hold import Denial
from callgate.core.locks import Locks, locks_on
from callgate.core.policy import Mode
from callgate.core.pricing import PricedDestination
from callgate.core.reasons import Reason
from callgate.core.risk import Tier
from callgate.core.verdict import Grant, Refusal, Verdict
from callgate.core.wire import mask
from callgate.journal_file import Damage, Kind, Record, scan
from callgate.journal_files import open_parts, open_parts_backwards

_WINDOW_BYTES = 1024 * 1024
_ROW_MAX_BYTES = 64 * 1024


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one attempt.

    Fields:
        at: the instant of the decision, UTC.
        event: ``call.granted``, ``call.refused``, ``call.settled``, or ``call.local`` (granted by the dialplan alone);
            ``call.ungated`` (reached a carrier trunk without a grant), ``call.cut`` (ended by control), ``call.lost``
            (ended without a word, and booked); ``gate.started``, ``gate.condition``, ``journal.cut``,
            ``journal.behind``; or what a person did: ``ledger.clock_set``, ``ledger.rebuilt``.
        clinic: whose; "" for what concerns the gate.
        call: the passage's id; "" for what is no call. attempt: the trunk attempt.
        origin: where the attempt came from, as a code of `Origin`; "" where nobody asked.
        dialled, number: masked. region, number_class: "" where there is none.
        sealed: of a refused costly call, the full number, encrypted (`callgate.sealing`); "" where there is none.
        reasons: heaviest first.
        held_micros, amount_micros: set aside; booked in the end.
        seconds: granted; of a settlement, the length of the call.
        retry_s: of a refusal, no sooner than; 0 where unknown.
        limits: of a refusal, each limit that was hit; money in micros of `currency`, times counted from `at`, told on
            the clock of `zone`.
        locks: of a refusal, each lock that stops the call.
        observed: the clinic only observes: the refusal was not carried out, or the ungated call not ended.
        risk, risk_because, risk_version: the tier, the entry of the list that gave it, and that list's version.
        note: of what is no call: who, what and why; of an ungated one, also where it is settled, why no grant covers
            it; of a lost or cut one, what was missing.
        count: how many ungated or refused calls a row stands for, where there was a flood of them; it then says of them
            what they have in common.
        until: of a row that stands for many refusals, the instant of the last one; None for that of one.
        sync_p99_ms: of a start: how slow the slowest of its 50 trial fdatasyncs was.
    """

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    event: str
    clinic: str
    call: str
    attempt: int = 1
    extension: str = ""
    origin: str = ""
    trunk: str = ""
    dialled: str = ""
    number: str = ""
    sealed: str = ""
    region: str = ""
    number_class: str = ""
    ordinary: bool = False
    reasons: tuple[Reason, ...] = ()
    grant: str = ""
    seconds: int = 0
    held_micros: int = 0
    amount_micros: int = 0
    retry_s: int = 0
    limits: tuple[Denial, ...] = ()
    locks: Locks = ()
    currency: str = ""
    zone: str = ""
    policy_revision: int = 0
    observed: bool = False
    risk: Tier = Tier.NORMAL
    risk_because: str = ""
    risk_version: str = ""
    note: str = ""
    count: int = 1
    sync_p99_ms: int = 0
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    @classmethod
    def own(cls, at_ms: int, event: str, note: str, clinic: str = "") -> bytes:
        """Write a row of the journal about itself."""
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        return msgspec.json.encode(cls(at=at, event=event, clinic=clinic, call="", note=note))

    @property
    def is_refusal(self) -> bool:
        """Whether calls were stopped: those that were only observed were not."""
        return self.event == "call.refused" and not self.observed

    @property
    def last_at(self) -> datetime:
        """The instant of the last call that the row stands for."""
        return self.until or self.at


def _pass_over(_fault: Damage | Record) -> None:
    """Say nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row ends: in which file of the journal (`journal_files.Part.key`), and the byte behind it."""

    key: str
    offset: int


def read_rows(
    file: Path, start: int = 0, told: Callable[[Damage | Record], None] = _pass_over
) -> Iterator[tuple[JournalRow, int]]:
    """Read the rows of all files of a journal, oldest first, each with the offset behind it.

    Args:
        file: the journal.
        start: 0, or an offset that came with a row of the file that is written: then only what is behind it is read.
        told: told each damage, and each row that cannot be read, as one of a newer callgate; they are passed over.

    Raises:
        OSError: it cannot be read.
    """
    place = Place(key=next(open_parts_backwards(file)).key, offset=start) if start else None
    for row, behind in rows_behind(file, place, told):
        yield row, behind.offset


def rows_behind(
    file: Path, place: Place | None, told: Callable[[Damage | Record], None] = _pass_over
) -> Iterator[tuple[JournalRow, Place]]:
    """Read the rows behind a place, each with its own; all of them where there is no such place. See `read_rows`."""
    keys = [part.key for part in open_parts(file)]
    begin = keys.index(place.key) if place and place.key in keys else 0
    for part in open_parts(file):
        if part.key not in keys[:begin]:
            offset = place.offset if place and part.key == place.key else 0
            for row, end in rows_in(part.stream, offset, told):
                yield row, Place(key=part.key, offset=end)


def rows_in(
    stream: BinaryIO, start: int = 0, told: Callable[[Damage | Record], None] = _pass_over
) -> Iterator[tuple[JournalRow, int]]:
    """Read rows from a stream of a journal; see `read_rows`."""
    for found in scan(stream, start):
        match found:
            case Record(kind=Kind.ROW):
                try:
                    row = msgspec.json.decode(found.payload, type=JournalRow)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    told(found)
                else:
                    yield row, found.end
            case Record():
                pass
            case Damage():
                told(found)


def last_row(file: Path, event: str) -> JournalRow | None:
    """Find the latest row of an event, from the end: a journal of a year has hundreds of megabytes.

    Raises:
        OSError: it cannot be read.
    """
    found = (_last_in(part.stream, event) for part in open_parts_backwards(file))
    return next((row for row in found if row is not None), None)


def _last_in(stream: BinaryIO, event: str) -> JournalRow | None:
    sign = b'"event":' + msgspec.json.encode(event)
    size = stream.seek(0, os.SEEK_END)
    for begin in reversed(range(0, size, _WINDOW_BYTES)):
        stream.seek(begin)
        # A row may begin in one window and end in the next.
        if sign not in stream.read(_WINDOW_BYTES + _ROW_MAX_BYTES):
            continue
        last = None
        for row, end in rows_in(stream, begin):
            if row.event == event:
                last = row
            if end >= begin + _WINDOW_BYTES + _ROW_MAX_BYTES:
                break
        if last is not None:
            return last
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict with all that led to it; `number` is what a trunk would be sent, "" for what goes to none."""

    attempt: CallAttempt
    priced: PricedDestination
    clinic: Clinic
    number: str
    verdict: Verdict
    instant: datetime


Seal = Callable[[JournalRow, str], str]
"""Encrypts a full number for its row; gives "" where that cannot be."""


def unsealed(_row: JournalRow, _number: str) -> str:
    """Keep no number."""
    return ""


def verdict_row(decision: Decision, seal: Seal = unsealed) -> JournalRow:
    """Make the row of one verdict, numbers masked; the full one of a costly call that was stopped is sealed in it."""
    attempt, destination, verdict = decision.attempt, decision.priced.destination, decision.verdict
    risk = decision.priced.risk
    row = JournalRow(
        at=decision.instant,
        event="call.refused",
        clinic=decision.clinic.name,
        call=attempt.passage,
        attempt=attempt.attempt,
        extension=attempt.extension,
        origin=attempt.origin.value,
        trunk=attempt.trunk,
        dialled=mask(attempt.dialled),
        number=mask(destination.number),
        region=destination.region,
        number_class=destination.number_class.value,
        ordinary=decision.priced.ordinary,
        reasons=verdict.reasons,
        policy_revision=decision.clinic.revision,
        risk=risk.tier,
        risk_because=risk.because,
        risk_version=risk.version,
    )
    match verdict:
        case Grant():
            return msgspec.structs.replace(
                row,
                event="call.granted",
                grant=verdict.grant_id,
                seconds=verdict.seconds,
                held_micros=verdict.held_micros,
            )
        case Refusal():
            policy, book = decision.clinic.policy, decision.clinic.rulebook
            stopping = locks_on(book.locks, attempt, decision.priced, plan=book.plan, instant=decision.instant)
            locks = stopping if Reason.LOCKED in verdict.reasons else ()
            observed = policy.mode is Mode.OBSERVE and bool(decision.number) and not locks
            # What no trunk would be sent costs nothing, and a call that went after all is nobody's to look at.
            is_kept = bool(decision.number) and not decision.priced.ordinary and not observed
            return msgspec.structs.replace(
                row,
                sealed=seal(row, destination.number) if is_kept else "",
                retry_s=verdict.retry_s,
                limits=verdict.denials,
                locks=locks,
                currency=policy.currency if verdict.denials else "",
                zone=policy.timezone.key if verdict.denials or locks else "",
                observed=observed,
            )
