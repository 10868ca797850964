"""The whole demo, as `make demo` runs it: real Asterisk, real SIP phones, the gate in its container."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab_images import ROOT

pytestmark = pytest.mark.system

CALLS_MIN = 20
DEMO_MAX_S = 150


def test_the_demo_shows_no_invite_for_a_refused_call_and_leaves_nothing_running(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docker" / "demo.py"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        written, _ = demo.communicate(timeout=DEMO_MAX_S)
    assert demo.returncode == 0, written
    calls = re.findall(r"^10[1-5]  .{13} (.{16}) (\w+) +(yes|no) ", written, re.MULTILINE)
    assert len(calls) >= CALLS_MIN
    assert {verdict for _, verdict, invite in calls if invite == "no"} == {"refused"}
    assert {verdict for _, verdict, invite in calls if invite == "yes"} == {"granted", "emergency", "allowance"}
    label = f"label=callgate.lab=demo-{demo.pid}"
    assert subprocess.check_output(["docker", "ps", "-aq", "-f", label], text=True) == ""
    assert subprocess.check_output(["docker", "network", "ls", "-q", "-f", label], text=True) == ""


def test_without_docker_one_line_says_so(tmp_path: Path) -> None:
    nowhere = {**os.environ, "PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    command = [sys.executable, str(ROOT / "docker" / "demo.py"), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=nowhere, timeout=30)
    assert ended.returncode == 4
    assert ended.stderr.startswith("callgate: ")
    assert ended.stderr.count("\n") == 1
