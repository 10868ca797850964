"""The switch at a manager interface of our own: what it believes when Asterisk does not say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.control import asterisk as asterisk_module
from callgate.control import link as link_module
from callgate.control.asterisk import AsteriskSwitch
from callgate.control.board import Board
from callgate.control.helped import Helped
from callgate.control.link import Account
from callgate.control.switch import Leg, Watcher
from control.ami_samples import INCOMING, LEG, OTHER, PHONE, channel_lines, dial_begin, enter, hangup, new, newstate
from control.manager_sample import Manager, answered
from waiting import until

PARIS = "<sip:+33142685300@192.0.2.2>"


class Notes(Watcher):
    """What a watcher was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def began(self, leg: Leg) -> None:
        self.told.append(("began", leg.dialled))

    def numbered(self, leg: Leg) -> None:
        self.told.append(("numbered", leg.dialled))

    def answered(self, leg: Leg) -> None:
        self.told.append(("answered", leg.channel))

    def ended(self, leg: Leg) -> None:
        self.told.append(("ended", leg.channel))

    def between_outsiders(self, leg: Leg) -> None:
        self.told.append(("between_outsiders", leg.channel))

    def with_emergency(self, leg: Leg) -> None:
        self.told.append(("with_emergency", leg.channel))

    def without_emergency(self, leg: Leg) -> None:
        self.told.append(("without_emergency", leg.channel))

    def linked(self) -> None:
        self.told.append(("linked", ""))

    def unlinked(self) -> None:
        self.told.append(("unlinked", ""))


def value(asked: dict[str, str], text: str | None) -> str:
    if text is None:
        return answered(asked).replace("Success", "Error")
    return answered(asked).replace("Message: done", f"Value: {text}")


def listed(asked: dict[str, str], event: str, *items: list[str]) -> str:
    every = [[f"Event: {event}", f"ActionID: {asked['ActionID']}", *item] for item in items]
    end = [f"Event: {event}sComplete", f"ActionID: {asked['ActionID']}", "EventList: Complete"]
    return answered(asked) + "".join("\r\n".join([*lines, "", ""]) for lines in [*every, end])


class Pbx:
    """Answers with these channels and bridges, and these values of their variables."""

    def __init__(self) -> None:
        self.channels: dict[str, str] = {}
        self.holding = ""
        self.values: dict[str, str | None] = {}
        self.is_broken = False

    def __call__(self, asked: dict[str, str]) -> str:
        match asked["Action"]:
            case "CoreShowChannels":
                items = [[*channel_lines(name, 6), f"BridgeId: {bridge}"] for name, bridge in self.channels.items()]
                return "" if self.is_broken else listed(asked, "CoreShowChannel", *items)
            case "BridgeList":
                bridges = [[f"BridgeUniqueid: {self.holding}", "BridgeTechnology: holding_bridge"]]
                return listed(asked, "BridgeListItem", *bridges).replace(
                    "BridgeListItemsComplete", "BridgeListComplete"
                )
            case "Getvar":
                return value(asked, self.values.get(f"{asked.get('Channel', '')} {asked['Variable']}".lstrip(), ""))
            case _:
                return answered(asked)

    def add(
        self,
        channel: str,
        bridge: str = "",
        *,
        remote: str | None = PARIS,
        asked: str | None = "",
        grant: str | None = "pbx1.x.1.1795370990",
    ) -> None:
        self.channels[channel] = bridge
        self.values[f"{channel} CALLGATE_GRANT"] = grant
        self.values[f"{channel} CHANNEL(pjsip,remote_uri)"] = remote
        self.values[f"{channel} CHANNEL(pjsip,request_uri)"] = asked


