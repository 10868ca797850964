"""The failover drill: whatever a failover loses is found out at once, frozen, and repaired from the gates' journals.

Real servers are killed, stopped, emptied, split and set back while calls go on. Afterwards every acknowledged call is
booked to the micro, and the ledger adds up.
"""

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from callgate.core.hold import Frozen, FrozenCause, Held, HoldOutcome, Settled, Unavailable
from callgate.ledger.base import Settlement
from callgate.ledger.client import Deadlines, connect
from callgate.ledger.keys import clinic_keys
from callgate.ledger.redis import RedisLedger
from ledger.gates import BEGUN_S, Gate
from ledger.samples import CENT, hold_id, request
from store_servers import DURABLE, FAST_REPLICAS, StoreCluster, StoreServer, is_in_step, wait_until

CALM = Deadlines(connect_s=0.5, answer_s=0.5, free_connection_s=0.5)
THAWED_S = 5
PATIENCE_S = 20
TALKED_S = 30
PRICE_MICROS = 500 * CENT
CALLERS = 4


@dataclass(kw_only=True)
class DrillGate(Gate):
    """A gate that gives up on a silent server, and remembers what it was promised."""

    live: set[str] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    made: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.speak_to(self.client)

    def speak_to(self, client: Redis) -> None:
        self.ledger = RedisLedger(client, CALM, gate=self.name, witness=self.journal, clock=self.clocks)

    async def call(self) -> HoldOutcome:
        """One costly call; every second one is over at once."""
        self.made += 1
        name = f"{self.name}-{self.made}"
        outcome = await self.hold(dataclasses.replace(request(), hold_id=hold_id(name, BEGUN_S)))
        if isinstance(outcome, Held):
            self.live.add(name)
            if self.made % 2:
                self.unsettled.add(name)
                await self.settle_all()
        return outcome

    async def settle_all(self) -> None:
        """Settle what is over, as the spool does: until each is acknowledged."""
        for name in tuple(self.unsettled):
            ended = Settlement(clinic=self.clinic, hold_id=hold_id(name, BEGUN_S), answered=True, duration_s=TALKED_S)
            if isinstance(await self.settle(ended), Settled):
                self.unsettled.discard(name)
                self.live.discard(name)
                self.settled.add(name)

    async def drain(self) -> None:
        """Settle and void until nothing is in doubt."""
        end = time.monotonic() + PATIENCE_S
        while (self.unsettled or await self.ledger.void_doubtful()) and time.monotonic() < end:
            await self.settle_all()
            await asyncio.sleep(0.05)
        assert self.unsettled == set()
        assert await self.ledger.void_doubtful() == 0


async def calls_until_answered(gate: DrillGate) -> HoldOutcome:
    """Call until somebody answers; gives that answer."""
    end = time.monotonic() + PATIENCE_S
    while True:
        outcome = await gate.call()
        if not isinstance(outcome, Unavailable) or time.monotonic() > end:
            return outcome
        await asyncio.sleep(0.05)


async def repair_after_kill(*gates: DrillGate) -> int:
    """Restore and thaw; gives what was booked for changes whose answers died with the primary: nobody has those."""
    bases = [(await gate.restore()).base for gate in gates]
    report = [await gate.thaw(base, PRICE_MICROS) for gate, base in zip(gates, bases, strict=True)][-1]
    if report.is_frozen:
        assert 0 < report.missing <= len(gates) * CALLERS
        report = await gates[-1].thaw(bases[-1], PRICE_MICROS, patience_s=0)
    assert not report.is_frozen
    assert report.booked_micros == report.missing * PRICE_MICROS
    return report.booked_micros


async def repair(*gates: DrillGate) -> float:
    """Restore from every journal and thaw; gives the seconds it took."""
    began = time.monotonic()
    bases = [(await gate.restore()).base for gate in gates]
    reports = [await gate.thaw(base, PRICE_MICROS) for gate, base in zip(gates, bases, strict=True)]
    assert not reports[-1].is_frozen, reports
    assert [report.booked_micros for report in reports] == [0] * len(gates)
    taken_s = time.monotonic() - began
    count = sum(len(gate.journal.changes) for gate in gates)
    print(f"{count} changes given back and thawed in {taken_s:.2f} s, numbers lost after {bases}")
    return taken_s


async def assert_nothing_is_lost(*gates: DrillGate, booked_micros: int = 0) -> None:
    for gate in gates:
        await gate.drain()
    book = await gates[0].book()
    assert {hold.hold_id for hold in book.holds} == {hold_id(name, BEGUN_S) for gate in gates for name in gate.live}
    purse = next(purse for purse in book.purses if purse.name == "costly")
    assert purse.day_micros == sum(len(gate.settled) for gate in gates) * TALKED_S * CENT + booked_micros
    assert (await gates[0].audit()).findings == ()
    assert isinstance(await gates[0].call(), Held), "the clinic may call again"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCluster]:
    """One without any guard, so that a failover does lose entries."""
    with StoreCluster(tmp_path_factory.mktemp("failover"), *DURABLE) as cluster:
        yield cluster


def clinic_in(cluster: StoreCluster, slot: int) -> tuple[str, StoreServer, StoreServer]:
    """A clinic that lives with a slot, its primary and its replica."""
    primary = cluster.primary_of(slot)
    replica = cluster.replica_of(primary)
    wait_until(lambda: is_in_step(replica), "the replica is in step")
    names = (f"clinic-{number}" for number in range(1000))
    clinic = next(n for n in names if cluster.primary_of(key_slot(clinic_keys(n)[0].encode())) is primary)
    return clinic, primary, replica


