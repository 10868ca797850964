"""Takes grants of an earlier run of the gate up again, from what Asterisk keeps of them on the leg itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from callgate.control.switch import Leg
from callgate.core.attempt import CallAttempt
from callgate.core.plan import NumberClass
from callgate.core.risk import assess
from callgate.core.verdict import EMERGENCY_GRANT
from callgate.core.wire import from_wire
from callgate.gate import price_on
from callgate.grants import Issued
from callgate.policies import PolicyShelf
from callgate.settings import Settings
from callgate.tags import Tagger

_MADE_AT = re.compile(r"\.([0-9]{1,10})$")
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
        entry = self.settings.entry_named(leg.entry)
        trunk = next((trunk for trunk in self.settings.trunk if trunk.endpoint == leg.endpoint), None)
        if leg.grant in {"", EMERGENCY_GRANT} or entry is None or trunk is None:
            return None
        clinic = self.shelf.clinic(entry.clinic)
        destination = from_wire(leg.dialled, trunk.number_format, clinic.plan)
        if destination.number_class in _NO_CALL:
            return None
        at = _made_at(leg.grant, leg.answered or self.clock())
        risk = assess(destination, clinic.plan.country, clinic.risks)
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
            priced=replace(self.tagger.tagged(price_on(clinic, destination, at)), risk=risk),
            number=leg.dialled,
            endpoint=leg.endpoint,
            request=None,
            held=None,
            at=at,
        )


def _made_at(grant: str, otherwise: datetime) -> datetime:
    """Read when a grant was given from the end of its id (`judge.hold_id`); an observed one does not say."""
    found = _MADE_AT.search(grant)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else otherwise
