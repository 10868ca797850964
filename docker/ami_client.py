"""A program that is logged in to Asterisk's manager interface (AMI), as a click-to-dial or a queue panel is."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from asterisk_conf import AMI_PORT

ANSWER_MAX_S = 5.0

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AmiClient:
    """One connection, as the lab's AMI user; it asks for no events."""

    def __init__(self, host: str, secret: str) -> None:
        self._host, self._secret = host, secret
        self._open: _Streams | None = None

    async def __aenter__(self) -> Self:
        self._open = await asyncio.open_connection(self._host, AMI_PORT)
        await self._streams[0].readline()  # the banner
        await self.ask("Login", Username="callgate", Secret=self._secret, Events="off")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._streams[1].close()
        await self._streams[1].wait_closed()

    async def ask(self, action: str, **fields: str) -> dict[str, str]:
        """Send one action; returns the fields of its response.

        Raises:
            TimeoutError: if none came in 5 s.
        """
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self._streams[1].write("\r\n".join(lines).encode())
        return await self._next("Response")

    async def originate(self, channel: str, **fields: str) -> None:
        """Place a call, and leave what becomes of it to Asterisk."""
        await self.ask("Originate", Channel=channel, Async="true", Timeout="10000", **fields)

    async def channels(self) -> list[str]:
        """The names of all channels that are up."""
        return [channel["Channel"] for channel in await self._listed()]

    async def hang_up_callers(self) -> None:
        """Hang up the first channel of each call.

        All at once is more than Asterisk 22.10 always survives: a Page that lost its parties in one moment crashed it.
        """
        channels = await self._listed()
        # The first one may be gone, and the others stay.
        first = {channel["Linkedid"]: channel["Channel"] for channel in reversed(channels)}
        first |= {channel["Linkedid"]: channel["Channel"] for channel in channels if _is_first(channel)}
        for name in first.values():
            await self.ask("Hangup", Channel=name)

    async def _listed(self) -> list[dict[str, str]]:
        """Every channel that is up, as Asterisk shows it."""
        await self.ask("CoreShowChannels")
        channels: list[dict[str, str]] = []
        while (event := await self._next("Event"))["Event"] != "CoreShowChannelsComplete":
            channels.append(event)
        return channels

    @property
    def _streams(self) -> _Streams:
        assert self._open is not None
        return self._open

    async def _next(self, kind: str) -> dict[str, str]:
        """The next message that is a Response, or an Event."""
        async with asyncio.timeout(ANSWER_MAX_S):
            while True:
                message = (await self._streams[0].readuntil(b"\r\n\r\n")).decode(errors="replace")
                fields = dict(line.partition(": ")[::2] for line in message.splitlines() if ": " in line)
                if kind in fields:
                    return fields


def _is_first(channel: Mapping[str, str]) -> bool:
    """Whether a call began with this channel."""
    return channel["Uniqueid"] == channel["Linkedid"]
