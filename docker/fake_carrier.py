"""A carrier with one or more trunks: a SIP server that writes down every INVITE it gets and what becomes of it.

    fake_carrier.py --host 0.0.0.0 --log carrier.jsonl --rules rules.json carrier-a:5080 carrier-b:5081

The log has one JSON object a line, flushed at once (`carrier_log.CarrierEvent`):

    {"at": 1760000000.123, "event": "invite", "trunk": "carrier-a", "call_id": "...", "user": "+33142685300",
     "request_uri": "sip:%2B33142685300@...", "headers": {"From": "...", "Privacy": "id", ...}}
    {"at": 1760000004.321, "event": "ended", "trunk": "carrier-a", "call_id": "...", "user": "+33142685300",
     "request_uri": "sip:%2B33142685300@...", "by": "asterisk", "code": 200, "duration_s": 4.137}

The rules file is read again whenever it changed: `call_behaviour`.
"""

import argparse
import asyncio
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from call_behaviour import Rules, behaviour_for, read_rules
from carrier_log import CarrierEvent
from incoming_call import IncomingCall
from rtp import MediaStream
from sip_agent import UserAgent
from sip_call import Call, CallEvent, Side, Wire
from sip_message import Request, user_of
from sip_transport import host_address

_ACTORS = {Side.HERE: "carrier", Side.THERE: "asterisk"}
_ANYWHERE = ("192.0.2.1", 9)
"""An address of nobody's (RFC 5737): asked only which of our own addresses would reach the world."""


class CallLog:
    """The log file of all trunks."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, event: CarrierEvent) -> None:
        """Append one line and flush it."""
        self._file.write(event.line())
        self._file.flush()


class RulesFile:
    """The behaviours by prefix, as the file has them now."""

    def __init__(self, path: Path, log: CallLog) -> None:
        self._path, self._log = path, log
        self._seen: tuple[int, int] | None = None
        self._rules: Rules = {}

    def current(self) -> Rules:
        """The rules, read again if the file changed; the ones before if it cannot be read."""
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_ino) != self._seen:
                self._rules = read_rules(self._path)
                self._seen = state.st_mtime_ns, state.st_ino
        except FileNotFoundError:
            self._rules, self._seen = {}, None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self._log.write(CarrierEvent(at=time.time(), event="rules_unreadable", note=str(error)))
        return self._rules


class Trunk:
    """One port of the carrier."""

    def __init__(self, name: str, rules: RulesFile, log: CallLog) -> None:
        self.name = name
        self.agent = UserAgent(self._invited)
        self._rules, self._log = rules, log

    def _invited(self, invite: Request) -> Call:
        transport = self.agent.transport
        media = MediaStream(transport.local[0], deaf=True)
        wire = Wire(transport=transport, media=media, observe=self._write)
        call = IncomingCall(wire, invite)
        call.meet(behaviour_for(self._rules.current(), trunk=self.name, user=user_of(invite.uri)))
        return call

    def _write(self, call: Call, event: CallEvent) -> None:
        assert isinstance(call, IncomingCall)
        line = CarrierEvent(
            at=time.time(),
            event=event.value,
            trunk=self.name,
            call_id=call.invite.get("Call-ID"),
            user=user_of(call.invite.uri),
            request_uri=call.invite.uri,
            headers=dict(call.invite.headers) if event is CallEvent.INVITE else {},
        )
        if event is CallEvent.ENDED and call.ending is not None:
            ending = call.ending
            duration_s = round(ending.duration_s, 6)
            line = replace(line, at=ending.at.epoch, by=_ACTORS[ending.by], code=ending.code, duration_s=duration_s)
        self._log.write(line)


async def serve(arguments: argparse.Namespace, log: CallLog) -> None:
    """Run every trunk until SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    host = arguments.host or host_address(_ANYWHERE)
    rules = RulesFile(arguments.rules, log)
    trunks = []
    for name, port in arguments.trunks:
        trunk = Trunk(name, rules, log)
        await trunk.agent.open((host, port))
        trunks.append(trunk)
        bound = f"{host}:{trunk.agent.transport.local[1]}"
        log.write(CarrierEvent(at=time.time(), event="ready", trunk=name, note=bound))
    await stop.wait()
    for trunk in trunks:
        trunk.agent.close()


def main(words: list[str]) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="A fake carrier that logs every INVITE.")
    parser.add_argument("--host", default="", help="address to listen on; the one that reaches the world by default")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--rules", type=Path, required=True)
    parser.add_argument("trunks", nargs="+", type=_trunk, metavar="NAME:PORT")
    arguments = parser.parse_args(words)
    with arguments.log.open("a", encoding="utf-8") as file:
        asyncio.run(serve(arguments, CallLog(file)))


def _trunk(text: str) -> tuple[str, int]:
    name, _, port = text.rpartition(":")
    return name, int(port)


if __name__ == "__main__":
    main(sys.argv[1:])
