"""What the further workers write to the first one, which keeps the journal and looks after live calls; and its answers.

A frame is a length of four bytes and a list in MessagePack. What is said in one moment stands in one frame and is taken
in one moment: nothing of the reader's own comes between.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from callgate.burst_watch import Counted
from callgate.core.hold import FrozenCause
from callgate.core.sighting import Seen
from callgate.errors import JournalError
from callgate.grants import Issued
from callgate.journal_rows import JournalRow
from callgate.ledger.restoration import Change

_LENGTH_BYTES = 4

Sent = TypeVar("Sent")


class RowToWrite(msgspec.Struct, frozen=True, tag=True):
    """See `Journal.write`."""

    row: JournalRow
    durable: bool


class RefusalToWrite(msgspec.Struct, frozen=True, tag=True):
    """See `Journal.refuse`."""

    row: JournalRow


class LedgerSeen(msgspec.Struct, frozen=True, tag=True):
    """See `Witness.witness`."""

    clinic: str
    seen: Seen
    change: Change | None


class LedgerFrozen(msgspec.Struct, frozen=True, tag=True):
    """See `Witness.freeze`."""

    clinic: str
    cause: FrozenCause


class GrantGiven(msgspec.Struct, frozen=True, tag=True):
    """A grant, for the guard and for whoever renews its hold."""

    issued: Issued


class RefusalCounted(msgspec.Struct, frozen=True, tag=True):
    """A refusal that counts towards a burst."""

    counted: Counted


Content = RowToWrite | RefusalToWrite | LedgerSeen | LedgerFrozen | GrantGiven | RefusalCounted


class Letter(msgspec.Struct, frozen=True):
    """One thing that a further worker says, with its number: each gets an answer."""

    number: int
    content: Content


class Done(msgspec.Struct, frozen=True, tag=True):
    """It was done, or could not be: `problem` is then what `JournalError` says, and empty otherwise."""

    number: int
    problem: tuple[str, str, str] | None = None


class Standing(msgspec.Struct, frozen=True, tag=True):
    """What the first worker is and knows; told at once to whoever connects, and again whenever it has changed.

    Fields:
        gate: the name of this gate for the ledger.
        is_linked: whether live calls are looked after, so that a hold may be for a slice.
        seen: what is known of each clinic's ledger.
    """

    gate: str
    is_linked: bool
    seen: dict[str, Seen]


Answer = Done | Standing

letters = msgspec.msgpack.Decoder(list[Letter])
answers = msgspec.msgpack.Decoder(list[Answer])


def frame(sent: Sequence[Letter] | Sequence[Answer] | Sequence[JournalRow]) -> bytes:
    """Write a frame."""
    body = msgspec.msgpack.encode(sent)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_frame(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[list[Sent]]) -> list[Sent]:
    """Read the next frame.

    Raises:
        EOFError: the other end has gone, or broke off in the middle of one.
        OSError: the connection broke off.
        msgspec.DecodeError: the other end is of another version.
    """
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    body = await reader.readexactly(length)
    try:
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error


def problem_of(error: JournalError) -> tuple[str, str, str]:
    """Take an error apart for the way."""
    return error.file, error.cause, error.remedy
