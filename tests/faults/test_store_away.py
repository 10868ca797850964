"""The store is away, in every way one machine can bring about: home is called, and what costs is refused."""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
from redis.exceptions import RedisError

from callgate.core.reasons import Reason
from callgate.store_watch import CONDITION
from faults.matrix import proves
from faults.stage import REUNION, Stage, as_many, is_declared, is_measured, is_taken_back
from faults.store import FULL, READ_ONLY, FaultyStore
from faults.wire import can_drop_packets, carry_packets, drop_packets
from store_servers import FAST_REPLICAS, HOST, free_port, is_in_step, wait_until

pytestmark = pytest.mark.system

HUNG_MS = 300
REFUSED_MS = 20
OPEN_CALLS = 5
HUNG_CALLS = as_many(10, 4)
ASKED_TWICE_MS = 200
"""A call that finds the store hung waits longer than this, and one that asks nobody never does."""
BACK_WITHIN_S = 1.3
"""A second, and what a call takes that finds out."""
SLOW_FLUSH_MS = 400
NOTICED_FLUSH_MS = 20
LONG_FLUSH_MS = 3000
FILLING = 500_000
"""Commands that a store reads back slowly, so that it says LOADING for some seconds."""
LOAD_DELAY_US = -4
"""As Redis has it: a pause after so many commands. It looks up every 1,024, and says LOADING within milliseconds."""
BUSY_AFTER_MS = 1500
"""Before that it is silent: the journal says so first, and then that it is busy."""
NEW = "another"
LONG_S = 1.0
"""Longer than a call waits for the store, however long it takes to come that far."""
PAUSE_S = 1.5
DEMOTED_S = 3.0
LINKS_MAX = 12
"""So often a gate may turn to a replica meanwhile: a few times a second."""
_FOREVER = "while true do end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How the store is taken away, and brought back.

    Fields:
        cause: what journal and status say that its answer is; "" where the gate's own questions are answered.
        hangs: whether it stays silent instead of saying no.
        opens: whether it fails every time, so that after three it is not asked for a second.
        reason: why a costly call is refused meanwhile; None where that is up to chance.
        returns: whether it is there as soon as it is mended.
    """

    breaks: Callable[[Stage], object]
    mends: Callable[[Stage], object]
    cause: str
    hangs: bool = False
    opens: bool = True
    reason: Reason | None = Reason.LEDGER_UNAVAILABLE
    returns: bool = False


def kill(stage: Stage) -> None:
    stage.store.kill()


def come_back(stage: Stage) -> None:
    stage.store.come_back()
    stage.wire.restore()


def drop(stage: Stage) -> None:
    """Let no packet through any more, not even that one was received; where the kernel cannot, the wire takes them."""
    if can_drop_packets():
        drop_packets(network_of_gate(stage), stage.wire.place)
    else:
        stage.wire.swallows = True


def carry(stage: Stage) -> None:
    if can_drop_packets():
        carry_packets(network_of_gate(stage), stage.wire.place)
    stage.wire.restore()


def network_of_gate(stage: Stage) -> int:
    """The process whose network the gate shares."""
    container = stage.rig.in_asterisk("cat", "/etc/hostname")
    words = ("docker", "inspect", "-f", "{{.State.Pid}}", container)
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def load(stage: Stage) -> None:
    """Kill it, and let it read a large file back."""
    stage.store.kill()
    with stage.store.increments[-1].open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nfill\r\n$4\r\nfull\r\n" * FILLING)
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


def slow(flush_ms: int, cause: str = "") -> Fault:
    return Fault(
        breaks=lambda stage: stage.store.trouble(-flush_ms),
        mends=lambda stage: stage.store.mend_disk(),
        cause=cause,
        hangs=True,
        opens=False,  # what writes nothing is answered between two flushes
        reason=None,  # of a call it may have heard before, and carries out meanwhile
    )


FAULTS = {
    20: ("refused", Fault(breaks=lambda stage: stage.wire.refuse(), mends=come_back, cause="connection")),
    21: (
        "frozen",
        Fault(
            breaks=lambda stage: stage.store.freeze(),
            mends=lambda stage: stage.store.thaw(),
            cause="timeout",
            hangs=True,
        ),
    ),
    24: ("blackholed", Fault(breaks=drop, mends=carry, cause="timeout", hangs=True)),
    26: ("killed", Fault(breaks=kill, mends=come_back, cause="connection", returns=True)),
    30: ("loading", Fault(breaks=load, mends=wait_for_loading, cause="busyloading")),
    31: ("its disk full", Fault(breaks=full, mends=come_back, cause="connection")),
    32: ("its disk read-only", Fault(breaks=read_only, mends=come_back, cause="connection")),
    33: ("its disk slow", slow(SLOW_FLUSH_MS)),
    34: (
        "out of memory",
        Fault(
            breaks=lambda stage: stage.store.ask("CONFIG", "SET", "maxmemory", 1),
            mends=lambda stage: stage.store.ask("CONFIG", "SET", "maxmemory", 0),
            cause="outofmemory",
        ),
    ),
    37: (
        "busy with a script of somebody else's",
        Fault(breaks=run_foreign_script, mends=lambda stage: stage.store.ask("SCRIPT", "KILL"), cause="busy"),
    ),
    38: (
        "a replica",
        Fault(
            breaks=lambda stage: stage.store.ask("REPLICAOF", HOST, free_port()),
            mends=lambda stage: stage.store.ask("REPLICAOF", "NO", "ONE"),
            cause="readonly",
        ),
    ),
    44: ("with another password", Fault(breaks=rotate_password, mends=forget_password, cause="authentication")),
}
EACH = [
    *(pytest.param(fault, id=name, marks=proves(row)) for row, (name, fault) in FAULTS.items()),
    pytest.param(slow(LONG_FLUSH_MS, "timeout"), id="its disk slower", marks=proves(33)),
]


@pytest.mark.parametrize("fault", EACH)
async def test_while_the_store_is_away_home_is_called_and_what_costs_is_refused(stage: Stage, fault: Fault) -> None:
    await stage.costly_goes()
    before = len(stage.rig.rows(CONDITION))
    async with stage.during(lambda: fault.breaks(stage), lambda: fault.mends(stage)):
        healthy = median([await stage.emergency() for _ in range(OPEN_CALLS)])
        first = await stage.ordinary() - healthy
        stage.within(first, HUNG_MS if fault.hangs else REFUSED_MS, "first call with it away: added")
        await stage.contract(fault.reason)
        added = [await stage.ordinary() - healthy for _ in range(OPEN_CALLS)]
        if fault.opens:
            stage.within(median(added), REFUSED_MS, "once the circuit is open: added, median")
        else:
            stage.within(max(added), HUNG_MS, "later calls: added at most")
        if fault.cause:
            await is_declared(stage, f"no answer ({fault.cause})", before)
    took_s = await stage.recovers()
    assert not fault.returns or not is_measured() or took_s <= BACK_WITHIN_S
    if fault.cause:
        await is_taken_back(stage)


@pytest.mark.parametrize("row", [pytest.param(row, id=FAULTS[row][0], marks=proves(row)) for row in (21, 24)])
async def test_a_store_that_hangs_holds_no_call_up_for_longer_than_two_tries(stage: Stage, row: int) -> None:
    """Each of the calls finds it anew: in between it is back."""
    _, fault = FAULTS[row]
    added = []
    async with stage.during(lambda: fault.breaks(stage), lambda: fault.mends(stage)):
        healthy = median([await stage.emergency() for _ in range(OPEN_CALLS)])
        for _ in range(HUNG_CALLS):
            await asyncio.to_thread(fault.mends, stage)
            await is_asked_again(stage)
            await asyncio.to_thread(fault.breaks, stage)
            added.append(await stage.ordinary() - healthy)
    assert median(added) > ASKED_TWICE_MS, "these calls did not wait for the store"
    stage.within(max(added), HUNG_MS, f"the slowest of {HUNG_CALLS} calls: added")
    await stage.recovers()


async def is_asked_again(stage: Stage) -> None:
    """Dial home until the store holds the call's money."""
    held = False
    while not held:
        before = len(stage.rig.rows("call.granted"))
        await stage.ordinary()
        held = bool((await asyncio.to_thread(stage.rig.last_row, "call.granted", before)).held_micros)


