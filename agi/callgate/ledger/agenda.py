"""Values by name, in the order of a second that each of them has: what is due is found without looking at the rest."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Agenda(Generic[Value]):
    """At most one value a name."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, Value]] = {}
        self._order: list[tuple[int, str]] = []

    def __len__(self) -> int:
        """Count the values."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Value]:
        """Go through the values, by name."""
        return (self._entries[name][1] for name in sorted(self._entries))

    def get(self, name: str) -> Value | None:
        """Find the value of a name."""
        entry = self._entries.get(name)
        return None if entry is None else entry[1]

    def put(self, name: str, second: int, value: Value) -> None:
        """Enter a value, in place of the one that the name had."""
        if name in self._entries:
            self.take(name)
        self._entries[name] = (second, value)
        insort(self._order, (second, name))

    def amend(self, name: str, value: Value) -> None:
        """Put another value in the place of one that must be there."""
        self._entries[name] = (self._entries[name][0], value)

    def take(self, name: str) -> Value:
        """Take a value out, which must be there."""
        second, value = self._entries.pop(name)
        del self._order[bisect_left(self._order, (second, name))]
        return value

    def due(self, before_s: int) -> list[str]:
        """List the names whose second is before `before_s`, in the order of second and name."""
        return [name for _, name in self._order[: bisect_left(self._order, (before_s, ""))]]
