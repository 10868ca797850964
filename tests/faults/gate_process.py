"""The gate's processes on the stage: what they said, who they are, and how one is broken from within.

A worker is a fresh Python, which imports `sitecustomize` first: with a fault written there, the next worker has it.
"""

from textwrap import indent

import msgspec

import practice
from faults.stage import Stage
from system.rig import wait_for

BREAKABLE = practice.Practice(environment={"PYTHONPATH": "/etc/callgate/fault"})
"""The practice of a test that breaks a worker from within."""
SERVING, REPLACED = "worker.serving", "worker.replaced"
SERVES_WITHIN_S = 20.0


def said(stage: Stage, event: str) -> list[dict[str, object]]:
    """Every line of one kind that the gate has logged so far."""
    lines = (line for line in stage.rig.lab.gate_output().splitlines() if f'"event": "{event}"' in line)
    return [msgspec.json.decode(line) for line in lines]


def wait_said(stage: Stage, event: str, before: int) -> dict[str, object]:
    """Wait for one more line of a kind than there were."""
    return wait_for(lambda: said(stage, event)[before:], SERVES_WITHIN_S)[-1]


def worker(stage: Stage) -> int:
    """The worker that takes calls, by its process number in the container."""
    found = said(stage, SERVING)[-1]["pid"]
    assert isinstance(found, int)
    return found


def freeze_worker(stage: Stage) -> None:
    """Stop the worker alone."""
    stage.rig.lab.gate_exec("sh", "-c", f"kill -s STOP {worker(stage)}")


def next_worker(stage: Stage) -> None:
    """Have the gate hand over to a new worker, and wait for it."""
    before = len(said(stage, SERVING))
    stage.rig.lab.gate_reload()
    wait_said(stage, SERVING, before)


def break_worker(stage: Stage, fault: str) -> None:
    """Hand over to a worker that runs this Python before all else; the one after it is sound again."""
    folder = stage.rig.lab.folder / "config" / "fault"
    folder.mkdir(exist_ok=True)
    file = folder / "sitecustomize.py"
    file.write_text(f'import sys\nif "--worker" in sys.orig_argv:\n{indent(fault, "    ")}\n', encoding="utf-8")
    next_worker(stage)
    file.unlink()
