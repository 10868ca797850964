"""A slice of `make idle`: calls beside a small crowd get their verdict. And its judgement, to which no wait is held."""

from collections import Counter

import pytest

from bench.idle import CALLS, Beside, Waits, beside

SLOW = {"grant local_allowance for grant ok", "refuse ledger_unavailable for grant ok"}
"""What is right where a machine is so busy that the store's answer comes too late."""


def test_beside_idle_connections_every_call_gets_its_verdict_and_what_is_held_for_it_is_released() -> None:
    found = beside(40, 2 * len(CALLS), 20)
    came = sum((waits.wrong for waits in (found.nobody, found.coming, found.standing, found.gone)), Counter[str]())
    assert came.keys() <= SLOW
    assert len(found.standing.ms) == 2 * len(CALLS)
    assert "times that of the first and the last" in "\n".join(found.lines())


@pytest.mark.parametrize(
    ("standing_ms", "wrong", "faults"),
    [(20.0, {}, 0), (20.1, {}, 1), (20.0, {"no verdict": 1}, 1), (20.1, {"no verdict": 1}, 2)],
)
def test_one_wrong_verdict_or_a_p99_more_than_doubled_is_found_out(
    standing_ms: float, wrong: dict[str, int], faults: int
) -> None:
    quiet = Waits(ms=[10.0], wrong=Counter())
    standing = Waits(ms=[standing_ms], wrong=Counter(wrong))
    found = Beside(nobody=quiet, coming=quiet, standing=standing, gone=quiet, spent_ms=1.0)
    assert len(list(found.wrong())) == faults
