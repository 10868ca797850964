"""No call waits for the log, and a flood does not fill it: what is left out is counted and said."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from callgate.log_lines import END_PATIENCE_S, KIND_LINES_MAX, LINES_WAITING_MAX, WINDOW_S, Throttle
from flood.real_gate import real_gate

PATIENCE_S = 60

SPEAKS = """\
import logging, sys, warnings
import structlog
from callgate import log_lines
from callgate.telemetry import configure_logs

log_lines.END_PATIENCE_S = float(sys.argv[3])
configure_logs()
log = structlog.get_logger()
for number in range(int(sys.argv[1])):
    log.info(f"event.{number % int(sys.argv[2])}", clinic="c", number=number)
logging.getLogger("asyncio").error("a task broke", exc_info=None)
warnings.warn("old", DeprecationWarning, stacklevel=1)
print("went on", flush=True)
"""


def speak(lines: int, kinds: int, error: int, end_s: float = PATIENCE_S) -> subprocess.Popen[str]:
    words = [sys.executable, "-W", "always", "-c", SPEAKS, str(lines), str(kinds), str(end_s)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=error, text=True)


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe into which not one byte more goes."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4095 + b"\n")
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def test_a_pipe_that_nobody_reads_holds_nothing_up_not_even_the_end() -> None:
    """The daemon once wrote its log itself: behind a full pipe no call had an answer, for ever."""
    with full_pipe() as (_, writing), speak(3_000, 3_000, writing, END_PATIENCE_S) as program:
        out, _ = program.communicate(timeout=PATIENCE_S)
    assert (out, program.returncode) == ("went on\n", 0)


def test_lines_that_found_no_room_are_counted_and_said() -> None:
    reading, writing = os.pipe()
    lines = 3 * LINES_WAITING_MAX + 5_000
    with speak(lines, lines, writing) as program, os.fdopen(reading, encoding="utf-8") as heard:
        os.close(writing)
        assert program.stdout is not None
        assert program.stdout.readline() == "went on\n"
        # Only now does anybody read.
        events = [json.loads(line) for line in heard]
    written = sum(event["event"].startswith("event.") for event in events)
    lost = sum(event["count"] for event in events if event["event"] == "lines.lost")
    said = sum(event["event"] == "library.spoke" for event in events)
    assert lost
    assert written + said + lost == lines + 2


def test_of_a_flood_the_first_lines_are_written_and_the_others_counted() -> None:
    reading, writing = os.pipe()
    with speak(700, 2, writing) as program, os.fdopen(reading, encoding="utf-8") as heard:
        os.close(writing)
        events = [json.loads(line) for line in heard]
        assert program.wait(PATIENCE_S) == 0
    counted = Counter(event["event"] for event in events)
    assert counted["event.0"] == counted["event.1"] == KIND_LINES_MAX
    omitted = {event["of"]: event["count"] for event in events if event["event"] == "lines.omitted"}
    assert omitted == {"event.0": 350 - KIND_LINES_MAX, "event.1": 350 - KIND_LINES_MAX}


def test_what_libraries_and_warnings_say_goes_the_same_way() -> None:
    reading, writing = os.pipe()
    with speak(0, 1, writing) as program, os.fdopen(reading, encoding="utf-8") as heard:
        os.close(writing)
        events = [json.loads(line) for line in heard]
        assert program.wait(PATIENCE_S) == 0
    assert [(event["event"], event["logger"]) for event in events] == [
        ("library.spoke", "asyncio"),
        ("library.spoke", "py.warnings"),
    ]
    assert events[0]["text"] == "a task broke"


async def test_a_gate_whose_log_nobody_reads_serves_every_call(tmp_path: Path) -> None:
    with full_pipe() as (_, writing), real_gate(tmp_path, error=writing) as gate:
        for _ in range(60):
            assert (await gate.ask())[1] == "grant"
        assert gate.end() == 0


# The throttle alone.


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_window_that_is_over_is_told_once_and_the_next_line_begins_another() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)

    def passes(event: str = "call.refused", clinic: str = "c") -> bool:
        try:
            throttle(None, "info", {"event": event, "clinic": clinic})
        except structlog.DropEvent:
            return False
        return True

    assert sum(passes() for _ in range(50)) == KIND_LINES_MAX
    assert passes(clinic="d")
    assert passes("call.granted")
    clock.now = WINDOW_S - 0.1
    assert list(throttle.over()) == []
    clock.now = WINDOW_S
    assert list(throttle.over()) == [(("call.refused", "c"), 50 - KIND_LINES_MAX)]
    assert list(throttle.over()) == []
    assert sum(passes() for _ in range(50)) == KIND_LINES_MAX
    assert list(throttle.over(at_end=True)) == [(("call.refused", "c"), 50 - KIND_LINES_MAX)]


def test_lines_of_several_threads_are_each_passed_or_counted() -> None:
    throttle, passed = Throttle(), []

    def say() -> None:
        for _ in range(500):
            try:
                passed.append(throttle(None, "info", {"event": "e"}))
            except structlog.DropEvent:
                continue

    threads = [threading.Thread(target=say) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(passed) == KIND_LINES_MAX
    assert list(throttle.over(at_end=True)) == [(("e", ""), 2000 - KIND_LINES_MAX)]
