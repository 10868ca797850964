"""A crowd of connections beside Asterisk that ask the gate nothing (`idle_crowd.py`)."""

from pathlib import Path

from faults.stage import Stage
from system.rig import wait_for

PROGRAM = Path(__file__).with_name("idle_crowd.py")
STANDS_WITHIN_S = 60.0


def start_crowd(stage: Stage, mode: str, size: int) -> None:
    """Start it in one of its modes, and wait until it stands."""
    stage.rig.lab.copy_to_asterisk("/root/idle_crowd.py", PROGRAM.read_bytes())
    words = f"cd; python3 idle_crowd.py {mode} {size} >crowd.log 2>&1 & echo $! >~/crowd.pid"
    stage.rig.in_asterisk("sh", "-c", words)
    wait_for(lambda: "standing" in crowd_log(stage), STANDS_WITHIN_S)


def end_crowd(stage: Stage) -> None:
    """End it, and with it its connections."""
    stage.rig.in_asterisk("sh", "-c", "cd; kill $(cat crowd.pid); rm crowd.pid")


def crowd_log(stage: Stage) -> str:
    """What it has said."""
    return stage.rig.in_asterisk("cat", "/root/crowd.log")
