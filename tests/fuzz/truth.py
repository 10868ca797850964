"""What the second oracle says: not one answer, but all that may be right."""

from collections.abc import Iterable
from dataclasses import dataclass

_CHEAP = (
    *("national_fixed", "national_mobile", "freephone"),
    *("emergency", "internal_feature", "special_short"),
)
_PLAIN_ABROAD = ("international_fixed", "international_mobile")
_DEAR = (
    *("shared_cost", "premium", "directory", "personal_number", "m2m_pager"),
    *("international_premium", "invalid"),
)
_COST = {
    **dict.fromkeys(_CHEAP, 0),
    **dict.fromkeys(_PLAIN_ABROAD, 1),
    **dict.fromkeys(_DEAR, 2),
    "satellite_global": 3,
}
"""How dear a class is. The cheap ones are those of numbers/score.py; a call to no number costs what nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader says of a dialled string, in the columns of public.csv."""

    number: str
    region: str
    number_class: str

    @property
    def cost(self) -> int:
        """How dear its class is: 0 to 3."""
        return _COST[self.number_class]


INVALID = Answer(number="", region="", number_class="invalid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What may be said of a dialled string: any of the answers."""

    answers: frozenset[Answer]

    @property
    def is_emergency(self) -> bool:
        """Whether nothing but an emergency call is right."""
        return all(answer.number_class == "emergency" for answer in self.answers)

    @property
    def is_internal(self) -> bool:
        """Whether the string stays in the house."""
        return all(answer.number_class == "internal_feature" for answer in self.answers)

    def is_too_cheap(self, answer: Answer) -> bool:
        """Whether an answer hides where the money goes: a cheaper class, or a region that is not the number's."""
        numbers = self.answers - {INVALID} or self.answers
        cheapest = min(right.cost for right in numbers)
        return answer.cost < cheapest or answer.region not in {right.region for right in numbers}


def truth_of(*answers: Answer) -> Truth:
    """Any of these answers."""
    return Truth(answers=frozenset(answers))


NOTHING = truth_of(INVALID)
"""No number at all."""


def possible(readings: Iterable[Truth]) -> Truth:
    """All readings that mean something; invalid only where none does."""
    return union([reading for reading in readings if reading != NOTHING] or [NOTHING])


def union(truths: Iterable[Truth]) -> Truth:
    """Whatever one of them allows."""
    return Truth(answers=frozenset().union(*(truth.answers for truth in truths)))
