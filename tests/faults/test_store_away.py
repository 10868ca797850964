"""The store is away, in every way one machine can bring about: home is called, and what costs is refused."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from redis.exceptions import RedisError

from callgate.core.reasons import Reason
from faults.matrix import proves
from faults.stage import Stage
from faults.store import FULL, READ_ONLY
from store_servers import HOST, free_port, wait_until

pytestmark = pytest.mark.system

HUNG_MS = 300
REFUSED_MS = 20
SLOW_FLUSH_MS = 400
FILLING = 40_000
"""Commands that a store reads back slowly, so that it says LOADING for some seconds."""
LOAD_DELAY_US = 100
BUSY_AFTER_MS = 200
NEW = "another"
LONG_S = 1.0
"""Longer than a call waits for the store, however long it takes to come that far."""
_FOREVER = "while true do end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How the store is taken away, and brought back.

    Fields:
        hangs: whether it stays silent instead of saying no.
        opens: whether it fails every time, so that after three it is not asked for a second.
        reason: why a costly call is refused meanwhile; None where that is up to chance.
    """

    breaks: Callable[[Stage], object]
    mends: Callable[[Stage], object]
    hangs: bool = False
    opens: bool = True
    reason: Reason | None = Reason.LEDGER_UNAVAILABLE


def kill(stage: Stage) -> None:
    stage.store.kill()


def come_back(stage: Stage) -> None:
    stage.store.come_back()
    stage.wire.restore()


def swallow(stage: Stage) -> None:
    stage.wire.swallows = True


def load(stage: Stage) -> None:
    """Kill it, and let it read a large file back."""
    stage.store.kill()
    with stage.store.increments[-1].open("ab") as file:
        file.writelines(b"*3\r\n$3\r\nSET\r\n$4\r\nfill\r\n$5\r\n%05d\r\n" % number for number in range(FILLING))
    stage.store.begin("--key-load-delay", str(LOAD_DELAY_US))
    wait_until(lambda: "loading" in _said(stage), "it is loading")


def wait_for_loading(stage: Stage) -> None:
    wait_until(lambda: _said(stage) == "PONG", "it has read everything back", 60)


def _said(stage: Stage) -> str:
    try:
        return "PONG" if stage.store.ask("PING") else ""
    except RedisError as error:
        return str(error).lower()


def run_foreign_script(stage: Stage) -> None:
    stage.store.ask("CONFIG", "SET", "busy-reply-threshold", BUSY_AFTER_MS)

    def run() -> None:
        with pytest.raises(RedisError):
            stage.store.ask("EVAL", _FOREVER, 0)

    threading.Thread(target=run).start()
    wait_until(lambda: "busy" in _said(stage), "it is busy")


def full(stage: Stage) -> None:
    stage.store.trouble(FULL)


def read_only(stage: Stage) -> None:
    stage.store.trouble(READ_ONLY)


def rotate_password(stage: Stage) -> None:
    """A server asks whoever is connected already for nothing, so those connections end, too."""
    stage.store.ask("ACL", "SETUSER", "callgate", "resetpass", f">{NEW}")
    stage.wire.cut()


def forget_password(stage: Stage) -> None:
    stage.store.ask("ACL", "SETUSER", "callgate", "nopass")


FAULTS = {
    20: ("refused", Fault(breaks=lambda stage: stage.wire.refuse(), mends=come_back)),
    21: (
        "frozen",
        Fault(breaks=lambda stage: stage.store.freeze(), mends=lambda stage: stage.store.thaw(), hangs=True),
    ),
    24: ("blackholed", Fault(breaks=swallow, mends=come_back, hangs=True)),
    26: ("killed", Fault(breaks=kill, mends=come_back)),
    30: ("loading", Fault(breaks=load, mends=wait_for_loading)),
    31: ("its disk full", Fault(breaks=full, mends=come_back)),
    32: ("its disk read-only", Fault(breaks=read_only, mends=come_back)),
    33: (
        "its disk slow",
        Fault(
            breaks=lambda stage: stage.store.trouble(-SLOW_FLUSH_MS),
            mends=lambda stage: stage.store.mend_disk(),
            hangs=True,
            opens=False,  # what writes nothing is answered between two flushes
            reason=None,  # of a call it may have heard before, and carries out meanwhile
        ),
    ),
    34: (
        "out of memory",
        Fault(
            breaks=lambda stage: stage.store.ask("CONFIG", "SET", "maxmemory", 1),
            mends=lambda stage: stage.store.ask("CONFIG", "SET", "maxmemory", 0),
        ),
    ),
    37: (
        "busy with a script of somebody else's",
        Fault(breaks=run_foreign_script, mends=lambda stage: stage.store.ask("SCRIPT", "KILL")),
    ),
    38: (
        "a replica",
        Fault(
            breaks=lambda stage: stage.store.ask("REPLICAOF", HOST, free_port()),
            mends=lambda stage: stage.store.ask("REPLICAOF", "NO", "ONE"),
        ),
    ),
    44: (
        "with another password",
        Fault(
            breaks=rotate_password,
            mends=forget_password,
        ),
    ),
}


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=name, marks=proves(row)) for row, (name, fault) in FAULTS.items()]
)
async def test_while_the_store_is_away_home_is_called_and_what_costs_is_refused(stage: Stage, fault: Fault) -> None:
    await stage.costly_goes()
    async with stage.during(lambda: fault.breaks(stage), lambda: fault.mends(stage)):
        healthy = stage.emergencies_ms[0]
        first = await stage.ordinary() - healthy
        stage.within(first, HUNG_MS if fault.hangs else REFUSED_MS, "first call with it away: added")
        await stage.contract(fault.reason)
        added = sorted([await stage.ordinary() - healthy for _ in range(3)])
        if fault.opens:
            stage.within(added[0], REFUSED_MS, "once the circuit is open: added")
        else:
            stage.within(added[-1], HUNG_MS, "later calls: added at most")
    await stage.recovers()


@proves(21)
@pytest.mark.parametrize("frozen_s", [0.2, 1.0, 3.0])
async def test_what_a_frozen_store_carries_out_too_late_is_undone(stage: Stage, frozen_s: float) -> None:
    """The store is thawed while calls are on their way; `hold_to_account` finds no hold that nobody has.

    The emergency call comes first: by its end the gate would not ask any more. So it is frozen anew once it is asked.
    """
    async with stage.during(stage.store.freeze, stage.store.thaw):
        stage.store.thaw()
        await stage.recovers()
        stage.store.freeze()
        threading.Timer(frozen_s, stage.store.thaw).start()
        heard = [await stage.dial(dialled) for dialled in ("000262262905000", "00142685300", "000262262905000")]
        assert heard[0].refused or frozen_s < LONG_S
        assert not heard[1].refused
    await stage.recovers()
