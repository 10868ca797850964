"""The contract of ledger time, kept by both ledgers: it moves by what the gates' machines can prove."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from callgate.core.hold import Denied, Held
from callgate.core.sighting import Ticks
from callgate.ledger.account import CLOCKS_DIFFER_S
from callgate.ledger.base import ClockSet, LedgerBook
from callgate.ledger.keys import clinic_keys
from callgate.ledger.validity import EPOCH_MAX_S
from ledger.samples import CENT, NO_LINE, T0, Bench, answered, costly, hold_id, no_money, request, unanswered

BEGUN = 1_735_689_600
"""2025, before any server's clock: ledger time begins at the wall's second, and may leap to it."""
DAY_S = 86_400
NIGHT_S = 12 * 3600

_changes = itertools.count(1)


@pytest.fixture
async def clock(bench: Bench) -> Bench:
    """A bench whose ledger knows nothing yet, not even the time."""
    return replace(bench, clinic=f"{bench.clinic}-new")


async def now(bench: Bench, uptime_s: int, wall_s: int = BEGUN, boot: str = "monday", *, synced: bool = False) -> int:
    """Look at the ledger from a machine with these clocks; the answer is in seconds since `BEGUN`."""
    bench.clocks.ticks = Ticks(boot=boot, uptime_s=uptime_s, wall_s=wall_s, is_synced=synced)
    await bench.void(
        f"{boot}-{uptime_s}"
    )  # a change: the time that is proven by one that changes nothing need not be kept
    return int((await bench.book()).now.timestamp()) - BEGUN


async def test_ledger_time_begins_with_the_wall_clock_of_the_first_gate(clock: Bench) -> None:
    assert await now(clock, 5000) == 0


async def test_ledger_time_moves_by_proven_time_only(clock: Bench) -> None:
    """A second is given away once a boot: clocks are cut to whole seconds."""
    await now(clock, 5000)
    assert [await now(clock, uptime_s) for uptime_s in (5000, 5001, 5002, 5100, 5100, 9000)] == [0, 0, 1, 99, 99, 3999]


@pytest.mark.parametrize("jump_s", [-2 * DAY_S, -10, 59, 60, DAY_S, 40 * DAY_S])
async def test_a_jump_of_the_wall_clock_moves_nothing(clock: Bench, jump_s: int) -> None:
    """If it is the server's own, a second is given away again."""
    await now(clock, 5000)
    assert await now(clock, 5011, BEGUN + jump_s) == 10
    assert await now(clock, 5021, BEGUN + 21) in {19, 20}


async def test_two_machines_prove_time_together(clock: Bench) -> None:
    await now(clock, 5000, boot="a")
    assert await now(clock, 5101, boot="a") == 100
    assert await now(clock, 77, boot="b") == 100
    assert await now(clock, 178, boot="b") == 200
    assert await now(clock, 5203, boot="a") == 202
    assert await now(clock, 278, boot="b") == 300
    assert await now(clock, 5303, boot="a") == 302


async def server_goes_on(clock: Bench, seconds: int) -> None:
    """Let the server's own clock say that so much more has passed since time was kept; the model has the wall's."""
    if clock.client is not None:
        await clock.client.hincrby(clinic_keys(clock.clinic)[0], "base", seconds)


async def test_what_a_machine_books_that_was_just_switched_on_is_not_overtaken_by_what_another_proves(
    clock: Bench,
) -> None:
    """Booked as of eleven hours ago, it once was an hour old as soon as the other spoke: 20.00 in 5 s."""
    await now(clock, 5000, boot="a")
    quiet_s = 11 * 3600
    await server_goes_on(clock, quiet_s)
    for boot, uptime_s, second in (
        ("b", 100, 0),
        ("a", 5001 + quiet_s + 5, 5),
        ("b", 106, 5),
        ("a", 9000 + quiet_s, 4000),
    ):
        await server_goes_on(clock, 5)
        clock.clocks.ticks = Ticks(boot=boot, uptime_s=uptime_s, wall_s=BEGUN + quiet_s + second)
        asked = replace(request(), hold_id=hold_id(f"{boot}{second}", BEGUN + quiet_s), purses=costly(hour=60))
        assert isinstance(await clock.hold(asked), Held) == (second in {0, 4000}), (boot, second)
        await clock.settle(replace(answered(), hold_id=asked.hold_id))
    assert (await clock.purse()).day_micros == 120 * CENT


async def test_a_machine_that_begins_takes_from_the_others_what_nobody_has_kept(clock: Bench) -> None:
    """Nobody knows who of them proved it; from then on all prove time as before."""
    await now(clock, 5000, boot="a")
    await server_goes_on(clock, 700)
    assert await now(clock, 77, BEGUN + 700, "b") == 0
    assert await now(clock, 5801, BEGUN + 800, "a") == 100
    assert await now(clock, 278, BEGUN + 900, "b") == 200
    assert await now(clock, 6001, BEGUN + 1000, "a") == 300


