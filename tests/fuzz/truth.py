"""What the second oracle says: not one answer, but all that may be right."""

from collections.abc import Iterable
from dataclasses import dataclass

CHEAP = frozenset({"national_fixed", "national_mobile", "freephone", "emergency", "internal_feature", "special_short"})
"""The classes that cost little or nothing, as numbers/score.py has them."""

FOREIGN = frozenset(
    {
        "international_fixed",
        "international_mobile",
        "international_premium",
        "satellite_global",
        "personal_number",
        "m2m_pager",
        "shared_cost",
    }
)
"""What a number of another country or of the whole world may be, beside the universal freephone number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader says of a dialled string, in the columns of public.csv."""

    number: str
    region: str
    number_class: str


INVALID = Answer(number="", region="", number_class="invalid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What may be said of a dialled string: one of the answers, or a foreign number of one of the regions."""

    answers: frozenset[Answer]
    foreign_numbers: frozenset[str] = frozenset()
    foreign_regions: frozenset[str] = frozenset()

    def allows(self, answer: Answer) -> bool:
        """Whether the answer may be right."""
        return answer in self.answers or (
            answer.number in self.foreign_numbers
            and answer.region in self.foreign_regions
            and answer.number_class in FOREIGN
        )

    @property
    def is_emergency(self) -> bool:
        """Whether nothing but an emergency call is right."""
        return all(answer.number_class == "emergency" for answer in self.answers)


NOTHING = Truth(answers=frozenset({INVALID}))
"""No number at all."""


def possible(readings: Iterable[Truth]) -> Truth:
    """All readings that mean something; invalid only where none does."""
    return union([reading for reading in readings if reading != NOTHING] or [NOTHING])


def union(truths: Iterable[Truth]) -> Truth:
    known = list(truths)
    if len(known) == 1:
        return known[0]
    return Truth(
        answers=frozenset().union(*(truth.answers for truth in known)),
        foreign_numbers=frozenset().union(*(truth.foreign_numbers for truth in known)),
        foreign_regions=frozenset().union(*(truth.foreign_regions for truth in known)),
    )
