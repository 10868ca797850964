"""The contract of the audit, kept by both ledgers: books in order have no finding, whatever happened."""

from dataclasses import replace

from callgate.ledger.base import AuditReport
from ledger.samples import (
    PER_MINUTE,
    T0,
    Bench,
    answered,
    hold_id,
    local_call,
    policy,
    renewal,
    request,
    starts,
    unanswered,
)

DAY_S = 86_400


async def in_order(bench: Bench, records: int) -> None:
    """Audit: no finding, so many records, and nothing is changed by it."""
    before = await bench.book()
    assert await bench.audit() == AuditReport(sequence=before.sequence, records=records, findings=())
    assert await bench.book() == before


async def test_an_empty_ledger_is_in_order(bench: Bench) -> None:
    await in_order(bench, 0)


async def test_a_ledger_is_in_order_after_each_thing_that_can_happen_to_a_call(bench: Bench) -> None:
    sliced = replace(request("slices"), seconds=600, slice_s=60)
    await bench.held(sliced)
    await bench.renewed(renewal(sliced, 1))
    await in_order(bench, 1)
    for name in ("settled", "unanswered", "voided", "late-less", "late-more", "first-trunk"):
        await bench.held(replace(request(name), rate=PER_MINUTE, velocities=starts(1000, 60)))
    await in_order(bench, 7)
    await bench.settle(answered("settled", 90))
    await bench.settle(unanswered("unanswered"))
    await bench.void("voided")
    await bench.void("never-held")
    await bench.held(replace(request("second-trunk"), supersedes=hold_id("first-trunk")))
    await bench.settle(local_call(hold_id("local"), 25))
    await bench.settle(local_call(hold_id("voided"), 450, "costly"))
    await bench.publish(policy(1), 0)
    await in_order(bench, 10)
    await bench.at(1000)
    await bench.lapse()
    await in_order(bench, 10)
    await bench.at(5000)
    await bench.settle(answered("late-less", 1))
    await bench.settle(answered("late-more", 500))
    await in_order(bench, 10)


async def test_a_ledger_is_in_order_as_windows_roll_and_records_are_forgotten(bench: Bench) -> None:
    records = 0
    for hour in range(0, 10 * 24, 7):
        await bench.at(hour * 3600)
        call = hold_id("hourly", T0 + hour * 3600)
        await bench.held(replace(request(), hold_id=call))
        await bench.lapse()
        await bench.settle(replace(answered(), hold_id=call))
        records = (await bench.audit()).records
        await in_order(bench, records)
    assert records < 35, "some were forgotten"


async def test_a_ledger_whose_time_was_set_back_is_in_order(bench: Bench) -> None:
    for day in range(10):
        await bench.at(day * DAY_S)
        await bench.settle(local_call(f"local:{day}.{T0 + day * DAY_S}", 25))
        await bench.lapse()
    await bench.set_clock(T0 + 5 * DAY_S)
    await in_order(bench, 9)
    await bench.lapse()
    await in_order(bench, 9)
