"""The lab with its guard, and every way to a trunk that no dialplan of ours can close."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from ami_client import AmiClient
from callgate.control.asterisk import AsteriskSwitch
from callgate.control.board import Board
from callgate.control.link import Account
from callgate.control.standing import read_standing
from callgate.control.switch import Leg, Watcher
from callgate.server import utc_now
from carrier_log import CarrierEvent
from lab import Lab
from system.rig import Rig, wait_for

BREATH_S = 0.005
QUEUE = """\
[general]
[callgate-test]
strategy = ringall
timeout = 10
member = PJSIP/{number}@carrier-a,0,x,PJSIP/102
"""
EXTENSIONS = """
[holes]
exten => forge,1,Set(CALLGATE_GRANT=${FORGED})
 same => n,Set(CALLGATE_LEG=${FORGED}|callgate|${TARGET})
 same => n,Return()
exten => inherit,1,Set(__CALLGATE_GRANT=${FORGED})
 same => n,Dial(PJSIP/${TARGET}@carrier-a,10)
exten => forged,1,Dial(PJSIP/${TARGET}@carrier-a,10,b(holes^forge^1))
exten => elsewhere,1,Dial(PJSIP/${TARGET}@carrier-b,10,b(holes^forge^1))
exten => group,1,Dial(PJSIP/102&PJSIP/${TARGET}@carrier-a,10)
exten => queue,1,Answer()
 same => n,Queue(callgate-test,,,,10)
exten => hand,1,Dial(PJSIP/${TARGET}@carrier-a,10)
exten => uri,1,Dial(PJSIP/carrier-a/sip:${TARGET}@${CARRIER}:5080,10)
exten => nobody,1,Dial(PJSIP/carrier-a/sip:${CARRIER}:5080,10,b(holes^forge^1))
exten => both,1,Dial(PJSIP/15@carrier-a/sip:${TARGET}@${CARRIER}:5080,10)
exten => tick,1,Answer()
exten => busy,1,Set(END=$[${EPOCH} + 6])
 same => n(again),NoOp()
{twenty times}
 same => n,Wait(0.002)
 same => n,GotoIf($[${EPOCH} < ${END}]?again)
[internal]
exten => _70XX,1,Goto(holes,${GLOBAL(HOLE)},1)
[from-carrier]
exten => _7!,1,Goto(holes,hand,1)
""".replace("{twenty times}", "\n".join([" same => n,Set(X=1)"] * 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What became of the INVITEs for one number: how many, how many were answered, and how long each lived, in ms."""

    invites: int
    answered: int
    lives_ms: tuple[float, ...]


def life(rig: Rig, number: str, since: float) -> Life:
    """Read the carrier's log; every call must have ended."""
    lines = [line for line in rig.lab.carrier_log() if line.user == number and line.at >= since]
    begun = {line.call_id: line.at for line in lines if line.event == "invite"}
    ended = {line.call_id: line.at for line in lines if line.event == "ended"}
    answered = sum(line.event == "answered" for line in lines)
    assert begun.keys() == ended.keys(), (begun, ended)
    lives = tuple(sorted((ended[call] - at) * 1000 for call, at in begun.items()))
    return Life(invites=len(begun), answered=answered, lives_ms=lives)


def all_ended(rig: Rig, number: str, since: float, calls: int) -> Callable[[], list[CarrierEvent] | None]:
    """Whether so many calls to a number have ended."""

    def found() -> list[CarrierEvent] | None:
        lines = [line for line in rig.lab.carrier_log() if (line.event, line.user) == ("ended", number)]
        fresh = [line for line in lines if line.at >= since]
        return fresh if len(fresh) >= calls else None

    return found


def has_no_calls(lab: Lab) -> bool:
    return "\n0 active channels" in f"\n{lab.asterisk_cli('core', 'show', 'channels')}"


def is_linked(rig: Rig) -> bool:
    standing = read_standing(rig.lab.folder / "state")
    return standing is not None and standing.is_linked


def ungated(rig: Rig) -> int:
    """How many the gate has seen since it started; of a minute's, the journal has only the first ones at once."""
    standing = read_standing(rig.lab.folder / "state")
    assert standing is not None
    return standing.ungated


def since(rig: Rig) -> datetime | None:
    """Since when the link is up, or down."""
    standing = read_standing(rig.lab.folder / "state")
    return standing.since if standing is not None else None


def resident_kib(rig: Rig) -> int:
    """The memory of all processes of the gate."""
    lines = rig.lab.gate_exec("sh", "-c", "grep -h VmRSS /proc/[0-9]*/status").splitlines()
    return sum(int(line.split()[1]) for line in lines)


