"""Takes attempts of the past down the gate's own road, in their order, with a ledger that lives at their time.

Each attempt is one passage. A granted call ends when it did, or at the limit that was granted, whichever is first, and
is settled then. How long it rang is not known: it counts from its start, and its talk time from there.
"""

import heapq
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from callgate.clinic import Clinic, closed_days
from callgate.core.attempt import CallAttempt
from callgate.core.destination import Destination
from callgate.core.hold import HoldRequest, Purse, Settled
from callgate.core.judge import Reserve, judge
from callgate.core.pricing import PricedDestination, is_overrun
from callgate.core.reasons import Reason, by_weight
from callgate.core.sighting import Ticks
from callgate.core.tariff import price
from callgate.core.verdict import Grant, Refusal, Verdict, conclude
from callgate.gate import Passage, classify, wire_number
from callgate.ledger.base import LapseReport, LedgerBook, Settlement
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.replay.attempts import Attempt
from callgate.replay.peaks import Peaks, Use
from callgate.settings import EntrySettings, TrunkSettings
from callgate.tags import Tagger

SWEEP_S = 3600
"""Records that are over are swept out of the ledger so often, in simulated time."""

HOLIDAY_YEARS = 3
"""`closed_days` knows the holidays of so many years."""

_LAPSE_LIMIT = 1000
_SECRET_BYTES = 32
_NONCE = "00000000-0000-4000-8000-000000000000"

