"""What ungated calls cost: which are booked, when, once, and where."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callgate.control import toll as toll_module
from callgate.control.incident import ROWS_A_MINUTE
from callgate.control.standing import read_standing
from callgate.control.switch import Leg
from callgate.core.hold import SettleOutcome, Unavailable
from callgate.ledger.base import Settlement
from clinic_samples import CLINIC, OBSERVING, policy_text
from control.guard_post import LEG, PARIS_WIRE, SATELLITE, Post, make_post

GUADELOUPE, MOBILE = "+590590271212", "+33899701234"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    made = await make_post(tmp_path)
    yield made
    made.site.journal.close()


def born(post: Post, number: int = 7) -> str:
    return f"pbx-{int(post.site.now.timestamp())}.{number}"


async def passes(post: Post, leg: Leg, *, talks_s: float | None) -> None:
    """A leg begins, is answered if it talks, is judged, and ends."""
    post.toll.began(leg)
    await post.sees(leg)
    if talks_s is not None:
        post.toll.answered(replace(leg, answered=post.site.now))
        post.step(talks_s)
    post.toll.ended(leg)
    await post.toll.book()
    await post.incidents.write()


async def spent(post: Post, purse: str) -> int:
    """What a purse has spent this day, in micros."""
    return next((found.day_micros for found in (await post.site.book()).purses if found.name == purse), 0)


async def test_an_ungated_call_that_was_answered_is_booked_when_it_has_ended(post: Post) -> None:
    """Nothing was: 1,549 calls answered in ten seconds, and the purses empty."""
    leg = replace(LEG, uniqueid=born(post), dialled=GUADELOUPE)
    await passes(post, leg, talks_s=0.1)
    row = post.site.rows[-1]
    assert (row.event, row.clinic, row.note, row.seconds) == ("call.settled", CLINIC, "no_grant", 1)
    assert row.grant == f"ungated:pbx1:{leg.uniqueid}.{int(post.site.now.timestamp())}"
    assert row.amount_micros > 0
    assert await spent(post, "costly") == await spent(post, "overseas") == row.amount_micros


@pytest.mark.parametrize(
    ("dialled", "grant", "talks_s", "purses"),
    [
        (GUADELOUPE, "", None, ()),
        ("15", "", 60, ()),
        (PARIS_WIRE, "local:x", 60, ()),
        (PARIS_WIRE, "", 60, ("national",)),
        (GUADELOUPE, "emergency", 60, ("costly", "overseas")),
        (GUADELOUPE, "local:x", 60, ("costly", "overseas")),
        (MOBILE, "", 60, ("costly",)),
        ("+3222222222", "pbx1.x.1.1795370990", 60, ("costly", "international")),
    ],
)
async def test_only_what_was_answered_and_ungated_is_booked(
    post: Post, *, dialled: str, grant: str, talks_s: float | None, purses: tuple[str, ...]
) -> None:
    await passes(post, replace(LEG, uniqueid=born(post), dialled=dialled, grant=grant), talks_s=talks_s)
    assert {purse.name for purse in (await post.site.book()).purses if purse.day_micros} == set(purses)


async def test_a_call_that_nobody_can_price_costs_the_most_that_one_call_may(post: Post) -> None:
    await passes(post, replace(LEG, uniqueid=born(post), dialled=SATELLITE), talks_s=1)
    assert await spent(post, "costly") == 5_000_000


async def test_a_call_is_booked_once_by_every_gate_that_saw_it(post: Post) -> None:
    leg = replace(LEG, uniqueid=born(post), dialled=GUADELOUPE)
    await passes(post, leg, talks_s=1)
    once = await spent(post, "costly")
    await passes(post, leg, talks_s=1)
    assert await spent(post, "costly") == once
    await passes(post, replace(leg, uniqueid=born(post, 8)), talks_s=1)
    assert await spent(post, "costly") == 2 * once


@pytest.mark.parametrize("chosen", ["1.1", "x", "a b\u00e9|c", "9999999999.9", "x" * 149])
async def test_whatever_name_a_program_gives_its_channel_the_call_is_booked(post: Post, chosen: str) -> None:
    """A unique id that said 1970, or had a space in it, made a call past the gate cost nothing."""
    await passes(post, replace(LEG, uniqueid=chosen, dialled=GUADELOUPE), talks_s=1)
    assert await spent(post, "costly") == post.site.rows[-1].amount_micros > 0


async def test_a_call_that_the_ledger_takes_late_counts_when_it_was_and_once(post: Post) -> None:
    """Each try made another id, and another day, of a call whose name says no time."""
    post.toll.began(replace(LEG, uniqueid="x", dialled=GUADELOUPE, answered=post.site.now))
    post.toll.owe(replace(LEG, uniqueid="x", dialled=GUADELOUPE), "no_grant")
    answered = int(post.site.now.timestamp())
    post.step(5)
    post.toll.ended(replace(LEG, uniqueid="x"))
    post.step(3600)
    await post.toll.book()
    await post.incidents.write()
    assert post.site.rows[-1].grant == f"ungated:pbx1:x.{answered}"


async def test_a_call_that_ended_before_anybody_knew_what_it_was_is_booked_all_the_same(post: Post) -> None:
    leg = replace(LEG, uniqueid=born(post), dialled=GUADELOUPE)
    post.toll.began(leg)
    post.toll.answered(replace(leg, answered=post.site.now))
    post.toll.answered(replace(leg, answered=post.site.now + timedelta(seconds=5)))
    post.toll.ended(leg)
    post.toll.ended(leg)
    post.toll.owe(leg, "no_grant")
    post.toll.owe(leg, "no_grant")
    await post.toll.book()
    assert await spent(post, "costly") > 0


async def test_of_calls_that_ended_unjudged_the_latest_are_remembered(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toll_module, "GONE_MAX", 2)
    legs = [replace(LEG, uniqueid=born(post, place), dialled=GUADELOUPE) for place in range(3)]
    for leg in legs:
        post.toll.began(replace(leg, answered=post.site.now))
        post.toll.ended(leg)
    assert list(post.toll._gone) == [leg.uniqueid for leg in legs[1:]]


async def test_a_call_that_ended_while_the_link_was_lost_is_booked_until_it_is_back(post: Post) -> None:
    ended, goes_on = (replace(LEG, uniqueid=born(post, place), dialled=GUADELOUPE) for place in (1, 2))
    for leg in (ended, goes_on):
        post.toll.began(replace(leg, answered=post.site.now))
        post.toll.owe(leg, "no_grant")
    post.step(90)
    post.asterisk.up = (goes_on,)
    post.toll.linked()
    await post.toll.book()
    await post.incidents.write()
    assert [row.seconds for row in post.site.rows if row.event == "call.settled"] == [90]


async def test_a_call_that_was_found_up_has_talked_since_its_channel_was_made(post: Post) -> None:
    leg = replace(LEG, uniqueid=born(post), dialled=GUADELOUPE, is_new=False)
    post.step(30)
    post.toll.began(replace(leg, answered=post.site.now))
    post.toll.owe(leg, "no_grant")
    post.step(5)
    post.toll.ended(leg)
    await post.toll.book()
    await post.incidents.write()
    assert post.site.rows[-1].seconds == 35


async def test_an_answered_call_past_the_gate_is_an_alarm_at_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.control.incident.WRITE_PAUSE_S", 0.001)
    leg = replace(LEG, uniqueid=born(post), dialled=GUADELOUPE)
    post.toll.began(leg)
    await post.sees(leg)
    post.toll.answered(replace(leg, answered=post.site.now))
    running, standing = asyncio.create_task(post.incidents.run()), None
    for _ in range(500):
        await asyncio.sleep(0.01)
        standing = read_standing(post.site.folder / "state")
        if standing is not None and standing.answered:
            break
    else:
        pytest.fail("nobody was told")
    running.cancel()
    assert (standing.ungated, standing.answered, standing.answered_at) == (1, 1, post.site.now)


async def test_what_a_clinic_only_observes_is_booked_where_no_ceiling_counts_it(tmp_path: Path) -> None:
    post = await make_post(tmp_path, policy_text(OBSERVING))
    await passes(post, replace(LEG, uniqueid=born(post), dialled=GUADELOUPE), talks_s=60)
    assert {purse.name for purse in (await post.site.book()).purses if purse.day_micros} == {"observed"}
    post.site.journal.close()


async def test_what_several_clinics_may_have_called_is_written_down_and_booked_nowhere(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post.trunks, "clinic_on", lambda _endpoint: "")
    await passes(post, replace(LEG, uniqueid=born(post), dialled=GUADELOUPE), talks_s=60)
    assert (post.site.rows[-1].event, post.site.rows[-1].amount_micros) == ("call.settled", 0)
    assert not [purse for purse in (await post.site.book()).purses if purse.day_micros]


# A ledger that does not answer, or will not.


async def test_what_the_ledger_does_not_take_now_is_booked_later(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = post.site.ledger.settle
    answers: list[SettleOutcome] = [Unavailable(cause="silent"), Unavailable(cause="invalid: hold_id")]

    async def broken(settlement: Settlement) -> SettleOutcome:
        return answers.pop(0) if answers else await settle(settlement)

    monkeypatch.setattr(post.site.ledger, "settle", broken)
    await passes(post, replace(LEG, uniqueid=born(post, 1), dialled=GUADELOUPE), talks_s=1)
    assert len(post.toll._due) == 1
    await passes(post, replace(LEG, uniqueid=born(post, 2), dialled=GUADELOUPE), talks_s=1)
    assert not post.toll._due
    assert [row.event for row in post.site.rows].count("call.settled") == 1, "the ledger will never take the first"


@pytest.mark.parametrize("outcome", [None, Unavailable(cause="silent")], ids=["ledger", "no ledger"])
async def test_what_is_due_when_the_gate_ends_is_booked_or_said(
    post: Post, outcome: Unavailable | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had ended in the half second before a restart was booked by nobody: the next gate never saw its leg."""
    settle = post.site.ledger.settle

    async def answer(settlement: Settlement) -> SettleOutcome:
        return outcome or await settle(settlement)

    monkeypatch.setattr(post.site.ledger, "settle", answer)
    post.toll.began(replace(LEG, uniqueid=born(post), dialled=GUADELOUPE, answered=post.site.now))
    post.toll.owe(replace(LEG, uniqueid=born(post), dialled=GUADELOUPE), "no_grant")
    post.toll.ended(replace(LEG, uniqueid=born(post)))
    with capture_logs() as said:
        await post.toll.close()
    assert (await spent(post, "costly") > 0) == (outcome is None)
    assert [line["event"] for line in said].count("call.not_booked") == (outcome is not None)


