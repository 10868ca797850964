"""A further worker's end of the line to the first one: what it has to say is kept until it was taken.

The first worker may be away: it is replaced when it hangs or dies, within a second or two. Until then a costly call
waits for its row as long as for a slow disk, and is then refused; all other calls go on. A refusal that is answered
meanwhile stands in a file first (`callgate.unsaid`): this worker may die, too, before there is a next first one.
"""

import asyncio
from collections import deque
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from callgate.burst_watch import Counted
from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.errors import JournalError
from callgate.grants import Grants, Issued
from callgate.journal_rows import JournalRow
from callgate.ledger.restoration import Change, Witness
from callgate.ledger_memory import LedgerMemory
from callgate.letters import (
    Content,
    Done,
    GrantGiven,
    LedgerFrozen,
    LedgerSeen,
    Letter,
    RefusalCounted,
    RefusalToWrite,
    RowToWrite,
    Standing,
    answers,
    frame,
    read_frame,
)
from callgate.told_once import ToldOnce
from callgate.unsaid import Unsaid

KEPT_MAX = 10_000
"""So many letters are kept for a first worker that is away; of more, the oldest are lost."""
TOLD_AT_ONCE = 64
"""Of those so many stand in a frame: each is one step of the first worker, which must not seem stuck by it."""
AGAIN_S = 0.02
DISK_DEADLINE_S = 0.8
"""For a row that the disk must have: with the ledger's 300 ms it stays within the 1.2 s of the dialplan. The first
worker gives its disk half of it; one that hands over to the next is back in less."""
AWAY_S = 0.2
"""So long a refusal that stands in the file waits for a first worker that is away. A costly call has waited for its
grant before that, and the dialplan for both 1.2 s; shorter, a flood would be answered ever faster."""
GRANT_DEADLINE_S = 0.1
"""A grant that the guard has not heard of by then it finds in the ledger."""
_JOURNAL = "of the first worker"
_AWAY = "the first worker is away; another one starts"

log = structlog.get_logger()


