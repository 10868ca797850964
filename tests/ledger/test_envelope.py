"""What every reply carries reaches the witness only if it is whole."""

import pytest

from callgate.core.hold import FrozenCause, Unavailable
from callgate.core.sighting import Seen, Told
from callgate.ledger.envelope import Answer, read_answer
from callgate.ledger.restoration import Change


def test_an_answer_says_what_changed_and_what_the_ledger_knows_of_the_gate() -> None:
    assert read_answer("clinic", ["epoch", 7, 9, "", ["GONE"], "records", 1_800_000_007, 7, 5]) == Answer(
        seen=Seen(epoch="epoch", mine=9),
        change=Change(clinic="clinic", epoch="epoch", sequence=7, records="records"),
        frozen=None,
        told=Told(count=1_800_000_007, taken=7, born=5),
        reply=["GONE"],
    )


def test_a_change_that_is_told_again_is_kept_without_a_number() -> None:
    answer = read_answer("clinic", ["epoch", 0, 9, "", ["GONE"], "records", 0, 0, 0])
    assert isinstance(answer, Answer)
    assert answer.change == Change(clinic="clinic", epoch="epoch", sequence=0, records="records")


@pytest.mark.parametrize("cause", FrozenCause)
def test_an_answer_that_changed_nothing_may_say_that_the_ledger_is_frozen(cause: FrozenCause) -> None:
    assert read_answer("clinic", ["epoch", 0, 9, cause.value, ["GONE"], "", 0, 0, 0]) == Answer(
        seen=Seen(epoch="epoch", mine=9), change=None, frozen=cause, told=None, reply=["GONE"]
    )


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "OK",
        [],
        ["GONE"],
        ["epoch", 0, 0, "", ["GONE"], "", 0, 0],
        ["epoch", "0", 0, "", ["GONE"], "", 0, 0, 0],
        ["epoch", 0, 0, "solid", ["GONE"], "", 0, 0, 0],
        ["epoch", 0, 0, "", "GONE", "", 0, 0, 0],
        ["epoch", 0, 0, "", ["GONE"], "", -1, 0, 0],
        ["epoch", 0, 0, "", ["GONE"], "", 0, 2**53, 0],
        ["epoch", 0, 0, "", ["GONE"], "", 0, 0, 0, "more"],
    ],
)
def test_half_an_answer_is_none(reply: object) -> None:
    assert read_answer("clinic", reply) == Unavailable(cause="garbled")


def test_a_store_without_an_answer_stays_without_one() -> None:
    assert read_answer("clinic", Unavailable(cause="timeout")) == Unavailable(cause="timeout")
