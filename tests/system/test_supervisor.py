"""On a real Asterisk: a worker that hangs costs its own calls alone, and a restart drops none."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callgate.core.reasons import Reason
from callgate.journal import JournalRow
from system import restarts
from system.rig import IVORY_COAST, PARIS, PARIS_WIRE, WITHIN_S, Rig, assert_refused_call, wait_for

pytestmark = pytest.mark.system

RESTARTS = 3
BETWEEN_CALLS_S = 0.1


def workers(rig: Rig) -> list[int]:
    """The workers that have taken calls so far, oldest first, by their process numbers in the container."""
    lines = [line for line in rig.lab.gate_output().splitlines() if '"worker.serving"' in line]
    return [int(msgspec.json.decode(line)["pid"]) for line in lines]


async def test_the_calls_of_a_worker_that_hangs_fall_to_the_contract_and_the_next_ones_are_decided(rig: Rig) -> None:
    before, granted = workers(rig), len(rig.rows("call.granted"))
    rig.lab.gate_exec("sh", "-c", f"kill -s STOP {before[-1]}")
    began = time.time()
    async with rig.phones("101", "102") as (phone, other):
        ordinary, costly = phone.call(PARIS), other.call(IVORY_COAST)
        assert (await ordinary.wait_for_final(WITHIN_S)).code == 200
        await costly.wait_for_final(WITHIN_S)
        ordinary.hang_up()
        await ordinary.wait_ended(WITHIN_S)
    assert_refused_call(costly)
    invites = [invite for invite in rig.lab.invites() if invite.at > began]
    assert [invite.user for invite in invites] == [PARIS_WIRE]
    print(f"\nthe ordinary call left {invites[0].at - began:.2f} s after it was dialled")
    await asyncio.to_thread(wait_for, lambda: len(workers(rig)) > len(before))
    assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
    row = rig.last_row("call.granted", granted)
    assert Reason.LOCAL_ALLOWANCE not in row.reasons
    assert '"cause": "stuck"' in rig.lab.gate_output()


async def test_a_restart_under_live_calls_drops_none_and_decides_every_one_that_comes(rig: Rig) -> None:
    before, granted, refused = workers(rig), len(rig.rows("call.granted")), len(rig.rows("call.refused"))
    async with rig.phones("101", "102") as (phone, other):
        live = phone.call(PARIS)
        await live.wait_for_final(WITHIN_S)
        await live.wait_connected(WITHIN_S)
        calls = []
        for restart in range(1, RESTARTS + 1):
            await asyncio.to_thread(rig.lab.gate_reload)
            while len(await asyncio.to_thread(workers, rig)) < len(before) + restart:
                calls.append(other.call(IVORY_COAST))
                await asyncio.sleep(BETWEEN_CALLS_S)
        finals = [await call.wait_for_final(WITHIN_S + 4) for call in calls]
        assert {final.code for final in finals} == {403}
        assert [line for line in rig.lab.carrier_log() if line.at > rig.began and line.event == "ended"] == []
        assert not live.ended.is_set()
        live.hang_up()
        await live.wait_ended(WITHIN_S)
    dialled = len(calls)
    print(f"\n{dialled} calls during {RESTARTS} restarts")
    await rig.wait_for_no_holds()
    rows = await asyncio.to_thread(wait_for, lambda: at_least(dialled, rig.rows("call.refused")[refused:]))
    assert {row.reasons[0] for row in rows} == {Reason.COUNTRY_REFUSED}, "none fell to the contract"
    assert len(rows) == dialled
    assert len(rig.rows("call.granted")) == granted + 1


def at_least(number: int, rows: list[JournalRow]) -> list[JournalRow]:
    """The rows, once there are so many of them."""
    return rows if len(rows) >= number else []


async def test_restarts_of_two_workers_drop_no_call_lose_no_hold_and_decide_rightly(tmp_path: Path) -> None:
    """A slice of `make restarts`; a worker of each kind is killed, and the daemon is once restarted as a whole, too."""
    lab = restarts.restarts_lab(tmp_path)
    await asyncio.to_thread(lab.start)
    try:
        outcome = await restarts.run(lab, count=3, kills=2, live=6, whole=1)
    finally:
        await asyncio.to_thread(lab.stop)
    told = "\n".join(outcome.lines())
    print(f"\n{told}")
    assert outcome.is_right, told
    assert outcome.granted > 0
    assert outcome.refused > 0
    assert outcome.lent + outcome.by_contract > 0, "no call came while the daemon was away"


@pytest.mark.parametrize(
    ("event", "reason", "at", "is_stray"),
    [
        ("call.refused", Reason.COUNTRY_REFUSED, 50, False),
        ("call.refused", Reason.GATE_UNAVAILABLE, 99, True),
        ("call.refused", Reason.GATE_UNAVAILABLE, 101, False),
        ("call.refused", Reason.GATE_UNAVAILABLE, 112, True),
        ("call.local", None, 105, False),
        ("call.local", None, 50, True),
    ],
)
def test_what_the_contract_decides_while_a_worker_is_there_is_astray(
    event: str, reason: Reason | None, at: int, *, is_stray: bool
) -> None:
    reasons = (reason,) if reason else ()
    row = JournalRow(at=datetime.fromtimestamp(at, UTC), event=event, clinic="", call="", reasons=reasons)
    assert restarts.Restarts(away=[(100.0, 110.0)]).is_stray(row) is is_stray
