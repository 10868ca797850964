"""Whether the daemon of this machine lives, and may end calls, is found out and not believed."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from callgate.commands import daemon
from callgate.commands.daemon import ControlStatus, Daemon, GateState, look_at_daemon
from callgate.control.standing import STANDING_FILE, Standing
from callgate.settings import load_settings
from clinic_samples import SETTINGS, TUESDAY_11, write_site

CONTROL = '\n[control]\nami = "127.0.0.1:5038"\nsecret_file = "secret"\n'
LINKED = Standing(is_linked=True, since=TUESDAY_11, ungated=3)


def look(folder: Path, listen: str = "127.0.0.1:1", control: str = "") -> Daemon:
    file = write_site(folder, settings=SETTINGS.replace("127.0.0.1:0", listen) + control)
    return look_at_daemon(load_settings(file), folder)


def test_a_gate_that_nobody_started_refuses(tmp_path: Path) -> None:
    assert look(tmp_path) == Daemon(gate=GateState.REFUSED, control=ControlStatus.NONE, standing=None)


@pytest.mark.parametrize(
    ("answer", "state"),
    [(b"", GateState.SILENT), (b"HTTP/1.1 400\r\n", GateState.OTHER)],
)
def test_a_gate_that_is_frozen_or_another_program_in_its_place_is_not_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answer: bytes, state: GateState
) -> None:
    """The kernel goes on taking connections for a gate that was stopped: it was said to be up."""
    assert daemon.GATE_DEADLINE_S == 1.0
    monkeypatch.setattr(daemon, "GATE_DEADLINE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        asking = pool.submit(look, tmp_path, f"127.0.0.1:{listening.getsockname()[1]}")
        connection, _ = listening.accept()
        with connection:
            connection.sendall(answer)
            assert asking.result().gate is state


@pytest.mark.parametrize(
    ("settings", "standing", "gate", "control"),
    [
        ("", LINKED, GateState.UP, ControlStatus.NONE),
        (CONTROL, LINKED, GateState.UP, ControlStatus.UP),
        (CONTROL, LINKED, GateState.REFUSED, ControlStatus.DOWN),
        (CONTROL, LINKED, GateState.SILENT, ControlStatus.DOWN),
        (CONTROL, msgspec.structs.replace(LINKED, is_linked=False), GateState.UP, ControlStatus.DOWN),
        (CONTROL, None, GateState.UP, ControlStatus.DOWN),
    ],
    ids=["not set", "linked", "a gate that is down", "a gate that hangs", "no link", "a gate that never wrote it"],
)
def test_control_can_end_calls_only_while_its_gate_lives_and_is_linked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    settings: str,
    standing: Standing | None,
    gate: GateState,
    control: ControlStatus,
) -> None:
    monkeypatch.setattr(daemon, "_gate", lambda _: gate)
    (tmp_path / "state").mkdir()
    if standing is not None:
        (tmp_path / "state" / STANDING_FILE).write_bytes(msgspec.json.encode(standing))
    found = look(tmp_path, control=settings)
    assert found == Daemon(gate=gate, control=control, standing=standing)