@asynccontextmanager
async def switch(
    folder: Path, pbx: Pbx, notes: Notes, helped: Helped | None = None
) -> AsyncIterator[tuple[AsteriskSwitch, Manager]]:
    manager = Manager(answers=pbx)
    server = await asyncio.start_server(manager.serve, "127.0.0.1", 0)
    (folder / "secret").write_text("s3cret")
    account = Account(
        host="127.0.0.1", port=server.sockets[0].getsockname()[1], user="x", secret_file=folder / "secret"
    )
    made = AsteriskSwitch(
        account,
        lambda: Board(["carrier-a", "carrier-b"], lambda _, number: number == "15", helped),
        lambda: datetime.now(UTC),
    )
    made.watch(notes)
    running = asyncio.create_task(made.run())
    try:
        yield made, manager
    finally:
        running.cancel()
        await asyncio.wait({running})
        server.close()
        for writer in manager.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_only_what_asterisk_says_it_placed_is_a_leg(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    pbx.add(LEG, "a")
    pbx.add(INCOMING, "a", asked="sip:0142000000@192.0.2.4")
    pbx.add("PJSIP/carrier-a-00000005", asked=None)
    pbx.add("PJSIP/carrier-a-00000006", remote=None)
    pbx.add("PJSIP/carrier-a-00000007", grant=None)
    pbx.add(PHONE, "b")
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        assert notes.told == [("began", "+33142685300"), ("between_outsiders", LEG), ("linked", "")]
        assert [leg.channel for leg in made.legs()] == [LEG]
        asked = {asked.get("Channel") for asked in manager.asked if asked["Action"] == "Getvar"}
        assert PHONE not in asked


async def test_a_leg_that_asterisk_does_not_tell_of_at_once_is_found_all_the_same(tmp_path: Path) -> None:
    """A gate that was restarted on a busy machine did not know for help who was, nor renew what was paid."""
    pbx, notes = Pbx(), Notes()
    pbx.add(LEG, "a", remote=None)
    pbx.add(OTHER, "a", grant=None)
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: {LEG, OTHER} <= {asked.get("Channel") for asked in manager.asked})
        pbx.add(LEG, "a", remote="<sip:15@192.0.2.2>")
        pbx.add(OTHER, "a")
        await until(lambda: made.is_linked)
        assert [told for told, _ in notes.told[2:]] == ["with_emergency", "with_emergency", "linked"]


VARIABLES = 6


async def test_a_leg_that_is_found_without_a_grant_is_asked_again_before_anybody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk_module, "CONFIRM_S", 0.3)
    pbx, notes = Pbx(), Notes()
    pbx.add(LEG, grant="")
    pbx.add(OTHER, grant="")
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: len([asked for asked in manager.asked if asked.get("Channel") == OTHER]) >= VARIABLES)
        pbx.values[f"{LEG} CALLGATE_GRANT"] = "local:x"
        await until(lambda: made.is_linked)
        assert {leg.channel: leg.grant for leg in made.legs()} == {LEG: "local:x", OTHER: ""}


async def test_parked_legs_speak_with_nobody(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    pbx.holding = "park"
    pbx.add(LEG, "park")
    pbx.add(OTHER, "park")
    async with switch(tmp_path, pbx, notes) as (made, _):
        await until(lambda: made.is_linked)
        assert [told for told, _ in notes.told] == ["began", "began", "linked"]


async def test_until_asterisk_lists_its_channels_nothing_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "LIST_S", 0.05)
    pbx, notes = Pbx(), Notes()
    pbx.is_broken = True
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: len(manager.writers) > 1)
        assert (made.is_linked, notes.told) == (False, [])
        pbx.is_broken = False
        await until(lambda: made.is_linked)


