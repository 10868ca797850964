"""Logs: one JSON object a line on standard error, and no call is lost for a log that cannot be written."""

import json
import subprocess
import sys

from callgate.telemetry import instant_and_event_first

SPEAKS = """\
import structlog
from callgate.telemetry import configure_logs

configure_logs()
log = structlog.get_logger()
log.debug("too.detailed")
log.info("call.refused", dialled="003225551\\u2022\\u2022\\u2022\\u2022", reasons=["country_refused"])
try:
    raise ValueError("broken promise")
except ValueError:
    log.exception("call.failed")
log.warning("line.forged", text="a\\nb")
log.error("store.ended")
print("went on")
"""


def run(redirection: str = "") -> subprocess.CompletedProcess[str]:
    words = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-c", SPEAKS]
    return subprocess.run(words, capture_output=True, text=True, check=True)


def test_each_event_is_one_json_object_on_one_line_with_its_instant_and_name_first() -> None:
    lines = run().stderr.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events] == ["call.refused", "call.failed", "line.forged", "store.ended"]
    assert [list(event)[:2] for event in events] == [["ts", "event"]] * 4
    assert all(line.startswith('{"ts": "20') for line in lines)
    assert [event["level"] for event in events] == ["info", "error", "warning", "error"]
    assert events[0]["reasons"] == ["country_refused"]
    assert "ValueError: broken promise" in events[1]["exception"]


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """Each call logs its verdict before it is answered: a full disk under the log once left every call without one."""
    assert run("2>/dev/full").stdout == "went on\n"


def test_an_event_without_an_instant_is_left_as_it_is() -> None:
    assert list(instant_and_event_first(None, "info", {"call": "a", "event": "b"})) == ["event", "call"]