async def test_more_than_a_ledger_can_ever_take_is_not_kept(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toll_module, "DUE_MAX", 1)
    for place in range(3):
        leg = replace(LEG, uniqueid=born(post, place), dialled=GUADELOUPE)
        post.toll.began(replace(leg, answered=post.site.now))
        post.toll.owe(leg, "no_grant")
        post.toll.ended(leg)
    await post.toll.book()
    await post.incidents.write()
    assert [row.event for row in post.site.rows].count("call.settled") == 1


async def test_a_flood_is_booked_in_full_and_few_rows_say_so(post: Post) -> None:
    calls = ROWS_A_MINUTE + 5
    for place in range(calls):
        await passes(post, replace(LEG, uniqueid=born(post, place), dialled=GUADELOUPE), talks_s=0.1)
    post.site.now += timedelta(minutes=1)
    await passes(post, replace(LEG, uniqueid=born(post, calls), dialled=GUADELOUPE), talks_s=0.1)
    rows = [row for row in post.site.rows if row.event == "call.settled"]
    assert (sum(row.count for row in rows), len(rows)) == (calls + 1, ROWS_A_MINUTE + 2)
    assert sum(row.amount_micros for row in rows) == await spent(post, "costly")
    assert sum(row.seconds for row in rows) == calls + 1


async def test_booking_goes_on_in_the_background(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toll_module, "BOOK_PAUSE_S", 0.001)
    leg = replace(LEG, uniqueid="strange", dialled=GUADELOUPE)
    post.toll.began(replace(leg, answered=post.site.now))
    post.toll.owe(leg, "no_grant")
    post.toll.ended(leg)
    running = asyncio.create_task(post.toll.run())
    for _ in range(500):
        await asyncio.sleep(0.01)
        if not post.toll._due:
            break
    running.cancel()
    assert await spent(post, "costly") > 0
