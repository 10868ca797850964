"""Whether the gate itself has seen so much time go by as the clock says: a clock can leap, and what is removed is gone.

Nobody can tell a clock that was set two years ahead from a machine that stood still for two years. But a gate that runs
begins something in each period: a file of its journal in each month, a key in each week. What was begun since is
counted; a leap adds one or two, whatever its length.
"""

WEEK_DAYS = 7
MONTH_DAYS = 31
_SHARE = (3, 4)


def periods_lived(days: int, period_days: int) -> int:
    """How many periods must have begun before something is taken for so many days old.

    Three of four: for the others the gate may have been switched off.

    Args:
        days: the age.
        period_days: `WEEK_DAYS` or `MONTH_DAYS`.
    """
    share, whole = _SHARE
    return days // period_days * share // whole
