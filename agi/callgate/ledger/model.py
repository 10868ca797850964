"""The rules of the ledger for one clinic, over values in memory. Requests are sound and `now_s` is ledger time."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from callgate.core.hold import (
    Denied,
    Gone,
    Held,
    HoldRequest,
    Settled,
    SettleState,
    Stale,
    Window,
)
from callgate.core.tariff import price
from callgate.ledger.account import Account
from callgate.ledger.base import LapseReport, LedgerBook, LiveHold, MonthSpend, PurseBook, Settlement
from callgate.ledger.limits import Situation, best_offer, hit_limits
from callgate.ledger.revisions import HISTORY_MAX, Outdated, PolicyRevision, Published
from callgate.ledger.starts import Starts
from callgate.ledger.validity import KEPT_S

_MADE_AT = re.compile(r"\.([0-9]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    """A hold that has not ended. `starts`: it carries its passage's start, which the next trunk attempt inherits."""

    request: HoldRequest
    held: Held
    lapses_s: int
    starts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lapsed:
    """A hold whose time was over: booked in full at `posted_s`, until a settlement says less."""

    request: HoldRequest
    amount_micros: int
    posted_s: int
    kept_from_s: int
    starts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Over:
    """A hold that was settled or voided, or an id that was never held and never will be."""

    amount_micros: int
    kept_from_s: int
    starts: bool
    void: bool


