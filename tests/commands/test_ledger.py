"""`callgate ledger` audits the books and sets their clock, and the journal says who did that and why."""

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from callgate import acts
from callgate.cli import main
from callgate.core.hold import Unavailable
from callgate.journal import Journal, JournalRow, read_rows
from callgate.ledger.client import connect
from callgate.ledger.keys import clinic_keys
from callgate.ledger.redis import RedisLedger
from callgate.server import utc_now
from clinic_samples import CLINIC, SETTINGS, write_site
from ledger.samples import PATIENT, request
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, redis: RedisServer) -> Path:
    """A clinic whose ledger has one call."""
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))

    async def call() -> None:
        async with connect(redis.url) as client:
            await RedisLedger(client, PATIENT, gate="pbx1").hold(request(clinic=CLINIC))

    asyncio.run(call())
    return tmp_path


def ledger(folder: Path, *words: str) -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", "en", "ledger", *words])


def recorded(folder: Path) -> list[JournalRow]:
    """What the daemon finds and writes down."""
    journal = Journal(folder / "state")
    asyncio.run(acts.take(folder / "state", journal))
    journal.close()
    return [row for row, _ in read_rows(journal.file)]


def test_books_that_agree_are_said_to(folder: Path, capsys: Out) -> None:
    assert ledger(folder, "audit") == 0
    assert capsys.readouterr().out == f"{CLINIC}: the books agree with 1 records.\n"
    assert ledger(folder, "audit", "--json") == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_a_place_that_does_not_add_up_is_named(folder: Path, redis: RedisServer, capsys: Out) -> None:
    async def tamper() -> None:
        raw = Redis(unix_socket_path=redis.url.removeprefix("unix://"))
        async with raw:
            await raw.zadd(clinic_keys(CLINIC)[2], {"pbx.boot.stranger.1800014400": 9})

    asyncio.run(tamper())
    assert ledger(folder, "audit") == 1
    *findings, sum_of_them = capsys.readouterr().out.splitlines()
    assert len(findings) >= 1
    assert all("the records say " in finding for finding in findings)
    assert sum_of_them.startswith(f"{CLINIC}: {len(findings)} places do not agree")


def test_the_clock_is_shown_and_nothing_is_recorded(folder: Path, capsys: Out) -> None:
    assert ledger(folder, "clock", "--show") == 0
    assert capsys.readouterr().out.startswith(f"{CLINIC}: the ledger")
    assert not (folder / "state" / acts.FOLDER).exists()


@pytest.mark.parametrize(
    ("wanted", "kept"), [("now", utc_now().strftime("%Y-%m-%d")), ("2026-11-20T08:00+01:00", "2026-11-20 07:00:00Z")]
)
def test_the_clock_is_set_by_a_person_and_the_journal_says_who_and_why(
    folder: Path, capsys: Out, wanted: str, kept: str
) -> None:
    assert ledger(folder, "clock", "--set", wanted, "--reason", "the battery was empty", "--yes") == 0
    assert f" and is {kept}" in capsys.readouterr().out
    *_, last = recorded(folder)
    assert (last.event, last.clinic) == ("ledger.clock_set", CLINIC)
    assert last.note.endswith(": the battery was empty")
    assert f"-> {kept}" in last.note


def test_without_a_reason_or_a_yes_the_clock_stays(folder: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger(folder, "clock", "--set", "now") == 3
    assert "--reason: is needed with --set" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert ledger(folder, "clock", "--set", "now", "--reason", "x") == 1
    assert not (folder / "state" / acts.FOLDER).exists()


@pytest.mark.parametrize("words", [("audit",), ("clock", "--show")])
def test_without_the_ledger_there_is_nothing_to_look_at(tmp_path: Path, capsys: Out, words: tuple[str, ...]) -> None:
    write_site(tmp_path)
    assert ledger(tmp_path, *words) == 4
    assert "does not answer (connection)" in capsys.readouterr().err


def test_a_ledger_that_ends_while_a_person_thinks_is_said(
    folder: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thinks(_question: str, *, is_given: bool) -> bool:
        monkeypatch.setattr(RedisLedger, "set_clock", unanswered)
        return is_given

    async def unanswered(_self: RedisLedger, _clinic: str, _to_s: int | None) -> Unavailable:
        return Unavailable(cause="timeout")

    monkeypatch.setattr("callgate.commands.ledger.consents", thinks)
    assert ledger(folder, "clock", "--set", "now", "--reason", "x", "--yes") == 4
    assert "does not answer (timeout)" in capsys.readouterr().err
