"""`callgate serve`: the real daemon with its own Redis, from its first start to its end."""

import argparse
import os
import signal
import socket
import subprocess
from pathlib import Path

import msgspec
import pytest

from callgate import acts
from callgate.bookkeeper import Bookkeeper
from callgate.cli import main
from callgate.commands import Exit, serve, worker
from callgate.commands.crew import crew_of
from callgate.commands.handed import Handed
from callgate.control.standing import read_standing
from callgate.heartbeat import Word
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from clinic_samples import (
    BRUSSELS,
    CLINIC,
    PARIS,
    POINTE_A_PITRE,
    TUESDAY_11,
    policy_text,
)
from commands.daemon_process import PATIENCE_S, ask, daemon, free_port, until, write_settings


def test_from_the_first_start_to_the_end(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        verdict = ask(port, PARIS)
        assert (verdict[1], verdict[3]) == ("grant", "+33142685300")
        now = int(verdict[4].rpartition(".")[2])
        with (tmp_path / "spool" / "calls.log").open("a") as spool:
            spool.write(f"1|settle|{verdict[4]}|callgate|+33142685300|{now}.0|{now + 60}.0|16|end\n")
        settled = msgspec.json.decode(gate.wait_for("call.settled"))
        assert (settled["seconds"], settled["amount_micros"]) == (60, 20_000)
        assert gate.has_store()
        assert gate.end() == 0
        gate.wait_for("gate.stopped")
        assert not gate.has_store()
        said = "".join(gate.said)
    assert "store.unsafe" not in said
    assert "42685300" not in said, "numbers are masked in the log"
    assert all(msgspec.json.decode(line)["ts"] for line in gate.said)


def test_a_restart_finds_the_money_that_was_spent(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    verdicts = []
    for _ in range(2):
        with daemon(tmp_path) as gate:
            gate.wait_for("gate.started")
            verdicts.append(ask(port, POINTE_A_PITRE)[1])
            gate.end(signal.SIGINT)
    assert verdicts == ["grant", "refuse"], "the first call still holds the whole day's money"


def test_a_manager_interface_that_is_away_stops_no_call_and_is_said(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    settings = tmp_path / "callgate.toml"
    text = settings.read_text()
    settings.write_text(f'{text}\n[control]\nami = "127.0.0.1:{free_port()}"\nsecret_file = "manager.secret"\n')
    (tmp_path / "manager.secret").write_text("s3cret")
    with daemon(tmp_path) as gate:
        gate.wait_for("control.unlinked")
        assert ask(port, PARIS)[1] == "grant"
        standing = read_standing(tmp_path / "state")
        assert standing is not None
        assert not standing.is_linked
        assert gate.end() == 0
    settings.write_text(text)
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        assert read_standing(tmp_path / "state") is None


def test_a_ledger_that_was_emptied_is_restored_from_the_journal_while_the_daemon_runs(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        assert ask(port, POINTE_A_PITRE)[1] == "grant"
        store = ["redis-cli", "-s", str(tmp_path / "state" / "redis" / "redis.sock")]
        subprocess.run([*store, "flushall"], check=True, capture_output=True)
        frozen = msgspec.json.decode(gate.wait_for("ledger.frozen"))
        assert (frozen["clinic"], frozen["cause"]) == (CLINIC, "erased")
        thawed = msgspec.json.decode(gate.wait_for("ledger.thawed"))
        assert (thawed["missing"], thawed["booked_micros"]) == (0, 0)
        assert ask(port, POINTE_A_PITRE)[1] == "refuse", "the first call still holds the money it had"
        assert gate.end() == 0


def test_a_start_is_written_down_with_how_slow_the_disk_is_and_so_is_what_a_person_did(tmp_path: Path) -> None:
    write_settings(tmp_path, free_port())
    act = JournalRow(at=TUESDAY_11, event="ledger.clock_set", clinic=CLINIC, call="", note="somebody")
    acts.leave(tmp_path / "state", act)
    with daemon(tmp_path) as gate:
        tried = msgspec.json.decode(gate.wait_for("disk.tried"))
        until(lambda: not any((tmp_path / "state" / acts.FOLDER).iterdir()))
        assert gate.end() == 0
    rows = {row.event: row for row, _ in read_rows(tmp_path / "state" / JOURNAL_FILE)}
    assert rows["ledger.clock_set"] == act
    assert rows["gate.started"].sync_p99_ms == tried["sync_p99_ms"] > 0


def test_a_disk_that_cannot_be_tried_keeps_nobody_from_starting(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    (tmp_path / "state" / "disk.trial").mkdir()
    with daemon(tmp_path) as gate:
        gate.wait_for("disk.not_tried")
        assert ask(port, PARIS)[1] == "grant"
        assert gate.end() == 0


def test_a_journal_that_cannot_be_opened_stops_costly_calls_and_no_others(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    (tmp_path / "state" / JOURNAL_FILE).mkdir()
    with daemon(tmp_path) as gate:
        gate.wait_for("journal.failed")
        gate.wait_for("gate.started")
        assert ask(port, POINTE_A_PITRE)[1:7:5] == ["refuse", "gate_unavailable"]
        assert ask(port, PARIS)[1] == "grant"
        assert gate.end() == 0


def test_two_daemons_with_a_redis_of_the_clinics_own_do_not_share_a_journal(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port, redis=f"unix://{tmp_path}/nobody.sock")
    with daemon(tmp_path) as first:
        first.wait_for("gate.started")
        write_settings(tmp_path, free_port(), redis=f"unix://{tmp_path}/nobody.sock")
        with daemon(tmp_path) as second:
            assert "journal.cgj cannot be written: another daemon writes it. Remedy: end" in second.wait_for(
                "callgate: "
            )
            assert second.process.wait(PATIENCE_S) == 4
        assert first.end() == 0


def test_a_daemon_that_is_ended_while_it_starts_leaves_no_store_behind(tmp_path: Path) -> None:
    write_settings(tmp_path, free_port())
    with daemon(tmp_path) as gate:
        until(gate.has_store)
        assert gate.end() == 0
        assert not gate.has_store()


def test_its_own_store_is_started_again_when_it_ends(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        socket_file = tmp_path / "state" / "redis" / "redis.sock"
        subprocess.run(["redis-cli", "-s", str(socket_file), "shutdown", "nosave"], check=False, capture_output=True)
        gate.wait_for("store.ended")
        assert ask(port, PARIS)[4].startswith("local:")
        assert ask(port, POINTE_A_PITRE)[6] == "ledger_unavailable"
        until(gate.has_store)
        until(lambda: ask(port, PARIS)[4].startswith("pbx1."))
        assert gate.end() == 0


def test_without_its_redis_the_daemon_starts_and_does_what_the_contract_says(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, port, redis=f"unix://{tmp_path}/nobody.sock")
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        assert any("store.unsafe" in line for line in gate.said)
        assert ask(port, PARIS)[4].startswith("local:")
        assert ask(port, POINTE_A_PITRE)[1:7:5] == ["refuse", "ledger_unavailable"]
        assert ask(port, "*31%23*31%2315")[3:5] == ["15", "emergency"]
        assert gate.end() == 0


@pytest.mark.parametrize(
    ("state", "problem", "remedy"),
    [
        ("state", "another daemon holds daemon.lock", "end the other daemon, or name another folder in gate.state"),
        ("other", "cannot listen on 127.0.0.1:", "end what holds the port, or change gate.listen"),
    ],
    ids=["the same folder", "the same port"],
)
def test_a_second_daemon_gets_one_clear_line_and_the_first_goes_on(
    tmp_path: Path, state: str, problem: str, remedy: str
) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    with daemon(tmp_path) as first:
        first.wait_for("gate.started")
        settings = (tmp_path / "callgate.toml").read_text().replace('state  = "state"', f'state = "{state}"')
        (tmp_path / "callgate.toml").write_text(settings)
        with daemon(tmp_path) as second:
            line = second.wait_for("callgate: ")
            assert problem in line
            assert line.endswith(f"Remedy: {remedy}\n")
            assert second.process.wait(PATIENCE_S) == 4
            assert [said for said in second.said if not said.startswith("{")] == [line]
        assert ask(port, PARIS)[1] == "grant"
        assert first.end() == 0


def test_without_a_redis_to_start_it_says_how_to_get_one(tmp_path: Path) -> None:
    write_settings(tmp_path, free_port())
    with daemon(tmp_path, {"PATH": str(tmp_path)}) as gate:
        assert "Remedy: apt-get install redis-server, or set gate.redis" in gate.wait_for("callgate: ")
        assert gate.process.wait(PATIENCE_S) == 4


def test_a_state_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    write_settings(tmp_path, free_port())
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("a file")
    with daemon(tmp_path) as gate:
        line = gate.wait_for("callgate: ")
        assert "gate.state or gate.spool: " in line
        assert line.endswith("Remedy: make the folder, or name another\n")
        assert gate.process.wait(PATIENCE_S) == 3


def test_a_broken_rate_deck_does_not_keep_the_gate_down(tmp_path: Path) -> None:
    """A slip in one clinic's spreadsheet kept the gate down for every clinic of the fleet."""
    port = free_port()
    write_settings(tmp_path, port)
    (tmp_path / "rates.csv").write_text("broken by hand\n")
    with daemon(tmp_path) as gate:
        told = msgspec.json.decode(gate.wait_for("rates.unusable"))
        assert (told["clinic"], told["file"]) == (CLINIC, str(tmp_path / "rates.csv"))
        gate.wait_for("gate.started")
        assert ask(port, PARIS)[1] == "grant"
        assert ask(port, POINTE_A_PITRE)[1:7:5] == ["refuse", "rate_unknown"]
        assert gate.end() == 0


def test_a_damaged_secret_of_the_number_tags_is_said_at_the_start(tmp_path: Path) -> None:
    write_settings(tmp_path, free_port())
    (tmp_path / "state" / "tags.key").write_bytes(b"")
    with daemon(tmp_path) as gate:
        assert "tags.key: is no secret of 32 bytes" in gate.wait_for("callgate: ")
        assert gate.process.wait(PATIENCE_S) == 3
        assert not gate.has_store()


def test_the_policy_of_the_file_is_published_under_the_clinics_name(tmp_path: Path) -> None:
    write_settings(tmp_path, free_port())
    with daemon(tmp_path) as gate:
        adopted = msgspec.json.decode(gate.wait_for("policy.adopted"))
        assert (adopted["clinic"], adopted["revision"], adopted["origin"]) == (CLINIC, 1, "file")
        gate.wait_for("gate.started")
        assert gate.end() == 0


def test_a_burst_when_closed_locks_the_extension_and_a_person_locks_and_unlocks_a_daemon_that_runs(
    tmp_path: Path,
) -> None:
    port = free_port()
    write_settings(tmp_path, port)
    closed = policy_text({"closed  = []": 'closed = ["2020-01-01/2099-12-31"]'})
    (tmp_path / "policy.toml").write_text(closed, encoding="utf-8")
    words = ("--settings", str(tmp_path / "callgate.toml"))
    with daemon(tmp_path) as gate:
        gate.wait_for("gate.started")
        assert [ask(port, BRUSSELS)[6] for _ in range(10)] == ["country_refused"] * 10
        locked = msgspec.json.decode(gate.wait_for("extension.locked"))
        assert (locked["clinic"], locked["extensions"], locked["revision"]) == (CLINIC, ["101"], 2)
        assert ask(port, BRUSSELS)[6] == "locked"
        assert ask(port, PARIS)[1] == "grant"
        assert main([*words, "lock"]) == 0
        assert ask(port, PARIS)[6] == "locked"
        assert main([*words, "unlock"]) == 0
        assert ask(port, PARIS)[1] == "grant"
        assert main([*words, "unlock", "--only", "international", "extension", "101"]) == 0
        assert ask(port, BRUSSELS)[6] == "country_refused"
        assert gate.end() == 0


def test_a_worker_whose_background_ends_says_so_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It once went on taking calls, and settled and guarded nothing. Its supervisor starts another."""

    async def broken(_: Bookkeeper) -> None:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(Bookkeeper, "run", broken)
    monkeypatch.setattr(serve, "configure_logs", lambda: None)
    # What a worker does to its process is not to stay with that of the tests.
    monkeypatch.setattr(serve, "raise_file_limit", lambda: None)
    monkeypatch.setattr(serve, "_leave_no_core", lambda: None)
    monkeypatch.setattr(worker, "OOM_FIRST", "0")
    hangup = signal.getsignal(signal.SIGHUP)
    write_settings(tmp_path, free_port(), redis=f"unix://{tmp_path}/nobody.sock")
    ours, theirs = socket.socketpair()
    with ours, socket.create_server(("127.0.0.1", 0)) as listening:
        ours.send(bytes([Word.GO]))
        papers, nonces, lent = (os.memfd_create(name) for name in ("papers", "nonces", "lent"))
        os.write(papers, msgspec.json.encode(crew_of(argparse.Namespace(settings=tmp_path / "callgate.toml"))[0]))
        port = listening.detach()
        handed = Handed(place=0, is_one_of_more=False, port=port, papers=papers, nonces=nonces, lent=lent)
        words = ["serve", "--worker", msgspec.json.encode(handed).decode(), str(theirs.detach())]
        assert main(["--settings", str(tmp_path / "callgate.toml"), *words]) == Exit.NEGATIVE
    signal.signal(signal.SIGHUP, hangup)
    said = "".join(capsys.readouterr())
    assert "gate.broken" in said
    assert "a fault of our own" in said
