"""The gate's own journal: each verdict and each change of the ledger, append-only, on the gate's disk.

It is the clinic's evidence, and the second witness that a ledger is restored from. Numbers are masked. A refusal or a
costly grant is durable (fdatasync) before it is answered; rows that wait together share one fdatasync. The format is
in `callgate.journal_file`, the file's one writer in `callgate.journal_writer`, the rows in `callgate.journal_rows`, how
a flood of refusals is counted in `callgate.journal_tally`.
"""

import asyncio
import errno
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import structlog

from callgate.errors import JournalError
from callgate.journal_file import PAYLOAD_MAX_BYTES, Damage, Flaw, Kind, Record
from callgate.journal_reading import JournalReading
from callgate.journal_rows import Decision, JournalRow, Seal, last_row, read_rows, rows_in, unsealed, verdict_row
from callgate.journal_tally import Tally
from callgate.journal_turn import NextFile
from callgate.journal_witness import JournalWitness
from callgate.journal_writer import QUOTA_BYTES, JournalWriter
from callgate.ledger.restoration import Change
from callgate.ledger_memory import LedgerMemory, Purged, change_payload

__all__ = (
    "JOURNAL_FILE",
    "Decision",
    "Journal",
    "JournalRow",
    "Seal",
    "last_row",
    "read_rows",
    "rows_in",
    "unsealed",
    "verdict_row",
)

JOURNAL_FILE = "journal.cgj"
SYNC_DEADLINE_S = 0.4
"""A disk slower than this is broken for a caller who waits: with the ledger's 300 ms it stays within the bound."""
UNSYNCED_BYTES = 1024 * 1024
"""So much may wait for a row that must be durable; then it is brought to the disk without one."""

GOING_ON_RECORDS = 1000
"""So often whoever waits for a journal to be read is told that it goes on."""

REFUSALS_PART = 16
"""Of its quota the last one of so many parts is for refusals alone: they are the evidence."""
GROUP_S = 0.25
"""In a flood the refusals of a clinic wait so long for one counted row. The dialplan waits 1.2 s for its answer."""

log = structlog.get_logger()


