"""The road of one call, on one screen: receive, classify, judge, hold, conclude, record, answer, settle.

Each stop takes values and returns a value; none calls back to an earlier one. The server receives and answers, the
bookkeeper settles from the spool; everything between is here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog

from callgate.burst_watch import BurstWatch
from callgate.clinic import Clinic, emergency_wire
from callgate.core.attempt import CallAttempt
from callgate.core.dialling import Destination, read_dialled
from callgate.core.hold import Held, HoldOutcome, HoldRequest, Stale, Unavailable
from callgate.core.judge import Refuse, Reserve, Ruling, judge
from callgate.core.plan import NumberClass
from callgate.core.pricing import PricedDestination, price_destination
from callgate.core.reasons import Reason
from callgate.core.risk import assess, claimed_number
from callgate.core.verdict import EMERGENCY_GRANT, Grant, Refusal, Verdict, conclude, in_observation
from callgate.core.wire import to_wire
from callgate.errors import JournalError
from callgate.grants import Grants, Issued
from callgate.journal import Decision, JournalRow, Seal, unsealed, verdict_row
from callgate.ledger.base import Ledger
from callgate.lending import Lending
from callgate.policies import PolicyShelf
from callgate.settings import EntrySettings, TrunkSettings
from callgate.tags import Tagger

UNSAFE_STORE = "unsafe_store"
"""The cause of an `Unavailable` for which nobody was asked: see `Gate.is_store_trusted`."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """An attempt, with the entry and the trunk of the settings that it names."""

    attempt: CallAttempt
    entry: EntrySettings
    trunk: TrunkSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the rules said of an attempt, and, where they reserved money, the ledger."""

    priced: PricedDestination
    ruling: Ruling
    outcome: HoldOutcome | None


class Rows(Protocol):
    """What writes verdicts down: the journal (`callgate.journal`), or another worker's, by a line."""

    async def write(self, row: JournalRow, *, durable: bool) -> None:
        """See `Journal.write`."""

    async def refuse(self, row: JournalRow) -> None:
        """See `Journal.refuse`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What every call's road needs: ledger, policies in force, journal, allowance, number tags, watch for bursts.

    Fields:
        grants: gets every grant, before the answer goes out.
        slices: whether somebody can renew holds while calls are up, and cut them: the link of control, while it is up.
        seal: encrypts the full number of a refused costly call for its row.
        is_store_trusted: whether the ledger's store keeps what it acknowledges, or is accepted all the same.
    """

    ledger: Ledger
    shelf: PolicyShelf
    journal: Rows
    lending: Lending
    tagger: Tagger
    bursts: BurstWatch
    grants: Grants = field(default_factory=Grants)
    slices: Callable[[], bool] = lambda: False
    seal: Seal = unsealed
    is_store_trusted: Callable[[], bool] = lambda: True

    async def decide(self, passage: Passage, instant: datetime) -> Verdict:
        """Take one attempt down the road, from classify to the answer."""
        clinic = self.shelf.clinic(passage.attempt.clinic)
        asked = await self._rule_and_hold(passage, clinic, instant)
        if isinstance(asked.outcome, Stale) or isinstance(asked.ruling, Refuse):
            # Another revision is in force, or may be: a refusal asked the ledger nothing, and a permission given since
            # must count. Fetched once, judged again; if that is outdated too, the contract applies.
            fetched = await self.shelf.fetch_together(clinic.name)
            if fetched is not clinic:
                clinic = fetched
                asked = await self._rule_and_hold(passage, clinic, instant)
        is_concluded = False
        try:
            verdict = await self._conclude(passage, clinic, asked, instant)
            is_concluded = True
        finally:
            if not is_concluded and isinstance(asked.outcome, Held):
                # A call that a fault of ours left without an answer must not keep the clinic's money.
                await self.ledger.void(clinic.name, asked.outcome.hold_id)
        return verdict

    async def _conclude(self, passage: Passage, clinic: Clinic, asked: Asked, instant: datetime) -> Verdict:
        lent = None
        if isinstance(asked.outcome, Unavailable | Stale):
            lent = self.lending.lend(passage.attempt, asked.priced, clinic, instant)
        number = wire_number(passage, asked.priced, clinic)
        decision = Decision(
            attempt=passage.attempt,
            priced=asked.priced,
            clinic=clinic,
            number=number,
            verdict=conclude(asked.ruling, lent or asked.outcome, number),
            instant=instant,
        )
        self.bursts.note(decision)
        verdict = await self._record(decision)
        answer = in_observation(verdict, clinic.policy, number, passage.attempt.nonce)
        if isinstance(answer, Grant) and answer.grant_id != EMERGENCY_GRANT:
            await self.grants.announce(_issued(answer, passage, asked, instant))
        return answer

    async def _rule_and_hold(self, passage: Passage, clinic: Clinic, instant: datetime) -> Asked:
        priced = self.tagger.tagged(classify(passage, clinic, instant), clinic.name)
        ruling = judge(passage.attempt, priced, replace(clinic.rulebook, slices=self.slices()), instant)
        outcome = await self._hold(ruling.request) if isinstance(ruling, Reserve) else None
        return Asked(priced=priced, ruling=ruling, outcome=outcome)

    async def _hold(self, request: HoldRequest) -> HoldOutcome:
        # What a store acknowledges and may forget is no hold.
        return await self.ledger.hold(request) if self.is_store_trusted() else Unavailable(cause=UNSAFE_STORE)

    async def _record(self, decision: Decision) -> Verdict:
        """Write the verdict down.

        Where the disk fails, a costly grant is refused and its hold voided. An ordinary call goes on, and an emergency
        call does not even wait for the disk.
        """
        verdict = decision.verdict
        costly = isinstance(verdict, Grant) and verdict.grant_id != EMERGENCY_GRANT and not decision.priced.ordinary
        row = verdict_row(decision, self.seal)
        try:
            if isinstance(verdict, Refusal) and not row.observed:
                await self.journal.refuse(row)
            else:
                await self.journal.write(row, durable=costly or isinstance(verdict, Refusal))
        except JournalError:
            log.exception("journal.failed")
            if isinstance(verdict, Grant) and costly:
                await self.ledger.void(decision.clinic.name, verdict.grant_id)
                # For refusals there may be room yet; if not, they are counted until there is.
                return await self._record(replace(decision, verdict=Refusal(reasons=(Reason.GATE_UNAVAILABLE,))))
        return verdict


