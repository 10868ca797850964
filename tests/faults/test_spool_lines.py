"""What the dialplan wrote of real calls is lost, or comes again, much later, or out of order: each is booked once."""

import asyncio
import time
from datetime import timedelta

import pytest

import practice
from callgate.core.tariff import price
from callgate.ledger.base import LedgerBook, PurseBook
from callgate.spool import LegEnded, LocalGrant, LocalRefusal, parse_line
from faults.gate_process import next_workers, said
from faults.matrix import proves
from faults.spool_road import SpoolRoad
from faults.stage import REUNION, Stage
from outgoing_call import OutgoingCall
from system.carrier_books import rate_of
from system.rig import PARIS_WIRE, WITHIN_S

pytestmark = pytest.mark.system

MINUTE_MICROS = 250_000
LONGEST_S = 300
HELD_MICROS = 6 * MINUTE_MICROS
"""For the longest call and the two seconds of its cut."""
CALLS, LOST = 10, 3
RECONCILED_WITHIN_S = 60.0


def lasting(seconds: int) -> str:
    """The policy of a practice whose costly calls may last so long, and be as many as a test needs."""
    policy = practice.with_table(practice.preset(), "limits.max_duration_s", f"ordinary = 60\ncostly = {seconds}")
    policy = practice.with_table(policy, "limits.concurrent", "overseas = 4")
    return practice.with_table(policy, "limits.starts", f'overseas = "{2 * CALLS}/1h"\nsame_number = "{2 * CALLS}/1h"')


@pytest.fixture
def extra() -> practice.Practice:
    """A practice where a call holds more than it will cost."""
    return practice.Practice(policy=lasting(LONGEST_S))


def purse(book: LedgerBook, name: str = "costly") -> PurseBook:
    """One purse of the clinic's."""
    return next(purse for purse in book.purses if purse.name == name)


async def let_pass(stage: Stage, span: timedelta) -> None:
    """Have so much time pass in the ledger, by a person's order: no machine here can prove it."""
    to = ((await stage.book()).now + span).isoformat()
    words = ("callgate", "--language", "en", "ledger", "clock", "--set", to, "--yes", "--reason", "test")
    said = await asyncio.to_thread(stage.rig.lab.gate_exec, *words)
    assert (await stage.book()).now.isoformat() >= to, said


async def costly_ends(stage: Stage, road: SpoolRoad) -> str:
    """Have a costly call go and end; gives the line that waits."""
    await stage.costly_goes()
    (line,) = await asyncio.to_thread(road.take)
    return line


@proves(50)
async def test_a_calls_end_that_is_told_five_times_is_booked_once(stage: Stage) -> None:
    road = SpoolRoad(stage)
    async with stage.during(road.block, road.open):
        line = await costly_ends(stage, road)
        road.carry(line, line, line)
        book = await stage.books_at_rest()
        assert purse(book).day_micros == MINUTE_MICROS
        road.carry(line)
        await stage.books_at_rest()
        await asyncio.to_thread(next_workers, stage)
        road.carry(line)
        assert (await stage.books_at_rest()).purses == book.purses
        assert [row.amount_micros for row in stage.rig.rows("call.settled")] == [MINUTE_MICROS]
    stage.saw("three times at once, once more, and once after a restart: booked once")


@proves(51)
async def test_a_call_whose_end_is_never_told_is_booked_in_full_when_its_time_is_over(stage: Stage) -> None:
    road = SpoolRoad(stage)
    async with stage.during(road.block, road.open):
        lost = parse_line((await costly_ends(stage, road)).strip())
        assert isinstance(lost, LegEnded)
        (hold,) = (await stage.book()).holds
        assert (hold.hold_id, hold.amount_micros) == (lost.grant, HELD_MICROS)
        await let_pass(stage, hold.lapses_at - (await stage.book()).now + timedelta(seconds=1))
        book = await stage.books_at_rest()
        assert purse(book).day_micros == HELD_MICROS
        assert [line["grants"] for line in said(stage, "holds.lapsed")] == [[lost.grant]]
    stage.saw(f"without a link: {HELD_MICROS / 1_000_000:.2f} booked, all that was held")


