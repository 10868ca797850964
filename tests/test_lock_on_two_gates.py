"""A lock binds the very next call of every gate, though none is told: each hold names the revision it was judged by."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.core.locks import Lock, LockedCalls, Locks, with_lock, without_lock
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.locking import Changed, Order, carry_out
from callgate.policies import file_revision
from clinic_samples import CLINIC, OBSERVING, PARIS, POINTE_A_PITRE, TUESDAY_11, Site, open_site, policy_text
from core.samples import a_lock
from ledger.samples import PATIENT
from redis_server import RedisServer

WHOLE = a_lock()
COSTLY = a_lock(LockedCalls.COSTLY)
ONE_LINE = a_lock(extension="101")


@dataclass(kw_only=True)
class Pair:
    """Two gates of one clinic, each with its own link to their Redis, and whoever locks with a third."""

    gates: list[Site]
    ledger: RedisLedger
    redis: ExitStack

    async def change(self, change: Callable[[PolicyRevision], Locks]) -> None:
        order = Order(clinic=CLINIC, author="dr.lilas", at=TUESDAY_11, reason="", change=change)
        document = self.gates[0].shelf.clinic(CLINIC).document
        assert isinstance(await carry_out(order, self.ledger, lambda: file_revision(CLINIC, document)), Changed)

    async def lock(self, lock: Lock) -> None:
        await self.change(lambda current: with_lock(current.locks, lock))

    async def dial(self, number: str, extension: str = "101") -> list[str]:
        """Dial on each gate; "granted", or the heaviest reason of the refusal."""
        found = []
        for place, gate in enumerate(self.gates):
            gate.now += timedelta(seconds=1)
            asked = gate.passage(number)
            passage = f"pbx{place}.{asked.attempt.passage.partition('.')[2]}"
            attempt = replace(asked.attempt, passage=passage, extension=extension)
            verdict = await gate.gate.decide(replace(asked, attempt=attempt), gate.now)
            if isinstance(verdict, Grant):
                found.append("granted")
                await gate.ledger.void(CLINIC, verdict.grant_id)
            else:
                found.append(verdict.reasons[0].value)
        return found


@pytest.fixture
async def pair(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Pair]:
    """Under the factory policy, or with some texts of it replaced."""
    folder, policy = tmp_path_factory.mktemp("redis"), policy_text(getattr(request, "param", {}))
    async with AsyncExitStack() as ending:
        redis = ending.enter_context(ExitStack())
        server = redis.enter_context(RedisServer(folder))
        links = [await ending.enter_async_context(connect(server.url, PATIENT)) for _ in range(3)]
        gates = []
        for name, link in zip("ab", links, strict=False):
            (tmp_path / name).mkdir()
            gates.append(open_site(tmp_path / name, policy, ledger=RedisLedger(link, PATIENT, gate=name)))
            await gates[-1].shelf.open()
        yield Pair(gates=gates, ledger=RedisLedger(links[2], PATIENT), redis=redis)


LOCKED, GRANTED = ["locked"] * 2, ["granted"] * 2


@pytest.mark.parametrize(
    ("lock", "number", "extension", "then"),
    [
        (WHOLE, PARIS, "101", LOCKED),
        (WHOLE, POINTE_A_PITRE, "101", LOCKED),
        (WHOLE, "015", "101", GRANTED),
        (COSTLY, POINTE_A_PITRE, "101", LOCKED),
        (COSTLY, PARIS, "101", GRANTED),
        (ONE_LINE, PARIS, "101", LOCKED),
        (ONE_LINE, PARIS, "102", GRANTED),
    ],
)
async def test_the_next_call_after_a_lock_is_refused_on_both_gates_and_goes_after_the_unlock(
    pair: Pair, *, lock: Lock, number: str, extension: str, then: list[str]
) -> None:
    assert await pair.dial(number, extension) == GRANTED
    await pair.lock(lock)
    assert await pair.dial(number, extension) == then
    await pair.change(lambda current: without_lock(current.locks, lock.scope, TUESDAY_11))
    assert await pair.dial(number, extension) == GRANTED


async def test_the_row_of_a_refused_call_says_which_lock_it_was(pair: Pair) -> None:
    await pair.lock(WHOLE)
    await pair.lock(COSTLY)
    assert await pair.dial(PARIS) == LOCKED
    for gate in pair.gates:
        row = gate.rows[-1]
        assert (row.reasons, row.locks, row.zone, row.policy_revision) == (
            (Reason.LOCKED,),
            (WHOLE,),
            "Europe/Paris",
            3,
        )


@pytest.mark.parametrize("pair", [OBSERVING], indirect=True)
async def test_a_lock_stops_calls_also_where_the_clinic_only_observes(pair: Pair) -> None:
    await pair.lock(COSTLY)
    assert await pair.dial(POINTE_A_PITRE) == LOCKED
    assert [gate.rows[-1].observed for gate in pair.gates] == [False, False]
    assert await pair.dial("0003225551212") == LOCKED
    assert await pair.dial(PARIS) == GRANTED


async def test_with_redis_away_each_gate_keeps_the_last_locks_it_knows(pair: Pair) -> None:
    await pair.lock(ONE_LINE)
    await pair.dial(PARIS)
    pair.redis.close()
    assert await pair.dial(PARIS) == LOCKED
    assert await pair.dial(PARIS, extension="102") == GRANTED
    assert await pair.dial(POINTE_A_PITRE, extension="102") == ["ledger_unavailable"] * 2
