"""A few calls of the soak: its books are right, and its measures see what they are to; `make soak` places 100,000."""

import pytest

from system.soak import Sight, Soaked, soak

pytestmark = pytest.mark.system

CALLS, RATE = 128, 10


async def test_a_hundred_calls_at_a_steady_rate_are_all_booked_and_leave_nothing_behind(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    soaked = await soak(CALLS, RATE, tmp_path_factory.mktemp("soak"))
    print(*soaked.lines(), sep="\n")
    carrier, journal, ledger = soaked.costs
    dialled, written, invited = soaked.refused
    assert soaked.failed == 0
    assert (dialled, 0) == (written, invited)
    assert dialled >= CALLS // 32
    assert soaked.seconds_off == 0
    assert carrier == journal == ledger
    assert soaked.held == 0
    assert soaked.keys[0] == soaked.keys[1]
    assert {sight.processes for sight in soaked.sights} == {2}, "the supervisor, and the worker that decides the calls"


@pytest.mark.parametrize(
    ("memory", "descriptors", "connections", "is_sound"),
    [
        ((50_000_000, 50_009_000), (12, 12), (8, 8), True),
        ((50_000_000, 50_011_000), (12, 12), (8, 8), False),
        ((50_000_000, 50_000_000), (12, 13), (8, 8), False),
        ((50_000_000, 50_000_000), (12, 12), (8, 24), True),
        ((50_000_000, 50_000_000), (12, 12), (8, 25), False),
        ((50_000_000, 50_000_000), (12, 12), (64, 65), False),
    ],
)
def test_a_gate_that_grows_with_its_calls_is_not_sound(
    memory: tuple[int, int], descriptors: tuple[int, int], connections: tuple[int, int], *, is_sound: bool
) -> None:
    sights = tuple(
        Sight(calls=calls, processes=2, memory=held, descriptors=opened, connections=linked)
        for calls, held, opened, linked in zip((1000, 2000), memory, descriptors, connections, strict=True)
    )
    soaked = Soaked(
        calls=2000,
        failed=0,
        rate=20.0,
        sights=sights,
        keys=(7, 7),
        held=0,
        refused=(62, 62, 0),
        seconds_off=0,
        costs=(1, 1, 1),
    )
    assert soaked.is_sound is is_sound
