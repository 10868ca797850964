"""The daemon of this machine, as a command finds it: whether its gate answers, and whether control can end calls."""

import contextlib
import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from callgate.commands.context import state_folder
from callgate.control.standing import STANDING_FILE, Standing, read_standing
from callgate.server import PING_SCRIPT
from callgate.settings import Settings

GATE_DEADLINE_S = 1.0
_PING = f"agi_network_script: {PING_SCRIPT}\n\n".encode()


class GateState(StrEnum):
    """Whether the gate answers; the values are those of ``status --json``."""

    UP = "up"
    REFUSED = "Connection refused"
    SILENT = "no answer"
    OTHER = "another program answers"


class ControlStatus(StrEnum):
    """Whether somebody watches live calls: nobody is told to, the daemon is linked to Asterisk, or it is not."""

    NONE = "none"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What was found; `standing` is what control said last, None where it never ran."""

    gate: GateState
    control: ControlStatus
    standing: Standing | None


def look_at_daemon(settings: Settings, folder: Path) -> Daemon:
    """Ask the gate, and read what control says of itself; that of a gate that is down is no longer true.

    Args:
        settings: the installer's.
        folder: where relative paths in them start from.

    Raises:
        PermissionError: if whoever asks may not look into the state folder: control would seem to be down.
    """
    state = state_folder(settings, folder)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        (state / STANDING_FILE).open("rb").close()
    gate, standing = _gate(settings), read_standing(state)
    return Daemon(gate=gate, control=_control(settings, gate, standing), standing=standing)


def _gate(settings: Settings) -> GateState:
    host, _, port = settings.gate.listen.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), GATE_DEADLINE_S) as connection:
            # The kernel takes connections for a gate that is frozen: only one that lives closes them again.
            connection.sendall(_PING)
            connection.shutdown(socket.SHUT_WR)
            return GateState.OTHER if connection.recv(1) else GateState.UP
    except ConnectionRefusedError:
        return GateState.REFUSED
    except OSError:
        return GateState.SILENT


def _control(settings: Settings, gate: GateState, standing: Standing | None) -> ControlStatus:
    if not settings.control.ami:
        return ControlStatus.NONE
    is_linked = gate is GateState.UP and standing is not None and standing.is_linked
    return ControlStatus.UP if is_linked else ControlStatus.DOWN
