"""The gate's local allowance: lets ordinary calls go while the ledger does not answer, and no others."""

from datetime import datetime

from callgate.clinic import Clinic
from callgate.core.allowance import LENT_SECONDS, AllowanceUse, Lent, Spent, draw
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.pricing import PricedDestination


class Lending:
    """Keeps what each clinic has used of its allowance. It starts anew with the daemon."""

    def __init__(self) -> None:
        self._uses: dict[str, AllowanceUse] = {}

    def lend(
        self, attempt: CallAttempt, priced: PricedDestination, clinic: Clinic, instant: datetime
    ) -> Lent | Spent | None:
        """Let a call go without a hold, if it is ordinary and the allowance lasts; None if it is not for lending.

        A must-reach number goes whatever is left. A call with both ends outside is never lent to: its permission is a
        purse of its own.
        """
        if not priced.ordinary or priced.rate is None or attempt.origin is Origin.EXTERNAL:
            return None
        now_s = int(instant.timestamp())
        use = self._uses.get(clinic.name, AllowanceUse())
        drawn = draw(use, clinic.policy.when_the_ledger_is_down.ordinary, priced.rate, now_s)
        if drawn is not None:
            self._uses[clinic.name] = drawn
        elif not priced.destination.must_reach:
            return Spent()
        return Lent(grant_id=f"local:{attempt.nonce}.{now_s}", seconds=LENT_SECONDS)