def set_globals(rig: Rig, **values: str) -> None:
    for name, value in values.items():
        rig.lab.asterisk_cli("dialplan", "set", "global", name, value or '""')


def originate(rig: Rig, channel: str) -> None:
    """Place a call straight to a channel, as whoever is at the command line can."""
    rig.lab.asterisk_cli("channel", "originate", channel, "application", "Wait", "5")


def call_file(rig: Rig, channel: str) -> None:
    """Leave a call file, as any program that may write into the spool can."""
    lines = ["Channel: " + channel, "Application: Wait", "Data: 5", "MaxRetries: 0"]
    rig.lab.copy_to_asterisk("/root/x.call", "\n".join([*lines, ""]))
    rig.in_asterisk("sh", "-c", "cd /var/spool/asterisk; mkdir -p outgoing; mv /root/x.call outgoing/")


async def flood(rig: Rig, *, seconds: float, rate: float) -> float:
    """Have a program originate Local calls that end by themselves; returns how many a second it came to.

    Args:
        rig: the lab.
        seconds: for so long.
        rate: so many a second, or as many as Asterisk takes, if that is less.
    """
    began, sent = time.monotonic(), 0
    async with AmiClient(rig.lab.asterisk_host, rig.lab.secrets.manager) as client:
        while (passed := time.monotonic() - began) < seconds:
            await client.originate("Local/tick@holes/n", Application="NoOp")
            sent += 1
            if sent > passed * rate:
                await asyncio.sleep(BREATH_S)
    return sent / seconds


def incoming(rig: Rig, did: str, caller: str = "0611111111") -> None:
    """Have the carrier call the practice; the call stands for 1.5 s if it is answered."""
    scenario = _INCOMING.replace("{did}", did).replace("{caller}", caller)
    rig.lab._containers.write("carrier", "/root/incoming.xml", scenario.encode())
    command = f"sipp -sf /root/incoming.xml -m 1 -timeout 8 -nostdin {rig.lab.asterisk_host} >/root/sipp.log 2>&1"
    rig.lab._containers.execute("carrier", "sh", "-c", f"cd; {command}")


class Notes(Watcher):
    """Everything a watcher was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Leg | None]] = []

    def began(self, leg: Leg) -> None:
        self.told.append(("began", leg))

    def answered(self, leg: Leg) -> None:
        self.told.append(("answered", leg))

    def ended(self, leg: Leg) -> None:
        self.told.append(("ended", leg))

    def between_outsiders(self, leg: Leg) -> None:
        self.told.append(("between_outsiders", leg))

    def with_emergency(self, leg: Leg) -> None:
        self.told.append(("with_emergency", leg))

    def linked(self) -> None:
        self.told.append(("linked", None))

    def unlinked(self) -> None:
        self.told.append(("unlinked", None))

    def of(self, what: str) -> list[Leg]:
        """The legs of which this was told."""
        return [leg for told, leg in self.told if told == what and leg is not None]


@asynccontextmanager
async def switch(rig: Rig, notes: Notes) -> AsyncIterator[AsteriskSwitch]:
    """A switch of the test's own, beside the gate's, with the lab's account."""
    secret = rig.lab.folder / "switch.secret"
    secret.write_text(rig.lab.secrets.manager)
    account = Account(host=rig.lab.asterisk_host, port=5038, user="callgate", secret_file=secret)
    endpoints: Sequence[str] = ("carrier-a", "carrier-b")
    made = AsteriskSwitch(account, lambda: Board(endpoints, lambda _, number: number == "15"), utc_now)
    made.watch(notes)
    running = asyncio.create_task(made.run())
    try:
        await asyncio.to_thread(wait_for, lambda: made.is_linked)
        yield made
    finally:
        running.cancel()
        await asyncio.wait({running})


_INCOMING = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="incoming">
<send retrans="500"><![CDATA[
INVITE sip:{did}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "caller" <sip:{caller}@[local_ip]>;tag=[call_number]
To: <sip:clinic@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:carrier@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rtd="true"/>
<send><![CDATA[
ACK sip:{did}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "caller" <sip:{caller}@[local_ip]>;tag=[call_number]
To: <sip:clinic@[remote_ip]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<pause milliseconds="1500"/>
<send retrans="500"><![CDATA[
BYE sip:{did}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "caller" <sip:{caller}@[local_ip]>;tag=[call_number]
To: <sip:clinic@[remote_ip]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>"""
