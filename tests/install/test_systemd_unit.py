"""The unit file, and the page that describes it, hold what they promise; systemd itself is asked."""

import re
import subprocess
from importlib.resources import files
from pathlib import Path

from callgate.heartbeat import RESTART_PAUSE_MAX_S, SILENCE_MAX_S
from callgate.places import LEAVE_PATIENCE_S, START_PATIENCE_S

EXPOSURE_MAX = 1.2
ROOT = Path(__file__).parent.parent.parent
UNIT = Path(str(files("callgate.install"))) / "systemd" / "callgate.service"
PAGE = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")


def test_the_gate_has_hardly_a_right_that_it_does_not_need() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"Overall exposure level for callgate.service: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE_MAX


def test_systemd_finds_no_mistake_in_the_unit(tmp_path: Path) -> None:
    """With a program that is there; the one it names is on the machine of the clinic. With the page's drop-in, too."""
    unit, more = tmp_path / "callgate.service", tmp_path / "callgate.service.d" / "override.conf"
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/callgate/bin/callgate", "/bin/true"))
    more.parent.mkdir()
    more.write_text(PAGE.partition("```ini\n")[2].partition("```")[0])
    assert "LoadCredential=" in more.read_text()
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in verified.stderr.splitlines() if "callgate.service" in line] == []


def test_the_page_names_the_events_and_the_figures_of_the_code() -> None:
    sources = [
        ROOT / "agi" / "callgate" / name
        for name in (
            "supervisor.py",
            "places.py",
            "first_worker.py",
            "kept_store.py",
            "commands/serve.py",
            "commands/taking_calls.py",
        )
    ]
    logged = set(re.findall(r'(?:log\.\w+|_complaints\.warn)\(\s*"([a-z._]+)"', "".join(map(Path.read_text, sources))))
    told = set(re.findall(r"`((?:worker|reload|gate|store)\.[a-z_]+)`", PAGE.partition("## What the log says")[2]))
    assert told <= logged
    assert {event for event in logged if event.startswith(("worker.", "reload."))} <= told
    assert f"no beat for {SILENCE_MAX_S} s" in PAGE
    assert f"up to {RESTART_PAUSE_MAX_S:g} s later" in PAGE
    assert f"within {LEAVE_PATIENCE_S:g} s, or was not ready within {START_PATIENCE_S:g} s" in PAGE