ClockOf = Callable[[Callable[[], int]], Callable[[], Ticks]]
"""Makes the clocks of the gate's machine of the simulated epoch second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Whose calls they are, the entry and the trunk that they took, and the endpoints of all trunks, where known."""

    clinic: Clinic
    entry: EntrySettings
    trunk: TrunkSettings
    endpoints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attempt.

    Fields:
        verdict: a grant's reasons are what it wants noticed, and what its end did.
        cost_micros: what was booked; 0 for a refused call.
        avoided_micros: what the call cost beyond that when it was made: all of it if it is refused, the rest if a limit
            cuts it. None if nobody knows what it would have cost.
        is_cut: whether a limit cuts it.
    """

    destination: Destination
    ordinary: bool
    verdict: Verdict
    cost_micros: int
    avoided_micros: int | None
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of the attempts, one outcome each in their order, and the highest use of each ceiling."""

    outcomes: tuple[Outcome, ...]
    highest_use: tuple[Use, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Up:
    """A granted call that is up, and how long it talks."""

    attempt: Attempt
    priced: PricedDestination
    request: HoldRequest
    grant: Grant
    talks_s: int


async def replay(attempts: Sequence[Attempt], site: Site, clock_of: ClockOf = at_second) -> Replayed:
    """Decide attempts, which are in order of time.

    Args:
        attempts: by instant.
        site: the clinic under the policy in question; public holidays are looked up for the years of the attempts.
        clock_of: of the gate's machine; the default proves every second, as one that is never switched off.
    """
    run = _Run(attempts, site, clock_of)
    for place, attempt in enumerate(attempts):
        await run.settle_until(int(attempt.instant.timestamp()))
        await run.place(place, attempt)
    await run.settle_until(None)
    await run.look(())
    return Replayed(outcomes=tuple(run.outcomes[place] for place in range(len(attempts))), highest_use=run.highest_use)


class _Run:
    """One replay: the simulated second, the ledger that lives by it, the calls that are up, and what came out."""

    def __init__(self, attempts: Sequence[Attempt], site: Site, clock_of: ClockOf) -> None:
        self._site = replace(site, clinic=_with_holidays(site.clinic, attempts))
        # What is locked now was not locked then.
        self._book = replace(self._site.clinic.rulebook, locks=())
        self._tagger = Tagger(secrets.token_bytes(_SECRET_BYTES))
        self._ledger = MemoryLedger(clock_of(lambda: self._now_s))
        self._now_s = int(attempts[0].instant.timestamp()) if attempts else 0
        self._swept_s = self._now_s
        self._up: list[tuple[int, int, _Up]] = []
        self.outcomes: dict[int, Outcome] = {}
        self._peaks = Peaks(site.clinic.policy.timezone)

    @property
    def highest_use(self) -> tuple[Use, ...]:
        """So far."""
        return self._peaks.highest

    async def settle_until(self, second: int | None) -> None:
        """End the calls that are over by then, the earliest first; None ends all. Then it is that second."""
        while self._up and (second is None or self._up[0][0] <= second):
            self._now_s, place, up = heapq.heappop(self._up)
            settled = await self._ledger.settle(
                Settlement(
                    clinic=self._site.clinic.name,
                    hold_id=up.grant.grant_id,
                    answered=up.attempt.duration_s > 0,
                    duration_s=up.talks_s,
                )
            )
            assert isinstance(settled, Settled)
            self.outcomes[place] = _ended(up, settled.amount_micros, self._site.clinic)
            if settled.amount_micros > up.grant.held_micros:
                await self._use_more(up.request, settled.amount_micros - up.grant.held_micros)
        self._now_s = self._now_s if second is None else second

    async def place(self, place: int, attempt: Attempt) -> None:
        """Take one attempt down the road: classify, judge, hold, conclude."""
        await self._sweep()
        clinic = self._site.clinic
        passage = Passage(attempt=self._asked(place, attempt), entry=self._site.entry, trunk=self._site.trunk)
        priced = self._tagger.tagged(classify(passage, clinic, attempt.instant), clinic.name)
        ruling = judge(passage.attempt, priced, self._book, attempt.instant)
        outcome = await self._ledger.hold(ruling.request) if isinstance(ruling, Reserve) else None
        verdict = conclude(ruling, outcome, wire_number(passage, priced, clinic))
        if not (isinstance(ruling, Reserve) and isinstance(verdict, Grant)):
            self.outcomes[place] = _at_once(attempt, priced, verdict)
            return
        await self._use_more(ruling.request, verdict.held_micros)
        talks_s = min(attempt.duration_s, verdict.seconds)
        up = _Up(attempt=attempt, priced=priced, request=ruling.request, grant=verdict, talks_s=talks_s)
        heapq.heappush(self._up, (self._now_s + talks_s, place, up))

    async def _use_more(self, request: HoldRequest, amount_micros: int) -> None:
        """Take the use of each ceiling, now that a call is held, or was booked for more than its hold."""
        self._peaks.add(request.purses, amount_micros)
        if self._peaks.may_rise(request.purses):
            await self.look(request.purses)

    async def look(self, purses: tuple[Purse, ...]) -> None:
        """Take the use of each ceiling, those of some purses among them that may be new."""
        book = await self._ledger.book(self._site.clinic.name)
        assert isinstance(book, LedgerBook)
        self._peaks.look(book, purses, datetime.fromtimestamp(self._now_s, UTC))

    async def _sweep(self) -> None:
        """Let the ledger forget what is over, when that is due."""
        while self._now_s >= self._swept_s + SWEEP_S:
            report = await self._ledger.lapse(self._site.clinic.name, _LAPSE_LIMIT)
            assert isinstance(report, LapseReport)
            if not report.left:
                self._swept_s = self._now_s

    def _asked(self, place: int, attempt: Attempt) -> CallAttempt:
        site = self._site
        return CallAttempt(
            passage=f"replay.{place}",
            attempt=1,
            supersedes="",
            nonce=_NONCE,
            clinic=site.clinic.name,
            entry=site.entry.context,
            trunk=site.trunk.name,
            extension=attempt.extension,
            caller_id="",
            dialled=attempt.dialled,
            origin=attempt.origin,
        )


def _with_holidays(clinic: Clinic, attempts: Sequence[Attempt]) -> Clinic:
    """Put the public holidays of all years of the attempts on the clinic's calendar."""
    years = [attempt.instant.astimezone(clinic.policy.timezone).year for attempt in (*attempts[:1], *attempts[-1:])]
    spans = range(years[0], years[-1] + 1, HOLIDAY_YEARS) if years else ()
    return replace(clinic, closed_days=frozenset().union(*(closed_days(clinic.policy, year) for year in spans)))


def _at_once(attempt: Attempt, priced: PricedDestination, verdict: Verdict) -> Outcome:
    """What becomes of a call that holds no money: a refused one, or one for help, which is never counted."""
    return Outcome(
        destination=priced.destination,
        ordinary=priced.ordinary,
        verdict=verdict,
        cost_micros=0,
        avoided_micros=_price(attempt, priced) if isinstance(verdict, Refusal) else 0,
    )


def _ended(up: _Up, cost_micros: int, clinic: Clinic) -> Outcome:
    whole_micros, destination = _price(up.attempt, up.priced), up.priced.destination
    assert whole_micros is not None
    ran_over = is_overrun(destination, plan=clinic.plan, bundle=clinic.policy.bundle, duration_s=up.talks_s)
    noticed = (Reason.BUNDLE_OVERRUN,) if ran_over else ()
    return Outcome(
        destination=destination,
        ordinary=up.priced.ordinary,
        verdict=replace(up.grant, reasons=by_weight((*up.grant.reasons, *noticed))),
        cost_micros=cost_micros,
        avoided_micros=whole_micros - cost_micros,
        is_cut=up.talks_s < up.attempt.duration_s,
    )


def _price(attempt: Attempt, priced: PricedDestination) -> int | None:
    """What a call costs for as long as it lasted; None if it has no rate."""
    if attempt.duration_s == 0:
        return 0
    return None if priced.rate is None else price(priced.rate, attempt.duration_s)