class TestLinked:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """A practice whose gate sees Asterisk's calls."""
        return practice.Practice(control=True, policy=lasting(LONGEST_S))

    @proves(51)
    async def test_of_ten_calls_one_whose_end_is_never_told_is_booked_from_what_asterisk_shows(
        self, stage: Stage
    ) -> None:
        road = SpoolRoad(stage)
        async with stage.during(road.block, road.open):
            lost, ended_s = None, 0.0
            for place in range(CALLS):
                line = await costly_ends(stage, road)
                if place == LOST:
                    lost, ended_s = parse_line(line.strip()), time.monotonic()
                else:
                    road.carry(line)
            row = await asyncio.to_thread(stage.rig.last_row, "call.lost", 0, RECONCILED_WITHIN_S)
            took_s = time.monotonic() - ended_s
            assert isinstance(lost, LegEnded)
            assert (row.grant, row.amount_micros) == (lost.grant, MINUTE_MICROS)
            assert took_s <= RECONCILED_WITHIN_S
            book = await stage.books_at_rest()
            assert purse(book).day_micros == CALLS * MINUTE_MICROS
            told = [row.grant for row in stage.rig.rows("call.settled")]
            assert len(set(told)) == len(told) == CALLS - 1
            assert lost.grant not in told
            assert len(stage.rig.rows("call.lost")) == 1
        stage.saw(f"with a link: one of {CALLS} lost, booked after {took_s:.0f} s")


@proves(51)
async def test_a_call_that_ends_while_the_gate_is_down_is_booked_when_it_is_back(stage: Stage) -> None:
    call = await answered(stage)
    async with stage.during(stage.rig.lab.gate_kill, stage.rig.lab.gate_restore):
        call.hang_up()
        await call.wait_ended(WITHIN_S)
        (hold,) = (await stage.book()).holds
        assert hold.amount_micros == HELD_MICROS
    began = time.monotonic()
    assert purse(await stage.books_at_rest()).day_micros == MINUTE_MICROS
    stage.within((time.monotonic() - began) * 1000, RECONCILED_WITHIN_S * 1000, "gate back: booked after")


async def answered(stage: Stage) -> OutgoingCall:
    """A costly call that is up."""
    call = stage.phone.call(REUNION)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    await call.wait_joined(WITHIN_S)
    return call


@proves(52)
async def test_an_end_that_is_told_hours_after_the_lapse_corrects_the_hour_of_the_lapse_and_no_later_one(
    stage: Stage,
) -> None:
    road = SpoolRoad(stage)
    async with stage.during(road.block, road.open):
        late = await costly_ends(stage, road)
        await let_pass(stage, timedelta(minutes=20))
        assert purse(await stage.books_at_rest()).day_micros == HELD_MICROS
        await let_pass(stage, timedelta(hours=2))
        road.carry(await costly_ends(stage, road))
        before = purse(await stage.books_at_rest())
        assert (before.hour_micros, before.day_micros) == (MINUTE_MICROS, HELD_MICROS + MINUTE_MICROS)
        road.carry(late)
        after = purse(await stage.books_at_rest())
        assert (after.hour_micros, after.day_micros, after.week_micros) == (MINUTE_MICROS, *[2 * MINUTE_MICROS] * 2)
    stage.saw(
        f"two hours late: {HELD_MICROS / 1_000_000:.2f} corrected to {MINUTE_MICROS / 1_000_000:.2f} where it stood"
    )


@proves(52)
async def test_an_end_that_is_told_within_the_hour_of_the_lapse_frees_the_money_for_the_next_call(stage: Stage) -> None:
    road = SpoolRoad(stage)
    async with stage.during(road.block, road.open):
        late = await costly_ends(stage, road)
        await let_pass(stage, timedelta(minutes=20))
        assert purse(await stage.books_at_rest()).hour_micros == HELD_MICROS
        road.carry(late)
        found = purse(await stage.books_at_rest())
        assert (found.hour_micros, found.day_micros, found.week_micros) == (MINUTE_MICROS,) * 3


@proves(53)
async def test_lines_that_come_in_the_wrong_order_are_booked_as_in_the_right_one(stage: Stage) -> None:
    """Without a gate the dialplan lets an ordinary call go: here its end is told before it is told that it went."""
    road = SpoolRoad(stage)

    def part() -> None:
        road.block()
        stage.rig.lab.gate_kill()

    def join() -> None:
        road.open()
        stage.rig.lab.gate_restore()

    async with stage.during(part, join):
        await stage.contract()
        lines = await asyncio.to_thread(road.take, 3)
        went, ended, refused = (parse_line(line.strip()) for line in lines)
        assert isinstance(went, LocalGrant)
        assert isinstance(ended, LegEnded)
        assert isinstance(refused, LocalRefusal)
        road.carry(*reversed(lines))
    book = await stage.books_at_rest()
    cost = price(rate_of(PARIS_WIRE), ended.duration_s)
    assert (went.grant, purse(book, "national").day_micros) == (ended.grant, cost)
    assert [row.grant for row in stage.rig.rows("call.local")] == [went.grant]
    assert [row.amount_micros for row in stage.rig.rows("call.settled")] == [cost]
    stage.saw("refusal, end and beginning in the reverse of their order: each booked once")
    await stage.recovers()
