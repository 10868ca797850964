"""The dialplan attacked on a real Asterisk: by a phone that answers 302, by a program that begins anywhere."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import practice
from call_behaviour import Behaviour, Reaction
from install.asterisk_patterns import read
from lab import Lab
from lab_images import ROOT
from system import live_lab
from system.rig import MOBILE, WITHIN_S
from system.stage import Stage, happens, open_stage

pytestmark = pytest.mark.system

MOBILE_WIRE = "+33612345678"
ISLAND, ISLAND_WIRE = live_lab.island(7)
"""Allowed and dear: only who is charged, and from where it comes, can stop it."""
SETTLED_S = 0.5
"""So long nothing must happen where nothing is the answer."""
_EXTENSIONS = """
[internal]
; a phone that may forward, as docs/paths.md advises against
exten => 6002,1,Dial(PJSIP/102,30)
exten => 6003,1,Answer()
 same => n,Wait(20)
; a context of somebody's own that jumps behind the beginning of the road
exten => 6004,1,Set(CALLGATE_ENTRY=callgate)
 same => n,Set(CALLGATE_CLINIC=cabinet-des-lilas)
 same => n,Set(CALLGATE_PLAIN=${TARGET})
 same => n,Set(CALLGATE_DIALLED=${TARGET})
 same => n,Set(CALLGATE_EXTENSION=104)
 same => n,Set(CALLGATE_ORIGIN=extension)
 same => n,Set(CALLGATE_ATTEMPT=0)
 same => n,Goto(callgate-road,s,passage)
"""
_NEIGHBOUR = """
[[clinic]]
name   = "voisin"
policy = "neighbour.toml"
rates  = "rates.csv"
[[entry]]
context        = "neighbour"
clinic         = "voisin"
outside_prefix = "0"
trunks         = ["carrier-a"]
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two clinics share it; every phone is the first one's."""
    folder = tmp_path_factory.mktemp("attacks")
    policy = live_lab.policy()
    made = practice.Practice(policy=policy, rates=live_lab.rates(), extensions=_EXTENSIONS, control=True)
    found = practice.lab(f"attacks-{os.getpid()}", folder, made)
    config = folder / "config"
    (config / "neighbour.toml").write_text(policy.replace(practice.CLINIC, "voisin"), encoding="utf-8")
    settings = config / "callgate.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + _NEIGHBOUR, encoding="utf-8")
    found.start()
    load(found, practice.dialplan(config))
    yield found
    found.stop()


@pytest.fixture
async def stage(lab: Lab) -> AsyncIterator[Stage]:
    """Everybody is there, nobody is on the phone, and the island is what is tried."""
    async with open_stage(lab) as found:
        await found.begin(ISLAND, ISLAND_WIRE)
        yield found
        await found.clear()


def load(lab: Lab, text: str) -> None:
    """Put a dialplan of the gate in the place of the last one."""
    lab.copy_to_asterisk("callgate.conf", text)
    lab.asterisk_cli("dialplan", "reload")


def dialplan_file(lab: Lab) -> Path:
    return lab.folder / "etc" / "callgate.conf"


def sends_on(stage: Stage, user: str) -> None:
    """Phone 102 answers every call with a 302 to this."""
    elsewhere = Behaviour(reaction=Reaction.REDIRECT, contact=stage.outside.uri(user))
    stage.phones["102"].behaviour = elsewhere


def found_about(stage: Stage) -> list[tuple[str, str, str]]:
    return [(row.event, row.origin, row.extension) for row in stage.decisions()]


# What a phone answers.


@pytest.mark.parametrize(
    "user",
    [
        "PJSIP%2F103%2Fsip%3A{wire}%40{carrier}%3A5080",
        "PJSIP%2F{wire}%40carrier-a",
        "Local%2F00612345678%40callgate-last-resort",
        "Local%2F{dialled}%40neighbour",
        "{dialled}",
    ],
)
async def test_a_phone_that_is_rung_with_the_option_i_sends_a_call_nowhere(stage: Stage, user: str) -> None:
    """Asterisk takes what stands before a slash of the 302 for a technology, and calls it."""
    before = len(stage.lab.invites())
    sends_on(stage, user.format(wire=ISLAND_WIRE, carrier=stage.lab.carrier_host, dialled=ISLAND))
    final = await stage.phones["101"].call("102").wait_for_final(WITHIN_S)
    assert final.code == 486
    await asyncio.sleep(SETTLED_S)
    assert stage.lab.invites()[before:] == []
    assert stage.decisions() == []


