"""The store loses, repeats or forgets: each call is held once, and what was lost comes back from the gate's journal."""

import asyncio
import shutil
from collections.abc import Callable

import pytest

from callgate.core.hold import FrozenCause
from callgate.core.reasons import Reason
from callgate.journal import JOURNAL_FILE
from callgate.store_watch import CONDITION
from faults.gate_process import next_workers, said
from faults.matrix import proves
from faults.stage import REUNION, Heard, Stage, is_declared, is_measured, is_taken_back
from faults.wire import StoreWire

pytestmark = pytest.mark.system

MINUTE_MICROS = 250_000
"""What each call to Reunion costs here: it is billed by the minute."""
HELD = b"HELD"
"""What the store says of a hold that is made."""
TRIES = 3
"""Of one number, which must not be called more than six times in a quarter of an hour."""
THAWED = "ledger.thawed"
MODE = 0o640
"""Of a journal."""


async def booked(stage: Stage) -> int:
    """What is booked of costly calls, in micros, once nothing is held any more."""
    book = await stage.books_at_rest()
    return next((purse.day_micros for purse in book.purses if purse.name == "costly"), 0)


def lose(wire: StoreWire) -> None:
    wire.loses = HELD


def reset(wire: StoreWire) -> None:
    wire.resets = HELD


@pytest.mark.parametrize("strikes", [pytest.param(lose, marks=proves(23)), pytest.param(reset, marks=proves(25))])
async def test_a_call_whose_first_answer_is_lost_goes_and_is_held_once(
    stage: Stage, strikes: Callable[[StoreWire], None]
) -> None:
    """The store has made the hold when the wire loses its answer; asked again, it tells of the same one.

    The call has one more try, and on a busy machine that may come too late: it is refused then, costs nothing, and
    another one is dialled.
    """
    await asyncio.to_thread(next_workers, stage)  # one without the policy would be told so, and hold nothing
    heard: list[Heard] = []
    async with stage.during(lambda: strikes(stage.wire), stage.wire.restore):
        while not heard or (heard[-1].refused and len(heard) < TRIES):
            strikes(stage.wire)
            heard.append(await stage.dial(REUNION))
            assert (stage.wire.loses, stage.wire.resets) == (b"", b""), "no answer was lost"
    stage.saw(f"granted in {heard[-1].delay_ms:.0f} ms")
    assert not heard[-1].refused
    assert len(heard) == 1 or not is_measured()
    assert await booked(stage) == MINUTE_MICROS
    await stage.recovers()


@proves(36)
async def test_a_store_that_forgot_the_scripts_learns_them_within_the_call(stage: Stage) -> None:
    async with stage.during(lambda: stage.store.ask("SCRIPT", "FLUSH"), lambda: None):
        stage.saw(f"costly goes in {await stage.costly_goes():.0f} ms")
    assert await booked(stage) == MINUTE_MICROS


def tear_tail(stage: Stage) -> None:
    """As a power cut leaves the last command: half of it."""
    file = stage.store.increments[-1]
    with file.open("ab") as stream:
        stream.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    stage.store.start()


def damage_middle(stage: Stage) -> None:
    """A flipped byte makes it unreadable; somebody then starts an empty one."""
    file = stage.store.increments[-1]
    content = bytearray(file.read_bytes())
    place = content.index(b"\r\n", len(content) // 2) + 2
    content[place] ^= 0xFF
    file.write_bytes(content)
    stage.store.begin()
    assert stage.store.process is not None
    assert stage.store.process.wait(10) != 0
    stage.saw("Redis refuses to start")
    shutil.rmtree(file.parent)
    stage.store.start()


@pytest.mark.parametrize(
    "comes_back",
    [
        pytest.param(tear_tail, id="tail torn", marks=proves(28)),
        pytest.param(damage_middle, id="middle", marks=proves(29)),
    ],
)
async def test_a_store_whose_file_was_damaged_has_everything_again(
    stage: Stage, comes_back: Callable[[Stage], None]
) -> None:
    await stage.costly_goes()
    assert await booked(stage) == MINUTE_MICROS
    before = len(stage.rig.rows(CONDITION))
    async with stage.during(stage.store.kill, lambda: comes_back(stage)):
        await stage.contract(Reason.LEDGER_UNAVAILABLE)
        await is_declared(stage, "no answer (connection)", before)
    await stage.recovers()
    assert await booked(stage) == 2 * MINUTE_MICROS
    await is_taken_back(stage)


@proves(42)
async def test_a_store_that_was_erased_has_everything_again_from_the_journal_and_no_costly_call_goes_before(
    stage: Stage,
) -> None:
    """The gate may not read its journal for a while, so that the repair has to wait."""
    journal = stage.rig.lab.folder / "state" / JOURNAL_FILE
    await stage.costly_goes()
    assert await booked(stage) == MINUTE_MICROS

    def erase() -> None:
        journal.chmod(0)
        stage.store.ask("FLUSHALL")

    async with stage.during(erase, lambda: journal.chmod(MODE)):
        for _ in range(TRIES):
            await stage.contract(Reason.LEDGER_FROZEN)
        assert FrozenCause.ERASED in (await asyncio.to_thread(stage.rig.last_row, CONDITION)).note
    assert said(stage, THAWED) == []
    await stage.recovers()
    assert len(said(stage, THAWED)) == 1
    assert await booked(stage) == 2 * MINUTE_MICROS
    await is_taken_back(stage)


@pytest.mark.parametrize(
    ("setting", "weak", "sound"),
    [
        pytest.param("appendfsync", "everysec", "always", marks=proves(35)),
        pytest.param("appendonly", "no", "yes", marks=proves(35)),
        pytest.param("maxmemory-policy", "allkeys-lru", "noeviction", marks=proves(34, 35)),
    ],
)
async def test_over_a_store_that_may_lose_money_costly_calls_are_refused_and_everybody_is_told(
    stage: Stage, setting: str, weak: str, sound: str
) -> None:
    before = len(stage.rig.rows(CONDITION))

    def weaken() -> None:
        stage.store.ask("CONFIG", "SET", setting, weak)
        stage.rig.lab.gate_stop()
        stage.rig.lab.gate_start()

    async with stage.during(weaken, lambda: stage.store.ask("CONFIG", "SET", setting, sound)):
        await stage.contract(Reason.LEDGER_UNAVAILABLE)
        await is_declared(stage, f"{setting} is {weak}, not {sound}: CONFIG SET {setting} {sound}", before)
    await stage.recovers()
    await is_taken_back(stage)
