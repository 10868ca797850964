"""The board of live legs: what Asterisk's events say of the channels on carrier trunks. Pure: messages in, news out.

A channel is known by its name, which stands before everything in an event that a caller can write into (see
`callgate.control.ami`). A leg begins when it is dialled, which four lines say wherever they stand, too many for a
caller to write; or, if he has broken even those apart, when it rings or is answered. By then its variables are known,
and frozen: a leg that is transferred runs the road again, and gets those of the next leg. One of which no event told a
grant begins once Asterisk was asked for it.

A channel on another endpoint is a leg, too, if it calls the address of a trunk (`callgate.control.addresses`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import dropwhile
from types import MappingProxyType

from callgate.control.ami import Message
from callgate.control.conversations import Conversations
from callgate.control.helped import Helped
from callgate.control.legs import GRANT, Coming, dialled_in, endpoint_of, found_leg, new_leg
from callgate.control.news import Found, GrantWanted, Happened, LegNews, News, NumberWanted, TargetWanted
from callgate.control.switch import Leg

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
_BEFORE_DIALLED = ("Linkedid", "Privilege")
"""One of these stands before them, with the caller's channel or without. A caller can write 79 bytes in a row: enough
to forge the three lines for a trunk with a short name, and not this one, too."""
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
        self._coming: dict[str, Coming] = {}
        self._legs: dict[str, Leg] = {}
        self._helped = Helped() if helped is None else helped
        self._between_outsiders: set[str] = set()
        self._meanwhile: _Meanwhile | None = _Meanwhile()

    @property
    def endpoints(self) -> frozenset[str]:
        """The trunks'."""
        return self._endpoints

    def legs(self) -> tuple[Leg, ...]:
        """Every leg that is up."""
        return tuple(self._legs.values())

    def clinic_parties(self, channel: str) -> tuple[str, ...]:
        """The channels in a leg's conversation that are on no carrier trunk."""
        return tuple(name for name in self._talks.parties(channel) if not self.is_carrier(name))

    def is_carrier(self, channel: str) -> bool:
        """Whether a channel is on a carrier trunk, in or out, or calls a trunk's address."""
        return endpoint_of(channel) in self._endpoints or channel in self._legs

    def hear(self, message: Message, at: datetime) -> tuple[News, ...]:
        """Take one event.

        Args:
            message: as it came.
            at: now, aware UTC.

        Returns:
            What it means, in order.
        """
        news: list[News] = []
        for before in _BEFORE_DIALLED:
            for _, dialled, _, _ in message.runs(before, *_DIALLED):
                news += self._dialled(dialled, message.last("DialString"))
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
        """Learn what a leg sends to the carrier; "" while Asterisk does not say, with which it begins all the same."""
        dialled, leg = dialled_in(remote_uri), self._legs.get(channel)
        if (coming := self._coming.get(channel)) is not None:
            coming.dialled = dialled
            return tuple(self._begin(channel))
        if leg is None or leg.dialled or not dialled:
            return ()
        self._legs[channel] = leg = replace(leg, dialled=dialled)
        return (LegNews(Happened.NUMBERED, leg), *self._look(channel))

    def shows(self, channel: str, variables: Mapping[str, str]) -> tuple[News, ...]:
        """Learn what Asterisk says of a dialled leg's variables, by name."""
        coming = self._coming.get(channel)
        if coming is None:
            return ()
        # What an event told since is newer.
        coming.variables = {**variables, **coming.variables}
        coming.is_shown = True
        return tuple(self._begin(channel))

    def aims(self, channel: str, endpoint: str) -> tuple[News, ...]:
        """Learn whose address a channel on no trunk calls; "" for none of a trunk's."""
        coming = self._coming.get(channel)
        if coming is None:
            return ()
        if not endpoint:
            del self._coming[channel]
            return ()
        coming.endpoint = endpoint
        return (NumberWanted(channel), *self._begin(channel))

    def is_up(self, channel: str) -> bool:
        """Whether a channel is a leg, or may become one: it is announced, and has not ended."""
        return channel in self._coming or channel in self._legs

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
                leg = found_leg(found, meanwhile.answered.get(found.channel), at)
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
        endpoint = endpoint_of(channel)
        if not endpoint or state != _DOWN or channel in self._legs:
            return
        is_on_trunk = endpoint in self._endpoints
        self._coming[channel] = Coming(
            uniqueid=message.last("Uniqueid"),
            linkedid=message.last("Linkedid"),
            endpoint=endpoint if is_on_trunk else "",
        )
        yield NumberWanted(channel) if is_on_trunk else TargetWanted(channel)

    def _set(self, channel: str, message: Message) -> None:
        coming = self._coming.get(channel)
        if coming is not None:
            coming.variables[message.last("Variable")] = message.last("Value")

    def _dialled(self, channel: str, dial_string: str = "") -> Iterator[News]:
        coming = self._coming.get(channel)
        if coming is not None:
            coming.is_dialled = True
            coming.dial_string = coming.dial_string or dial_string
            yield from self._begin(channel)

    def _begin(self, channel: str) -> Iterator[News]:
        coming = self._coming[channel]
        if not coming.is_dialled or not coming.endpoint:
            return
        if not coming.is_shown and not coming.variables.get(GRANT):
            if not coming.is_asked:
                coming.is_asked = True
                yield GrantWanted(channel)
            return
        if coming.dialled is None:
            return
        del self._coming[channel]
        self._legs[channel] = leg = new_leg(channel, coming)
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
        coming = self._coming.pop(channel, None)
        if coming is not None and coming.is_dialled and coming.endpoint and not coming.variables.get(GRANT):
            yield from _vanished(new_leg(channel, coming), coming.answered)
        yield from self._leave(channel)
        is_carrier, leg = self.is_carrier(channel), self._legs.pop(channel, None)
        if leg is not None:
            uniqueid = leg.uniqueid
            yield LegNews(Happened.ENDED, leg)
        # What is left of a channel whose place was taken ends, too, and may have its id: it is on no trunk.
        left = self._helped.end(uniqueid) if is_carrier else ()
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


def _vanished(leg: Leg, answered: datetime | None) -> Iterator[News]:
    """Tell of a leg without a grant that was dialled, and gone before Asterisk could say to where."""
    yield LegNews(Happened.BEGAN, leg)
    if answered is not None:
        leg = replace(leg, answered=answered)
        yield LegNews(Happened.ANSWERED, leg)
    yield LegNews(Happened.ENDED, leg)


def _mover(message: Message) -> str:
    """The channel that enters or leaves a bridge, whose lines stand behind the bridge's; "" in doubt.

    A caller may break the name of a Local channel in two: the channel that he names in it stands further behind.
    """
    behind = message.lines[len(_BRIDGE) + 1 :]
    lines = [*dropwhile(lambda line: line[0].startswith(_VIDEO), behind)][: len(_CHANNEL)]
    return lines[0][1] if tuple(name for name, _ in lines) == _CHANNEL else ""
