"""A gate that was away while the ledger was repaired: what it has comes back, and the price of it is given back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Denied, FrozenCause, Held
from callgate.ledger.base import LedgerBook
from callgate.ledger.restoration import Restored
from callgate.ledger.revisions import PolicyRevision, Published
from ledger.gates import FOREVER_S, SKIPPED, Backup, Gate, call, id_of, lose, purses_of
from ledger.samples import CENT, answered, local_call, policy, renewal, starts

PRICE_MICROS = 500 * CENT


@pytest.fixture
def late(gate: Gate) -> Gate:
    """The gate that is away."""
    return Gate(client=gate.client, clinic=gate.clinic, name="gate-late")


@pytest.fixture
async def backup(gate: Gate, binary: Redis) -> Backup:
    """Of the ledger before the other gate made anything."""
    await gate.hold(call("before"))
    await gate.settle(replace(answered("", 1), hold_id=id_of("before")))
    return await Backup.take(binary, gate.clinic)


def spent(book: LedgerBook) -> dict[str, int]:
    return {name: sum(month.micros for month in purse.months) for name, purse in purses_of(book).items()}


async def repair_without(gate: Gate) -> int:
    """Restore what this gate has and thaw; gives the micros booked for what is missing."""
    base = (await gate.restore()).base
    return (await gate.thaw(base, price_micros=PRICE_MICROS, patience_s=0)).booked_micros


async def whole_calls(late: Gate) -> int:
    for number in range(20):
        assert isinstance(await late.hold(call(f"x{number}")), Held)
        await late.settle(replace(answered("", 30), hold_id=id_of(f"x{number}")))
    return 40


async def renewed_calls(late: Gate) -> int:
    asked = replace(call("long"), clinic=late.clinic, seconds=300, slice_s=60, grace_s=FOREVER_S)
    assert isinstance(await late.hold(asked), Held)
    for number in (1, 2):
        assert isinstance(await late.ledger.renew(renewal(asked, number)), Held)
    await late.settle(replace(answered("", 100), hold_id=asked.hold_id))
    return 4


async def calls_that_never_were(late: Gate) -> int:
    assert isinstance(await late.hold(call("voided")), Held)
    await late.ledger.void(late.clinic, id_of("voided"))
    await late.ledger.void(late.clinic, id_of("tombstone"))
    assert isinstance(await late.hold(call("first")), Held)
    assert isinstance(await late.hold(replace(call("second"), supersedes=id_of("first"))), Held)
    await late.ledger.void(late.clinic, id_of("second"))
    return 6


async def lapsed_calls(late: Gate) -> int:
    assert isinstance(await late.hold(call("lapsing")), Held)
    late.at(600)
    await late.ledger.lapse(late.clinic, 100)
    await late.settle(replace(answered("", 10), hold_id=id_of("lapsing")))
    return 3


async def a_policy(late: Gate) -> int:
    assert await late.ledger.publish(replace(policy(1), clinic=late.clinic), 0) == Published(revision=1)
    return 1


LIVES = (whole_calls, renewed_calls, calls_that_never_were, lapsed_calls, a_policy)


@pytest.mark.parametrize("cause", FrozenCause)
@pytest.mark.parametrize("live", LIVES)
async def test_all_that_was_booked_for_it_is_given_back(
    gate: Gate, late: Gate, backup: Backup, *, live: Callable[[Gate], Awaitable[int]], cause: FrozenCause
) -> None:
    """Half of it once stayed booked for ever: 106.00 where 6.00 were spent."""
    changes = await live(late)
    await gate.settle(local_call(id_of("after"), 7))
    before = await gate.book()
    await lose(gate, cause, backup)
    assert await repair_without(gate) == changes * PRICE_MICROS
    late.at(61)
    await late.ledger.void(late.clinic, id_of("speaks"))
    restored = await late.restore()
    assert restored.taken >= changes
    assert not (await late.thaw(restored.base, price_micros=PRICE_MICROS, patience_s=0)).is_frozen
    for _ in range(2):
        assert (await late.restore()).taken == (await gate.restore()).taken == 0, "once"
        book = await gate.book()
        assert book.frozen is None
        assert (spent(book), book.holds) == (spent(before), before.holds)
        assert book.policy_revision == before.policy_revision
        assert (await gate.audit()).findings == ()


@pytest.mark.parametrize("end", ["settled", "voided", "settled as it was held"])
async def test_a_call_that_it_ends_before_it_has_restored_its_hold_keeps_no_price_either(
    gate: Gate, late: Gate, binary: Redis, end: str
) -> None:
    """The end is known by then, and what was before an end looks as if it had been known, too."""
    asked = replace(call("long"), clinic=late.clinic, seconds=300, slice_s=60, grace_s=FOREVER_S)
    backups = [await Backup.take(binary, gate.clinic)]
    await late.hold(asked)
    backups.append(await Backup.take(binary, gate.clinic))
    for number in (1, 2):
        await late.ledger.renew(renewal(asked, number))
    await gate.settle(local_call(id_of("after"), 7))
    is_held = end == "settled as it was held"
    await backups[is_held].put_back()
    await repair_without(gate)
    late.at(61)
    if end == "voided":
        await late.ledger.void(late.clinic, asked.hold_id)
    else:
        await late.settle(replace(answered("", 100), hold_id=asked.hold_id))
    for taken in (2 if is_held else 3, 0):
        assert (await late.restore()).taken == taken
        assert spent(await gate.book())["costly"] == (0 if end == "voided" else 100 * CENT)
        assert (await gate.audit()).findings == ()


async def test_what_was_only_forgotten_is_no_change_and_is_never_missed(gate: Gate, late: Gate, binary: Redis) -> None:
    await late.settle(local_call(id_of("old"), 1))
    backup = await Backup.take(binary, gate.clinic)
    for each in (gate, late):
        each.at(9 * FOREVER_S)
    await late.ledger.lapse(late.clinic, 100)
    sequence = (await gate.book()).sequence
    assert sequence == 1
    await gate.settle(local_call(id_of("new"), 1))
    await backup.put_back()
    base = (await gate.restore()).base
    assert (await gate.thaw(base)).missing == 0


async def test_its_starts_count_again(gate: Gate, late: Gate, binary: Redis) -> None:
    """Six calls an hour were granted a second time: starts came back only while the ledger was frozen."""
    backup = await Backup.take(binary, gate.clinic)
    limited = replace(call(), velocities=starts(6, 3600), grace_s=FOREVER_S)
    for number in range(6):
        assert isinstance(await late.hold(replace(limited, hold_id=id_of(f"x{number}"))), Held)
    await gate.settle(local_call(id_of("after"), 7))
    await backup.put_back()
    stranger = Gate(client=gate.client, clinic=gate.clinic, name="gate-new")
    await stranger.settle(local_call(id_of("strange"), 7))
    assert (await stranger.restore(late.journal.changes)) == Restored(taken=12, base=1), "it is not frozen"
    assert isinstance(await stranger.hold(limited), Denied)


async def test_a_start_that_others_have_pushed_out_does_not_come_back_while_nothing_is_lost(gate: Gate) -> None:
    for number in range(3):
        alarming = replace(call(f"x{number}"), velocities=starts(1, 3600, enforced=False))
        assert isinstance(await gate.hold(alarming), Held)
    assert (await gate.restore()).taken == 0
    assert isinstance(await gate.hold(replace(call("next"), velocities=starts(2, 3600))), Held)


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(("first", "then"), [((2, 3600), (6, 3600)), ((6, 60), (6, 3600))], ids=["raised", "longer"])
async def test_starts_come_back_to_a_limit_that_was_changed_since(
    gate: Gate, first: tuple[int, int], then: tuple[int, int], *, is_reversed: bool
) -> None:
    """Cut to the two of the former limit, four of six calls were granted a second time."""
    for number, limit in enumerate((first, first, then, then, then, then)):
        assert isinstance(await gate.hold(replace(call(f"x{number}"), velocities=starts(*limit))), Held)
        gate.at(30 * (number + 1))
    await gate.erase()
    gate.at(181)
    base = (await gate.restore(gate.journal.changes[:: -1 if is_reversed else 1])).base
    await gate.thaw(base)
    held = [isinstance(await gate.hold(replace(call(f"y{n}"), velocities=starts(*then))), Held) for n in range(6)]
    # Of a limit of a minute nothing is said any more after three.
    assert held.count(True) == (2 if first[1] == 60 else 0)


async def test_many_starts_that_nothing_limits_stay_few(gate: Gate) -> None:
    limit = starts(1, FOREVER_S, enforced=False)
    for number in range(130):
        assert isinstance(await gate.hold(replace(call(f"x{number}"), velocities=limit)), Held)
    await gate.erase()
    await gate.thaw((await gate.restore()).base)
    granted = [
        isinstance(await gate.hold(replace(call(f"y{number}"), velocities=starts(102, FOREVER_S))), Held)
        for number in range(4)
    ]
    assert granted == [True, True, False, False]


async def test_a_policy_that_only_it_knew_is_in_force_again(gate: Gate, late: Gate) -> None:
    await a_policy(late)
    await gate.settle(local_call(id_of("after"), 7))
    await gate.erase()
    await repair_without(gate)
    assert (await late.restore()).base < 2 * SKIPPED
    found = await gate.ledger.fetch_policy(gate.clinic)
    assert isinstance(found, PolicyRevision)
    assert found.revision == 1
