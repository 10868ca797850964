"""The real daemon with more than one worker: who decides does not matter, and what one loses the others do not."""

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from asterisk_agi import CommandReader
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from clinic_samples import BRUSSELS, PARIS, header
from commands.daemon_process import Daemon, ask, daemon, free_port, until, write_settings
from commands.test_supervised import journal_is_whole, load

WORKERS = 2
REFUSALS = 10


@contextmanager
def gate_of_two(folder: Path) -> Iterator[tuple[Daemon, int, list[int]]]:
    """A daemon with two workers, its port, and their processes: the first one, which keeps the journal, first."""
    port = free_port()
    write_settings(folder, port)
    file = folder / "callgate.toml"
    file.write_text(file.read_text().replace("[gate]", f"[gate]\nworkers = {WORKERS}"))
    with daemon(folder) as gate:
        yield gate, port, [serving(gate) for _ in range(WORKERS)]


def serving(gate: Daemon) -> int:
    found = msgspec.json.decode(gate.wait_for("worker.serving"))["pid"]
    assert isinstance(found, int)
    return found


def unsaid(folder: Path) -> list[Path]:
    return list((folder / "state").glob("unsaid-*"))


def rows(folder: Path, event: str) -> list[JournalRow]:
    return [row for row, _ in read_rows(folder / "state" / JOURNAL_FILE) if row.event == event]


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Stop a process for a moment, so that the other worker has every call; it is killed if that takes too long."""
    handle = os.pidfd_open(process)
    os.kill(process, signal.SIGSTOP)
    yield
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGCONT)
    os.close(handle)


def test_a_call_at_a_further_worker_is_decided_and_written_down_by_the_first(tmp_path: Path) -> None:
    """Also where that one is away for the moment of the call: then as soon as it, or the next one, is there."""
    with gate_of_two(tmp_path) as (gate, port, (first, _)):
        assert not [file for file in (tmp_path / "state").iterdir() if file.is_socket()], "nobody else can reach it"
        with frozen(first):
            assert ask(port, PARIS)[1] == "grant"
        until(lambda: bool(rows(tmp_path, "call.granted")))
        assert gate.end() == 0
    assert journal_is_whole(tmp_path)
    assert len(rows(tmp_path, "call.granted")) == 1


def test_a_question_is_answered_once_whichever_worker_it_is_asked(tmp_path: Path) -> None:
    with gate_of_two(tmp_path) as (gate, port, _):
        nonce, passage = str(uuid4()), str(uuid4())

        def asked_again(_: int) -> bool:
            with socket.create_connection(("127.0.0.1", port), 30) as link, link.makefile("rb") as heard:
                link.sendall(header(passage=passage, nonce=nonce, dialled=PARIS, asked=f"{time.time():.3f}"))
                commands = CommandReader().receive(heard.read())
                link.sendall(b"200 result=1\n")
                return bool(commands)

        with ThreadPoolExecutor(20) as callers:
            answers = Counter(callers.map(asked_again, range(40)))
        assert answers[True] == 1
        assert gate.end() == 0


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "a further one"])
def test_a_worker_that_dies_is_replaced_and_the_other_goes_on(tmp_path: Path, which: int) -> None:
    with gate_of_two(tmp_path) as (gate, port, workers):
        os.kill(workers[which], signal.SIGKILL)
        assert ask(port, PARIS)[1] == "grant"
        replaced = msgspec.json.decode(gate.wait_for("worker.replaced"))
        assert (replaced["pid"], replaced["cause"]) == (workers[which], "signal 9")
        serving(gate)
        assert ask(port, BRUSSELS)[1] == "refuse"
        assert gate.end() == 0
    assert journal_is_whole(tmp_path)
    # Whatever the other one had to say while the first one was away was kept for the next.
    assert len(rows(tmp_path, "call.granted")) == 1
    assert sum(row.count for row in rows(tmp_path, "call.refused")) == 1
    assert rows(tmp_path, "journal.behind") == []


def refuse_without_a_first_worker(gate: Daemon, port: int, first: int) -> None:
    """Kill the first worker while nobody can start the next one, and ask the further one."""
    gate.process.send_signal(signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    with ThreadPoolExecutor(REFUSALS) as callers:
        verdicts = callers.map(lambda _: ask(port, BRUSSELS)[1], range(REFUSALS))
        assert list(verdicts) == ["refuse"] * REFUSALS


def counted(folder: Path) -> int:
    return sum(row.count for row in rows(folder, "call.refused"))


def test_what_a_caller_was_told_is_written_down_also_when_both_workers_die_one_after_the_other(tmp_path: Path) -> None:
    """Of 50,099 refusals that callers had heard 1,610 were nowhere."""
    with gate_of_two(tmp_path) as (gate, port, (first, further)):
        refuse_without_a_first_worker(gate, port, first)
        os.kill(further, signal.SIGKILL)
        gate.process.send_signal(signal.SIGCONT)
        for _ in range(WORKERS):
            serving(gate)
        until(lambda: counted(tmp_path) >= REFUSALS)
        assert gate.end() == 0
    assert journal_is_whole(tmp_path)
    assert counted(tmp_path) == REFUSALS
    assert not unsaid(tmp_path)


def test_what_a_further_worker_has_to_say_when_the_supervisor_is_killed_the_next_daemon_writes_down(
    tmp_path: Path,
) -> None:
    with gate_of_two(tmp_path) as (gate, port, (first, further)):
        refuse_without_a_first_worker(gate, port, first)
        assert ask(port, PARIS)[1] == "grant"
        gate.process.kill()
        gate.process.wait()
        until(lambda: not Path(f"/proc/{further}").exists())
        file = tmp_path / "callgate.toml"
        file.write_text(file.read_text().replace(f"workers = {WORKERS}", "workers = 1"))
        with daemon(tmp_path) as second:
            serving(second)
            assert second.end() == 0
    assert journal_is_whole(tmp_path)
    assert (counted(tmp_path), len(rows(tmp_path, "call.granted"))) == (REFUSALS, 1)
    assert not unsaid(tmp_path)


def test_a_restart_of_two_workers_under_load_answers_every_call_and_rightly(tmp_path: Path) -> None:
    with gate_of_two(tmp_path) as (gate, port, workers):
        with load(port) as calls:
            for _ in range(2):
                gate.process.send_signal(signal.SIGHUP)
                workers += [serving(gate) for _ in range(WORKERS)]
        assert calls.wrong == []
        assert len(set(workers)) == 3 * WORKERS
        assert gate.end() == 0
    assert '"event": "worker.replaced"' not in "".join(gate.said)
    assert journal_is_whole(tmp_path)
    assert sum(row.count for row in rows(tmp_path, "call.refused")) == calls.count // 2
    assert rows(tmp_path, "journal.behind") == []
