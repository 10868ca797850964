"""What one plan file says of digits: an automaton over its ranges, first listed first."""

from collections.abc import Sequence

from fuzz.metadata import kinds
from fuzz.plan_files import PlanFile, Range
from fuzz.truth import Answer


class _State:
    """One state of the automaton: so many digits read, and the ranges that still fit."""

    __slots__ = ("alive", "depth", "following")

    def __init__(self, depth: int, alive: Sequence[Range]) -> None:
        self.depth = depth
        self.alive = alive
        self.following: dict[str, _State] = {}

    def after(self, digit: str) -> "_State":
        """The state after one more digit, built when it is first reached."""
        if digit not in self.following:
            depth = self.depth
            alive = [
                found
                for found in self.alive
                if depth < found.longest and (depth >= len(found.places) or digit in found.places[depth])
            ]
            self.following[digit] = _State(depth + 1, alive)
        return self.following[digit]

    @property
    def accepted(self) -> Range | None:
        """The first listed range that covers the digits read, if any."""
        fit = (found for found in self.alive if max(found.shortest, len(found.places)) <= self.depth)
        return next(fit, None)


class PlannedNumbers:
    """The numbers of one plan, as they are dialled at home and as they are dialled from anywhere.

    Fields:
        codes: the country codes of its numbers.
    """

    def __init__(self, plan: PlanFile) -> None:
        self._plan = plan
        self._start = _State(0, plan.ranges)
        self._international = sorted(
            {(plan.dial_codes[found.region], found.trunk) for found in plan.ranges if found.trunk is not None}
        )
        self.codes = frozenset(code for code, _ in self._international)

    def national(self, digits: str) -> Answer | None:
        """Read digits as they are dialled at home; None where the plan has no such number in service."""
        found = self._range(digits) if digits.isdecimal() else None
        if found is None:
            return None
        if found.trunk is None:
            return Answer(number=digits, region=found.region, number_class=found.number_class)
        code, subscriber = self._plan.dial_codes[found.region], digits.removeprefix(found.trunk)
        if not found.sure and not kinds(code, found.region, subscriber):
            return None
        return Answer(number=f"+{code}{subscriber}", region=found.region, number_class=found.number_class)

    def international(self, digits: str) -> Answer | None:
        """Read digits that begin with a country code, nothing left in them; None as in `national`."""
        found = (
            self.national(trunk + digits.removeprefix(code))
            for code, trunk in self._international
            if digits.startswith(code)
        )
        return next((answer for answer in found if answer is not None and answer.number == f"+{digits}"), None)

    def _range(self, digits: str) -> Range | None:
        state = self._start
        for digit in digits:
            state = state.after(digit)
            if not state.alive:
                return None
        return state.accepted
