"""`callgate status --metrics` gives Prometheus what the status knows, and nobody a number."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from callgate.cli import main
from callgate.commands import daemon
from callgate.commands.daemon import ControlStatus, GateState
from callgate.commands.metrics import metrics_text
from callgate.commands.status import ClinicStatus, PolicySource, Status
from callgate.control.standing import STANDING_FILE, Standing
from callgate.core.hold import FrozenCause, Purse, Unavailable
from callgate.core.sighting import Seen
from callgate.journal import JournalRow
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.screening import leaks
from callgate.server import utc_now
from callgate.store_watch import CONDITION, WARNING, StoreWatch
from clinic_samples import CLINIC, PARIS, POINTE_A_PITRE, SETTINGS, TUESDAY_11, open_site, policy_text, write_site
from commands import daemon_process
from commands.daemon_process import ask, free_port, write_settings
from core.samples import a_lock
from journal_samples import write_journal
from ledger.samples import request
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
NUMBER = "0612345678"
PAGE = (Path(__file__).parents[2] / "docs" / "operation.md").read_text(encoding="utf-8")
A_CLINIC = ClinicStatus(
    clinic=CLINIC,
    policy=PolicySource.IN_FORCE,
    mode="enforce",
    currency="EUR",
    zone="Europe/Paris",
    policy_revision=7,
    frozen="erased",
    wall_ahead_s=10_800,
    live_holds=2,
    purses={"costly": {"held": 1_500_000, "hour": 20_000, "day": 3_000_000, "week": 40_000_000, "month": 1}},
    locks=(a_lock(), a_lock(extension="101")),
)
FULL = Status(
    at=TUESDAY_11,
    gate=GateState.UP,
    ledger="up",
    clinics=(A_CLINIC,),
    last_refusal=None,
    sync_p99_ms=61,
    control=ControlStatus.UP,
    ungated=3,
    escaped=2,
    condition="frozen (erased): x",
    warning="the rate deck is old",
    journal_percent=81,
)
"""A status that has something to say under every name."""


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), *DURABLE) as server:
        yield server


def figures(text: str) -> dict[str, float]:
    """Each figure under its name and the values of its labels, in the order of the labels' names."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {
        " ".join((sample.name, *(value for _, value in sorted(sample.labels.items())))): sample.value
        for sample in samples
    }
    assert len(found) == len(samples), "a figure twice: the collector takes none of them"
    return found


def told(found: Status) -> dict[str, float]:
    return figures(metrics_text(found))


def metrics(folder: Path, capsys: Out, code: int) -> str:
    """What the command writes, which ends with this code."""
    capsys.readouterr()
    assert main(["--settings", str(folder / "callgate.toml"), "status", "--metrics"]) == code
    return capsys.readouterr().out


def test_a_real_gate_tells_what_is_held_and_spent_and_that_it_is_degraded_once_its_store_is_away(
    tmp_path: Path, redis: RedisServer, capsys: Out
) -> None:
    port = free_port()
    write_settings(tmp_path, port, redis.url)
    with daemon_process.daemon(tmp_path) as gate:
        gate.wait_for("disk.tried")
        grant = ask(port, PARIS)[4]
        assert ask(port, POINTE_A_PITRE)[1] == "grant"
        now = int(grant.rpartition(".")[2])
        with (tmp_path / "spool" / "calls.log").open("a") as spool:
            spool.write(f"1|settle|{grant}|callgate|+33142685300|{now}.0|{now + 60}.0|16|end\n")
        gate.wait_for("call.settled")
        well = figures(metrics(tmp_path, capsys, 0))
        redis.freeze()
        assert "no answer" in gate.wait_for("gate.condition")
        away = figures(metrics(tmp_path, capsys, 1))
        redis.thaw()
    overseas, costly = (well.pop(f"callgate_held_amount {CLINIC} EUR {purse}") for purse in ("overseas", "costly"))
    assert overseas == costly > 0
    assert well.pop("callgate_sync_p99_seconds") > 0
    expected = {
        "callgate_well": 1,
        "callgate_gate_up": 1,
        "callgate_ledger_up": 1,
        "callgate_degraded unsafe_store": 0,
        "callgate_degraded no_answer": 0,
        "callgate_degraded frozen": 0,
        "callgate_warning": 0,
        f"callgate_policy_revision {CLINIC}": 1,
        f"callgate_locks {CLINIC}": 0,
        f"callgate_frozen {CLINIC}": 0,
        f"callgate_live_holds {CLINIC}": 1,
        f"callgate_held_amount {CLINIC} EUR national": 0,
        f"callgate_spent_amount {CLINIC} EUR national hour": 0.02,
        f"callgate_spent_amount {CLINIC} EUR national day": 0.02,
        f"callgate_spent_amount {CLINIC} EUR national week": 0.02,
        f"callgate_spent_amount {CLINIC} EUR overseas week": 0,
    }
    assert {name: well[name] for name in expected} == expected
    assert [name for name in well if "101" in name] == [], "no purse of an extension"
    degraded = {"well": 0, "gate_up": 1, "ledger_up": 0, "degraded no_answer": 1, "degraded unsafe_store": 0}
    assert {name: away[f"callgate_{name}"] for name in degraded} == degraded
    assert [name for name in away if CLINIC in name] == [], "what nobody knows is no 0"


