"""The contract of the ledger. It has two forms, `redis` and `memory`, held to it by one suite of tests.

Every operation may be sent twice, late or out of order: the second one changes nothing. An operation that cannot be
carried out, or whose request is not sound, answers `Unavailable`; nothing here raises. Money is in micros, durations in
whole seconds, ledger time in whole seconds that never run back.

Ledger time moves by proven elapsed time only, so that it does not leap when a clock does.

* The first operation of all sets ledger time to ``min(the server's clock, wall_s)``.
* Each answer tells a gate the ledger's *count*: the ledger second, and all the seconds that were ever *taken* from it.
  From its next operation on the gate proves that so much of its machine's uptime has passed since it had the answer:
  ``now = max(now, count heard + uptime since - taken)``. An answer that took more than 2 s to come is not heard. What a
  late message proves is less, never more. Of each boot of a machine the ledger keeps what was heard there first, for
  processes that have heard nothing yet; of the 64 latest.
* A gate that proves less than the others (its machine was just switched on, time has leapt, a server's clock was put
  ahead) finds less than they may say next, and what it books now must not grow old at once when they do. So if it is
  more than 5 s behind the server's own clock, which the count is compared to, as much as that says has passed is taken
  from all: the second stays, the count goes on. If that clock was set back, a year is. Everybody proves on from the
  next answer. Clocks that are cut to seconds, or run unlike, differ all the same: money stays in its windows for 15 s
  more.
* What another ledger told proves nothing, nor does what this one told before it lost entries.
* One leap, to ``min(the server's clock, wall_s)``, is made if that is 60 s to 35 days ahead, `is_synced`, and 24 h of
  proven time have passed since the last leap (the first needs none). Anything else waits for `set_clock`. Until then
  windows roll late and refuse nobody by themselves (facts/semantics.md 6).
* An operation that changes no record keeps the time in the server's memory; on its disk it is kept with each change
  and every 15 minutes, so that little of what was proven is lost when a machine is switched off.

The month of a call is told by its gate's clock. One that is more than a month away from ledger time's own (UTC) is not
believed: the call counts in ledger time's own.

A denied operation uses up no sequence number and changes no record.

A hold ends once::

    (none) --hold--> live --settle--> settled
                     live --renew---> live     the next slice
                     live --void----> void
                     live --lapse---> lapsed --settle--> settled    the lapse books it in full, the settlement corrects
    (none) --void--> void      a tombstone: a hold that arrives later is Gone
    (none) --settle-> settled  an orphan, booked as the settlement says
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from callgate.core.hold import (
    FrozenCause,
    HoldOutcome,
    HoldRequest,
    RenewOutcome,
    RenewRequest,
    SettleOutcome,
    Unavailable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanCharge:
    """How to book a call that the ledger never held (the local allowance, while the store was down).

    Fields:
        purses: names of the purses that count it.
        amount_micros: what it cost, if it was answered.
        month: the calendar month it began in, as ``2026-11``; believed as that of a hold.
    """

    purses: tuple[str, ...]
    amount_micros: int
    month: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one call ended.

    Fields:
        hold_id: of a held call, or ``local:...`` of one that only `orphan` knows. An id that does not end in ``.`` and
            the epoch second it was made is booked again when it comes back more than 8 days later.
        answered: whether the carrier answered; an unanswered call costs nothing.
        duration_s: whole seconds from answer to end, rounded up by the caller; 0 to 8 days.
    """

    clinic: str
    hold_id: str
    answered: bool
    duration_s: int
    orphan: OrphanCharge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LapseReport:
    """What a lapse did: the holds booked in full, how many old records it forgot, how many of both are left to do."""

    lapsed: tuple[str, ...]
    forgotten: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSpend:
    """What the calls that began in one month (``2026-11``) cost."""

    month: str
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseBook:
    """One purse: its live holds, the money they set aside, and what was spent in each window.

    `months` are the 13 latest, or 12 and the one just posted, oldest first; `total_micros` counts only calls held under
    a ceiling without a window.
    """

    name: str
    live: int
    held_micros: int
    hour_micros: int
    day_micros: int
    week_micros: int
    months: tuple[MonthSpend, ...]
    total_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveHold:
    """One hold that has not ended; it counts in full until it is settled, voided or lapsed, whatever its age.

    `renewals` is the number of its last renewal, 0 for none.
    """

    hold_id: str
    seconds: int
    amount_micros: int
    lapses_at: datetime
    renewals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBook:
    """The whole ledger of one clinic; purses by name, holds by id. `sequence` counts changes and never falls.

    `wall_ahead_s` is how far the server's own clock is ahead of ledger time; large, it wants a look at `set_clock`.
    """

    clinic: str
    now: datetime
    wall_ahead_s: int
    epoch: str
    frozen: FrozenCause | None
    sequence: int
    policy_revision: int
    purses: tuple[PurseBook, ...]
    holds: tuple[LiveHold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """One thing that does not add up: where, what the entries say, and what the balance says (micros or a count)."""

    place: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """A ledger worked out again from its records: `findings` is empty when the books are right."""

    sequence: int
    records: int
    findings: tuple[AuditFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet:
    """Ledger time was `before` and is `after`, epoch seconds."""

    before_s: int
    after_s: int


class Ledger(ABC):
    """Money set aside before a call connects, and booked after it."""

    @abstractmethod
    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """Set money aside for one call, or say which limits forbid it.

        In this order: the same request again gets the same answer, which is what is held now; an id that ended or
        names another call is `Gone`; a costly one in a frozen ledger is `Frozen`; another policy revision in force is
        `Stale`; then the limits, without the superseded trunk attempt. That one is released only if this one is held,
        and its start becomes this one's. A denied hold uses up neither a line nor a start.
        """

    @abstractmethod
    async def renew(self, request: RenewRequest) -> RenewOutcome:
        """Set money aside for the next slice of a live hold.

        In this order: the last renewal again gets the same answer; a hold that is not live, or another number than the
        next, is `Gone`; then as for a hold. A denied renewal changes nothing: the call keeps what it was granted.
        """

    @abstractmethod
    async def settle(self, settlement: Settlement) -> SettleOutcome:
        """Book what a call really cost, also above what was held, and end its hold."""

    @abstractmethod
    async def void(self, clinic: str, hold_id: str) -> SettleOutcome:
        """End a hold whose grant never reached the dialplan.

        Returns:
            DONE for a live hold; ALREADY with what stays booked; ORPHAN for an unknown id, which is never granted from
            then on; TOO_OLD for an unknown id made more than 8 days ago.
        """

    @abstractmethod
    async def lapse(self, clinic: str, limit: int) -> LapseReport | Unavailable:
        """Book in full the holds whose time is over, and forget records that ended more than 8 days ago.

        Args:
            clinic: whose.
            limit: at most so many holds, records and velocities each, 1 to 1000; call again while some are left.
        """

    @abstractmethod
    async def audit(self, clinic: str) -> AuditReport | Unavailable:
        """Work the books out again from the records; changes nothing.

        Checked are live holds and their money, what was spent in hour, day and week, which the records still say, and
        that every live and ended record is listed as such.
        """

    @abstractmethod
    async def set_clock(self, clinic: str, to_s: int | None) -> ClockSet | Unavailable:
        """Set ledger time by hand, for a person who confirms it; it goes on from there.

        Args:
            clinic: whose.
            to_s: the epoch second; None for the server's own. Set back, what is booked later than that counts until
                its window has passed.
        """

    @abstractmethod
    async def book(self, clinic: str) -> LedgerBook | Unavailable:
        """Show everything; changes nothing."""

    @abstractmethod
    async def void_doubtful(self) -> int:
        """Void the holds that ended without an answer: "timed out" does not mean "not executed".

        Each is tried once, up to the first that the store does not answer. Call it in the background, about once a
        second, until nothing is left.

        Returns:
            How many are left.
        """
