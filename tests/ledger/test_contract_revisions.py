"""The contract of the policy revisions in force, kept by both ledgers."""

from dataclasses import replace

from callgate.ledger.revisions import HISTORY_MAX, NoPolicy, Outdated, Published
from ledger.samples import Bench, lock, policy


async def test_a_clinic_without_a_policy_says_so(bench: Bench) -> None:
    assert await bench.ledger.fetch_policy(bench.clinic) == NoPolicy()
    assert await bench.ledger.policy_history(bench.clinic) == ()
    assert (await bench.book()).policy_revision == 0


async def test_a_published_policy_is_in_force_and_every_earlier_one_can_be_read(bench: Bench) -> None:
    first, second = (replace(policy(number), clinic=bench.clinic) for number in (1, 2))
    assert await bench.publish(first, 0) == Published(revision=1)
    assert await bench.publish(second, 1) == Published(revision=2)
    assert await bench.ledger.fetch_policy(bench.clinic) == second
    assert await bench.ledger.fetch_policy(bench.clinic, 1) == first
    assert await bench.ledger.fetch_policy(bench.clinic, 3) == NoPolicy()
    assert await bench.ledger.policy_history(bench.clinic) == (second, first)
    assert (await bench.book()).policy_revision == 2


async def test_what_is_locked_comes_back_as_it_was_published(bench: Bench) -> None:
    locked = replace(policy(1), clinic=bench.clinic, locks=(lock(), replace(lock("24"), until=None, cut=False)))
    assert await bench.publish(locked, 0) == Published(revision=1)
    assert await bench.ledger.fetch_policy(bench.clinic) == locked


async def test_publishing_the_same_policy_twice_changes_nothing(bench: Bench) -> None:
    await bench.publish(policy(1), 0)
    before = await bench.book()
    assert await bench.publish(policy(1), 0) == Published(revision=1)
    assert await bench.book() == before


async def test_of_two_people_who_publish_at_once_the_second_must_read_the_first(bench: Bench) -> None:
    await bench.publish(policy(1), 0)
    assert await bench.publish(policy(1, "mode = 'observe'"), 0) == Outdated(revision=1)
    assert await bench.publish(policy(3), 2) == Outdated(revision=1)


async def test_a_gate_can_republish_what_a_failover_lost(bench: Bench) -> None:
    await bench.publish(policy(1), 0)
    assert await bench.publish(policy(7), 1) == Published(revision=7)
    history = await bench.ledger.policy_history(bench.clinic)
    assert isinstance(history, tuple)
    assert [each.revision for each in history] == [7, 1]


async def test_the_history_shows_the_latest_hundred(bench: Bench) -> None:
    for number in range(1, HISTORY_MAX + 2):
        await bench.publish(policy(number), number - 1)
    history = await bench.ledger.policy_history(bench.clinic)
    assert isinstance(history, tuple)
    assert [each.revision for each in history] == list(range(HISTORY_MAX + 1, 1, -1))
