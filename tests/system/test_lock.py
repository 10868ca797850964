"""`callgate lock` as an operator types it beside the gate: it binds the very next call, and never an emergency call."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import practice
from callgate.core.reasons import Reason
from callgate.journal import JOURNAL_FILE, JournalRow, read_rows
from callgate.ledger.keys import clinic_keys
from lab import Lab
from outgoing_call import OutgoingCall
from practice import CLINIC
from sip_phone import Phone
from system import live_lab
from system.live_lab import island
from system.rig import IVORY_COAST, MOBILE, PARIS, POLL_S, WITHIN_S, Config, Rig, assert_refused, wait_for

pytestmark = pytest.mark.system

OK, NEGATIVE, USAGE = 0, 1, 2
BELGIUM, HELPLINE, ISLAND, EMERGENCY = "0003225551212", "03114", island(1)[0], "15"
WIRES = {
    BELGIUM: "+3225551212",
    HELPLINE: "3114",
    ISLAND: island(1)[1],
    MOBILE: "+33612345678",
    PARIS: "+33142685300",
    EMERGENCY: "15",
}
NATIONAL = (PARIS, MOBILE, HELPLINE)
BURST = 3
_TABLES = {
    "countries": 'allow = ["FR", "GP", "BE"]',
    "ceilings.international": 'day = "900.00"\nweek = "900.00"',
    "limits.concurrent": "clinic = 200\ninternational = 50\noverseas = 50\nclosed = 200",
    "limits.starts": 'international = "900/1h"\noverseas = "900/1h"\nsame_number = "900/15m"',
    "hours": f'{practice.NEVER_OPEN}\noutside = "as_open"',
    "automatic_lock": f'refused = "{BURST}/10m"',
}
SECOND = "/etc/callgate/second.toml"
_SECOND = {
    "127.0.0.1:4599": "127.0.0.1:4600",
    "/var/lib/callgate": "/var/lib/callgate/second",
    "/var/spool/callgate": "/var/lib/callgate/second",
    "lab_1": "lab_2",
}


def policy() -> str:
    """A practice that may call abroad although it is closed; three refusals lock a line."""
    text = live_lab.policy()
    for table, body in _TABLES.items():
        text = practice.with_table(text, table, body)
    return text


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    practised = practice.Practice(control=True, policy=policy(), rates=live_lab.rates())
    lab = practice.lab(f"lock-{os.getpid()}", tmp_path_factory.mktemp("lock"), practised)
    lab.start()
    wait_for(lambda: "control.linked" in lab.gate_output())
    yield lab
    lab.stop()


@pytest.fixture
def rig(lab: Lab) -> Iterator[Rig]:
    """The lab with an empty ledger and nothing locked."""
    lab.redis_cli("DEL", *(key for key in clinic_keys(CLINIC) if not key.endswith((":meta", ":policies"))))
    yield Rig(lab=lab, config=Config(policy=policy(), dialplan=""), began=time.time())
    lab.asterisk_cli("channel", "request", "hangup", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command said to the operator, and its exit code."""

    text: str
    code: int


def callgate(rig: Rig, *words: str, settings: str = "/etc/callgate/callgate.toml") -> Said:
    """Type a command beside the gate, as its user."""
    shown = rig.lab.gate_exec("sh", "-c", f"callgate --settings {settings} --language en {' '.join(words)}; echo $?")
    text, _, code = shown.rpartition("\n")
    return Said(text=text, code=int(code))


@asynccontextmanager
async def locked(rig: Rig, *words: str) -> AsyncIterator[Said]:
    """Lock for a while; `words` as they stand behind ``--only``."""
    only = ("--only", *words) if words else ()
    said = callgate(rig, "lock", *only)
    assert said.code == OK, said
    yield said
    said = callgate(rig, "unlock", *only)
    assert said.code == OK, said


