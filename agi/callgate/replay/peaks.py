"""The highest use of each ceiling: what was spent and held at once in a window of a purse.

The ledger's whole book costs more than a hold. It is opened only when some use may have risen above its highest: since
the last look no use has risen by more than what was held or booked beyond its hold, and time alone only lowers it. A
month is over when the next begins, but calls that began in it may still be booked there: of all months the fullest
counts, and at the end everything is looked at once more.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from callgate.core.hold import Purse, Window
from callgate.core.hours import calendar_month
from callgate.core.money import ceil_div
from callgate.ledger.base import LedgerBook, PurseBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The most that was spent and held at once in one window of one purse, and when; the ceiling may only alarm."""

    purse: str
    window: Window
    micros: int
    limit_micros: int
    at: datetime

    @property
    def percent(self) -> int:
        """Of the limit, rounded up; a limit of 0 is always reached."""
        return ceil_div(100 * self.micros, self.limit_micros) if self.limit_micros else 100


_Key = tuple[str, Window]


class Peaks:
    """The highest uses so far, of every ceiling that a hold met; months are those of the clinic's zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._highest: dict[_Key, Use] = {}
        self._at_last_look: dict[_Key, int] = {}
        self._since: Counter[str] = Counter()

    @property
    def highest(self) -> tuple[Use, ...]:
        """One for each ceiling, in the order they were met."""
        return tuple(self._highest.values())

    def add(self, purses: Iterable[Purse], amount_micros: int) -> None:
        """Count money that a call holds, or has cost beyond what it held."""
        for purse in purses:
            self._since[purse.name] += amount_micros

    def may_rise(self, purses: Iterable[Purse]) -> bool:
        """Tell whether a look at the book may find a new highest use of a ceiling that this call met."""
        return any(
            (key := (purse.name, ceiling.window)) not in self._highest
            or self._at_last_look[key] + self._since[purse.name] > self._highest[key].micros
            for purse in purses
            for ceiling in purse.ceilings
        )

    def look(self, book: LedgerBook, purses: Iterable[Purse], at: datetime) -> None:
        """Take every use from the book; `purses` are those of the call that was just held or booked."""
        limits = {key: use.limit_micros for key, use in self._highest.items()}
        for purse in purses:
            limits |= {(purse.name, ceiling.window): ceiling.limit_micros for ceiling in purse.ceilings}
        books, month = {found.name: found for found in book.purses}, calendar_month(at, self._zone)
        for (name, window), limit_micros in limits.items():
            micros = _used(books[name], window, month)
            self._at_last_look[name, window] = micros
            highest = self._highest.get((name, window))
            if highest is None or micros > highest.micros:
                self._highest[name, window] = Use(
                    purse=name, window=window, micros=micros, limit_micros=limit_micros, at=at
                )
        self._since.clear()


def _used(purse: PurseBook, window: Window, month: str) -> int:
    """What is spent in a window of a purse, and set aside; what is set aside counts in the month that it is now."""
    if window is Window.MONTH:
        months = {found.month: found.micros for found in purse.months}
        months[month] = months.get(month, 0) + purse.held_micros
        return max(months.values())
    spent = {
        Window.HOUR: purse.hour_micros,
        Window.DAY: purse.day_micros,
        Window.WEEK: purse.week_micros,
        Window.TOTAL: purse.total_micros,
    }
    return spent[window] + purse.held_micros
