"""What is locked, by whom and until when, is told by `status`, `check` and `blocked`; the page keeps its word."""

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callgate.cli import main
from callgate.core.locks import LockedCalls, Locks
from callgate.core.reasons import Reason
from callgate.core.sighting import Seen
from callgate.journal import JournalRow
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.ledger_memory import LedgerMemory
from callgate.policies import author
from clinic_samples import CLINIC, PARIS, POINTE_A_PITRE, ROOT, SETTINGS, TUESDAY_11, policy_text, write_site
from core.samples import a_lock
from journal_samples import write_journal
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]
OPEN_HOURS = "2026-11-24T11:00"


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, redis: RedisServer) -> Path:
    settings = SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"').replace("127.0.0.1:0", "127.0.0.1:1")
    write_site(tmp_path, settings=settings)
    return tmp_path


def callgate(folder: Path, *words: str) -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", "en", *words])


def lines(capsys: Out, beginning: str) -> list[str]:
    return [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip().startswith(beginning)]


def test_the_status_shows_what_is_locked_until_it_ends(folder: Path, redis: RedisServer, capsys: Out) -> None:
    callgate(folder, "lock", "--only", "costly", "--reason", "strange calls")
    callgate(folder, "status")
    (line,) = lines(capsys, f"{CLINIC}: Locked")
    assert line.startswith(f"{CLINIC}: Locked: costly calls; until somebody unlocks; by {author()} on ")
    assert line.endswith(": strange calls (to lift it: callgate unlock --only costly)")
    callgate(folder, "status", "--json")
    (clinic,) = json.loads(capsys.readouterr().out)["clinics"]
    assert [lock["scope"] for lock in clinic["locks"]] == [{"calls": "costly", "extension": ""}]
    ended = (replace(a_lock(), until=datetime.now(UTC) - timedelta(seconds=1)),)
    publish(redis, revision(2, policy_text(), ended))
    callgate(folder, "status")
    assert lines(capsys, f"{CLINIC}: Locked") == []


def revision(number: int, document: str, locks: Locks) -> PolicyRevision:
    made = PolicyRevision(
        clinic=CLINIC, revision=number, author="a", at=TUESDAY_11, origin="command", reason="", document=document
    )
    return replace(made, locks=locks)


def publish(redis: RedisServer, made: PolicyRevision) -> None:
    async def write() -> None:
        async with connect(redis.url) as client:
            await RedisLedger(client).publish(made, made.revision - 1)

    asyncio.run(write())


def test_so_it_does_where_the_policy_beside_the_lock_cannot_be_used_here(
    folder: Path, redis: RedisServer, capsys: Out
) -> None:
    publish(redis, revision(1, "schema = 2", (a_lock(),)))
    callgate(folder, "status")
    assert lines(capsys, f"{CLINIC}: Locked")


def test_what_somebody_else_wrote_in_a_lock_cannot_play_with_the_terminal(
    folder: Path, redis: RedisServer, capsys: Out
) -> None:
    hostile = (replace(a_lock(), author="\x1b[2Jroot", reason="\u202e\n1"),)
    publish(redis, revision(1, policy_text(), hostile))
    for words in (
        ("status",),
        ("policy", "history"),
        ("check", PARIS, "--at", OPEN_HOURS),
        ("unlock", "--only", "costly"),
    ):
        callgate(folder, *words)
        said = capsys.readouterr()
        assert r"\x1b[2Jroot" in said.out + said.err
        assert "\x1b" not in said.out + said.err


