"""The store loses, repeats or forgets: each call is held once, and what was lost comes back from the gate's journal."""

import asyncio
import shutil
from collections.abc import Callable

import pytest

from callgate.core.reasons import Reason
from callgate.store_watch import CONDITION
from faults.gate_process import next_workers
from faults.matrix import proves
from faults.stage import REUNION, Heard, Stage, is_measured
from faults.wire import StoreWire
from system.rig import wait_for

pytestmark = pytest.mark.system

MINUTE_MICROS = 250_000
"""What each call to Reunion costs here: it is billed by the minute."""
HELD = b"HELD"
"""What the store says of a hold that is made."""
TRIES = 3
"""Of one number, which must not be called more than six times in a quarter of an hour."""


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
    async with stage.during(stage.store.kill, lambda: comes_back(stage)):
        await stage.contract(Reason.LEDGER_UNAVAILABLE)
    await stage.recovers()
    assert await booked(stage) == 2 * MINUTE_MICROS


@proves(42)
async def test_a_store_that_was_erased_has_everything_again_from_the_journal(stage: Stage) -> None:
    await stage.costly_goes()
    assert await booked(stage) == MINUTE_MICROS
    async with stage.during(lambda: stage.store.ask("FLUSHALL"), lambda: None):
        await stage.recovers()
    assert await booked(stage) == 2 * MINUTE_MICROS


@proves(35)
async def test_over_a_store_that_may_lose_money_costly_calls_are_refused_and_everybody_is_told(stage: Stage) -> None:
    def weaken() -> None:
        stage.store.ask("CONFIG", "SET", "appendfsync", "everysec")
        stage.rig.lab.gate_stop()
        stage.rig.lab.gate_start()

    async with stage.during(weaken, lambda: stage.store.ask("CONFIG", "SET", "appendfsync", "always")):
        await stage.contract(Reason.LEDGER_UNAVAILABLE)
        row = await asyncio.to_thread(stage.rig.last_row, CONDITION)
        assert "CONFIG SET appendfsync always" in row.note
        assert row.note in stage.rig.lab.gate_exec("callgate", "--language", "en", "status")
    await stage.recovers()
    await asyncio.to_thread(wait_for, lambda: stage.rig.rows(CONDITION)[-1].note == "")
