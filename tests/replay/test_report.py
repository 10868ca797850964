"""The sums of a replay: each attempt is granted or refused, and each refused one counts under its heaviest reason."""

from pathlib import Path

from callgate.core.reasons import Reason
from callgate.replay.report import RefusedCalls, report
from callgate.replay.run import replay
from replay.samples import BRUSSELS, GUADELOUPE, PARIS, SAMU, attempt, site


async def test_what_was_granted_refused_spent_and_avoided_adds_up(tmp_path: Path) -> None:
    attempts = [
        attempt("10:00", PARIS, 60),
        attempt("10:01", BRUSSELS, 60),
        attempt("10:02", BRUSSELS, 60),
        attempt("10:03", GUADELOUPE, 3600),
        attempt("23:00", BRUSSELS, 60, extension="102"),
        attempt("23:01", GUADELOUPE, 60),
        attempt("23:02", "1;0", 60),
        attempt("23:03", SAMU, 60),
    ]
    found = report(attempts, await replay(attempts, site(tmp_path)))
    assert (found.attempts, found.granted, found.refused, found.cut, found.unpriced) == (8, 3, 5, 1, 1)
    assert found.cost_micros == 20_000 + 4_991_667
    assert found.avoided_micros == 3 * 400_000 + 250_000 + (15_000_000 - 4_991_667)
    assert list(found.refused_by_reason.items()) == [
        (Reason.INVALID, 1),
        (Reason.COUNTRY_REFUSED, 3),
        (Reason.CLOSED, 1),
    ]
    assert found.refused_calls == (
        RefusedCalls(extension="101", number="+322555••••", calls=2),
        RefusedCalls(extension="102", number="+322555••••", calls=1),
        RefusedCalls(extension="101", number="+59059027••••", calls=1),
        RefusedCalls(extension="101", number="1;0", calls=1),
    )
    assert ("overseas", "day") in {(use.purse, use.window) for use in found.highest_use}


async def test_no_attempts_add_up_to_nothing(tmp_path: Path) -> None:
    found = report([], await replay([], site(tmp_path)))
    assert (found.attempts, found.cost_micros, found.refused_by_reason, found.highest_use) == (0, 0, {}, ())
