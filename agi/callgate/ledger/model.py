"""The rules of the ledger for one clinic, over values in memory. Requests are sound and the clock has been moved."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from callgate.core.hold import (
    Denial,
    DenialKind,
    Denied,
    Gone,
    Held,
    HoldRequest,
    RenewOutcome,
    RenewRequest,
    Settled,
    SettleState,
    Stale,
    Unavailable,
)
from callgate.core.tariff import price
from callgate.ledger import clock as ledger_time
from callgate.ledger.account import believed_month
from callgate.ledger.agenda import Agenda
from callgate.ledger.base import AuditReport, ClockSet, LapseReport, LedgerBook, LiveHold, Settlement
from callgate.ledger.books import Books, differences, from_records
from callgate.ledger.clock import LedgerClock
from callgate.ledger.limits import Offer, Situation, SoFar, hit_limits, hit_purse, offer_hold, offer_renewal
from callgate.ledger.records import Ended, Lapsed, Live, Over, Post, is_too_old, made_at
from callgate.ledger.revisions import HISTORY_MAX, Outdated, PolicyRevision, Published
from callgate.ledger.starts import Starts
from callgate.ledger.validity import KEPT_S, PURSES_IN_ALL_MAX, unavailable


@dataclass(slots=True)
class ClinicModel:
    """One clinic: every id the ledger knows, its purses, its starts, its policies.

    Fields:
        clock: ledger time.
        wall_s: the latest look at the server's own clock, which is the wall clock.
        sequence: counts changes.
        live: holds by id, in the order in which they lapse.
        ended: the other ids, by the second from which they are kept for 8 days.
        starts: by velocity, and the second from which they say nothing any more.
        known: novelties that were called.
    """

    clock: LedgerClock
    wall_s: int
    sequence: int = 0
    live: Agenda[Live] = field(default_factory=Agenda)
    ended: Agenda[Ended] = field(default_factory=Agenda)
    starts: Agenda[Starts] = field(default_factory=Agenda)
    books: Books = field(default_factory=Books)
    known: set[str] = field(default_factory=set)
    policies: dict[int, PolicyRevision] = field(default_factory=dict)

    @property
    def now_s(self) -> int:
        """The ledger second."""
        return self.clock.now_s

    @property
    def revision_in_force(self) -> int:
        """The latest revision, 0 for none."""
        return max(self.policies, default=0)

    def hold(self, request: HoldRequest) -> Held | Denied | Gone | Stale:
        """See `Ledger.hold`."""
        match self._find(request.hold_id):
            case None:
                return self._stale(request.policy_revision) or self._hold_new(request)
            case Live() as known if replace(known.request, policy_revision=request.policy_revision) == request:
                return known.held
            case _:
                return Gone()

    def renew(self, request: RenewRequest) -> RenewOutcome:
        """See `Ledger.renew`."""
        match self.live.get(request.hold_id):
            case Live() as record if record.renewals + 1 == request.number:
                return self._stale(request.policy_revision) or self._renew_next(request, record)
            case Live() as record if record.renewals == request.number:
                return record.held
            case _:
                return Gone()

    def settle(self, settlement: Settlement) -> Settled:
        """See `Ledger.settle`."""
        match self._find(settlement.hold_id):
            case None if is_too_old(settlement.hold_id, self.now_s):
                return Settled(state=SettleState.TOO_OLD, amount_micros=0)
            case None:
                return self._settle_orphan(settlement)
            case Over(void=True) if settlement.answered and settlement.orphan is not None:
                # A call that talked although its hold was voided or superseded is booked all the same.
                return self._settle_orphan(settlement)
            case Over(amount_micros=amount_micros):
                return Settled(state=SettleState.ALREADY, amount_micros=amount_micros)
            case record:
                return self._settle_held(settlement, record)

    def void(self, hold_id: str) -> Settled:
        """See `Ledger.void`."""
        match self._find(hold_id):
            case None if is_too_old(hold_id, self.now_s):
                return Settled(state=SettleState.TOO_OLD, amount_micros=0)
            case None:
                self._end(hold_id, Over(void=True))
                state = SettleState.ORPHAN
            case Live() as record:
                self._release(hold_id)
                self._end(hold_id, Over(starts=record.starts, void=True))
                state = SettleState.DONE
            case ended:
                return Settled(state=SettleState.ALREADY, amount_micros=ended.amount_micros)
        self._change()
        return Settled(state=state, amount_micros=0)

    def lapse(self, limit: int) -> LapseReport:
        """See `Ledger.lapse`."""
        over = self.live.due(self.now_s + 1)
        past = self.ended.due(self.now_s - KEPT_S)
        stale = self.starts.due(self.now_s + 1)
        for hold_id in over[:limit]:
            record = self._release(hold_id)
            post = Post(at_s=self.now_s, micros=record.held.amount_micros)
            self.books.book(record, post)
            lapsed = Lapsed(
                request=record.request,
                month=record.month,
                counted=record.counted,
                post=post,
                starts=record.starts,
            )
            self._end(hold_id, lapsed)
        for hold_id in past[:limit]:
            self.books.forget(self.ended.take(hold_id))
        for name in stale[:limit]:
            self.starts.take(name)
        if over:
            self._change()
        return LapseReport(
            lapsed=tuple(over[:limit]),
            forgotten=len(past[:limit]) + len(stale[:limit]),
            left=len(over[limit:]) + len(past[limit:]) + len(stale[limit:]),
        )

    def audit(self) -> AuditReport:
        """See `Ledger.audit`; no record can be listed wrongly here."""
        expected = from_records(self.live, self.ended, self.now_s)
        findings = differences(expected, self.books.balance(self.now_s))
        return AuditReport(sequence=self.sequence, records=len(self.live) + len(self.ended), findings=findings)

    def set_clock(self, to_s: int | None) -> ClockSet:
        """See `Ledger.set_clock`."""
        before_s = self.now_s
        self.clock = ledger_time.set_to(self.clock, self.wall_s if to_s is None else to_s)
        self._change()
        return ClockSet(before_s=before_s, after_s=self.now_s)

    def book(self, name: str) -> LedgerBook:
        """See `Ledger.book`."""
        return LedgerBook(
            clinic=name,
            now=datetime.fromtimestamp(self.now_s, UTC),
            wall_ahead_s=self.wall_s - self.now_s,
            epoch="memory",
            frozen=None,
            sequence=self.sequence,
            policy_revision=self.revision_in_force,
            purses=self.books.purses(self.now_s),
            holds=tuple(_live_hold(record) for record in self.live),
        )

    def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated:
        """See `Revisions.publish`."""
        in_force = self.revision_in_force
        if in_force == policy.revision and self.policies[in_force] == policy:
            return Published(revision=in_force)
        if in_force != expected:
            return Outdated(revision=in_force)
        self.policies[policy.revision] = policy
        self._change()
        return Published(revision=policy.revision)

    def latest_policies(self) -> tuple[PolicyRevision, ...]:
        """See `Revisions.policy_history`."""
        return tuple(self.policies[number] for number in sorted(self.policies, reverse=True)[:HISTORY_MAX])

    def _find(self, hold_id: str) -> Live | Ended | None:
        return self.live.get(hold_id) or self.ended.get(hold_id)

    def _stale(self, judged_by: int) -> Stale | None:
        in_force = self.revision_in_force
        return Stale(revision=in_force) if judged_by and in_force and judged_by != in_force else None

    def _hold_new(self, request: HoldRequest) -> Held | Denied:
        previous = self._find(request.supersedes)
        # An attempt that cost money was a call of its own.
        inherits = (
            previous is not None and previous.starts and (isinstance(previous, Live) or not previous.amount_micros)
        )
        situation = self._situation(believed_month(request.month, self.now_s), previous)
        offer = offer_hold(request, situation)
        hits = list(hit_limits(request, situation, offer.amount_micros, is_new_start=not inherits))
        if denied := _denied(hits):
            return denied
        self._supersede(request.supersedes, previous, inherits=inherits)
        self.books.set_aside((purse.name for purse in request.purses), live=1, micros=offer.amount_micros)
        for velocity in () if inherits else request.velocities:
            starts = self.starts.get(velocity.name) or Starts()
            starts.record(velocity, self.now_s)
            self.starts.put(velocity.name, starts.ends_s, starts)
        held = _held(request.hold_id, offer, [*hits, *self._novelty(request.novelty)])
        lapses_s = self.now_s + offer.seconds + request.grace_s
        record = Live(
            request=request,
            month=situation.month,
            counted=request.purses,
            held=held,
            held_s=self.now_s,
            lapses_s=lapses_s,
        )
        self.live.put(request.hold_id, lapses_s, record)
        self._change()
        return held

    def _renew_next(self, request: RenewRequest, record: Live) -> Held | Denied | Unavailable:
        added = tuple(purse for purse in request.purses if purse.name not in record.purses)
        if len(record.counted) + len(added) > PURSES_IN_ALL_MAX:
            return unavailable("purses")
        situation = self._situation(record.month, None)
        so_far = SoFar(micros=record.held.amount_micros, seconds=record.held.seconds, purses=record.purses)
        offer = offer_renewal(request, record.request.rate, situation, so_far)
        hits = [hit for purse in request.purses for hit in hit_purse(purse, situation, offer.amount_micros, so_far)]
        if denied := _denied(hits):
            return denied
        self._release(request.hold_id)
        held = _held(request.hold_id, offer, hits)
        lapses_s = record.held_s + offer.seconds + request.grace_s
        renewed = replace(
            record, counted=(*record.counted, *added), held=held, renewals=request.number, lapses_s=lapses_s
        )
        self.live.put(request.hold_id, lapses_s, renewed)
        self.books.set_aside(renewed.purses, live=1, micros=held.amount_micros)
        self._change()
        return held

    def _situation(self, month: str, previous: Live | Ended | None) -> Situation:
        freed = dict.fromkeys(previous.purses, previous.held.amount_micros) if isinstance(previous, Live) else {}
        return Situation(accounts=self.books.accounts, starts=self.starts, freed=freed, now_s=self.now_s, month=month)

    def _supersede(self, hold_id: str, previous: Live | Ended | None, *, inherits: bool) -> None:
        if isinstance(previous, Live):
            self._release(hold_id)
            self._end(hold_id, Over(void=True))
        elif previous is not None and inherits:
            self.ended.amend(hold_id, replace(previous, starts=False))

    def _novelty(self, name: str) -> list[tuple[bool, Denial]]:
        if not name or name in self.known:
            return []
        self.known.add(name)
        return [(False, Denial(kind=DenialKind.NOVELTY, name=name, window=None, left=0, retry_s=0))]

    def _settle_held(self, settlement: Settlement, record: Live | Lapsed) -> Settled:
        cost = price(record.request.rate, settlement.duration_s) if settlement.answered else 0
        if isinstance(record, Live):
            held_micros = self._release(settlement.hold_id).held.amount_micros
            posts: tuple[Post, ...] = (Post(at_s=self.now_s, micros=cost),)
        else:
            held_micros = record.amount_micros
            change = cost - held_micros
            # A refund belongs where the hold was booked: posted now, it would let real spending pass the limit.
            posts = (*record.posts, Post(at_s=record.post.at_s if change < 0 else self.now_s, micros=change))
        self.books.book(record, posts[-1])
        self._end(settlement.hold_id, Over(amount_micros=cost, purses=record.purses, posts=posts, starts=record.starts))
        self._change()
        return Settled(state=SettleState.OVERRUN if cost > held_micros else SettleState.DONE, amount_micros=cost)

    def _settle_orphan(self, settlement: Settlement) -> Settled:
        over = Over()
        if settlement.orphan is not None and settlement.answered:
            post = Post(at_s=self.now_s, micros=settlement.orphan.amount_micros)
            month = believed_month(settlement.orphan.month, self.now_s)
            self.books.book_orphan(replace(settlement.orphan, month=month), post)
            over = Over(amount_micros=post.micros, purses=settlement.orphan.purses, posts=(post,))
        self._end(settlement.hold_id, over)
        self._change()
        return Settled(state=SettleState.ORPHAN, amount_micros=over.amount_micros)

    def _release(self, hold_id: str) -> Live:
        record = self.live.take(hold_id)
        self.books.set_aside(record.purses, live=-1, micros=-record.held.amount_micros)
        return record

    def _change(self) -> None:
        self.sequence += 1

    def _end(self, hold_id: str, ended: Ended) -> None:
        # An id from a clock ahead of ours is kept until it, too, would be too old to believe.
        self.ended.put(hold_id, max(self.now_s, made_at(hold_id)), ended)


def _denied(hits: Sequence[tuple[bool, Denial]]) -> Denied | None:
    denials = tuple(denial for enforced, denial in hits if enforced)
    return Denied(denials=denials) if denials else None


def _held(hold_id: str, offer: Offer, hits: Sequence[tuple[bool, Denial]]) -> Held:
    return Held(
        hold_id=hold_id,
        seconds=offer.seconds,
        amount_micros=offer.amount_micros,
        alarms=tuple(denial for _, denial in hits),
        is_final=offer.is_final,
    )


def _live_hold(record: Live) -> LiveHold:
    return LiveHold(
        hold_id=record.request.hold_id,
        seconds=record.held.seconds,
        amount_micros=record.held.amount_micros,
        lapses_at=datetime.fromtimestamp(record.lapses_s, UTC),
        renewals=record.renewals,
    )