async def answered(phone: Phone, dialled: str) -> OutgoingCall:
    call = phone.call(dialled)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    await call.wait_joined(WITHIN_S)
    return call


async def answered_or_refused(call: OutgoingCall) -> bool:
    """Whether a call was answered; otherwise its caller has begun to hear why not."""
    for _ in range(round(WITHIN_S / POLL_S)):
        if call.final is not None or call.media.heard.first_sound_at is not None:
            break
        await asyncio.sleep(POLL_S)
    if call.final is not None:
        return call.final.code == 200
    heard = call.media.heard.first_sound_at
    assert heard is not None
    assert heard.monotonic - call.sent_at.monotonic < 1.5
    return False


async def gone(rig: Rig, extension: str, *dialled: str) -> set[str]:
    """Dial all at once; returns what went out, after a look at the rest: refused aloud, because it is locked."""
    before, invited = len(rig.rows("call.refused")), len(rig.lab.invites())
    async with rig.phones(extension) as (phone,):
        calls = [phone.call(number) for number in dialled]
        went = await asyncio.gather(*map(answered_or_refused, calls))
        for call in calls:
            call.hang_up()
        await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in calls))
    out = {number for number, is_out in zip(dialled, went, strict=True) if is_out}
    assert {line.user for line in rig.lab.invites()[invited:]} == {WIRES[number] for number in out}
    refused = rig.rows("call.refused")[before:]
    assert [row.reasons[0] for row in refused] == [Reason.LOCKED] * went.count(False)
    return out


def played(rig: Rig) -> str:
    """The last prompt that Asterisk says it played."""
    log = (rig.lab.folder / "log" / "messages").read_text(encoding="utf-8", errors="replace")
    return next(line for line in reversed(log.splitlines()) if "Playing '" in line)


@pytest.mark.parametrize(
    ("words", "goes_on"),
    [
        ((), {EMERGENCY}),
        (("costly",), {EMERGENCY, *NATIONAL}),
        (("international",), {EMERGENCY, *NATIONAL, ISLAND}),
        (("extension", "102"), {EMERGENCY}),
        (("costly", "extension", "102"), {EMERGENCY, *NATIONAL}),
    ],
    ids=lambda words: " ".join(sorted(words)) or "everything",
)
async def test_from_the_very_next_call_on_what_is_locked_is_refused_and_an_emergency_call_goes(
    rig: Rig, words: tuple[str, ...], goes_on: set[str]
) -> None:
    async with locked(rig, *words):
        assert await gone(rig, "102", *WIRES) == goes_on
        assert f"{practice.SOUNDS}/fr/callgate/locked" in played(rig)
        if "extension" in words:
            assert await gone(rig, "101", *WIRES) == set(WIRES)
    assert await gone(rig, "102", *WIRES) == set(WIRES)


async def test_a_lock_ends_by_itself_when_its_time_has_come(rig: Rig) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    assert callgate(rig, "lock", "--until", until.isoformat()).code == OK
    async with rig.phones("101") as (phone,):
        call = phone.call(PARIS)
        await call.wait_for_code(183, WITHIN_S)
        assert rig.last_row("call.refused").reasons == (Reason.LOCKED,)
    await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
    assert await gone(rig, "101", PARIS) == {PARIS}


async def test_a_lock_that_would_have_ended_already_is_none_and_the_operator_is_told(rig: Rig) -> None:
    said = callgate(rig, "lock", "--until", "2026-01-01T00:00+01:00")
    assert said.code == USAGE
    assert "is past" in said.text
    assert await gone(rig, "101", PARIS) == {PARIS}


