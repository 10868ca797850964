"""A ledger that has lost entries is found out at once, refuses what is costly, and gets everything back."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest
from redis.asyncio import Redis

from callgate.core.hold import (
    Denial,
    DenialKind,
    Denied,
    Frozen,
    FrozenCause,
    Gone,
    Held,
    Purse,
    Settled,
    SettleState,
    Unavailable,
)
from callgate.core.sighting import Seen
from callgate.ledger.keys import clinic_keys
from callgate.ledger.restoration import Change, ForgetfulWitness, Restored, ThawReport
from callgate.ledger.revisions import PolicyRevision, Published
from callgate.ledger.validity import KEPT_S
from ledger.gates import (
    BEGUN_S,
    FOREVER_S,
    SKIPPED,
    Backup,
    Gate,
    call,
    early_life,
    id_of,
    later_life,
    lose,
    purses_of,
)
from ledger.samples import (
    CENT,
    PER_CALL,
    answered,
    costly,
    hold_id,
    local_call,
    policy,
    renewal,
    starts,
    unanswered,
)


@pytest.fixture
async def lived(gate: Gate, binary: Redis) -> Backup:
    """A ledger with a long life, and its backup from half-way."""
    await early_life(gate)
    backup = await Backup.take(binary, gate.clinic)
    await later_life(gate)
    assert gate.journal.causes == []
    return backup


@pytest.mark.parametrize("cause", FrozenCause)
async def test_a_ledger_that_lost_entries_refuses_costly_calls_until_it_has_them_back(
    gate: Gate, lived: Backup, cause: FrozenCause
) -> None:
    before = await gate.book()
    await lose(gate, cause, lived)
    assert await gate.hold(call()) == Frozen(cause=cause)
    assert gate.journal.causes == [cause]
    frozen = await gate.book()
    assert frozen.frozen is cause
    assert frozen.sequence >= SKIPPED, "no number is ever used twice"

    assert isinstance(await gate.hold(call("ordinary", is_costly=False)), Held)
    assert await gate.ledger.void(gate.clinic, id_of("ordinary")) == Settled(state=SettleState.DONE, amount_micros=0)

    restored = await gate.restore()
    assert restored.taken > 0
    assert (await gate.restore()).taken == 0, "nothing counts twice"
    assert await gate.thaw(restored.base) == ThawReport(is_frozen=False, missing=0, booked_micros=0)
    after = await gate.book()
    assert after.frozen is None
    assert purses_of(after) == purses_of(before)
    assert after.holds == before.holds
    assert (after.policy_revision, after.epoch == before.epoch) == (2, cause is not FrozenCause.REPLACED)
    assert (await gate.audit()).findings == ()
    assert isinstance(await gate.hold(call()), Held)


@pytest.mark.parametrize("cause", FrozenCause)
@pytest.mark.parametrize("seed", range(5))
async def test_changes_may_come_back_in_any_order_and_any_number_of_times(
    gate: Gate, lived: Backup, cause: FrozenCause, seed: int
) -> None:
    before = await gate.book()
    await lose(gate, cause, lived)
    await gate.hold(call())
    shuffled = gate.journal.changes * 2
    random.Random(seed).shuffle(shuffled)
    await gate.restore(shuffled)
    after = await gate.book()
    assert purses_of(after) == purses_of(before)
    assert after.holds == before.holds
    assert (await gate.audit()).findings == ()


@pytest.mark.usefixtures("lived")
async def test_what_a_journal_says_of_a_ledger_in_order_changes_nothing(gate: Gate) -> None:
    before = await gate.book()
    assert await gate.restore() == Restored(taken=0, base=before.sequence)
    assert await gate.book() == before
    assert await gate.thaw(0) == ThawReport(is_frozen=False, missing=0, booked_micros=0)
    assert await gate.book() == before


@pytest.mark.usefixtures("lived")
async def test_velocities_and_novelties_come_back(gate: Gate) -> None:
    await gate.erase()
    await gate.hold(call())
    await gate.thaw((await gate.restore()).base)
    known = replace(call("known"), novelty="country:BE", velocities=starts(2, FOREVER_S, enforced=False))
    assert await gate.hold(known) == Held(
        hold_id=id_of("known"),
        seconds=58,
        amount_micros=60 * CENT,
        alarms=(Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=FOREVER_S - 600),),
    )


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda gate: gate.book(), id="show the books"),
        pytest.param(lambda gate: gate.audit(), id="audit"),
        pytest.param(lambda gate: gate.ledger.fetch_policy(gate.clinic), id="read the policy"),
        pytest.param(lambda gate: gate.ledger.policy_history(gate.clinic), id="read the policies"),
        pytest.param(lambda gate: gate.settle(local_call(id_of("l"), 5)), id="settle"),
        pytest.param(lambda gate: gate.ledger.void(gate.clinic, id_of("v")), id="void"),
        pytest.param(lambda gate: gate.ledger.lapse(gate.clinic, 1), id="lapse"),
        pytest.param(lambda gate: gate.ledger.set_clock(gate.clinic, BEGUN_S + 1000), id="set the clock"),
        pytest.param(lambda gate: gate.hold(call("o", is_costly=False)), id="hold an ordinary call"),
    ],
)
@pytest.mark.parametrize("cause", FrozenCause)
async def test_whatever_a_gate_asks_first_finds_the_loss(
    gate: Gate, lived: Backup, cause: FrozenCause, look: Callable[[Gate], Awaitable[object]]
) -> None:
    await lose(gate, cause, lived)
    assert not isinstance(await look(gate), Unavailable)
    assert gate.journal.causes == [cause]
    assert await gate.hold(call()) == Frozen(cause=cause)


async def test_a_call_in_progress_gets_no_more_costly_slices_from_a_frozen_ledger(gate: Gate, lived: Backup) -> None:
    await lived.put_back()
    sliced = replace(call("long"), clinic=gate.clinic, seconds=300, slice_s=60, grace_s=FOREVER_S)
    assert await gate.ledger.renew(renewal(sliced, 1)) == Frozen(cause=FrozenCause.REGRESSED)
    await gate.restore()
    assert await gate.ledger.renew(renewal(sliced, 3)) == Frozen(cause=FrozenCause.REGRESSED)
    await gate.thaw((await gate.restore()).base)
    assert isinstance(await gate.ledger.renew(renewal(sliced, 3)), Held)


async def test_an_answer_that_was_lost_reaches_the_journal_when_it_is_asked_again(gate: Gate) -> None:
    """Else the change would be missing after a loss, though the gate did all it could."""
    starting = replace(
        call("a"), novelty="country:BE", velocities=(*starts(1, 60, "tag"), replace(starts(1, 60)[0], name="all"))
    )
    for asked, entries in (
        (starting, ["hold", "start", "start", "novelty"]),
        (replace(starting, hold_id=id_of("b"), supersedes=id_of("a"), novelty=""), ["hold", "hold"]),
    ):
        del gate.journal.changes[:]
        assert await gate.hold(asked) == await gate.hold(asked)
        once, again = gate.journal.changes
        assert once == again
        assert [entry[0] for entry in msgspec.json.decode(once.records)[3]] == entries
    repeated: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: gate.settle(replace(unanswered("b"), hold_id=id_of("b"))),
        lambda: gate.ledger.void(gate.clinic, id_of("c")),
        lambda: gate.ledger.publish(replace(policy(1), clinic=gate.clinic), 0),
    )
    for operation in repeated:
        del gate.journal.changes[:]
        await operation()
        await operation()
        once, again = gate.journal.changes
        assert once == again


async def test_a_record_older_than_memory_comes_back_once_and_stays_for_the_month(gate: Gate) -> None:
    """The whole journal is restored into an erased ledger: last month's calls too, and not twice."""
    await gate.settle(local_call(id_of("old"), 50))
    gate.at(KEPT_S + 10)
    await gate.ledger.lapse(gate.clinic, 100)
    await gate.settle(local_call(hold_id("new", BEGUN_S + KEPT_S), 7))
    before = await gate.book()
    await gate.erase()
    await gate.restore()
    await gate.ledger.lapse(gate.clinic, 100)
    await gate.restore()
    assert purses_of(await gate.book()) == purses_of(before)
    assert (await gate.audit()).findings == ()