@proves(33)
async def test_over_a_disk_that_is_slow_and_in_time_costly_calls_go(stage: Stage) -> None:
    await stage.costly_goes()  # the store knows the scripts from now on
    await stage.books_at_rest()  # and has the money back that it held
    async with stage.during(lambda: stage.store.trouble(-NOTICED_FLUSH_MS), stage.store.mend_disk):
        heard = await stage.dial(REUNION)
        stage.within(heard.delay_ms - stage.emergencies_ms[0], HUNG_MS, f"each flush {NOTICED_FLUSH_MS} ms: added")
        assert not heard.refused or not is_measured()
        await stage.recovers()


@proves(21)
@pytest.mark.parametrize("frozen_s", [0.2, 1.0, 3.0, as_many(30, 5)])
async def test_what_a_frozen_store_carries_out_too_late_is_undone(stage: Stage, frozen_s: float) -> None:
    """The store is thawed while calls are on their way; `hold_to_account` finds no hold that nobody has.

    The emergency call comes first: by its end the gate would not ask any more. So it is frozen anew once it is asked.
    """
    async with stage.during(stage.store.freeze, stage.store.thaw):
        stage.store.thaw()
        await stage.recovers()
        stage.store.freeze()
        thaws = threading.Timer(frozen_s, stage.store.thaw)
        thaws.start()
        heard = [await stage.dial(dialled) for dialled in ("000262262905000", "00142685300", "000262262905000")]
        assert heard[0].refused or frozen_s < LONG_S
        assert not heard[1].refused
        while thaws.is_alive():
            await stage.ordinary()
            await asyncio.sleep(PAUSE_S)
    await stage.recovers()


