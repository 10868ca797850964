"""The gate's local allowance: lets ordinary calls go while the ledger does not answer, and no others."""

import fcntl
import os
import struct
import time
from datetime import datetime

from callgate.clinic import Clinic
from callgate.core.allowance import LENT_SECONDS, AllowanceUse, Lent, Spent, draw
from callgate.core.attempt import CallAttempt, Origin
from callgate.core.policy_tables import Allowance
from callgate.core.pricing import PricedDestination
from callgate.core.tariff import Rate

# A clinic's name and its use. None lies on two pages, so a worker that is killed has written all of one, or nothing.
_ROW = struct.Struct("64s4q32x")
LOCK_TRIES = 50
LOCK_PAUSE_S = 0.001


class Lending:
    """Keeps what each clinic has used of its allowance, for all workers together. It starts anew with the daemon.

    Args:
        descriptor: of a file that is nobody else's, such as memfd_create(2) makes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

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
        is_drawn = self._draw(clinic.name, clinic.policy.when_the_ledger_is_down.ordinary, priced.rate, now_s)
        if not is_drawn and not priced.destination.must_reach:
            return Spent()
        return Lent(grant_id=f"local:{attempt.nonce}.{now_s}", seconds=LENT_SECONDS)

    def _draw(self, clinic: str, allowance: Allowance, rate: Rate, now_s: int) -> bool:
        if not self._is_locked():
            return False
        try:
            place, use = self._find(clinic)
            drawn = draw(use, allowance, rate, now_s)
            if drawn is not None:
                used = (drawn.span_s, drawn.calls, drawn.hour_s, drawn.spent_micros)
                os.pwrite(self._descriptor, _ROW.pack(clinic.encode(), *used), place)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return drawn is not None

    def _is_locked(self) -> bool:
        """Lock the file; false where another worker has it for longer than it needs: it is stopped, and soon killed."""
        for _ in range(LOCK_TRIES):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                time.sleep(LOCK_PAUSE_S)
            else:
                return True
        return False

    def _find(self, clinic: str) -> tuple[int, AllowanceUse]:
        """Find where a clinic's row begins, or is to begin, and what it says."""
        rows = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        for number, (name, span_s, calls, hour_s, spent_micros) in enumerate(_ROW.iter_unpack(rows)):
            if name.rstrip(b"\0") == clinic.encode():
                use = AllowanceUse(span_s=span_s, calls=calls, hour_s=hour_s, spent_micros=spent_micros)
                return number * _ROW.size, use
        return len(rows), AllowanceUse()