@pytest.mark.parametrize("is_settled_again", [False, True])
async def test_a_month_counts_once_though_a_person_set_the_clock_back_after_it_was_forgotten(
    gate: Gate, *, is_settled_again: bool
) -> None:
    """Forgotten by a clock that was too far ahead, the call looked lost once that was mended, and counted again."""
    for name in ("b", "a"):
        await gate.hold(call(name))
        await gate.settle(replace(answered(name, 30), hold_id=id_of(name)))
        gate.at(10)
    await gate.ledger.set_clock(gate.clinic, BEGUN_S + KEPT_S + 11)
    for _ in range(2):
        await gate.ledger.lapse(gate.clinic, 1)
    await gate.ledger.set_clock(gate.clinic, BEGUN_S + 20)
    if is_settled_again:
        await gate.settle(replace(unanswered("a"), hold_id=id_of("a")))
    young = replace(call("young"), hold_id=hold_id("young", BEGUN_S + 20))
    await gate.hold(young)
    before = await gate.book()
    assert (await gate.restore()).taken == 0
    assert purses_of(await gate.book()) == purses_of(before)
    assert [month.micros for month in purses_of(before)["costly"].months] == [60 * CENT]


async def test_what_a_ledger_forgot_in_order_is_not_restored_to_it(gate: Gate, binary: Redis) -> None:
    await gate.settle(local_call(id_of("old"), 50))
    gate.at(KEPT_S + 10)
    await gate.ledger.lapse(gate.clinic, 100)
    backup = await Backup.take(binary, gate.clinic)
    await gate.settle(local_call(hold_id("new", BEGUN_S + KEPT_S), 7))
    before = await gate.book()
    await backup.put_back()
    former = [
        replace(change, records=change.records.replace(change.epoch, "0123456789abcdef"))
        for change in gate.journal.changes[:1]
    ]
    assert (await gate.restore(former)).taken == 0, "of another epoch, of which it never lost anything"
    assert (await gate.restore()).taken == 1
    assert purses_of(await gate.book()) == purses_of(before)


