"""A change of the locks is the next revision; whoever comes in between is looked at again and keeps his policy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callgate.core.hold import Unavailable
from callgate.core.locks import Locks, with_lock
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.revisions import Outdated, PolicyRevision, Published
from callgate.locking import TRIES, Changed, Order, Unchanged, carry_out
from core.samples import a_lock
from ledger.samples import policy

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
LOCK = replace(a_lock(), at=AT)
FIRST = replace(policy(1), origin="file")


def add(current: PolicyRevision) -> Locks:
    return with_lock(current.locks, LOCK)


def order(change: Callable[[PolicyRevision], Locks] = add) -> Order:
    return Order(clinic="clinic", author="dr.lilas", at=AT, reason="nobody knows these calls", change=change)


class Busy(MemoryLedger):
    """A ledger where somebody else publishes between our look and our own publication, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(at_second(lambda: 1_800_000_000))
        self.times = times

    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        if policy.author == "dr.lilas" and policy.locks and self.times:
            self.times -= 1
            await super().publish(replace(policy, document=f"other {expected}", author="other", locks=()), expected)
        return await super().publish(policy, expected)


async def test_a_lock_keeps_the_document_and_its_origin_and_says_who_locked_and_why() -> None:
    ledger = Busy(0)
    await ledger.publish(replace(policy(4), origin="file"), 0)
    outcome = await carry_out(order(), ledger, lambda: FIRST)
    locked = replace(policy(5), origin="file", author="dr.lilas", at=AT, reason=order().reason, locks=(LOCK,))
    assert outcome == Changed(now=locked)
    assert await ledger.fetch_policy("clinic") == locked


async def test_a_clinic_whose_gate_never_ran_is_locked_with_its_first_policy() -> None:
    ledger = Busy(0)
    outcome = await carry_out(order(), ledger, lambda: FIRST)
    assert isinstance(outcome, Changed)
    assert (outcome.now.revision, outcome.now.document, outcome.now.locks) == (1, FIRST.document, (LOCK,))


async def test_nothing_to_change_publishes_nothing() -> None:
    ledger = Busy(0)
    await ledger.publish(policy(1), 0)
    outcome = await carry_out(order(lambda current: current.locks), ledger, lambda: FIRST)
    assert outcome == Unchanged(now=replace(policy(1)))
    assert await ledger.fetch_policy("clinic") == policy(1)


@pytest.mark.parametrize("times", [1, TRIES - 1])
async def test_a_policy_that_comes_in_between_is_kept_and_locked(times: int) -> None:
    ledger = Busy(times)
    await ledger.publish(policy(1), 0)
    outcome = await carry_out(order(), ledger, lambda: FIRST)
    assert isinstance(outcome, Changed)
    assert (outcome.now.document, outcome.now.locks) == (f"other {times}", (LOCK,))


async def test_if_others_never_stop_it_says_so() -> None:
    ledger = Busy(TRIES)
    await ledger.publish(policy(1), 0)
    assert await carry_out(order(), ledger, lambda: FIRST) == Outdated(revision=TRIES + 1)
