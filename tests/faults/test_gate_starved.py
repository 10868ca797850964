"""The gate lacks what it lives on: places at its port, files, memory."""

import asyncio
import math

import pytest

import practice
from callgate.journal import JournalRow
from faults.crowd import crowd_log, end_crowd, start_crowd
from faults.gate_process import BREAKABLE, REPLACED, SERVING, break_workers, said, said_at, wait_said, workers
from faults.matrix import proves
from faults.stage import REUNION, REUNION_WIRE, Stage, as_many, is_measured
from system.rig import IVORY_COAST, WITHIN_S, wait_for

pytestmark = pytest.mark.system

CROWD = 10_000
CALLS = as_many(150, 50)
CROWDED_MAX_RATIO, WISHED_RATIO = 2.0, 1.2
"""The issue's bound, at most doubled, and what the fact wishes for."""
FILES, MANY_FILES = 64, 20_000
MORE_THAN_FILES = 300
MEBIBYTES, PLENTY = 400, 4096
REPLACED_MS = 1000
GREEDY = """\
import os
from callgate.ledger.redis import RedisLedger
holds = RedisLedger.hold
async def hold(*arguments, **named):
    held = await holds(*arguments, **named)
    if not os.path.exists("/var/lib/callgate/greedy"):
        os.mkdir("/var/lib/callgate/greedy")
        kept = b"x" * (1 << 30)
    return held
RedisLedger.hold = hold
"""
"""Made between the hold and the verdict, by one worker once: more than there is."""


@pytest.fixture
def extra() -> practice.Practice:
    """A practice whose worker can be broken."""
    return BREAKABLE


async def p99_ms(stage: Stage) -> float:
    return sorted([await stage.ordinary() for _ in range(CALLS)])[math.ceil(CALLS * 0.99) - 1]


def all_granted(stage: Stage) -> list[JournalRow]:
    """The grants, once each of the calls has its row: a further worker's come a little later."""
    rows = stage.rig.rows("call.granted")
    return rows if len(rows) > 2 * CALLS else []


def let_go(stage: Stage) -> int:
    """How many of the crowd were let go, so far as it has said; 0 for none yet."""
    told = [line.split() for line in crowd_log(stage).splitlines(keepends=True) if line.endswith("\n")]
    return max((int(words[1]) for words in told if words[0] == "dropped"), default=0)


@proves(10)
async def test_ten_thousand_who_ask_nothing_keep_no_call_waiting_and_are_let_go(stage: Stage) -> None:
    alone = await p99_ms(stage)
    async with stage.during(lambda: start_crowd(stage, "again", CROWD), lambda: end_crowd(stage)):
        crowded = await p99_ms(stage)
        await stage.costly_goes()
        assert (await stage.dial(IVORY_COAST)).refused
        granted = await asyncio.to_thread(wait_for, lambda: all_granted(stage))
        assert {row.reasons for row in granted} == {()}, "each was decided"
        dropped = await asyncio.to_thread(wait_for, lambda: let_go(stage))
    ratio = crowded / alone
    stage.saw(f"{dropped:,} let go; {CALLS} ordinary calls p99 {alone:.0f} ms alone, {crowded:.0f} ms beside {CROWD:,}")
    stage.saw(f"x {ratio:.2f}, of x {CROWDED_MAX_RATIO:.1f} allowed and x {WISHED_RATIO} wished for")
    assert not is_measured() or ratio <= CROWDED_MAX_RATIO
    assert said(stage, REPLACED) == []


@proves(11)
async def test_without_files_to_spare_journal_and_ledger_have_theirs_and_every_call_is_decided(stage: Stage) -> None:
    lab = stage.rig.lab

    def may_open(files: int) -> None:
        for process in workers(stage):
            lab.gate_exec("prlimit", f"--pid={process}", f"--nofile={files}:")

    def starve() -> None:
        may_open(FILES)
        start_crowd(stage, "again", MORE_THAN_FILES)

    def feed() -> None:
        end_crowd(stage)
        may_open(MANY_FILES)

    granted, refused = len(stage.rig.rows("call.granted")), len(stage.rig.rows("call.refused"))
    async with stage.during(starve, feed):
        stage.wire.cut()  # the ledger needs a new connection, hence a file
        stage.saw(f"ordinary goes in {await stage.ordinary():.0f} ms")
        stage.saw(f"costly goes in {await stage.costly_goes():.0f} ms")
        assert (await stage.dial(IVORY_COAST)).refused
        await asyncio.to_thread(stage.rig.last_row, "call.refused", refused)
        assert all(row.reasons == () for row in stage.rig.rows("call.granted")[granted:]), "each was decided"
        stage.saw(f"{FILES} files, {MORE_THAN_FILES} idle connections")
    assert said(stage, REPLACED) == []
    await stage.recovers()


@proves(12)
async def test_a_worker_that_the_kernel_ends_for_lack_of_memory_is_replaced_and_its_hold_counts_once(
    stage: Stage,
) -> None:
    """It grows between hold and verdict, so that the hold is made and the call falls to the contract (see row 2)."""
    stage.rig.apply_policy(
        practice.with_table(stage.rig.config.policy, "limits.max_duration_s", "ordinary = 60\ncostly = 30")
    )
    stage.rig.lab.gate_memory(MEBIBYTES)
    await asyncio.to_thread(break_workers, stage, GREEDY)
    before, replaced, greedy = len(said(stage, SERVING)), len(said(stage, REPLACED)), workers(stage)
    call = stage.phone.call(REUNION)
    ended = await asyncio.to_thread(wait_said, stage, REPLACED, replaced)
    async with stage.during(lambda: None, lambda: stage.rig.lab.gate_memory(PLENTY)):
        assert ended["pid"] in greedy
        assert ended["cause"] == "signal 9"
        assert (await call.wait_for_final(WITHIN_S)).code == 403
        stage.refusals.append(REUNION)
        assert stage.rig.lab.invites(REUNION_WIRE) == []
        serving = await asyncio.to_thread(wait_said, stage, SERVING, before)
        stage.within((said_at(serving) - said_at(ended)) * 1000, REPLACED_MS, "the next worker serves after")
        await stage.costly_goes()
    await stage.recovers()
    stage.abandoned = 1
    (hold,) = (await stage.books_at_rest()).holds
    stage.saw(f"{hold.amount_micros / 1_000_000:.2f} held once, for nobody, until it lapses")