def test_every_figure_has_its_unit_and_those_of_the_whole_gate_are_counted_from_its_status() -> None:
    assert told(FULL) == {
        "callgate_well": 0,
        "callgate_gate_up": 1,
        "callgate_ledger_up": 1,
        "callgate_journal_used_ratio": 0.81,
        "callgate_sync_p99_seconds": 0.061,
        "callgate_degraded unsafe_store": 0,
        "callgate_degraded no_answer": 0,
        "callgate_degraded frozen": 1,
        "callgate_warning": 1,
        "callgate_control_up": 1,
        "callgate_ungated_calls_total": 3,
        "callgate_escaped_calls_total": 2,
        f"callgate_policy_revision {CLINIC}": 7,
        f"callgate_locks {CLINIC}": 2,
        f"callgate_live_holds {CLINIC}": 2,
        f"callgate_frozen {CLINIC}": 1,
        f"callgate_ledger_wall_ahead_seconds {CLINIC}": 10_800,
        f"callgate_held_amount {CLINIC} EUR costly": 1.5,
        f"callgate_spent_amount {CLINIC} EUR costly hour": 0.02,
        f"callgate_spent_amount {CLINIC} EUR costly day": 3,
        f"callgate_spent_amount {CLINIC} EUR costly week": 40,
    }


def test_with_nothing_running_only_what_is_known_is_told(tmp_path: Path, capsys: Out) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    assert figures(metrics(tmp_path, capsys, 1)) == {
        "callgate_well": 0,
        "callgate_gate_up": 0,
        "callgate_ledger_up": 0,
        "callgate_journal_used_ratio": 0,
    }


def test_a_clinic_whose_ledger_is_silent_hides_no_other() -> None:
    silent = msgspec.structs.replace(A_CLINIC, clinic="roses", ledger="timeout")
    found = told(msgspec.structs.replace(FULL, clinics=(silent, A_CLINIC), ledger="timeout"))
    assert found["callgate_ledger_up"] == 0
    assert found[f"callgate_live_holds {CLINIC}"] == 2
    assert [name for name in found if "roses" in name] == []


@pytest.mark.parametrize("asked", ["fetch_policy", "book"])
def test_locks_and_holds_that_nobody_could_read_are_not_told_as_none(
    tmp_path: Path, redis: RedisServer, capsys: Out, monkeypatch: pytest.MonkeyPatch, *, asked: str
) -> None:
    """Where the books answered and the policy did not, the status said that the ledger is up and no lock in force."""
    write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP)

    async def silent(*_: object) -> Unavailable:
        return Unavailable(cause="timeout")

    assert figures(metrics(tmp_path, capsys, 0))[f"callgate_locks {CLINIC}"] == 0
    monkeypatch.setattr(RedisLedger, asked, silent)
    found = figures(metrics(tmp_path, capsys, 1))
    assert found["callgate_ledger_up"] == 0
    assert [name for name in found if CLINIC in name] == []


@pytest.mark.parametrize(("is_up", "linked"), [(True, 1), (False, 0)])
def test_calls_past_the_gate_are_counted_where_control_is_set_up(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, *, is_up: bool, linked: int
) -> None:
    control = '\n[control]\nami = "127.0.0.1:5038"\nsecret_file = "secret"\n'
    write_site(tmp_path, settings=SETTINGS + control)
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP if is_up else GateState.SILENT)
    standing = Standing(is_linked=True, since=TUESDAY_11, ungated=3, answered=2)
    (tmp_path / "state" / STANDING_FILE).write_bytes(msgspec.json.encode(standing))
    found = figures(metrics(tmp_path, capsys, 1))
    counted = [found[f"callgate_{name}"] for name in ("control_up", "ungated_calls_total", "escaped_calls_total")]
    assert counted == [linked, 3, 2]


@pytest.mark.parametrize("is_unsafe", [False, True])
@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize("is_frozen", [False, True])
async def test_a_condition_is_told_by_its_kinds_as_the_gate_writes_them(
    tmp_path: Path, *, is_unsafe: bool, is_silent: bool, is_frozen: bool
) -> None:
    site = open_site(tmp_path)
    with RedisServer(tmp_path, *(() if is_unsafe else DURABLE)) as server:
        async with connect(server.url) as client:
            watch = StoreWatch(client=client, bookkeeper=site.bookkeeper, clock=utc_now)
            if is_silent:
                watch.bookkeeper.silent[CLINIC] = "timeout"
            if is_frozen:
                site.journal.witness(CLINIC, Seen(epoch="e", mine=3), None)
                site.journal.freeze(CLINIC, FrozenCause.REGRESSED)
            await watch.look()
    note = next((row.note for row in site.rows if row.event == CONDITION), "")
    found = told(msgspec.structs.replace(FULL, condition=note))
    causes = [found[f"callgate_degraded {cause}"] for cause in ("unsafe_store", "no_answer", "frozen")]
    assert causes == [is_unsafe, is_silent, is_frozen]


