"""The real daemon when its worker hangs, dies, or is replaced under calls that keep coming."""

import os
import queue
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from callgate.heartbeat import SILENCE_MAX_S
from callgate.journal import JOURNAL_FILE, read_rows
from callgate.journal_file import Damage, scan
from clinic_samples import BRUSSELS, PARIS
from commands.daemon_process import ALWAYS_OPEN, Daemon, ask, daemon, free_port, until, write_settings

EMERGENCY = "*31%23*31%2315"
VERDICTS = {EMERGENCY: "grant", BRUSSELS: "refuse"}
"""Of calls that hold nothing, so that there may be any number of them."""


def worker_of(gate: Daemon) -> int:
    """The process that takes calls now, by the daemon's log."""
    found = msgspec.json.decode(gate.wait_for("worker.serving"))["pid"]
    assert isinstance(found, int)
    return found


@dataclass(kw_only=True)
class Load:
    """Calls that come without a pause, and what came of them.

    Fields:
        wrong: the verdicts that were not as they must be, and the errors.
        longest_s: how long the slowest call waited.
    """

    count: int = 0
    wrong: list[str] = field(default_factory=list)
    longest_s: float = 0.0


@contextmanager
def load(port: int) -> Iterator[Load]:
    """Four callers, one call after another each."""
    found, over = Load(), threading.Event()
    results: queue.Queue[tuple[float, str]] = queue.Queue()

    def call() -> None:
        while not over.is_set():
            for dialled, wanted in VERDICTS.items():
                began = time.monotonic()
                try:
                    verdict = ask(port, dialled)[1]
                except (OSError, ValueError) as error:
                    verdict = f"{type(error).__name__} {error}"
                results.put((time.monotonic() - began, "" if verdict == wanted else f"{dialled}: {verdict}"))
                over.wait(0.01)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield found
    finally:
        over.set()
        for caller in callers:
            caller.join()
        while not results.empty():
            seconds, wrong = results.get()
            found.count += 1
            found.longest_s = max(found.longest_s, seconds)
            found.wrong += [wrong] if wrong else []


def journal_is_whole(folder: Path) -> bool:
    with (folder / "state" / JOURNAL_FILE).open("rb") as stream:
        return not [found for found in scan(stream) if isinstance(found, Damage)]


def test_no_process_of_the_daemon_leaves_its_memory_behind_when_it_dies(tmp_path: Path) -> None:
    """A core file had the keys of the seal and of the numbers in it, where the daemon was started."""
    write_settings(tmp_path, free_port())
    with daemon(tmp_path) as gate:
        worker = worker_of(gate)
        children = Path(f"/proc/{gate.process.pid}/task/{gate.process.pid}/children").read_text().split()
        assert str(worker) in children
        assert len(children) == len(("worker", "store"))
        for process in (gate.process.pid, *children):
            limits = Path(f"/proc/{process}/limits").read_text()
            assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits


@pytest.mark.parametrize(("number", "cause"), [(signal.SIGSTOP, "stuck"), (signal.SIGKILL, "signal 9")])
def test_a_worker_that_hangs_or_dies_is_replaced_and_the_store_lives_on(
    tmp_path: Path, number: signal.Signals, cause: str
) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        first = worker_of(gate)
        assert int(Path(f"/proc/{first}/oom_score_adj").read_text(encoding="ascii")) == 500, "before all others"
        os.kill(first, number)
        replaced = msgspec.json.decode(gate.wait_for("worker.replaced"))
        assert (replaced["pid"], replaced["cause"]) == (first, cause)
        assert gate.has_store()
        # It waits at the door for the next worker.
        assert ask(port, PARIS)[1] == "grant"
        assert worker_of(gate) != first
        assert gate.end() == 0
        gate.wait_for("gate.stopped")
    assert "store.ended" not in "".join(gate.said)
    assert journal_is_whole(tmp_path)


