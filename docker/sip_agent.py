"""One SIP port with its calls: gives each request to its call. The phones and the carrier both are one."""

from collections.abc import Callable

from sip_call import Call, Side
from sip_message import GIVEN_UP, MalformedMessageError, Request, tag_of
from sip_transport import Address, SipTransport

CALLS_MAX = 2048
"""Calls kept, oldest forgotten first; an ended call still answers late requests."""


class UserAgent:
    """A port and its calls. `invited` is called for each new INVITE and returns the call it made of it."""

    def __init__(self, invited: Callable[[Request], Call]) -> None:
        self._invited = invited
        self._calls: dict[str, Call] = {}
        self._transport: SipTransport | None = None

    async def open(self, local: Address) -> None:
        """Bind the port."""
        self._transport = await SipTransport.open(local, self._receive)

    @property
    def transport(self) -> SipTransport:
        """The open port."""
        assert self._transport is not None
        return self._transport

    def keep(self, call: Call) -> None:
        """Give requests with this call's Call-ID to it from now on."""
        self._calls[call.dialog.call_id] = call
        if len(self._calls) > CALLS_MAX:
            self._calls.pop(next(iter(self._calls))).finish(Side.HERE, code=GIVEN_UP)

    def close(self) -> None:
        """End every call and free the port."""
        for call in self._calls.values():
            call.hang_up()
            call.finish(Side.HERE, code=GIVEN_UP)
        self.transport.close()

    def _receive(self, request: Request) -> None:
        call = self._calls.get(request.get("Call-ID"))
        if call is not None:
            call.handle(request)
        elif request.method == "INVITE" and not tag_of(request.get("To")):
            try:
                self.keep(self._invited(request))
            except MalformedMessageError:
                self.transport.reply(request, 404)
        elif request.method != "ACK":
            # Keep-alives, message-waiting news and strays: a real device says yes to all but requests of unknown calls.
            self.transport.reply(request, 481 if request.method in {"BYE", "CANCEL", "INVITE"} else 200)
