"""The gate's processes on the stage: what they said, who they are, and how one is broken from within.

A worker is a fresh Python, which imports `sitecustomize` first: with a fault written there, the next worker has it.
"""

from datetime import datetime
from textwrap import indent

import msgspec

import practice
from faults.stage import Stage
from practice import WORKERS
from system.rig import wait_for

BREAKABLE = practice.Practice(environment={"PYTHONPATH": "/etc/callgate/fault"})
"""The practice of a test that breaks a worker from within."""
SERVING, REPLACED = "worker.serving", "worker.replaced"
SERVES_WITHIN_S = 20.0
_LISTED = "grep -ls '\"place\"[:]{place},' /proc/[0-9]*/cmdline | cut -d / -f 3"
"""A worker is told its place on its command line; that of this search is another one."""


def said(stage: Stage, event: str) -> list[dict[str, object]]:
    """Every line of one kind that the gate has logged so far."""
    lines = (line for line in stage.rig.lab.gate_output().splitlines() if f'"event": "{event}"' in line)
    return [msgspec.json.decode(line) for line in lines]


def wait_said(stage: Stage, event: str, before: int) -> dict[str, object]:
    """Wait for one more line of a kind than there were."""
    return wait_for(lambda: said(stage, event)[before:], SERVES_WITHIN_S)[-1]


def said_at(line: dict[str, object]) -> float:
    """When a line was logged, in epoch seconds."""
    return datetime.fromisoformat(str(line["ts"])).timestamp()


def wait_serving(stage: Stage, before: int) -> None:
    """Wait until every worker took calls, after so many had before."""
    wait_for(lambda: len(said(stage, SERVING)) >= before + WORKERS, SERVES_WITHIN_S)


def worker(stage: Stage, place: int = 0) -> int:
    """The worker in one place, by its process number in the container; that in the first keeps the journal."""
    return int(stage.rig.lab.gate_exec("sh", "-c", _LISTED.replace("{place}", str(place))))


def workers(stage: Stage) -> list[int]:
    """All of them."""
    return [worker(stage, place) for place in range(WORKERS)]


def freeze_worker(stage: Stage, place: int) -> float:
    """Stop one worker alone; gives when, in epoch seconds."""
    return float(stage.rig.lab.gate_exec("sh", "-c", f"date +%s.%N; kill -s STOP {worker(stage, place)}"))


def next_workers(stage: Stage) -> None:
    """Have the gate hand over to new workers, and wait for them."""
    before = len(said(stage, SERVING))
    stage.rig.lab.gate_reload()
    wait_serving(stage, before)


def break_workers(stage: Stage, fault: str) -> None:
    """Hand over to workers that run this Python before all else; those after them are sound again."""
    folder = stage.rig.lab.folder / "config" / "fault"
    folder.mkdir(exist_ok=True)
    file = folder / "sitecustomize.py"
    file.write_text(f'import sys\nif "--worker" in sys.orig_argv:\n{indent(fault, "    ")}\n', encoding="utf-8")
    next_workers(stage)
    file.unlink()
