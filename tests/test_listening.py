"""The socket calls come to: opened, or passed by systemd."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.errors import SettingsError
from callgate.listening import open_line, open_listening

PASSED = """\
import os, socket, sys
from callgate.errors import CallgateError
from callgate.listening import open_listening

given = socket.socket(socket.AF_INET, {kind})
given.bind(("{address}", 0))
{listen}
os.dup2(given.fileno(), 3)
environment = {{"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "{number}", "LISTEN_FDNAMES": "x"}}
try:
    found = open_listening("127.0.0.1:1", environment)
except CallgateError as error:
    print(error)
else:
    print(found.fileno(), found.getsockname() == given.getsockname(), os.get_inheritable(3), environment)
"""
SOUND = {"kind": "socket.SOCK_STREAM", "address": "127.0.0.1", "listen": "given.listen()", "number": "1"}


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_a_port_is_opened_and_calls_wait_there(address: str) -> None:
    with open_listening(address, {}) as listening:
        host, port = listening.getsockname()[:2]
        assert host == ("::1" if "::" in address else "127.0.0.1")
        socket.create_connection((host, port)).close()
        assert not os.get_inheritable(listening.fileno())


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        open_listening(f"127.0.0.1:{taken.getsockname()[1]}", {})


def test_a_folder_whose_name_is_too_long_for_a_socket_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with pytest.raises(SettingsError, match=r"gate\.state: no socket can be made there: .*Remedy: name a shorter"):
        open_line(folder).__enter__()
    assert list(folder.iterdir()) == []


def test_what_systemd_passes_to_another_process_is_not_taken() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    with open_listening("127.0.0.1:0", environment) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    assert environment == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "3 True False {}"),
        ({"number": "2"}, "LISTEN_FDS: systemd passes 2 sockets. Remedy: pass one ListenStream= in the socket unit"),
        ({"listen": ""}, "LISTEN_FDS: the socket that systemd passes does not listen. Remedy: pass one ListenStream="),
        ({"listen": "", "kind": "socket.SOCK_DGRAM"}, "LISTEN_FDS: the socket that systemd passes does not listen."),
        (
            {"address": "0.0.0.0"},
            "LISTEN_FDS: the socket that systemd passes is open to other machines. Remedy: write L",
        ),
    ],
    ids=["one", "two", "one that does not listen", "one that is for datagrams", "one for every machine"],
)
def test_the_socket_that_systemd_passes_is_taken(given: dict[str, str], said: str) -> None:
    command = [sys.executable, "-c", PASSED.format(**{**SOUND, **given})]
    heard = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert heard.startswith(said)
