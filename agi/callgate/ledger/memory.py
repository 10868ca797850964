"""The ledger in memory: the contract in plain Python, with the clock passed in.

Tests drive it beside Redis and compare every answer; it also serves where nothing needs to last. `model` has its rules,
written from the contract and not from the Lua.
"""

from collections.abc import Callable

from callgate.core.hold import HoldOutcome, HoldRequest, SettleOutcome, Unavailable
from callgate.ledger import validity
from callgate.ledger.base import LapseReport, Ledger, LedgerBook, Settlement
from callgate.ledger.model import ClinicModel
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published, Revisions


class MemoryLedger(Ledger, Revisions):
    """The ledger and the policy revisions of any number of clinics, gone when the program ends.

    Args:
        clock: gives the epoch second; it may jump and run back, ledger time does not.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._clinics: dict[str, ClinicModel] = {}

    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """See `Ledger.hold`."""
        if unsound := validity.unsound_hold(request):
            return validity.unavailable(unsound)
        return self._open(request.clinic).hold(request)

    async def settle(self, settlement: Settlement) -> SettleOutcome:
        """See `Ledger.settle`."""
        if unsound := validity.unsound_settlement(settlement):
            return validity.unavailable(unsound)
        return self._open(settlement.clinic).settle(settlement)

    async def void(self, clinic: str, hold_id: str) -> SettleOutcome:
        """See `Ledger.void`."""
        if unsound := validity.unsound_void(clinic, hold_id):
            return validity.unavailable(unsound)
        return self._open(clinic).void(hold_id)

    async def lapse(self, clinic: str, limit: int) -> LapseReport | Unavailable:
        """See `Ledger.lapse`."""
        if unsound := validity.unsound_lapse(clinic, limit):
            return validity.unavailable(unsound)
        return self._open(clinic).lapse(limit)

    async def book(self, clinic: str) -> LedgerBook | Unavailable:
        """See `Ledger.book`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return self._open(clinic).book(clinic)

    async def void_doubtful(self) -> int:
        """See `Ledger.void_doubtful`: nothing here is ever in doubt."""
        return 0

    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        """See `Revisions.publish`."""
        if unsound := validity.unsound_revision(policy, expected):
            return validity.unavailable(unsound)
        return self._open(policy.clinic).publish(policy, expected)

    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        """See `Revisions.fetch_policy`."""
        if unsound := validity.unsound_number(clinic, revision):
            return validity.unavailable(unsound)
        opened = self._open(clinic)
        return opened.policies.get(revision or opened.revision_in_force, NoPolicy())

    async def policy_history(self, clinic: str) -> tuple[PolicyRevision, ...] | Unavailable:
        """See `Revisions.policy_history`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return self._open(clinic).latest_policies()

    def _open(self, name: str) -> ClinicModel:
        clinic = self._clinics.setdefault(name, ClinicModel())
        clinic.now_s = max(clinic.now_s, self._clock())
        return clinic
