"""Which legs help is with: those that were in one conversation with an emergency leg, as long as that one is up. Pure.

Not only while they speak with it: a transfer moves legs in and out of bridges, and the end of the emergency leg is the
one fact that ends help.
"""

from collections.abc import Iterable


class Helped:
    """Kept while links come and go. Channels by their unique ids: Asterisk begins anew with its names."""

    def __init__(self) -> None:
        self._helpers: dict[str, set[str]] = {}

    def __contains__(self, leg: object) -> bool:
        """Whether help is with a leg."""
        return leg in self._helpers

    def meet(self, leg: str, helpers: Iterable[str]) -> bool:
        """Learn which emergency legs are in a leg's conversation; whether it is helped only now."""
        found, is_new = {*helpers}, leg not in self._helpers
        if found:
            self._helpers.setdefault(leg, set()).update(found)
        return bool(found) and is_new

    def end(self, channel: str) -> tuple[str, ...]:
        """Learn that a channel is gone; returns the legs that help is with no more."""
        self._helpers.pop(channel, None)
        left = tuple(leg for leg, helpers in self._helpers.items() if helpers == {channel})
        for helpers in self._helpers.values():
            helpers.discard(channel)
        for leg in left:
            del self._helpers[leg]
        return left

    def review(self, up: set[str]) -> None:
        """Learn which channels are up, after some may have ended unseen."""
        for channel in {*self._helpers}.union(*self._helpers.values()) - up:
            self.end(channel)
