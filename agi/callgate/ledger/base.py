"""The contract of the ledger. It has two forms, `redis` and `memory`, held to it by one suite of tests.

Every operation may be sent twice, late or out of order: the second one changes nothing. An operation that cannot be
carried out, or whose request is not sound, answers `Unavailable`; nothing here raises. Money is in micros, durations in
whole seconds, ledger time in whole seconds that never run back.

A hold ends once::

    (none) --hold--> live --settle--> settled
                     live --void----> void
                     live --lapse---> lapsed --settle--> settled    the lapse books it in full, the settlement corrects
    (none) --void--> void      a tombstone: a hold that arrives later is Gone
    (none) --settle-> settled  an orphan, booked as the settlement says
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from callgate.core.hold import HoldOutcome, HoldRequest, SettleOutcome, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanCharge:
    """How to book a call that the ledger never held (the local allowance, while the store was down).

    Fields:
        purses: names of the purses that count it.
        amount_micros: what it cost, if it was answered.
        month: the calendar month it began in, as ``2026-11``.
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

    `months` are the 13 latest, oldest first; `total_micros` counts only calls held under a ceiling without a window.
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
    """One hold that has not ended; it counts in full until it is settled, voided or lapsed, whatever its age."""

    hold_id: str
    seconds: int
    amount_micros: int
    lapses_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBook:
    """The whole ledger of one clinic; purses by name, holds by id. `sequence` counts changes and never falls."""

    clinic: str
    now: datetime
    sequence: int
    policy_revision: int
    purses: tuple[PurseBook, ...]
    holds: tuple[LiveHold, ...]


class Ledger(ABC):
    """Money set aside before a call connects, and booked after it."""

    @abstractmethod
    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """Set money aside for one call, or say which limits forbid it.

        In this order: the same request again gets the same answer; an id that ended or names another call is
        `Gone`; another policy revision in force is `Stale`; then the limits, without the superseded
        trunk attempt. That one is released only if this one is held, and its start becomes this one's. A denied hold
        uses up neither a line nor a start.
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
