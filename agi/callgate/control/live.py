"""Live control: everything that is done about calls while they are up, in the background of the gate."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from callgate.control.calls import Calls, Clocks
from callgate.control.cuts import Cuts
from callgate.control.endings import Endings
from callgate.control.reconcile import Reconciliation
from callgate.control.slices import Slices
from callgate.control.switch import Leg, Switch
from callgate.grants import Grants, Issued
from callgate.journal import Journal
from callgate.ledger.base import Ledger
from callgate.policies import PolicyShelf
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What live control lives among.

    Fields:
        pbx: this Asterisk's name, with which the ids of its holds begin.
        grants: those of the gate.
        recall: makes out the grant of an earlier run from its leg.
        is_spool_read: whether the ledger has all that Asterisk has written down so far.
    """

    pbx: str
    grants: Grants
    recall: Callable[[Leg], Issued | None]
    ledger: Ledger
    shelf: PolicyShelf
    journal: Journal
    clocks: Clocks
    is_spool_read: Callable[[], bool]


def make_live(switch: Switch, around: Around) -> LiveControl:
    """Put live control together; the switch must tell `LiveControl.calls` what happens."""
    ledger, shelf, clocks = around.ledger, around.shelf, around.clocks
    calls = Calls(switch, around.grants, around.recall, clocks)
    slices = Slices(calls=calls, switch=switch, ledger=ledger, shelf=shelf, clocks=clocks)
    endings = Endings(calls=calls, switch=switch, shelf=shelf, journal=around.journal, clocks=clocks)
    return LiveControl(
        calls=calls,
        slices=slices,
        cuts=Cuts(calls=calls, slices=slices, endings=endings, shelf=shelf, clocks=clocks),
        endings=endings,
        reconciliation=Reconciliation(
            pbx=around.pbx,
            granted=around.journal.memory.granted,
            grants=around.grants,
            calls=calls,
            switch=switch,
            ledger=ledger,
            shelf=shelf,
            endings=endings,
            clocks=clocks,
            is_spool_read=around.is_spool_read,
        ),
    )
