"""A call that comes in, met as a `Behaviour` says."""

import asyncio

import sdp
from call_behaviour import Behaviour, Reaction
from rtp import Instant, now
from sip_call import Call, CallEvent, Side, Wire
from sip_dialog import Dialog
from sip_message import TRYING, Headers, Request, token


class IncomingCall(Call):
    """The called side. `invite` is the request as it came."""

    def __init__(self, wire: Wire, invite: Request) -> None:
        self._tag = token()
        host, port = wire.transport.local
        super().__init__(wire, Dialog.accepted(invite, tag=self._tag, contact=f"sip:lab@{host}:{port}"))
        self.invite = invite
        self._plan: asyncio.Task[None] | None = None
        self.note(CallEvent.INVITE)

    def meet(self, behaviour: Behaviour) -> None:
        """Start to act as `behaviour` says; CANCEL or BYE breaks it off."""
        self._plan = asyncio.get_running_loop().create_task(self._act(behaviour))

    def ring(self, *, early_media: bool = False) -> None:
        """Send 180, or 183 with our audio."""
        if early_media:
            self._reply(183, body=sdp.write(self.media.audio))
            self.start_audio(self.invite.body)
        else:
            self._reply(180)
        self.note(CallEvent.RINGING)

    def answer(self) -> None:
        """Send 200 with our audio."""
        self._reply(200, body=sdp.write(self.media.audio))
        self.answered_at = now()
        self.start_audio(self.invite.body)
        self.note(CallEvent.ANSWERED)

    def refuse(self, code: int, *headers: tuple[str, str]) -> None:
        """End the call with a final status before it is answered."""
        self._reply(code, *headers)
        self.finish(Side.HERE, code=code)

    def hang_up(self) -> None:
        """BYE once answered, 503 before."""
        if self.answered_at is None and self.ending is None:
            self.refuse(503)
        super().hang_up()

    def handle(self, request: Request) -> None:
        """Take a request inside the dialog; CANCEL ends what is not answered."""
        if request.method != "CANCEL":
            super().handle(request)
            return
        self.wire.transport.reply(request, 200, tag=self._tag)
        if self.answered_at is None and self.ending is None:
            self._reply(487)
            self.note(CallEvent.CANCEL)
            self.finish(Side.THERE, code=487, at=self.wire.transport.arrived)

    def finish(self, by: Side, *, code: int, at: Instant | None = None) -> None:
        """The call is over, and so is the plan for it."""
        super().finish(by, code=code, at=at)
        if self._plan is not None:
            self._plan.cancel()

    async def _act(self, behaviour: Behaviour) -> None:
        if behaviour.reaction is Reaction.IGNORE:
            return
        self._reply(TRYING)
        await asyncio.sleep(behaviour.ring_after_s)
        match behaviour.reaction:
            case Reaction.RING | Reaction.ANSWER:
                self.ring(early_media=behaviour.early_media)
            case Reaction.REJECT | Reaction.REDIRECT:
                pass
        await asyncio.sleep(behaviour.react_after_s)
        match behaviour.reaction:
            case Reaction.RING:
                return
            case Reaction.ANSWER:
                self.answer()
            case Reaction.REJECT:
                self.refuse(behaviour.code)
            case Reaction.REDIRECT:
                self.refuse(302, ("Contact", f"<{behaviour.contact}>"))
        if behaviour.hang_up_after_s is not None:
            await asyncio.sleep(behaviour.hang_up_after_s)
            self.hang_up()

    def _reply(self, code: int, *headers: tuple[str, str], body: bytes = b"") -> None:
        fields: Headers = headers
        if not any(name == "Contact" for name, _ in headers):
            fields = (("Contact", f"<{self.dialog.contact}>"), *headers)
        if body:
            fields = (*fields, ("Content-Type", "application/sdp"))
        tag = "" if code == TRYING else self._tag
        self.wire.transport.reply(self.invite, code, tag=tag, headers=fields, body=body)
