"""Something is old when the gate itself has seen three quarters of that time begin."""

import pytest

from callgate.lived import MONTH_DAYS, WEEK_DAYS, periods_lived


@pytest.mark.parametrize(
    ("days", "period_days", "periods"),
    [(7, WEEK_DAYS, 0), (30, WEEK_DAYS, 3), (90, WEEK_DAYS, 9), (62, MONTH_DAYS, 1), (366, MONTH_DAYS, 8)],
)
def test_of_four_weeks_or_months_the_gate_has_to_have_seen_three(days: int, period_days: int, periods: int) -> None:
    assert periods_lived(days, period_days) == periods