def damaged(change: Change) -> list[str]:
    """Everything that can be wrong with one change of a hold, a start, a novelty, a policy and a gap."""
    version, epoch, number, entries = msgspec.json.decode(change.records)
    hold = next(entry for entry in entries if entry[0] == "hold")
    record = hold[2]
    broken_records = [
        [9, *record[1:]],
        [record[0], "lost", *record[2:]],
        [*record[:2], None, *record[3:]],
        [*record[:3], "much", *record[4:]],
        [*record[:5], False, *record[6:]],
        [*record[:6], False, *record[7:]],
        [*record[:7], [["costly", 1]], *record[8:]],
        [*record[:7], ["costly"], *record[8:]],
        [*record[:7], "costly", *record[8:]],
        [*record[:8], [[1, "much"]], *record[9:]],
        [*record[:9], False, *record[10:]],
        [*record[:9], [0, 600_000, 1], *record[10:]],
        [*record[:10], "long", *record[11:]],
        record[:16],
        [*record[:3], -1, *record[4:]],
        [*record[:3], 1.5, *record[4:]],
    ]
    broken_entries: list[object] = [
        *(["hold", hold[1], broken] for broken in broken_records),
        ["hold", 1, record],
        ["hold", hold[1]],
        ["start", "starts", 60, "many", 1, ""],
        ["novelty", 1],
        ["policy", "1", "{}"],
        ["gap", 1],
        ["luck"],
        [],
        "hold",
    ]
    changes: list[object] = [
        *([version, epoch, number, [broken]] for broken in broken_entries),
        [2, epoch, number, []],
        [version, 1, number, []],
        [version, epoch, None, []],
        [version, epoch, number],
        "change",
        7,
    ]
    return ["{", *(msgspec.json.encode(each).decode() for each in changes)]


async def test_a_damaged_change_is_not_taken_and_none_of_its_batch(gate: Gate) -> None:
    await gate.hold(call("a"))
    await gate.erase()
    assert await gate.hold(call()) == Frozen(cause=FrozenCause.ERASED)
    good = gate.journal.changes[0]
    before = await gate.book()
    for text in damaged(good):
        for batch in ((good.records, text), (text,)):
            assert isinstance(await gate.ledger.restore(gate.clinic, batch), Unavailable), text
        assert (await gate.book()).holds == before.holds == ()
    assert (await gate.restore()).taken == 1


async def test_an_end_is_never_undone_by_what_was_before_it(gate: Gate) -> None:
    """A settlement that reached the new ledger first is what the call cost."""
    await gate.hold(call("a"))
    await gate.hold(call("b"))
    await gate.erase()
    local = replace(local_call(id_of("a"), 33, "costly"), clinic=gate.clinic)
    assert await gate.settle(local) == Settled(state=SettleState.ORPHAN, amount_micros=33 * CENT)
    await gate.ledger.void(gate.clinic, id_of("b"))
    await gate.restore()
    book = await gate.book()
    assert book.holds == ()
    assert purses_of(book)["costly"].hour_micros == 33 * CENT
    assert await gate.hold(call("a")) == Gone()