def _issued(grant: Grant, passage: Passage, asked: Asked, instant: datetime) -> Issued:
    """Say what was granted. A hold that the answer does not name (its row could not be written) is no part of it."""
    held = asked.outcome if isinstance(asked.outcome, Held) and asked.outcome.hold_id == grant.grant_id else None
    return Issued(
        grant=grant.grant_id,
        attempt=passage.attempt,
        priced=asked.priced,
        number=grant.number,
        endpoint=passage.trunk.endpoint,
        request=asked.ruling.request if held and isinstance(asked.ruling, Reserve) else None,
        held=held,
        at=instant,
    )


def classify(passage: Passage, clinic: Clinic, instant: datetime) -> PricedDestination:
    """Read what was dialled, find its rate on the clinic's clock, and look its risk up."""
    dialled, plan, prefix = passage.attempt.dialled, clinic.plan, passage.entry.outside_prefix
    destination = read_dialled(dialled, plan=plan, outside_prefix=prefix)
    priced = price_on(clinic, destination, instant)
    claimed = "" if destination.number else claimed_number(dialled, plan=plan, outside_prefix=prefix)
    return replace(priced, risk=assess(destination, plan.country, clinic.risks, claimed=claimed))


def price_on(clinic: Clinic, destination: Destination, instant: datetime) -> PricedDestination:
    """Find the rate of a call by what it may meet; what changes after the longest costly call is none of its price."""

    def within(longest_s: int) -> PricedDestination:
        return price_destination(
            destination,
            plan=clinic.plan,
            deck=clinic.deck,
            bundle=clinic.policy.bundle,
            at=instant.astimezone(clinic.policy.timezone),
            longest_s=longest_s,
        )

    priced = within(clinic.reach_s(ordinary=True))
    # Whatever is not ordinary for as long as an ordinary call may last stays costly, and ends as soon as those do.
    return priced if priced.ordinary else replace(within(clinic.reach_s(ordinary=False)), ordinary=False)


def wire_number(passage: Passage, priced: PricedDestination, clinic: Clinic) -> str:
    """Write the number as the attempt's trunk wants it; "" for what never goes to a trunk, whatever the mode."""
    destination = priced.destination
    match destination.number_class:
        case NumberClass.EMERGENCY:
            return emergency_wire(destination.number, passage.trunk, clinic.plan)
        case NumberClass.INTERNAL_FEATURE:
            return ""
        case _:
            return to_wire(destination, passage.trunk.number_format, clinic.plan)
