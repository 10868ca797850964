"""Nobody gets more than what is left, however many ask at once."""

from pathlib import Path

from soak.last_cent import LEFT_MICROS, Race
from soak.run import race_everywhere

RUNS = 25


def test_two_hundred_set_ups_at_once_spend_the_last_thirty_euros_and_no_cent_more(tmp_path: Path) -> None:
    """On one node and on a cluster; `make soak-ledger` runs it a hundred times."""
    exact = Race(settled_micros=LEFT_MICROS, booked_micros=LEFT_MICROS)
    assert race_everywhere(tmp_path, RUNS) == [exact] * RUNS * 2