async def test_a_call_that_counts_in_more_purses_is_the_later_one(gate: Gate) -> None:
    """Both sides of a split brain may have renewed it, and the numbers of the two say nothing of each other."""
    ordinary = replace(call("a", is_costly=False), seconds=1800, slice_s=60)
    await gate.hold(ordinary)
    joined = replace(renewal(ordinary, 1), clinic=gate.clinic, purses=(Purse(name="outside"),))
    assert isinstance(await gate.ledger.renew(joined), Held)
    held, renewed = gate.journal.changes
    version, epoch, number, (entry,) = msgspec.json.decode(held.records)
    entry[2][2] = 99
    renumbered = msgspec.json.encode([version, epoch, number, [entry]]).decode()
    for order in ((renumbered, renewed.records), (renewed.records, renumbered)):
        await gate.erase()
        for records in order:
            await gate.ledger.restore(gate.clinic, (records,))
        assert set(purses_of(await gate.book())) == {"costly", "outside"}
        assert (await gate.audit()).findings == ()


async def test_a_stale_backup_of_a_policy_is_put_in_force_again(gate: Gate, lived: Backup) -> None:
    found_at = next(change.sequence for change in gate.journal.changes if '"policy",2,' in change.records)
    await lived.put_back()
    assert (await gate.book()).policy_revision == 1
    await gate.restore()
    found = await gate.ledger.fetch_policy(gate.clinic)
    assert isinstance(found, PolicyRevision)
    assert found.revision == 2
    await gate.ledger.publish(replace(policy(2), clinic=gate.clinic), 1)
    told = gate.journal.changes[-1]
    assert told.records.startswith(f'[1,"{told.epoch}",{found_at},'), "it is the same change still"
    third = replace(policy(3), clinic=gate.clinic)
    assert await gate.ledger.publish(third, 2) == Published(revision=3)


async def test_starts_come_back_only_while_they_count(gate: Gate) -> None:
    velocities = (*starts(2, 900, "x"), replace(starts(0, 900)[0], name="none", enforced=False))
    await gate.hold(replace(call("a"), velocities=velocities))
    gate.at(300)
    await gate.hold(replace(call("b"), velocities=velocities))
    await gate.hold(replace(call("c"), velocities=starts(2, 900, "y")))
    await gate.erase()
    await gate.restore(list(reversed(gate.journal.changes)))
    gate.at(1199)
    base = (await gate.restore()).base
    await gate.thaw(base)
    denied = Denied(denials=(Denial(kind=DenialKind.STARTS, name="starts", window=None, left=0, retry_s=1),))
    assert await gate.hold(replace(call("d"), velocities=starts(2, 900, "z"))) == denied
    gate.at(1201)
    assert isinstance(await gate.hold(replace(call("d"), velocities=starts(2, 900, "z"))), Held)


async def test_no_change_is_too_large_for_a_number_or_too_dear_to_keep(gate: Gate) -> None:
    dear = replace(PER_CALL, connect_micros=10**12, per_minute_micros=10**9)
    await gate.hold(replace(call("a"), rate=dear))
    await gate.settle(replace(answered("a", KEPT_S), hold_id=id_of("a")))
    before = await gate.book()
    await gate.erase()
    await gate.restore()
    assert purses_of(await gate.book()) == purses_of(before)
    settled = gate.journal.changes[-1]
    assert len(settled.records) < 250


async def test_a_command_without_a_journal_remembers_what_it_saw() -> None:
    witness = ForgetfulWitness()
    assert witness.seen("clinic") == Seen()
    witness.witness("clinic", Seen(epoch="a", mine=7), None)
    witness.witness("clinic", Seen(epoch="a", mine=5), None)
    assert witness.seen("clinic") == Seen(epoch="a", mine=7), "answers may come in another order"
    witness.witness("clinic", Seen(epoch="b", mine=1), None)
    assert witness.seen("clinic") == Seen(epoch="b", mine=1)
    assert witness.seen("other") == Seen()


async def test_a_refused_call_leaves_no_trace_in_a_new_ledger_but_its_beginning(gate: Gate) -> None:
    assert isinstance(await gate.hold(replace(call(), purses=costly(lines=0))), Denied)
    keys = clinic_keys(gate.clinic)
    assert await gate.client.exists(*keys[1:]) == 0
    assert set(await gate.client.hkeys(keys[0])) == {"now", "base", "born", "epoch"}
    assert gate.journal.changes == []
