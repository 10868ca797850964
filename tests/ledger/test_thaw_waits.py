"""A ledger thaws no sooner than every gate that has lost something has said that it restored what it has."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Frozen, FrozenCause, Held, Settled, SettleState
from callgate.ledger.base import OrphanCharge, Settlement
from callgate.ledger.restoration import Coverage, Restored, ThawReport
from callgate.ledger.validity import KEPT_S
from ledger.gates import FOREVER_S, Backup, Gate, begin_anew, call, id_of, purses_of
from ledger.samples import CENT, answered, hold_id

THAWED = ThawReport(is_frozen=False, missing=0, booked_micros=0)
AWAITED = ThawReport(is_frozen=True, missing=0, booked_micros=0)


@pytest.fixture
def other(gate: Gate) -> Gate:
    return Gate(client=gate.client, clinic=gate.clinic, name="gate-b")


async def held_by(gate: Gate) -> set[str]:
    return {hold.hold_id for hold in (await gate.book()).holds}


async def test_a_gate_that_was_away_restores_before_the_ledger_thaws_again(gate: Gate, other: Gate) -> None:
    """The gate that had restored before it once thawed the ledger at once, and five calls were never counted."""
    await gate.hold(call("a"))
    for number in range(5):
        await other.hold(call(f"b{number}"))
    whole = await held_by(gate)
    await gate.erase()
    await gate.hold(call())
    assert await gate.thaw((await gate.restore()).base) == THAWED, "nobody has spoken of the others"
    assert await other.hold(call()) == Frozen(cause=FrozenCause.REGRESSED)
    assert await gate.thaw((await gate.restore()).base) == AWAITED
    assert await other.thaw((await other.restore()).base) == THAWED
    assert await held_by(gate) == whole
    assert isinstance(await other.hold(call("next")), Held)


async def test_numbers_that_the_ledger_gave_again_to_another_gate_are_waited_for(
    gate: Gate, other: Gate, binary: Redis
) -> None:
    """A replica that lagged took over; the other gate went first there, and what was lost is below its numbers."""
    await other.hold(call("b"))
    await gate.hold(call("a"))
    backup = await Backup.take(binary, gate.clinic)
    for number in range(5):
        await gate.hold(call(f"a{number}"))
    await backup.put_back()
    for number in range(7):
        await other.hold(call(f"b{number}"))
    assert await gate.hold(call()) == Frozen(cause=FrozenCause.REGRESSED)
    assert await other.thaw((await other.restore()).base, patience_s=3) == AWAITED
    assert (await gate.restore()).taken == 5
    assert await gate.thaw((await gate.restore()).base, patience_s=3) == THAWED
    assert {id_of(f"a{number}") for number in range(5)} <= await held_by(gate)


@pytest.mark.parametrize("again_at", [(), (1, 2, 3)])
async def test_who_asks_again_without_news_waits_no_longer(gate: Gate, other: Gate, again_at: tuple[int, ...]) -> None:
    await gate.hold(call("a"))
    await other.hold(call("lost"))
    await gate.hold(call("c"))
    await gate.erase()
    base = (await gate.restore()).base
    assert (await gate.thaw(base, patience_s=3)).missing == 1
    for second in again_at:
        gate.at(second)
        assert (await gate.thaw(base, patience_s=3)).is_frozen
    gate.at(4)
    assert await gate.thaw(base, price_micros=CENT, patience_s=3) == ThawReport(
        is_frozen=False, missing=1, booked_micros=CENT
    )


async def test_news_is_waited_for_a_minute_and_not_for_ever(gate: Gate) -> None:
    """A gate restored more, or another spoke, every two seconds: each is news."""
    await gate.hold(call("a"))
    await gate.erase()
    await gate.hold(call())
    for second in range(0, 60, 2):
        gate.at(second)
        speaker = Gate(client=gate.client, clinic=gate.clinic, name=f"gate-{second}")
        speaker.clocks = gate.clocks
        report = await gate.ledger.thaw(gate.clinic, Coverage(covered=1 + second, highest=1000), CENT, 3)
        assert isinstance(report, ThawReport)
        assert report.is_frozen
    gate.at(62)
    last = await gate.ledger.thaw(gate.clinic, Coverage(covered=100, highest=1000), CENT, 3)
    assert last == ThawReport(is_frozen=False, missing=900, booked_micros=900 * CENT)


async def test_a_greeting_thaws_nothing_and_is_waited_for(gate: Gate, other: Gate) -> None:
    await gate.hold(call("a"))
    await gate.erase()
    await gate.hold(call())
    greeting = Coverage(covered=0, highest=0)
    for _ in range(2):
        report = await other.ledger.thaw(other.clinic, greeting, 0, FOREVER_S)
        assert report == ThawReport(is_frozen=True, missing=1, booked_micros=0)
    assert await gate.thaw((await gate.restore()).base) == AWAITED
    assert await other.thaw(0) == THAWED


async def test_what_a_gate_restored_before_this_loss_was_known_counts_nothing(gate: Gate, other: Gate) -> None:
    """It is worked out anew, and counts then; and what was restored once stays so, though less is said."""
    for name in "abc":
        await gate.hold(call(name))
    await gate.erase()
    await gate.hold(call())
    early = Coverage(covered=2, highest=2)
    for missing in (3, 1):
        report = await other.ledger.thaw(other.clinic, early, 0, 3)
        assert report == ThawReport(is_frozen=True, missing=missing, booked_micros=0)
    report = await other.ledger.thaw(other.clinic, Coverage(covered=1, highest=2), 0, 3)
    assert report == ThawReport(is_frozen=True, missing=1, booked_micros=0)


async def test_a_call_that_only_a_gate_that_came_late_knows_is_restored_whether_frozen_or_not(
    gate: Gate, binary: Redis
) -> None:
    """It began less than 8 days ago, so the ledger cannot have forgotten it."""
    backup = await Backup.take(binary, gate.clinic)
    await gate.hold(replace(call("a"), grace_s=FOREVER_S))
    await gate.hold(call("b"))
    await gate.settle(replace(answered("b", 30), hold_id=id_of("b")))
    charge = OrphanCharge(purses=("costly",), amount_micros=7 * CENT, month="2025-01")
    local = Settlement(clinic=gate.clinic, hold_id="local:c", answered=True, duration_s=1, orphan=charge)
    assert await gate.settle(local) == Settled(state=SettleState.ORPHAN, amount_micros=7 * CENT)
    before = await gate.book()
    await backup.put_back()
    late = Gate(client=gate.client, clinic=gate.clinic, name="late")
    await late.ledger.void(gate.clinic, hold_id("v", 1))
    assert (await late.restore(gate.journal.changes)).taken == 4
    after = await gate.book()
    assert (purses_of(after), after.holds, after.frozen) == (purses_of(before), before.holds, FrozenCause.REPLACED)
    assert (await gate.audit()).findings == ()


@pytest.mark.parametrize(("age_s", "taken"), [(KEPT_S, 2), (KEPT_S + 2, 0)])
async def test_what_an_unfrozen_ledger_does_not_know_was_lost_for_eight_days_and_forgotten_then(
    gate: Gate, age_s: int, taken: int
) -> None:
    await gate.hold(replace(call("a"), grace_s=FOREVER_S))
    await gate.ledger.settle(
        Settlement(
            clinic=gate.clinic,
            hold_id="local:c",
            answered=True,
            duration_s=1,
            orphan=OrphanCharge(purses=("costly",), amount_micros=7 * CENT, month="2025-01"),
        )
    )
    await begin_anew(gate)
    late = Gate(client=gate.client, clinic=gate.clinic, name="late")
    for second in (0, age_s):
        late.at(second)
        await late.ledger.void(gate.clinic, hold_id(f"v{second}", 1))
    assert (await late.restore(gate.journal.changes)) == Restored(taken=taken, base=(await late.book()).sequence)
    assert (await late.audit()).findings == ()


@pytest.mark.parametrize("is_kept", [True, False], ids=["with its price in the journal", "without"])
async def test_what_was_missing_before_and_is_lost_again_is_priced_once(
    gate: Gate, other: Gate, binary: Redis, *, is_kept: bool
) -> None:
    """The same backup is put back twice; only what is missing since is added."""
    await gate.hold(call("a"))
    backup = await Backup.take(binary, gate.clinic)
    await other.hold(call("lost"))
    await gate.hold(call("c"))
    calls, prices = list(gate.journal.changes), []
    for _ in range(2):
        await backup.put_back()
        await gate.hold(call())
        base = (await gate.restore(None if is_kept else calls)).base
        prices.append((await gate.thaw(base, price_micros=5 * CENT, patience_s=0)).booked_micros)
        assert (await gate.audit()).findings == ()
    assert prices == [5 * CENT, 0 if is_kept else 5 * CENT]
    await gate.restore()
    assert (await gate.audit()).findings == ()
    assert purses_of(await gate.book())["costly"].hour_micros == 5 * CENT


async def test_what_is_missing_after_the_same_number_adds_up(gate: Gate, other: Gate, binary: Redis) -> None:
    """One record tells of both."""
    await gate.hold(call("a"))
    backup = await Backup.take(binary, gate.clinic)
    await other.hold(call("lost"))
    await gate.hold(call("c"))
    await backup.put_back()
    base = (await gate.restore()).base
    await gate.thaw(base, price_micros=5 * CENT, patience_s=0)
    await backup.put_back()
    await gate.restore()
    lost = Coverage(covered=1, highest=5)
    report = await gate.ledger.thaw(gate.clinic, lost, 7 * CENT, 0)
    assert report == ThawReport(is_frozen=False, missing=2, booked_micros=14 * CENT)
    assert purses_of(await gate.book())["costly"].hour_micros == 19 * CENT
    assert (await gate.audit()).findings == ()
