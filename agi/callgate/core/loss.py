"""The values of an exposure: for how long, what money goes on, how much at most, and what binds it."""

from dataclasses import dataclass
from enum import StrEnum

from callgate.core.hold import Window


class Span(StrEnum):
    """For how long the loss is asked.

    A night is the timetable's longest closing of less than a day, a weekend 61 hours, Friday 19:00 to Monday 08:00, and
    `CLOSING` the longest time without an open hour, holidays and leave included. Of a month all calls count that begin
    in it.
    """

    HOUR = "hour"
    NIGHT = "night"
    WEEKEND = "weekend"
    CLOSING = "closing"
    MONTH = "month"


class LossKind(StrEnum):
    """What money goes on: the first five add up, the others say how much of that some calls may be."""

    COSTLY = "costly"
    ORDINARY_OPEN = "ordinary_open"
    ORDINARY_CLOSED = "ordinary_closed"
    LISTED = "listed"
    ALLOWANCE = "allowance"

    INTERNATIONAL = "international"
    OVERSEAS = "overseas"
    EXTENSION = "extension"
    COUNTRY = "country"
    NUMBERS = "numbers"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingBound:
    """A ceiling binds.

    Fields:
        purse, window: which; several purses together go by the name of their kind.
        limit_micros, times: so much, so many times.
        beyond_micros: what ordinary calls that are up may cost beyond it, each time.
    """

    purse: str
    window: Window
    limit_micros: int
    times: int
    beyond_micros: int = 0

    @property
    def micros(self) -> int:
        """The most it admits."""
        return (self.limit_micros + self.beyond_micros) * self.times


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesBound:
    """No ceiling binds: so many lines are busy for so long, each at so much an hour at most."""

    lines: int
    seconds: int
    hour_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceBound:
    """The local allowance binds: so much an hour, by so many counters, in so many hours of the clock."""

    total_micros: int
    counters: int
    hours: int


Bound = CeilingBound | LinesBound | AllowanceBound


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The most that may go on one kind of call, and what binds it."""

    kind: LossKind
    micros: int
    bound: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLoss:
    """The most that one span may cost.

    Fields:
        seconds: its length.
        parts: these add up to the total.
        within: how much of it some calls may be.
        total_micros: None where nothing binds, because the policy only observes.
    """

    span: Span
    seconds: int
    parts: tuple[Loss, ...]
    within: tuple[Loss, ...]
    total_micros: int | None
