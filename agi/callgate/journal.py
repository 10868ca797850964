"""The gate's own journal: one row for each verdict, append-only, kept on the gate's disk as the clinic's evidence.

A row is one JSON line. Numbers are masked. A refusal or a costly grant is durable (fdatasync) before it is answered;
rows that wait together share one fdatasync.
"""

import asyncio
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from callgate.clinic import Clinic
from callgate.core.attempt import CallAttempt
from callgate.core.policy import Mode
from callgate.core.pricing import PricedDestination
from callgate.core.reasons import Reason
from callgate.core.risk import Tier
from callgate.core.verdict import Grant, Refusal, Verdict
from callgate.core.wire import mask
from callgate.errors import JournalError

JOURNAL_FILE = "journal.jsonl"
SYNC_DEADLINE_S = 0.4
"""A disk slower than this is broken for a caller who waits: with the ledger's 300 ms it stays within the bound."""


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one attempt.

    Fields:
        at: the instant of the decision, UTC.
        event: ``call.granted``, ``call.refused``, ``call.settled``, or ``call.local`` (granted by the dialplan alone).
        call: the passage's id. attempt: the trunk attempt.
        dialled, number: masked. region, number_class: "" where there is none.
        reasons: heaviest first.
        held_micros, amount_micros: set aside; booked in the end.
        seconds: granted; of a settlement, the length of the call.
        retry_s: of a refusal, no sooner than; 0 where unknown.
        observed: the clinic only observes: the refusal was not carried out.
        risk, risk_because, risk_version: the tier, the entry of the list that gave it, and that list's version.
    """

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    event: str
    clinic: str
    call: str
    attempt: int = 1
    extension: str = ""
    trunk: str = ""
    dialled: str = ""
    number: str = ""
    region: str = ""
    number_class: str = ""
    ordinary: bool = False
    reasons: tuple[Reason, ...] = ()
    grant: str = ""
    seconds: int = 0
    held_micros: int = 0
    amount_micros: int = 0
    retry_s: int = 0
    policy_revision: int = 0
    observed: bool = False
    risk: Tier = Tier.NORMAL
    risk_because: str = ""
    risk_version: str = ""


class Journal:
    """Appends rows to the file, in order, each with one write; rows that must be durable share one fdatasync."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / JOURNAL_FILE
        self._lock = asyncio.Lock()
        self._descriptor: int | None = None
        self._is_torn = False
        self._appended = 0
        self._synced = 0

    async def write(self, row: JournalRow, *, durable: bool) -> None:
        """Append a row; with `durable`, return only when the disk has it.

        Raises:
            JournalError: nothing may be granted on a row that could not be written.
        """
        try:
            self._append(msgspec.json.encode(row) + b"\n")
            if durable:
                async with asyncio.timeout(SYNC_DEADLINE_S):
                    await self._sync(self._appended)
        except OSError as error:  # TimeoutError is one
            raise JournalError(str(self.file), error.strerror or "the disk does not answer") from error

    def _append(self, line: bytes) -> None:
        descriptor = self._open()
        # A full disk or a power cut leaves a part of a line behind: the next row starts on a line of its own.
        line = b"\n" + line if self._is_torn else line
        self._is_torn = os.write(descriptor, line) < len(line)
        if self._is_torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._appended += 1

    async def _sync(self, rows: int) -> None:
        """Bring the first `rows` rows to the disk, unless whoever held the lock before has done so with theirs."""
        async with self._lock:
            if self._synced < rows:
                covered = self._appended
                await asyncio.to_thread(os.fdatasync, self._open())
                self._synced = covered

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            size = os.fstat(self._descriptor).st_size
            self._is_torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        return self._descriptor

    def close(self) -> None:
        """Close the file; the next row opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_rows(file: Path, start: int = 0) -> Iterator[tuple[JournalRow, int]]:
    """Read rows from byte `start` on, each with the offset behind it; a torn or damaged line is passed over."""
    with file.open("rb") as stream:
        stream.seek(start)
        offset = start
        for line in stream:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                yield msgspec.json.decode(line, type=JournalRow), offset
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict with all that led to it; `number` is what a trunk would be sent, "" for what goes to none."""

    attempt: CallAttempt
    priced: PricedDestination
    clinic: Clinic
    number: str
    verdict: Verdict
    instant: datetime


def verdict_row(decision: Decision) -> JournalRow:
    """Make the row of one verdict, numbers masked."""
    attempt, destination, verdict = decision.attempt, decision.priced.destination, decision.verdict
    risk = decision.priced.risk
    row = JournalRow(
        at=decision.instant,
        event="call.refused",
        clinic=decision.clinic.name,
        call=attempt.passage,
        attempt=attempt.attempt,
        extension=attempt.extension,
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
            observed = decision.clinic.policy.mode is Mode.OBSERVE and bool(decision.number)
            return msgspec.structs.replace(row, retry_s=verdict.retry_s, observed=observed)
