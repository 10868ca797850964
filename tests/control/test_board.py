"""The board of live legs: what it makes of Asterisk's events, in order, broken, forged, and after a late start."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callgate.control.board import Board
from callgate.control.helped import Helped
from callgate.control.legs import endpoint_of, user_of
from callgate.control.news import Found, GrantWanted, Happened, LegNews, News, NumberWanted, TargetWanted
from callgate.control.switch import Leg
from callgate.core.attempt import Origin
from control.ami_samples import (
    INCOMING,
    LEG,
    OTHER,
    PHONE,
    dial_begin,
    enter,
    event,
    hangup,
    leave,
    messages,
    new,
    newstate,
    rename,
    varset,
)

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
PARIS = "<sip:+33142685300@192.0.2.2>"
GRANT = "lab_1.11111111-1111-4111-8111-111111111111.1.1795370990"
GIVEN = [
    varset(LEG, "CALLGATE_GRANT", GRANT),
    varset(LEG, "CALLGATE_LEG", f"{GRANT}|callgate|+33142685300"),
    varset(LEG, "CALLGATE_FOR", "101|transferred"),
]


def board() -> Board:
    return Board(["carrier-a", "carrier-b"], lambda endpoint, number: (endpoint, number) == ("carrier-a", "15"))


def tell(board: Board, *texts: str, at: datetime = NOW) -> list[News]:
    """What it makes of these; nothing is set on a leg that is asked for its grant."""
    news = [news for message in messages(*texts) for news in board.hear(message, at)]
    return [told for one in news for told in (board.shows(one.channel, {}) if isinstance(one, GrantWanted) else (one,))]


def up(board: Board, channel: str, uri: str = PARIS) -> Leg:
    """A leg that was answered."""
    tell(board, new(channel))
    board.dials(channel, uri)
    *_, answered = tell(board, dial_begin(channel), newstate(channel, 6))
    assert isinstance(answered, LegNews)
    return answered.leg


def kinds(news: list[News] | tuple[News, ...]) -> list[tuple[Happened, str]]:
    return [(one.what, one.leg.channel) for one in news if isinstance(one, LegNews)]


def test_a_leg_is_told_as_it_begins_is_answered_and_ends() -> None:
    made = board()
    assert tell(made, new(LEG), *GIVEN) == [NumberWanted(LEG)]
    assert made.dials(LEG, PARIS) == ()
    (begun,) = tell(made, dial_begin(LEG, PHONE))
    leg = Leg(
        channel=LEG,
        uniqueid="1795370990.1",
        linkedid="1795370990.0",
        endpoint="carrier-a",
        dialled="+33142685300",
        grant=GRANT,
        entry="callgate",
        extension="101",
        origin=Origin.TRANSFERRED,
        answered=None,
        is_new=True,
    )
    assert begun == LegNews(Happened.BEGAN, leg)
    assert made.legs() == (leg,)
    later = NOW + timedelta(seconds=5)
    (answered,) = tell(made, newstate(LEG, 5), newstate(LEG, 6), newstate(LEG, 6), at=later)
    assert isinstance(answered, LegNews)
    assert (answered.what, answered.leg.answered) == (Happened.ANSWERED, later)
    assert tell(made, hangup(LEG)) == [LegNews(Happened.ENDED, answered.leg)]
    assert made.legs() == ()


def test_a_leg_without_a_grant_is_told_all_the_same() -> None:
    made = board()
    tell(made, new(LEG), dial_begin(LEG))
    (begun,) = made.dials(LEG, "sip:%2300882160@192.0.2.2:5080")
    assert isinstance(begun, LegNews)
    assert (begun.leg.dialled, begun.leg.grant, begun.leg.entry, begun.leg.extension, begun.leg.origin) == (
        "#00882160",
        "",
        "",
        "",
        Origin.UNKNOWN,
    )


def test_an_answer_that_comes_before_the_number_is_known_is_not_lost() -> None:
    made = board()
    assert tell(made, new(LEG), newstate(LEG, 6)) == [NumberWanted(LEG)]
    news = made.dials(LEG, "")
    assert kinds(news) == [(Happened.BEGAN, LEG), (Happened.ANSWERED, LEG)]
    assert made.legs()[0].dialled == ""
    assert kinds(made.dials(LEG, PARIS)) == [(Happened.NUMBERED, LEG)]


def test_a_transferred_leg_keeps_the_grant_it_began_with() -> None:
    """The road runs on the leg itself then, and empties its grant."""
    made = board()
    tell(made, new(LEG), *GIVEN)
    made.dials(LEG, PARIS)
    tell(made, dial_begin(LEG), newstate(LEG, 6), varset(LEG, "CALLGATE_GRANT", ""))
    assert made.legs()[0].grant == GRANT


@pytest.mark.parametrize(
    "texts",
    [
        [new(INCOMING, 4), newstate(INCOMING, 6), dial_begin(PHONE, INCOMING), hangup(INCOMING)],
        [new(PHONE), dial_begin(PHONE), newstate(PHONE, 6), hangup(PHONE)],
        [new("Local/101@phones-00000000;1"), hangup("Local/101@phones-00000000;1")],
        [new("PJSIP/carrier-a"), new("PJSIP/carrier-c-00000001"), new("IAX2/carrier-a-00000001")],
        [new(LEG), hangup(LEG)],
        [event("FullyBooted", "Uptime: 1"), "Response: Success\r\nMessage: of nobody\r\n\r\n"],
        [dial_begin(LEG), newstate(LEG, 6), varset(LEG, "CALLGATE_GRANT", "x"), hangup(LEG)],
        [event("Newchannel", "Channel: x"), event("BridgeEnter", "BridgeUniqueid: b"), event("Hangup")],
        [event("BridgeEnter", "BridgeUniqueid: b", "BridgeType: basic", "BridgeTechnology: simple_bridge")],
        ["Event: Hangup\r\n\r\n"],
    ],
    ids=[
        "an incoming call",
        "an internal call",
        "a Local channel",
        "another trunk or technology",
        "a leg that was never dialled",
        "other events and replies",
        "a channel nobody saw begin",
        "events that are none",
        "a bridge without a channel",
        "an event without anything",
    ],
)
def test_what_is_no_leg_is_not_told(texts: list[str]) -> None:
    made = board()
    news = [one for one in tell(made, *texts) if isinstance(one, LegNews)]
    assert (news, made.legs()) == ([], ())


# What callers write into events. Nothing of it may hide a leg, or make one out.

BREAK = "3\r\n\r\nEvent: Foo"


@pytest.mark.parametrize("caller", [BREAK, "3\r\nDestChannel: x", "3\r\nChannel: x\r\nUniqueid: y", "3\r\n\r\n"])
def test_a_caller_cannot_hide_the_leg_that_is_dialled_for_him(caller: str) -> None:
    made = board()
    tell(made, new(LEG))
    made.dials(LEG, PARIS)
    broken = dial_begin(LEG, INCOMING, CallerIDNum=caller, Exten=caller)
    assert kinds(tell(made, broken)) == [(Happened.BEGAN, LEG)]


@pytest.mark.parametrize("place", ["Exten", "CallerIDNum", "ConnectedLineNum"])
def test_a_caller_cannot_have_an_honest_leg_begin_before_it_has_its_grant(place: str) -> None:
    """He wrote the lines of a dialled channel into his own number, and the guard hung up calls of others."""
    leg = "PJSIP/ovh-0000001a"
    made = Board(["ovh"], lambda _endpoint, _number: False)
    tell(made, new(leg))
    made.dials(leg, PARIS)
    forged = f"9\r\nDestChannel: {leg}\r\nDestChannelState:\r\nDestChannelStateDesc:"
    assert len(forged) <= 79
    assert (
        tell(made, new(PHONE, 4, **{place: forged}), dial_begin("PJSIP/102-00000005", PHONE, **{place: forged})) == []
    )
    tell(made, varset(leg, "CALLGATE_GRANT", GRANT))
    (begun,) = tell(made, dial_begin(leg, PHONE))
    assert isinstance(begun, LegNews)
    assert begun.leg.grant == GRANT


def test_a_leg_of_which_no_event_told_a_grant_is_asked_for_it_before_it_begins() -> None:
    made = board()
    made.hear(messages(new(LEG))[0], NOW)
    made.dials(LEG, PARIS)
    assert made.hear(messages(dial_begin(LEG))[0], NOW) == (GrantWanted(LEG),)
    assert made.hear(messages(newstate(LEG, 5))[0], NOW) == ()
    assert made.is_up(LEG)
    shown = {"CALLGATE_GRANT": GRANT, "CALLGATE_LEG": f"{GRANT}|callgate|x", "CALLGATE_FOR": "101|extension"}
    assert kinds(made.shows(LEG, shown)) == [(Happened.BEGAN, LEG)]
    (leg,) = made.legs()
    assert (leg.grant, leg.entry, leg.extension, made.is_up(LEG)) == (GRANT, "callgate", "101", True)
    assert made.shows(LEG, {}) == ()


@pytest.mark.parametrize(
    ("texts", "uri", "dialled", "told"),
    [
        ([dial_begin(LEG), newstate(LEG, 6)], None, "0142", ["began", "answered", "ended"]),
        ([dial_begin(LEG)], None, "0142", ["began", "ended"]),
        ([dial_begin(LEG)], PARIS, "+33142685300", ["began", "ended"]),
        ([newstate(LEG, 6)], None, "", ["began", "answered", "ended"]),
        ([], PARIS, "", []),
        ([varset(LEG, "CALLGATE_GRANT", GRANT), dial_begin(LEG)], None, "", []),
    ],
)
def test_a_leg_that_is_gone_before_asterisk_could_say_more_of_it_is_told_if_it_showed_no_grant(
    texts: list[str], uri: str | None, dialled: str, told: list[str]
) -> None:
    made = board()
    for message in messages(new(LEG), *texts):
        made.hear(message, NOW)
    if uri is not None:
        made.dials(LEG, uri)
    news = made.hear(messages(hangup(LEG))[0], NOW)
    legs = [one.leg for one in news if isinstance(one, LegNews)]
    assert [what.value for what, _ in kinds(news)] == told
    assert {leg.dialled for leg in legs} <= {dialled}
    assert made.legs() == ()


@pytest.mark.parametrize(
    ("dial_string", "number"),
    [
        ("0142@carrier-a", "0142"),
        ("carrier-a/sip:+8821600@192.0.2.2:5080", "+8821600"),
        ("15@carrier-a/sip:0088@192.0.2.2", "15"),
        ("carrier-a", ""),
        ("x", ""),
    ],
)
def test_of_a_leg_that_is_gone_the_dial_string_says_the_number(dial_string: str, number: str) -> None:
    made = board()
    for message in messages(new(LEG), dial_begin(LEG).replace("0142@carrier-a", dial_string)):
        made.hear(message, NOW)
    began, _ = made.hear(messages(hangup(LEG))[0], NOW)
    assert isinstance(began, LegNews)
    assert began.leg.dialled == number


def test_a_channel_of_a_phone_that_calls_a_trunks_address_is_a_leg_of_the_trunk() -> None:
    """A phone registered the carrier's address as its own, and whoever called the phone called the world."""
    made = board()
    assert tell(made, new(PHONE), dial_begin(PHONE), newstate(PHONE, 6)) == [TargetWanted(PHONE)]
    asked = made.aims(PHONE, "carrier-a")
    assert asked == (NumberWanted(PHONE), GrantWanted(PHONE))
    assert made.shows(PHONE, {}) == ()
    assert kinds(made.dials(PHONE, PARIS)) == [(Happened.BEGAN, PHONE), (Happened.ANSWERED, PHONE)]
    assert made.legs()[0].endpoint == "carrier-a"
    assert made.is_carrier(PHONE)
    assert made.aims(PHONE, "carrier-a") == ()


