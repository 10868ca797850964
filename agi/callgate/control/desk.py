"""Everything of control for one Asterisk, put together."""

import asyncio
from contextlib import suppress
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
from callgate.control.toll import Toll
from callgate.control.trunks import Trunks
from callgate.grants import Grants
from callgate.journal import Journal
from callgate.ledger.base import Ledger
from callgate.repeating import repeat

CLOSE_S = 0.3
"""A gate that ends has as long for its last bookings: the next one takes no call before it has the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Where a desk writes.

    Fields:
        pbx: its Asterisk's name.
        ledger: for what ungated calls cost.
        journal: for the incidents; it is in the gate's state folder.
    """

    pbx: str
    ledger: Ledger
    journal: Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The switch, the incidents of the guard that watches it, and what they cost. Others may watch it, too."""

    switch: AsteriskSwitch
    incidents: Incidents
    toll: Toll

    async def run(self) -> None:
        """Go on until cancelled, whatever fails: without the link nothing guards the trunks."""
        works = (self.switch.run, self.incidents.run, self.toll.run)
        await asyncio.gather(*(repeat(work, 0) for work in works))

    async def close(self) -> None:
        """Book what was seen last, for a bounded time, and write it down; `run` has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.toll.close()
        await self.incidents.close()


def make_desk(
    account: Account,
    *,
    books: Books,
    trunks: Trunks,
    grants: Grants,
    others: OtherGrants,
    clocks: Clocks,
) -> Desk:
    """Make the desk of one Asterisk; nothing is connected yet.

    Args:
        account: of the manager interface.
        books: where the guard writes what it saw.
        trunks: what the guard has to know of the carrier trunks.
        grants: those of this gate.
        others: those that others gave.
        clocks: the time.
    """
    helped = Helped()
    switch = AsteriskSwitch(account, lambda: Board(trunks.endpoints, trunks.is_emergency, helped), clocks.now)
    standing = StandingFile(books.journal.file.parent, clocks.now)
    incidents = Incidents(books.journal, trunks, standing, clocks.now)
    toll = Toll(
        pbx=books.pbx,
        switch=switch,
        trunks=trunks,
        ledger=books.ledger,
        incidents=incidents,
        standing=standing,
        clocks=clocks,
    )
    switch.watch(toll)
    switch.watch(
        Guard(
            switch=switch,
            grants=grants,
            others=others,
            trunks=trunks,
            incidents=incidents,
            toll=toll,
            clocks=clocks,
            watched_from=lambda: standing.watched_from,
        )
    )
    switch.watch(standing)
    return Desk(switch=switch, incidents=incidents, toll=toll)
