"""What the board tells of live legs, and what it is told of those that were up before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from callgate.control.switch import Leg


@dataclass(frozen=True, slots=True)
class Begun:
    """A leg has begun, or was found."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Answered:
    """The carrier answered."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Ended:
    """A leg is gone."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class BetweenOutsiders:
    """Only carrier channels are left in its conversation."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class WithEmergency:
    """It is in one conversation with an emergency call."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class NumberWanted:
    """A leg is about to begin: what goes to the carrier is to be told by `Board.dials`."""

    channel: str


News = Begun | Answered | Ended | BetweenOutsiders | WithEmergency | NumberWanted


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