async def test_calls_that_are_up_go_on_unless_the_lock_says_that_it_cuts(rig: Rig) -> None:
    async with rig.phones("101", "102") as (phone, other):
        calls = [await answered(phone, dialled) for dialled in (PARIS, BELGIUM, ISLAND)]
        emergency, spared = await answered(phone, EMERGENCY), await answered(other, MOBILE)
        async with locked(rig):
            await asyncio.sleep(2.5)
            assert [call.ending for call in (*calls, emergency, spared)] == [None] * 5
        began = rig.now()
        said = callgate(rig, "lock", "--only", "extension", "101", "--cut")
        assert "Calls up in this clinic: 4." in said.text, said
        for dialled in (PARIS, BELGIUM, ISLAND):
            assert (await rig.logged("ended", WIRES[dialled])).at - began < 2
        await asyncio.sleep(1)
        assert [call.ending for call in (emergency, spared)] == [None] * 2
    assert callgate(rig, "unlock", "--only", "extension", "101").code == OK


@pytest.fixture
def second_gate(rig: Rig) -> Iterator[str]:
    """Another machine's gate on the same Redis, with a state of its own; gives its settings."""
    config, dialplan = rig.lab.folder / "config", (rig.lab.folder / "etc" / "callgate.conf").read_text(encoding="utf-8")
    text = (config / "callgate.toml").read_text(encoding="utf-8").partition("[control]")[0]
    for old, new in _SECOND.items():
        text = text.replace(old, new)
    (config / Path(SECOND).name).write_text(text, encoding="utf-8")
    # Here both have one Asterisk, and so the key of its questions.
    key = "cp /var/spool/callgate/seal.key ."
    serve = f"mkdir second; cd second; {key}; callgate --settings {SECOND} serve >log 2>&1 & echo $! >second.pid"
    rig.lab.gate_exec("sh", "-c", serve)
    wait_for(lambda: rows_of_second_gate(rig))
    yield SECOND
    rig.load_dialplan(dialplan)
    rig.lab.gate_exec("sh", "-c", "kill $(cat second.pid)")


def rows_of_second_gate(rig: Rig) -> list[JournalRow]:
    """Its journal, once it has begun one."""
    file = rig.lab.folder / "state" / "second" / JOURNAL_FILE
    return [row for row, _ in read_rows(file)] if file.exists() else []


async def test_a_lock_binds_the_other_gates_next_call_though_nobody_tells_it(rig: Rig, second_gate: str) -> None:
    assert callgate(rig, "lock", settings=second_gate).code == OK
    assert await gone(rig, "101", PARIS, EMERGENCY) == {EMERGENCY}
    assert callgate(rig, "unlock", settings=second_gate).code == OK
    assert await gone(rig, "101", PARIS) == {PARIS}
    dialplan = (rig.lab.folder / "etc" / "callgate.conf").read_text(encoding="utf-8")
    rig.load_dialplan(dialplan.replace(":4599", ":4600"))
    async with locked(rig):
        outcome = await rig.dial(PARIS)
        assert_refused(outcome)
        assert f"{practice.SOUNDS}/fr/callgate/locked" in played(rig)
        assert rows_of_second_gate(rig)[-1].reasons == (Reason.LOCKED,)


async def test_a_burst_of_refused_calls_when_closed_locks_that_lines_calls_abroad_and_nothing_else(rig: Rig) -> None:
    """Until a person unlocks, over a restart too."""
    _, invites = await rig.dial_together([IVORY_COAST] * BURST)
    assert invites == []
    await asyncio.to_thread(wait_for, lambda: "extension.locked" in rig.lab.gate_output())
    assert await gone(rig, "101", BELGIUM, ISLAND, PARIS, EMERGENCY) == {ISLAND, PARIS, EMERGENCY}
    assert await gone(rig, "102", BELGIUM) == {BELGIUM}
    rig.lab.gate_stop()
    rig.lab.gate_start()
    assert await gone(rig, "101", BELGIUM, PARIS) == {PARIS}
    assert callgate(rig, "unlock").code == NEGATIVE
    assert callgate(rig, "unlock", "--only", "international", "extension", "101").code == OK
    assert await gone(rig, "101", BELGIUM) == {BELGIUM}
