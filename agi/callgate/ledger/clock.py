"""Ledger time of one clinic, by the rule in `base`: it moves by proven elapsed time, and leaps once in 24 h at most."""

from dataclasses import dataclass, replace

from callgate.core.sighting import Ticks

BOOTS_KEPT = 64
BOOT_TAKEN_ANEW_S = 86_400
KEPT_LATELY_S = 5
LEAP_MIN_S = 60
LEAP_MAX_S = 35 * 86_400
LEAP_REST_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One boot of a gate's machine, taken at ledger second `taken_s`; its uptime 0 stands for `zero_s`."""

    name: str
    zero_s: int
    taken_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerClock:
    """Ledger time and what it is worked out from.

    Fields:
        now_s: the ledger second.
        kept_s: the second of the server's own clock when that was kept.
        boots: taken longest ago first, at most `BOOTS_KEPT`.
        leap_from_s: no leap before this ledger second.
    """

    now_s: int
    kept_s: int
    boots: tuple[Boot, ...] = ()
    leap_from_s: int


def begin(ticks: Ticks) -> LedgerClock:
    """Start ledger time with the very first operation; the server's own clock is taken to be the wall's."""
    return _prove(LedgerClock(now_s=ticks.wall_s, kept_s=ticks.wall_s, leap_from_s=ticks.wall_s), ticks)


def advance(clock: LedgerClock, ticks: Ticks) -> LedgerClock:
    """Move ledger time with the next operation."""
    proven = replace(_prove(clock, ticks), kept_s=ticks.wall_s)
    leaps = ticks.is_synced and LEAP_MIN_S <= ticks.wall_s - proven.now_s <= LEAP_MAX_S
    if not leaps or proven.now_s < proven.leap_from_s:
        return proven
    # Boots count from before the leap: kept, ledger time would stand still until they had caught up with it.
    leapt = replace(proven, now_s=ticks.wall_s, boots=(), leap_from_s=ticks.wall_s + LEAP_REST_S)
    return _take(leapt, ticks)


def take_anew(clock: LedgerClock, ticks: Ticks) -> LedgerClock:
    """Take a boot anew with a change, if it was taken over a day ago: it then says when it was last heard of."""
    for boot in clock.boots:
        if boot.name == ticks.boot and clock.now_s - boot.taken_s > BOOT_TAKEN_ANEW_S:
            others = tuple(other for other in clock.boots if other is not boot)
            return _take(replace(clock, boots=others), ticks, proven_zero_s=boot.zero_s)
    return clock


def set_to(clock: LedgerClock, second: int) -> LedgerClock:
    """Set ledger time by hand; the rest before the next leap stays as long as it was, for nothing was proven."""
    return replace(clock, now_s=second, boots=(), leap_from_s=clock.leap_from_s + second - clock.now_s)


def _prove(clock: LedgerClock, ticks: Ticks) -> LedgerClock:
    for boot in clock.boots:
        if boot.name == ticks.boot:
            return replace(clock, now_s=max(clock.now_s, boot.zero_s + ticks.uptime_s))
    # What others may have proven since time was kept would make it jump over what this boot books: they lose it.
    unkept_s = ticks.wall_s - clock.kept_s
    others = clock.boots if unkept_s >= 0 else ()
    if unkept_s > KEPT_LATELY_S:
        others = tuple(replace(boot, zero_s=boot.zero_s - unkept_s) for boot in others)
    return _take(replace(clock, boots=others), ticks)


def _take(clock: LedgerClock, ticks: Ticks, proven_zero_s: int | None = None) -> LedgerClock:
    # A second is given away for what others proved: clocks are cut to whole seconds, and less time than has passed is
    # safe. What the boot proved by itself it proves still.
    zero_s = clock.now_s - ticks.uptime_s - 1
    zero_s = zero_s if proven_zero_s is None else max(zero_s, proven_zero_s)
    boot = Boot(name=ticks.boot, zero_s=zero_s, taken_s=clock.now_s)
    return replace(clock, boots=(*clock.boots, boot)[-BOOTS_KEPT:])