async def test_everything_that_happens_to_a_leg_is_told_in_order(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        pbx.add(LEG, remote="<sip:15@192.0.2.2>")
        pbx.add(OTHER)
        manager.say(new(LEG) + dial_begin(LEG) + new(OTHER) + dial_begin(OTHER))
        await until(lambda: len(made.legs()) == 2)
        manager.say(newstate(LEG, 6) + enter(LEG, "a") + enter(INCOMING, "a") + enter(OTHER, "a") + hangup(LEG))
        await until(lambda: len(made.legs()) == 1)
    assert notes.told == [
        ("linked", ""),
        ("began", "15"),
        ("began", "+33142685300"),
        ("answered", LEG),
        ("with_emergency", LEG),
        ("with_emergency", OTHER),
        ("between_outsiders", OTHER),
        ("ended", LEG),
        ("without_emergency", OTHER),
        ("unlinked", ""),
    ]


async def test_a_number_that_asterisk_does_not_tell_is_left_open(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        pbx.add(LEG, remote=None)
        manager.say(new(LEG) + dial_begin(LEG))
        await until(made.legs)
        assert made.legs()[0].dialled == ""
        manager.say(hangup(LEG))
        await until(lambda: notes.told[-1] == ("ended", LEG))


@pytest.mark.parametrize("untold", [None, ""])
@pytest.mark.parametrize(
    ("uri", "dialled"), [(PARIS, "+33142685300"), ("<sip:192.0.2.2>", "<sip:192.0.2.2>"), ("tel:15", "tel:15")]
)
async def test_a_number_that_is_told_late_is_told_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, untold: str | None, uri: str, dialled: str
) -> None:
    """What has no user part is told, and is no number."""
    monkeypatch.setattr(asterisk_module, "ASK_PAUSE_S", 0.001)
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        pbx.add(LEG, remote=untold)
        manager.say(new(LEG) + dial_begin(LEG))
        await until(made.legs)
        pbx.add(LEG, remote=uri)
        await until(lambda: len(notes.told) == len(("linked", "began", "numbered")))
        assert notes.told[1:] == [("began", ""), ("numbered", dialled)]


async def test_nobody_asks_for_a_leg_of_a_link_that_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that was announced then was asked for ten times a second, for ever."""
    monkeypatch.setattr(asterisk_module, "ASK_PAUSE_S", 0.001)
    monkeypatch.setattr(asterisk_module, "ADDRESSES_PAUSE_S", 0.001)
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        pbx.add(LEG, remote=None, grant=None)
        pbx.channels.clear()
        manager.say(new(LEG) + dial_begin(LEG) + new(PHONE))
        pbx.values[f"{PHONE} CHANNEL(pjsip,target_uri)"] = None
        await until(lambda: [asked for asked in manager.asked if asked.get("Channel") == PHONE][2:])
        manager.drop()
        await until(lambda: not made.is_linked)
        await until(lambda: made.is_linked)
        # Who asks for the trunks' addresses.
        await until(lambda: len(made._asking) == 1)


async def test_whether_a_leg_has_a_limit_is_asked(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, _):
        await until(lambda: made.is_linked)
        told = []
        for pbx.values[f"{LEG} TIMEOUT(absolute)"] in (None, "", "0", "0.000", "9.250", "10.000"):
            told.append(await made.is_limited(LEG))
        assert told == [None, None, False, False, True, True]


async def test_help_that_was_with_a_leg_is_with_it_when_the_link_is_back(tmp_path: Path) -> None:
    """A transfer has them in no bridge for an instant; and of the emergency leg not even its number is told."""
    pbx, notes, helped = Pbx(), Notes(), Helped()
    pbx.add(LEG, "a", remote="<sip:15@192.0.2.2>")
    pbx.add(OTHER, "a")
    async with switch(tmp_path, pbx, notes, helped) as (made, manager):
        await until(lambda: made.is_linked)
        assert notes.told[2:] == [("with_emergency", LEG), ("with_emergency", OTHER), ("linked", "")]
        pbx.add(LEG, "", remote=None)
        pbx.add(OTHER, "")
        manager.drop()
        await until(lambda: notes.told[-1][0] == "unlinked")
        await until(lambda: made.is_linked)
        assert notes.told[-3:] == [("began", "+33142685300"), ("with_emergency", OTHER), ("linked", "")]
        manager.say(hangup(LEG))
        await until(lambda: notes.told[-1] == ("without_emergency", OTHER))


async def test_a_leg_whose_number_is_not_told_at_once_is_asked_again(tmp_path: Path) -> None:
    """An emergency call was once not known for one, and what spoke with it kept its limit."""
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        pbx.add(LEG, remote="")
        manager.say(new(LEG) + dial_begin(LEG) + newstate(LEG, 6) + enter(LEG, "a"))
        await until(lambda: ("answered", LEG) in notes.told)
        pbx.add(LEG, remote="<sip:15@192.0.2.2>")
        await until(lambda: notes.told[-1] == ("with_emergency", LEG))


async def test_a_lost_link_is_told_once_and_nothing_is_known_until_it_is_back(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    pbx.add(LEG)
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        manager.drop()
        await until(lambda: not made.is_linked)
        assert (made.legs(), await made.hang_up(LEG), await made.limit(LEG, 5)) == ((), False, False)
        await until(lambda: made.is_linked)
        assert [told for told, _ in notes.told] == ["began", "linked", "unlinked", "began", "linked"]


async def test_every_party_of_the_clinic_is_warned_and_nobody_outside(tmp_path: Path) -> None:
    pbx, notes = Pbx(), Notes()
    for channel in (LEG, PHONE, "PJSIP/102-00000008", INCOMING):
        pbx.add(channel, "a", asked="" if channel == LEG else "sip:x@y")
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        assert await made.warn(LEG)
        spied = [asked["Data"].partition(",")[0] for asked in manager.asked if asked["Action"] == "Originate"]
        assert sorted(spied) == ["PJSIP/101-00000003", "PJSIP/102-00000008"]
        assert not await made.warn(OTHER)


@pytest.mark.parametrize("number", ["1,q", "1\nAction: Hangup", "1\\", '1"', "1("])
async def test_a_party_whose_name_says_more_than_a_name_is_not_warned(tmp_path: Path, number: str) -> None:
    """A Local channel bears the number it was asked for as it came; a line feed in it once kept every call waiting."""
    pbx, notes = Pbx(), Notes()
    for channel in (LEG, f"Local/{number}@phones-00000001;1"):
        pbx.add(channel, "a")
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        assert not await made.warn(LEG)
        assert "Originate" not in {asked["Action"] for asked in manager.asked}


async def test_a_leg_of_which_no_event_told_a_grant_is_asked_until_asterisk_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk_module, "ASK_PAUSE_S", 0.001)
    pbx, notes = Pbx(), Notes()
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        pbx.add(LEG, grant=None)
        pbx.add(OTHER, grant="")
        manager.say(new(LEG) + dial_begin(LEG) + new(OTHER) + dial_begin(OTHER))
        await until(made.legs)
        assert [(leg.channel, leg.grant) for leg in made.legs()] == [(OTHER, "")]
        pbx.values |= {f"{LEG} CALLGATE_GRANT": "local:x", f"{LEG} CALLGATE_LEG": "local:x|callgate|1"}
        await until(lambda: len(made.legs()) > 1)
        assert (made.legs()[1].grant, made.legs()[1].entry) == ("local:x", "callgate")


async def test_a_phone_that_is_called_at_a_trunks_address_is_a_leg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk_module, "ASK_PAUSE_S", 0.001)
    pbx, notes = Pbx(), Notes()
    pbx.values |= {
        "PJSIP_ENDPOINT(carrier-a,aors)": "carrier-a",
        "PJSIP_AOR(carrier-a,contact)": "carrier-a@@1",
        "PJSIP_CONTACT(carrier-a@@1,uri)": "sip:192.0.2.2:5080",
        "PJSIP_ENDPOINT(101,aors)": None,
    }
    async with switch(tmp_path, pbx, notes) as (made, manager):
        await until(lambda: made.is_linked)
        other = "PJSIP/102-00000008"
        for channel in (PHONE, other):
            pbx.add(channel, grant="")
        pbx.values[f"{other} CHANNEL(pjsip,target_uri)"] = "sip:102@192.0.2.2:5060"
        pbx.values[f"{PHONE} CHANNEL(pjsip,target_uri)"] = None
        manager.say(new(other) + dial_begin(other) + new(PHONE) + dial_begin(PHONE))
        await until(lambda: [asked for asked in manager.asked if asked.get("Channel") == PHONE][2:])
        pbx.values[f"{PHONE} CHANNEL(pjsip,target_uri)"] = "sip:+33142685300@192.0.2.2:5080"
        own = "PJSIP_ENDPOINT(101,aors)"
        await until(lambda: [asked for asked in manager.asked if asked.get("Variable") == own][2:])
        assert made.legs() == (), "it may be a trunk of its own"
        pbx.values[own] = ""
        await until(made.legs)
        assert [(leg.channel, leg.endpoint, leg.dialled) for leg in made.legs()] == [
            (PHONE, "carrier-a", "+33142685300")
        ]
