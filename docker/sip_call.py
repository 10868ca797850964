"""One call of a test phone or of the fake carrier, from its first message to its end, with the instant of each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import sdp
from rtp import Instant, MediaStream, now
from sip_dialog import Dialog
from sip_message import FINAL, REFUSED, Headers, Request, Response
from sip_transport import SipTransport

KEY_S = 0.02
"""Between two keys, so that they arrive in their order."""


class Side(StrEnum):
    """Who did it, seen from this end of the wire."""

    HERE = "here"
    THERE = "there"


class CallEvent(StrEnum):
    """What can happen to a call."""

    INVITE = "invite"
    RINGING = "ringing"
    ANSWERED = "answered"
    ACK = "ack"
    REINVITE = "reinvite"
    CANCEL = "cancel"
    BYE = "bye"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended. `code` is its final status; `duration_s` runs from the 200 to the BYE, 0 if never answered."""

    by: Side
    at: Instant
    code: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What a call is made on: its SIP port, its audio port, and who wants to know what happens to it."""

    transport: SipTransport
    media: MediaStream
    observe: "Callable[[Call, CallEvent], None]" = lambda _call, _event: None


class Call:
    """A call with a dialog; `OutgoingCall` and `IncomingCall` say how it comes to one."""

    def __init__(self, wire: Wire, dialog: Dialog) -> None:
        self.wire = wire
        self.dialog = dialog
        self.answered_at: Instant | None = None
        self.ending: Ending | None = None
        self.connected = asyncio.Event()
        self.ended = asyncio.Event()
        self._transfer: asyncio.Future[int] | None = None

    @property
    def media(self) -> MediaStream:
        """What is heard of the other side."""
        return self.wire.media

    async def wait_connected(self, within_s: float) -> None:
        """Wait for the answer and its ACK.

        Raises:
            TimeoutError: if there was none in time.
        """
        async with asyncio.timeout(within_s):
            await self.connected.wait()

    async def wait_joined(self, within_s: float) -> None:
        """Wait until the other side is heard, if only its silence: then Asterisk has joined the two legs.

        The answer comes a moment earlier, and Asterisk refuses a REFER in that moment with 400.

        Raises:
            TimeoutError: if nothing was heard after the answer.
        """
        async with asyncio.timeout(within_s):
            await self.connected.wait()
            assert self.answered_at is not None
            await self.media.wait_for_packet(self.answered_at, within_s)

    async def wait_ended(self, within_s: float) -> Ending:
        """Wait for the end.

        Raises:
            TimeoutError: if the call is still there.
        """
        async with asyncio.timeout(within_s):
            await self.ended.wait()
        assert self.ending is not None
        return self.ending

    def hang_up(self) -> None:
        """Send BYE, unless the call has ended already."""
        if self.ending is None:
            self.send("BYE")
            self.note(CallEvent.BYE)
            self.finish(Side.HERE, code=200)

    async def transfer(self, refer_to: str, within_s: float) -> int:
        """Hand the other side over to `refer_to` (RFC 3515), and hang up once it is done, as phones do.

        Args:
            refer_to: a URI such as ``sip:102@pbx``, or one with a Replaces header for an attended transfer.
            within_s: the longest wait for the outcome.

        Returns:
            The status that the last NOTIFY reported, or that of the REFER itself if it was refused.

        Raises:
            TimeoutError: if no outcome came in time.
        """
        outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transfer = outcome
        async with asyncio.timeout(within_s):
            await self.wait_joined(within_s)
            self.refer(refer_to)
            code = await outcome
        if code < REFUSED:
            self.hang_up()  # Asterisk leaves it to the phone, as the RFC does
        return code

    def refer(self, refer_to: str) -> None:
        """Ask for a transfer to `refer_to` as `transfer` does, and leave what becomes of it to the other side."""
        self.send("REFER", (("Refer-To", f"<{refer_to}>"), ("Referred-By", f"<{self.dialog.contact}>")), self._referred)

    def send(self, method: str, headers: Headers = (), receive: Callable[[Response], None] = lambda _: None) -> None:
        """Send a request inside the dialog; `receive` gets its responses."""
        request = self.dialog.request(method, self.wire.transport.via(), headers=headers)
        self.wire.transport.ask(request, self.dialog.server, receive)

    async def press(self, keys: str) -> None:
        """Press keys in the call, as phones do that send them by INFO."""
        kind: Headers = (("Content-Type", "application/dtmf-relay"),)
        for key in keys:
            request = self.dialog.request("INFO", self.wire.transport.via(), headers=kind)
            request = replace(request, body=f"Signal={key}\r\nDuration=80\r\n".encode())
            self.wire.transport.ask(request, self.dialog.server, lambda _: None)
            await asyncio.sleep(KEY_S)

    def handle(self, request: Request) -> None:
        """Take a request inside the dialog."""
        match request.method:
            case "ACK":
                self._acknowledged()
            case "INVITE" | "UPDATE":
                self._describe_again(request)
            case "BYE":
                self.wire.transport.reply(request, 200)
                self.note(CallEvent.BYE)
                self.finish(Side.THERE, code=200, at=self.wire.transport.arrived)
            case "NOTIFY":
                self.wire.transport.reply(request, 200)
                self._notified(request)
            case "OPTIONS" | "INFO" | "MESSAGE":
                self.wire.transport.reply(request, 200)
            case _:
                self.wire.transport.reply(request, 405)

    def note(self, event: CallEvent) -> None:
        """Tell whoever observes this call."""
        self.wire.observe(self, event)

    def start_audio(self, body: bytes) -> None:
        """Begin to send silence where the other side wants its audio."""
        theirs = sdp.read(body)
        if theirs is not None and self.ending is None:
            self.media.send_silence(theirs.host, theirs.port, theirs.payloads[0])

    def finish(self, by: Side, *, code: int, at: Instant | None = None) -> None:
        """The call is over, since now if not `at`; later news of it changes nothing."""
        if self.ending is not None:
            return
        at = at or now()
        duration_s = max(0.0, at.monotonic - self.answered_at.monotonic) if self.answered_at else 0.0
        self.ending = Ending(by=by, at=at, code=code, duration_s=duration_s)
        self.media.close()
        self.note(CallEvent.ENDED)
        self.ended.set()

    def _acknowledged(self) -> None:
        """The first ACK of an answered call; those of a refusal or of a re-INVITE mean nothing more."""
        if self.answered_at is not None and not self.connected.is_set():
            self.connected.set()
            self.note(CallEvent.ACK)

    def _describe_again(self, request: Request) -> None:
        """Accept a re-INVITE or UPDATE: our audio stays where it is."""
        body = sdp.write(self.media.audio) if request.body or request.method == "INVITE" else b""
        headers: Headers = (("Contact", f"<{self.dialog.contact}>"),)
        if body:
            headers = (*headers, ("Content-Type", "application/sdp"))
        self.wire.transport.reply(request, 200, headers=headers, body=body)
        self.start_audio(request.body)
        self.note(CallEvent.REINVITE)

    def _referred(self, response: Response) -> None:
        if response.code >= REFUSED and self._transfer is not None and not self._transfer.done():
            self._transfer.set_result(response.code)

    def _notified(self, request: Request) -> None:
        """Read the status line that a NOTIFY about a transfer carries (RFC 3420)."""
        words = request.body.split()
        code = int(words[1]) if words[:1] == [b"SIP/2.0"] and words[1:2] and words[1].isdigit() else 0
        if code >= FINAL and self._transfer is not None and not self._transfer.done():
            self._transfer.set_result(code)
