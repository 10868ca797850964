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
try:
    raise ValueError("0142685300 of " + repr({"number": "+33142685300"}))
except ValueError:
    log.exception("background.failed", number="+33142685300", told=["0033142685300", {"dialled": b"0142685300"}])
log.warning("store.unsafe", url="redis://gate:hunter2@host:6379/0", password="hunter2", pid=1234567, at=14.5)
print("went on")
"""


def run(redirection: str = "") -> subprocess.CompletedProcess[str]:
    words = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-c", SPEAKS]
    return subprocess.run(words, capture_output=True, text=True, check=True)


def test_each_event_is_one_json_object_on_one_line_with_its_instant_and_name_first() -> None:
    lines = run().stderr.splitlines()
    events = [json.loads(line) for line in lines]
    events = events[:4]
    assert [event["event"] for event in events] == ["call.refused", "call.failed", "line.forged", "store.ended"]
    assert [list(event)[:2] for event in events] == [["ts", "event"]] * 4
    assert all(line.startswith('{"ts": "20') for line in lines)
    assert [event["level"] for event in events] == ["info", "error", "warning", "error"]
    assert events[0]["reasons"] == ["country_refused"]
    assert "ValueError: broken promise" in events[1]["exception"]


def test_no_line_has_a_whole_number_or_a_secret_wherever_it_came_from() -> None:
    """The text of an exception may quote what was dialled, or the address of a store with its password."""
    said = run().stderr
    assert "5300" not in said
    assert "hunter2" not in said
    failed, unsafe = [json.loads(line) for line in said.splitlines()[4:]]
    assert (failed["number"], failed["told"]) == ("+3314268••••", ["003314268••••", {"dialled": "b'014268••••'"}])
    assert "ValueError: 014268•••• of {'number': '+3314268••••'}" in failed["exception"]
    assert (unsafe["url"], unsafe["password"]) == ("redis://***@host:6379/0", "***")
    assert (unsafe["pid"], unsafe["at"]) == (1234567, 14.5)


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """Each call logs its verdict before it is answered: a full disk under the log once left every call without one."""
    assert run("2>/dev/full").stdout == "went on\n"


def test_an_event_without_an_instant_is_left_as_it_is() -> None:
    assert list(instant_and_event_first(None, "info", {"call": "a", "event": "b"})) == ["event", "call"]