async def test_a_server_whose_clock_was_set_back_cannot_say_what_the_others_proved(clock: Bench) -> None:
    await now(clock, 5000, boot="a")
    await server_goes_on(clock, -5)
    assert await now(clock, 77, BEGUN - 5, "b") == 0
    assert await now(clock, 9000, BEGUN - 5, "a") == 0
    assert await now(clock, 9011, BEGUN - 5, "a") == 10
    assert await now(clock, 108, BEGUN - 5, "b") == 30


async def test_a_server_whose_clock_was_put_ahead_takes_no_time_from_a_machine_that_runs(clock: Bench) -> None:
    """One word of a second machine once took ten hours: a freeze did not end, and lines stayed taken, until evening."""
    await now(clock, 5000, boot="a")
    await server_goes_on(clock, 10 * 3600)
    ahead = BEGUN + 10 * 3600
    assert await now(clock, 77, ahead, "b") == 0
    assert await now(clock, 5002, ahead, "a") == 0
    assert await now(clock, 5103, ahead + 101, "a") == 100
    assert await now(clock, 5203, ahead + 201, "a") == 200


async def test_time_goes_on_though_another_machine_is_switched_on_every_minute(clock: Bench) -> None:
    """What was proven was once written every 15 minutes only, and each machine that began took all since from it."""
    found = 0
    for minute in range(60):
        for second in range(minute * 60, minute * 60 + 60, 5):
            await server_goes_on(clock, 5)
            found = await now(clock, 1000 + second, BEGUN + second, "runs")
        assert minute * 60 + 55 - found <= 2 + minute * 5, "each costs no more than what nobody had said"
        await now(clock, 30, BEGUN + minute * 60 + 55, f"boots-{minute}")


async def test_sixty_machines_that_are_switched_on_one_after_another_make_nothing_grow_old_early(clock: Bench) -> None:
    """Each was once 5 s behind the one before, and all of that passed at once as soon as the first spoke again."""
    found = await now(clock, 1000, boot="first")
    for machine in range(1, 61):
        await server_goes_on(clock, 5)
        found = await now(clock, 30, BEGUN + machine * 5, f"boots-{machine}")
    assert 0 <= await now(clock, 1000 + 300, BEGUN + 300, "first") - found <= 1


async def late(clock: Bench, uptime_s: int, answered_s: int, boot: str = "monday") -> int:
    """Look at the ledger by a message that waits on its way, and whose answer is read at another uptime."""
    clock.clocks.ticks = Ticks(boot=boot, uptime_s=uptime_s, wall_s=BEGUN)
    clock.clocks.next_s = answered_s
    await clock.void(f"{boot}-{uptime_s}-late")
    return int((await clock.book()).now.timestamp()) - BEGUN


async def test_a_message_that_comes_a_day_late_gains_no_time(clock: Bench) -> None:
    """Taken for a machine that was set back to a snapshot, it would: with the next message the day would pass again."""
    assert [await now(clock, uptime_s) for uptime_s in (5000, 5001 + DAY_S)] == [0, DAY_S]
    assert await late(clock, 5050, 5051 + DAY_S) == DAY_S + 50, "the day is proven once, by the look after it"
    assert [await now(clock, 5051 + DAY_S + more) for more in (0, 1)] == [DAY_S + 50, DAY_S + 51]


async def test_the_first_message_of_a_machine_gains_no_time_by_coming_late(clock: Bench) -> None:
    """The store stood for 40 s with it. Paired with the time it was read, it once proved them again."""
    await now(clock, 5000, boot="a")
    assert await late(clock, 30, 70, "b") == 0
    assert await now(clock, 5041, boot="a") == 40
    assert await now(clock, 70, boot="b") == 40
    assert await now(clock, 171, boot="b") == 140


async def test_an_answer_that_took_longer_than_two_seconds_says_nothing_of_the_time(clock: Bench) -> None:
    """Heard late, it would put a machine so much behind the others."""
    assert [await late(clock, 1000, 1003), await now(clock, 1100), await now(clock, 1200)] == [0, 0, 99]
    assert [await late(clock, 77, 79, "b"), await now(clock, 180, boot="b")] == [99, 199]


async def test_a_machine_that_was_set_back_to_a_snapshot_proves_time_again_at_once(clock: Bench) -> None:
    assert [await now(clock, 9000), await now(clock, 9101)] == [0, 100]
    assert [await now(clock, uptime_s) for uptime_s in (5000, 5001, 5101, 5201)] == [100, 100, 200, 300]


