"""What the gate asks of the ledger before a call connects, and every answer it can get.

The ledger's contract is `callgate.ledger.base`; these are its values. Money is in micros, durations in whole seconds.
"""

from dataclasses import dataclass
from enum import StrEnum

from callgate.core.tariff import Rate


class Window(StrEnum):
    """The span over which a ceiling counts. Hour, day (24 h) and week (7 d) roll; the month is the calendar's."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The most money in one window of one purse. `enforced` false: the hold is granted and an alarm comes back."""

    window: Window
    limit_micros: int
    enforced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A scope in which a call counts: its money, and how many calls are up.

    Fields:
        name: ``costly``, ``international``, ``overseas``, ``national``, ``clinic``, ``extension:101``, ``country:BE``.
        ceilings: at most one a window; none means that money is recorded here and never refused.
        concurrent_max: most live holds, or None for no limit.
    """

    name: str
    ceilings: tuple[Ceiling, ...] = ()
    concurrent_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity:
    """At most `count_max` granted passages in any `span_s` seconds, counted under `name`.

    With a `tag`, at most `count_max` *different* tags in the span: a tag already seen in the span is always admitted.
    Tags are keyed hashes of numbers, never numbers. `enforced` false: an alarm instead of a refusal.
    """

    name: str
    count_max: int
    span_s: int
    tag: str = ""
    enforced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest:
    """Money set aside for one call, in one atomic operation.

    Fields:
        hold_id: the grant id if it is held; made before anything is sent, ends in ``.`` and its epoch second.
        supersedes: the hold id of the previous trunk attempt of this passage, released in the same operation; or "".
        rate: what the call costs.
        seconds: the longest the call may last, 1 to 7200.
        slice_s: seconds of money to hold when that is less than `seconds` (ordinary calls hold one slice and are
            granted in full); None holds money for all of `seconds`.
        partial: whether fewer seconds may be granted when the money does not suffice (whole increments, at least one).
        purses: at most 8 scopes that count this call.
        velocities: start limits.
        month: the calendar month of the call's start in the clinic's zone, as ``2026-11``.
        grace_s: the hold lapses this long after the granted seconds: ring time-out plus 90 s for a late settlement.
        policy_revision: the revision the call was judged by, or 0 where none is published.
    """

    clinic: str
    hold_id: str
    supersedes: str
    rate: Rate
    seconds: int
    slice_s: int | None
    partial: bool
    purses: tuple[Purse, ...]
    velocities: tuple[Velocity, ...]
    month: str
    grace_s: int
    policy_revision: int


class DenialKind(StrEnum):
    """Which limit said no, or sounded an alarm."""

    MONEY = "money"
    LINES = "lines"
    STARTS = "starts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One limit that was hit.

    Fields:
        name: the purse or velocity.
        window: of the ceiling, None unless `kind` is MONEY.
        left: micros left in the window (money) or 0; never negative.
        retry_s: no sooner than this many seconds from now will the limit admit a call; 0 where nobody can tell.
    """

    kind: DenialKind
    name: str
    window: Window | None
    left: int
    retry_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The money is set aside. `seconds` may be fewer than asked; `alarms` are limits that are not enforced."""

    hold_id: str
    seconds: int
    amount_micros: int
    alarms: tuple[Denial, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Nothing was held; every limit that was hit, in the order of the request."""

    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """This hold id has already ended (settled, voided or lapsed), or names another call: it is never granted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Another policy revision is in force: nothing was held, fetch it and judge again."""

    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """The ledger gave no answer in time, or an answer that is none. "Timed out" does not mean "not executed"."""

    cause: str


HoldOutcome = Held | Denied | Gone | Stale | Unavailable


class SettleState(StrEnum):
    """What a settlement, void or lapse found."""

    DONE = "done"
    ALREADY = "already"
    ORPHAN = "orphan"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a hold ended: `amount_micros` is what stays booked for it."""

    state: SettleState
    amount_micros: int


SettleOutcome = Settled | Unavailable