def test_a_daemon_that_is_frozen_whole_keeps_its_worker_when_it_goes_on(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        worker = worker_of(gate)
        for told in (signal.SIGSTOP, signal.SIGCONT):
            for process in (worker, gate.process.pid):
                os.kill(process, told)
            if told is signal.SIGSTOP:
                until(lambda: (state(worker), state(gate.process.pid)) == ("T", "T"))
                threading.Event().wait(2 * SILENCE_MAX_S)
        assert ask(port, PARIS)[1] == "grant"
        assert gate.end() == 0
        gate.wait_for("gate.stopped")
    assert "worker.replaced" not in "".join(gate.said)


def state(process: int) -> str:
    """The kernel's letter for what a process does: T if it is stopped."""
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def test_a_restart_under_load_answers_every_call_and_rightly(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        worker = worker_of(gate)
        with load(port) as calls:
            for _ in range(3):
                gate.process.send_signal(signal.SIGHUP)
                assert worker_of(gate) != worker
        print(f"\n{calls.count} calls, the slowest waited {calls.longest_s * 1000:.0f} ms")
        assert calls.wrong == []
        assert calls.count > 0
        assert gate.end() == 0
        gate.wait_for("gate.stopped")
    assert "worker.replaced" not in "".join(gate.said)
    assert journal_is_whole(tmp_path)
    refused = [row for row, _ in read_rows(tmp_path / "state" / JOURNAL_FILE) if row.event == "call.refused"]
    assert sum(row.count for row in refused) == calls.count // 2


def test_a_reload_takes_the_settings_as_they_are_then(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    file = tmp_path / "callgate.toml"
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        file.write_text(file.read_text().replace('pbx    = "pbx1"', 'pbx    = "pbx2"'))
        gate.process.send_signal(signal.SIGHUP)
        gate.wait_for("gate.started")
        assert ask(port, PARIS)[4].startswith("pbx2.")
        assert gate.end() == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("[gate]", "[gates]"), "callgate.toml: settings: Object contains unknown field `gates`"),
        (('state  = "state"', 'state  = "other"'), "gate.state: it cannot change while the daemon runs"),
        (('policy = "policy.toml"', 'policy = "missing.toml"'), "missing.toml: cannot be read"),
        (('policy = "policy.toml"', r'policy = "policy\u0000.toml"'), "cannot be read: embedded null byte"),
    ],
    ids=["a slip", "what the daemon itself goes by", "a policy that is missing", "a name that no file can have"],
)
def test_settings_that_cannot_be_used_are_refused_and_the_gate_goes_on_as_before(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    file = tmp_path / "callgate.toml"
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        text = file.read_text()
        assert change[0] in text
        file.write_text(text.replace(*change))
        gate.process.send_signal(signal.SIGHUP)
        assert problem in msgspec.json.decode(gate.wait_for("reload.refused"))["problem"]
        assert ask(port, PARIS)[1] == "grant"
        assert gate.end() == 0


@pytest.mark.parametrize("edited", ["callgate.toml", "policy.toml"])
def test_a_worker_that_dies_while_a_file_is_half_edited_is_replaced_with_what_worked(
    tmp_path: Path, edited: str
) -> None:
    """Of a policy nobody had kept what it said: until it was mended nobody answered, and each call waited 1.2 s."""
    port = free_port()
    write_settings(tmp_path, port)
    file = tmp_path / edited
    with daemon(tmp_path) as gate:
        worker = worker_of(gate)
        file.write_text(file.read_text()[:100])
        os.kill(worker, signal.SIGKILL)
        assert worker_of(gate) != worker
        assert ask(port, PARIS)[1] == "grant"
        gate.process.send_signal(signal.SIGHUP)
        gate.wait_for("reload.refused")
        assert gate.end() == 0


def test_a_policy_that_is_edited_comes_into_force_at_a_reload_and_not_when_a_worker_dies(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        worker = worker_of(gate)
        (tmp_path / "policy.toml").write_text(f"{ALWAYS_OPEN}# edited\n")
        os.kill(worker, signal.SIGKILL)
        worker_of(gate)
        assert '"revision": 2' not in "".join(gate.said)
        gate.process.send_signal(signal.SIGHUP)
        worker_of(gate)
        assert '"revision": 2' in "".join(gate.said)
        assert gate.end() == 0


def test_after_the_supervisor_was_killed_the_next_daemon_starts_at_once(tmp_path: Path) -> None:
    """Its worker and its store are left alone then, and must neither stay nor stand in the way."""
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        worker = worker_of(gate)
        gate.process.kill()
        gate.process.wait()
        with daemon(tmp_path) as second:
            assert worker_of(second) != worker
            until(lambda: not Path(f"/proc/{worker}").exists())
            assert ask(port, PARIS)[1] == "grant"
            assert second.end() == 0
            assert not second.has_store()
    assert journal_is_whole(tmp_path)


def test_systemd_hears_that_calls_are_taken_and_of_the_reload_and_the_end(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)

        def told_until(word: str) -> list[str]:
            told = [systemd.recv(4096).decode()]
            while word not in told[-1]:
                told.append(systemd.recv(4096).decode())
            return told

        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        with daemon(tmp_path, environment) as gate:
            assert "WATCHDOG=1" in told_until("READY=1\nSTATUS=")
            # Whoever is told so may call.
            assert ask(port, PARIS)[1] == "grant"
            gate.process.send_signal(signal.SIGHUP)
            told_until("RELOADING=1")
            told_until("READY=1")
            gate.process.terminate()
            told_until("STOPPING=1")
            assert gate.process.wait(30) == 0
