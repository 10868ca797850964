"""Takes grants of an earlier run of the gate up again, from what Asterisk keeps of them on the leg itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from callgate.control.switch import Leg
from callgate.core.attempt import CallAttempt
from callgate.core.plan import NumberClass
from callgate.core.risk import assess
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.core.wire import from_wire
from callgate.gate import price_on
from callgate.grants import Issued, made_at
from callgate.policies import PolicyShelf
from callgate.settings import EntrySettings, Settings
from callgate.tags import Tagger

_NO_CALL = {NumberClass.EMERGENCY, NumberClass.INTERNAL_FEATURE, NumberClass.INVALID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """What that needs. The clock says when a call began whose grant does not."""

    settings: Settings
    shelf: PolicyShelf
    tagger: Tagger
    clock: Callable[[], datetime]

    def issued(self, leg: Leg) -> Issued | None:
        """Make out what was granted to a leg.

        Its price is that of now. What the ledger holds for it is not known here: `Issued.held` is None.

        Returns:
            None for an emergency call, and where the settings do not know the entry or the trunk any more, or the
            number is none: nobody may judge what he cannot name.
        """
        entry = self.settings.entry_named(leg.entry) or self._local_entry(leg)
        if leg.grant in {"", EMERGENCY_GRANT} or entry is None:
            return None
        trunks = [trunk for trunk in self.settings.trunk if trunk.name in entry.trunks]
        trunk = next((trunk for trunk in trunks if trunk.endpoint == leg.endpoint), None)
        if trunk is None:
            return None
        clinic = self.shelf.clinic(entry.clinic)
        destination = from_wire(leg.dialled, trunk.number_format, clinic.plan)
        if destination.number_class in _NO_CALL:
            return None
        # A forged one may say that it was made after every lock that is to come.
        at = min(made_at(leg.grant) or leg.answered or self.clock(), self.clock())
        risk = assess(destination, clinic.plan.country, clinic.risks)
        priced = self.tagger.tagged(price_on(clinic, destination, at), clinic.name)
        return Issued(
            grant=leg.grant,
            attempt=CallAttempt(
                passage=leg.grant.rsplit(".", 2)[0],
                attempt=1,
                supersedes="",
                nonce="",
                clinic=entry.clinic,
                entry=entry.context,
                trunk=trunk.name,
                extension=leg.extension,
                caller_id="",
                dialled=leg.dialled,
                origin=leg.origin,
            ),
            priced=replace(priced, risk=risk),
            number=leg.dialled,
            endpoint=leg.endpoint,
            request=None,
            held=None,
            at=at,
        )

    def _local_entry(self, leg: Leg) -> EntrySettings | None:
        """The entry of a leg that the dialplan let go and that names none, by its trunk; None where clinics share it.

        A lock must find it all the same: what it shows for a grant, anybody can write.
        """
        if leg.entry or not leg.grant.startswith("local:"):
            return None
        names = {trunk.name for trunk in self.settings.trunk if trunk.endpoint == leg.endpoint}
        entries = [entry for entry in self.settings.entry if names.intersection(entry.trunks)]
        return entries[0] if len({entry.clinic for entry in entries}) == 1 else None
