"""Grants that this run of the gate did not give: an earlier run, or another gate of the clinic. The ledger has them."""

from collections.abc import Callable

from callgate.control.switch import Leg
from callgate.core.hold import Unavailable
from callgate.core.pricing import PricedDestination
from callgate.core.tariff import price
from callgate.grants import Issued
from callgate.ledger.base import Ledger, LiveHold

EARLIER_S = 10.0
"""So long after its start the gate may meet grants that an earlier run of it gave, and believes them while the ledger
does not answer: the dialplan vetoes those older than 3 s, and may be slow."""


class OtherGrants:
    """Those grants; made when the gate starts.

    Args:
        recall: makes out what was granted to a leg from the leg itself; None if it cannot.
        ledger: asked for each.
        monotonic: seconds that only go forward.
    """

    def __init__(self, recall: Callable[[Leg], Issued | None], ledger: Ledger, monotonic: Callable[[], float]) -> None:
        self._recall = recall
        self._ledger = ledger
        self._monotonic = monotonic
        self._started_s = monotonic()

    async def cover(self, leg: Leg) -> bool:
        """Whether the ledger holds money under a leg's grant that pays for a call to its number."""
        issued = self._recall(leg)
        if issued is None:
            return False
        book = await self._ledger.book(issued.attempt.clinic)
        if isinstance(book, Unavailable):
            return self._monotonic() - self._started_s <= EARLIER_S
        return any(hold.hold_id == leg.grant and _pays_for(hold, issued.priced) for hold in book.holds)


def _pays_for(hold: LiveHold, priced: PricedDestination) -> bool:
    """Whether a hold can be that of a call to a number: the ledger does not say to which, but what it may cost."""
    if priced.ordinary:
        return True
    return priced.rate is not None and price(priced.rate, hold.seconds) <= hold.amount_micros
