"""Where ways out are tried: the practice with five phones, an outside caller, and a program on AMI and ARI."""

import asyncio
import base64
import http.client
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ami_client import AmiClient
from asterisk_conf import PHONES
from call_behaviour import Behaviour, Reaction
from callgate.control.standing import read_standing
from callgate.core.wire import mask
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from carrier_log import CarrierEvent, read_log
from incoming_call import IncomingCall
from lab import Lab
from outgoing_call import OutgoingCall
from sip_digest import Credentials
from sip_phone import Phone
from system.path_lab import ARI_LOGIN, ARI_PORT
from system.rig import POLL_S, WITHIN_S

BUSY = Behaviour(reaction=Reaction.REJECT, code=486)
RINGS = Behaviour(reaction=Reaction.RING)
OUR_NUMBER = "0142000000"
DECIDED = ("call.granted", "call.refused")
_MAILBOX = "/var/spool/asterisk/voicemail/default/101/INBOX"
_MESSAGE = """\
[message]
origmailbox=101
context=internal
exten=101
callerchan=PJSIP/carrier-a-00000000
callerid={caller}
origdate=Mon Nov 16 10:00:00 AM UTC 2026
origtime=1794823200
msg_id=1794823200-1
duration=1
"""

Found = TypeVar("Found")


@dataclass(kw_only=True)
class Stage:
    """Everybody who takes part, and the number that is tried.

    Fields:
        phones: by extension, registered.
        outside: somebody who calls the clinic by its carrier.
        program: who may log in to AMI.
        carrier: how it meets a call that is tried.
        dialled, wire: the number as phones dial it, and as the carrier is asked for it.
    """

    lab: Lab
    phones: dict[str, Phone]
    outside: Phone
    program: AmiClient
    carrier: Behaviour = field(default_factory=Behaviour)
    dialled: str = ""
    wire: str = ""
    _journal_from: int = field(default=0, init=False)
    _log_from: int = field(default=0, init=False)

    async def begin(self, dialled: str, wire: str) -> None:
        """Try this number from now on; the installer's own ways out dial it too."""
        self.dialled, self.wire = dialled, wire
        self._journal_from = max((end for _, end in self._rows(self._journal_from)), default=self._journal_from)
        self._log_from = self._log.stat().st_size
        self.lab.set_rules({wire: self.carrier})
        for name, value in {"TARGET": dialled, "WIRE": wire, "CARRIER": f"{self.lab.carrier_host}:5080"}.items():
            await self.program.ask("Setvar", Variable=name, Value=value)

    def carrier_events(self, event: str) -> list[CarrierEvent]:
        """What the carrier saw of the tried number."""
        log = read_log(self._log, self._log_from)
        return [line for line in log if (line.event, line.user) == (event, self.wire)]

    def rows(self, event: str) -> list[JournalRow]:
        """The journal's rows of this kind since this number is tried."""
        return [row for row, _ in self._rows(self._journal_from) if row.event == event]

    def decisions(self) -> list[JournalRow]:
        """What the gate decided about the tried number."""
        rows = (row for row, _ in self._rows(self._journal_from))
        return [row for row in rows if row.event in DECIDED and row.dialled == mask(self.dialled)]

    async def connect(self, caller: Phone, called: str) -> OutgoingCall:
        """Call, and wait until both hear each other."""
        call = caller.call(called)
        final = await call.wait_for_final(WITHIN_S)
        assert final.code == 200, (called, final)
        await call.wait_joined(WITHIN_S)
        return call

    async def meet(self, caller: Phone, called: Phone, number: str = "") -> tuple[OutgoingCall, IncomingCall]:
        """A call that rings a phone, by its own number or another: both ends of it."""
        call = await self.connect(caller, number or called.number)
        other = await called.wait_for_call(WITHIN_S)
        await other.wait_joined(WITHIN_S)
        return call, other

    async def channel(self, start: str) -> str:
        """The one channel that is up and whose name starts so."""
        (found,) = [name for name in await self.program.channels() if name.startswith(start)]
        return found

    async def ari(self, query: str) -> None:
        """Have ARI place a call."""
        status = await asyncio.to_thread(self._post, f"/ari/channels?{query}")
        assert status == http.HTTPStatus.OK, status

    def leave_message(self) -> None:
        """Put a message from the tried number into the mailbox of 101."""
        self.lab.asterisk_exec("mkdir", "-p", _MAILBOX)
        self.lab.copy_to_asterisk(f"{_MAILBOX}/msg0000.txt", _MESSAGE.format(caller=self.dialled))
        self.lab.copy_to_asterisk(f"{_MAILBOX}/msg0000.sln", bytes(1600))

    def drop_call_file(self, text: str) -> None:
        """Move a call file into the spool folder, in one step as Asterisk wants it."""
        self.lab.copy_to_asterisk("/var/spool/asterisk/draft.call", text)
        self.lab.asterisk_exec("mv", "/var/spool/asterisk/draft.call", "/var/spool/asterisk/outgoing/way.call")

    async def clear(self) -> None:
        """End every call, wait until Asterisk has none, and forget what the phones were told."""
        for phone in (*self.phones.values(), self.outside):
            phone.behaviour = Behaviour()
        async with asyncio.timeout(WITHIN_S):
            while await self.program.channels():
                await self.program.hang_up_callers()
                await asyncio.sleep(POLL_S)
        for phone in self.phones.values():
            phone.forget()

    @property
    def _log(self) -> Path:
        return self.lab.folder / "carrier" / "carrier.jsonl"

    def _rows(self, start: int) -> list[tuple[JournalRow, int]]:
        return list(read_rows(self.lab.folder / "state" / JOURNAL_FILE, start))

    def _post(self, path: str) -> int:
        connection = http.client.HTTPConnection(self.lab.asterisk_host, ARI_PORT, timeout=WITHIN_S)
        login = base64.b64encode(ARI_LOGIN.encode()).decode()
        connection.request("POST", path, headers={"Authorization": f"Basic {login}"})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status


@asynccontextmanager
async def open_stage(lab: Lab) -> AsyncIterator[Stage]:
    """Wait for the guard, register the phones and log the program in."""
    await happens(lambda: (standing := read_standing(lab.folder / "state")) is not None and standing.is_linked)
    phones = {number: Phone(Credentials(username=number, password=lab.secrets.phones), lab.sip) for number in PHONES}
    outside = Phone(Credentials(username="carrier-a", password=""), lab.sip)
    async with AmiClient(lab.asterisk_host, lab.secrets.manager) as program:
        try:
            await outside.open()
            for phone in phones.values():
                await phone.open()
                await phone.register(WITHIN_S)
            yield Stage(lab=lab, phones=phones, outside=outside, program=program)
        finally:
            for phone in (*phones.values(), outside):
                phone.close()


async def happens(condition: Callable[[], Found | None]) -> Found:
    """Wait until something is true, and return it.

    Raises:
        TimeoutError: if it is not in time.
    """
    for _ in range(round(WITHIN_S / POLL_S)):
        if found := condition():
            return found
        await asyncio.sleep(POLL_S)
    raise TimeoutError