@pytest.fixture
def successor(tmp_path: Path, disk: Path) -> Iterator[FaultyStore]:
    """A second store, which outlives the stage."""
    with FaultyStore(tmp_path / "successor", disk, *FAST_REPLICAS) as successor:
        yield successor


@proves(38)
async def test_a_name_that_leads_to_another_primary_by_now_is_looked_up_again(
    successor: FaultyStore, stage: Stage
) -> None:
    """Nothing ends the connections to the former primary: it says itself that it is a replica."""
    former = stage.store
    former.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    await stage.costly_goes()
    await stage.books_at_rest()
    successor.ask("REPLICAOF", HOST, former.port)
    await asyncio.to_thread(wait_until, lambda: is_in_step(successor), "it is in step")

    def fail_over() -> None:
        successor.ask("REPLICAOF", "NO", "ONE")
        former.ask("REPLICAOF", HOST, free_port())  # of the successor it would load everything, and end connections

    def point_there() -> None:
        stage.wire.target, stage.store = successor.at, successor

    async with stage.during(fail_over, point_there):
        await stage.contract(Reason.LEDGER_UNAVAILABLE)
        before = links(former)
        await asyncio.sleep(DEMOTED_S)
        tried = links(former) - before
        stage.saw(f"{tried} connections to a replica in {DEMOTED_S:.0f} s")
        assert tried <= LINKS_MAX
    await stage.recovers()


def links(store: FaultyStore) -> int:
    """How many connections it was ever asked for."""
    with store.link() as link:
        return int(link.info("stats")["total_connections_received"])