def test_a_check_says_which_lock_stops_a_call(folder: Path, capsys: Out) -> None:
    assert callgate(folder, "check", POINTE_A_PITRE, "--at", OPEN_HOURS) == 0
    until = (datetime.now(ZoneInfo("Europe/Paris")) + timedelta(days=90)).replace(hour=18, microsecond=0)
    callgate(folder, "lock", "--only", "costly", "--until", until.isoformat())
    callgate(folder, "lock", "--only", "extension", "23")
    capsys.readouterr()
    assert callgate(folder, "check", POINTE_A_PITRE, "--at", OPEN_HOURS) == 1
    (line,) = lines(capsys, "Locked: ")
    assert line.startswith(f"Locked: costly calls; until {until.isoformat()}; by {author()} on ")
    assert callgate(folder, "check", POINTE_A_PITRE, "--at", OPEN_HOURS, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["reasons"] == ["locked"]
    assert [lock["scope"]["calls"] for lock in found["locks"]] == ["costly"]
    assert callgate(folder, "check", PARIS, "--at", OPEN_HOURS) == 0
    assert callgate(folder, "check", PARIS, "--at", OPEN_HOURS, "--extension", "23") == 1
    assert callgate(folder, "check", "015", "--extension", "23") == 0


def test_so_it_does_in_french(folder: Path, capsys: Out) -> None:
    callgate(folder, "lock", "--only", "costly")
    capsys.readouterr()
    words = ["--settings", str(folder / "callgate.toml"), "--language", "fr"]
    assert main([*words, "check", POINTE_A_PITRE, "--at", OPEN_HOURS]) == 1
    (line,) = lines(capsys, "Verrouillé")
    assert line.startswith("Verrouillé\u00a0: les appels coûteux\u202f; ")
    assert "\\" not in line


def test_the_list_of_refused_calls_says_which_lock_stopped_each(folder: Path, capsys: Out) -> None:
    row = JournalRow(
        at=TUESDAY_11,
        event="call.refused",
        clinic=CLINIC,
        call="a",
        extension="23",
        dialled="000325551••••",
        reasons=(Reason.LOCKED,),
        locks=(a_lock(LockedCalls.INTERNATIONAL, "23"),),
        zone="Europe/Paris",
    )
    write_journal(folder / "state", row)
    assert callgate(folder, "blocked") == 0
    (line,) = lines(capsys, "Locked: ")
    assert line.startswith("Locked: calls abroad, extension 23; until somebody unlocks; ")
    assert line.endswith("by dr.lilas on 2026-11-24T10:00:00+01:00: strange calls at night")


def test_a_replay_of_past_calls_is_judged_without_the_locks_of_now(folder: Path, capsys: Out) -> None:
    calls = folder / "calls.csv"
    calls.write_text(f"start,extension,dialled,duration_s\n{OPEN_HOURS},101,{PARIS},60\n", encoding="utf-8")
    callgate(folder, "lock")
    capsys.readouterr()
    assert callgate(folder, "replay", str(calls)) == 0
    assert lines(capsys, "Granted: 1, ")


def test_in_a_ledger_that_has_lost_entries_a_lock_is_set_and_to_be_looked_at_again(
    folder: Path, redis: RedisServer, capsys: Out
) -> None:
    async def lose() -> None:
        knowing = LedgerMemory()
        knowing.witness(CLINIC, Seen(epoch="0123456789abcdef", mine=9), None)
        async with connect(redis.url) as client:
            ledger = RedisLedger(client, gate="pbx1", witness=knowing)
            await ledger.void(CLINIC, f"pbx1.x.1.{int(TUESDAY_11.timestamp())}")

    asyncio.run(lose())
    assert callgate(folder, "lock") == 0
    assert lines(capsys, f"{CLINIC}: the ledger has lost entries (it was emptied)")


def test_every_command_of_the_page_on_the_lock_does_what_it_says(folder: Path) -> None:
    page = (ROOT / "docs" / "lock.md").read_text(encoding="utf-8")
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)).splitlines()
    assert len(commands) > 5
    for command in commands:
        name, *words = shlex.split(command)
        # No gate runs here, which the status says with its exit code, and so does a lock that was to cut calls.
        negative = words == ["status"] or "--cut" in words
        assert (name, callgate(folder, *words)) == ("callgate", 1 if negative else 0), command
