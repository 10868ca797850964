"""The model's purses: what holds set aside, what was booked, and whether that is what the records say."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product

from callgate.core.hold import Window
from callgate.ledger.account import RINGS, Account
from callgate.ledger.base import AuditFinding, MonthSpend, OrphanCharge, PurseBook
from callgate.ledger.records import Ended, Lapsed, Live, Post


@dataclass(slots=True)
class Books:
    """Accounts by purse name."""

    accounts: dict[str, Account] = field(default_factory=dict)

    def set_aside(self, names: Iterable[str], *, live: int, micros: int) -> None:
        """Count so many more live holds and so much more money of theirs (negative: fewer, less)."""
        for name in names:
            account = self._open(name)
            account.live += live
            account.held_micros += micros

    def book(self, record: Live | Lapsed, post: Post) -> None:
        """Book money of a call that was held."""
        for purse in record.counted:
            counts_in_total = any(ceiling.window is Window.TOTAL for ceiling in purse.ceilings)
            account = self._open(purse.name)
            account.post(post.micros, post.at_s, month=record.month, counts_in_total=counts_in_total)

    def book_orphan(self, orphan: OrphanCharge, post: Post) -> None:
        """Book money of a call that was never held."""
        for name in orphan.purses:
            self._open(name).post(post.micros, post.at_s, month=orphan.month, counts_in_total=False)

    def forget(self, record: Ended) -> None:
        """Drop what a record has booked from the windows, which it left long ago."""
        for name, post in product(record.purses, record.posts):
            self.accounts[name].forget(post.micros, post.at_s)

    def purses(self, now_s: int) -> tuple[PurseBook, ...]:
        """Show every purse, by name."""
        return tuple(_purse_book(name, account, now_s) for name, account in sorted(self.accounts.items()))

    def balance(self, now_s: int) -> dict[str, int]:
        """Say what the accounts add up to, by place, as in `from_records`."""
        places: dict[str, int] = {}
        for name, account in self.accounts.items():
            places |= {f"{name} live": account.live, f"{name} held": account.held_micros}
            places |= {f"{name} {window}": account.spent(window, "", now_s) for window in RINGS}
        return places

    def _open(self, name: str) -> Account:
        account = self.accounts.get(name)
        if account is None:
            self.accounts[name] = account = Account()
        return account


def from_records(live: Iterable[Live], ended: Iterable[Ended], now_s: int) -> dict[str, int]:
    """Work out from the records, each by itself, what the accounts should add up to, by place."""
    places: Counter[str] = Counter()
    for hold in live:
        for name in hold.purses:
            places.update({f"{name} live": 1, f"{name} held": hold.held.amount_micros})
    for record in ended:
        for name, post, window in product(record.purses, record.posts, RINGS):
            if RINGS[window].counts(post.at_s, now_s):
                places[f"{name} {window}"] += post.micros
    return places


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> tuple[AuditFinding, ...]:
    """List the places where two countings differ; a place that one of them does not name counts 0 there."""
    places = sorted({*expected, *found})
    pairs = ((place, expected.get(place, 0), found.get(place, 0)) for place in places)
    return tuple(AuditFinding(place=place, expected=says, found=is_) for place, says, is_ in pairs if says != is_)


def _purse_book(name: str, account: Account, now_s: int) -> PurseBook:
    return PurseBook(
        name=name,
        live=account.live,
        held_micros=account.held_micros,
        hour_micros=account.spent(Window.HOUR, "", now_s),
        day_micros=account.spent(Window.DAY, "", now_s),
        week_micros=account.spent(Window.WEEK, "", now_s),
        months=tuple(MonthSpend(month=month, micros=micros) for month, micros in sorted(account.months.items())),
        total_micros=account.total_micros,
    )
