"""Ledger time of one clinic, by the rule in `base`: it moves by proven elapsed time, and leaps once in 24 h at most."""

from dataclasses import dataclass, replace

from callgate.core.sighting import Ticks, Told

BOOTS_KEPT = 64
BEHIND_S = 5
ALL_S = 366 * 86_400
LEAP_MIN_S = 60
LEAP_MAX_S = 35 * 86_400
LEAP_REST_S = 86_400

_BORN = 1
"""A ledger in memory is never another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One boot of a gate's machine, and the ledger's count at its uptime 0, as it was told first."""

    name: str
    zero: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerClock:
    """Ledger time and what it is worked out from.

    Fields:
        now_s: the ledger second.
        taken_s: the seconds that were ever taken away.
        base_s: by how much the count, which is both together, is ahead of the server's own clock.
        boots: the latest comes last; at most `BOOTS_KEPT`.
        leap_from_s: no leap before this ledger second.
    """

    now_s: int
    taken_s: int
    base_s: int
    boots: tuple[Boot, ...] = ()
    leap_from_s: int

    @property
    def told(self) -> Told:
        """What an answer says of it."""
        return Told(count=self.count_s, taken=self.taken_s, born=_BORN)

    @property
    def count_s(self) -> int:
        """The ledger second, and all that was ever taken away."""
        return self.now_s + self.taken_s


def begin(ticks: Ticks) -> LedgerClock:
    """Start ledger time, for the very first operation; the server's own clock is taken to be the wall's."""
    return LedgerClock(now_s=ticks.wall_s, taken_s=0, base_s=0, leap_from_s=ticks.wall_s)


def advance(clock: LedgerClock, ticks: Ticks, proven: Told | None) -> LedgerClock:
    """Move ledger time with the next operation, of a machine that proves so much."""
    told = proven.count if proven is not None and proven.taken <= clock.taken_s else 0
    of_boot = [boot.zero + ticks.uptime_s for boot in clock.boots if boot.name == ticks.boot]
    if told and not of_boot:
        boot = Boot(name=ticks.boot, zero=told - ticks.uptime_s)
        clock = replace(clock, boots=(*clock.boots, boot)[-BOOTS_KEPT:])
    count_s = max(told, *of_boot, 0)
    moved = replace(clock, now_s=max(clock.now_s, count_s - clock.taken_s))
    expected_s = ticks.wall_s + clock.base_s
    if count_s < expected_s - BEHIND_S:
        # Others may prove more than this machine, and what it books would grow old at once: they lose it.
        lost_s = expected_s - moved.count_s
        moved = replace(moved, taken_s=clock.taken_s + (lost_s if lost_s >= 0 else ALL_S))
    leaps = ticks.is_synced and LEAP_MIN_S <= ticks.wall_s - moved.now_s <= LEAP_MAX_S
    if leaps and moved.now_s >= moved.leap_from_s:
        return replace(moved, now_s=ticks.wall_s, leap_from_s=ticks.wall_s + LEAP_REST_S)
    return moved


def set_to(clock: LedgerClock, second: int) -> LedgerClock:
    """Set ledger time by hand; the rest before the next leap stays as long as it was, for nothing was proven."""
    # Set back, what the machines have proven would else bring it up again at once.
    taken_s = clock.taken_s + max(0, clock.now_s - second)
    return replace(clock, now_s=second, taken_s=taken_s, leap_from_s=clock.leap_from_s + second - clock.now_s)


def rebased(clock: LedgerClock, server_s: int) -> LedgerClock:
    """Keep, at the end of each operation, what was proven: it outlives a jump of the server's clock."""
    return replace(clock, base_s=max(clock.base_s, clock.count_s - server_s))
