"""The socket that calls come to: opened once, by the supervisor or by systemd for it, and shared with its workers."""

import fcntl
import os
import socket
from collections.abc import MutableMapping
from ipaddress import ip_address
from pathlib import Path

from callgate.door import BACKLOG
from callgate.errors import SettingsError

LINE_NAME = "workers.sock"
_FIRST_PASSED = 3


def open_listening(address: str, environment: MutableMapping[str, str]) -> socket.socket:
    """Take the socket that systemd passes (``LISTEN_FDS``, sd_listen_fds(3)), or open one.

    Args:
        address: host and port, where none is passed.
        environment: loses what systemd says there, so that no process of ours takes it for itself.

    Raises:
        OSError: the port is taken.
        SettingsError: what is passed is not one listening stream socket.
    """
    process, number = (environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS"))
    environment.pop("LISTEN_FDNAMES", None)
    if process == str(os.getpid()) and number not in {"", "0"}:
        return _passed(number)
    host, _, port = address.rpartition(":")
    addresses = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # A name such as localhost has both: Asterisk takes the older one.
    family, kind, protocol, _, found = min(addresses, key=lambda address: address[0] != socket.AF_INET)
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(found)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def line_place(state: Path) -> Path:
    """Where the first worker hears the further ones, in the state folder."""
    return state.resolve() / LINE_NAME


def open_line(state: Path) -> socket.socket:
    """Open that place, for this user alone. What an earlier daemon left there goes: the port was its, and is ours now.

    Raises:
        SettingsError: it cannot be opened there.
    """
    place = line_place(state)
    line = socket.socket(socket.AF_UNIX)
    try:
        place.unlink(missing_ok=True)
        line.bind(str(place))
        place.chmod(0o600)
        line.listen()
    except OSError as error:
        line.close()
        remedy = "name a shorter folder, or one that this user may write; one worker (gate.workers) needs none"
        raise SettingsError("gate.state", f"no socket can be made there: {error}", remedy) from None
    return line


def _passed(number: str) -> socket.socket:
    remedy = "pass one ListenStream= in the socket unit"
    if number != "1":
        raise SettingsError("LISTEN_FDS", f"systemd passes {number} sockets", remedy)
    listening = socket.socket(fileno=_FIRST_PASSED)
    fcntl.fcntl(_FIRST_PASSED, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    if listening.type != socket.SOCK_STREAM or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise SettingsError("LISTEN_FDS", "the socket that systemd passes does not listen", remedy)
    if listening.family != socket.AF_UNIX and not ip_address(listening.getsockname()[0]).is_loopback:
        remedy = "write ListenStream=127.0.0.1:4599 in the socket unit: FastAGI is not encrypted"
        raise SettingsError("LISTEN_FDS", "the socket that systemd passes is open to other machines", remedy)
    return listening
