"""The guard: which legs no grant covers, what becomes of them, and what is written down."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.control.guard import TRIES, Cause, Sighting, ungated
from callgate.control.incident import ROWS_A_MINUTE, Incident
from callgate.control.standing import read_standing
from callgate.core.locks import Lock, LockedCalls, LockScope
from callgate.core.verdict import Grant
from callgate.errors import JournalError
from callgate.grants import KEPT_S, Issued
from callgate.journal import JournalRow
from callgate.ledger.revisions import PolicyRevision
from clinic_samples import CLINIC, OBSERVING, PARIS, TUESDAY_11, policy_text
from control.guard_post import LEG, PARIS_WIRE, SATELLITE, Asterisk, Post, make_post


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    made = await make_post(tmp_path)
    yield made
    made.site.journal.close()


async def issued(post: Post, dialled: str = PARIS) -> Issued:
    """A grant of the gate's."""
    gate = replace(post.site.gate, grants=post.grants)
    verdict = await gate.decide(post.site.passage(dialled), post.site.now)
    assert isinstance(verdict, Grant)
    found = post.grants.get(verdict.grant_id)
    assert found is not None
    return found


# The rules, each by itself.

GRANT = "pbx1.x.1.1795370990"
NO_NUMBER = "<sip:192.0.2.2:5080>"


@pytest.mark.parametrize(
    ("grant", "dialled", "flags", "cause"),
    [
        ("", SATELLITE, "", Cause.NO_GRANT),
        ("", "15", "emergency", None),
        ("emergency", "15", "emergency", None),
        ("emergency", SATELLITE, "", Cause.NOT_EMERGENCY),
        ("emergency", PARIS_WIRE, "ordinary", Cause.NOT_EMERGENCY),
        ("local:x", PARIS_WIRE, "ordinary", None),
        ("local:x", SATELLITE, "", Cause.NOT_ORDINARY),
        ("local:x", SATELLITE, "locked", Cause.NOT_ORDINARY),
        ("local:x", PARIS_WIRE, "ordinary locked", Cause.LOCKED),
        ("local:x", "15", "emergency locked", None),
        (GRANT, PARIS_WIRE, "issued locked", None),
        (GRANT, PARIS_WIRE, "ordinary", Cause.UNKNOWN_GRANT),
        (GRANT, "15", "emergency", None),
        ("observe:x", PARIS_WIRE, "", Cause.UNKNOWN_GRANT),
        (GRANT, PARIS_WIRE, "issued", None),
        (GRANT, PARIS_WIRE, "issued used", Cause.USED_GRANT),
        (GRANT, SATELLITE, "issued", Cause.OTHER_NUMBER),
        (GRANT, SATELLITE, "issued used", Cause.OTHER_NUMBER),
        (GRANT, PARIS_WIRE, "issued elsewhere", Cause.OTHER_TRUNK),
    ],
)
async def test_a_leg_needs_a_grant_for_itself(
    post: Post, *, grant: str, dialled: str, flags: str, cause: Cause | None
) -> None:
    known = replace(await issued(post), grant=GRANT, endpoint="carrier-b" if "elsewhere" in flags else "carrier-a")
    seen = Sighting(
        leg=replace(LEG, grant=grant, dialled=dialled),
        issued=known if "issued" in flags else None,
        is_used="used" in flags,
        is_emergency="emergency" in flags,
        is_ordinary="ordinary" in flags,
        is_locked="locked" in flags,
    )
    assert ungated(seen) is cause


# What it does.


async def test_an_ungated_leg_is_hung_up_and_written_down(post: Post) -> None:
    assert await post.sees(replace(LEG, dialled=SATELLITE, grant="emergency")) == [Cause.NOT_EMERGENCY]
    assert post.asterisk.ended == [LEG.channel]
    row = post.site.rows[-1]
    assert (row.event, row.clinic, row.trunk, row.number, row.grant, row.observed, row.count) == (
        "call.ungated",
        CLINIC,
        "carrier-a",
        "008821••••",
        "emergency",
        False,
        1,
    )


