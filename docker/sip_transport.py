"""SIP over one UDP port: sends again until answered, answers repeats without bothering anyone (RFC 3261 section 17)."""

import asyncio
import contextlib
import fcntl
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from rtp import Instant, now
from sip_message import REFUSED, Headers, MalformedMessageError, Request, Response, answer, parse, token

Address = tuple[str, int]
Key = tuple[str, str]
Kept = TypeVar("Kept")

REPEAT_AFTER_S = 0.5
REPEAT_MOST_S = 4.0
GIVE_UP_AFTER_S = 32.0
REMEMBERED_MAX = 4096
"""Transactions kept, oldest forgotten first: a lab that runs for days does not grow."""

_NOBODY_ANSWERED = 408
_BRANCH_COOKIE = "z9hG4bK"
_SIOCGSTAMPNS = 0x8907
"""Asks when the packet that was read last came in (socket(7))."""
_TIMESPEC = struct.Struct("qq")


def host_address(server: Address) -> str:
    """Which of this machine's addresses `server` would be reached from; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])


def _arrival(port: int) -> Instant:
    """When the datagram that was read last came in, by the kernel: whoever reads it may have stood still since."""
    read_at = now()
    try:
        seconds, nanoseconds = _TIMESPEC.unpack(fcntl.ioctl(port, _SIOCGSTAMPNS, bytes(_TIMESPEC.size)))
    except FileNotFoundError:  # none was read yet: from now on the kernel notes it
        return read_at
    waited_s = max(0.0, read_at.epoch - seconds - nanoseconds / 1e9)
    return Instant(monotonic=read_at.monotonic - waited_s, epoch=read_at.epoch - waited_s)


class _Repeater:
    """Sends the same bytes again, at growing intervals, until stopped or out of time."""

    def __init__(self, send: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._send, self._give_up = send, give_up
        self._interval_s, self._spent_s = REPEAT_AFTER_S, 0.0
        send()
        self._timer = self._arm()

    def stop(self) -> None:
        self._timer.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._interval_s, self._again)

    def _again(self) -> None:
        self._spent_s += self._interval_s
        if self._spent_s >= GIVE_UP_AFTER_S:
            self._give_up()
            return
        self._interval_s = min(2 * self._interval_s, REPEAT_MOST_S)
        self._send()
        self._timer = self._arm()


@dataclass(slots=True)
class _Asked:
    """A request of ours: where it went, who wants the responses, and its repeats while any are due."""

    request: Request
    target: Address
    receive: Callable[[Response], None]
    repeater: _Repeater | None = None


@dataclass(slots=True)
class _Answered:
    """A request of theirs: where it came from, our last response, and its repeats until the ACK."""

    source: Address
    response: Response | None = None
    repeater: _Repeater | None = None


class SipTransport(asyncio.DatagramProtocol):
    """One SIP port. `receive` is called once for each new request (also ACK), never for a repeat.

    `arrived` is when the message came in that is being received: on the wire, not when it was read.
    """

    def __init__(self, receive: Callable[[Request], None]) -> None:
        self._receive = receive
        self._asked: dict[Key, _Asked] = {}
        self._answered: dict[Key, _Answered] = {}
        self._unacknowledged: dict[Key, _Answered] = {}
        self._socket: asyncio.DatagramTransport | None = None
        self._port = -1
        self.local: Address = ("", 0)
        self.arrived = now()

    @classmethod
    async def open(cls, local: Address, receive: Callable[[Request], None]) -> "SipTransport":
        """Bind `local` (port 0: any free one)."""
        loop = asyncio.get_running_loop()
        _, transport = await loop.create_datagram_endpoint(lambda: cls(receive), local_addr=local)
        return transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn which port was bound."""
        # Not an assert: Python 3.11's own datagram transport does not descend from DatagramTransport.
        self._socket = cast("asyncio.DatagramTransport", transport)
        self._port = transport.get_extra_info("socket").fileno()
        self.local = transport.get_extra_info("sockname")
        self.arrived = _arrival(self._port)

    def via(self, branch: str = "") -> tuple[str, str]:
        """A Via header of this port, with a fresh branch unless one is given."""
        host, port = self.local
        return "Via", f"SIP/2.0/UDP {host}:{port};rport;branch={branch or _BRANCH_COOKIE + token()}"

    def ask(self, request: Request, target: Address, receive: Callable[[Response], None]) -> None:
        """Send a request, again and again until it is answered, and pass each response on.

        Args:
            request: with our Via on top.
            target: where to.
            receive: called for every response; a made-up 408 if nobody answers in 32 s. Repeats of a 2xx to an INVITE
                come too, since each wants its ACK; repeats of other finals do not.
        """
        asked = _Asked(request=request, target=target, receive=receive)
        _remember(self._asked, _key(request), asked)
        timed_out = answer(request, _NOBODY_ANSWERED)
        asked.repeater = _Repeater(lambda: self.send(request, target), lambda: self._conclude(asked, timed_out))

    def reply(self, request: Request, code: int, *, tag: str = "", headers: Headers = (), body: bytes = b"") -> None:
        """Answer a request; a final answer to an INVITE is repeated until its ACK."""
        answered = self._answered.get(_key(request))
        if answered is None:
            return
        response = answer(request, code, tag=tag, headers=headers, body=body)
        answered.response = response
        if response.final and request.method == "INVITE":
            key = _dialog_key(request)
            _remember(self._unacknowledged, key, answered)
            answered.repeater = _Repeater(lambda: self.send(response, answered.source), lambda: self._forget(key))
        else:
            self.send(response, answered.source)

    def send(self, message: Request | Response, target: Address) -> None:
        """Send one message once."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(message.encode(), target)

    def close(self) -> None:
        """Stop every repeat and free the port."""
        asked = [kept.repeater for kept in self._asked.values()]
        answered = [kept.repeater for kept in self._answered.values()]
        for repeater in (*asked, *answered):
            if repeater is not None:
                repeater.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Sort what comes in; what is not SIP (keep-alives too) is dropped."""
        self.arrived = _arrival(self._port)
        try:
            message = parse(data)
        except MalformedMessageError:
            return
        match message:
            case Response():
                self._take_response(message)
            case Request(method="ACK"):
                self._forget(_dialog_key(message))
                self._receive(message)
            case Request():
                self._take_request(message, addr)

    def error_received(self, exc: Exception) -> None:
        """The other side's port is closed just now: repeats and the final 408 deal with it."""

    def _take_request(self, request: Request, source: Address) -> None:
        key = _key(request)
        known = self._answered.get(key)
        if known is None:
            _remember(self._answered, key, _Answered(source=source))
            self._receive(request)
        elif known.response is not None:
            self.send(known.response, known.source)

    def _take_response(self, response: Response) -> None:
        asked = self._asked.get(_key(response))
        if asked is None:
            return
        invite = asked.request.method == "INVITE"
        if response.final:
            self._conclude(asked, response)
            return
        if invite and asked.repeater is not None:
            asked.repeater.stop()
        asked.receive(response)

    def _conclude(self, asked: _Asked, response: Response) -> None:
        invite, repeated = asked.request.method == "INVITE", asked.repeater is None
        if asked.repeater is not None:
            asked.repeater.stop()
            asked.repeater = None
        refused = response.code >= REFUSED
        if invite and refused:
            self.send(_acknowledge(asked.request, response), asked.target)
        if not repeated or (invite and not refused):
            asked.receive(response)

    def _forget(self, key: Key) -> None:
        answered = self._unacknowledged.pop(key, None)
        if answered is not None and answered.repeater is not None:
            answered.repeater.stop()


def _acknowledge(invite: Request, response: Response) -> Request:
    """The ACK of a refused INVITE belongs to its transaction: same Via, same Request-URI (section 17.1.1.3)."""
    headers = [("Via", invite.get("Via")), ("Max-Forwards", "70"), ("From", invite.get("From"))]
    headers += [("Route", route) for route in invite.all("Route")]
    headers += [("To", response.get("To")), ("Call-ID", invite.get("Call-ID"))]
    headers.append(("CSeq", f"{invite.get('CSeq').split(' ')[0]} ACK"))
    return Request(method="ACK", uri=invite.uri, headers=tuple(headers))


def _key(message: Request | Response) -> Key:
    """A transaction: the top Via's branch and the method."""
    branch = message.get("Via").partition("branch=")[2].partition(";")[0]
    return branch, message.get("CSeq").rpartition(" ")[2]


def _dialog_key(request: Request) -> Key:
    """An INVITE and its ACK, whatever the answer was: Call-ID and CSeq number."""
    return request.get("Call-ID"), request.get("CSeq").split(" ")[0]


def _remember(kept: dict[Key, Kept], key: Key, value: Kept) -> None:
    kept[key] = value
    if len(kept) > REMEMBERED_MAX:
        del kept[next(iter(kept))]
