"""The model's velocities: when calls started, under one name."""

from dataclasses import dataclass, field

from callgate.core.hold import Velocity


@dataclass(slots=True)
class Starts:
    """The latest starts under one name: ledger second and tag, oldest first. Useless from `ends_s` on."""

    entries: list[tuple[int, str]] = field(default_factory=list)
    ends_s: int = 0

    def too_many(self, velocity: Velocity, now_s: int) -> int | None:
        """Test one more start.

        Returns:
            None if it is admitted, else in how many seconds it would be (0 where nobody can tell).
        """
        entries = self._recent(velocity, now_s)
        if velocity.tag and any(tag == velocity.tag for _, tag in entries):
            return None
        leaving = len(entries) - velocity.count_max
        if leaving < 0:
            return None
        return entries[leaving][0] + velocity.span_s - now_s if leaving < len(entries) else 0

    def record(self, velocity: Velocity, now_s: int) -> None:
        """Count one more start; of each tag only the latest is kept, and at most `count_max` in all."""
        others = [entry for entry in self._recent(velocity, now_s) if not velocity.tag or entry[1] != velocity.tag]
        kept = [*others, (now_s, velocity.tag)]
        self.entries = kept[max(0, len(kept) - velocity.count_max) :]
        self.ends_s = now_s + velocity.span_s

    def _recent(self, velocity: Velocity, now_s: int) -> list[tuple[int, str]]:
        return [entry for entry in self.entries if now_s - entry[0] < velocity.span_s]
