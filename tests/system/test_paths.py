"""Every path out of the clinic, tried on a real Asterisk: what is refused leaves no INVITE at the carrier."""

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from call_behaviour import Behaviour
from callgate.core.reasons import Reason
from lab import Lab
from system import ways_by_phone as phone
from system.carrier_books import SLACK_S
from system.path_lab import IVORY_COAST, IVORY_COAST_WIRE, LISTED, LISTED_WIRE, path_lab
from system.paths import GATED, PAST, Path, try_path
from system.rig import PARIS, PARIS_WIRE, WITHIN_S, Config, Rig
from system.stage import BUSY, Stage, happens, open_stage

pytestmark = pytest.mark.system

AT_MOST_S = 2
PATIENT = Behaviour(react_after_s=1.0)
REUNION, REUNION_WIRE = "000262262905000", "+262262905000"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One for all of them."""
    found = path_lab(f"paths-{os.getpid()}", tmp_path_factory.mktemp("paths"))
    found.start()
    yield found
    found.stop()


@pytest.fixture
async def stage(lab: Lab) -> AsyncIterator[Stage]:
    """Everybody is there, and nobody is on the phone."""
    async with open_stage(lab) as found:
        yield found
        await found.clear()


@pytest.mark.parametrize("path", GATED, ids=lambda path: path.name)
async def test_a_refused_number_leaves_nothing_at_the_carrier_and_an_allowed_one_one_call(
    stage: Stage, path: Path
) -> None:
    refused = await try_path(path, stage, IVORY_COAST, IVORY_COAST_WIRE)
    assert [row.event for row in refused.decisions] == ["call.refused"]
    assert refused.invites == ()
    granted = await try_path(path, stage, LISTED, LISTED_WIRE)
    assert [row.event for row in granted.decisions] == ["call.granted"]
    assert [(invite.user, invite.trunk) for invite in granted.invites] == [(LISTED_WIRE, "carrier-a")]
    found = {(row.origin, row.extension) for row in (*refused.decisions, *granted.decisions)}
    assert found == {(path.origin, path.extension)}
    assert stage.rows("call.ungated") == []


@pytest.mark.parametrize("path", PAST, ids=lambda path: path.name)
async def test_a_way_past_the_gate_ends_before_anybody_answers(stage: Stage, path: Path) -> None:
    """No dialplan can catch these: the guard ends the leg, even to a number that the policy would allow.

    How fast it is, `make paths` measures; here other tests have the processors, too.
    """
    stage.carrier = PATIENT
    tried = await try_path(path, stage, LISTED, LISTED_WIRE)
    assert tried.decisions == ()
    assert tried.answered == 0
    assert len(tried.invites) <= 1
    assert await happens(lambda: stage.rows("call.ungated"))


LEFT_ALONE = pytest.mark.parametrize(
    "way", [phone.attended_transfer, phone.conference], ids=["attended transfer", "conference"]
)


@LEFT_ALONE
async def test_outsiders_whom_the_clinic_leaves_alone_are_cut_within_two_seconds(
    stage: Stage, way: Callable[[Stage], Awaitable[None]]
) -> None:
    await stage.begin(PARIS, PARIS_WIRE)
    await way(stage)
    left = time.time()
    (ended,) = await happens(lambda: stage.carrier_events("ended"))
    assert ended.at - left < AT_MOST_S
    (row,) = await happens(lambda: stage.rows("call.cut"))
    assert row.reasons == (Reason.EXTERNAL_TO_EXTERNAL,)


@LEFT_ALONE
async def test_those_whose_number_is_listed_go_on_and_the_whole_call_counts_in_its_purse(
    stage: Stage, way: Callable[[Stage], Awaitable[None]]
) -> None:
    await stage.begin(LISTED, LISTED_WIRE)
    await way(stage)
    await asyncio.sleep(AT_MOST_S)
    assert stage.carrier_events("ended") == []
    book = await Rig(lab=stage.lab, config=Config(policy="", dialplan=""), began=0).book()
    assert [purse.name for purse in book.purses if purse.name.startswith("external:") and purse.live]


async def test_a_conference_goes_on_until_the_last_of_the_clinic_leaves_it(stage: Stage) -> None:
    await stage.begin(PARIS, PARIS_WIRE)
    last = await stage.connect(stage.phones["102"], "7014")
    await phone.conference(stage)
    await asyncio.sleep(AT_MOST_S)
    assert stage.carrier_events("ended") == []
    last.hang_up()
    left = time.time()
    (ended,) = await happens(lambda: stage.carrier_events("ended"))
    assert ended.at - left < AT_MOST_S


def named(*names: str) -> list[Path]:
    return [path for path in GATED if path.name in names]


NOBODY = named("AMI Originate, Local", "AMI Originate, Local, forged", "ARI, Local", "call file, Local")
A_PHONE = named("AMI Originate, phone to context", "ARI, phone to context", "forward all", "DISA", "phone answers 302")
OUTSIDERS = named("forward all, caller outside", "queue member, caller outside", "blind transfer by the far end")


@pytest.mark.parametrize(
    ("path", "reasons"),
    [
        *((path, (Reason.ORIGIN_UNKNOWN,)) for path in NOBODY),
        *((path, ()) for path in A_PHONE),
        *((path, (Reason.EXTERNAL_TO_EXTERNAL,)) for path in OUTSIDERS),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
async def test_a_costly_call_goes_only_where_a_line_of_the_clinic_answers_for_it(
    stage: Stage, path: Path, reasons: tuple[Reason, ...]
) -> None:
    tried = await try_path(path, stage, REUNION, REUNION_WIRE)
    (decision,) = tried.decisions
    assert decision.reasons == reasons
    assert len(tried.invites) == (0 if reasons else 1)


@pytest.mark.parametrize("path", OUTSIDERS, ids=lambda path: path.name)
async def test_an_outside_caller_is_sent_to_no_national_number_either_unless_it_is_listed(
    stage: Stage, path: Path
) -> None:
    tried = await try_path(path, stage, PARIS, PARIS_WIRE)
    (decision,) = tried.decisions
    assert decision.reasons == (Reason.EXTERNAL_TO_EXTERNAL,)
    assert tried.invites == ()


EMERGENCY = named(
    "direct", "blind transfer by the far end", "DTMF transfer of a phone", "DISA", "queue member, caller outside"
)


@pytest.mark.parametrize("path", [*EMERGENCY, *NOBODY], ids=lambda path: path.name)
async def test_an_emergency_number_is_reached_whoever_calls_it_and_however(stage: Stage, path: Path) -> None:
    tried = await try_path(path, stage, "15", "15")
    assert tried.decisions == ()
    assert [invite.user for invite in tried.invites] == ["15"]


async def test_a_colleague_who_is_busy_is_busy_and_the_gate_hears_nothing_of_it(stage: Stage) -> None:
    """An internal extension of one step fell into the gate's when its Dial failed: a refusal was spoken and kept."""
    stage.phones["102"].behaviour = BUSY
    await stage.begin("102", "102")
    final = await stage.phones["101"].call("102").wait_for_final(WITHIN_S)
    assert final.code == 486
    assert stage.decisions() == []


