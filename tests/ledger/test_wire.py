"""A reply that is none of those agreed on is no answer, and so no grant."""

from collections.abc import Callable

import pytest

from callgate.core.hold import Unavailable
from callgate.ledger import wire
from callgate.ledger.revisions import PolicyRevision

GARBLED = Unavailable(cause="garbled")
READERS: tuple[Callable[[object], object], ...] = (
    lambda reply: wire.read_hold("a", reply),
    wire.read_settled,
    wire.read_lapse,
    wire.read_audit,
    wire.read_clock,
    wire.read_restored,
    wire.read_thaw,
    lambda reply: wire.read_book("clinic", reply),
    wire.read_published,
    wire.read_policy,
    wire.read_policies,
)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("reply", [None, b"", "OK", 7, [], ["HELD"], ["no such word", 1], [["HELD", 1, 1, []]]])
def test_what_was_not_agreed_on_is_no_answer(reader: Callable[[object], object], reply: object) -> None:
    assert reader(reply) == GARBLED


@pytest.mark.parametrize("reader", READERS)
def test_a_store_without_an_answer_stays_without_one(reader: Callable[[object], object]) -> None:
    assert reader(Unavailable(cause="timeout")) == Unavailable(cause="timeout")


@pytest.mark.parametrize(
    "reply",
    [
        ["HELD", "60", 1, 1, []],
        ["HELD", 60, 1, 1],
        ["HELD", 60, 1, 2, []],
        ["HELD", 60, 1, 1, [], "more"],
        ["HELD", 60, 1, 1, [["money", "costly", "century", 0, 0]]],
        ["HELD", 60, 1, 1, [["luck", "costly"]]],
        ["FROZEN", "solid"],
        ["DENIED", [["lines"]]],
        ["GONE", 1],
        ["STALE"],
    ],
)
def test_half_an_answer_to_a_hold_is_none(reply: object) -> None:
    assert wire.read_hold("a", reply) == GARBLED


@pytest.mark.parametrize("document", ["", "{", "{}", '{"clinic":"a","revision":"1"}'])
def test_a_damaged_policy_is_no_policy(document: str) -> None:
    assert wire.read_policy(["POLICY", document]) == GARBLED
    assert wire.read_policies(["POLICIES", [document]]) == GARBLED


@pytest.mark.parametrize("reply", [["DONE", 1], ["done"], ["done", 1, 2], ["done", "1"]])
def test_half_an_answer_to_a_settlement_is_none(reply: object) -> None:
    assert wire.read_settled(reply) == GARBLED


def test_a_revision_from_before_there_were_locks_has_none_and_an_unclear_lock_makes_it_unreadable() -> None:
    old = '{"clinic":"a","revision":1,"author":"","at":"2027-01-15T08:00:00Z","origin":"","reason":"","document":""'
    found = wire.read_policy(["POLICY", f"{old}}}"])
    assert isinstance(found, PolicyRevision)
    assert found.locks == ()
    lock = '{"scope":{"calls":"all"},"until":null,"cut":false,"author":"","at":"2027-01-15T08:00:00","reason":""}'
    assert wire.read_policy(["POLICY", f'{old},"locks":[{lock}]}}']) == GARBLED