@dataclass(slots=True)
class ClinicModel:
    """One clinic: every id the ledger knows, its purses, its starts, its policies. `sequence` counts changes."""

    now_s: int = 0
    sequence: int = 0
    records: dict[str, _Live | _Lapsed | _Over] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    starts: dict[str, Starts] = field(default_factory=dict)
    policies: dict[int, PolicyRevision] = field(default_factory=dict)

    @property
    def revision_in_force(self) -> int:
        """The latest revision, 0 for none."""
        return max(self.policies, default=0)

    def hold(self, request: HoldRequest) -> Held | Denied | Gone | Stale:
        """See `Ledger.hold`."""
        known = self.records.get(request.hold_id)
        if isinstance(known, _Live) and replace(known.request, policy_revision=0) == replace(
            request, policy_revision=0
        ):
            return known.held
        if known is not None:
            return Gone()
        in_force = self.revision_in_force
        if request.policy_revision and in_force and request.policy_revision != in_force:
            return Stale(revision=in_force)
        self.sequence += 1
        return self._hold_new(request)

    def settle(self, settlement: Settlement) -> Settled:
        """See `Ledger.settle`."""
        match self.records.get(settlement.hold_id):
            case None if self._is_too_old(settlement.hold_id):
                return Settled(state=SettleState.TOO_OLD, amount_micros=0)
            case None:
                return self._settle_orphan(settlement)
            case _Over(void=True) if settlement.answered and settlement.orphan is not None:
                # A call that talked although its hold was voided or superseded is booked all the same.
                return self._settle_orphan(settlement)
            case _Over(amount_micros=amount_micros):
                return Settled(state=SettleState.ALREADY, amount_micros=amount_micros)
            case record:
                rate = record.request.rate
        cost = price(rate, settlement.duration_s) if settlement.answered else 0
        if isinstance(record, _Live):
            self._release(record)
            self._post(record.request, cost, self.now_s)
        else:
            change = cost - record.amount_micros
            # A refund belongs where the hold was booked: posted now, it would let real spending pass the limit.
            self._post(record.request, change, record.posted_s if change < 0 else self.now_s)
        self._end(settlement.hold_id, cost, starts=record.starts)
        return Settled(state=SettleState.DONE, amount_micros=cost)

    def void(self, hold_id: str) -> Settled:
        """See `Ledger.void`."""
        match self.records.get(hold_id):
            case None if self._is_too_old(hold_id):
                return Settled(state=SettleState.TOO_OLD, amount_micros=0)
            case None:
                self._end(hold_id, 0, starts=False, void=True)
                return Settled(state=SettleState.ORPHAN, amount_micros=0)
            case _Live() as record:
                self._release(record)
                self._end(hold_id, 0, starts=record.starts, void=True)
                return Settled(state=SettleState.DONE, amount_micros=0)
            case ended:
                return Settled(state=SettleState.ALREADY, amount_micros=ended.amount_micros)

    def lapse(self, limit: int) -> LapseReport:
        """See `Ledger.lapse`."""
        over, past, stale = self._overdue(), self._past(), self._stale()
        for record in over[:limit]:
            self._lapse(record)
        for hold_id in past[:limit]:
            del self.records[hold_id]
        for name in stale[:limit]:
            del self.starts[name]
        for account in self.accounts.values():
            account.forget(self.now_s)
        self.sequence += bool(over or past or stale)
        return LapseReport(
            lapsed=tuple(record.request.hold_id for record in over[:limit]),
            forgotten=len(past[:limit]) + len(stale[:limit]),
            left=len(over[limit:]) + len(past[limit:]) + len(stale[limit:]),
        )

    def book(self, name: str) -> LedgerBook:
        """See `Ledger.book`."""
        return LedgerBook(
            clinic=name,
            now=datetime.fromtimestamp(self.now_s, UTC),
            sequence=self.sequence,
            policy_revision=self.revision_in_force,
            purses=tuple(self._purse_book(purse, account) for purse, account in sorted(self.accounts.items())),
            holds=tuple(
                LiveHold(
                    hold_id=hold_id,
                    seconds=record.held.seconds,
                    amount_micros=record.held.amount_micros,
                    lapses_at=datetime.fromtimestamp(record.lapses_s, UTC),
                )
                for hold_id, record in sorted(self.records.items())
                if isinstance(record, _Live)
            ),
        )

    def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated:
        """See `Revisions.publish`."""
        in_force = self.revision_in_force
        if in_force == policy.revision and self.policies[in_force] == policy:
            return Published(revision=in_force)
        if in_force != expected:
            return Outdated(revision=in_force)
        self.policies[policy.revision] = policy
        self.sequence += 1
        return Published(revision=policy.revision)

    def latest_policies(self) -> tuple[PolicyRevision, ...]:
        """See `Revisions.policy_history`."""
        return tuple(self.policies[number] for number in sorted(self.policies, reverse=True)[:HISTORY_MAX])

    def _hold_new(self, request: HoldRequest) -> Held | Denied:
        previous = self.records.get(request.supersedes)
        inherits = (
            previous is not None and previous.starts and (isinstance(previous, _Live) or not previous.amount_micros)
        )
        accounts = {purse.name: replace(self.accounts.get(purse.name, Account())) for purse in request.purses}
        if isinstance(previous, _Live):
            _take_off(accounts, previous)
        situation = Situation(request=request, accounts=accounts, starts=self.starts, now_s=self.now_s)
        offer = best_offer(situation)
        hits = list(hit_limits(situation, offer.amount_micros, is_new_start=not inherits))
        denials = tuple(denial for enforced, denial in hits if enforced)
        if denials:
            return Denied(denials=denials)

        if isinstance(previous, _Live):
            self._release(previous)
            self.records[request.supersedes] = self._ended(request.supersedes, 0, starts=False, void=True)
        elif previous is not None:
            self.records[request.supersedes] = replace(previous, starts=previous.starts and not inherits)
        for purse in request.purses:
            account = self.accounts.setdefault(purse.name, Account())
            account.live += 1
            account.held_micros += offer.amount_micros
        for velocity in () if inherits else request.velocities:
            self.starts.setdefault(velocity.name, Starts()).record(velocity, self.now_s)
        held = Held(
            hold_id=request.hold_id,
            seconds=offer.seconds,
            amount_micros=offer.amount_micros,
            alarms=tuple(denial for enforced, denial in hits if not enforced),
        )
        lapses_s = self.now_s + offer.seconds + request.grace_s
        self.records[request.hold_id] = _Live(request=request, held=held, lapses_s=lapses_s)
        return held

    def _settle_orphan(self, settlement: Settlement) -> Settled:
        amount = 0
        if settlement.orphan is not None and settlement.answered:
            amount = settlement.orphan.amount_micros
            for name in settlement.orphan.purses:
                account = self.accounts.setdefault(name, Account())
                account.post(amount, self.now_s, month=settlement.orphan.month, counts_in_total=False)
        self._end(settlement.hold_id, amount, starts=False)
        return Settled(state=SettleState.ORPHAN, amount_micros=amount)

    def _release(self, record: _Live) -> None:
        _take_off(self.accounts, record)

    def _post(self, request: HoldRequest, amount_micros: int, at_s: int) -> None:
        for purse in request.purses:
            counts_in_total = any(ceiling.window is Window.TOTAL for ceiling in purse.ceilings)
            account = self.accounts[purse.name]
            account.post(amount_micros, at_s, month=request.month, counts_in_total=counts_in_total)

    def _end(self, hold_id: str, amount_micros: int, *, starts: bool, void: bool = False) -> None:
        self.records[hold_id] = self._ended(hold_id, amount_micros, starts=starts, void=void)
        self.sequence += 1

    def _ended(self, hold_id: str, amount_micros: int, *, starts: bool, void: bool) -> _Over:
        return _Over(amount_micros=amount_micros, kept_from_s=self._kept_from(hold_id), starts=starts, void=void)

    def _kept_from(self, hold_id: str) -> int:
        # An id from a clock ahead of ours is kept until it, too, would be too old to believe.
        return max(self.now_s, _made_at(hold_id))

    def _is_too_old(self, hold_id: str) -> bool:
        return 0 < _made_at(hold_id) < self.now_s - KEPT_S

    def _overdue(self) -> list[_Live]:
        live = (record for record in self.records.values() if isinstance(record, _Live))
        over = (record for record in live if record.lapses_s <= self.now_s)
        return sorted(over, key=lambda record: (record.lapses_s, record.request.hold_id))

    def _past(self) -> list[str]:
        kept_from = {
            hold_id: record.kept_from_s for hold_id, record in self.records.items() if not isinstance(record, _Live)
        }
        past = (hold_id for hold_id, from_s in kept_from.items() if from_s < self.now_s - KEPT_S)
        return sorted(past, key=lambda hold_id: (kept_from[hold_id], hold_id))

    def _stale(self) -> list[str]:
        stale = (name for name, starts in self.starts.items() if starts.ends_s <= self.now_s)
        return sorted(stale, key=lambda name: (self.starts[name].ends_s, name))

    def _lapse(self, record: _Live) -> None:
        hold_id, amount = record.request.hold_id, record.held.amount_micros
        self._release(record)
        self._post(record.request, amount, self.now_s)
        self.records[hold_id] = _Lapsed(
            request=record.request,
            amount_micros=amount,
            posted_s=self.now_s,
            kept_from_s=self._kept_from(hold_id),
            starts=record.starts,
        )

    def _purse_book(self, name: str, account: Account) -> PurseBook:
        return PurseBook(
            name=name,
            live=account.live,
            held_micros=account.held_micros,
            hour_micros=account.spent(Window.HOUR, "", self.now_s),
            day_micros=account.spent(Window.DAY, "", self.now_s),
            week_micros=account.spent(Window.WEEK, "", self.now_s),
            months=tuple(MonthSpend(month=month, micros=micros) for month, micros in sorted(account.months.items())),
            total_micros=account.total_micros,
        )


def _made_at(hold_id: str) -> int:
    match = _MADE_AT.search(hold_id)
    return int(match[1]) if match else 0


def _take_off(accounts: dict[str, Account], record: _Live) -> None:
    for purse in record.request.purses:
        if account := accounts.get(purse.name):
            account.live -= 1
            account.held_micros -= record.held.amount_micros