def test_no_number_extension_or_word_of_a_person_is_told(
    tmp_path: Path, redis: RedisServer, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the rows, the purses, the locks and the clinics are called."""
    named = SETTINGS.replace(CLINIC, NUMBER).replace("[gate]", f'[gate]\nredis = "{redis.url}"')
    write_site(tmp_path, policy_text({f'clinic = "{CLINIC}"': f'clinic = "{NUMBER}"'}), named)
    monkeypatch.setattr(daemon, "_gate", lambda _: GateState.UP)
    row = JournalRow(
        at=TUESDAY_11, event="", clinic=NUMBER, call="", extension="4711", dialled=NUMBER, number=NUMBER, trunk=NUMBER
    )
    wrong = f"no answer (redis://gate:hunter2@host:6379): {NUMBER}, Martin"
    for event in ("call.refused", "call.ungated", CONDITION, WARNING):
        write_journal(tmp_path / "state", msgspec.structs.replace(row, event=event, note=wrong))

    async def spend() -> None:
        locked = PolicyRevision(
            clinic=NUMBER,
            revision=1,
            author="Martin",
            at=TUESDAY_11,
            origin="command",
            reason=NUMBER,
            document=policy_text({f'clinic = "{CLINIC}"': f'clinic = "{NUMBER}"'}),
            locks=(replace(a_lock(extension="4711"), reason=f"Martin {NUMBER}"),),
        )
        purses = tuple(Purse(name=name) for name in ("costly", "extension:4711", f"number:{NUMBER}", NUMBER))
        async with connect(redis.url) as client:
            ledger = RedisLedger(client)
            await ledger.publish(locked, 0)
            hold = f"pbx1.a.1.{int(utc_now().timestamp())}"
            await ledger.hold(replace(request(clinic=NUMBER), hold_id=hold, purses=purses, policy_revision=1))

    asyncio.run(spend())
    said = metrics(tmp_path, capsys, 1)
    assert list(leaks(said)) == []
    assert [word for word in (NUMBER, "4711", "Martin", "hunter2", "extension:", "number:") if word in said] == []
    found = figures(said)
    told_of = ["locks #1", "live_holds #1", "degraded no_answer", "warning"]
    assert [found[f"callgate_{name}"] for name in told_of] == [1, 1, 1, 1]
    assert [name for name in found if "_held_" in name] == ["callgate_held_amount #1 EUR costly"]


def test_whoever_asks_for_no_metrics_does_not_wait_for_their_library(tmp_path: Path) -> None:
    write_site(tmp_path, settings=SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1"))
    script = (
        "import sys; from callgate.cli import main; main(sys.argv[1:]); sys.exit('prometheus_client' in sys.modules)"
    )
    words = [sys.executable, "-c", script, "--settings", str(tmp_path / "callgate.toml"), "status"]
    is_loaded = [subprocess.run([*words, *more], check=False).returncode for more in ([], ["--metrics"])]
    assert is_loaded == [0, 1]


def test_the_page_names_every_metric_and_no_other() -> None:
    section = PAGE.partition("## Metrics")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(callgate_\w+)` ", section, re.MULTILINE)
    assert sorted(named) == sorted({name.partition(" ")[0] for name in told(FULL)})
    (alert,) = re.findall(r"expr: (.+)", section)
    assert set(re.findall(r"callgate_\w+", alert)) <= set(named)


@pytest.mark.parametrize(("code", "is_new"), [(0, True), (1, True), (3, False), (5, False)])
def test_the_line_of_the_page_writes_the_file_whole_or_leaves_it(tmp_path: Path, code: int, *, is_new: bool) -> None:
    """A status that is not well ends with 1, and is the one that must be told."""
    (line,) = re.findall(r"^\* \* \* \* \* callgate (.+)$", PAGE, re.MULTILINE)
    program = tmp_path / "callgate"
    program.write_text(f'#!/bin/sh\n[ "$*" = "status --metrics" ] && echo new\nexit {code}\n')
    program.chmod(0o755)
    there = tmp_path / "callgate.prom"
    there.write_text("old\n")
    command = line.replace("/opt/callgate/bin/callgate", str(program))
    command = re.sub(r"(?<=cd )/\S+", str(tmp_path), command)
    subprocess.run(["sh", "-c", command], check=False)
    assert there.read_text() == ("new\n" if is_new else "old\n")
