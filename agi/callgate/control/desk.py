"""Everything of control for one Asterisk, put together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callgate.control.asterisk import AsteriskSwitch
from callgate.control.board import Board
from callgate.control.guard import Guard
from callgate.control.incident import Incidents
from callgate.control.link import Account
from callgate.control.standing import StandingFile
from callgate.control.trunks import Trunks
from callgate.grants import Grants
from callgate.journal import Journal
from callgate.ledger.base import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The switch, and the incidents of the guard that watches it. Others may watch it, too."""

    switch: AsteriskSwitch
    incidents: Incidents

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(self.switch.run(), self.incidents.run())


def make_desk(
    account: Account,
    *,
    trunks: Trunks,
    grants: Grants,
    ledger: Ledger,
    journal: Journal,
    clock: Callable[[], datetime],
) -> Desk:
    """Make the desk of one Asterisk; nothing is connected yet.

    Args:
        account: of the manager interface.
        trunks: what the guard has to know of the carrier trunks.
        grants: those of this gate.
        ledger: asked for the grants of an earlier run.
        journal: for the incidents; it is in the gate's state folder.
        clock: aware UTC.
    """
    switch = AsteriskSwitch(account, lambda: Board(trunks.endpoints, trunks.is_emergency), clock)
    standing = StandingFile(journal.file.parent, clock)
    incidents = Incidents(journal, trunks, standing, clock)
    switch.watch(
        Guard(
            switch=switch,
            grants=grants,
            trunks=trunks,
            incidents=incidents,
            ledger=ledger,
            clock=clock,
            watched_from=lambda: standing.watched_from,
        )
    )
    switch.watch(standing)
    return Desk(switch=switch, incidents=incidents)
