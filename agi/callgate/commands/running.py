"""Asks a running Asterisk for the dialplan it has in memory, once, through its manager interface (AMI).

Measured with Asterisk 22.10: ShowDialPlan needs `reporting` or `config` among an account's write classes. Asked while
Asterisk still starts, it lists what is there so far, often nothing, and says that all is well. So FullyBooted is waited
for: whoever logs in after the start hears it at once, and whoever logs in before it hears it then; both need `system`
among the read classes, and an event filter that lets it through.
"""

import asyncio
import secrets
from collections import deque
from enum import StrEnum

from callgate.control.ami import AmiDecoder, Message, NotAmiError, UnsafeFieldError, action
from callgate.control.link import Account
from callgate.errors import SettingsError

ANSWER_S = 5.0
START_S = 30.0
LIST_S = 60.0
_READ_BYTES = 64 * 1024
_STARTED, _ITEM, _END = "FullyBooted", "ListDialplan", "ShowDialPlanComplete"

Event = dict[str, str]


class Unheard(StrEnum):
    """Why the running Asterisk has not told its dialplan."""

    AWAY = "away"
    NOT_AMI = "not_ami"
    REFUSED = "refused"
    STARTING = "starting"
    FORBIDDEN = "forbidden"
    SILENT = "silent"


async def ask_dialplan(account: Account) -> list[Event] | Unheard:
    """Log in, wait until Asterisk has started, and have it list its dialplan.

    Returns:
        Its `ListDialplan` events, for `callgate.audit.survey.survey`.

    Raises:
        SettingsError: if the secret cannot be one.
        OSError: if its file cannot be read.
    """
    secret = account.secret_file.read_text(encoding="utf-8", errors="surrogateescape").strip()
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(account.host, account.port)
    except OSError:
        return Unheard.AWAY
    try:
        return await _asked(_Talk(reader, writer), account.user, secret)
    except UnsafeFieldError:
        remedy = "put the secret there, on one line, and nothing else"
        raise SettingsError("control.secret_file", f"{account.secret_file} has several lines", remedy) from None
    except NotAmiError:
        return Unheard.NOT_AMI
    except TimeoutError:
        return Unheard.SILENT
    except OSError:
        return Unheard.AWAY
    finally:
        writer.close()


async def _asked(talk: "_Talk", user: str, secret: str) -> list[Event] | Unheard:
    async with asyncio.timeout(ANSWER_S):
        login = talk.ask("Login", Username=user, Secret=secret, Events="system")
        if not (await talk.hear(login)).is_success:
            return Unheard.REFUSED
    try:
        async with asyncio.timeout(START_S):
            await talk.hear_event(_STARTED)
    except TimeoutError:
        return Unheard.STARTING
    async with asyncio.timeout(LIST_S):
        listing, events = talk.ask("ShowDialPlan"), []
        if not (await talk.hear(listing)).is_success:
            return Unheard.FORBIDDEN
        while (message := await talk.hear(listing)).event != _END:
            events.append(dict(message.lines))
        return events


class _Talk:
    """One connection. What answers a question is told by an id that nobody can guess."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = AmiDecoder(dict.fromkeys((_STARTED, _ITEM, _END), ""))
        self._heard: deque[Message] = deque()

    def ask(self, name: str, **fields: str) -> str:
        """Send an action; returns its id."""
        action_id = secrets.token_hex(8)
        self._writer.write(action(name, {**fields, "ActionID": action_id}))
        return action_id

    async def hear(self, action_id: str) -> Message:
        """Wait for the next message that answers this action."""
        message = await self._next()
        while message.last("ActionID") != action_id:
            message = await self._next()
        return message

    async def hear_event(self, name: str) -> None:
        """Wait for an event that nobody has asked for."""
        while (await self._next()).event != name:
            continue

    async def _next(self) -> Message:
        while not self._heard:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise ConnectionResetError("Asterisk has closed the connection")
            self._heard.extend(self._decoder.receive(data))
        return self._heard.popleft()