# The last resort.


async def test_the_last_resort_lets_nothing_but_help_go_while_the_gate_is_there(stage: Stage) -> None:
    """A 302 to it was answered under `callgate lock --cut`: no question, no row, no money."""
    before = len(stage.lab.invites())
    sends_on(stage, f"Local%2F{MOBILE}%40callgate-last-resort")
    final = await stage.phones["101"].call("6002").wait_for_final(WITHIN_S)
    assert final.code >= 400
    await stage.program.originate(f"Local/{MOBILE}@callgate-last-resort", Application="Wait", Data="5")
    await asyncio.sleep(SETTLED_S)
    assert stage.lab.invites()[before:] == []
    sends_on(stage, "Local%2F015%40callgate-last-resort")
    final = await stage.phones["101"].call("6002").wait_for_final(WITHIN_S)
    assert final.code == 200
    assert [invite.user for invite in stage.lab.invites()[before:]] == ["15"]


async def test_a_call_of_the_last_resort_outlives_the_reload_that_ends_the_last_resort(stage: Stage) -> None:
    text = dialplan_file(stage.lab).read_text(encoding="utf-8")
    await stage.begin(MOBILE, MOBILE_WIRE)
    dialplan_file(stage.lab).unlink()
    stage.lab.asterisk_cli("dialplan", "reload")
    try:
        call = await stage.connect(stage.phones["101"], MOBILE)
        assert stage.decisions() == []
    finally:
        load(stage.lab, text)
    await stage.connect(stage.phones["102"], MOBILE)
    assert found_about(stage) == [("call.granted", "extension", "102")]
    await asyncio.sleep(SETTLED_S)
    assert not call.ended.is_set()


# A program that begins anywhere.

STEPS = [
    (context, priority)
    for context in ("callgate-road", "callgate-judged", "callgate-ask", "callgate-caller", "callgate-origin-local")
    for priority in range(
        1, len(read((ROOT / "asterisk-conf" / "callgate.conf").read_text())[context].extensions["s"]) + 1
    )
]


def forged(extension: str = "104") -> str:
    """Every variable by which a road that has been entered earlier would know who calls."""
    channel = f"PJSIP/{extension}-00000001"
    values = {
        "CALLGATE_ENTRY": "callgate",
        "CALLGATE_CLINIC": practice.CLINIC,
        "CALLGATE_LANGUAGE": "fr",
        "CALLGATE_DIALLED": ISLAND,
        "CALLGATE_PLAIN": ISLAND,
        "CALLGATE_BARE": ISLAND,
        "CALLGATE_BEFORE": "after_Dial",
        "CALLGATE_CAME": "after_Dial",
        "CALLGATE_BEGAN": "PJSIP",
        "CALLGATE_EXTENSION": extension,
        "CALLGATE_ORIGIN": "extension",
        "CALLGATE_TRUNK": "carrier-a",
        "CALLGATE_PASSAGE": str(uuid.uuid4()),
        "CALLGATE_NONCE": str(uuid.uuid4()),
        "CALLGATE_ATTEMPT": "0",
        "BLINDTRANSFER": channel,
        "FORWARDERNAME": channel,
        "TRANSFERERNAME": channel,
        "ATTENDEDTRANSFER": channel,
    }
    return ",".join(f"{name}={value}" for name, value in values.items())


async def test_a_program_that_begins_in_the_middle_of_the_road_is_asked_who_calls_all_the_same(stage: Stage) -> None:
    """It was granted, charged to a phone of its choice, and no phone rang."""
    for context, priority in STEPS:
        where = {"Context": context, "Exten": "s", "Priority": str(priority)}
        await stage.program.originate("Local/6003@internal/n", **where, Variable=forged())
    # In such a flood one row counts many.
    await happens(lambda: sum(row.count for row in stage.decisions()) >= 30)
    await asyncio.sleep(SETTLED_S)
    assert {(row.event, row.extension) for row in stage.decisions()} == {("call.refused", "")}
    assert stage.carrier_events("answered") == []