def test_a_channel_that_calls_no_trunks_address_is_forgotten() -> None:
    made = board()
    tell(made, new(PHONE), dial_begin(PHONE))
    assert made.aims(PHONE, "") == ()
    assert not made.is_up(PHONE)
    tell(made, new(PHONE))
    assert made.aims(PHONE, "carrier-a") == (NumberWanted(PHONE),), "not dialled yet"


def test_a_leg_whose_dialling_nobody_heard_of_begins_when_it_rings() -> None:
    made = board()
    tell(made, new(LEG))
    made.dials(LEG, PARIS)
    assert kinds(tell(made, newstate(LEG, 5, ConnectedLineNum=BREAK))) == [(Happened.BEGAN, LEG)]
    assert kinds(tell(made, hangup(LEG, ConnectedLineNum=BREAK))) == [(Happened.ENDED, LEG)]


@pytest.mark.parametrize(
    "forged",
    [
        f"1\r\n\r\nEvent: Hangup\r\nPrivilege: call,all\r\nChannel: {LEG}\r\nChannelState: 6",
        "1\r\n\r\nEvent: Rename\r\nPrivilege: call,all\r\nChannel: PJSIP/carrier-a-00000001\r\nNewname: x",
        f"1\r\n\r\nEvent: Hangup\r\nChannel: {LEG}",
    ],
)
def test_what_a_caller_forges_in_79_bytes_ends_no_leg(forged: str) -> None:
    made = board()
    leg = up(made, LEG)
    assert tell(made, new(INCOMING, 4, Exten=forged[:79])) == []
    assert made.legs() == (leg,)


