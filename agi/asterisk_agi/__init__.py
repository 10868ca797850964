"""The Asterisk Gateway Interface without input or output: bytes in, frozen events out; commands out as bytes.

For servers: `AgiSession` and the command functions. For whatever plays Asterisk: `encode_request` and `CommandReader`.
Standard library only. The promise: any bytes, however they are cut, give events or a `ProtocolError`, in bounded memory
and time. Sockets and deadlines belong to the caller: `docs/asterisk_agi.md` has a whole server loop.
"""

from asterisk_agi.client import CommandReader, encode_request, parse_command
from asterisk_agi.commands import command, exec_application, get_full_variable, hangup, quote, set_variable, verbose
from asterisk_agi.errors import (
    CommandTooLongError,
    LimitExceededError,
    LocalProtocolError,
    MalformedReplyError,
    ProtocolError,
    RemoteProtocolError,
    SessionClosedError,
    UnsafeTextError,
)
from asterisk_agi.events import (
    AgiRequest,
    EndOfInput,
    EndPoint,
    Event,
    Fault,
    FaultKind,
    Hangup,
    Reply,
    ReplyCode,
)
from asterisk_agi.limits import ALLOWED, Limit
from asterisk_agi.session import AgiSession, State

__all__ = [
    "ALLOWED",
    "AgiRequest",
    "AgiSession",
    "CommandReader",
    "CommandTooLongError",
    "EndOfInput",
    "EndPoint",
    "Event",
    "Fault",
    "FaultKind",
    "Hangup",
    "Limit",
    "LimitExceededError",
    "LocalProtocolError",
    "MalformedReplyError",
    "ProtocolError",
    "RemoteProtocolError",
    "Reply",
    "ReplyCode",
    "SessionClosedError",
    "State",
    "UnsafeTextError",
    "command",
    "encode_request",
    "exec_application",
    "get_full_variable",
    "hangup",
    "parse_command",
    "quote",
    "set_variable",
    "verbose",
]
