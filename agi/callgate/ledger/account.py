"""The model's money of one purse: a list of entries that is only ever added to, and sums over it.

It shares no arithmetic with ``lua/accounts.lua``, which keeps buckets: the tests compare the two.
"""

from dataclasses import dataclass, field

from callgate.core.hold import Window

MONTHS_KEPT = 13


@dataclass(frozen=True, slots=True)
class Ring:
    """A rolling window of N buckets. N + 1 of them count: one leaves when it is wholly older than the window."""

    width_s: int
    buckets: int

    def counts(self, at_s: int, now_s: int) -> bool:
        """Tell whether money spent at `at_s` still counts at `now_s`."""
        return at_s // self.width_s >= now_s // self.width_s - self.buckets

    def leaves_at(self, at_s: int) -> int:
        """Say when money spent at `at_s` stops counting, in ledger seconds."""
        return (at_s // self.width_s + self.buckets + 1) * self.width_s


RINGS = {Window.HOUR: Ring(60, 60), Window.DAY: Ring(900, 96), Window.WEEK: Ring(21_600, 28)}


@dataclass(slots=True)
class Account:
    """One purse: live holds, the micros they set aside, and each amount spent with its ledger second."""

    live: int = 0
    held_micros: int = 0
    total_micros: int = 0
    months: dict[str, int] = field(default_factory=dict)
    entries: list[tuple[int, int]] = field(default_factory=list)

    def spent(self, window: Window, month: str, now_s: int) -> int:
        """Sum what was spent in a window, in micros; `month` says which calendar month."""
        match window:
            case Window.MONTH:
                return self.months.get(month, 0)
            case Window.TOTAL:
                return self.total_micros
            case rolling:
                ring = RINGS[rolling]
                return sum(amount for at_s, amount in self.entries if ring.counts(at_s, now_s))

    def reopens_in(self, window: Window, needed_micros: int, now_s: int) -> int:
        """Say in how many seconds `needed_micros` will have left a window, or 0 where nobody can tell."""
        ring = RINGS.get(window)
        if ring is None or needed_micros <= 0:
            return 0
        leaving: dict[int, int] = {}
        for at_s, amount in self.entries:
            if ring.counts(at_s, now_s):
                leaves_at = ring.leaves_at(at_s)
                leaving[leaves_at] = leaving.get(leaves_at, 0) + amount
        for leaves_at in sorted(leaving):
            needed_micros -= leaving[leaves_at]
            if needed_micros <= 0:
                return leaves_at - now_s
        return 0

    def post(self, amount_micros: int, at_s: int, *, month: str, counts_in_total: bool) -> None:
        """Book money as spent (negative: refunded) at ledger second `at_s`, by a call that began in `month`."""
        self.entries.append((at_s, amount_micros))
        self.months[month] = self.months.get(month, 0) + amount_micros
        for oldest in sorted(self.months)[:-MONTHS_KEPT]:
            del self.months[oldest]
        if counts_in_total:
            self.total_micros += amount_micros

    def forget(self, now_s: int) -> None:
        """Drop the entries that count in no window any more; months and total are kept as sums."""
        self.entries = [entry for entry in self.entries if RINGS[Window.WEEK].counts(entry[0], now_s)]
