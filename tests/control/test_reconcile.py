"""After something ended without a word, ledger and calls come together again: slowly, and never below the bill."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callgate.control.reconcile import ENDS_MAX, SETTLES_MAX, used_s
from callgate.core.hold import Held
from callgate.journal import Journal
from clinic_samples import CLINIC, OBSERVING, PARIS, POINTE_A_PITRE
from control.samples import Stage, open_stage

MANY = {
    "overseas             = 2": "overseas = 200\nclinic = 200",
    'overseas         = "6/1h"': 'overseas = "900/1h"',
    'same_number      = "6/15m"': 'same_number = "900/15m"',
    'day  = "5.00"': 'day = "15.00"',
}


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return await open_stage(tmp_path)


async def looks(stage: Stage, times: int) -> None:
    """Look every ten seconds, so many times."""
    for _ in range(times):
        await stage.wait(10)
        await stage.control.reconciliation.look()


# Calls without a hold.


async def test_a_costly_call_without_a_hold_is_ended_when_it_was_found_twice(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.store.void(CLINIC, leg.grant)
    await looks(stage, 1)
    assert leg.channel in stage.pbx.up
    await looks(stage, 1)
    assert leg.channel in stage.pbx.ended
    (row,) = stage.rows("call.cut")
    assert (row.reasons, row.note) == ((), "no hold")


async def test_what_was_found_once_and_not_again_counts_for_nothing(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(1)
    await stage.store.void(CLINIC, leg.grant)
    await looks(stage, 1)
    stage.store.is_down = True
    await looks(stage, 1)
    stage.store.is_down, stage.store.is_frozen = False, True
    await looks(stage, 1)
    stage.store.is_frozen = False
    await looks(stage, 1)
    assert stage.pbx.told("hang_up") == []


async def test_five_seconds_lie_between_the_two(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.store.void(CLINIC, leg.grant)
    for _ in range(10):
        await stage.control.reconciliation.look()
    await stage.wait(4.75)
    await stage.control.reconciliation.look()
    assert leg.channel in stage.pbx.up
    await stage.wait(0.25)
    await stage.control.reconciliation.look()
    assert leg.channel in stage.pbx.ended


@pytest.mark.parametrize("trouble", ["down", "frozen", "unlinked"])
async def test_in_doubt_nobody_is_hung_up(stage: Stage, trouble: str) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.store.void(CLINIC, leg.grant)
    stage.store.is_down, stage.store.is_frozen = trouble == "down", trouble == "frozen"
    if trouble == "unlinked":
        stage.pbx.unlink()
    await looks(stage, 4)
    assert stage.pbx.told("hang_up") == []


async def test_an_ordinary_call_is_never_hung_up_for_a_hold(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    await stage.store.void(CLINIC, leg.grant)
    await looks(stage, 5)
    assert leg.channel in stage.pbx.up


async def test_a_call_that_is_only_observed_may_outlast_its_hold(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, OBSERVING)
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.store.void(CLINIC, leg.grant)
    await looks(stage, 3)
    assert leg.channel in stage.pbx.up


async def test_a_call_on_the_local_allowance_has_no_hold_and_needs_none(stage: Stage) -> None:
    stage.store.is_down = True
    leg = await stage.talk(PARIS)
    stage.store.is_down = False
    await looks(stage, 3)
    assert leg.channel in stage.pbx.up


async def test_so_many_are_ended_in_one_look_and_no_more(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, MANY)
    legs = [await stage.talk(POINTE_A_PITRE) for _ in range(ENDS_MAX + 5)]
    for leg in legs:
        await stage.store.void(CLINIC, leg.grant)
    await looks(stage, 2)
    assert len(stage.pbx.told("hang_up")) == ENDS_MAX
    await looks(stage, 1)
    assert len(stage.pbx.told("hang_up")) == ENDS_MAX + 5


# Holds without a call.


def die(stage: Stage) -> None:
    """Asterisk is killed: no leg is left, nobody wrote a word, and the link is lost."""
    stage.pbx.lost.update(stage.pbx.up)
    stage.pbx.unlink()
    for channel in tuple(stage.pbx.up):
        stage.pbx.end(channel)


@pytest.mark.parametrize(("talked_s", "paid_s"), [(10, 60), (28, 60), (40, 120), (58, 120), (61, 120), (95, 180)])
async def test_a_call_that_died_with_asterisk_is_booked_in_full_and_at_most_a_slice_above(
    stage: Stage, talked_s: int, paid_s: int
) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(talked_s)
    paid, spoken = stage.price(leg, paid_s), stage.price(leg, talked_s)
    die(stage)
    stage.pbx.link()
    await looks(stage, 1)
    assert await stage.hold(leg) is not None
    await looks(stage, 1)
    purse = await stage.site.purse("overseas")
    assert (purse.live, purse.held_micros, purse.day_micros) == (0, 0, paid)
    assert spoken <= paid <= spoken + 250_000
    (row,) = stage.rows("call.lost")
    assert (row.grant, row.amount_micros, row.note) == (leg.grant, paid, "no leg")


@pytest.mark.parametrize(("talked_s", "booked_s"), [(10, 70), (600, 660)])
async def test_an_ordinary_one_is_booked_until_it_was_last_seen_and_a_slice_more(
    stage: Stage, talked_s: int, booked_s: int
) -> None:
    """It was granted two hours; a lapse would book one minute, whatever it talked."""
    leg = await stage.talk(PARIS)
    await stage.wait(talked_s)
    cost = stage.price(leg, booked_s)
    die(stage)
    await stage.wait(300)
    stage.pbx.link()
    await looks(stage, 2)
    assert (await stage.site.purse("national")).day_micros == cost


async def test_where_the_gate_was_killed_too_a_call_ended_before_the_next_one_looked(stage: Stage) -> None:
    leg = await stage.talk(PARIS)
    await stage.wait(100)
    cost = stage.price(leg, 190)
    die(stage)
    await stage.wait(30)
    stage.restart_gate()
    await looks(stage, 2)
    assert (await stage.site.purse("national")).day_micros == cost, "130 s, and a slice"


async def test_a_grant_that_asterisk_died_with_before_it_dialled_is_booked_as_a_slice(stage: Stage) -> None:
    await stage.wait(60)
    leg = await stage.talk(PARIS)
    cost = stage.price(leg, 60)
    stage.control.calls.ended(leg)
    stage.control.calls.gone.clear()
    stage.pbx.lost.add(leg.channel)
    stage.pbx.end(leg.channel)
    await looks(stage, 2)
    assert (await stage.site.purse("national")).day_micros == cost


async def test_what_was_granted_with_the_link_up_and_never_dialled_costs_nothing(stage: Stage) -> None:
    """Asterisk took the grant and ended before it wrote a word; it was once booked as an answered call of 58 s."""
    await stage.wait(1)
    leg = await stage.dial(POINTE_A_PITRE)
    stage.control.calls.live.clear()
    stage.pbx.up.clear()
    await looks(stage, 2)
    purse = await stage.site.purse("overseas")
    assert (purse.live, purse.held_micros, purse.day_micros) == (0, 0, 0)
    (row,) = stage.rows("call.lost")
    assert (row.grant, row.seconds, row.amount_micros, row.note) == (leg.grant, 0, 0, "never placed")
    assert stage.gate.grants.get(leg.grant) is None


async def test_should_it_be_told_after_all_that_it_talked_it_is_booked(stage: Stage) -> None:
    await stage.wait(1)
    leg = await stage.talk(POINTE_A_PITRE)
    cost = stage.price(leg, 60)
    stage.control.calls.live.clear()
    del stage.pbx.up[leg.channel]
    await looks(stage, 2)
    stage.pbx.ended[leg.channel] = stage.clock.s
    await stage.settle()
    assert (await stage.site.purse("overseas")).day_micros == cost


async def test_a_link_that_was_away_meanwhile_may_have_missed_the_leg(stage: Stage) -> None:
    await stage.wait(1)
    leg = await stage.dial(POINTE_A_PITRE)
    cost = stage.price(leg, 58)
    stage.control.calls.live.clear()
    stage.pbx.up.clear()
    await stage.wait(1)
    stage.pbx.unlink()
    stage.pbx.link()
    await looks(stage, 2)
    assert (await stage.site.purse("overseas")).day_micros == cost


# Another gate's, of the same clinic.


async def hold_elsewhere(stage: Stage, name: str) -> str:
    """Hold money as the gate of another Asterisk does."""
    leg = await stage.talk(POINTE_A_PITRE)
    issued = stage.gate.grants.get(leg.grant)
    assert issued is not None
    assert issued.request is not None
    other = replace(issued.request, hold_id=f"{name}.another.1.{int(stage.site.now.timestamp())}")
    assert isinstance(await stage.store.hold(other), Held)
    return other.hold_id


@pytest.mark.parametrize(("name", "said"), [("pbx1", 1), ("pbx10", 0)])
async def test_a_hold_of_another_gate_is_its_own_business_though_both_go_by_one_name(
    stage: Stage, name: str, said: int
) -> None:
    """Two gates whose Asterisks had one name once settled and hung up each other's calls."""
    other = await hold_elsewhere(stage, name)
    with capture_logs() as logs:
        await looks(stage, 5)
    assert other in {hold.hold_id for hold in (await stage.site.book()).holds}
    (leg,) = stage.pbx.up.values()
    assert stage.rows("call.lost") == stage.rows("call.cut") == [], leg
    told = [(entry["grant"], entry["pbx"]) for entry in logs if entry["event"] == "holds.not_ours"]
    assert told == [(other, "pbx1")] * said


