"""A clock is wrong: the store's server's, or those of two gates. What was spent stays spent, and nothing ends early."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Denied, Held
from callgate.core.sighting import Ticks
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.ticks import machine_ticks
from faults.matrix import proves
from faults.stage import REUNION, Stage
from faults.store import FaultyStore
from ledger.samples import CENT, PATIENT, PER_CALL, answered, costly, hold_id, request
from system.rig import WITHIN_S, wait_for

pytestmark = pytest.mark.system

HOUR_S = 3600
DAY_S = 24 * HOUR_S
MINUTE_MICROS = 250_000
CHORES = 5
"""So often the gate has looked for holds to lapse, before it is believed that it finds none."""
MANY, PAID = 60, 20
CLINIC = "two-gates"
NTP_STEP_S = 5
RACES, SEED = 1000, 49


class WrongClockStore(FaultyStore):
    """A store whose server's clock obeys ``clock.c``."""

    def __init__(self, folder: Path, disk: Path, clock: Path) -> None:
        self._clock, self._shift = clock, folder / "shift"
        super().__init__(folder, disk)
        self.set_ahead(0)

    def set_ahead(self, seconds: int) -> None:
        """Put its clock ahead, or back."""
        # In one write, and never shorter than what a look may still read.
        self._shift.parent.mkdir(parents=True, exist_ok=True)
        with self._shift.open("r+b" if self._shift.exists() else "wb", buffering=0) as file:
            file.write(f"{seconds:<20}".encode())

    def environment(self) -> dict[str, str]:
        """With both libraries."""
        return {
            **super().environment(),
            "LD_PRELOAD": f"{self.disk}:{self._clock}",
            "CLOCK_SHIFT": str(self._shift),
        }


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes a clock wrong."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["gcc", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture
def store(tmp_path: Path, disk: Path, clock: Path) -> Iterator[WrongClockStore]:
    with WrongClockStore(tmp_path / "store", disk, clock) as store:
        yield store


def scripts_run(stage: Stage) -> int:
    """How many scripts the store has run."""
    with stage.store.link() as link:
        found = link.info("commandstats")
    return int(found["cmdstat_evalsha"]["calls"])


@pytest.mark.parametrize(
    "ahead_s",
    [
        pytest.param(DAY_S, id="a day ahead", marks=proves(45)),
        pytest.param(366 * DAY_S, id="a year ahead", marks=proves(45)),
        pytest.param(-HOUR_S, id="an hour back", marks=proves(46)),
        pytest.param(-2 * DAY_S, id="two days back", marks=proves(46)),
    ],
)
async def test_whatever_the_stores_clock_says_what_was_spent_stays_spent_and_a_call_that_is_up_stays_held(
    stage: Stage, store: WrongClockStore, ahead_s: int
) -> None:
    await stage.costly_goes()
    assert await day_micros(stage) == MINUTE_MICROS
    before = await stage.book()
    async with stage.during(lambda: None, lambda: store.set_ahead(0)):
        call = stage.phone.call(REUNION)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        store.set_ahead(ahead_s)
        run = scripts_run(stage)
        await asyncio.to_thread(wait_for, lambda: scripts_run(stage) > run + CHORES)
        book = await stage.book()
        assert len(book.holds) == 1, "it lapsed"
        assert abs((book.now - before.now).total_seconds()) < HOUR_S / 2
        call.hang_up()
        await call.wait_ended(WITHIN_S)
        assert await day_micros(stage) == 2 * MINUTE_MICROS
        await stage.costly_goes()
        said = stage.rig.lab.gate_exec("callgate", "--language", "en", "status")
        assert ("clock is" in said) is (ahead_s > 0), said
    assert await day_micros(stage) == 3 * MINUTE_MICROS
    stage.saw(f"store's clock {ahead_s / HOUR_S:+.0f} h: the day's spending stays, and ledger time")


async def day_micros(stage: Stage) -> int:
    """What is booked of costly calls in 24 hours, once nothing is held."""
    book = await stage.books_at_rest()
    return next(purse.day_micros for purse in book.purses if purse.name == "costly")


def machine(name: str, ahead_s: int) -> Callable[[], Ticks]:
    """The clocks of one of two machines, whose wall clock was stepped."""

    def look() -> Ticks:
        ticks = machine_ticks()
        return replace(ticks, boot=name, wall_s=ticks.wall_s + ahead_s, is_synced=True)

    return look


@proves(48)
async def test_two_gates_whose_clocks_are_ten_seconds_apart_share_the_last_cent_exactly(
    store: WrongClockStore, record_property: Callable[[str, object], None]
) -> None:
    """Both are kept by a time server, as they believe, and ask at the same time."""
    async with connect(store.url, PATIENT) as client:
        gates = [_gate(client, name, step) for name, step in (("early", -NTP_STEP_S), ("late", NTP_STEP_S))]
        wall_s = machine_ticks().wall_s
        asked = replace(request(clinic=CLINIC), rate=PER_CALL, purses=costly(hour=PAID * 300))
        calls = [replace(asked, hold_id=hold_id(f"c{number}", wall_s)) for number in range(MANY)]
        held = await asyncio.gather(*(gates[place % 2].hold(call) for place, call in enumerate(calls)))
        assert [sum(isinstance(one, kind) for one in held) for kind in (Held, Denied)] == [PAID, MANY - PAID]
        for place, (call, one) in enumerate(zip(calls, held, strict=True)):
            if isinstance(one, Held):
                await gates[1 - place % 2].settle(replace(answered(), clinic=CLINIC, hold_id=call.hold_id))
        book = await gates[0].book(CLINIC)
    assert isinstance(book, LedgerBook)
    (purse,) = book.purses
    assert (purse.hour_micros, purse.held_micros) == (PAID * 300 * CENT, 0)
    record_property("fault", "48")
    record_property("seen", f"{PAID} of {MANY} held, as the money pays; each settled by the other gate")


@proves(49)
async def test_two_gates_that_race_for_the_last_cent_hold_exactly_what_the_money_pays_a_thousand_times(
    store: WrongClockStore, record_property: Callable[[str, object], None]
) -> None:
    """Ceiling, price and the number of calls are drawn; each gate has connections of its own."""
    rng = Random(SEED)
    grants = 0
    async with connect(store.url, PATIENT) as one, connect(store.url, PATIENT) as two:
        gates = _gate(one, "one", 0), _gate(two, "two", 0)
        for race in range(RACES):
            cents, paid = rng.randint(1, 300), rng.randint(1, 6)
            asked = replace(
                request(clinic=f"race-{race}"),
                rate=replace(PER_CALL, connect_micros=cents * CENT),
                purses=costly(hour=paid * cents + rng.randrange(cents)),
            )
            made_at = int(time.time())
            calls = [replace(asked, hold_id=hold_id(f"c{place}", made_at)) for place in range(paid + rng.randint(1, 6))]
            held = await asyncio.gather(*(gates[place % 2].hold(call) for place, call in enumerate(calls)))
            found = [sum(isinstance(one, kind) for one in held) for kind in (Held, Denied)]
            assert found == [paid, len(calls) - paid], (SEED, race)
            book = await gates[0].book(asked.clinic)
            assert isinstance(book, LedgerBook)
            assert [purse.held_micros for purse in book.purses] == [paid * cents * CENT], (SEED, race)
            grants += paid
    record_property("fault", "49")
    record_property("seen", f"{RACES} races (seed {SEED}): {grants} holds, each time exactly what the ceiling pays")


def _gate(client: Redis, name: str, step_s: int) -> RedisLedger:
    return RedisLedger(client, PATIENT, gate=name, clock=machine(name, step_s))
