"""The numbers that the measurements are made with: drawn from a seed, valid by libphonenumber."""

from collections.abc import Iterator
from random import Random

import phonenumbers

_E164 = phonenumbers.PhoneNumberFormat.E164
_CHANGED_DIGITS = 5
_KEPT_CHARACTERS = 6
"""The plus, the country code and some of what follows: what is left of it has to be a number."""


def practice_numbers(count: int) -> list[str]:
    """So many different French numbers, as a practice in France dials them."""
    examples = list(_examples(["FR"]))
    return [f"0{number.removeprefix('+33')}" for number in _different(examples, count, Random("practice"))]


def world_numbers(count: int, seed: str) -> list[str]:
    """So many different numbers of all regions, in international form; other seeds give other numbers."""
    return _different(list(_examples(sorted(phonenumbers.SUPPORTED_REGIONS))), count, Random(seed))


def any_numbers(count: int) -> Iterator[str]:
    """So many different strings that look like numbers of all regions, valid or not; made while they are asked for."""
    examples = list(_examples(sorted(phonenumbers.SUPPORTED_REGIONS)))
    for place in range(count):
        yield f"{examples[place % len(examples)][:-6]}{place:06}"


def _examples(regions: list[str]) -> Iterator[str]:
    for region in regions:
        for kind in sorted(phonenumbers.PhoneNumberType.values()):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                yield phonenumbers.format_number(example, _E164)


def _different(examples: list[str], count: int, rng: Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        example = rng.choice(examples)
        kept = max(_KEPT_CHARACTERS, len(example) - _CHANGED_DIGITS)
        end = "".join(rng.choices("0123456789", k=len(example) - kept))
        number = phonenumbers.parse(example[:kept] + end)
        if phonenumbers.is_valid_number(number):
            found[phonenumbers.format_number(number, _E164)] = None
    return list(found)