def epoch_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Journal(JournalWitness):
    """Writes rows, in order; those that must be durable share one fdatasync. Keeps what is seen of the ledgers, too.

    Args:
        folder: the gate's state folder.
        clock: epoch milliseconds, for the instant of each record.
        quota_bytes: how much its files may take; near the end of that it is a full disk to everything but refusals.

    Attributes:
        file: the journal; those that were closed are beside it (`callgate.journal_files`).
        memory: what the gate knows of its ledgers; read from the files when the journal is opened.
    """

    def __init__(self, folder: Path, clock: Callable[[], int] = epoch_ms, *, quota_bytes: int = QUOTA_BYTES) -> None:
        self.file = folder / JOURNAL_FILE
        super().__init__(clock)
        self._quota_bytes = quota_bytes
        self._kept_bytes = quota_bytes // REFUSALS_PART
        self._writer: JournalWriter | None = None
        self._reading: JournalReading | None = None
        self._flushing: asyncio.Future[None] | None = None
        self._identity = ""
        self._tally = Tally()
        self._unwritten = Tally()
        self._groups: dict[str, asyncio.Task[None]] = {}

    def read_ahead(self, going_on: Callable[[], None]) -> None:
        """Read what is there, while another daemon may write it still: `open` then reads only what was added since.

        Args:
            going_on: called now and then; a journal of many gigabytes takes minutes.
        """
        reading = JournalReading(self.file)

        def visit(record: Record) -> None:
            self.memory.recall(record)
            if record.number % GOING_ON_RECORDS == 0:
                going_on()

        # What is wrong with it is said when it is opened.
        with suppress(OSError, JournalError):
            reading.go_on(visit)
            self._reading = reading

    def open(self) -> str:
        """Open the file, recover it, and say in the log what was found; a row that is written does so by itself.

        Returns:
            The journal's identity, 32 hexadecimal digits.

        Raises:
            JournalError: it cannot be opened, or another daemon writes it.
        """
        return self._ready().identity

    async def write(self, row: JournalRow, *, durable: bool) -> None:
        """Append a row; with `durable`, return only when the disk has it.

        Raises:
            JournalError: nothing may be granted on a row that could not be written.
        """
        # An ordinary call goes on though the disk takes no row: it is this gate's all the same.
        self.memory.note(row.event, row.grant)
        payload = msgspec.json.encode(row)
        self._measure(payload)
        writer = (self._append_last if row.is_refusal else self._append)(Kind.ROW, payload)
        self.memory.note_written(row.event, row.grant)
        if durable:
            await self._sync(writer)
        elif writer.end - writer.synced > UNSYNCED_BYTES and self._flushing is None and not writer.is_lost:
            self._flush(writer)

    async def refuse(self, row: JournalRow) -> None:
        """Write a refusal down, and return when the disk has it; in a flood it is a part of a counted row.

        One that cannot be written is kept in memory, counted, and written before the next row that can be.

        Raises:
            JournalError: the disk does not have it, or it is not known to.
        """
        if self._tally.has_room(row):
            await self._sync(self._append_refusals((row,)))
            return
        self._tally.count(row)
        group = self._groups.get(row.clinic)
        if group is None:
            group = self._groups[row.clinic] = asyncio.create_task(self._write_counted(row.clinic))
        # Whoever gives up leaves the row to the others that it counts.
        await asyncio.shield(group)

    @property
    def damages(self) -> tuple[Damage, ...]:
        """What was found damaged when the file was opened, and is so still; a torn end is gone."""
        found = self._writer.damages if self._writer is not None else []
        return tuple(damage for damage in found if damage.flaw is not Flaw.TORN)

    async def sync(self) -> None:
        """Bring all that was written to the disk.

        Raises:
            JournalError: it is not known to have it.
        """
        await self._sync(self._ready())

    @property
    def is_due(self) -> bool:
        """Whether it is time to go on in another file."""
        return self._writer is not None and self._writer.is_due(self._clock())

    def go_over(self, following: NextFile) -> JournalWriter | None:
        """Go on in a file that was made ready, if nobody waits for the disk at this moment.

        Returns:
            The writer of the file so far, to be retired; None if it was no such moment.

        Raises:
            JournalError: it did not happen.
        """
        writer = self._ready()
        if self._flushing is not None or writer.synced < writer.end or writer.is_lost:
            return None
        try:
            self._writer = writer.followed_by(following, self._clock())
        except OSError as error:
            raise self._failed(error) from error
        return writer

    async def forget(self, purged: Purged, row: JournalRow) -> None:
        """Write that closed files are removed, and what is known of the ledgers; return when the disk has it.

        A journal that is full has room for that, too, beyond its quota: by it room is made.

        Raises:
            JournalError: it is not known to have it; they must stay.
        """
        append = partial(self._append_last, beyond_bytes=self._kept_bytes)
        for clinic in filter(self.memory.is_noted, self.memory.clinics()):
            append(Kind.SEEN, self.memory.noted(clinic))
            await asyncio.sleep(0)
        append(Kind.ROW, msgspec.json.encode(row))
        writer = append(Kind.PURGED, msgspec.json.encode(purged))
        self.memory.purged = purged
        await self._sync(writer)

    def make_room(self, freed_bytes: int) -> None:
        """Learn how long the files were that have been removed."""
        self._ready().make_room(freed_bytes)

    def keep(self, change: Change) -> None:
        """Keep a change that another made in a ledger of this gate's, such as a command: its number is not our own.

        Raises:
            JournalError: it could not be written.
        """
        self._append(Kind.CHANGE, change_payload(change, own=False))
        self.memory.keep(change)

    def close(self) -> None:
        """Write what is owed if it can be, and close the file, after the flush that goes on, if any.

        The next row opens it again.
        """
        with suppress(OSError):
            if self._writer is not None and not self._writer.is_lost:
                self._pay()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if self._flushing is None:
            writer.close()
        else:
            # Its number might be another file's by the time the flush writes.
            self._flushing.add_done_callback(lambda _flushed: writer.close())

    async def _write_counted(self, clinic: str) -> None:
        await asyncio.sleep(GROUP_S)
        del self._groups[clinic]
        await self._sync(self._append_refusals(self._tally.take(clinic)))

    def _append_refusals(self, rows: tuple[JournalRow, ...]) -> JournalWriter:
        for written, row in enumerate(rows):
            try:
                self._append_last(Kind.ROW, msgspec.json.encode(row))
            except JournalError:
                for lost in rows[written:]:
                    self._unwritten.count(lost)
                raise
        return self._opened()

    def _try_to_pay(self) -> None:
        try:
            self._pay()
        except (OSError, JournalError):
            log.exception("change.not_kept", owed=len(self._owed))

    def _append(self, kind: Kind, payload: bytes) -> JournalWriter:
        self._measure(payload)
        writer = self._paid()
        try:
            writer.append(kind, payload, self._clock(), kept_bytes=self._kept_bytes)
        except OSError as error:
            raise self._failed(error) from error
        return writer

    def _measure(self, payload: bytes) -> None:
        if len(payload) > PAYLOAD_MAX_BYTES:
            raise JournalError(str(self.file), f"a record of {len(payload)} bytes is too long", "report this")

    def _append_last(self, kind: Kind, payload: bytes, *, beyond_bytes: int = 0) -> JournalWriter:
        """Write what has room to the very end; it waits for nothing that is owed, which has none any more by then."""
        writer = self._ready()
        try:
            writer.append(kind, payload, self._clock(), kept_bytes=-beyond_bytes)
        except OSError as error:
            raise self._failed(error) from error
        return writer

    def _ready(self) -> JournalWriter:
        """The writer, for what does not wait for what is owed; of that, what has room is written."""
        with suppress(OSError):
            self._pay()
        try:
            return self._opened()
        except OSError as error:
            raise self._failed(error) from error

    def _paid(self) -> JournalWriter:
        try:
            return self._pay()
        except OSError as error:
            raise self._failed(error) from error

    def _pay(self) -> JournalWriter:
        """Write the refusals that found no room before, then what is owed, oldest first."""
        writer = self._opened()
        rows = deque(self._unwritten.take_all())
        try:
            while rows:
                writer.append(Kind.ROW, msgspec.json.encode(rows[0]), self._clock())
                rows.popleft()
        finally:
            for row in rows:
                self._unwritten.count(row)
        while self._owed:
            kind, payload = self._owed[0]
            writer.append(kind, payload, self._clock(), kept_bytes=self._kept_bytes)
            self._owed.popleft()
        return writer

    async def _sync(self, writer: JournalWriter) -> None:
        """Bring the records so far to the disk. There is one flush at a time: the kernel tells an error only once."""
        end = writer.end
        try:
            async with asyncio.timeout(SYNC_DEADLINE_S):
                while writer.synced < end:
                    # Whoever gives up leaves it to the others. One that is done, though the loop was not told yet, must
                    # not be waited for: that never lets the loop run.
                    under_way = self._flushing
                    if under_way is None or under_way.done():
                        under_way = self._flush(writer)
                    await asyncio.shield(under_way)
        except OSError as error:  # TimeoutError is one
            raise self._failed(error) from error

    def _flush(self, writer: JournalWriter) -> asyncio.Future[None]:
        if writer is not self._writer or writer.is_lost:
            # Removed or emptied while it was open: what is written there is seen by nobody.
            log.error("journal.lost", file=str(self.file))
            if writer is self._writer:
                self.close()
            raise OSError(errno.ESTALE, "the file was removed or emptied by somebody else")
        # No task: the end of the daemon cancels those, and the thread would go on alone.
        self._flushing = flushing = asyncio.get_running_loop().run_in_executor(None, writer.flush)
        flushing.add_done_callback(self._flushed)
        return flushing

    def _flushed(self, flushing: asyncio.Future[None]) -> None:
        if self._flushing is flushing:
            self._flushing = None
        if (error := flushing.exception()) is not None:
            log.error("journal.not_synced", file=str(self.file), problem=str(error))

    def _opened(self) -> JournalWriter:
        if self._writer is None:
            # Opened again, it has nothing to tell that the memory does not know better.
            if self._reading is not None and not self._reading.is_current:
                # Somebody put another journal there: this gate never wrote what was read.
                self.memory, self._reading = LedgerMemory(), None
            visit = _forget if self._identity else self.memory.recall
            writer = JournalWriter(self.file, visit, self._reading, quota_bytes=self._quota_bytes)
            self._reading = None
            try:
                self._introduce(writer)
            except OSError:
                writer.close()
                raise
            self._writer = writer
            for damage in writer.damages:
                told = msgspec.to_builtins(damage)
                log.error("journal.damaged", **{**told, "file": str(self.file.with_name(damage.file))})
            if writer.aside is not None:
                log.error("journal.end_kept", file=str(writer.aside))
            if writer.cut_note:
                self._owed.appendleft((Kind.ROW, JournalRow.own(self._clock(), "journal.cut", writer.cut_note)))
        return self._writer

    def _introduce(self, writer: JournalWriter) -> None:
        """Write what is known of the ledgers into a journal that is begun while the gate runs."""
        if not self._identity:
            self._unchecked = set(self.memory.clinics())
        elif writer.identity != self._identity:
            for clinic in self.memory.clinics():
                writer.append(Kind.SEEN, self.memory.noted(clinic), self._clock())
        self._identity = writer.identity

    def _failed(self, error: OSError) -> JournalError:
        return JournalError(str(self.file), error.strerror or "the disk does not answer")


def _forget(_record: Record) -> None:
    """Take a record for known."""
