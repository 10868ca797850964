"""The independent truth: which money is really owed at which instant, and the most of it in any real interval.

It knows calls that were really up, and the operator's meter. It shares no rule with the ledger: no bucket, no posting,
no hold, no price function. A first oracle that copied the ledger's refund rule passed it at 140 % of the limit
(facts/reliability.md M15). Instants are milliseconds; money is in sixtieths of a micro, in which a second at any whole
number of micros a minute is a whole number, so that nothing is rounded before the end.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from callgate.core.hold import Window
from callgate.core.tariff import Rate

PARTS = 60
"""Sixtieths in a micro."""

HOUR_MS = 3_600_000
ROLLING_MS = {Window.HOUR: HOUR_MS, Window.DAY: 24 * HOUR_MS, Window.WEEK: 7 * 24 * HOUR_MS}

Charge = tuple[int, int]
"""An instant in milliseconds and the sixtieths of a micro that become owed at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCall:
    """One call that the carrier answered.

    Fields:
        purses: names of the purses it counts in.
        month: the calendar month it began in.
        rate: what the operator charges; only its numbers are used.
        answer_ms: the instant of the answer.
        duration_ms: from answer to end, as it really was.
    """

    purses: tuple[str, ...]
    month: str
    rate: Rate
    answer_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most that was really owed within one window of one purse, beside its ceiling, both in micros.

    `most_micros` is rounded up: one sixtieth of a micro too many is one micro over.
    """

    purse: str
    window: Window
    most_micros: int
    limit_micros: int

    @property
    def over_micros(self) -> int:
        """How much above the ceiling, 0 if not."""
        return max(0, self.most_micros - self.limit_micros)

    @property
    def share(self) -> float:
        """How much of the ceiling was used, 1.0 for all; for people, no decision hangs on it."""
        return self.most_micros / self.limit_micros


def meter(call: RealCall) -> Iterator[Charge]:
    """Run the operator's meter: the connect fee at the answer, each increment the moment it begins."""
    yield call.answer_ms, call.rate.connect_micros * PARTS
    begins_ms, length_s = 0, call.rate.first_increment_s
    while begins_ms < call.duration_ms:
        yield call.answer_ms + begins_ms, call.rate.per_minute_micros * length_s
        begins_ms += length_s * 1000
        length_s = call.rate.increment_s


def whole_micros(parts: int) -> int:
    """Round sixtieths of a micro up to micros, as the operator rounds a bill."""
    return -(-parts // PARTS)


def owed(call: RealCall) -> int:
    """Add up what one call cost, in micros."""
    return whole_micros(sum(parts for _, parts in meter(call)))


def most_within(charges: list[Charge], window_ms: int) -> int:
    """Find the most that became owed within any interval of a length, both its ends counted.

    Args:
        charges: in order of time.
        window_ms: the length.

    Returns:
        Sixtieths of a micro.
    """
    most = within = oldest = 0
    for instant, parts in charges:
        within += parts
        while charges[oldest][0] < instant - window_ms:
            within -= charges[oldest][1]
            oldest += 1
        most = max(most, within)
    return most


def peaks(calls: Iterable[RealCall], ceilings: Mapping[tuple[str, Window], int]) -> list[Peak]:
    """Find the peak of each ceiling.

    Args:
        calls: all that were answered.
        ceilings: purse and window -> limit in micros. A month counts the calls that began in it, a total all.
    """
    purses: defaultdict[str, list[Charge]] = defaultdict(list)
    months: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for call in calls:
        charges = list(meter(call))
        for purse in call.purses:
            purses[purse] += charges
            months[purse][call.month] += sum(parts for _, parts in charges)
    for charges in purses.values():
        charges.sort()
    found = []
    for (purse, window), limit_micros in ceilings.items():
        match window:
            case Window.MONTH:
                parts = max(months[purse].values(), default=0)
            case Window.TOTAL:
                parts = sum(months[purse].values())
            case rolling:
                parts = most_within(purses[purse], ROLLING_MS[rolling])
        found.append(Peak(purse=purse, window=window, most_micros=whole_micros(parts), limit_micros=limit_micros))
    return found


def most_up(intervals: Iterable[tuple[int, int]]) -> int:
    """Find how many calls were up at once, given the first and the last instant of each."""
    steps = sorted(step for begin, end in intervals for step in ((begin, 1), (end, -1)))
    up = most = 0
    for _, step in steps:
        up += step
        most = max(most, up)
    return most
