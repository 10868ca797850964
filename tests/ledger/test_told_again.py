"""What another gate did is told again to whoever repeats it, and is no loss: with a real memory and a real journal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from callgate.core.hold import Held
from callgate.journal import Journal
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import ForgetfulWitness, Witness
from callgate.ledger_memory import LedgerMemory
from ledger.gates import FOREVER_S, Gate, begin_anew, call, id_of
from ledger.samples import PATIENT, answered, policy


@dataclass(kw_only=True)
class Pair:
    """Two gates at one clinic; the first has this witness."""

    mine: Gate
    other: Gate
    witness: Witness = field(default_factory=ForgetfulWitness)

    def __post_init__(self) -> None:
        gate = self.mine
        gate.ledger = RedisLedger(gate.client, PATIENT, gate=gate.name, witness=self.witness, clock=gate.clocks)


@pytest.fixture(params=["memory", "journal"])
def pair(gate: Gate, request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    witness = LedgerMemory() if request.param == "memory" else Journal(tmp_path)
    return Pair(mine=gate, other=Gate(client=gate.client, clinic=gate.clinic, name="gate-b"), witness=witness)


async def lapse_and_void(pair: Pair) -> None:
    await pair.mine.hold(call("a"))
    await pair.other.hold(call("b"))
    for gate in (pair.mine, pair.other):
        gate.at(600)
    await pair.other.ledger.lapse(pair.other.clinic, 100)
    await pair.mine.ledger.void(pair.mine.clinic, id_of("a"))


async def settle_twice(pair: Pair) -> None:
    await pair.mine.hold(call("a"))
    for gate in (pair.other, pair.mine):
        await gate.settle(replace(answered("a", 5), hold_id=id_of("a")))


async def publish_twice(pair: Pair) -> None:
    await pair.mine.hold(call("a"))
    for gate in (pair.other, pair.mine):
        await gate.ledger.publish(replace(policy(1), clinic=gate.clinic), 0)


@pytest.mark.parametrize("life", [lapse_and_void, settle_twice, publish_twice])
async def test_what_another_gate_did_first_is_not_taken_for_a_loss(
    pair: Pair, life: Callable[[Pair], Awaitable[None]]
) -> None:
    """Its number once became this gate's own, and the next costly call found the ledger frozen."""
    await life(pair)
    assert isinstance(await pair.mine.hold(call("next")), Held)
    book = await pair.mine.book()
    assert (book.frozen, pair.witness.seen(book.clinic).mine) == (None, book.sequence)


async def test_what_is_told_again_can_be_restored_and_makes_up_for_no_number(gate: Gate) -> None:
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    await gate.hold(call("a"))
    await other.settle(replace(answered("a", 5), hold_id=id_of("a")))
    await gate.settle(replace(answered("a", 5), hold_id=id_of("a")))
    told, first = gate.journal.changes[-1], other.journal.changes[-1]
    assert (told.sequence, told.records) == (0, first.records)
    await gate.erase()
    assert (await other.restore()).taken == 1
    assert (await gate.restore([told])).taken == 0


async def test_what_a_gate_did_itself_and_asks_again_keeps_its_number(gate: Gate) -> None:
    """Its first answer may have been lost on the way: the journal has it by the second one."""
    for _ in range(2):
        await gate.hold(call("a"))
    assert [change.sequence for change in gate.journal.changes] == [1, 1]


async def test_what_was_restored_into_another_ledger_is_told_without_its_former_number(gate: Gate) -> None:
    """It once counted as a number of the new ledger, for a loss there that nobody could make up for."""
    for name in "abc":
        await gate.hold(replace(call(name), grace_s=FOREVER_S))
    await begin_anew(gate)
    await gate.restore()
    await gate.thaw(0, patience_s=0)
    gate.journal.changes.clear()
    assert isinstance(await gate.hold(replace(call("b"), grace_s=FOREVER_S)), Held)
    assert [change.sequence for change in gate.journal.changes] == [0]
