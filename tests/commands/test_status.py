"""`callgate status` says on one screen whether the clinic is protected now."""

import asyncio
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from callgate.cli import main
from callgate.commands import daemon
from callgate.commands.daemon import GateState
from callgate.control.standing import STANDING_FILE, Standing
from callgate.core.sighting import Seen
from callgate.core.verdict import Grant
from callgate.journal import JOURNAL_FILE, JournalRow
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.ledger_memory import LedgerMemory
from callgate.server import Server, utc_now
from callgate.shared_nonces import SharedNonces
from callgate.texts.catalog import Language, text
from clinic_samples import (
    BRUSSELS,
    CLINIC,
    OBSERVING,
    PARIS,
    SETTINGS,
    TUESDAY_11,
    open_site,
    policy_text,
    shared_by_one,
    write_site,
)
from core.samples import a_lock
from journal_samples import write_journal
from ledger.samples import costly, local_call, request
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def status(folder: Path, *words: str) -> int:
    return main(["--settings", str(folder / "callgate.toml"), "--language", "en", "status", *words])


def test_with_nothing_running_it_says_so(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    assert status(tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        text("cli.status_gate_refused", Language.EN, listen="127.0.0.1:1"),
        text("cli.status_ledger_down", Language.EN, cause="no connection"),
        text("cli.status_control_none", Language.EN),
        f"{CLINIC}: the rules are enforced; policy revision 0; 0 live holds",
    ]
    assert status(tmp_path, "--quiet") == 1
    assert capsys.readouterr().out == ""
    assert status(tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["gate"], found["ledger"], found["last_refusal"]) == ("Connection refused", "connection", None)
    assert (found["clinics"][0]["policy"], found["clinics"][0]["policy_revision"]) == ("file", 0)


def test_a_rate_deck_that_cannot_be_used_is_said(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    (tmp_path / "rates.csv").write_text("broken by hand\n")
    assert status(tmp_path) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "rate deck" in line)
    assert line.startswith("The rate deck cannot be used: ")
    assert "rates.csv, line 1: the header is missing" in line
    status(tmp_path, "--json")
    assert "the header is missing" in json.loads(capsys.readouterr().out)["clinics"][0]["rates_problem"]


def revision(number: int, document: str) -> PolicyRevision:
    return PolicyRevision(
        clinic=CLINIC, revision=number, author="a", at=TUESDAY_11, origin="command", reason="", document=document
    )


@pytest.mark.parametrize(
    ("document", "found", "problem"),
    [
        (policy_text(OBSERVING), ("in_force", "observe", 1), ""),
        ("schema = 2\n", ("file", "enforce", 1), "revision 1: schema: 2 is not"),
    ],
    ids=["a policy applied since", "a policy this callgate cannot use"],
)
def test_the_mode_is_that_of_the_policy_in_force(
    tmp_path: Path, redis: RedisServer, capsys: Out, *, document: str, found: tuple[str, str, int], problem: str
) -> None:
    """It was that of the file: a clinic put under observation from elsewhere was shown as protected."""
    settings = SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"').replace("127.0.0.1:0", "127.0.0.1:1")
    write_site(tmp_path, settings=settings)

    async def publish() -> None:
        async with connect(redis.url) as client:
            await RedisLedger(client).publish(revision(1, document), 0)

    asyncio.run(publish())
    assert status(tmp_path, "--json") == 1
    said = capsys.readouterr()
    (clinic,) = json.loads(said.out)["clinics"]
    assert (clinic["policy"], clinic["mode"], clinic["policy_revision"]) == found
    assert problem in said.err
    assert bool(said.err) == bool(problem)


async def test_with_everything_running_it_shows_what_is_held_and_the_last_refusal(
    tmp_path: Path, redis: RedisServer, capsys: Out
) -> None:
    async with connect(redis.url) as client:
        always_open = policy_text({'outside = "national"': 'outside = "as_open"'})
        site = open_site(tmp_path, always_open, ledger=RedisLedger(client))
        await site.shelf.open()
        site.now = utc_now()
        server = Server(site.settings, site.gate, utc_now, None, shared=shared_by_one(SharedNonces))
        listening = await server.listen(socket.create_server(("127.0.0.1", 0)))
        port = listening.sockets[0].getsockname()[1]
        address = f'[gate]\nredis = "{redis.url}"'
        write_site(
            tmp_path, always_open, SETTINGS.replace("[gate]", address).replace("127.0.0.1:0", f"127.0.0.1:{port}")
        )
        assert isinstance(await site.gate.decide(site.passage(PARIS), site.now), Grant)
        await site.gate.decide(site.passage(BRUSSELS), site.now + timedelta(seconds=1))
        assert await asyncio.to_thread(status, tmp_path) == 0
        output = capsys.readouterr()
        assert "request.refused" not in output.out + output.err
        said = [line.split() for line in output.out.splitlines()]
        assert ["Gate:", "up", f"(127.0.0.1:{port})"] in said
        assert ["Ledger:", "up"] in said
        assert f"{CLINIC}: the rules are enforced; policy revision 1; 1 live holds".split() in said
        assert ["national", "calls:", "held", "0.02,", "24", "h", "0.00,", "7", "days", "0.00", "(EUR)"] in said
        assert said[-1][:2] == ["Last", "refusal:"]
        assert await asyncio.to_thread(status, tmp_path, "--quiet") == 0
        assert await asyncio.to_thread(status, tmp_path, "--json") == 0
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert found["clinics"][0]["purses"]["national"]["held"] == 20_000
        assert found["last_refusal"]["reasons"][0] == "country_refused"
        # Connections are taken in their order: when this last one has been let go, so have those of the status.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        listening.close()
        await server.drain()


def test_a_damaged_journal_is_no_fault(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    (tmp_path / "state" / JOURNAL_FILE).write_bytes(b"\xff\n{}\n{")
    assert status(tmp_path) == 1
    assert "Last refusal" not in capsys.readouterr().out


CONTROL = '\n[control]\nami = "127.0.0.1:5038"\nsecret_file = "secret"\n'
LINKED = Standing(is_linked=True, since=TUESDAY_11, ungated=3)


@pytest.mark.parametrize(
    ("standing", "is_up", "said"),
    [
        (LINKED, True, "Control: linked to Asterisk since 2026-11-24 10:00:00 UTC; calls without a grant since the"),
        (LINKED, False, " manager interface since ?: nothing guards the trunks, and a lock does not"),
        (msgspec.structs.replace(LINKED, is_linked=False), True, "since 2026-11-24 10:00:00 UTC: nothing guards"),
        (None, True, "interface since ?: nothing guards"),
    ],
    ids=["linked", "a gate that is down", "not linked", "a gate that never wrote it"],
)
def test_whether_live_calls_are_watched_is_said(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, *, standing: Standing | None, is_up: bool, said: str
) -> None:
    write_site(tmp_path, settings=SETTINGS + CONTROL)
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP if is_up else GateState.REFUSED)
    if standing is not None:
        (tmp_path / "state" / STANDING_FILE).write_bytes(msgspec.json.encode(standing))
    status(tmp_path)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Control: "))
    assert said in line
    status(tmp_path, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["control"] == ("up" if standing == LINKED and is_up else "down")
    assert found["ungated"] == (3 if standing else 0)


@pytest.mark.parametrize(
    ("control", "is_linked", "code"),
    [("", False, 0), (CONTROL, True, 0), (CONTROL, False, 1)],
    ids=["no control is set up", "linked", "no link"],
)
def test_it_ends_with_0_only_where_all_that_is_set_up_does_its_work(
    tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, *, control: str, is_linked: bool, code: int
) -> None:
    """Whatever watches it was told that all is well, with nothing guarding the trunks."""
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"') + control)
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP)
    standing = msgspec.structs.replace(LINKED, is_linked=is_linked)
    (tmp_path / "state" / STANDING_FILE).write_bytes(msgspec.json.encode(standing))
    assert [status(tmp_path), status(tmp_path, "--quiet"), status(tmp_path, "--json")] == [code] * 3


@pytest.fixture
def well(tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site where all does its work."""
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"') + CONTROL)
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP)
    return tmp_path


@pytest.mark.parametrize(("minutes", "is_alarm"), [(9, True), (11, False)])
def test_a_call_past_the_gate_that_was_answered_is_an_alarm_for_ten_minutes(
    well: Path, capsys: Out, minutes: int, *, is_alarm: bool
) -> None:
    """Nothing said so but a count that nobody looked at."""
    at = utc_now() - timedelta(minutes=minutes)
    standing = msgspec.structs.replace(LINKED, answered=2, answered_at=at)
    (well / "state" / STANDING_FILE).write_bytes(msgspec.json.encode(standing))
    assert status(well) == is_alarm
    assert ("ALARM: 2 calls without a grant were answered" in capsys.readouterr().out) is is_alarm
    assert status(well, "--json") == is_alarm
    assert json.loads(capsys.readouterr().out)["escaped"] == 2


def test_in_french_a_secretary_reads_no_english(tmp_path: Path, redis: RedisServer, capsys: Out) -> None:
    settings = SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1")
    write_site(tmp_path, settings=settings)
    file = tmp_path / "callgate.toml"
    words = ["--settings", str(file), "--language", "fr", "status"]
    assert main(words) == 1
    write_site(tmp_path, settings=settings.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))

    async def spend() -> None:
        locked = replace(revision(1, policy_text()), locks=(replace(a_lock(), reason="appels de nuit"),))
        async with connect(redis.url) as client:
            ledger = RedisLedger(client)
            await ledger.publish(locked, 0)
            asked = replace(request(clinic=CLINIC), purses=costly(lines=3), policy_revision=1)
            await ledger.hold(replace(asked, hold_id=f"pbx1.a.1.{int(utc_now().timestamp())}"))

    asyncio.run(spend())
    assert main(words) == 1
    said = capsys.readouterr()
    told = [line.replace("\u00a0", " ").replace("\u202f", " ") for line in said.out.splitlines()]
    assert "Registre des dépenses : en service" in told
    assert f"{CLINIC} : les règles sont appliquées ; règles n° 1 ; appels en cours réservés : 1" in told
    assert any(line.startswith(f"{CLINIC} : Verrouillé : tous les appels, sauf les urgences ; ") for line in told)
    assert any(line.startswith("appels coûteux : réservé ") for line in told)
    english = re.compile(r"\\x|\\u| (?:the|is|up|not|by|refused|enforce|connection|holds?|calls?) ", re.IGNORECASE)
    assert [line for line in told if english.search(f" {line} ".replace("(", " ").replace(")", " "))] == []


def test_the_month_that_is_told_is_this_one(tmp_path: Path, redis: RedisServer, capsys: Out) -> None:
    """It was the latest in which anything was spent."""
    settings = SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"').replace("127.0.0.1:0", "127.0.0.1:1")
    write_site(tmp_path, settings=settings)
    last_month = f"{utc_now().replace(day=1) - timedelta(days=3):%Y-%m}"

    async def spend() -> None:
        call = local_call(f"pbx1.a.1.{int(utc_now().timestamp())}", cents=7)
        async with connect(redis.url) as client:
            ledger = RedisLedger(client)
            await ledger.publish(revision(1, policy_text()), 0)
            assert call.orphan is not None
            await ledger.settle(replace(call, clinic=CLINIC, orphan=replace(call.orphan, month=last_month)))

    asyncio.run(spend())
    status(tmp_path, "--json")
    purses = json.loads(capsys.readouterr().out)["clinics"][0]["purses"]
    assert [(purse["day"], purse["month"]) for purse in purses.values()] == [(70_000, 0)]


@pytest.mark.parametrize(
    ("note", "why"), [("no_grant", "nobody had asked the gate"), ("of_tomorrow\x1b[2J", "of_tomorrow\\x1b[2J")]
)
def test_the_last_call_without_a_grant_is_shown(tmp_path: Path, capsys: Out, *, note: str, why: str) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    row = JournalRow(
        at=TUESDAY_11, event="call.ungated", clinic="", call="", trunk="carrier-a", number="0088216••••", note=note
    )
    write_journal(tmp_path / "state", row)
    status(tmp_path)
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"Last call without a grant: 2026-11-24 10:00:00 UTC, carrier-a, 0088216••••: {why}"


@pytest.mark.parametrize(("slowest_ms", "is_said"), [(60, False), (61, True)])
def test_a_slow_disk_is_said(tmp_path: Path, capsys: Out, *, slowest_ms: int, is_said: bool) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    start = JournalRow(at=TUESDAY_11, event="gate.started", clinic="", call="", sync_p99_ms=slowest_ms)
    write_journal(tmp_path / "state", start)
    status(tmp_path)
    assert (f"The disk is slow: up to {slowest_ms} ms" in capsys.readouterr().out) == is_said
    status(tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)["sync_p99_ms"] == slowest_ms


def test_a_ledger_that_lost_entries_or_whose_clock_is_behind_is_said(
    tmp_path: Path, redis: RedisServer, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"').replace("127.0.0.1:0", "127.0.0.1:1")
    write_site(tmp_path, settings=settings)

    async def lose() -> None:
        knowing = LedgerMemory()
        knowing.witness(CLINIC, Seen(epoch="0123456789abcdef", mine=9), None)
        async with connect(redis.url) as client:
            ledger = RedisLedger(client, gate="pbx1", witness=knowing)
            await ledger.void(CLINIC, f"pbx1.x.1.{int(TUESDAY_11.timestamp())}")
            await ledger.set_clock(CLINIC, int(utc_now().timestamp()) - 3 * 3600)

    asyncio.run(lose())
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP)
    assert status(tmp_path, "--quiet") == 1
    status(tmp_path)
    said = capsys.readouterr().out
    assert f"{CLINIC}: THE LEDGER HAS LOST ENTRIES (it was emptied): costly calls are refused" in said
    assert "clock is 3 h behind" in said
    status(tmp_path, "--json")
    (clinic,) = json.loads(capsys.readouterr().out)["clinics"]
    assert clinic["frozen"] == "erased"
    assert 0 <= clinic["wall_ahead_s"] - 3 * 3600 < 60


def test_what_the_gate_says_is_wrong_with_its_store_is_shown_with_its_remedy_and_is_not_well(
    redis: RedisServer, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))
    monkeypatch.setattr(daemon, "_gate", lambda _settings: GateState.UP)
    wrong = "appendfsync is everysec, not always: CONFIG SET appendfsync always; CONFIG REWRITE"
    for note, expected in ((wrong, 1), ("", 0)):
        row = JournalRow(at=TUESDAY_11, event="gate.condition", clinic="", call="", note=note)
        write_journal(tmp_path / "state", row)
        assert status(tmp_path) == expected
        told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ALARM since")]
        assert [wrong in line and "2026-11-24 10:00:00 UTC" in line for line in told] == [True] * expected


@pytest.mark.parametrize("note", ["the certificate of 10.0.0.1:6380 ends on 2026-12-01 10:00 UTC: renew it", ""])
def test_what_stops_no_call_yet_is_an_alarm_though_all_is_well(
    redis: RedisServer, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, *, note: str
) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))
    monkeypatch.setattr(daemon, "_gate", lambda _settings: GateState.UP)
    write_journal(tmp_path / "state", JournalRow(at=TUESDAY_11, event="gate.warning", clinic="", call="", note=note))
    assert status(tmp_path) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ALARM since 2026-11-24 10:00:00")]
    assert [line.endswith(note) for line in told] == [True] * bool(note)


@pytest.mark.parametrize(("mebibytes", "is_said"), [(12, False), (13, True)])
def test_a_journal_that_is_four_fifths_full_is_an_alarm(
    tmp_path: Path, capsys: Out, *, mebibytes: int, is_said: bool
) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", "[gate]\njournal_max_mib = 16"))
    file = write_journal(tmp_path / "state", JournalRow(at=TUESDAY_11, event="gate.started", clinic="", call=""))
    os.truncate(file, mebibytes * 1024 * 1024)
    status(tmp_path)
    percent = mebibytes * 100 // 16
    assert (f"the journal has taken {percent} % of the room" in capsys.readouterr().out) is is_said
    status(tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)["journal_percent"] == percent
