"""The model's money of one purse: what was spent in each bucket of each window.

It shares no code with ``lua/accounts.lua``: the tests compare the two. Money stays in its buckets as long as the record
that it comes from is kept, whatever ledger time does, so that the buckets always say what the records say.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime

from callgate.core.hold import Window

MONTHS_KEPT = 13
CLOCKS_DIFFER_S = 15
"""The clocks of several machines may differ by so much: money stays in its windows for that much longer."""


def believed_month(month: str, now_s: int) -> str:
    """Say in which month a call counts that began in `month`, as the gate's clock says; see `base`."""
    own = datetime.fromtimestamp(now_s, UTC)
    year, number = month.split("-")
    is_near = abs(int(year) * 12 + int(number) - own.year * 12 - own.month) <= 1
    return month if is_near else f"{own:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Ring:
    """A rolling window of N buckets. N + 1 of them count: one leaves when it is wholly older than the window."""

    width_s: int
    buckets: int

    def oldest(self, now_s: int) -> int:
        """Say which is the first bucket that still counts at `now_s`; those after it all do, also later than now."""
        return (now_s - CLOCKS_DIFFER_S) // self.width_s - self.buckets

    def reopens_s(self, bucket: int) -> int:
        """Say from which second on a bucket no longer counts."""
        return (bucket + self.buckets + 1) * self.width_s + CLOCKS_DIFFER_S

    def counts(self, at_s: int, now_s: int) -> bool:
        """Tell whether money spent at `at_s` still counts at `now_s`."""
        return at_s // self.width_s >= self.oldest(now_s)


RINGS = {Window.HOUR: Ring(60, 60), Window.DAY: Ring(900, 96), Window.WEEK: Ring(21_600, 28)}


class Buckets:
    """The money of one window of one purse; its sum is kept for the bucket that ledger time is in."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._micros: dict[int, int] = {}
        self._order: list[int] = []
        self._oldest = 0
        self._sum = 0

    def add(self, amount_micros: int, at_s: int) -> None:
        """Count money (negative: take it back) that was spent at `at_s`."""
        bucket = at_s // self._ring.width_s
        if bucket not in self._micros:
            insort(self._order, bucket)
        self._micros[bucket] = self._micros.get(bucket, 0) + amount_micros
        if bucket >= self._oldest:
            self._sum += amount_micros
        if self._micros[bucket] == 0:
            del self._micros[bucket], self._order[bisect_left(self._order, bucket)]

    def spent(self, now_s: int) -> int:
        """Sum what counts at `now_s`, in micros."""
        oldest = self._ring.oldest(now_s)
        if oldest != self._oldest:
            self._oldest, self._sum = oldest, sum(self._micros[bucket] for bucket in self._counting(oldest))
        return self._sum

    def reopens_in(self, needed_micros: int, now_s: int) -> int:
        """Say in how many seconds `needed_micros` will have left the window, or 0 if that is more than it holds."""
        for bucket in self._counting(self._ring.oldest(now_s)):
            needed_micros -= self._micros[bucket]
            if needed_micros <= 0:
                return self._ring.reopens_s(bucket) - now_s
        return 0

    def _counting(self, oldest: int) -> list[int]:
        return self._order[bisect_left(self._order, oldest) :]


@dataclass(slots=True)
class Account:
    """One purse: live holds, the micros they set aside, and what was spent."""

    live: int = 0
    held_micros: int = 0
    total_micros: int = 0
    months: dict[str, int] = field(default_factory=dict)
    rolling: dict[Window, Buckets] = field(default_factory=lambda: {window: Buckets(RINGS[window]) for window in RINGS})

    def spent(self, window: Window, month: str, now_s: int) -> int:
        """Sum what was spent in a window, in micros; `month` says which calendar month."""
        match window:
            case Window.MONTH:
                return self.months.get(month, 0)
            case Window.TOTAL:
                return self.total_micros
            case rolling:
                return self.rolling[rolling].spent(now_s)

    def reopens_in(self, window: Window, needed_micros: int, now_s: int) -> int:
        """Say in how many seconds `needed_micros` will have left a window, or 0 where nobody can tell."""
        rolling = self.rolling.get(window)
        return rolling.reopens_in(needed_micros, now_s) if rolling and needed_micros > 0 else 0

    def post(self, amount_micros: int, at_s: int, *, month: str, counts_in_total: bool) -> None:
        """Book money as spent (negative: refunded) at ledger second `at_s`, by a call that began in `month`."""
        self._count(amount_micros, at_s)
        self.months[month] = self.months.get(month, 0) + amount_micros
        if len(self.months) > MONTHS_KEPT:
            del self.months[min(self.months.keys() - {month})]
        if counts_in_total:
            self.total_micros += amount_micros

    def forget(self, amount_micros: int, at_s: int) -> None:
        """Drop money from the windows whose record is forgotten; month and total keep it."""
        self._count(-amount_micros, at_s)

    def _count(self, amount_micros: int, at_s: int) -> None:
        for buckets in self.rolling.values():
            buckets.add(amount_micros, at_s)
