"""The board of live legs: what Asterisk's events say of the channels on carrier trunks. Pure: messages in, news out.

A channel is known by its name, which stands before everything in an event that a caller can write into (see
`callgate.control.ami`). A leg begins when it is dialled, which three lines say wherever they stand, or, if a caller has
broken even those apart, when it rings or is answered; by then its variables are known, and frozen: a leg that is
transferred runs the road again, and gets those of the next leg.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import dropwhile
from types import MappingProxyType
from urllib.parse import unquote

from callgate.control.ami import Message
from callgate.control.conversations import Conversations
from callgate.control.helped import Helped
from callgate.control.news import Found, Happened, LegNews, News, NumberWanted
from callgate.control.switch import Leg
from callgate.core.attempt import Origin

GRANT, LEG, FOR, ANSWERED = "CALLGATE_GRANT", "CALLGATE_LEG", "CALLGATE_FOR", "CALLGATE_ANSWERED"
WANTED: Mapping[str, str] = MappingProxyType(
    {
        "Newchannel": "",
        "VarSet": "\r\nVariable: CALLGATE_",
        "Newstate": "",
        "BridgeEnter": "",
        "BridgeLeave": "",
        "Rename": "",
        "Hangup": "",
    }
)
"""The events it hears; besides, every message that names a channel that is dialled."""

_CHANNEL = ("Channel", "ChannelState", "ChannelStateDesc")
_DIALLED = ("DestChannel", "DestChannelState", "DestChannelStateDesc")
_BRIDGE = (
    "Privilege",
    "BridgeUniqueid",
    "BridgeType",
    "BridgeTechnology",
    "BridgeCreator",
    "BridgeName",
    "BridgeNumChannels",
)
_VIDEO = "BridgeVideoSource"
"""How one or two more lines of a bridge begin."""
_OPENINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Newchannel": ("Privilege", *_CHANNEL),
        "VarSet": ("Privilege", *_CHANNEL),
        "Newstate": ("Privilege", *_CHANNEL),
        "Hangup": ("Privilege", *_CHANNEL),
        "BridgeEnter": _BRIDGE,
        "BridgeLeave": _BRIDGE,
        "Rename": ("Privilege", "Channel", "Newname", "Uniqueid"),
    }
)
_DOWN, _UP = "0", "6"
_SUFFIX = 9
"""`-0000001a`: what stands behind the endpoint in the name of a PJSIP channel."""
_ORIGINS = {origin.value: origin for origin in Origin}


@dataclass(slots=True, kw_only=True)
class _Coming:
    """A leg that has not begun."""

    uniqueid: str
    linkedid: str
    dialled: str | None = None
    is_dialled: bool = False
    answered: datetime | None = None
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Meanwhile:
    """What events told while the list of what was up before was on its way: they know better than it does."""

    gone: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    answered: dict[str, datetime] = field(default_factory=dict)


class Board:
    """What is known of one Asterisk, while one link is up.

    Args:
        endpoints: PJSIP endpoints of the carrier trunks.
        is_emergency: whether a number, as this endpoint's trunk wants it, is an emergency number.
        helped: what the boards before it knew of the same Asterisk.
    """

    def __init__(
        self, endpoints: Iterable[str], is_emergency: Callable[[str, str], bool], helped: Helped | None = None
    ) -> None:
        self._endpoints = frozenset(endpoints)
        self._is_emergency = is_emergency
        self._talks = Conversations()
        self._coming: dict[str, _Coming] = {}
        self._legs: dict[str, Leg] = {}
        self._helped = Helped() if helped is None else helped
        self._between_outsiders: set[str] = set()
        self._meanwhile: _Meanwhile | None = _Meanwhile()

    def legs(self) -> tuple[Leg, ...]:
        """Every leg that is up."""
        return tuple(self._legs.values())

    def clinic_parties(self, channel: str) -> tuple[str, ...]:
        """The channels in a leg's conversation that are on no carrier trunk."""
        return tuple(name for name in self._talks.parties(channel) if not self.is_carrier(name))

    def is_carrier(self, channel: str) -> bool:
        """Whether a channel is on a carrier trunk, in or out."""
        return endpoint_of(channel) in self._endpoints

    def hear(self, message: Message, at: datetime) -> tuple[News, ...]:
        """Take one event.

        Args:
            message: as it came.
            at: now, aware UTC.

        Returns:
            What it means, in order.
        """
        news: list[News] = []
        for dialled, _, _ in message.runs(*_DIALLED):
            news += self._dialled(dialled)
        values = message.opening(*_OPENINGS.get(message.event, ("",)))
        if values is None:
            return tuple(news)
        match message.event:
            case "Newchannel":
                news += self._new(values[1], values[2], message)
            case "VarSet":
                self._set(values[1], message)
            case "Newstate":
                news += self._state(values[1], values[2], at)
            case "BridgeEnter" | "BridgeLeave":
                news += self._move(message, values[1], values[3])
            case "Rename":
                news += self._rename(values[1], values[2])
            case "Hangup":
                news += self._hang_up(values[1], message.last("Uniqueid"))
            case _:
                pass
        return tuple(news)

    def dials(self, channel: str, remote_uri: str) -> tuple[News, ...]:
        """Learn what an announced leg sends to the carrier; "" if nobody could say."""
        coming = self._coming.get(channel)
        if coming is None or coming.dialled is not None:
            return ()
        coming.dialled = user_of(remote_uri)
        return tuple(self._begin(channel))

    def is_unread(self, channel: str) -> bool:
        """Whether nobody has said yet what a leg, or one that is announced, sends to the carrier."""
        leg = self._legs.get(channel)
        return channel in self._coming if leg is None else not leg.dialled

    def learns(self, channel: str, remote_uri: str) -> tuple[News, ...]:
        """Learn what a leg sends to the carrier of which nobody could say it when it began."""
        leg = self._legs.get(channel)
        if leg is None or leg.dialled:
            return ()
        self._legs[channel] = replace(leg, dialled=user_of(remote_uri))
        return tuple(self._look(channel))

    def found(self, channels: Iterable[Found], at: datetime) -> tuple[News, ...]:
        """Take what was up when the link came up, once; what events told since then is known better."""
        meanwhile, self._meanwhile = self._meanwhile or _Meanwhile(), None
        every = [found for found in channels if found.channel not in meanwhile.gone]
        news: list[News] = []
        for found in every:
            if found.channel not in meanwhile.moved:
                self._talks.enter(found.channel, found.bridge)
            is_seen = found.channel in self._legs or found.channel in self._coming
            if found.is_outgoing and self.is_carrier(found.channel) and not is_seen:
                leg = _found_leg(found, meanwhile.answered.get(found.channel), at)
                self._legs[found.channel] = leg
                news.append(LegNews(Happened.BEGAN, leg))
        seen = {leg.uniqueid for leg in self.legs()} | {coming.uniqueid for coming in self._coming.values()}
        self._helped.review(seen | {found.uniqueid for found in every})
        news += [LegNews(Happened.WITH_EMERGENCY, leg) for leg in self.legs() if leg.uniqueid in self._helped]
        for channel in self._talks.one_of_each():
            news += self._look(channel)
        return tuple(news)

    def _new(self, channel: str, state: str, message: Message) -> Iterator[News]:
        # An incoming call begins to ring at once.
        if self.is_carrier(channel) and state == _DOWN and channel not in self._legs:
            self._coming[channel] = _Coming(uniqueid=message.last("Uniqueid"), linkedid=message.last("Linkedid"))
            yield NumberWanted(channel)

    def _set(self, channel: str, message: Message) -> None:
        coming = self._coming.get(channel)
        if coming is not None:
            coming.variables[message.last("Variable")] = message.last("Value")

    def _dialled(self, channel: str) -> Iterator[News]:
        coming = self._coming.get(channel)
        if coming is not None:
            coming.is_dialled = True
            yield from self._begin(channel)

    def _begin(self, channel: str) -> Iterator[News]:
        coming = self._coming[channel]
        if not coming.is_dialled or coming.dialled is None:
            return
        del self._coming[channel]
        extension, origin = _charged(coming.variables)
        self._legs[channel] = leg = Leg(
            channel=channel,
            uniqueid=coming.uniqueid,
            linkedid=coming.linkedid,
            endpoint=endpoint_of(channel),
            dialled=coming.dialled,
            grant=coming.variables.get(GRANT, ""),
            entry=_part(coming.variables, 1),
            extension=extension,
            origin=origin,
            answered=None,
            is_new=True,
        )
        yield LegNews(Happened.BEGAN, leg)
        if coming.answered is not None:
            yield from self._answer(channel, coming.answered)

    def _state(self, channel: str, state: str, at: datetime) -> Iterator[News]:
        if state == _UP:
            yield from self._answer(channel, at)
        if state != _DOWN:
            yield from self._dialled(channel)

    def _answer(self, channel: str, at: datetime) -> Iterator[News]:
        leg, coming = self._legs.get(channel), self._coming.get(channel)
        if leg is not None and leg.answered is None:
            self._legs[channel] = leg = replace(leg, answered=at)
            yield LegNews(Happened.ANSWERED, leg)
        elif coming is not None:
            coming.answered = at
        elif self._meanwhile is not None:
            self._meanwhile.answered[channel] = at

    def _move(self, message: Message, bridge: str, technology: str) -> Iterator[News]:
        channel = _mover(message)
        if not channel:
            return
        if self._meanwhile is not None:
            self._meanwhile.moved.add(channel)
        yield from self._leave(channel)
        if message.event == "BridgeEnter":
            self._talks.enter(channel, bridge, technology)
            yield from self._look(channel)

    def _leave(self, channel: str) -> Iterator[News]:
        beside = self._talks.leave(channel)
        self._between_outsiders.discard(channel)
        if beside:
            yield from self._look(beside[0])

    def _rename(self, old: str, new: str) -> Iterator[News]:
        """A channel takes another's place: a leg is what has the name on the trunk, whatever it was before."""
        self._talks.rename(old, new)
        yield from self._look(new)

    def _hang_up(self, channel: str, uniqueid: str) -> Iterator[News]:
        if self._meanwhile is not None:
            self._meanwhile.gone.add(channel)
        self._coming.pop(channel, None)
        yield from self._leave(channel)
        leg = self._legs.pop(channel, None)
        if leg is not None:
            yield LegNews(Happened.ENDED, leg)
        if leg is not None:
            uniqueid = leg.uniqueid
        # What is left of a channel whose place was taken ends, too, and may have its id: it is on no trunk.
        left = self._helped.end(uniqueid) if self.is_carrier(channel) else ()
        yield from (LegNews(Happened.WITHOUT_EMERGENCY, up) for up in self.legs() if up.uniqueid in left)

    def _look(self, channel: str) -> Iterator[News]:
        """See who is left in a conversation."""
        parties = self._talks.parties(channel)
        legs = [self._legs[name] for name in parties if name in self._legs]
        helpers = {leg.uniqueid for leg in legs if self._is_emergency(leg.endpoint, leg.dialled)}
        # Whoever speaks with help is with no outsider: that is looked at when help has gone.
        is_outside = len(parties) > 1 and not helpers and all(self.is_carrier(name) for name in parties)
        for leg in legs:
            if self._helped.meet(leg.uniqueid, helpers):
                yield LegNews(Happened.WITH_EMERGENCY, leg)
            if not is_outside:
                self._between_outsiders.discard(leg.channel)
            elif leg.channel not in self._between_outsiders:
                self._between_outsiders.add(leg.channel)
                yield LegNews(Happened.BETWEEN_OUTSIDERS, leg)


