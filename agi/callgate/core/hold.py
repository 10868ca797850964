"""What the gate asks of the ledger before a call connects, and every answer it can get.

The ledger's contract is `callgate.ledger.base`; these are its values. Money is in micros, durations in whole seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from callgate.core.tariff import Rate

SECONDS_MAX = 7200
"""No call is granted longer (DESIGN, law 4)."""

PURSES_MAX = 8
"""No hold and no renewal lists more purses (facts/semantics.md 13)."""


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

    What is held, with ``covered`` the paid seconds (whole billing increments, at least one):

    * all at once (`slice_s` None): as many increments as `seconds` and the cut margin of 2 s need; granted `seconds`.
      If the money does not suffice and `partial`: as many as fit, granted ``covered`` less 2 s.
    * an ordinary call (not `costly`, with `slice_s`): the price of `slice_s` seconds; granted all of `seconds`.
    * a slice (`costly`, with `slice_s`): the first, ``until`` min(`slice_s`, `seconds`); see `RenewRequest`.

    Fields:
        hold_id: the grant id if it is held; made before anything is sent, ends in ``.`` and its epoch second.
        supersedes: the hold id of the previous trunk attempt of this passage, released in the same operation; or "".
        rate: what the call costs.
        seconds: the longest the call may last, 1 to 7200.
        costly: whether it is refused while the ledger is frozen.
        slice_s: see above; None holds money for all of `seconds`.
        partial: whether fewer seconds may be granted when the money does not suffice (whole increments, at least one).
        purses: at most 8 scopes that count this call.
        velocities: start limits.
        month: the calendar month of the call's start in the clinic's zone, as ``2026-11``.
        grace_s: the hold lapses this long after the granted seconds: ring time-out plus 90 s for a late settlement.
        policy_revision: the revision the call was judged by, or 0 where none is published.
        novelty: a name such as ``country:BE``; the first call ever under it is granted with an alarm. "" for none.
    """

    clinic: str
    hold_id: str
    supersedes: str
    rate: Rate
    seconds: int
    costly: bool
    slice_s: int | None
    partial: bool
    purses: tuple[Purse, ...]
    velocities: tuple[Velocity, ...]
    month: str
    grace_s: int
    policy_revision: int
    novelty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRequest:
    """More money for a call that is up: its next slice. Rate, month and superseding are those of its hold.

    A slice ends where nothing more is paid for its end: with ``until`` the last second it may reach, ``granted`` what
    was granted so far (0 for a hold), and boundaries the instants at which a new billing increment begins,

    1. ``covered`` is the last boundary up to ``until`` + 2 s; if the call would gain no second by it
       (``covered`` - 2 <= ``granted``), the first boundary from ``until`` + 2 s on instead;
    2. seconds = min(``until``, ``covered`` - 2), amount = the price of ``covered`` less what is held already;
    3. if that is more than what is left under an enforced ceiling and `partial`: ``covered`` is the last boundary whose
       price fits and that gains at least one second, and the slice is final; if there is none, it is denied for the
       least that would have gained a second.

    So a cut never falls on a new increment, and a connect fee is paid once, by the first slice.

    Fields:
        number: 1 for the first renewal of a hold, then one more each time.
        seconds: the longest the whole call may last, 1 to 7200.
        slice_s: ``until`` is min(`seconds`, what was granted + `slice_s`).
        partial: see 3.
        purses: at most 8, with the limits in force now. Those that the hold did not list are added to it and count the
            whole call from then on; they are tested with all that it costs, and with their `concurrent_max`, which is
            not tested again for the others. A hold has at most 16 in all: a renewal that makes it more is not sound.
        grace_s, policy_revision: as for a hold.
    """

    clinic: str
    hold_id: str
    number: int
    seconds: int
    slice_s: int
    partial: bool
    purses: tuple[Purse, ...]
    grace_s: int
    policy_revision: int


class DenialKind(StrEnum):
    """Which limit said no, or sounded an alarm."""

    MONEY = "money"
    LINES = "lines"
    STARTS = "starts"
    NOVELTY = "novelty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One limit that was hit.

    Fields:
        name: the purse, velocity or novelty (only ever an alarm).
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
    """The money is set aside.

    Fields:
        seconds: granted since the answer of the call, in all; may be fewer than asked.
        amount_micros: set aside for the call, in all.
        alarms: limits that are not enforced.
        is_final: no renewal can lengthen it: the longest is granted, or the money did not suffice for all that was
            asked. A caller is then warned before the end.
    """

    hold_id: str
    seconds: int
    amount_micros: int
    alarms: tuple[Denial, ...] = ()
    is_final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Nothing was held; every limit that was hit, in the order of the request."""

    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """This hold id has already ended (settled, voided or lapsed), or names another call: it is never granted again.

    Of a renewal: the hold is not live, or the number is neither the next one nor a repetition of the last.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Another policy revision is in force: nothing was held, fetch it and judge again."""

    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """The ledger gave no answer in time, or an answer that is none. "Timed out" does not mean "not executed".

    Fields:
        cause: why.
        last_cause: where nobody was asked for that reason, why the ledger gave none when it was asked last.
    """

    cause: str
    last_cause: str = field(default="", compare=False)

    @property
    def is_hopeless(self) -> bool:
        """Whether not the store but the request is at fault: the ledger will never take it."""
        return self.cause.startswith("invalid")


class FrozenCause(StrEnum):
    """How the ledger is known to have lost something."""

    REGRESSED = "regressed"
    ERASED = "erased"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The ledger has lost entries: nothing costly is held until the gates' journals have restored it."""

    cause: FrozenCause


HoldOutcome = Held | Denied | Gone | Stale | Frozen | Unavailable
RenewOutcome = Held | Denied | Gone | Stale | Frozen | Unavailable


class SettleState(StrEnum):
    """What a settlement, void or lapse found; `OVERRUN` is `DONE` at more than was held, also of a hold that lapsed."""

    DONE = "done"
    OVERRUN = "overrun"
    ALREADY = "already"
    ORPHAN = "orphan"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a hold ended: `amount_micros` is what stays booked for it."""

    state: SettleState
    amount_micros: int


SettleOutcome = Settled | Unavailable