async def test_the_calls_of_another_gate_on_this_asterisk_are_not_hung_up_for_a_hold(stage: Stage) -> None:
    other = await hold_elsewhere(stage, "pbx2")
    (mine,) = stage.pbx.up.values()
    theirs = replace(mine, channel="PJSIP/carrier-a-00000099", uniqueid="1795000000.99", grant=other)
    stage.pbx.begin(theirs, 3600)
    await stage.wait(1)
    await stage.store.void(CLINIC, other)
    await looks(stage, 4)
    assert theirs.channel in stage.pbx.up


async def test_what_an_earlier_run_granted_is_ours(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    die(stage)
    stage.site.journal.close()
    journal = Journal(stage.site.folder / "state")
    journal.open()
    stage.site.journal = journal
    stage.restart_gate()
    await looks(stage, 2)
    assert await stage.hold(leg) is None
    journal.close()


async def test_a_call_whose_end_was_written_down_is_about_to_go(stage: Stage) -> None:
    """Asterisk writes the line before the leg is gone, and tells it late while it is busy."""
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(1)
    stage.pbx.ended[leg.channel] = stage.clock.s
    await looks(stage, 3)
    assert await stage.hold(leg) is None
    assert stage.rows("call.cut") == []


async def test_what_asterisk_wrote_down_is_read_first(stage: Stage) -> None:
    """A line that the ledger could not take yet says how long the call really was."""
    leg = await stage.talk(POINTE_A_PITRE)
    await stage.wait(40)
    cost = stage.price(leg, 40)
    stage.store.is_down = True
    stage.pbx.end(leg.channel)
    await stage.wait(20)
    stage.store.is_down = False
    stage.settled.add(leg.channel)
    for _ in range(3):
        stage.clock.s += 10
        await stage.control.reconciliation.look()
    assert await stage.hold(leg) is not None
    await stage.settle()
    assert (await stage.site.purse("overseas")).day_micros == cost


async def test_a_call_that_is_up_and_held_is_left_alone(stage: Stage) -> None:
    legs = [await stage.talk(POINTE_A_PITRE), await stage.dial(PARIS)]
    await looks(stage, 5)
    assert [leg.channel in stage.pbx.up for leg in legs] == [True, True]
    assert stage.rows("call.lost") == stage.rows("call.cut") == []


async def test_a_store_that_fails_meanwhile_is_asked_again(stage: Stage) -> None:
    leg = await stage.talk(POINTE_A_PITRE)
    die(stage)
    stage.pbx.link()
    await looks(stage, 1)
    stage.store.settles = False
    await looks(stage, 1)
    assert await stage.hold(leg) is not None
    stage.store.settles = True
    await looks(stage, 1)
    assert await stage.hold(leg) is None


async def test_so_many_are_settled_in_one_look_and_no_more(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path, MANY)
    for _ in range(SETTLES_MAX + 3):
        await stage.talk(PARIS)
    die(stage)
    stage.pbx.link()
    await looks(stage, 2)
    assert len((await stage.site.book()).holds) == 3
    await looks(stage, 1)
    assert (await stage.site.book()).holds == ()


@pytest.mark.parametrize(
    ("granted_s", "talked_s", "booked_s"),
    [(58, 10.2, 58), (89, 29.0, 89), (7200, 0.0, 60), (7200, 599.1, 660), (7200, 9000.0, 7200), (58, 1e12, 58)],
)
def test_how_long_a_call_is_taken_to_have_lasted(granted_s: int, talked_s: float, booked_s: int) -> None:
    assert used_s(granted_s, talked_s) == booked_s
