"""Live control: everything that is done about calls while they are up, in the background of the gate."""

import asyncio
from dataclasses import dataclass

from callgate.control.calls import Calls
from callgate.control.cuts import Cuts
from callgate.control.endings import Endings
from callgate.control.reconcile import Reconciliation
from callgate.control.slices import Slices
from callgate.repeating import repeat

FREE_PAUSE_S = 0.1
SLICES_PAUSE_S = 0.25
CUTS_PAUSE_S = 0.5
RECONCILE_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveControl:
    """Its parts; `calls` is the board's watcher.

    Each part goes on by itself, so that none waits while another one waits for the ledger.
    """

    calls: Calls
    slices: Slices
    cuts: Cuts
    endings: Endings
    reconciliation: Reconciliation

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(
            repeat(self.endings.free, FREE_PAUSE_S),
            repeat(self.slices.look, SLICES_PAUSE_S),
            repeat(self.cuts.look, CUTS_PAUSE_S),
            repeat(self.reconciliation.look, RECONCILE_PAUSE_S),
        )
