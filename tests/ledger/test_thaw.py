"""A ledger thaws once all gates have restored what they know; what nobody kept is booked at its price."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from callgate.core.hold import (
    Frozen,
    FrozenCause,
    Held,
    Unavailable,
)
from callgate.core.sighting import Seen
from callgate.ledger.restoration import Coverage, ThawReport
from ledger.gates import BEGUN_S, FOREVER_S, SKIPPED, Backup, Gate, call, id_of, lose, purses_of
from ledger.samples import (
    CENT,
    hold_id,
    local_call,
)


async def test_two_gates_restore_what_each_of_them_knows(gate: Gate) -> None:
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    for number in range(4):
        await (gate, other)[number % 2].hold(call(f"c{number}"))
    before = await gate.book()
    await gate.erase()
    assert await gate.hold(call()) == Frozen(cause=FrozenCause.ERASED)
    base = (await gate.restore()).base
    assert await gate.thaw(base) == ThawReport(is_frozen=True, missing=1, booked_micros=0)
    assert await other.hold(call()) == Frozen(cause=FrozenCause.ERASED)
    await other.restore()
    assert await other.thaw(base) == ThawReport(is_frozen=False, missing=0, booked_micros=0)
    assert (await gate.book()).holds == before.holds
    assert gate.journal.causes[-1] is FrozenCause.ERASED
    count = len(gate.journal.causes)
    assert isinstance(await gate.hold(call()), Held)
    assert len(gate.journal.causes) == count, "each gate's numbers are the ledger's again"


async def test_a_gate_that_was_away_during_a_thaw_freezes_the_ledger_anew_with_what_it_knows(gate: Gate) -> None:
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    await gate.hold(call("a"))
    await other.hold(call("b"))
    await gate.erase()
    await gate.hold(call())
    assert not (await gate.thaw((await gate.restore()).base)).is_frozen
    assert await other.hold(call()) == Frozen(cause=FrozenCause.REGRESSED)
    await other.restore()
    assert id_of("b") in [hold.hold_id for hold in (await gate.book()).holds], "nobody's call is forgotten"


async def test_changes_that_nobody_kept_are_booked_at_their_price(gate: Gate) -> None:
    """The month is that of ledger time; three days later it is another."""
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    for number in range(3):
        await other.hold(call(f"lost{number}"))
    await gate.hold(call("kept"))
    await gate.erase()
    base = (await gate.restore()).base
    assert await gate.thaw(base, price_micros=5 * CENT) == ThawReport(is_frozen=True, missing=3, booked_micros=0)
    gate.at(59)
    assert (await gate.thaw(base, price_micros=5 * CENT)).is_frozen
    gate.at(61)
    assert await gate.thaw(base, price_micros=5 * CENT) == ThawReport(
        is_frozen=False, missing=3, booked_micros=15 * CENT
    )
    purse = purses_of(await gate.book())["costly"]
    assert (purse.hour_micros, purse.held_micros) == (15 * CENT, 60 * CENT)
    assert [(month.month, month.micros) for month in purse.months] == [("2025-01", 15 * CENT)]
    assert (await gate.audit()).findings == ()
    assert await gate.thaw(base) == ThawReport(is_frozen=False, missing=0, booked_micros=0)


@pytest.mark.parametrize(
    ("second", "month"),
    [
        pytest.param(31 * 86_400 - 1, "2025-01", id="the last second of January"),
        pytest.param(31 * 86_400, "2025-02", id="the first of February"),
        pytest.param(59 * 86_400, "2025-03", id="no leap day in 2025"),
        pytest.param(365 * 86_400 - 1, "2025-12", id="New Year's Eve"),
        pytest.param(365 * 86_400, "2026-01", id="New Year"),
    ],
)
async def test_what_nobody_kept_counts_in_the_month_it_is_booked(gate: Gate, second: int, month: str) -> None:
    gate.at(second)
    await Gate(client=gate.client, clinic=gate.clinic, name="gate-b").hold(call("lost"))
    await gate.settle(local_call(hold_id("kept", BEGUN_S + second), 1))
    await gate.erase()
    await gate.thaw((await gate.restore()).base, price_micros=CENT, patience_s=0)
    assert [each.month for each in purses_of(await gate.book())["costly"].months] == [month]


async def test_a_price_no_ceiling_can_bear_is_booked_at_most_at_a_million(gate: Gate) -> None:
    await gate.hold(call("a"))
    gate.journal.changes.clear()
    await gate.erase()
    await gate.hold(call())
    report = await gate.ledger.thaw(gate.clinic, Coverage(covered=0, highest=10), 10**12, 0)
    assert report == ThawReport(is_frozen=False, missing=10, booked_micros=10**12)


@pytest.mark.parametrize("kept", [0, 1])
async def test_what_was_priced_as_missing_is_given_back_when_it_turns_up(gate: Gate, kept: int) -> None:
    """A gate that was away for the thaw has lost one change for good, or none."""
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    for name in ("lost", "found"):
        await other.hold(replace(call(name), grace_s=FOREVER_S))
    await gate.hold(replace(call("c"), grace_s=FOREVER_S))
    await gate.erase()
    base = (await gate.restore()).base
    assert (await gate.thaw(base, price_micros=5 * CENT, patience_s=0)).booked_micros == 10 * CENT
    gate.at(7200)
    assert await other.hold(call("next")) == Frozen(cause=FrozenCause.REGRESSED)
    for number in range(2):
        assert (await other.restore(other.journal.changes[kept:])).taken == (0 if number else 2 - kept)
        assert (await gate.restore()).taken == 0, "its journal has the price as it was"
        purse = purses_of(await gate.book())["costly"]
        assert (purse.day_micros, purse.held_micros) == (kept * 5 * CENT, (3 - kept) * 60 * CENT)
        assert [month.micros for month in purse.months] == [kept * 5 * CENT]
        assert (await gate.audit()).findings == ()


async def test_no_more_is_given_back_than_was_booked(gate: Gate) -> None:
    """What is booked in all has a bound, so each of many missing ones may be booked at less than its price."""
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    for name in "ab":
        await other.hold(replace(call(name), grace_s=FOREVER_S))
    await gate.hold(call("c"))
    await gate.erase()
    base = (await gate.restore()).base
    assert (await gate.thaw(base, price_micros=6 * 10**11, patience_s=0)).booked_micros == 10**12
    await other.restore()
    assert purses_of(await gate.book())["costly"].hour_micros == 0
    assert (await gate.audit()).findings == ()


@pytest.mark.parametrize("again", [FrozenCause.ERASED, FrozenCause.REGRESSED])
@pytest.mark.parametrize("missing", [0, 2])
async def test_a_second_loss_does_not_look_for_numbers_that_never_were(
    gate: Gate, binary: Redis, again: FrozenCause, missing: int
) -> None:
    """A frozen ledger goes on a million numbers later; once each of them was taken for a lost change."""
    await gate.hold(call("a"))
    backup = await Backup.take(binary, gate.clinic)
    for number in range(missing):
        await Gate(client=gate.client, clinic=gate.clinic, name="gate-b").hold(call(f"lost{number}"))
    await gate.hold(call("b"))
    await backup.put_back()
    await gate.hold(call())
    report = await gate.thaw((await gate.restore()).base, price_micros=CENT, patience_s=0)
    assert (report.missing, report.booked_micros) == (missing, missing * CENT)
    await gate.hold(call("c"))
    before = await gate.book()

    await lose(gate, again, backup)
    assert await gate.hold(call()) == Frozen(cause=again)
    base = (await gate.restore()).base
    assert await gate.thaw(base, price_micros=CENT, patience_s=0) == ThawReport(
        is_frozen=False, missing=0, booked_micros=0
    )
    after = await gate.book()
    assert (purses_of(after), after.holds) == (purses_of(before), before.holds)
    assert after.sequence > before.sequence, "no number is ever used twice"
    assert (await gate.restore()).taken == 0, "a ledger in order has no gaps to hear of"


async def test_a_backup_from_before_a_repair_does_not_look_for_numbers_that_never_were_either(
    gate: Gate, binary: Redis
) -> None:
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    backups = []
    for name in "abcd":
        await gate.hold(call(name))
        backups.append(await Backup.take(binary, gate.clinic))
    await backups[0].put_back()
    await gate.hold(call())
    assert not (await gate.thaw((await gate.restore()).base)).is_frozen
    await other.hold(call("e"))
    before = await gate.book()

    await backups[2].put_back()
    assert await other.hold(call()) == Frozen(cause=FrozenCause.REGRESSED)
    base = (await gate.restore()).base
    assert base == 3
    assert await gate.thaw(base) == ThawReport(is_frozen=True, missing=1, booked_micros=0)
    await other.restore()
    assert await other.thaw(base) == ThawReport(is_frozen=False, missing=0, booked_micros=0)
    assert (await gate.book()).holds == before.holds


async def test_a_ledger_that_loses_entries_while_it_is_frozen_waits_for_every_gate_again(
    gate: Gate, binary: Redis
) -> None:
    other = Gate(client=gate.client, clinic=gate.clinic, name="gate-b")
    await gate.hold(call("a"))
    await other.hold(call("b"))
    await gate.erase()
    assert await gate.hold(call()) == Frozen(cause=FrozenCause.ERASED)
    backup = await Backup.take(binary, gate.clinic)
    base = (await gate.restore()).base
    await gate.hold(call("ordinary", is_costly=False))
    await backup.put_back()
    assert await gate.hold(call()) == Frozen(cause=FrozenCause.ERASED)
    assert (await gate.book()).sequence >= 2 * SKIPPED
    assert {hold.hold_id for hold in (await gate.book()).holds} == set()
    await gate.restore()
    await other.restore()
    await other.thaw(base)
    assert not (await gate.thaw(base)).is_frozen
    assert {hold.hold_id for hold in (await gate.book()).holds} == {id_of("a"), id_of("b"), id_of("ordinary")}


async def test_a_lost_number_far_beyond_is_never_used_again(gate: Gate) -> None:
    """A gate that knows more than a million numbers that the ledger does not."""
    await gate.hold(call("a"))
    epoch = gate.journal.seen(gate.clinic).epoch
    gate.journal.witness(gate.clinic, Seen(epoch=epoch, mine=5 * SKIPPED), None)
    assert await gate.hold(call()) == Frozen(cause=FrozenCause.REGRESSED)
    assert (await gate.book()).sequence > 5 * SKIPPED


async def test_a_coverage_beyond_what_was_lost_thaws_nothing(gate: Gate) -> None:
    await gate.hold(call("a"))
    await gate.erase()
    base = (await gate.restore()).base
    beyond = Coverage(covered=SKIPPED, highest=base + SKIPPED + 1)
    assert await gate.ledger.thaw(gate.clinic, beyond, 0, 0) == Unavailable(cause="invalid")
    assert (await gate.book()).frozen is FrozenCause.ERASED
