"""What a gate tells the ledger with every operation, and what it notes of the answer."""

from dataclasses import replace

import pytest

from callgate.core.sighting import Heard, Seen, Sighting, Ticks, Told, hear, prove

ASKED = Ticks(boot="boot", uptime_s=60, wall_s=1_795_510_800)
KNOWN = Heard(count=1000, taken=7, born=5, uptime_s=50)


def test_a_gate_that_never_had_an_answer_has_seen_and_heard_nothing_and_its_wall_clock_proves_nothing() -> None:
    sighting = Sighting(gate="pbx1", seen=Seen(), offer="0123456789abcdef", ticks=ASKED)
    assert (sighting.seen.epoch, sighting.seen.mine, sighting.ticks.is_synced) == ("", 0, False)
    assert sighting.proven is None


@pytest.mark.parametrize(
    ("known", "told", "answered_s", "heard"),
    [
        pytest.param(
            None, (900, 7, 5), 60, (900, 7, 5, 61), id="the first answer, but for a second that may be cut off"
        ),
        pytest.param(None, (900, 7, 5), 62, (900, 7, 5, 63), id="one that took 2 s"),
        pytest.param(None, (900, 7, 5), 63, None, id="one that took 3 s says nothing of the time"),
        pytest.param(KNOWN, (9999, 7, 5), 63, (1000, 7, 5, 50), id="whatever it says"),
        pytest.param(KNOWN, (1011, 7, 5), 60, (1000, 7, 5, 50), id="what proves no more is not taken"),
        pytest.param(KNOWN, (1012, 7, 5), 60, (1012, 7, 5, 61), id="what proves more is"),
        pytest.param(KNOWN, (1011, 9, 5), 60, (1000, 9, 5, 50), id="more was taken: that is noted all the same"),
        pytest.param(KNOWN, (900, 6, 5), 60, (900, 6, 5, 61), id="less was taken: the ledger has lost entries"),
        pytest.param(KNOWN, (900, 9, 8), 60, (900, 9, 8, 61), id="another ledger"),
    ],
)
def test_a_machine_notes_what_proves_most(
    known: Heard | None,
    told: tuple[int, int, int],
    answered_s: int,
    heard: tuple[int, int, int, int] | None,
) -> None:
    count, taken, born = told
    found = hear(known, Told(count=count, taken=taken, born=born), ASKED, replace(ASKED, uptime_s=answered_s))
    assert (found and (found.count, found.taken, found.born, found.uptime_s)) == heard


def test_a_machine_that_was_told_nothing_proves_nothing() -> None:
    assert prove(None, ASKED) is None


@pytest.mark.parametrize(("uptime_s", "count"), [(50, 1000), (51, 1001), (1050, 2000), (49, 999), (-2000, 0)])
def test_a_machine_proves_the_seconds_since_it_was_told(uptime_s: int, count: int) -> None:
    assert prove(KNOWN, replace(ASKED, uptime_s=uptime_s)) == Told(count=count, taken=7, born=5)
