"""A SIP phone for the tests and the demo: registers, calls, answers, transfers, and says when what happened."""

import asyncio
from types import TracebackType
from typing import Self

from call_behaviour import Behaviour
from incoming_call import IncomingCall
from outgoing_call import CHALLENGES, OutgoingCall
from rtp import MediaStream
from sip_agent import UserAgent
from sip_call import Call, Wire
from sip_dialog import Dialog
from sip_digest import Credentials, authorization
from sip_message import REFUSED, Headers, Request, Response, token
from sip_transport import Address, host_address


class RegistrationRefusedError(Exception):
    """The registrar said no. `code` is its answer."""

    def __init__(self, code: int) -> None:
        super().__init__(f"registration refused with {code}")
        self.code = code


class Phone:
    """One telephone on this machine, speaking to the PBX at `server`.

    Fields:
        behaviour: how the next incoming call is met; change it at any time.
        calls_in: incoming calls, oldest first.
    """

    def __init__(self, credentials: Credentials, server: Address) -> None:
        self.credentials = credentials
        self.server = server
        self.host = host_address(server)
        self.behaviour = Behaviour()
        self.calls_in: list[IncomingCall] = []
        self._agent = UserAgent(self._invited)
        self._fresh: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._registration: Dialog | None = None

    @property
    def number(self) -> str:
        """Its extension, such as ``101``."""
        return self.credentials.username

    async def open(self) -> None:
        """Bind its port; also done by ``async with``."""
        await self._agent.open((self.host, 0))

    def close(self) -> None:
        """Hang up everything and free its port."""
        self._agent.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def register(self, within_s: float = 5.0, *, expires_s: int = 3600) -> None:
        """Register, or register again; 0 s unregisters.

        Raises:
            RegistrationRefusedError: if the registrar said no.
            TimeoutError: if it said nothing in time.
        """
        if self._registration is None:
            self._registration = self._dialog(f"sip:{self.server[0]}:{self.server[1]}", self.number)
        lifetime: Headers = (("Expires", str(expires_s)),)
        async with asyncio.timeout(within_s):
            response = await self._ask("REGISTER", self._registration, lifetime)
            if response.code in CHALLENGES:
                response = await self._ask("REGISTER", self._registration, (*lifetime, self._proof(response)))
        if response.code >= REFUSED:
            raise RegistrationRefusedError(response.code)

    def call(self, user: str, *headers: tuple[str, str]) -> OutgoingCall:
        """Place a call.

        Args:
            user: the user part of the Request-URI, put there as given: ``0612%40trunk`` keeps its escape.
            headers: more headers of the INVITE.
        """
        media = MediaStream(self.host)
        dialog = self._dialog(self.uri(user), user)
        call = OutgoingCall(self._wire(media), dialog, self.credentials, headers)
        self._agent.keep(call)
        return call

    def uri(self, user: str) -> str:
        """`user` at the PBX: what to call, transfer to or redirect to."""
        return f"sip:{user}@{self.server[0]}:{self.server[1]}"

    async def wait_for_call(self, within_s: float) -> IncomingCall:
        """Wait for the next incoming call that was not waited for yet.

        Raises:
            TimeoutError: if none came in time.
        """
        async with asyncio.timeout(within_s):
            return await self._fresh.get()

    def forget(self) -> None:
        """Pass over the calls that came in and were not waited for."""
        while not self._fresh.empty():
            self._fresh.get_nowait()

    async def join(self, first: Call, second: Call, within_s: float) -> int:
        """Attended transfer: connect the far ends of two calls of this phone, and leave (RFC 5589 section 7).

        Returns:
            The outcome as `Call.transfer` gives it.

        Raises:
            TimeoutError: if no outcome came in time.
        """
        target = second.dialog.target.partition("?")[0].partition(";")[0]
        code = await first.transfer(f"{target}?Replaces={second.dialog.replaces()}", within_s)
        if code < REFUSED:
            second.hang_up()
        return code

    def _dialog(self, uri: str, user: str) -> Dialog:
        host, port = self._agent.transport.local
        return Dialog(
            call_id=f"{token()}@{host}",
            local=f"<sip:{self.number}@{self.server[0]}>;tag={token()}",
            remote=f"<sip:{user}@{self.server[0]}>",
            target=uri,
            server=self.server,
            contact=f"sip:{self.number}@{host}:{port}",
        )

    def _wire(self, media: MediaStream) -> Wire:
        return Wire(transport=self._agent.transport, media=media)

    def _invited(self, invite: Request) -> IncomingCall:
        call = IncomingCall(self._wire(MediaStream(self.host)), invite)
        call.meet(self.behaviour)
        self.calls_in.append(call)
        self._fresh.put_nowait(call)
        return call

    async def _ask(self, method: str, dialog: Dialog, headers: Headers) -> Response:
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def receive(response: Response) -> None:
            if response.final and not answered.done():
                answered.set_result(response)

        request = dialog.request(method, self._agent.transport.via(), headers=headers)
        self._agent.transport.ask(request, self.server, receive)
        return await answered

    def _proof(self, challenge: Response) -> tuple[str, str]:
        assert self._registration is not None
        asked, field = CHALLENGES[challenge.code]
        value = challenge.get(asked)
        uri = self._registration.target
        return field, authorization(self.credentials, value, method="REGISTER", uri=uri, client_nonce=token())