@pytest.mark.parametrize("machines", [2, 9])
async def test_machines_that_take_turns_never_move_time_by_more_than_has_passed(clock: Bench, machines: int) -> None:
    """At no turn has the ledger moved further since any earlier one than the truth has, but for cut seconds."""
    up_since = [Random(machine).uniform(0, 10**6) for machine in range(machines)]
    found: list[tuple[float, int]] = []
    for machine, second in turns(machines, days=3):
        await server_goes_on(clock, int(second) - int(found[-1][0] if found else 0))
        found.append((second, await now(clock, int(second + up_since[machine]), BEGUN + int(second), f"m-{machine}")))
    leads = [at - second for second, at in found]
    assert max(later - min(leads[: turn + 1]) for turn, later in enumerate(leads)) < CLOCKS_DIFFER_S
    assert leads[-1] > -1210 * machines, "it goes on all the same"


async def test_64_boots_are_known(clock: Bench) -> None:
    """One that is forgotten says itself what it has heard."""
    for boot in range(65):
        await now(clock, 1000, boot=f"boot-{boot}")
        assert await now(clock, 1002, boot=f"boot-{boot}") == boot + 1
    assert await now(clock, 1101, boot="boot-1") == 1 + 100
    assert await now(clock, 1111, boot="boot-0") == 110


def turns(machines: int, days: int) -> Iterator[tuple[int, float]]:
    """Machines that take turns, one about every 20 minutes, each with a machine's number and the time, in seconds."""
    random, second = Random(machines), 0.0
    for machine in itertools.cycle(range(machines)):
        yield machine, second
        second += random.uniform(1190, 1210)
        if second > days * DAY_S:
            return


@pytest.mark.parametrize("machines", [9, 40])
async def test_time_goes_on_however_many_machines_take_turns(clock: Bench, machines: int) -> None:
    """Of nine, each found itself forgotten by the other eight: nothing was ever proven, and every window stood still.

    Nor do they gain time by it: at no instant is the ledger ahead of the truth.
    """
    up_since = [Random(machine).uniform(0, 10**6) for machine in range(machines)]
    behind = []
    for machine, second in turns(machines, days=30):
        found = await now(clock, int(second + up_since[machine]), boot=f"machine-{machine}")
        assert second - 1210 * machines < found <= second, "no later than at the last turn of the first"
        if machine == 0:
            behind.append(second - found)
    assert max(behind) < 5, "whatever the others do, the one that has been up for longest counts every second"


@pytest.mark.parametrize(
    ("ahead_s", "synced", "leaps"),
    [
        pytest.param(59, True, False, id="59 s are no leap"),
        pytest.param(60, True, True, id="a minute"),
        pytest.param(NIGHT_S, True, True, id="a night"),
        pytest.param(NIGHT_S, False, False, id="a night, without a time server"),
        pytest.param(35 * DAY_S, True, True, id="35 days"),
        pytest.param(35 * DAY_S + 1, True, False, id="more waits for a person"),
        pytest.param(-DAY_S, True, False, id="never back"),
    ],
)
async def test_ledger_time_leaps_to_a_wall_clock_that_a_time_server_keeps(
    clock: Bench, ahead_s: int, *, synced: bool, leaps: bool
) -> None:
    await now(clock, 5000)
    assert await now(clock, 5001, BEGUN + ahead_s, synced=synced) == (ahead_s if leaps else 0)


async def test_a_machine_that_is_off_at_night_leaps_in_the_morning_once_its_clock_is_right(clock: Bench) -> None:
    await now(clock, 100, synced=True)
    assert await now(clock, 101 + NIGHT_S, BEGUN + NIGHT_S, synced=True) == NIGHT_S
    morning = BEGUN + DAY_S
    assert await now(clock, 20, morning - 60, "tuesday") == NIGHT_S
    assert await now(clock, 51, morning - 30, "tuesday") == NIGHT_S + 30, "its clock is not known to be right yet"
    assert await now(clock, 81, morning, "tuesday", synced=True) == DAY_S


async def test_a_machine_that_is_on_for_half_of_each_day_leaps_every_other_morning(clock: Bench) -> None:
    """Between two leaps 24 h must be proven: windows roll late on the day between, and refuse nobody by themselves."""
    mornings = []
    for day in range(5):
        morning = BEGUN + day * DAY_S
        mornings.append(await now(clock, 100, morning, f"day-{day}", synced=True) == day * DAY_S)
        await now(clock, 101 + NIGHT_S, morning + NIGHT_S, f"day-{day}")
    assert mornings == [True, True, False, True, False]


