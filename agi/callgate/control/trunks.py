"""What control has to know of the carrier trunks: whose they are, and which numbers are emergencies or ordinary."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from callgate.clinic import Clinic, emergency_wire
from callgate.control.switch import Leg
from callgate.core.destination import Destination
from callgate.core.locks import LockedCalls, LockScope, locks_in_force
from callgate.core.policy import Mode
from callgate.core.pricing import PricedDestination
from callgate.core.wire import from_wire
from callgate.ledger.base import OrphanCharge
from callgate.orphans import ungated_charge
from callgate.policies import PolicyShelf
from callgate.settings import Settings, TrunkSettings

Pricing = Callable[[Clinic, Destination, datetime], PricedDestination]
"""Prices a destination as the gate does for a clinic's call at an instant."""


class Trunks:
    """The carrier trunks by their PJSIP endpoints; several trunks may share one.

    Args:
        settings: the installer's.
        shelf: the policies in force.
        price: whether a number is ordinary is a matter of its price.
    """

    def __init__(self, settings: Settings, shelf: PolicyShelf, price: Pricing) -> None:
        self._settings = settings
        self._shelf = shelf
        self._price = price
        self._emergency = {
            (trunk.endpoint, emergency_wire(entry.number, trunk, clinic.plan))
            for trunk in settings.trunk
            for clinic in self._clinics_of(trunk)
            for entry in clinic.plan.emergency
        }

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every endpoint."""
        return tuple(dict.fromkeys(trunk.endpoint for trunk in self._settings.trunk))

    def is_emergency(self, endpoint: str, number: str) -> bool:
        """Whether a number that goes out there is an emergency number of a clinic that uses the trunk."""
        return (endpoint, number) in self._emergency

    def is_ordinary(self, endpoint: str, number: str, at: datetime) -> bool:
        """Whether a call to a number that goes out there is ordinary for a clinic that uses the trunk."""
        return any(
            self._price(clinic, from_wire(number, trunk.number_format, clinic.plan), at).ordinary
            for trunk in self._trunks_on(endpoint)
            for clinic in self._clinics_of(trunk)
        )

    async def fetch(self, endpoint: str) -> None:
        """Ask which policies are in force for the clinics that use the trunk; in doubt, those known remain."""
        await asyncio.gather(*(self._shelf.fetch(clinic.name) for clinic in self._clinics_on(endpoint)))

    def is_locked(self, leg: Leg, at: datetime) -> bool:
        """Whether a lock of all calls stops a leg; of every clinic on the trunk, for nobody knows whose call it is."""
        return all(
            any(_stops(lock.scope, leg) for lock in locks_in_force(clinic.locks, at))
            for clinic in self._clinics_on(leg.endpoint)
        )

    def charge(self, leg: Leg, answered: datetime, seconds: int) -> OrphanCharge | None:
        """Say how to book a leg that went past the gate.

        Args:
            leg: it.
            answered: when, aware UTC.
            seconds: how long it talked.

        Returns:
            None where several clinics share the trunk: nobody knows whose call it was.
        """
        if not self.clinic_on(leg.endpoint):
            return None
        trunk = self._trunks_on(leg.endpoint)[0]
        clinic = self._clinics_of(trunk)[0]
        priced = self._price(clinic, from_wire(leg.dialled, trunk.number_format, clinic.plan), answered)
        return ungated_charge(priced, clinic, answered, seconds)

    def is_enforced(self, endpoint: str) -> bool:
        """Whether a clinic that uses the trunk enforces its policy: nobody knows whose an ungated call is."""
        return any(clinic.policy.mode is Mode.ENFORCE for clinic in self._clinics_on(endpoint))

    def clinic_on(self, endpoint: str) -> str:
        """The clinic whose trunk it is; "" where several share it."""
        names = {clinic.name for clinic in self._clinics_on(endpoint)}
        return names.pop() if len(names) == 1 else ""

    def name_of(self, endpoint: str) -> str:
        """The trunk's name in the settings."""
        return self._trunks_on(endpoint)[0].name

    def _trunks_on(self, endpoint: str) -> list[TrunkSettings]:
        return [trunk for trunk in self._settings.trunk if trunk.endpoint == endpoint]

    def _clinics_on(self, endpoint: str) -> list[Clinic]:
        return [clinic for trunk in self._trunks_on(endpoint) for clinic in self._clinics_of(trunk)]

    def _clinics_of(self, trunk: TrunkSettings) -> list[Clinic]:
        names = dict.fromkeys(entry.clinic for entry in self._settings.entry if trunk.name in entry.trunks)
        return [self._shelf.clinic(name) for name in names]


def _stops(scope: LockScope, leg: Leg) -> bool:
    """Whether a lock is of ordinary calls, too, and of the leg's line."""
    return scope.calls is LockedCalls.ALL and scope.extension in {"", leg.extension}
