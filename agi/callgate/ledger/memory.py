"""The ledger in memory: the contract in plain Python, with the clock passed in.

Tests drive it beside Redis and compare every answer; it also serves where nothing needs to last. `model` has its rules,
written from the contract and not from the Lua.
"""

from collections.abc import Callable
from dataclasses import replace

from callgate.core.hold import HoldOutcome, HoldRequest, RenewOutcome, RenewRequest, SettleOutcome, Unavailable
from callgate.core.sighting import Ticks
from callgate.ledger import validity
from callgate.ledger.base import AuditReport, ClockSet, LapseReport, Ledger, LedgerBook, Settlement
from callgate.ledger.clock import advance, begin
from callgate.ledger.model import ClinicModel
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published, Revisions


class MemoryLedger(Ledger, Revisions):
    """The ledger and the policy revisions of any number of clinics, gone when the program ends.

    Args:
        clock: looks at the clocks of the machine; see `at_second` for one that only has a second. The server's own
            clock, of which `base` speaks, is the wall clock.
    """

    def __init__(self, clock: Callable[[], Ticks]) -> None:
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

    async def renew(self, request: RenewRequest) -> RenewOutcome:
        """See `Ledger.renew`."""
        if unsound := validity.unsound_renew(request):
            return validity.unavailable(unsound)
        return self._open(request.clinic).renew(request)

    async def audit(self, clinic: str) -> AuditReport | Unavailable:
        """See `Ledger.audit`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return self._look(clinic).audit()

    async def set_clock(self, clinic: str, to_s: int | None) -> ClockSet | Unavailable:
        """See `Ledger.set_clock`."""
        if unsound := validity.unsound_clock(clinic, to_s):
            return validity.unavailable(unsound)
        return self._open(clinic).set_clock(to_s)

    async def book(self, clinic: str) -> LedgerBook | Unavailable:
        """See `Ledger.book`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return self._look(clinic).book(clinic)

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
        found = self._look(clinic)
        return found.policies.get(revision or found.revision_in_force, NoPolicy())

    async def policy_history(self, clinic: str) -> tuple[PolicyRevision, ...] | Unavailable:
        """See `Revisions.policy_history`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return self._look(clinic).latest_policies()

    def _open(self, name: str) -> ClinicModel:
        self._clinics[name] = clinic = self._look(name)
        return clinic

    def _look(self, name: str) -> ClinicModel:
        """Show a clinic as it is now, for an operation that changes nothing, not even ledger time."""
        ticks = self._clock()
        known = self._clinics.get(name)
        if known is None:
            return ClinicModel(clock=begin(ticks), ticks=ticks)
        return replace(known, clock=advance(known.clock, ticks), ticks=ticks)


def at_second(second: Callable[[], int]) -> Callable[[], Ticks]:
    """Make a clock that proves every second it tells.

    Args:
        second: gives the epoch second; it may jump and run back, ledger time only follows it ahead.
    """
    first: list[int] = []

    def look() -> Ticks:
        wall_s = second()
        if not first:
            first.append(wall_s)
        # A ledger gives a second away at a boot's first operation: here it gets that second beforehand.
        return Ticks(boot="at-second", uptime_s=wall_s - (wall_s == first[0]), wall_s=wall_s)

    return look
