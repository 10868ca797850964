"""What a ceiling admits, with what calls that are up may go on for."""

import pytest

from callgate.core.hold import Window
from callgate.core.loss import CeilingBound


@pytest.mark.parametrize(
    ("limit_micros", "times", "beyond_micros", "micros"),
    [(10, 1, 0, 10), (10, 3, 0, 30), (10, 3, 4, 42), (0, 3, 0, 0)],
)
def test_a_ceiling_admits_its_limit_and_what_goes_on_each_time(
    limit_micros: int, times: int, beyond_micros: int, micros: int
) -> None:
    bound = CeilingBound(
        purse="national", window=Window.DAY, limit_micros=limit_micros, times=times, beyond_micros=beyond_micros
    )
    assert bound.micros == micros
