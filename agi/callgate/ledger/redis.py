"""The ledger in Redis: each operation one Lua script and one round trip; the rules are in ``lua/``."""

from redis.asyncio import Redis

from callgate.core.hold import HoldOutcome, HoldRequest, SettleOutcome, Unavailable
from callgate.ledger import scripts, validity, wire
from callgate.ledger.base import LapseReport, Ledger, LedgerBook, Settlement
from callgate.ledger.client import CIRCUIT_OPEN, PROMPT, Deadlines, ScriptRunner
from callgate.ledger.keys import clinic_keys
from callgate.ledger.revisions import HISTORY_MAX, NoPolicy, Outdated, PolicyRevision, Published, Revisions

DOUBTS_MAX = 10_000
"""Doubtful holds remembered; beyond it the oldest is left to lapse, which books it in full."""


class RedisLedger(Ledger, Revisions):
    """The ledger and the policy revisions of any number of clinics.

    Args:
        client: from `client.connect`; whoever made it closes it.
        deadlines: the same as its.
    """

    def __init__(self, client: Redis, deadlines: Deadlines = PROMPT) -> None:
        self._runner = ScriptRunner(client, deadlines)
        # A dict for its order: doubtful holds, oldest first, each once.
        self._doubts: dict[tuple[str, str], None] = {}

    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """See `Ledger.hold`. One that ends `Unavailable`, or is cancelled, is remembered for `void_doubtful`."""
        if unsound := validity.unsound_hold(request):
            return validity.unavailable(unsound)
        outcome: HoldOutcome = Unavailable(cause="cancelled")
        try:
            arguments = (wire.encode(request), wire.fingerprint(request))
            reply = await self._runner.run(scripts.HOLD, clinic_keys(request.clinic), *arguments)
            outcome = wire.read_hold(request.hold_id, reply)
        finally:
            if isinstance(outcome, Unavailable) and outcome.cause != CIRCUIT_OPEN:
                self._doubt(request.clinic, request.hold_id)
        return outcome

    async def settle(self, settlement: Settlement) -> SettleOutcome:
        """See `Ledger.settle`."""
        if unsound := validity.unsound_settlement(settlement):
            return validity.unavailable(unsound)
        keys = clinic_keys(settlement.clinic)
        return wire.read_settled(await self._runner.run(scripts.SETTLE, keys, wire.encode(settlement)))

    async def void(self, clinic: str, hold_id: str) -> SettleOutcome:
        """See `Ledger.void`."""
        if unsound := validity.unsound_void(clinic, hold_id):
            return validity.unavailable(unsound)
        return wire.read_settled(await self._runner.run(scripts.VOID, clinic_keys(clinic), hold_id))

    async def lapse(self, clinic: str, limit: int) -> LapseReport | Unavailable:
        """See `Ledger.lapse`."""
        if unsound := validity.unsound_lapse(clinic, limit):
            return validity.unavailable(unsound)
        return wire.read_lapse(await self._runner.run(scripts.LAPSE, clinic_keys(clinic), str(limit)))

    async def book(self, clinic: str) -> LedgerBook | Unavailable:
        """See `Ledger.book`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return wire.read_book(clinic, await self._runner.run(scripts.BOOK, clinic_keys(clinic)))

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
        return wire.read_published(await self._runner.run(scripts.PUBLISH, clinic_keys(policy.clinic), *arguments))

    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        """See `Revisions.fetch_policy`."""
        if unsound := validity.unsound_number(clinic, revision):
            return validity.unavailable(unsound)
        return wire.read_policy(await self._runner.run(scripts.POLICY, clinic_keys(clinic), str(revision or 0)))

    async def policy_history(self, clinic: str) -> tuple[PolicyRevision, ...] | Unavailable:
        """See `Revisions.policy_history`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return wire.read_policies(await self._runner.run(scripts.POLICIES, clinic_keys(clinic), str(HISTORY_MAX)))

    def _doubt(self, clinic: str, hold_id: str) -> None:
        self._doubts[clinic, hold_id] = None
        if len(self._doubts) > DOUBTS_MAX:
            del self._doubts[next(iter(self._doubts))]
