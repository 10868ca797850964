"""What control sees of the calls on carrier trunks, and what it can do to them; Asterisk is one form, tests another."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

from callgate.core.attempt import Origin

_BORN = re.compile(r"([0-9]{1,10})\.[0-9]+$")
"""The end of a channel's unique id: the second in which it was made, and a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One outgoing channel to a carrier, as its channel variables (asterisk-conf/road.conf) and events say.

    Fields:
        channel: its name; never used again while Asterisk runs.
        uniqueid, linkedid: Asterisk's own.
        endpoint: the trunk's PJSIP endpoint, also of a channel that calls its address by another one.
        dialled: what goes to the carrier: the user part of its request URI, without percent encoding, or the whole URI
            if it has none; "" if unknown.
        grant: what `CALLGATE_GRANT` says; "" for none. Anybody who writes a dialplan can forge it.
        entry: the entry's context that the road gave it; "" for none.
        extension: the line that is charged, as the road found it.
        origin: as the road found it.
        answered: when the carrier answered, aware UTC; None while it rings.
        is_new: whether its beginning was seen. One that was up already when the link came up may have been granted by
            an earlier run of the gate.
    """

    channel: str
    uniqueid: str
    linkedid: str
    endpoint: str
    dialled: str
    grant: str
    entry: str
    extension: str
    origin: Origin
    answered: datetime | None
    is_new: bool


def born_at(uniqueid: str) -> datetime | None:
    """Read when a channel was made from its unique id, to the second before; None where it does not say."""
    found = _BORN.search(uniqueid)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


class Watcher:
    """Is told what happens to legs, in order, on the event loop. Nothing here may wait or raise: tasks do the work."""

    def began(self, leg: Leg) -> None:
        """A leg is about to send its INVITE, or was found when the link came up."""

    def numbered(self, leg: Leg) -> None:
        """What the leg sends to the carrier is known by now: it was not when it began."""

    def answered(self, leg: Leg) -> None:
        """The carrier answered."""

    def ended(self, leg: Leg) -> None:
        """The leg is gone."""

    def between_outsiders(self, leg: Leg) -> None:
        """No party of the clinic is left in the leg's conversation: only carrier channels are in its bridge."""

    def with_emergency(self, leg: Leg) -> None:
        """The leg is in one conversation with an emergency call: while that is up nothing may end it, nor a timer."""

    def without_emergency(self, leg: Leg) -> None:
        """Every emergency call that was in one conversation with the leg has ended; the leg is still up."""

    def linked(self) -> None:
        """The link is up, and every live leg has been told of by `began`."""

    def unlinked(self) -> None:
        """The link is lost; legs that end now end unseen."""


class Switch(ABC):
    """What control can do to the PBX. Each waits for Asterisk's answer, at most a second, and raises nothing."""

    @property
    @abstractmethod
    def is_linked(self) -> bool:
        """Whether the PBX can be reached now."""

    @abstractmethod
    def legs(self) -> tuple[Leg, ...]:
        """Every live leg, as far as events told."""

    @abstractmethod
    async def hang_up(self, channel: str) -> bool:
        """End a channel; whether Asterisk did, or knows no such channel any more."""

    @abstractmethod
    async def limit(self, channel: str, seconds: int) -> bool:
        """End a channel so many seconds from now, in the place of its former limit; 0 for none. Whether it is set."""

    @abstractmethod
    async def is_limited(self, channel: str) -> bool | None:
        """Ask whether a channel has a limit that ends it; None if it is not told."""

    @abstractmethod
    async def warn(self, channel: str) -> bool:
        """Sound a short tone to the clinic's party of this leg, and to nobody else; whether it could be started."""