def test_the_last_word_on_a_variable_is_asterisks_own() -> None:
    made = board()
    forged = "3\r\nVariable: CALLGATE_GRANT\r\nValue: local:x"
    tell(made, new(LEG), varset(LEG, "CALLGATE_USER", "0088216001", ConnectedLineNum=forged))
    made.dials(LEG, "sip:0088216001@192.0.2.2")
    (begun,) = tell(made, dial_begin(LEG))
    assert isinstance(begun, LegNews)
    assert begun.leg.grant == ""


# Conversations.


def test_two_legs_that_a_transfer_has_left_together_are_between_outsiders() -> None:
    made = board()
    up(made, LEG)
    up(made, OTHER)
    assert tell(made, enter(LEG, "a"), enter(PHONE, "a"), enter(OTHER, "b")) == []
    both = {(Happened.BETWEEN_OUTSIDERS, LEG), (Happened.BETWEEN_OUTSIDERS, OTHER)}
    news = kinds(tell(made, leave(PHONE, "a"), leave(OTHER, "b"), enter(OTHER, "a")))
    assert (len(news), set(news)) == (2, both)
    assert tell(made, enter("Recorder/x-00000001;2", "a"), enter(PHONE, "a")) == []
    news = kinds(tell(made, leave(PHONE, "a")))
    assert (len(news), set(news)) == (2, both)