async def test_a_primary_killed_under_load(cluster: StoreCluster) -> None:
    clinic, primary, _ = clinic_in(cluster, 0)
    async with connect(cluster.url, CALM) as client:
        gates = [DrillGate(client=client, clinic=clinic, name=name) for name in ("gate-a", "gate-b")]

        async def load(gate: DrillGate) -> None:
            end = time.monotonic() + 1
            while time.monotonic() < end:
                await gate.call()

        loads = asyncio.gather(*(load(gate) for gate in gates for _ in range(CALLERS)))
        await asyncio.sleep(0.5)
        primary.kill()
        await loads
        outcomes = [await calls_until_answered(gate) for gate in gates]
        is_frozen = any(isinstance(outcome, Frozen) for outcome in outcomes)
        await assert_nothing_is_lost(*gates, booked_micros=await repair_after_kill(*gates) if is_frozen else 0)
    primary.start()


async def test_a_replica_that_was_behind_takes_over(cluster: StoreCluster) -> None:
    clinic, primary, replica = clinic_in(cluster, 8_000)
    async with connect(cluster.url, CALM) as client:
        gates = [DrillGate(client=client, clinic=clinic, name=name) for name in ("gate-a", "gate-b")]
        for gate in gates * 10:
            assert isinstance(await gate.call(), Held)
        wait_until(lambda: written(primary) == written(replica), "the replica has it all")
        replica.freeze()
        primary.ask("CLIENT", "KILL", "TYPE", "replica")
        for gate in gates * 10:
            assert isinstance(await gate.call(), Held)
        primary.kill()
        replica.thaw()
        outcomes = [await calls_until_answered(gate) for gate in gates]
        assert outcomes == [Frozen(cause=FrozenCause.REGRESSED)] * 2
        assert await repair(*gates) < THAWED_S
        await assert_nothing_is_lost(*gates)
    primary.start()


async def test_a_replica_that_was_empty_takes_over(cluster: StoreCluster) -> None:
    """Its first copy was not finished: all that was acknowledged is gone, and a full budget must not come of it."""
    clinic, primary, replica = clinic_in(cluster, 16_000)
    async with connect(cluster.url, CALM) as client:
        gates = [DrillGate(client=client, clinic=clinic, name=name) for name in ("gate-a", "gate-b")]
        for gate in gates * 10:
            assert isinstance(await gate.call(), Held)
        replica.kill()
        shutil.rmtree(replica.folder / "appendonlydir")
        primary.kill()
        replica.start()
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        outcomes = [await calls_until_answered(gate) for gate in gates]
        assert outcomes == [Frozen(cause=FrozenCause.ERASED)] * 2
        assert await repair(*gates) < THAWED_S
        await assert_nothing_is_lost(*gates)
    primary.start()


async def test_an_old_primary_still_answers_one_gate(tmp_path: Path) -> None:
    """Split brain: both sides acknowledge, and when they meet again neither side's calls are forgotten."""
    old, new = (StoreServer(tmp_path / name, *DURABLE, *FAST_REPLICAS) for name in ("old", "new"))
    with old, new:
        new.ask("REPLICAOF", "127.0.0.1", old.port)
        wait_until(lambda: is_in_step(new), "the replica is in step")
        async with connect(old.url, CALM) as to_old, connect(new.url, CALM) as to_new:
            cut_off, other = (DrillGate(client=to_old, clinic="split", name=name) for name in ("gate-a", "gate-b"))
            for gate in (cut_off, other) * 5:
                assert isinstance(await gate.call(), Held)
            wait_until(lambda: written(old) == written(new), "the replica has it all")
            new.ask("REPLICAOF", "NO", "ONE")
            other.speak_to(to_new)
            for gate, calls in ((cut_off, 12), (other, 7)):
                for _ in range(calls):
                    assert isinstance(await gate.call(), Held)
            old.ask("REPLICAOF", "127.0.0.1", new.port)
            cut_off.speak_to(to_new)
            assert await calls_until_answered(cut_off) == Frozen(cause=FrozenCause.REGRESSED)
            assert await calls_until_answered(other) == Frozen(cause=FrozenCause.REGRESSED)
            assert await repair(cut_off, other) < THAWED_S
            await assert_nothing_is_lost(other, cut_off)


async def test_last_weeks_backup_is_put_back(tmp_path: Path) -> None:
    server = StoreServer(tmp_path / "store", *DURABLE)
    with server:
        async with connect(server.url, CALM) as client:
            gates = [DrillGate(client=client, clinic="backup", name=name) for name in ("gate-a", "gate-b")]
            for gate in gates * 5:
                assert isinstance(await gate.call(), Held)
            server.kill()
            shutil.copytree(server.folder / "appendonlydir", tmp_path / "backup")
            server.start()
            for gate in gates:
                assert isinstance(await calls_until_answered(gate), Held)
            for gate in gates * 150:
                assert isinstance(await gate.call(), Held)
            server.kill()
            shutil.rmtree(server.folder / "appendonlydir")
            shutil.copytree(tmp_path / "backup", server.folder / "appendonlydir")
            server.start()
            outcomes = [await calls_until_answered(gate) for gate in gates]
            assert outcomes == [Frozen(cause=FrozenCause.REGRESSED)] * 2
            assert await repair(*gates) < THAWED_S
            await assert_nothing_is_lost(*gates)


def written(server: StoreServer) -> int:
    """How much of the stream of changes a server has."""
    with server.link() as link:
        facts = link.info("replication")
        return int(facts["slave_repl_offset" if facts["role"] == "slave" else "master_repl_offset"])