def endpoint_of(channel: str) -> str:
    """The endpoint of a PJSIP channel's name; "" for any other channel."""
    kind, _, rest = channel.partition("/")
    return rest[:-_SUFFIX] if kind == "PJSIP" and rest[-_SUFFIX:-8] == "-" else ""


def user_of(uri: str) -> str:
    """The user part of a SIP URI, with or without brackets and a name before it, without percent encoding."""
    address = uri.rpartition("<")[2]
    return unquote(address.partition(":")[2].rpartition("@")[0])


def _mover(message: Message) -> str:
    """The channel that enters or leaves a bridge, whose lines stand behind the bridge's; "" in doubt.

    A caller may break the name of a Local channel in two: the channel that he names in it stands further behind.
    """
    behind = message.lines[len(_BRIDGE) + 1 :]
    lines = [*dropwhile(lambda line: line[0].startswith(_VIDEO), behind)][: len(_CHANNEL)]
    return lines[0][1] if tuple(name for name, _ in lines) == _CHANNEL else ""


def _found_leg(found: Found, answered: datetime | None, at: datetime) -> Leg:
    if found.is_up and answered is None:
        answered = _instant(found.variables.get(ANSWERED, "")) or at
    extension, origin = _charged(found.variables)
    return Leg(
        channel=found.channel,
        uniqueid=found.uniqueid,
        linkedid=found.linkedid,
        endpoint=endpoint_of(found.channel),
        dialled=user_of(found.remote_uri),
        # The road sets the grant anew on a leg that is transferred; what it wrote down for the settlement stays.
        grant=_part(found.variables, 0) or found.variables.get(GRANT, ""),
        entry=_part(found.variables, 1),
        extension=extension,
        origin=origin,
        answered=answered,
        is_new=False,
    )


def _part(variables: Mapping[str, str], place: int) -> str:
    """One part of ``grant|entry|number``."""
    parts = variables.get(LEG, "").split("|")
    return parts[place] if place < len(parts) else ""


def _charged(variables: Mapping[str, str]) -> tuple[str, Origin]:
    extension, _, origin = variables.get(FOR, "").partition("|")
    return extension, _ORIGINS.get(origin, Origin.UNKNOWN)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