async def test_a_granted_leg_is_left_alone_and_its_grant_is_used_up(post: Post) -> None:
    grant = (await issued(post)).grant
    leg = replace(LEG, grant=grant)
    assert await post.sees(leg) == []
    post.guard.ended(leg)
    assert await post.sees(replace(leg, channel="PJSIP/carrier-a-00000002")) == [Cause.USED_GRANT]
    # After a restart of Asterisk the first channel has the same name again.
    assert await post.sees(replace(leg, uniqueid="2.1")) == [Cause.USED_GRANT]


IN_A_GAP, BEFORE = timedelta(seconds=30), timedelta(seconds=-30)


@pytest.mark.parametrize(
    ("grant", "dialled", "began", "cause"),
    [
        ("", SATELLITE, IN_A_GAP, Cause.NO_GRANT),
        ("emergency", SATELLITE, IN_A_GAP, Cause.NOT_EMERGENCY),
        ("local:x", SATELLITE, IN_A_GAP, Cause.NOT_ORDINARY),
        # Before control was there, nobody had to ask; what is ordinary or unknown is not worth a mistake.
        ("", SATELLITE, BEFORE, None),
        ("", SATELLITE, None, None),
        ("", PARIS_WIRE, IN_A_GAP, None),
        ("", "", IN_A_GAP, None),
        ("", "15", IN_A_GAP, None),
        # An earlier run may have given it: that is a matter of the ledger's (`callgate.control.reconcile`).
        (GRANT, SATELLITE, IN_A_GAP, None),
    ],
)
async def test_a_costly_leg_that_went_past_the_gate_while_nobody_watched_is_ended_once_somebody_does(
    post: Post, *, grant: str, dialled: str, began: timedelta | None, cause: Cause | None
) -> None:
    post.standing.linked()
    born = "" if began is None else f"pbx-{int((post.site.now + began).timestamp())}.7"
    leg = replace(LEG, is_new=False, grant=grant, dialled=dialled, uniqueid=born)
    assert await post.sees(leg) == [cause] * (cause is not None)


async def test_while_control_has_never_watched_nobody_who_is_up_is_ended(post: Post) -> None:
    born = f"{int(post.site.now.timestamp()) + 30}.7"
    assert await post.sees(replace(LEG, is_new=False, dialled=SATELLITE, uniqueid=born)) == []


async def test_a_leg_that_was_up_before_is_never_ended_and_nobody_else_has_its_grant(post: Post) -> None:
    grant = (await issued(post)).grant
    assert await post.sees(replace(LEG, is_new=False)) == []
    assert await post.sees(replace(LEG, is_new=False, grant=grant)) == []
    assert await post.sees(replace(LEG, channel="PJSIP/carrier-a-00000002", grant=grant)) == [Cause.USED_GRANT]
    assert len(post.asterisk.ended) == 1