class FurtherWorker(Witness):
    """The line. It stands in for the journal on the road of a call, and is the ledger's witness.

    Args:
        place: the socket on which the first worker hears.
        unsaid: keeps what a caller has been told, and no first worker has.

    Attributes:
        standing: what the first worker said last; None until it has said something.
    """

    def __init__(self, place: Path, unsaid: Unsaid) -> None:
        self.standing: Standing | None = None
        self._place = place
        self._unsaid = unsaid
        self._memory = LedgerMemory()
        self._number = 0
        # By number, in order: what was not answered.
        self._kept: dict[int, Letter] = {}
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._outbox: deque[Letter] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._news = asyncio.Event()
        self._complaints = ToldOnce()

    async def run(self) -> None:
        """Keep the line up until cancelled."""
        while True:
            # While a newer callgate is taken over the two may not understand each other: this one is replaced, too.
            with suppress(OSError, EOFError, msgspec.DecodeError):
                await self._talk()
            self._writer = None
            await asyncio.sleep(AGAIN_S)

    async def introduced(self) -> None:
        """Wait until the first worker has said who it is."""
        while self.standing is None:
            self._news.clear()
            await self._news.wait()

    @property
    def gate(self) -> str:
        """The name of this gate for the ledger, as the first worker says it."""
        return "" if self.standing is None else self.standing.gate

    async def emptied(self, within_s: float) -> None:
        """Wait until all is taken, for a bounded time; rows that are not by then are left in the file."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._kept:
                    self._news.clear()
                    await self._news.wait()
        for number in self._kept:
            self._keep(number)

    @property
    def is_there(self) -> bool:
        """Whether a first worker hears."""
        return self._writer is not None

    @property
    def is_linked(self) -> bool:
        """Whether a first worker is there, and looks after live calls."""
        return self.is_there and self.standing is not None and self.standing.is_linked

    async def write(self, row: JournalRow, *, durable: bool) -> None:
        """See `Journal.write`; a row that need not be durable is left to the line.

        Raises:
            JournalError: the first worker's disk does not have it.
        """
        number = self._say(RowToWrite(row, durable))
        if not durable:
            return
        if row.observed:
            await self._refuse(number)
            return
        try:
            await self._answer(number, DISK_DEADLINE_S)
        except JournalError:
            # The call is refused now: what was not written yet must not say later that it was granted.
            self._kept.pop(number, None)
            raise

    async def refuse(self, row: JournalRow) -> None:
        """See `Journal.refuse`.

        Raises:
            JournalError: the disk is not known to have it. It is kept for the next first worker, unless this one has
                said that the disk takes no row: then it keeps it itself.
        """
        await self._refuse(self._say(RefusalToWrite(row)))

    async def announce(self, issued: Issued) -> None:
        """Tell of a grant, and wait a moment for the guard to know it."""
        number = self._say(GrantGiven(issued))
        if self.is_there:
            with suppress(JournalError):
                await self._answer(number, GRANT_DEADLINE_S)

    def count(self, counted: Counted) -> None:
        """Tell of a refusal that counts towards a burst."""
        self._say(RefusalCounted(counted))

    def seen(self, clinic: str) -> Seen:
        """See `Witness.seen`: what this worker saw, or the first one, whichever is later."""
        return self._memory.seen(clinic)

    def witness(self, clinic: str, seen: Seen, change: Change | None) -> None:
        """See `Witness.witness`: the first worker keeps it; what changed nothing and is known it need not hear."""
        is_known = change is None and self._memory.is_noted(clinic) and self._memory.seen(clinic) == seen
        self._memory.witness(clinic, seen, change)
        if not is_known:
            self._say(LedgerSeen(clinic, seen, change))

    def freeze(self, clinic: str, cause: FrozenCause) -> None:
        """See `Witness.freeze`."""
        self._say(LedgerFrozen(clinic, cause))

    def _say(self, content: Content) -> int:
        self._number += 1
        letter = self._kept[self._number] = Letter(self._number, content)
        if len(self._kept) > KEPT_MAX:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            if oldest not in self._unsaid:
                log.error("letter.lost", kept=KEPT_MAX)
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._send)
        self._outbox.append(letter)
        return self._number

    def _send(self) -> None:
        """Send what was said in this moment; without a line it is sent when there is one again."""
        said = list(self._outbox)
        self._outbox.clear()
        if self._writer is not None:
            self._writer.write(frame(said))

    async def _refuse(self, number: int) -> None:
        """Have a refusal written; whatever the caller is told after this outlives this worker."""
        if not self.is_there:
            self._keep(number)
        try:
            await self._answer(number, AWAY_S if number in self._unsaid else DISK_DEADLINE_S)
        except JournalError:
            self._keep(number)
            raise

    def _keep(self, number: int) -> None:
        """Put a row that is not taken into the file."""
        letter = self._kept.get(number)
        if letter is not None and isinstance(letter.content, RowToWrite | RefusalToWrite):
            try:
                self._unsaid.keep(number, letter.content.row)
            except OSError as error:
                self._complaints.warn("letter.not_kept", error.strerror or "")

    async def _answer(self, number: int, within_s: float) -> None:
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                await waiting
        except TimeoutError:
            raise JournalError(_JOURNAL, _AWAY, "see worker.replaced in the log") from None
        finally:
            self._waiting.pop(number, None)

    async def _talk(self) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self._place))
        try:
            while True:
                for answer in await read_frame(reader, answers):
                    match answer:
                        case Standing():
                            self._hear(answer, writer)
                        case Done():
                            self._done(answer)
                self._news.set()
        finally:
            writer.close()

    def _hear(self, standing: Standing, writer: asyncio.StreamWriter) -> None:
        self.standing = standing
        self._memory.gate = standing.gate
        for clinic, seen in standing.seen.items():
            known = self._memory.seen(clinic)
            if known.epoch != seen.epoch or known.mine < seen.mine:
                self._memory.witness(clinic, seen, None)
        if self._writer is None:
            # It takes the place of one that was replaced, and hears again whatever that one has not answered.
            self._outbox.clear()
            self._writer = writer
            kept = list(self._kept.values())
            for begin in range(0, len(kept), TOLD_AT_ONCE):
                writer.write(frame(kept[begin : begin + TOLD_AT_ONCE]))

    def _done(self, answer: Done) -> None:
        self._kept.pop(answer.number, None)
        try:
            self._unsaid.taken(answer.number)
        except OSError as error:
            self._complaints.warn("letter.not_kept", error.strerror or "")
        if not self._kept:
            # What there was no room for in memory stands there still: it is the first worker's to read.
            self._unsaid.close()
        waiting = self._waiting.get(answer.number)
        if waiting is None or waiting.done():
            return
        if answer.problem is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(JournalError(*answer.problem))


class AnnouncedGrants(Grants):
    """Grants of a further worker: the first one's guard hears of each before the caller has his answer."""

    def __init__(self, line: FurtherWorker) -> None:
        super().__init__()
        self._line = line

    async def announce(self, issued: Issued) -> None:
        """See `Grants.announce`."""
        await self._line.announce(issued)
