"""The ledger in Redis: each operation one Lua script and one round trip; the rules are in ``lua/``."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import Redis

from callgate.core.hold import (
    Held,
    HoldOutcome,
    HoldRequest,
    RenewOutcome,
    RenewRequest,
    SettleOutcome,
    Stale,
    Unavailable,
)
from callgate.core.sighting import Heard, Sighting, Ticks, Told, hear, prove
from callgate.ledger import envelope, scripts, validity, wire
from callgate.ledger.base import AuditReport, ClockSet, LapseReport, Ledger, LedgerBook, Settlement
from callgate.ledger.client import (
    CIRCUIT_OPEN,
    PROMPT,
    TOO_FEW_REPLICAS,
    Deadlines,
    ScriptRunner,
    Unreplicated,
)
from callgate.ledger.keys import clinic_keys
from callgate.ledger.restoration import Coverage, ForgetfulWitness, Restoration, Restored, ThawReport, Witness
from callgate.ledger.revisions import HISTORY_MAX, NoPolicy, Outdated, PolicyRevision, Published, Revisions
from callgate.ledger.scripts import Script
from callgate.ledger.ticks import machine_ticks

DOUBTS_MAX = 10_000
"""Doubtful holds remembered; beyond it the oldest is left to lapse, which books it in full."""


@dataclass(slots=True)
class _Sights:
    """Looks anew for each try, so that the second tells what was seen since the first; counts them."""

    look: Callable[[], Sighting]
    first: Sighting
    tries: int = 0

    def __call__(self) -> bytes:
        self.tries += 1
        return wire.encode(self.first if self.tries == 1 else self.look())


class RedisLedger(Ledger, Revisions, Restoration):
    """The ledger and the policy revisions of any number of clinics.

    Args:
        client: from `client.connect`; whoever made it closes it.
        deadlines: the same as its.
        gate: the name of this gate among all that share the ledger; letters, digits, ``-``, at most 64.
        witness: this gate's memory of the ledger; None remembers nothing beyond this object.
        clock: looks at the clocks of this machine.
    """

    def __init__(
        self,
        client: Redis,
        deadlines: Deadlines = PROMPT,
        *,
        gate: str = "cli",
        witness: Witness | None = None,
        clock: Callable[[], Ticks] = machine_ticks,
    ) -> None:
        self._runner = ScriptRunner(client, deadlines)
        self._gate = gate
        self._witness = witness or ForgetfulWitness()
        self._clock = clock
        self._offer = secrets.token_hex(8)
        # By clinic and boot.
        self._heard: dict[tuple[str, str], Heard | None] = {}
        # A dict for its order: doubtful holds, oldest first, each once.
        self._doubts: dict[tuple[str, str], None] = {}

    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """See `Ledger.hold`. One that may yet be carried out though it is not held is remembered for `void_doubtful`.

        It ended `Unavailable`, or was cancelled, or only its second try was answered and the first is on its way still.
        A stale one is judged and held again under its id; a first try that comes late is as stale.
        """
        if unsound := validity.unsound_hold(request):
            return validity.unavailable(unsound)
        outcome: HoldOutcome = Unavailable(cause="cancelled")
        sights = self._sights(request.clinic)
        try:
            arguments = (wire.encode(request), wire.fingerprint(request))
            reply = await self._ask(scripts.HOLD, request.clinic, *arguments, replicated=request.costly, sights=sights)
            outcome = wire.read_hold(request.hold_id, reply)
        finally:
            is_unanswered = isinstance(outcome, Unavailable) and outcome.cause != CIRCUIT_OPEN
            if is_unanswered or (sights.tries > 1 and not isinstance(outcome, Held | Stale)):
                self._doubt(request.clinic, request.hold_id)
        return outcome

    async def renew(self, request: RenewRequest) -> RenewOutcome:
        """See `Ledger.renew`."""
        if unsound := validity.unsound_renew(request):
            return validity.unavailable(unsound)
        reply = await self._ask(scripts.RENEW, request.clinic, wire.encode(request), replicated=True)
        return wire.read_hold(request.hold_id, reply)

    async def settle(self, settlement: Settlement) -> SettleOutcome:
        """See `Ledger.settle`."""
        if unsound := validity.unsound_settlement(settlement):
            return validity.unavailable(unsound)
        return wire.read_settled(await self._ask(scripts.SETTLE, settlement.clinic, wire.encode(settlement)))

    async def void(self, clinic: str, hold_id: str) -> SettleOutcome:
        """See `Ledger.void`. One that ends `Unavailable` is remembered for `void_doubtful`."""
        if unsound := validity.unsound_void(clinic, hold_id):
            return validity.unavailable(unsound)
        outcome = wire.read_settled(await self._ask(scripts.VOID, clinic, hold_id))
        if isinstance(outcome, Unavailable):
            self._doubt(clinic, hold_id)
        return outcome

    async def lapse(self, clinic: str, limit: int) -> LapseReport | Unavailable:
        """See `Ledger.lapse`."""
        if unsound := validity.unsound_lapse(clinic, limit):
            return validity.unavailable(unsound)
        return wire.read_lapse(await self._ask(scripts.LAPSE, clinic, str(limit)))

    async def audit(self, clinic: str) -> AuditReport | Unavailable:
        """See `Ledger.audit`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return wire.read_audit(await self._ask(scripts.AUDIT, clinic))

    async def set_clock(self, clinic: str, to_s: int | None) -> ClockSet | Unavailable:
        """See `Ledger.set_clock`."""
        if unsound := validity.unsound_clock(clinic, to_s):
            return validity.unavailable(unsound)
        return wire.read_clock(await self._ask(scripts.CLOCK, clinic, "" if to_s is None else str(to_s)))

    async def restore(self, clinic: str, records: tuple[str, ...]) -> Restored | Unavailable:
        """See `Restoration.restore`."""
        if unsound := validity.unsound_restore(clinic, records):
            return validity.unavailable(unsound)
        return wire.read_restored(await self._ask(scripts.RESTORE, clinic, *records))

    async def thaw(
        self, clinic: str, coverage: Coverage, price_micros: int, patience_s: int
    ) -> ThawReport | Unavailable:
        """See `Restoration.thaw`."""
        if unsound := validity.unsound_thaw(clinic, coverage, price_micros, patience_s):
            return validity.unavailable(unsound)
        numbers = (coverage.covered, coverage.highest, price_micros, patience_s)
        return wire.read_thaw(await self._ask(scripts.THAW, clinic, *(str(number) for number in numbers)))

    async def book(self, clinic: str) -> LedgerBook | Unavailable:
        """See `Ledger.book`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return wire.read_book(clinic, await self._ask(scripts.BOOK, clinic))

    async def void_doubtful(self) -> int:
        """See `Ledger.void_doubtful`."""
        for clinic, hold_id in tuple(self._doubts):
            if isinstance(await self.void(clinic, hold_id), Unavailable):
                break
            self._doubts.pop((clinic, hold_id), None)
        return len(self._doubts)

    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        """See `Revisions.publish`."""
        if unsound := validity.unsound_revision(policy, expected):
            return validity.unavailable(unsound)
        arguments = (str(expected), str(policy.revision), wire.encode_policy(policy))
        return wire.read_published(await self._ask(scripts.PUBLISH, policy.clinic, *arguments))

    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        """See `Revisions.fetch_policy`."""
        if unsound := validity.unsound_number(clinic, revision):
            return validity.unavailable(unsound)
        return wire.read_policy(await self._ask(scripts.POLICY, clinic, str(revision or 0)))

    async def policy_history(self, clinic: str) -> tuple[PolicyRevision, ...] | Unavailable:
        """See `Revisions.policy_history`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return wire.read_policies(await self._ask(scripts.POLICIES, clinic, str(HISTORY_MAX)))

    def _sights(self, clinic: str) -> _Sights:
        def look() -> Sighting:
            ticks = self._clock()
            proven = prove(self._heard.get((clinic, ticks.boot)), ticks)
            seen = self._witness.seen(clinic)
            return Sighting(gate=self._gate, seen=seen, offer=self._offer, ticks=ticks, proven=proven)

        return _Sights(look, look())

    async def _ask(
        self,
        script: Script,
        clinic: str,
        *arguments: str | bytes,
        replicated: bool = False,
        sights: _Sights | None = None,
    ) -> object:
        """Run one script with a sighting, and tell the witness what the answer says. Gives the script's own reply."""
        sights = sights or self._sights(clinic)
        if unsound := validity.unsound_sighting(sights.first):
            return validity.unavailable(unsound)
        reply = await self._runner.run(script, clinic_keys(clinic), sights, *arguments, replicated=replicated)
        is_alone = isinstance(reply, Unreplicated)
        answer = envelope.read_answer(clinic, reply.reply if isinstance(reply, Unreplicated) else reply)
        if isinstance(answer, Unavailable):
            return answer
        self._witness.witness(clinic, answer.seen, answer.change)
        if answer.told is not None:
            self._hear(clinic, sights.first.ticks, answer.told)
        if answer.frozen is not None:
            self._witness.freeze(clinic, answer.frozen)
        # What changed nothing may be believed without a replica; the change itself is the witness's in any case.
        return Unavailable(cause=TOO_FEW_REPLICAS) if is_alone and answer.change is not None else answer.reply

    def _hear(self, clinic: str, asked: Ticks, told: Told) -> None:
        answered = self._clock()
        known = self._heard.get((clinic, answered.boot))
        self._heard[clinic, answered.boot] = hear(known, told, asked, answered)

    def _doubt(self, clinic: str, hold_id: str) -> None:
        self._doubts[clinic, hold_id] = None
        if len(self._doubts) > DOUBTS_MAX:
            del self._doubts[next(iter(self._doubts))]
