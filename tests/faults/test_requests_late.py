"""What was asked of the store is overtaken by what ended the call: the money is never set aside for nobody."""

import asyncio
from collections.abc import Iterator

import pytest

from callgate.core.reasons import Reason
from callgate.ledger.scripts import HOLD, VOID, Script
from faults.late_wire import LateWire
from faults.matrix import proves
from faults.stage import REUNION_WIRE, Stage
from faults.store import FaultyStore
from system.rig import wait_for

pytestmark = pytest.mark.system

TRIES = 2
MINUTE_MICROS = 250_000


@pytest.fixture
def wire(store: FaultyStore) -> Iterator[LateWire]:
    """The road to the store."""
    with LateWire(store.at) as wire:
        yield wire


def carried_out(stage: Stage, script: Script) -> int:
    """How often the store has run a script since it was told to remember."""
    with stage.store.link() as link:
        return sum(script.sha in str(entry["command"]) for entry in link.slowlog_get(1000))


def remember(stage: Stage) -> None:
    """Have the store remember each command."""
    stage.store.ask("CONFIG", "SET", "slowlog-max-len", 1000, "slowlog-log-slower-than", 0)


async def held(stage: Stage) -> tuple[int, int, int]:
    """The live holds, and what is held and booked of costly calls."""
    book = await stage.books_at_rest()
    costly = next(purse for purse in book.purses if purse.name == "costly")
    return len(book.holds), costly.held_micros, costly.day_micros


@proves(53)
async def test_a_hold_that_its_void_overtakes_on_the_way_is_never_made(stage: Stage, wire: LateWire) -> None:
    await stage.costly_goes()
    before = await held(stage)
    remember(stage)
    async with stage.during(lambda: wire.keep_back(HOLD.sha.encode(), TRIES), wire.let_go):
        refused = len(stage.rig.rows("call.refused"))
        await stage.costly_is_refused()
        assert stage.rig.last_row("call.refused", refused).reasons == (Reason.LEDGER_UNAVAILABLE,)
        await asyncio.to_thread(wait_for, lambda: carried_out(stage, VOID))
        assert carried_out(stage, HOLD) == 0
        wire.let_go()
        await asyncio.to_thread(wait_for, lambda: carried_out(stage, HOLD) == TRIES)
        assert await held(stage) == before
    stage.saw("void before hold: the hold, tried twice, was refused when it came")
    await stage.recovers()


@proves(53)
async def test_a_hold_that_comes_once_more_after_the_calls_end_is_not_made_again(stage: Stage, wire: LateWire) -> None:
    """Its first try is late, the second one is answered: the call goes, ends and is settled before the first comes."""
    await stage.costly_goes()
    await stage.books_at_rest()
    remember(stage)
    async with stage.during(lambda: wire.keep_back(HOLD.sha.encode(), 1), wire.let_go):
        await stage.costly_goes()
        settled = await held(stage)
        assert settled == (0, 0, 2 * MINUTE_MICROS)
        assert carried_out(stage, HOLD) == 1
        wire.let_go()
        await asyncio.to_thread(wait_for, lambda: carried_out(stage, HOLD) == TRIES)
        assert await held(stage) == settled
        assert len(stage.rig.lab.invites(REUNION_WIRE)) == TRIES
    stage.saw("settlement before hold: what came late held nothing")
