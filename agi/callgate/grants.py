"""The grants this gate has given, as long as their calls may be up: what control renews and the guard believes."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from callgate.core.attempt import CallAttempt
from callgate.core.hold import SECONDS_MAX, Held, HoldRequest
from callgate.core.pricing import PricedDestination
from callgate.core.verdict import EMERGENCY_GRANT

UNHELD = ("local", "observe", EMERGENCY_GRANT)
"""How the grants of calls begin that the ledger never held, up to the colon."""

_MADE_AT = re.compile(r"\.([0-9]{1,10})$")

KEPT_S = SECONDS_MAX + 600
"""The longest call, its ringing, and a margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One grant.

    Fields:
        grant: its id; ``emergency`` is no grant of anybody's and is not kept.
        number: what may go to the carrier, in the trunk's wire format.
        endpoint: the trunk's PJSIP endpoint.
        request, held: what the ledger was asked and answered; None where it was not (local allowance, observation).
        at: when, aware UTC.
    """

    grant: str
    attempt: CallAttempt
    priced: PricedDestination
    number: str
    endpoint: str
    request: HoldRequest | None
    held: Held | None
    at: datetime


class Grants:
    """Remembers grants until they are over, or too old to matter.

    Args:
        monotonic: seconds that only go forward: a clock that is set makes no grant older.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._issued: dict[str, tuple[Issued, float]] = {}
        self._monotonic = monotonic

    def add(self, issued: Issued) -> None:
        """Remember a grant, and forget those that are older than any call."""
        now_s = self._monotonic()
        self._issued[issued.grant] = issued, now_s
        # In the order they were given: the oldest stand first.
        while (oldest := next(iter(self._issued.items())))[1][1] < now_s - KEPT_S:
            del self._issued[oldest[0]]

    async def announce(self, issued: Issued) -> None:
        """Remember a grant, before the caller has his answer."""
        self.add(issued)

    def get(self, grant: str) -> Issued | None:
        """Find a grant; None if this gate, since it started, gave none of that id."""
        found = self._issued.get(grant)
        return found and found[0]

    def given_s(self, grant: str) -> float | None:
        """When a grant was given whose leg has not ended, on the clock that only goes forward; None as `get`."""
        found = self._issued.get(grant)
        return found and found[1]

    def end(self, grant: str) -> None:
        """Forget a grant whose call is over: it is never used again."""
        self._issued.pop(grant, None)


def is_held(grant: str) -> bool:
    """Tell whether a grant is a hold's id."""
    return bool(grant) and grant.partition(":")[0] not in UNHELD


def made_at(grant: str) -> datetime | None:
    """Read when a grant was given from the end of its id (`judge.hold_id`); None where it does not say."""
    found = _MADE_AT.search(grant)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None
