"""Who speaks with whom: channels in bridges, seen through the Local channels that join one bridge to another. Pure."""

from collections.abc import Iterator
from itertools import chain

HOLDING = "holding_bridge"
"""Where channels are parked: they do not hear each other."""
_LOCAL = "Local/"
_HALVES = {";1": ";2", ";2": ";1"}
_NOBODY = ("CBAnn/", "CBRec/", "Announcer/", "Recorder/", "Snoop/")
"""Channels of Asterisk's own that speak or record in a bridge."""


class Conversations:
    """Which channel is in which bridge; channels by their names."""

    def __init__(self) -> None:
        self._bridge_of: dict[str, str] = {}
        self._inside: dict[str, dict[str, None]] = {}

    def enter(self, channel: str, bridge: str, technology: str = "") -> None:
        """A channel is in a bridge from now on, and in no other."""
        self.leave(channel)
        if bridge and technology != HOLDING:
            self._bridge_of[channel] = bridge
            self._inside.setdefault(bridge, {})[channel] = None

    def leave(self, channel: str) -> tuple[str, ...]:
        """A channel is in no bridge any more; returns those that stay in the one it was in."""
        bridge = self._bridge_of.pop(channel, "")
        if not bridge:
            return ()
        inside = self._inside[bridge]
        del inside[channel]
        if not inside:
            del self._inside[bridge]
        return tuple(inside)

    def rename(self, old: str, new: str) -> None:
        """A channel has another name from now on."""
        bridge = self._bridge_of.get(old, "")
        self.leave(old)
        self.enter(new, bridge)

    def is_in_one(self, channel: str) -> bool:
        """Whether a channel is in a bridge."""
        return channel in self._bridge_of

    def parties(self, channel: str) -> tuple[str, ...]:
        """Everybody in the conversation of a channel, itself too; nobody if it is in no bridge.

        A Local channel whose other half is in no bridge leads into an application, and counts as somebody.
        """
        return tuple(name for name in self._reached(channel) if not self._is_between(name) and not _is_nobody(name))

    def one_of_each(self) -> Iterator[str]:
        """One channel of every conversation."""
        seen: set[str] = set()
        for bridge, inside in self._inside.items():
            if bridge not in seen:
                channel = next(iter(inside))
                seen.update(self._bridges(channel))
                yield channel

    def _reached(self, channel: str) -> Iterator[str]:
        return chain.from_iterable(self._inside[bridge] for bridge in self._bridges(channel))

    def _bridges(self, channel: str) -> list[str]:
        """The bridges of a channel's conversation. The list grows while it is walked: each of them once."""
        bridges = [self._bridge_of[channel]] if channel in self._bridge_of else []
        seen = {*bridges}
        for bridge in bridges:
            beyond = (self._bridge_of.get(_other_half(name), "") for name in self._inside[bridge])
            fresh = dict.fromkeys(other for other in beyond if other and other not in seen)
            seen.update(fresh)
            bridges += fresh
        return bridges

    def _is_between(self, channel: str) -> bool:
        """Whether a channel only joins two bridges."""
        return self.is_in_one(_other_half(channel))


def _other_half(channel: str) -> str:
    """The other channel of a Local pair; "" for other channels."""
    half = channel[-2:]
    return channel[:-2] + _HALVES[half] if channel.startswith(_LOCAL) and half in _HALVES else ""


def _is_nobody(channel: str) -> bool:
    return channel.startswith(_NOBODY)
