"""Attempts of the past go down the gate's own road, and the ledger lives at their time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callgate.core.attempt import Origin
from callgate.core.reasons import Reason
from callgate.core.sighting import Ticks
from callgate.core.verdict import Grant, Refusal
from callgate.ledger.base import AuditReport
from callgate.ledger.memory import at_second
from callgate.replay.attempts import Attempt
from callgate.replay.run import ClockOf, Outcome, Replayed, _Run, replay
from clinic_samples import CLINIC
from replay.samples import BRUSSELS, GUADELOUPE, MOBILE, PARIS, SAMU, attempt, site

AS_LONG_AS_MAY_BE_S = 1198
"""To Guadeloupe: EUR 5 a call pay for 20 minutes at 0.25, less the two seconds that a cut may take."""


class Outcomes:
    """What came out of a replay, as the tests ask for it."""

    def __init__(self, replayed: Replayed) -> None:
        self.all = replayed.outcomes
        self.uses = {(use.purse, use.window.value): use for use in replayed.highest_use}

    @property
    def reasons(self) -> list[list[Reason]]:
        return [list(outcome.verdict.reasons) for outcome in self.all]

    @property
    def costs(self) -> list[int]:
        return [outcome.cost_micros for outcome in self.all]

    @property
    def avoided(self) -> list[int | None]:
        return [outcome.avoided_micros for outcome in self.all]


async def run(
    folder: Path, *attempts: Attempt, changes: Mapping[str, str] | None = None, clock_of: ClockOf = at_second
) -> Outcomes:
    return Outcomes(await replay(attempts, site(folder, changes), clock_of))


@pytest.mark.parametrize(
    ("made", "cost", "avoided", "reasons"),
    [
        (attempt("10:00", PARIS, 90), 30_000, 0, []),
        (attempt("10:00", PARIS, 0), 0, 0, []),
        (attempt("10:00", GUADELOUPE, 61), 254_167, 0, []),
        (attempt("10:00", BRUSSELS, 61), 0, 700_000, [Reason.COUNTRY_REFUSED]),
        (attempt("10:00", BRUSSELS, 0), 0, 0, [Reason.COUNTRY_REFUSED]),
        (attempt("10:00", "0041442345678", 61), 0, None, [Reason.COUNTRY_REFUSED, Reason.RATE_UNKNOWN]),
        (attempt("10:00", "1;0", 61), 0, None, [Reason.INVALID]),
        (attempt("23:00", GUADELOUPE, 60), 0, 250_000, [Reason.CLOSED]),
        (attempt("23:00", SAMU, 600), 0, 0, [Reason.EMERGENCY]),
        (attempt("10:00", MOBILE, 60, origin=Origin.EXTERNAL), 0, 60_000, [Reason.EXTERNAL_TO_EXTERNAL]),
    ],
)
async def test_a_call_is_decided_as_the_gate_decides_and_costs_what_it_cost(
    tmp_path: Path, *, made: Attempt, cost: int, avoided: int | None, reasons: list[Reason]
) -> None:
    found = await run(tmp_path, made)
    assert (found.costs, found.avoided, found.reasons) == ([cost], [avoided], [reasons])
    refused = any(reason.refuses for reason in reasons)
    assert isinstance(found.all[0].verdict, Refusal if refused else Grant)


async def test_a_call_that_a_limit_ends_costs_up_to_there_and_the_rest_is_avoided(tmp_path: Path) -> None:
    found = await run(tmp_path, attempt("10:00", GUADELOUPE, 3600))
    assert found.all[0].is_cut
    assert found.costs == [4_991_667]
    assert found.avoided == [15_000_000 - 4_991_667]


async def test_money_is_free_again_when_its_window_has_passed_and_not_before(tmp_path: Path) -> None:
    calls = [attempt(at, GUADELOUPE, AS_LONG_AS_MAY_BE_S, extension=at[:2]) for at in ("08:00", "09:30", "11:00")]
    next_day = [_later(call, days=1, minutes=31) for call in calls]
    found = await run(tmp_path, *calls, *next_day)
    assert found.reasons[:3] == [[], [Reason.CEILING_DAY], [Reason.CEILING_DAY]]
    assert found.reasons[3:] == [[], [Reason.CEILING_DAY], [Reason.CEILING_DAY]]


def _later(made: Attempt, *, days: int, minutes: int) -> Attempt:
    return Attempt(
        start=made.start,
        instant=made.instant + timedelta(days=days, minutes=minutes),
        extension=made.extension,
        dialled=made.dialled,
        duration_s=made.duration_s,
        origin=made.origin,
    )


async def test_a_line_is_free_again_in_the_second_in_which_its_call_ends(tmp_path: Path) -> None:
    one_line = {"[limits.concurrent]": "[limits.concurrent]\nclinic = 1"}
    found = await run(
        tmp_path,
        attempt("10:00:00", PARIS, 60),
        attempt("10:00:59", MOBILE, 60),
        attempt("10:01:00", MOBILE, 60),
        changes=one_line,
    )
    assert found.reasons == [[], [Reason.TOO_MANY_LINES], []]


async def test_an_unanswered_call_frees_its_line_at_once_and_counts_as_a_start(tmp_path: Path) -> None:
    found = await run(tmp_path, *(attempt(f"10:00:0{second}", GUADELOUPE, 0) for second in range(8)))
    assert found.reasons == [[], [], [], [], [], [], *[[Reason.TOO_MANY_STARTS, Reason.SAME_NUMBER]] * 2]
    assert found.costs == [0] * 8


async def test_the_highest_use_counts_what_is_held_beside_what_is_spent(tmp_path: Path) -> None:
    found = await run(
        tmp_path, attempt("10:00", GUADELOUPE, 240), attempt("11:00", GUADELOUPE, 0), attempt("11:30", MOBILE, 600)
    )
    assert found.uses["overseas", "day"].micros == 5_000_000
    assert found.uses["overseas", "day"].at == datetime.fromisoformat("2026-11-24T10:00Z")
    assert found.uses["costly", "week"].limit_micros == 30_000_000
    assert ("clinic", "day") not in found.uses


async def test_the_highest_use_counts_what_was_booked_beyond_a_hold(tmp_path: Path) -> None:
    """An ordinary call holds a minute and may last two hours: what it was booked for was once never looked at."""
    found = await run(tmp_path, attempt("10:00", MOBILE, 600), attempt("14:00", MOBILE, 60))
    assert found.uses["national", "day"].micros == 660_000
    assert (await run(tmp_path, attempt("10:00", MOBILE, 600))).uses["national", "day"].micros == 600_000


@pytest.mark.parametrize(("duration_s", "noticed"), [(3600, []), (3601, [Reason.BUNDLE_OVERRUN])])
async def test_a_call_that_outlasts_the_bundle_is_noticed_when_it_ends(
    tmp_path: Path, duration_s: int, noticed: list[Reason]
) -> None:
    bundle = {"included           = []": 'included = ["national_mobile"]'}
    found = await run(tmp_path, attempt("10:00", MOBILE, duration_s), changes=bundle)
    assert (found.reasons, found.costs) == ([noticed], [0])


async def test_the_tags_of_numbers_are_of_one_run_alone(tmp_path: Path) -> None:
    """Under a key that stands in the source, whoever has a report could try all numbers out."""
    on_call = {
        "# [[external_to_external.number]]": "[[external_to_external.number]]",
        '# number = "+33612345678"': 'number = "+33612345678"',
        '# label  = "medecin de garde"': 'label = "garde"',
        "# lines  = 2": "lines = 2",
        '# day    = "20.00"': 'day = "20.00"',
    }
    made = attempt("10:00", MOBILE, 60, extension="", origin=Origin.EXTERNAL)
    first, second = [(await run(tmp_path, made, changes=on_call)).uses for _ in range(2)]
    assert [purse.partition(":")[0] for purse, _ in first.keys() ^ second.keys()] == ["external", "external"]


async def test_public_holidays_of_every_year_in_the_list_are_known(tmp_path: Path) -> None:
    made = [attempt("10:00", GUADELOUPE, 60)]
    bastille = [datetime.fromisoformat(f"{year}-07-14T10:00Z") for year in (2027, 2031, 2033)]
    found = await run(
        tmp_path, *made, *(_later(made[0], days=(day - made[0].instant).days, minutes=0) for day in bastille)
    )
    assert found.reasons == [[], [Reason.CLOSED], [Reason.CLOSED], [Reason.CLOSED]]


async def test_no_attempts_are_an_answer_too(tmp_path: Path) -> None:
    found = await run(tmp_path)
    assert (found.all, found.uses) == ((), {})


async def test_ended_calls_are_swept_out_of_the_ledger_as_time_goes_by(tmp_path: Path) -> None:
    first = attempt("10:00", PARIS, 30)
    calls = [*(_later(first, days=0, minutes=place) for place in range(2500)), _later(first, days=20, minutes=0)]
    going = _Run(calls, site(tmp_path), at_second)
    for place, call in enumerate(calls):
        await going.settle_until(int(call.instant.timestamp()))
        await going.place(place, call)
        if place == 2499:
            assert await records(going) == 2500
    assert await records(going) == 1


async def records(going: _Run) -> int:
    report = await going._ledger.audit(CLINIC)
    assert isinstance(report, AuditReport)
    return report.records


async def test_the_machines_clocks_may_be_any(tmp_path: Path) -> None:
    """Time that nobody proves does not pass for the ledger: the ceiling of a day stays shut on the next one."""

    def stopped(second: Callable[[], int]) -> Callable[[], Ticks]:
        return lambda: Ticks(boot="stopped", uptime_s=1, wall_s=second())

    first = attempt("10:00", GUADELOUPE, AS_LONG_AS_MAY_BE_S)
    second = _later(first, days=2, minutes=0)
    assert (await run(tmp_path, first, second)).reasons == [[], []]
    assert (await run(tmp_path, first, second, clock_of=stopped)).reasons == [[], [Reason.CEILING_DAY]]


async def test_the_outcomes_tell_where_each_call_went(tmp_path: Path) -> None:
    outcome: Outcome = (await run(tmp_path, attempt("10:00", "01 42 68 53 00"))).all[0]
    assert (outcome.destination.number, outcome.destination.region, outcome.ordinary) == ("+33142685300", "FR", True)
