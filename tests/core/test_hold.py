"""The values between the gate and the ledger: what they mean when nothing is said, and that none can change."""

from dataclasses import FrozenInstanceError, fields

import pytest

from callgate.core import hold
from callgate.core.hold import Ceiling, Held, Purse, Velocity, Window
from core.samples import PARIS, Call


def test_a_ceiling_refuses_and_a_start_limit_counts_calls_unless_it_says_otherwise() -> None:
    assert Ceiling(window=Window.DAY, limit_micros=1).enforced
    assert Velocity(name="overseas", count_max=6, span_s=3600) == Velocity(
        name="overseas", count_max=6, span_s=3600, tag="", enforced=True
    )


def test_a_purse_without_ceilings_and_lines_only_keeps_count() -> None:
    assert Purse(name="clinic") == Purse(name="clinic", ceilings=(), concurrent_max=None)


def test_a_hold_sounds_no_alarm_unless_a_limit_was_hit() -> None:
    held = Held(hold_id="pbx1.9b2f.1.1", seconds=60, amount_micros=0)
    assert (held.alarms, held.is_final) == ((), True)


def test_windows_are_told_from_the_shortest_to_the_one_without_an_end() -> None:
    assert [*Window] == ["hour", "day", "week", "month", "total"]


def test_what_the_ledger_is_asked_cannot_be_changed_on_its_way() -> None:
    request = Call(dialled=PARIS).request
    for field in fields(request):
        with pytest.raises(FrozenInstanceError):
            setattr(request, field.name, None)


def test_every_answer_of_the_ledger_is_one_of_the_listed_kinds() -> None:
    answers = {hold.Held, hold.Denied, hold.Gone, hold.Stale, hold.Frozen, hold.Unavailable}
    assert set(hold.HoldOutcome.__args__) == set(hold.RenewOutcome.__args__) == answers
    assert set(hold.SettleOutcome.__args__) == {hold.Settled, hold.Unavailable}


@pytest.mark.parametrize(
    ("cause", "is_hopeless"), [("invalid: duration_s", True), ("timeout", False), ("circuit open", False)]
)
def test_a_request_that_is_at_fault_itself_is_never_taken(cause: str, *, is_hopeless: bool) -> None:
    assert hold.Unavailable(cause=cause).is_hopeless is is_hopeless