async def test_of_the_grants_whose_legs_have_ended_only_the_latest_are_remembered(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate once kept every grant of two hours: it grew with its calls."""
    monkeypatch.setattr("callgate.control.guard.OVER_MAX", 2)
    grant = (await issued(post)).grant
    legs = [replace(LEG, grant=f"{grant}{place}", uniqueid=f"{place}.1") for place in range(3)]
    for leg in legs:
        post.guard.began(replace(leg, is_new=False))
        post.guard.ended(replace(leg, channel="PJSIP/carrier-a-00000002"))
        assert leg.grant in post.guard._holders, "another leg that showed it is no matter"
        post.guard.ended(leg)
    assert post.guard._holders == {}
    assert list(post.guard._over) == [leg.grant for leg in legs[1:]]


async def test_whose_grant_it_was_is_forgotten_when_no_call_can_last_that_long(post: Post) -> None:
    await post.sees(replace(LEG, grant=(await issued(post)).grant))
    post.site.now -= timedelta(days=365)
    post.step(KEPT_S + 1)
    await post.sees(replace(LEG, grant="local:x"))
    assert list(post.guard._holders) == ["local:x"]


async def test_a_leg_that_speaks_with_an_emergency_call_is_not_ended(post: Post) -> None:
    leg = replace(LEG, dialled=SATELLITE)
    post.guard.with_emergency(leg)
    assert await post.sees(leg) == [Cause.NO_GRANT]
    assert (post.asterisk.ended, post.site.rows[-1].observed) == ([], True)
    post.guard.ended(leg)
    await post.sees(leg)
    post.guard.with_emergency(leg)
    post.guard.unlinked()
    await post.sees(leg)
    post.guard.with_emergency(leg)
    post.guard.without_emergency(leg)
    await post.sees(leg)
    assert len(post.asterisk.ended) == 3


async def test_an_ungated_leg_that_help_was_with_is_ended_when_help_has_left_it(post: Post) -> None:
    """It went on without a grant, a limit or an end."""
    granted = replace(LEG, channel="PJSIP/carrier-a-00000002", uniqueid="1.2", grant=(await issued(post)).grant)
    leg = replace(LEG, dialled=SATELLITE)
    for one in (leg, granted):
        post.guard.with_emergency(one)
        await post.sees(one)
    assert post.asterisk.ended == []
    for one in (leg, granted):
        post.guard.without_emergency(one)
        await asyncio.gather(*post.guard._working)
    assert post.asterisk.ended == [leg.channel]


@pytest.mark.parametrize(("refusals", "observed"), [(1, False), (TRIES, True)])
async def test_a_hang_up_that_asterisk_does_not_answer_is_tried_again(
    tmp_path: Path, refusals: int, *, observed: bool
) -> None:
    post = await make_post(tmp_path, asterisk=Asterisk(answers=[False] * refusals))
    await post.sees(LEG)
    assert (len(post.asterisk.ended), post.site.rows[-1].observed) == (min(refusals + 1, TRIES), observed)
    post.site.journal.close()


async def test_a_clinic_that_observes_is_only_told(tmp_path: Path) -> None:
    post = await make_post(tmp_path, policy_text(OBSERVING))
    assert await post.sees(LEG) == [Cause.NO_GRANT]
    assert (post.asterisk.ended, post.site.rows[-1].observed) == ([], True)
    post.site.journal.close()


# A leg whose number Asterisk has not told: it may be an emergency call.


@pytest.mark.parametrize(
    ("grant", "told", "cause"),
    [
        ("", "15", None),
        ("", SATELLITE, Cause.NO_GRANT),
        ("", NO_NUMBER, Cause.NO_GRANT),
        ("emergency", "15", None),
        ("emergency", NO_NUMBER, Cause.NOT_EMERGENCY),
        ("emergency", SATELLITE, Cause.NOT_EMERGENCY),
        ("local:x", PARIS_WIRE, None),
        ("local:x", SATELLITE, Cause.NOT_ORDINARY),
        ("issued", PARIS_WIRE, None),
        ("issued", SATELLITE, Cause.OTHER_NUMBER),
    ],
)
async def test_a_leg_is_judged_by_its_number_when_that_is_told(
    post: Post, *, grant: str, told: str, cause: Cause | None
) -> None:
    shown = (await issued(post)).grant if grant == "issued" else grant
    leg = replace(LEG, dialled="", grant=shown)
    assert (await post.sees(leg), shown in post.guard._holders) == ([], False)
    numbered = replace(leg, dialled=told)
    notes = await post.hears(lambda: post.guard.numbered(numbered), lambda: post.guard.numbered(numbered))
    assert (notes, post.asterisk.ended) == (([], []) if cause is None else ([cause], [LEG.channel]))
    assert (shown in post.guard._holders) is (cause is None)
    assert await post.hears(lambda: post.guard.ended(numbered)) == []


@pytest.mark.parametrize(("grant", "notes"), [("", [Cause.NO_NUMBER]), ("emergency", [])])
async def test_a_leg_whose_number_is_never_told_is_not_ended_and_is_written_down_if_it_showed_no_grant(
    post: Post, grant: str, notes: list[str]
) -> None:
    leg = replace(LEG, dialled="", grant=grant)
    assert await post.hears(lambda: post.guard.began(leg), lambda: post.guard.ended(leg)) == notes
    assert post.asterisk.ended == []
    assert all(row.observed for row in post.site.rows)


async def test_a_leg_whose_number_is_told_after_a_lost_link_is_one_that_was_found(post: Post) -> None:
    leg = replace(LEG, dialled="")
    assert await post.hears(lambda: post.guard.began(leg), post.guard.unlinked) == []
    assert await post.hears(lambda: post.guard.numbered(replace(leg, dialled=PARIS_WIRE))) == []


# A grant that this run of the gate did not give.


async def test_a_grant_of_others_is_believed_while_the_ledger_holds_it_and_used_up(post: Post) -> None:
    """A second gate on one Asterisk once hung up every call of the first."""
    grant = (await issued(post)).grant
    post.grants.end(grant)
    post.step(1000)
    leg = replace(LEG, grant=grant, entry="callgate")
    assert await post.sees(replace(leg, grant=f"{grant}9")) == [Cause.UNKNOWN_GRANT]
    assert await post.sees(leg) == []
    assert await post.sees(leg) == [], "told again, it is the same leg"
    assert await post.sees(replace(leg, channel="PJSIP/carrier-a-00000002")) == [Cause.USED_GRANT]
    assert post.guard._holders.keys() == {grant}


async def test_of_two_legs_that_show_such_a_grant_at_once_one_is_ended(post: Post) -> None:
    grant = (await issued(post)).grant
    post.grants.end(grant)
    legs = [replace(LEG, channel=f"PJSIP/carrier-a-{n:08x}", grant=grant, entry="callgate") for n in range(2)]
    for leg in legs:
        post.guard.began(leg)
    await asyncio.gather(*post.guard._working)
    assert post.asterisk.ended == [legs[1].channel]


# What is written down.


async def test_a_flood_is_few_rows_that_count_every_leg(post: Post) -> None:
    legs = 3 * ROWS_A_MINUTE
    for place in range(legs):
        post.incidents.add(Incident(at=post.site.now, leg=LEG, cause=f"{Cause.NO_GRANT}", is_ended=place > 0))
    await post.incidents.write()
    rows = [row for row in post.site.rows if row.event == "call.ungated"]
    assert len(rows) == ROWS_A_MINUTE
    post.site.now += timedelta(minutes=1)
    post.incidents.add(Incident(at=post.site.now, leg=LEG, cause=f"{Cause.USED_GRANT}", is_ended=True))
    await post.incidents.write()
    rows = [row for row in post.site.rows if row.event == "call.ungated"]
    assert sum(row.count for row in rows) == legs + 1
    assert [(row.note, row.count) for row in rows[ROWS_A_MINUTE:]] == [
        (Cause.NO_GRANT, legs - ROWS_A_MINUTE),
        (Cause.USED_GRANT, 1),
    ]


async def test_of_a_flood_a_row_says_only_what_is_so_of_all_its_legs(post: Post) -> None:
    """It named the last one's number, and called all of them ended if that one was."""
    for _ in range(ROWS_A_MINUTE):
        post.incidents.add(Incident(at=post.site.now, leg=LEG, cause=f"{Cause.NO_GRANT}", is_ended=True))
    for leg, is_ended in ((replace(LEG, grant="g"), False), (replace(LEG, grant=""), True)):
        post.incidents.add(Incident(at=post.site.now, leg=leg, cause=f"{Cause.NO_GRANT}", is_ended=is_ended))
    post.site.now += timedelta(minutes=1)
    for _ in range(ROWS_A_MINUTE):
        post.incidents.add(Incident(at=post.site.now, leg=LEG, cause=f"{Cause.NO_GRANT}", is_ended=True))
    for dialled in (SATELLITE, PARIS_WIRE):
        leg = replace(LEG, dialled=dialled, grant="g")
        post.incidents.add(Incident(at=post.site.now, leg=leg, cause=f"{Cause.NO_GRANT}", is_ended=True))
    await post.incidents.close()
    assert [(row.number, row.grant, row.observed) for row in post.site.rows if row.count == 2] == [
        ("+3314268••••", "", True),
        ("", "g", False),
    ]


async def test_what_a_full_disk_does_not_take_is_written_later(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    write = post.site.journal.write

    async def refuse(row: JournalRow, *, durable: bool) -> None:
        raise JournalError(str(post.site.journal.file), f"no space for {row.event}, {durable}")

    monkeypatch.setattr(post.site.journal, "write", refuse)
    assert await post.sees(LEG) == []
    monkeypatch.setattr(post.site.journal, "write", write)
    await post.incidents.write()
    assert [row.note for row in post.site.rows] == [Cause.NO_GRANT]


async def test_what_a_slow_disk_does_not_confirm_is_written_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice a second of a disk that hung the same leg became one more row, and its money one more settlement."""

    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        assert await post.sees(LEG) == [Cause.NO_GRANT]
        await post.incidents.write()
    await post.incidents.write()
    assert [row.note for row in post.site.rows] == [Cause.NO_GRANT]


async def test_while_the_disk_takes_nothing_so_many_rows_wait_and_no_leg_goes_uncounted(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.control.incident.WAITING_MAX", 3)
    for _ in range(5):
        for _ in range(4):
            post.incidents.add(Incident(at=post.site.now, leg=LEG, cause=f"{Cause.NO_GRANT}", is_ended=True))
        post.site.now += timedelta(minutes=1)
    assert len(post.incidents._waiting) == 3
    await post.incidents.write()
    post.incidents.add(Incident(at=post.site.now, leg=LEG, cause=f"{Cause.NO_GRANT}", is_ended=True))
    await post.incidents.write()
    assert [row.count for row in post.site.rows if row.event == "call.ungated"] == [1, 1, 1, 17, 1]


async def test_incidents_are_written_in_the_background_and_counted_for_status(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.control.incident.WRITE_PAUSE_S", 0.001)
    running = asyncio.create_task(post.incidents.run())
    post.guard.began(LEG)
    for _ in range(500):
        await asyncio.sleep(0.01)
        standing = read_standing(post.site.folder / "state")
        if post.site.rows and standing is not None and standing.ungated == 1:
            break
    else:
        pytest.fail("nothing was written")
    running.cancel()


# The trunks.


@pytest.mark.parametrize(
    ("endpoint", "number", "is_emergency", "is_ordinary"),
    [
        ("carrier-a", "15", True, False),
        ("carrier-a", "+3315", False, False),
        ("carrier-b", "+3315", True, False),
        ("carrier-b", "15", False, False),
        ("carrier-a", PARIS_WIRE, False, True),
        ("carrier-b", "0142685300", False, True),
        ("carrier-a", "+33899701234", False, False),
        ("carrier-a", "+590590271212", False, False),
        ("carrier-a", SATELLITE, False, False),
        ("carrier-a", "x;y=z", False, False),
        ("carrier-a", "", False, False),
    ],
)
async def test_what_a_number_is_depends_on_how_its_trunk_writes_it(
    post: Post, endpoint: str, number: str, *, is_emergency: bool, is_ordinary: bool
) -> None:
    assert post.trunks.is_emergency(endpoint, number) == is_emergency
    assert post.trunks.is_ordinary(endpoint, number, post.site.now) == is_ordinary


LOCK = Lock(
    scope=LockScope(), until=None, cut=False, author="Dupont", at=TUESDAY_11 - timedelta(hours=1), reason="stolen phone"
)
COSTLY = LockScope(calls=LockedCalls.COSTLY)


@pytest.mark.parametrize(
    ("scope", "dialled", "extension", "notes"),
    [
        (LockScope(), PARIS_WIRE, "", [Cause.LOCKED]),
        (LockScope(), "15", "", []),
        (LockScope(extension="101"), PARIS_WIRE, "101", [Cause.LOCKED]),
        (LockScope(extension="101"), PARIS_WIRE, "102", []),
        (COSTLY, PARIS_WIRE, "", []),
    ],
)
async def test_a_lock_binds_a_call_about_which_no_gate_was_asked(
    post: Post, *, scope: LockScope, dialled: str, extension: str, notes: list[Cause]
) -> None:
    """Whoever wrote `local:x` on a leg called every ordinary number under a lock of everything, for ever."""
    leg = replace(LEG, dialled=dialled, grant="local:x", extension=extension)
    assert await post.sees(leg) == []
    revision = await post.site.ledger.fetch_policy(CLINIC)
    assert isinstance(revision, PolicyRevision)
    locked = replace(revision, revision=revision.revision + 1, locks=(replace(LOCK, scope=scope),))
    # On another gate: this one has not heard of it yet.
    await post.site.ledger.publish(locked, revision.revision)
    assert await post.sees(replace(leg, channel="PJSIP/carrier-a-00000002", grant="local:y")) == notes


async def test_a_trunk_knows_whose_it_is(post: Post) -> None:
    assert post.trunks.endpoints == ("carrier-a", "carrier-b")
    assert post.trunks.clinic_on("carrier-a") == CLINIC
    assert (post.trunks.name_of("carrier-b"), post.trunks.is_enforced("carrier-b")) == ("carrier-b", True)
