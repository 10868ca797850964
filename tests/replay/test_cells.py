"""What stands in a cell is read as it is meant, or is a fault that names it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from callgate.core.attempt import Origin
from callgate.replay.attempts import Fault, LineError
from callgate.replay.cells import DURATION_MAX_S, extension_in, instant_in, origin_in, seconds_in


@pytest.mark.parametrize(
    ("read", "word", "meant"),
    [
        (instant_in, " 2026-11-24T10:02:00Z ", datetime(2026, 11, 24, 10, 2, tzinfo=UTC)),
        (instant_in, "2026-11-24 10:02+01:00", datetime(2026, 11, 24, 10, 2, tzinfo=timezone(timedelta(hours=1)))),
        (extension_in, " 101 ", "101"),
        (extension_in, "", ""),
        (seconds_in, " 60 ", 60),
        (seconds_in, str(DURATION_MAX_S), DURATION_MAX_S),
        (origin_in, "", Origin.EXTENSION),
        (origin_in, " Forwarded", Origin.FORWARDED),
    ],
)
def test_a_cell_is_read_as_it_is_meant(read: Callable[[str], object], word: str, meant: object) -> None:
    assert read(word) == meant


@pytest.mark.parametrize(
    ("read", "word", "fault"),
    [
        (instant_in, "2026-11-24", Fault.START),
        (instant_in, "1999-12-31T23:59", Fault.START),
        (instant_in, "2100-01-01T00:00", Fault.START),
        (instant_in, "noon", Fault.START),
        (extension_in, "1;0", Fault.EXTENSION),
        (extension_in, "1" * 65, Fault.EXTENSION),
        (seconds_in, str(DURATION_MAX_S + 1), Fault.DURATION),
        (seconds_in, "-1", Fault.DURATION),
        (seconds_in, "٣", Fault.DURATION),
        (origin_in, "carol", Fault.ORIGIN),
    ],
)
def test_what_cannot_be_read_is_told(read: Callable[[str], object], word: str, fault: Fault) -> None:
    with pytest.raises(LineError) as caught:
        read(word)
    assert (caught.value.fault, caught.value.found) == (fault, word)
