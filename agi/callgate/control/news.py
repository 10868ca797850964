"""What the board tells of live legs, and what it is told of those that were up before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callgate.control.switch import Leg


class Happened(StrEnum):
    """What happened to a leg; each is a method of `Watcher`, which says more."""

    BEGAN = "began"
    NUMBERED = "numbered"
    ANSWERED = "answered"
    ENDED = "ended"
    BETWEEN_OUTSIDERS = "between_outsiders"
    WITH_EMERGENCY = "with_emergency"
    WITHOUT_EMERGENCY = "without_emergency"


@dataclass(frozen=True, slots=True)
class LegNews:
    """Something happened to a leg, which is now so."""

    what: Happened
    leg: Leg


@dataclass(frozen=True, slots=True)
class NumberWanted:
    """A leg is about to begin: what goes to the carrier is to be told by `Board.dials`, as long as it is up."""

    channel: str


@dataclass(frozen=True, slots=True)
class GrantWanted:
    """A leg is dialled and no event told a grant: what its variables say is to be told by `Board.shows`."""

    channel: str


@dataclass(frozen=True, slots=True)
class TargetWanted:
    """A channel on no trunk is about to call: to which address is to be told by `Board.aims`."""

    channel: str


News = LegNews | NumberWanted | GrantWanted | TargetWanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A channel that was up when the link came up.

    Fields:
        channel, uniqueid, linkedid, bridge: as Asterisk lists it; `bridge` is "" for none, and for one where channels
            are parked.
        is_up: whether it is answered.
        is_outgoing: on a carrier trunk: whether Asterisk placed the call.
        remote_uri: of an outgoing one; variables: those named above, by name.
    """

    channel: str
    uniqueid: str
    linkedid: str
    bridge: str
    is_up: bool
    is_outgoing: bool = False
    remote_uri: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