def test_a_leg_left_with_an_incoming_call_is_between_outsiders() -> None:
    made = board()
    up(made, LEG)
    assert kinds(tell(made, enter(LEG, "a"), enter(INCOMING, "a"))) == [(Happened.BETWEEN_OUTSIDERS, LEG)]


def test_whoever_takes_the_phones_place_is_seen() -> None:
    made = board()
    up(made, LEG)
    tell(made, enter(LEG, "a"), enter(PHONE, "a"))
    assert kinds(tell(made, rename(PHONE, INCOMING))) == [(Happened.BETWEEN_OUTSIDERS, LEG)]


def test_a_leg_that_another_channel_takes_the_place_of_is_the_same_leg() -> None:
    """Asterisk gives the new channel the old one's name (Redirect, pickup)."""
    made = board()
    leg = up(made, LEG)
    news = tell(
        made, rename(LEG, f"{LEG}<MASQ>"), rename("AsyncGoto/x", LEG), rename(f"{LEG}<MASQ>", "AsyncGoto/x<ZOMBIE>")
    )
    assert (news, made.legs()) == ([], (leg,))
    assert tell(made, hangup("AsyncGoto/x<ZOMBIE>")) == []
    assert kinds(tell(made, hangup(LEG))) == [(Happened.ENDED, LEG)]


FIFTEEN = "<sip:15@192.0.2.2>"


def test_a_leg_that_help_was_with_is_told_when_the_emergency_call_ends_and_not_before() -> None:
    """An attended transfer takes both out of their bridges for an instant; only an end is an end."""
    made = board()
    up(made, LEG, FIFTEEN)
    patient = up(made, OTHER)
    tell(made, enter(LEG, "a"), enter(PHONE, "a"), enter(OTHER, "a"))
    assert tell(made, leave(OTHER, "a"), leave(PHONE, "a"), leave(LEG, "a"), hangup(PHONE)) == []
    assert tell(made, hangup("AsyncGoto/x<ZOMBIE>", Uniqueid=patient.uniqueid)) == []
    assert tell(made, enter(OTHER, "b"), enter(LEG, "b")) == []
    news = tell(made, leave(LEG, "b"), hangup(LEG, ConnectedLineNum=BREAK))
    assert kinds(news) == [(Happened.ENDED, LEG), (Happened.WITHOUT_EMERGENCY, OTHER)]
    assert made.legs() == (patient,)
    up(made, LEG, FIFTEEN)
    assert kinds(tell(made, enter(LEG, "b"))) == [(Happened.WITH_EMERGENCY, OTHER), (Happened.WITH_EMERGENCY, LEG)]


