"""The highest use is the same whether the ledger's book is opened all the time or only when a use may have risen."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from callgate.core.hold import Window
from callgate.core.hours import calendar_month
from callgate.ledger.base import LedgerBook
from callgate.ledger.memory import at_second
from callgate.replay.attempts import Attempt
from callgate.replay.peaks import Use
from callgate.replay.run import Site, _Run, replay
from replay.samples import GUADELOUPE, MOBILE, PARIS, attempt, site

AT = datetime(2026, 11, 24, tzinfo=UTC)


def use(micros: int, limit_micros: int) -> Use:
    return Use(purse="costly", window=Window.DAY, micros=micros, limit_micros=limit_micros, at=AT)


@pytest.mark.parametrize(
    ("micros", "limit_micros", "percent"),
    [(0, 10, 0), (5, 10, 50), (1, 3, 34), (10, 10, 100), (1, 1000, 1), (25, 10, 250), (0, 0, 100)],
)
def test_a_share_is_rounded_up_so_that_a_ceiling_never_looks_emptier_than_it_is(
    micros: int, limit_micros: int, percent: int
) -> None:
    assert use(micros, limit_micros).percent == percent


def a_busy_season(seed: int) -> list[Attempt]:
    """Calls by day and by night, close together and days apart, over the end of a month and mostly longer than held."""
    random = Random(seed)
    instant, made = AT, []
    for _ in range(200):
        instant += timedelta(seconds=random.choice([7, 61, 599, 7205, 40_003, 100_009]))
        call = attempt("10:00", random.choice([PARIS, MOBILE, GUADELOUPE]), random.choice([0, 30, 301, 3001, 7203]))
        made.append(replace(call, instant=instant, extension=random.choice(["101", "102", "103"])))
    return made


async def looked_at_all_the_time(attempts: list[Attempt], clinic: Site) -> dict[tuple[str, Window], int]:
    """The most that is spent and held in each window of each purse, looked at after every call's begin and end."""
    going, most = _Run(attempts, clinic, at_second), Counter[tuple[str, Window]]()

    async def look() -> None:
        book = await going._ledger.book(clinic.clinic.name)
        assert isinstance(book, LedgerBook)
        month = calendar_month(datetime.fromtimestamp(going._now_s, UTC), clinic.clinic.policy.timezone)
        for purse in book.purses:
            spent = {Window.HOUR: purse.hour_micros, Window.DAY: purse.day_micros, Window.WEEK: purse.week_micros}
            months = {found.month: found.micros for found in purse.months}
            spent[Window.MONTH] = months.pop(month, 0)
            for window, micros in spent.items():
                most[purse.name, window] = max(most[purse.name, window], micros + purse.held_micros)
            most[purse.name, Window.MONTH] = max(most[purse.name, Window.MONTH], *months.values(), 0)

    for place, made in enumerate(attempts):
        second = int(made.instant.timestamp())
        while going._up and going._up[0][0] <= second:
            await going.settle_until(going._up[0][0])
            await look()
        await going.settle_until(second)
        await going.place(place, made)
        await look()
    await going.settle_until(None)
    await look()
    return most


@pytest.mark.parametrize("seed", range(12))
async def test_looking_only_when_a_use_may_have_risen_misses_none(tmp_path: Path, seed: int) -> None:
    """What a call cost beyond its hold was once looked at only when the next one was held."""
    attempts, clinic = a_busy_season(seed), site(tmp_path)
    found = {(use.purse, use.window): use.micros for use in (await replay(attempts, clinic)).highest_use}
    most = await looked_at_all_the_time(attempts, clinic)
    assert found == {key: most[key] for key in found}
    kinds = {"national", "national_closed", "costly", "overseas", "extension:101", "extension:102", "extension:103"}
    assert {purse for purse, _ in found} == kinds


MONTH_ENDS = datetime(2026, 11, 30, 23, tzinfo=UTC)
"""In Paris it is midnight, and this practice is open."""
MONTHLY = {
    'day  = "20.00"\nweek = "60.00"\n\n[ceilings.ext': 'calendar_month = "90.00"\n\n[ceilings.ext',
    'mon = ["08:00-19:00"]\ntue = ["08:00-19:00"]': 'mon = ["00:00-24:00"]\ntue = ["00:00-24:00"]',
}


@pytest.mark.parametrize(
    "calls",
    [
        # Seconds from the end of the month to the start, and how long.
        [(-1200, 1140)],
        [(-1200, 4800)],
        [(-1200, 1200), (72_000, 60)],
        # Nobody looks when the second call ends, for December's is up: at the end of all it is seen.
        [(-1_200_000, 600), (-30, 90), (10, 5)],
    ],
)
async def test_a_month_is_billed_for_the_calls_that_began_in_it(tmp_path: Path, calls: list[tuple[int, int]]) -> None:
    """A call of the last minute of a month is booked there, though it ends in the next one."""
    made = [
        replace(attempt("10:00", MOBILE, duration_s), instant=MONTH_ENDS + timedelta(seconds=begins_s))
        for begins_s, duration_s in calls
    ]
    found = await replay(made, site(tmp_path, MONTHLY))
    uses = {use.purse: use.micros for use in found.highest_use if use.window is Window.MONTH}
    assert uses == {"national": 1_000 * sum(duration_s for begins_s, duration_s in calls if begins_s < 0)}
