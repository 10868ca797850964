"""Live calls on a real Asterisk: slices, warnings, cuts, joins, and what is booked after a kill."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

import pytest

from call_behaviour import Behaviour
from callgate.core.judge import DEAR_SLICE_S, SLICE_S
from callgate.core.money import MICROS_PER_UNIT
from callgate.core.reasons import Reason
from callgate.core.tariff import price
from callgate.ledger.keys import clinic_keys
from lab import Lab
from outgoing_call import OutgoingCall
from practice import CLINIC
from sip_phone import Phone
from system import live_lab
from system.carrier_books import rate_of
from system.live_lab import CONFERENCE, island, mobile
from system.rig import WITHIN_S, Config, Rig, wait_for

pytestmark = pytest.mark.system

CALLS = 100
EURO = MICROS_PER_UNIT

Leave = Callable[..., Awaitable[float]]
Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = live_lab.live_lab("live", tmp_path_factory.mktemp("live"))
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
def rig(lab: Lab) -> Iterator[Rig]:
    """The lab with its link up, the practice's policy, and an empty ledger."""
    rig = Rig(lab=lab, config=Config(policy=live_lab.policy(), dialplan=""), began=time.time())
    lab.set_rules({})
    lab.redis_cli("DEL", *(key for key in clinic_keys(CLINIC) if not key.endswith((":meta", ":policies"))))
    wait_for_link(lab, 0)
    # The test before may have taken its store away: the gate is to have found it again.
    wait_for(lambda: '"condition":""' in lab.gate_exec("callgate", "status", "--json"))
    yield rig
    lab.redis_start()
    lab.gate_restore()
    lab.asterisk_cli("channel", "request", "hangup", "all")
    rig.apply_policy(rig.config.policy)


def links(lab: Lab) -> int:
    """How often the link came up."""
    return lab.gate_output().count("control.linked")


def logged(lab: Lab, event: str) -> list[dict[str, str]]:
    """What the gate has said of one kind."""
    return [json.loads(line) for line in lab.gate_output().splitlines() if f'"event": "{event}"' in line]


def wait_for_link(lab: Lab, before: int) -> None:
    wait_for(lambda: links(lab) > before, 15)


def lose_link(lab: Lab) -> None:
    """Have Asterisk end the link, and wait until it is up again."""
    before = links(lab)
    sessions = lab.asterisk_cli("manager", "show", "connected").splitlines()
    (place,) = [line.split()[4] for line in sessions if line.strip().startswith("callgate-")]
    lab.asterisk_cli("manager", "kick", "session", place)
    wait_for_link(lab, before)


def carrier_legs(lab: Lab) -> list[str]:
    """The channels to the carrier that are up."""
    channels = lab.asterisk_cli("core", "show", "channels", "concise").splitlines()
    return [line.split("!")[0] for line in channels if "/carrier-" in line.split("!")[0]]


def shown(lab: Lab, leg: str) -> str:
    """What Asterisk shows of a channel."""
    return lab.asterisk_cli("core", "show", "channel", leg)


def limit_of(lab: Lab, leg: str) -> float:
    """When a channel is to end, in epoch seconds; 0 for no limit."""
    (line,) = [line for line in shown(lab, leg).splitlines() if line.strip().startswith("Time to Hangup:")]
    return float(line.partition(":")[2])


def end_help(lab: Lab) -> None:
    """15 hangs up."""
    (leg,) = [leg for leg in carrier_legs(lab) if "CALLGATE_GRANT=emergency" in shown(lab, leg)]
    lab.asterisk_cli("channel", "request", "hangup", leg)


async def answered(phone: Phone, dialled: str) -> OutgoingCall:
    call = phone.call(dialled)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    await call.wait_joined(WITHIN_S)
    return call


