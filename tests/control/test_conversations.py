"""Who speaks with whom, through bridges and the Local channels between them."""

import time

import pytest

from callgate.control.conversations import HOLDING, Conversations

PHONE, LEG, OTHER = "PJSIP/101-00000001", "PJSIP/carrier-a-00000002", "PJSIP/carrier-b-00000003"
FIRST, SECOND = "Local/101@phones-00000000;1", "Local/101@phones-00000000;2"


def talks(**bridges: list[str]) -> Conversations:
    made = Conversations()
    for bridge, channels in bridges.items():
        for channel in channels:
            made.enter(channel, bridge)
    return made


@pytest.mark.parametrize(
    ("bridges", "parties"),
    [
        ({}, []),
        ({"a": [LEG]}, [LEG]),
        ({"a": [LEG, PHONE], "b": [OTHER]}, [LEG, PHONE]),
        ({"a": [LEG, FIRST], "b": [SECOND, PHONE]}, [LEG, PHONE]),
        ({"a": [LEG, FIRST]}, [LEG, FIRST]),
        ({"a": [LEG, PHONE, "CBAnn/100-00000000;2", "Recorder/ARI-00000000;2"]}, [LEG, PHONE]),
        ({"a": [LEG, "Local/x"]}, [LEG, "Local/x"]),
    ],
    ids=[
        "nobody",
        "alone",
        "two in one bridge",
        "through a Local pair",
        "with an application behind a Local channel",
        "with announcer and recorder",
        "with a channel that only looks like one of a pair",
    ],
)
def test_everybody_in_a_conversation_is_found(bridges: dict[str, list[str]], parties: list[str]) -> None:
    assert sorted(talks(**bridges).parties(LEG)) == sorted(parties)


def test_a_channel_is_in_one_bridge_at_a_time() -> None:
    made = talks(a=[LEG, PHONE], b=[OTHER])
    made.enter(LEG, "b")
    assert sorted(made.parties(LEG)) == sorted([LEG, OTHER])
    assert made.parties(PHONE) == (PHONE,)


def test_who_leaves_says_who_stays() -> None:
    made = talks(a=[LEG, PHONE])
    assert made.leave(PHONE) == (LEG,)
    assert made.leave(LEG) == ()
    assert made.leave(LEG) == ()
    assert made.parties(LEG) == ()


def test_a_conference_of_thousands_is_walked_once_for_each_look() -> None:
    """800 in one conference once took 23 ms, at each step anybody made there, and four times as many a second."""
    crowd = [f"PJSIP/101-{place:08x}" for place in range(5000)]
    made, began = talks(a=crowd), time.process_time()
    for channel in crowd[:10]:
        assert len(made.parties(channel)) == len(crowd)
    assert time.process_time() - began < 1


def test_one_channel_of_every_conversation_is_found_once() -> None:
    made = talks(a=[LEG, FIRST], b=[SECOND, PHONE], c=[OTHER])
    assert list(made.one_of_each()) == [LEG, OTHER]
    assert list(Conversations().one_of_each()) == []


def test_parked_channels_do_not_speak_with_each_other() -> None:
    made = Conversations()
    made.enter(LEG, "park", HOLDING)
    made.enter(OTHER, "park", HOLDING)
    assert made.parties(LEG) == ()


def test_whoever_takes_the_place_of_another_speaks_with_the_same() -> None:
    made = talks(a=[LEG, PHONE])
    made.rename(PHONE, OTHER)
    assert sorted(made.parties(LEG)) == sorted([LEG, OTHER])
    made.rename("PJSIP/nobody-00000009", PHONE)
    assert not made.is_in_one(PHONE)
