"""Everything of control for one Asterisk, put together."""

import asyncio
from dataclasses import dataclass

from callgate.control.asterisk import AsteriskSwitch
from callgate.control.board import Board
from callgate.control.calls import Clocks
from callgate.control.elsewhere import OtherGrants
from callgate.control.guard import Guard
from callgate.control.helped import Helped
from callgate.control.incident import Incidents
from callgate.control.link import Account
from callgate.control.standing import StandingFile
from callgate.control.trunks import Trunks
from callgate.grants import Grants
from callgate.journal import Journal
from callgate.repeating import repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The switch, and the incidents of the guard that watches it. Others may watch it, too."""

    switch: AsteriskSwitch
    incidents: Incidents

    async def run(self) -> None:
        """Go on until cancelled, whatever fails: without the link nothing guards the trunks."""
        await asyncio.gather(repeat(self.switch.run, 0), repeat(self.incidents.run, 0))


def make_desk(
    account: Account,
    *,
    trunks: Trunks,
    grants: Grants,
    others: OtherGrants,
    journal: Journal,
    clocks: Clocks,
) -> Desk:
    """Make the desk of one Asterisk; nothing is connected yet.

    Args:
        account: of the manager interface.
        trunks: what the guard has to know of the carrier trunks.
        grants: those of this gate.
        others: those that others gave.
        journal: for the incidents; it is in the gate's state folder.
        clocks: the time.
    """
    helped = Helped()
    switch = AsteriskSwitch(account, lambda: Board(trunks.endpoints, trunks.is_emergency, helped), clocks.now)
    standing = StandingFile(journal.file.parent, clocks.now)
    incidents = Incidents(journal, trunks, standing, clocks.now)
    switch.watch(
        Guard(
            switch=switch,
            grants=grants,
            others=others,
            trunks=trunks,
            incidents=incidents,
            clocks=clocks,
            watched_from=lambda: standing.watched_from,
        )
    )
    switch.watch(standing)
    return Desk(switch=switch, incidents=incidents)