async def test_after_a_leap_time_goes_on_at_once(clock: Bench) -> None:
    await now(clock, 1000, boot="a")
    await now(clock, 1000, boot="b")
    assert await now(clock, 1010, BEGUN + NIGHT_S, "a", synced=True) == NIGHT_S
    assert await now(clock, 1031, BEGUN + NIGHT_S + 21, "a", synced=True) == NIGHT_S + 20
    assert await now(clock, 5000, boot="b") == NIGHT_S + 20, "what it proved counts from before the leap"
    assert await now(clock, 5011, boot="b") == NIGHT_S + 30


async def test_a_second_leap_waits_for_24_proven_hours(clock: Bench) -> None:
    await now(clock, 1000)
    assert await now(clock, 1000, BEGUN + DAY_S, synced=True) == DAY_S
    far = BEGUN + 10 * DAY_S
    assert await now(clock, 1000 + DAY_S, far, synced=True) == 2 * DAY_S - 1
    assert await now(clock, 1003 + DAY_S, far, synced=True) == 10 * DAY_S


async def test_a_machine_whose_every_call_is_refused_proves_time_all_the_same(clock: Bench) -> None:
    """Else a full ceiling would stay shut for ever after a restart."""
    await clock.ledger.hold(replace(request("x"), clinic=clock.clinic))
    clock.clocks.ticks = Ticks(boot="tuesday", uptime_s=1000, wall_s=T0)
    began = (await clock.book()).now
    no_line = replace(request("y"), purses=costly(lines=0))
    assert await clock.hold(no_line) == Denied(denials=(NO_LINE,))
    clock.clocks.ticks = Ticks(boot="tuesday", uptime_s=1101, wall_s=T0)
    assert await clock.hold(no_line) == Denied(denials=(NO_LINE,))
    assert ((await clock.book()).now - began).total_seconds() == 100


@pytest.mark.parametrize("to_s", [0, BEGUN - DAY_S, BEGUN + 100 * DAY_S, EPOCH_MAX_S])
async def test_a_person_sets_ledger_time_to_any_second(clock: Bench, to_s: int) -> None:
    await now(clock, 1000)
    await now(clock, 1011)
    assert await clock.set_clock(to_s) == ClockSet(before_s=BEGUN + 10, after_s=to_s)
    assert await now(clock, 1012) - (to_s - BEGUN) in {0, 1}
    assert await now(clock, 2012) - (to_s - BEGUN) in {1000, 1001}, "time goes on from there"


async def test_a_person_sets_ledger_time_to_the_servers_own_clock(clock: Bench) -> None:
    await now(clock, 1000)
    assert isinstance(await clock.set_clock(None), ClockSet)
    book = await clock.ledger.book(clock.clinic)
    assert isinstance(book, LedgerBook)
    assert 0 <= book.wall_ahead_s <= 2


async def test_time_set_by_hand_proves_nothing_towards_the_next_leap(clock: Bench) -> None:
    await now(clock, 1000)
    assert await now(clock, 1000, BEGUN + DAY_S, synced=True) == DAY_S
    await clock.set_clock(BEGUN + 5 * DAY_S)
    assert await now(clock, 1001, BEGUN + 9 * DAY_S, synced=True) == 5 * DAY_S
    assert 6 * DAY_S - await now(clock, 1000 + DAY_S, BEGUN + 9 * DAY_S, synced=True) in {1, 2}
    assert await now(clock, 1003 + DAY_S, BEGUN + 9 * DAY_S, synced=True) == 9 * DAY_S


async def test_money_booked_before_time_was_set_back_counts_until_its_window_has_passed(bench: Bench) -> None:
    await bench.at(10 * DAY_S)
    await bench.held(request("a"))
    await bench.settle(answered("a"))
    await bench.set_clock(T0)
    purse = await bench.purse()
    assert (purse.hour_micros, purse.day_micros, purse.week_micros) == (60 * CENT,) * 3
    asked = replace(request("b"), purses=costly(hour=100))
    assert await bench.hold(asked) == Denied(denials=(no_money(40 * CENT, 10 * DAY_S + 3675),))
    await bench.set_clock(T0 + 10 * DAY_S + 3675)
    await bench.held(asked)
    assert (await bench.audit()).findings == ()


async def test_a_hold_that_is_live_when_time_leaps_lapses_and_is_corrected(clock: Bench) -> None:
    await now(clock, 1000)
    await clock.held(replace(request("a"), hold_id=hold_id("a", BEGUN)))
    clock.clocks.ticks = Ticks(boot="monday", uptime_s=1010, wall_s=BEGUN + NIGHT_S, is_synced=True)
    await clock.lapse()
    assert (await clock.purse()).hour_micros == 60 * CENT
    await clock.settle(replace(unanswered("a"), hold_id=hold_id("a", BEGUN)))
    assert (await clock.purse()).hour_micros == 0
