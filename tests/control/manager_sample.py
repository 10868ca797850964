"""A manager interface of the tests' own, for the tests of the link and of the switch."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE_S = 10.0
Answers = Callable[[dict[str, str]], str]


def answered(asked: dict[str, str]) -> str:
    return f"Response: Success\r\nActionID: {asked['ActionID']}\r\nMessage: done\r\n\r\n"


@dataclass(kw_only=True)
class Manager:
    """A manager interface of the test's own."""

    banner: bytes = b"Asterisk Call Manager/11.0.0\r\n"
    answers: Answers = answered
    asked: list[dict[str, str]] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(self.banner)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while raw := await reader.readuntil(b"\r\n\r\n"):
                asked = dict(line.split(": ", 1) for line in raw.decode().splitlines() if line)
                self.asked.append(asked)
                writer.write(self.answers(asked).encode())
        writer.close()

    def say(self, text: str) -> None:
        """Send an event on the latest connection."""
        self.writers[-1].write(text.encode())

    def drop(self) -> None:
        """End the latest connection, as a restart does."""
        self.writers[-1].transport.abort()