async def test_a_hundred_live_calls_end_within_two_seconds_of_the_command(rig: Rig) -> None:
    numbers = [mobile(place) for place in range(CALLS)]
    async with rig.phones("101", "102") as (phone, other):
        calls = []
        for place in range(0, CALLS, 10):
            calls += await asyncio.gather(*(answered(phone, dialled) for dialled, _ in numbers[place : place + 10]))
        spared, emergency = await answered(other, island(1)[0]), await answered(other, "15")
        began = rig.now()
        rig.apply_policy(live_lab.policy().replace("always_refuse = []", 'always_refuse = ["+336123*"]'))
        published = rig.now()
        await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in calls))
        assert (spared.ending, emergency.ending) == (None, None)
    # The phone may have heard its BYE before the carrier has written its own.
    ends = sorted([(await rig.logged("ended", number)).at for _, number in numbers])
    p50, p99 = ends[CALLS // 2 - 1], ends[CALLS - 2]
    print(
        f"{CALLS} calls, BYE at the carrier after the command began: p50 {p50 - began:.3f} s, p99 {p99 - began:.3f} s"
    )
    print(f"after it said that the policy is in force: p50 {p50 - published:.3f} s, p99 {p99 - published:.3f} s")
    assert p99 - began < 2
    rows = wait_for(lambda: found if len(found := rig.rows("call.cut")) >= CALLS else None)
    assert {row.reasons for row in rows} == {(Reason.NUMBER_REFUSED,)}


async def test_without_redis_each_costly_call_is_warned_and_ends_within_its_slice_and_national_goes_on(
    rig: Rig, record_property: Told
) -> None:
    (far, far_number), (near, _) = island(2), mobile(200)
    async with rig.phones("101", "102") as (phone, other):
        costly, national = await answered(phone, far), await answered(other, near)
        grant = rig.rows("call.granted")[-2].grant
        await asyncio.sleep(3)
        stopped = time.time()
        rig.lab.redis_stop()
        ended = await rig.logged("ended", far_number, DEAR_SLICE_S + 5)
        assert ended.duration_s <= DEAR_SLICE_S + 0.2
        assert ended.at - stopped <= DEAR_SLICE_S
        (warned,) = [line for line in logged(rig.lab, "call.warned") if line["grant"] == grant]
        warned_s = ended.at - datetime.fromisoformat(warned["ts"]).timestamp()
        assert warned_s >= 10
        record_property("seen", f"warned {warned_s:.0f} s before the end, cut after {ended.duration_s:.1f} s")
        await costly.wait_ended(WITHIN_S)
        assert national.ending is None


async def test_calls_go_on_beyond_their_slice_when_the_gate_is_restarted_and_a_redirected_one_when_the_link_is_lost(
    rig: Rig,
) -> None:
    (plain, plain_number), (moved, moved_number) = island(3), island(5)
    async with rig.phones("101", "102", "103") as (phone, other, _):
        await answered(phone, plain)
        await answered(other, moved)
        began = time.monotonic()
        before = links(rig.lab)
        rig.lab.gate_stop()
        rig.lab.gate_start()
        wait_for_link(rig.lab, before)
        rig.lab.asterisk_cli("channel", "redirect", max(carrier_legs(rig.lab)), "internal,103,1")
        lose_link(rig.lab)
        await asyncio.sleep(max(0.0, began + DEAR_SLICE_S + 4 - time.monotonic()))
        assert len(carrier_legs(rig.lab)) == 2
        assert [hold.renewals >= 1 for hold in (await rig.book()).holds] == [True, True]
        rig.lab.asterisk_cli("channel", "request", "hangup", "all")
        for number in (plain_number, moved_number):
            assert (await rig.logged("ended", number)).duration_s > DEAR_SLICE_S + 3
    await rig.wait_for_no_holds()


async def test_a_call_let_go_while_no_gate_answered_is_not_ended_by_the_policy_of_then_but_by_a_lock_made_since(
    rig: Rig,
) -> None:
    near, number = mobile(500)
    rig.apply_policy(live_lab.policy().replace("always_refuse = []", 'always_refuse = ["+336123*"]'))
    before = links(rig.lab)
    rig.lab.gate_kill()
    # The grant says the second in which it was given: the policy is to be clearly older.
    await asyncio.sleep(1)
    async with rig.phones("101") as (phone,):
        call = await answered(phone, near)
        rig.lab.gate_start()
        wait_for_link(rig.lab, before)
        await asyncio.sleep(3)
        assert call.ending is None
        began = rig.now()
        rig.lab.gate_exec("callgate", "lock", "--cut", "--reason", "test")
        ended = await rig.logged("ended", number)
    rig.lab.gate_exec("callgate", "unlock")
    assert ended.at - began < 2
    assert rig.last_row("call.cut").reasons == (Reason.LOCKED,)


async def test_a_line_that_somebody_writes_into_the_spool_settles_no_call_that_is_up(rig: Rig) -> None:
    near, number = mobile(510)
    before = len(rig.rows("call.settled"))
    async with rig.phones("101") as (phone,):
        call = await answered(phone, near)
        grant, since = rig.rows("call.granted")[-1].grant, rig.now()
        with (rig.lab.folder / "spool" / "calls.log").open("a") as spool:
            spool.write(f"1|settle|{grant}|callgate|{number}|{since:.3f}|{since + 1:.3f}|16|end\n")
        await asyncio.sleep(3)
        assert [hold.hold_id for hold in (await rig.book()).holds] == [grant]
        call.hang_up()
        ended = await rig.logged("ended", number)
    row = rig.last_row("call.settled", before)
    assert (row.grant, row.seconds) == (grant, math.ceil(ended.duration_s))
    assert len(rig.rows("call.settled")) == before + 1


async def joined(phone: Phone, *dialled: str) -> float:
    """An attended transfer; returns when it began."""
    one, two = [await answered(phone, number) for number in dialled]
    began = time.time()
    await phone.join(one, two, WITHIN_S)
    return began


async def left_in_a_conference(phone: Phone, *dialled: str) -> float:
    """The clinic's member sends both into his conference, speaks with them, and leaves; returns when he does."""
    member = await answered(phone, CONFERENCE)
    calls = [await answered(phone, number) for number in dialled]
    for call in calls:
        await call.transfer(phone.uri(CONFERENCE), WITHIN_S)
    await asyncio.sleep(2)
    member.hang_up()
    return time.time()


LEAVINGS = pytest.mark.parametrize("leave", [joined, left_in_a_conference])


@LEAVINGS
async def test_two_outside_parties_that_are_left_alone_are_cut_within_two_seconds(rig: Rig, leave: Leave) -> None:
    (first, first_number), (second, second_number) = mobile(300), mobile(301)
    before = len(rig.rows("call.cut"))
    async with rig.phones("101") as (phone,):
        left = await leave(phone, first, second)
        for number in (first_number, second_number):
            ended = await rig.logged("ended", number)
            assert 0 < ended.at - left < 2
    row = rig.last_row("call.cut", before)
    assert row.reasons == (Reason.EXTERNAL_TO_EXTERNAL,)


@LEAVINGS
async def test_where_both_are_listed_they_go_on_and_the_whole_call_counts_in_their_purses(
    rig: Rig, leave: Leave
) -> None:
    (first, first_number), (second, second_number) = mobile(310), mobile(311)
    rig.apply_policy(live_lab.policy(live_lab.listing(first_number, second_number)))
    async with rig.phones("101") as (phone,):
        await leave(phone, first, second)
        await asyncio.sleep(3)
        book = await rig.book()
        assert len([purse for purse in book.purses if purse.name.startswith("external:") and purse.live]) == 2
        rig.lab.asterisk_cli("channel", "request", "hangup", "all")
        for number in (first_number, second_number):
            assert (await rig.logged("ended", number)).duration_s > 3


async def test_a_leg_in_one_conversation_with_an_emergency_call_has_no_limit_any_more_and_is_not_cut(rig: Rig) -> None:
    far, far_number = island(4)
    async with rig.phones("101") as (phone,):
        one, two = await answered(phone, far), await answered(phone, "15")
        await phone.join(one, two, WITHIN_S)
        await asyncio.sleep(2)
        legs = carrier_legs(rig.lab)
        assert len(legs) == 2
        for leg in legs:
            shown = rig.lab.asterisk_cli("core", "show", "channel", leg)
            assert "Time to Hangup: 0" in shown, shown
        rig.apply_policy(live_lab.policy().replace("always_refuse = []", 'always_refuse = ["+590*"]'))
        await asyncio.sleep(3)
        assert not [event for event in rig.lab.carrier_log() if (event.event, event.user) == ("ended", far_number)]


async def test_a_mobile_patient_who_is_handed_to_15_speaks_with_it_until_15_hangs_up(rig: Rig) -> None:
    """The clinic's phone has left, the gate is restarted and the link is lost; then the patient's call ends as any."""
    near, number = mobile(600)
    cuts = len(rig.rows("call.cut"))
    async with rig.phones("101") as (phone,):
        await joined(phone, near, "15")
        await asyncio.sleep(1)
        before = links(rig.lab)
        rig.lab.gate_stop()
        rig.lab.gate_start()
        wait_for_link(rig.lab, before)
        lose_link(rig.lab)
        await asyncio.sleep(3)
        assert [limit_of(rig.lab, leg) for leg in carrier_legs(rig.lab)] == [0, 0]
        end_help(rig.lab)
        ended = await rig.logged("ended", number)
        assert abs(ended.at - (await rig.logged("ended", "15")).at) < 1
    assert len(rig.rows("call.cut")) == cuts
    await rig.wait_for_no_holds()


@pytest.mark.parametrize("leaves", ["while it is watched", "while the gate is away"])
async def test_a_costly_call_in_a_conference_with_15_is_charged_and_has_a_limit_again_when_15_has_left(
    rig: Rig, leaves: str
) -> None:
    """It was once limitless, uncharged, and free to go on after 15 had left."""
    is_watched = leaves == "while it is watched"
    far, far_number = island(6 if is_watched else 7)
    async with rig.phones("101", "102") as (phone, other):
        await answered(other, CONFERENCE)
        costly, emergency = await answered(phone, far), await answered(phone, "15")
        leg = next(leg for leg in carrier_legs(rig.lab) if far_number in shown(rig.lab, leg))
        for call in (costly, emergency):
            await call.transfer(phone.uri(CONFERENCE), WITHIN_S)
        await asyncio.sleep(DEAR_SLICE_S + 3)
        assert limit_of(rig.lab, leg) == 0
        (hold,) = (await rig.book()).holds
        assert hold.renewals >= 2
        assert hold.seconds > DEAR_SLICE_S + 3
        before = links(rig.lab)
        if not is_watched:
            rig.lab.gate_stop()
        end_help(rig.lab)
        if not is_watched:
            rig.lab.gate_start()
            wait_for_link(rig.lab, before)
        await asyncio.sleep(2)
        assert limit_of(rig.lab, leg) > 0
        rig.lab.redis_stop()
        ended = await rig.logged("ended", far_number, DEAR_SLICE_S + 5)
        assert ended.duration_s > DEAR_SLICE_S + 10


@pytest.mark.parametrize("killed", ["asterisk", "asterisk and the gate"])
async def test_after_a_kill_nothing_is_booked_below_the_carriers_log_and_at_most_a_slice_above(
    rig: Rig, killed: str, record_property: Told
) -> None:
    """Twenty calls; the operator notices by itself, between 1 s before the kill and 16 s after it."""
    numbers = [(island if place % 2 else mobile)(400 + place) for place in range(20)]
    rig.lab.set_rules(
        {number: Behaviour(hang_up_after_s=9 + place * 0.85) for place, (_, number) in enumerate(numbers)}
    )
    before = len(rig.rows("call.granted"))
    async with rig.phones("101") as (phone,):
        for dialled, _ in numbers:
            await answered(phone, dialled)
        grants = [row.grant for row in rig.rows("call.granted")[before:]]
        assert len(set(grants)) == len(numbers)
        await asyncio.sleep(max(0.0, (await rig.logged("answered", numbers[0][1])).at + 10 - rig.now()))
        dead = kill(rig, killed)
        ends = [await rig.logged("ended", number, 25) for _, number in numbers]
    for _ in range(round(90 / 0.5)):
        if not (await rig.book()).holds:
            break
        await asyncio.sleep(0.5)
    assert (await rig.book()).holds == ()
    record_property("seen", f"every hold had ended {rig.now() - dead:.0f} s after the kill of {killed}")
    booked = {row.grant: row.amount_micros for row in rig.rows() if row.event in {"call.settled", "call.lost"}}
    slack_s = 0 if killed == "asterisk" else math.ceil(rig.now() - dead)
    for grant, (_, number), end in zip(grants, numbers, ends, strict=True):
        rate = rate_of(number)
        slice_s = (DEAR_SLICE_S if rate.per_minute_micros > EURO else SLICE_S) + slack_s
        least = price(rate, math.floor(end.duration_s))
        assert least <= booked[grant] <= price(rate, math.ceil(end.duration_s) + slice_s), number


def kill(rig: Rig, who: str) -> float:
    """Kill Asterisk, or it and the gate, and wait until control sees the next one; returns when it was killed."""
    before = 0
    if who != "asterisk":
        rig.lab.gate_kill()
    else:
        before = links(rig.lab)
    dead = rig.now()
    rig.lab.restart_asterisk("KILL")
    if who != "asterisk":
        before = links(rig.lab)
        rig.lab.gate_start()
    wait_for_link(rig.lab, before)
    return dead