@pytest.mark.parametrize("label", ["passage", "next", "plain"])
async def test_a_label_is_no_other_way_in_than_a_number(stage: Stage, label: str) -> None:
    where = {"Context": "callgate-road", "Exten": "s", "Priority": label}
    await stage.program.originate("Local/6003@internal/n", **where, Variable=forged())
    await happens(stage.decisions)
    assert found_about(stage) == [("call.refused", "originated", "")]


@pytest.mark.parametrize("start", ["callgate-road", "phones"])
async def test_a_program_that_rings_a_phone_has_that_phone_charged(stage: Stage, start: str) -> None:
    extension = ISLAND if start == "phones" else "s"
    where = {"Context": start, "Exten": extension, "Priority": "1"}
    await stage.program.originate("PJSIP/101", **where, Variable=forged())
    await happens(stage.decisions)
    assert found_about(stage) == [("call.granted", "originated", "101")]


async def test_a_rung_phone_that_a_program_has_dial_on_is_charged_itself(stage: Stage) -> None:
    inherited = ",".join(f"__{variable}" for variable in forged().split(","))
    dialling = {"Application": "Dial", "Data": f"Local/{ISLAND}@phones"}
    await stage.program.originate("PJSIP/101", **dialling, Variable=inherited)
    await happens(stage.decisions)
    assert found_about(stage) == [("call.granted", "originated", "101")]


async def test_neither_end_of_a_programs_own_local_channel_names_a_phone(stage: Stage) -> None:
    """The end that the program holds is itself the first of its call: what it said of a transfer was believed."""
    where = {"Context": "phones", "Exten": ISLAND, "Priority": "1"}
    await stage.program.originate("Local/6003@internal/n", **where, Variable=forged())
    await happens(lambda: len(stage.decisions()) == 1)
    await stage.program.originate(f"Local/{ISLAND}@phones/n", Application="Wait", Data="5", Variable=forged())
    await happens(lambda: len(stage.decisions()) == 2)
    assert found_about(stage) == [("call.refused", "originated", "")] * 2


async def test_a_program_that_names_its_call_after_a_phones_channel_is_not_that_phone(stage: Stage) -> None:
    """Asterisk finds the first channel of a call by its id, or by its name."""
    await stage.meet(stage.phones["104"], stage.phones["102"])
    named = {"ChannelId": await stage.channel("PJSIP/104-"), "OtherChannelId": "x"}
    await stage.program.originate(f"Local/{ISLAND}@phones/n", Application="Wait", Data="5", **named)
    await happens(stage.decisions)
    assert found_about(stage) == [("call.refused", "unknown", "")]


async def test_a_context_of_somebodys_own_that_jumps_into_the_road_has_its_caller_charged(stage: Stage) -> None:
    stage.phones["101"].call("6004")
    await happens(stage.decisions)
    assert found_about(stage) == [("call.granted", "forwarded", "101")]


async def test_a_phone_that_is_redirected_into_the_road_is_charged_itself(stage: Stage) -> None:
    assert (await stage.phones["101"].call("6003").wait_for_final(WITHIN_S)).code == 200
    channel = await stage.channel("PJSIP/101-")
    for variable in forged().split(","):
        name, _, value = variable.partition("=")
        if not name.endswith(("TRANSFER", "NAME")):
            await stage.program.ask("Setvar", Channel=channel, Variable=name, Value=value)
    await stage.program.ask("Redirect", Channel=channel, Context="callgate-road", Exten="s", Priority="passage")
    await happens(stage.decisions)
    assert found_about(stage) == [("call.granted", "forwarded", "101")]


# The allowance.

COUNTS = "/var/spool/callgate/allowance-"
ALLOWANCE = read((ROOT / "asterisk-conf" / "callgate.conf").read_text())
COUNTING = [
    (context, priority)
    for context in ("callgate-allowance", "callgate-allowance-back")
    for priority, _ in enumerate(ALLOWANCE[context].extensions["s"], start=1)
]
BACK_UNUSED = [
    (context, priority)
    for context, priority in COUNTING
    if "CALLGATE_USED=0" in str(ALLOWANCE[context].extensions["s"][priority - 1])
]
"""From here on all is given back that a line has."""
AT_ONCE = 30


