"""What systemd is told, on a real datagram socket."""

import os
import socket
from pathlib import Path
from uuid import uuid4

import pytest

from callgate.notify import Notifier


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_systemd_is_told_what_goes_on(tmp_path: Path, kind: str) -> None:
    name = str(tmp_path / "notify") if kind == "file" else f"@{uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1))
        notifier = Notifier.of({"NOTIFY_SOCKET": name})
        notifier.status("starting")
        notifier.ready("takes calls")
        notifier.reloading("reads again")
        notifier.alive()
        notifier.stopping("ends")
        told = [systemd.recv(4096).decode() for _ in range(5)]
    assert told[:2] == ["STATUS=starting", "READY=1\nSTATUS=takes calls"]
    reloading, micros, status = told[2].split("\n")
    assert (reloading, status) == ("RELOADING=1", "STATUS=reads again")
    assert int(micros.removeprefix("MONOTONIC_USEC=")) > 0
    assert told[3:] == ["WATCHDOG=1", "STOPPING=1\nSTATUS=ends"]


def test_where_nobody_wants_to_know_nobody_is_told(tmp_path: Path) -> None:
    Notifier().ready("takes calls")
    Notifier(address=str(tmp_path / "gone")).ready("takes calls")


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "2000000"}, 1.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_is_fed_in_half_the_time_it_waits(environment: dict[str, str], watchdog_s: float) -> None:
    assert Notifier.of(environment).watchdog_s == watchdog_s
