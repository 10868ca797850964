"""A burst of complaints is one line of the log, and none of them is forgotten."""

import pytest

from callgate.told_once import AGAIN_S, ToldOnce

DROPPED, REFUSED = ("connection.dropped", "TimeoutError"), ("request.refused", "forged lines")


def test_a_burst_is_told_once_and_the_next_line_says_how_many_came_since() -> None:
    now_s = 100.0
    complaints = ToldOnce(lambda: now_s)
    assert [complaints.due(*DROPPED) for _ in range(1000)] == [0, *[None] * 999]
    assert complaints.due(*REFUSED) == 0
    now_s += AGAIN_S
    assert [complaints.due(*DROPPED) for _ in range(2)] == [999, None]


def test_what_is_told_names_the_event_the_cause_and_how_many_more(capsys: pytest.CaptureFixture[str]) -> None:
    complaints = ToldOnce()
    for _ in range(3):
        complaints.warn(*DROPPED)
    # Where logs go, and how, depends on whether a test before has set them up.
    said = "".join(capsys.readouterr())
    assert (said.count("connection.dropped"), said.count("TimeoutError"), said.count("more")) == (1, 1, 1)