def lengths(lab: Lab) -> dict[str, int]:
    """How long the files of each kind are together."""
    return {
        kind: int(lab.asterisk_exec("sh", "-c", f"cat {COUNTS}*-{kind}-* 2>/dev/null | wc -c"))
        for kind in ("calls", "spent", "back")
    }


def claim(name: str, grant: str, place: str) -> str:
    """Every variable that the allowance goes by, and a way out of the folder in each that is part of a path."""
    values = {
        "CALLGATE_CLINIC": name,
        "CALLGATE_NONCE": grant.removeprefix("local:").partition(".")[0],
        "CALLGATE_CHARGE": "0",
        "CALLGATE_MARK": "1",
        "CALLGATE_ASIDE": "0",
        "CALLGATE_MARKS_MAX": "4000",
        "CALLGATE_CALLS_MAX": "1000",
        "CALLGATE_PER_S": "1",
        "CALLGATE_PERIOD_S": "3600",
        "CALLGATE_INSTANT": "/../../x/17",
        "CALLGATE_USED": "-4000",
        "CALLGATE_AT": place.partition(".")[2],
        "CALLGATE_FROM": place,
        "CALLGATE_PLACE": place,
        "CALLGATE_BACK": grant.removeprefix("local:").partition(".")[0],
        "ARG1": place,
        "ARG2": name,
        "ARG4": grant,
    }
    return ",".join(f"{variable}={value}" for variable, value in values.items())


async def begin_at(stage: Stage, steps: list[tuple[str, int]], variables: str) -> None:
    """A program begins at each of these steps of the allowance."""
    for context, priority in steps:
        where = {"Context": context, "Exten": "s", "Priority": str(priority)}
        await stage.program.originate("Local/6003@internal/n", **where, Variable=variables)
    await asyncio.sleep(SETTLED_S)


async def test_a_program_gets_nothing_back_that_it_has_not_set_aside(stage: Stage) -> None:
    """Not even with the name and the place of somebody's call does it get more than that call's own, once."""
    stage.lab.gate_stop()
    try:
        stage.lab.asterisk_exec("sh", "-c", f"rm -f {COUNTS}*")
        await stage.begin(MOBILE, MOBILE_WIRE)
        await stage.connect(stage.phones["101"], MOBILE)
        (line,) = stage.lab.asterisk_exec("sh", "-c", f"cat {COUNTS}*-calls-*").split()
        period = stage.lab.asterisk_exec("sh", "-c", f"ls {COUNTS}*-calls-*").strip().rpartition("-")[2]
        assert lengths(stage.lab) == {"calls": 64, "spent": 720, "back": 0}
        stranger = f"local:{uuid.uuid4()}.1795370990"
        for grant, name in ((stranger, practice.CLINIC), (stranger, "../../../etc/asterisk/x"), ("local:.", "")):
            await begin_at(stage, COUNTING, claim(name, grant, f"{period}.0"))
            assert lengths(stage.lab)["back"] == 0
        assert len(BACK_UNUSED) == 1
        for steps in (BACK_UNUSED * AT_ONCE, COUNTING):
            await begin_at(stage, steps, claim(practice.CLINIC, f"local:{line[:47]}", f"{period}.0"))
            assert lengths(stage.lab)["back"] == 720
        assert "allowance" not in stage.lab.asterisk_exec("find", "/etc", "/root", "/var/lib/asterisk")
    finally:
        stage.lab.gate_start()


# The neighbour.


async def test_a_call_is_charged_to_no_phone_of_another_clinic(stage: Stage) -> None:
    """A phone's 302, or a program, chooses any context: also the way out of the clinic next door."""
    sends_on(stage, f"Local%2F{ISLAND}%40neighbour")
    stage.phones["101"].call("6002")
    await happens(lambda: len(stage.decisions()) == 1)
    await stage.program.originate("PJSIP/101", Context="neighbour", Exten=ISLAND, Priority="1")
    await happens(lambda: len(stage.decisions()) == 2)
    assert found_about(stage) == [("call.refused", "unknown", "")] * 2
    assert {row.clinic for row in stage.decisions()} == {"voisin"}
    assert stage.carrier_events("invite") == []
