"""The ledger in memory: the contract in plain Python, with the clock passed in.

Tests drive it beside Redis and compare every answer; it also serves where nothing needs to last. `model` has its rules,
written from the contract and not from the Lua.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from callgate.core.hold import HoldOutcome, HoldRequest, RenewOutcome, RenewRequest, SettleOutcome, Unavailable
from callgate.core.sighting import Heard, Ticks, hear, prove
from callgate.ledger import validity
from callgate.ledger.base import AuditReport, ClockSet, LapseReport, Ledger, LedgerBook, Settlement
from callgate.ledger.clock import advance, begin, rebased
from callgate.ledger.model import ClinicModel
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published, Revisions

Answer = TypeVar("Answer")


class MemoryLedger(Ledger, Revisions):
    """The ledger and the policy revisions of any number of clinics, gone when the program ends.

    Args:
        clock: looks at the clocks of the machine; see `at_second` for one that only has a second. The server's own
            clock, of which `base` speaks, is the wall clock.
    """

    def __init__(self, clock: Callable[[], Ticks]) -> None:
        self._clock = clock
        self._clinics: dict[str, ClinicModel] = {}
        # By clinic and boot.
        self._heard: dict[tuple[str, str], Heard | None] = {}

    async def hold(self, request: HoldRequest) -> HoldOutcome:
        """See `Ledger.hold`."""
        if unsound := validity.unsound_hold(request):
            return validity.unavailable(unsound)
        return self._run(request.clinic, lambda found: found.hold(request))

    async def settle(self, settlement: Settlement) -> SettleOutcome:
        """See `Ledger.settle`."""
        if unsound := validity.unsound_settlement(settlement):
            return validity.unavailable(unsound)
        return self._run(settlement.clinic, lambda found: found.settle(settlement))

    async def void(self, clinic: str, hold_id: str) -> SettleOutcome:
        """See `Ledger.void`."""
        if unsound := validity.unsound_void(clinic, hold_id):
            return validity.unavailable(unsound)
        return self._run(clinic, lambda found: found.void(hold_id))

    async def lapse(self, clinic: str, limit: int) -> LapseReport | Unavailable:
        """See `Ledger.lapse`."""
        if unsound := validity.unsound_lapse(clinic, limit):
            return validity.unavailable(unsound)
        return self._run(clinic, lambda found: found.lapse(limit))

    async def renew(self, request: RenewRequest) -> RenewOutcome:
        """See `Ledger.renew`."""
        if unsound := validity.unsound_renew(request):
            return validity.unavailable(unsound)
        return self._run(request.clinic, lambda found: found.renew(request))

    async def audit(self, clinic: str) -> AuditReport | Unavailable:
        """See `Ledger.audit`."""
        if unsound := validity.unsound_clinic(clinic):
            return validity.unavailable(unsound)
        return self._look(clinic).audit()

    async def set_clock(self, clinic: str, to_s: int | None) -> ClockSet | Unavailable:
        """See `Ledger.set_clock`."""
        if unsound := validity.unsound_clock(clinic, to_s):
            return validity.unavailable(unsound)
        return self._run(clinic, lambda found: found.set_clock(to_s))

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
        return self._run(policy.clinic, lambda found: found.publish(policy, expected))

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

    def _run(self, name: str, operation: Callable[[ClinicModel], Answer]) -> Answer:
        """Carry out an operation, and hear what its answer says of ledger time."""
        asked = self._clock()
        self._clinics[name] = found = self._at(name, asked)
        answer = operation(found)
        found.clock = rebased(found.clock, asked.wall_s)
        answered = self._clock()
        known = self._heard.get((name, answered.boot))
        self._heard[name, answered.boot] = hear(known, found.clock.told, asked, answered)
        return answer

    def _look(self, name: str) -> ClinicModel:
        """Show a clinic as it is now, for an operation that changes nothing, not even ledger time."""
        return self._at(name, self._clock())

    def _at(self, name: str, ticks: Ticks) -> ClinicModel:
        known = self._clinics.get(name)
        proven = prove(self._heard.get((name, ticks.boot)), ticks)
        clock = advance(known.clock if known else begin(ticks), ticks, proven)
        return (
            replace(known, clock=clock, wall_s=ticks.wall_s) if known else ClinicModel(clock=clock, wall_s=ticks.wall_s)
        )


def at_second(second: Callable[[], int]) -> Callable[[], Ticks]:
    """Make a clock that proves every second it tells.

    Args:
        second: gives the epoch second; it may jump and run back, ledger time only follows it ahead.
    """
    first = highest = -1

    def look() -> Ticks:
        nonlocal first, highest
        wall_s = second()
        first, highest = wall_s if first < 0 else first, max(wall_s, highest)
        # A second is given away for the first answer: here the machine gets that second beforehand.
        return Ticks(boot="at-second", uptime_s=highest - (highest == first), wall_s=wall_s)

    return look
