"""A call that a test phone places, and every response it got."""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

import sdp
from rtp import Instant, now
from sip_call import Call, CallEvent, Side, Wire
from sip_dialog import Dialog
from sip_digest import Credentials, authorization
from sip_message import FINAL, REFUSED, Headers, Request, Response, token

Found = TypeVar("Found")
CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One response as it reached the phone. `reason` is its Reason header, `audio` whether it carried SDP."""

    code: int
    phrase: str
    reason: str
    audio: bool
    at: Instant


class OutgoingCall(Call):
    """The calling side.

    Fields:
        responses: everything but authentication challenges, in order.
        sent_at: when the INVITE first left.
        authorized_at: when it left with the credentials it was asked for; `sent_at` if it never was.
    """

    def __init__(self, wire: Wire, dialog: Dialog, credentials: Credentials, headers: Headers = ()) -> None:
        super().__init__(wire, dialog)
        self.responses: list[Progress] = []
        self.sent_at = self.authorized_at = now()
        self._credentials = credentials
        self._headers = headers
        self._cancelled = False
        self._news = asyncio.Event()
        self._invite = self._send_invite(())

    @property
    def final(self) -> Progress | None:
        """The final response, once there is one."""
        return next((progress for progress in self.responses if progress.code >= FINAL), None)

    async def wait_for_final(self, within_s: float) -> Progress:
        """Wait for the final response.

        Raises:
            TimeoutError: if there was none in time.
        """
        async with asyncio.timeout(within_s):
            while self.final is None:
                await self._hear()
        assert self.final is not None
        return self.final

    async def wait_for_code(self, code: int, within_s: float) -> Progress:
        """Wait for a response with this status, such as 183.

        Raises:
            TimeoutError: if there was none in time.
        """
        async with asyncio.timeout(within_s):
            while not (found := [progress for progress in self.responses if progress.code == code]):
                await self._hear()
        return found[0]

    def cancel(self) -> None:
        """Give up before the answer; if the answer was already on its way, hang up on it."""
        if self.final is not None or self._cancelled:
            return
        self._cancelled = True
        kept = {"Via", "Max-Forwards", "From", "To", "Call-ID", "Route"}
        headers = [(name, value) for name, value in self._invite.headers if name in kept]
        headers.append(("CSeq", f"{self.dialog.sequence} CANCEL"))
        request = Request(method="CANCEL", uri=self._invite.uri, headers=tuple(headers))
        self.wire.transport.ask(request, self.dialog.server, lambda _: None)

    def hang_up(self) -> None:
        """BYE once answered, CANCEL before."""
        if self.answered_at is None:
            self.cancel()
        else:
            super().hang_up()

    async def _hear(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _send_invite(self, headers: Headers) -> Request:
        described = ("Content-Type", "application/sdp")
        body = sdp.write(self.media.audio)
        via = self.wire.transport.via()
        invite = self.dialog.request("INVITE", via, headers=(*self._headers, *headers))
        invite = Request(method="INVITE", uri=invite.uri, headers=(*invite.headers, described), body=body)
        self.wire.transport.ask(invite, self.dialog.server, self._receive)
        return invite

    def _receive(self, response: Response) -> None:
        if response.code in CHALLENGES and self.authorized_at is self.sent_at:
            self._authorize(response)
            return
        if self.answered_at is not None:
            self._acknowledge()  # the 200 came again: its ACK was lost
            return
        self._record(response)
        self.dialog.learn(response)
        self.start_audio(response.body)
        if response.final:
            self._conclude(response)

    def _record(self, response: Response) -> None:
        reason, audio = response.get("Reason"), sdp.read(response.body) is not None
        progress = Progress(code=response.code, phrase=response.phrase, reason=reason, audio=audio, at=now())
        self.responses.append(progress)
        self._news.set()

    def _conclude(self, response: Response) -> None:
        if response.code >= REFUSED:
            self.finish(Side.HERE if self._cancelled else Side.THERE, code=response.code)
            return
        self.answered_at = self.responses[-1].at
        self._acknowledge()
        self.note(CallEvent.ANSWERED)
        self.connected.set()
        if self._cancelled:
            super().hang_up()

    def _acknowledge(self) -> None:
        invite_sequence, self.dialog.sequence = self.dialog.sequence, int(self._invite.get("CSeq").split(" ")[0])
        ack = self.dialog.request("ACK", self.wire.transport.via())
        self.dialog.sequence = invite_sequence
        self.wire.transport.send(ack, self.dialog.server)

    def _authorize(self, response: Response) -> None:
        challenge, field = CHALLENGES[response.code]
        asked, uri = response.get(challenge), self._invite.uri
        proof = authorization(self._credentials, asked, method="INVITE", uri=uri, client_nonce=token())
        self.authorized_at = now()
        self._invite = self._send_invite(((field, proof),))
