"""A change of the locks is the next revision; whoever comes in between is looked at again and keeps his policy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callgate.core.hold import Unavailable
from callgate.core.locks import Locks, with_lock, without_lock
from callgate.ledger.client import CIRCUIT_OPEN
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.revisions import NoPolicy, Outdated, PolicyRevision, Published
from callgate.locking import TRIES, Changed, Doubtful, Order, Outcome, Unchanged, carry_out
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


SILENT = Unavailable(cause="timeout")


class Mute(MemoryLedger):
    """A ledger whose answers get lost: each publication has its turn, and after the last all is well.

    Args:
        turns: "done" and "lost" give no answer to a publication, "overtaken" neither, and somebody else's comes first;
            "away" gives none to the look after it either; "outdated" answers, and somebody else's came first; nothing
            is sent of one that is "unsent".
    """

    def __init__(self, *turns: str) -> None:
        super().__init__(at_second(lambda: 1_800_000_000))
        self.turns = list(turns)
        self.is_away = False

    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        return SILENT if self.is_away else await super().fetch_policy(clinic, revision)

    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        turn = self.turns.pop(0) if self.turns else ""
        if turn in {"overtaken", "outdated"}:
            await super().publish(replace(policy, document="other", author="other", locks=()), expected)
        if turn == "unsent":
            return Unavailable(cause=CIRCUIT_OPEN)
        self.is_away = turn == "away"
        answer = await super().publish(policy, expected) if turn in {"", "done", "outdated"} else SILENT
        return SILENT if turn == "done" else answer


async def locked_by(*turns: str, change: Callable[[PolicyRevision], Locks] = add) -> tuple[Outcome, Mute]:
    ledger = Mute()
    locks = () if change is add else (LOCK,)
    await ledger.publish(replace(policy(1), locks=locks), 0)
    ledger.turns = list(turns)
    return await carry_out(order(change), ledger, lambda: FIRST), ledger


@pytest.mark.parametrize(
    ("turns", "revision"),
    [(("done",), 2), (("lost",), 2), (("overtaken",), 3)],
    ids=["it was done", "it was not", "somebody else came first"],
)
async def test_a_lock_whose_answer_was_lost_is_looked_for_and_said_to_be_in_force(
    turns: tuple[str, ...], revision: int
) -> None:
    """It was said to be not done, and the clinic was locked."""
    outcome, ledger = await locked_by(*turns)
    assert isinstance(outcome, Changed)
    assert (outcome.now.revision, outcome.now.locks) == (revision, (LOCK,))
    assert await ledger.fetch_policy("clinic") == outcome.now


async def test_an_unlock_whose_answer_was_lost_is_no_lock_that_was_never_there() -> None:
    outcome, _ = await locked_by("done", change=lambda current: without_lock(current.locks, LOCK.scope, AT))
    assert isinstance(outcome, Changed)
    assert outcome.now.locks == ()


@pytest.mark.parametrize(
    "turns",
    [("away",), ("lost", "done"), ("lost", *("outdated",) * (TRIES - 1))],
    ids=["away", "no answer again", "others come first ever after"],
)
async def test_whether_it_was_done_is_not_claimed_where_nobody_can_know(turns: tuple[str, ...]) -> None:
    outcome, _ = await locked_by(*turns)
    assert outcome == Doubtful(cause="timeout")


async def test_what_was_never_sent_was_not_done() -> None:
    outcome, _ = await locked_by("unsent")
    assert outcome == Unavailable(cause=CIRCUIT_OPEN)
