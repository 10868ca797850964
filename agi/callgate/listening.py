"""The socket that calls come to: opened once, by the supervisor or by systemd for it, and shared with its workers."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from callgate.door import BACKLOG
from callgate.errors import SettingsError

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where the first worker hears the further ones.

    Fields:
        listening: the first worker's end.
        way: the number of a file by which a further one finds it (`way_place`).
    """

    listening: socket.socket
    way: int


@contextmanager
def open_line(state: Path) -> Iterator[Line]:
    """Open a socket that only workers find: its name in the state folder goes at once, so nobody can take or remove it.

    Raises:
        SettingsError: it cannot be opened there.
    """
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            with tempfile.TemporaryDirectory(dir=state.resolve()) as folder:
                place = f"{folder}/line"
                listening.bind(place)
                listening.listen()
                way = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            remedy = "name a shorter folder, or one that this user may write; one worker (gate.workers) needs none"
            raise SettingsError("gate.state", f"no socket can be made there: {error}", remedy) from None
        try:
            yield Line(listening=listening, way=way)
        finally:
            os.close(way)


def way_place(way: int) -> Path:
    """Where a process that has the way to the line connects to it: a socket is found by any file that stands for it."""
    return Path(f"/proc/self/fd/{way}")


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