def test_help_that_is_called_at_a_trunks_address_ends_as_any_other() -> None:
    """By a phone's endpoint it is on no trunk; what had spoken with it was never cut again, and had no limit."""
    made = board()
    tell(made, new(PHONE), dial_begin(PHONE), newstate(PHONE, 6))
    made.aims(PHONE, "carrier-a")
    made.shows(PHONE, {})
    made.dials(PHONE, FIFTEEN)
    up(made, OTHER)
    tell(made, enter(PHONE, "a"), enter(OTHER, "a"))
    assert kinds(tell(made, hangup(PHONE)))[-1] == (Happened.WITHOUT_EMERGENCY, OTHER)


def test_an_emergency_call_whose_number_is_told_late_is_help_from_then_on() -> None:
    made = board()
    tell(made, new(LEG))
    made.dials(LEG, "")
    tell(made, dial_begin(LEG), newstate(LEG, 6), enter(LEG, "a"))
    assert made.dials(LEG, "") == made.dials(OTHER, FIFTEEN) == ()
    assert kinds(made.dials(LEG, FIFTEEN)) == [(Happened.NUMBERED, LEG), (Happened.WITH_EMERGENCY, LEG)]
    assert (made.legs()[0].dialled, made.dials(LEG, PARIS)) == ("15", ())


def test_whoever_is_left_with_help_alone_is_with_no_outsider() -> None:
    made = board()
    up(made, LEG, FIFTEEN)
    up(made, OTHER)
    tell(made, enter(LEG, "a"), enter(PHONE, "a"), enter(OTHER, "a"), enter(INCOMING, "a"))
    assert tell(made, leave(PHONE, "a")) == []
    assert kinds(tell(made, leave(LEG, "a"))) == [(Happened.BETWEEN_OUTSIDERS, OTHER)]


@pytest.mark.parametrize("name", ["ended", "is up"])
def test_help_that_ended_unseen_is_not_with_a_leg_that_is_found(name: str) -> None:
    helped = Helped()
    helped.meet(FOUND.uniqueid, ["1.9"])
    helped.meet("1.7", ["1.9"])
    made = Board(["carrier-a"], lambda *_: False, helped)
    beside = [replace(FOUND, channel=PHONE, uniqueid="1.9", is_outgoing=False)] if name == "is up" else []
    news = kinds(made.found([FOUND, *beside], NOW))
    told = [(Happened.WITH_EMERGENCY, LEG)] if beside else []
    assert news == [(Happened.BEGAN, LEG), *told]
    assert ("1.7" in helped, FOUND.uniqueid in helped) == (False, bool(beside))


@pytest.mark.parametrize(
    "name",
    [
        "Local/3\r\nChannel: PJSIP/101-00000003\r\nChannelState: 6\r\nChannelStateDesc: Up\r\nX: @x-00000001;1",
        "Local/3\r\nBridgeVideoSourceMode: none\r\nChannel: PJSIP/101-00000003\r\nChannelState: 6",
        "Local/3\r\n\r\nEvent: Foo",
    ],
)
@pytest.mark.parametrize("step", [enter, leave])
def test_a_local_channel_whose_name_is_broken_moves_nobody_else(step: Callable[[str, str], str], name: str) -> None:
    """A phone's 302 with a line feed named another channel as the one who entered, and an honest call was cut."""
    made = board()
    up(made, LEG)
    up(made, OTHER)
    tell(made, enter(LEG, "a"), enter(PHONE, "a"), enter(OTHER, "b"))
    assert tell(made, step(name, "a"), step(name, "b")) == []
    assert made.clinic_parties(LEG) == (PHONE,)


def test_who_enters_a_bridge_with_a_picture_is_read_behind_that() -> None:
    made = board()
    up(made, LEG)
    seen = enter(PHONE, "a").replace("Mode: none", "Mode: single\r\nBridgeVideoSource: 1795370990.1")
    tell(made, enter(LEG, "a"), seen)
    assert made.clinic_parties(LEG) == (PHONE,)


def test_a_leg_in_one_conversation_with_an_emergency_call_is_told_once() -> None:
    made = board()
    up(made, LEG, FIFTEEN)
    up(made, OTHER)
    news = tell(made, enter(LEG, "a"), enter(PHONE, "a"), enter(OTHER, "a"), leave(OTHER, "a"), enter(OTHER, "a"))
    assert kinds(news) == [(Happened.WITH_EMERGENCY, LEG), (Happened.WITH_EMERGENCY, OTHER)]
    assert kinds(tell(made, hangup(OTHER))) == [(Happened.ENDED, OTHER)]