async def test_the_carriers_leg_says_whom_it_is_for_also_after_it_was_transferred(stage: Stage) -> None:
    """The leg runs the road itself when it is transferred; the grant of its own call must stay on it."""
    await stage.begin(PARIS, PARIS_WIRE)
    call = await stage.connect(stage.phones["101"], PARIS)
    channel = await stage.channel("PJSIP/carrier-a-")
    before = [await value(stage, channel, name) for name in ("CALLGATE_GRANT", "CALLGATE_LEG", "CALLGATE_FOR")]
    (decision,) = stage.decisions()
    assert before == [decision.grant, f"{decision.grant}|callgate|{PARIS_WIRE}", "101|extension"]
    assert await call.transfer(stage.outside.uri("00612345678"), WITHIN_S) < 300
    assert [await value(stage, channel, name) for name in ("CALLGATE_GRANT", "CALLGATE_LEG", "CALLGATE_FOR")] == before


JOINED = named(
    "pickup of a call that rings outside",
    "parked outside call, taken back",
    "conference whose clinic member leaves",
    "DTMF attended transfer",
)


@pytest.mark.parametrize("path", JOINED, ids=lambda path: path.name)
async def test_a_leg_that_is_picked_up_parked_or_joined_keeps_its_one_grant_and_pays_for_all_of_it(
    stage: Stage, path: Path
) -> None:
    """All of it: also what came after it was picked up, or taken back from where it was parked."""
    await stage.begin(LISTED, LISTED_WIRE)
    await path.how(stage)
    await asyncio.sleep(AT_MOST_S)
    await stage.clear()
    (ended,) = await happens(lambda: stage.carrier_events("ended"))
    (granted,), (invite,) = stage.decisions(), stage.carrier_events("invite")
    assert ended.call_id == invite.call_id
    # What an earlier test's call came to may be told only now.
    (settled,) = await happens(lambda: [row for row in stage.rows("call.settled") if row.grant == granted.grant])
    assert settled.number == granted.number
    assert ended.duration_s - SLACK_S <= settled.seconds <= math.ceil(ended.duration_s + SLACK_S)
    is_answered = path not in named("pickup of a call that rings outside")
    assert (ended.duration_s > AT_MOST_S / 2, settled.amount_micros > 0) == (is_answered, is_answered)


async def value(stage: Stage, channel: str, name: str) -> str:
    """A variable of a channel."""
    return (await stage.program.ask("Getvar", Channel=channel, Variable=name)).get("Value", "")


def test_every_path_has_a_name_of_its_own_and_there_are_more_than_the_two_dozen_asked_for() -> None:
    assert len({path.name for path in (*GATED, *PAST)}) == len(GATED) + len(PAST) >= 24