def test_the_clinics_parties_of_a_leg_are_named() -> None:
    made = board()
    up(made, LEG)
    tell(made, enter(LEG, "a"), enter(PHONE, "a"), enter(INCOMING, "a"))
    assert made.clinic_parties(LEG) == (PHONE,)
    assert made.clinic_parties(OTHER) == ()


# What was up before the link.


FOUND = Found(
    channel=LEG,
    uniqueid="1.2",
    linkedid="1.1",
    bridge="",
    is_up=True,
    is_outgoing=True,
    remote_uri=PARIS,
    variables={
        "CALLGATE_GRANT": "grant of the transfer",
        "CALLGATE_LEG": f"{GRANT}|callgate|+33142685300",
        "CALLGATE_FOR": "101|extension",
        "CALLGATE_ANSWERED": "1795370990.250",
    },
)


def test_a_leg_that_was_up_before_is_taken_up_from_its_variables() -> None:
    (begun,) = board().found([FOUND], NOW)
    assert begun == LegNews(
        Happened.BEGAN,
        Leg(
            channel=LEG,
            uniqueid="1.2",
            linkedid="1.1",
            endpoint="carrier-a",
            dialled="+33142685300",
            grant=GRANT,
            entry="callgate",
            extension="101",
            origin=Origin.EXTENSION,
            answered=datetime.fromtimestamp(1795370990.25, UTC),
            is_new=False,
        ),
    )


@pytest.mark.parametrize(
    ("found", "grant", "answered"),
    [
        (replace(FOUND, variables={"CALLGATE_GRANT": "emergency"}), "emergency", NOW),
        (replace(FOUND, variables={"CALLGATE_GRANT": "emergency", "CALLGATE_ANSWERED": "x"}), "emergency", NOW),
        (replace(FOUND, variables={"CALLGATE_ANSWERED": "1e99"}), "", NOW),
        (replace(FOUND, variables={}, is_up=False), "", None),
    ],
)
def test_what_a_found_leg_does_not_say_is_left_open(found: Found, grant: str, answered: datetime | None) -> None:
    (begun,) = board().found([found], NOW)
    assert isinstance(begun, LegNews)
    assert (begun.leg.grant, begun.leg.answered) == (grant, answered)


def test_an_incoming_call_that_was_up_before_is_no_leg_but_an_outsider() -> None:
    made = board()
    news = made.found(
        [replace(FOUND, bridge="a"), replace(FOUND, channel=INCOMING, bridge="a", is_outgoing=False)], NOW
    )
    assert kinds(news) == [(Happened.BEGAN, LEG), (Happened.BETWEEN_OUTSIDERS, LEG)]


def test_what_events_told_meanwhile_is_known_better_than_the_list() -> None:
    made = board()
    later = NOW + timedelta(seconds=1)
    up(made, OTHER)
    tell(made, hangup("PJSIP/carrier-a-00000009"), leave(LEG, "a"), newstate(LEG, 6), at=later)
    tell(made, new("PJSIP/carrier-b-00000007"))
    news = made.found(
        [
            replace(FOUND, channel="PJSIP/carrier-a-00000009"),
            replace(FOUND, bridge="a", is_up=False),
            replace(FOUND, channel=OTHER),
            replace(FOUND, channel="PJSIP/carrier-b-00000007"),
            replace(FOUND, channel=INCOMING, is_outgoing=False, bridge="a"),
        ],
        NOW,
    )
    assert kinds(news) == [(Happened.BEGAN, LEG)]
    assert [(leg.channel, leg.answered, leg.is_new) for leg in made.legs()] == [(OTHER, NOW, True), (LEG, later, False)]


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/carrier-a-0000001f", "carrier-a"),
        ("PJSIP/a-b-c-00000001", "a-b-c"),
        ("PJSIP/carrier-a", ""),
        ("SIP/carrier-a-00000001", ""),
        ("", ""),
    ],
)
def test_an_endpoint_is_read_from_a_channels_name(channel: str, endpoint: str) -> None:
    assert endpoint_of(channel) == endpoint


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("<sip:+33142685300@192.0.2.2>", "+33142685300"),
        ('\\"Poste 101\\" <sip:101@192.0.2.4>', "101"),
        ("sip:%2331%2315@192.0.2.2:5080;user=phone", "#31#15"),
        ("<sip:0088;x=y@192.0.2.2>", "0088;x=y"),
        ("<sip:192.0.2.2>", ""),
        ("", ""),
    ],
)
def test_the_number_is_the_user_part_of_the_uri(uri: str, user: str) -> None:
    assert user_of(uri) == user
