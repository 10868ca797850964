"""Dialled strings as people, phones and thieves write them: every number of every plan, in every dress.

All chance comes from one `random.Random`: a seed gives the same strings again, and Hypothesis, which hands in its own,
can shrink what it finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import phonenumbers

from fuzz.dresses import Number, chance, dressed, misdialled, one_digit_off, plain, random_digits, tampered
from fuzz.plan_files import PlanFile, Range

OUTSIDE_PREFIXES = ("", "", "0", "9")
_NOISE: tuple[str, ...] = (
    *("", " ", "+", "0", "00", "*", "#", "(0)", "9", "h", "s", "i", "t", "e1", "anonymous"),
    *("_X.", "${EXTEN}", "sip:", "tel:", "sip:@", "0x8142685300"),
    *("*98", "*21*0612345678#", "**61*0899701234#", "*#21#", "*31#", "#31#", "*8", "##002#"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One string that somebody dials."""

    home: str
    outside_prefix: str
    dialled: str


class Grammar:
    """Draws samples over some plans."""

    def __init__(self, plans: Mapping[str, PlanFile]) -> None:
        self._plans = list(plans.values())
        self._reserved = {
            country: sorted(plan.emergency | {number.removeprefix("+") for number in plan.must_reach})
            for country, plan in plans.items()
        }
        self._short_numbers = {
            country: sorted(plan.emergency | {number for number in plan.must_reach if number.isdecimal()})
            for country, plan in plans.items()
        }
        self._foreign = _examples()

    def sample(self, rng: Random) -> Sample:
        """Draw any string: most in an accepted dress, some misdialled, many tampered with after that."""
        plan, prefix = rng.choice(self._plans), rng.choice(OUTSIDE_PREFIXES)
        kind = rng.random()
        if kind < 0.72:
            dialled = dressed(rng, self._any_number(rng, plan), plan, prefix)
        elif kind < 0.96:
            dialled = misdialled(rng, self._any_number(rng, plan), plan, prefix)
        else:
            dialled = rng.choice(_NOISE)
        while chance(rng, 0.4):
            dialled = tampered(rng, dialled)
        return Sample(home=plan.country, outside_prefix=prefix, dialled=dialled)

    def spellings(self, rng: Random) -> tuple[Sample, Sample]:
        """Draw two strings that mean the same number: the simplest, and one in any accepted dress."""
        plan, prefix = rng.choice(self._plans), rng.choice(OUTSIDE_PREFIXES)
        number = self._number(rng, plan)
        texts = plain(number, prefix), dressed(rng, number, plan, prefix)
        first, second = (Sample(home=plan.country, outside_prefix=prefix, dialled=text) for text in texts)
        return first, second

    def _any_number(self, rng: Random, plan: PlanFile) -> Number:
        kind = rng.random()
        if kind < 0.9:
            return self._number(rng, plan)
        if kind < 0.96:
            digits = one_digit_off(rng, rng.choice(self._reserved[plan.country]))
            return Number(digits=digits, abroad=False, full=False)
        digits = random_digits(rng, rng.randint(1, 16))
        return Number(digits=digits, abroad=chance(rng, 0.5), full=True)

    def _number(self, rng: Random, plan: PlanFile) -> Number:
        """Draw a number that somebody at home in `plan` may want to reach."""
        kind = rng.random()
        if kind < 0.17:
            return _short(rng, rng.choice(sorted(plan.emergency)), plan)
        if kind < 0.19:
            return _short(rng, rng.choice(self._short_numbers[plan.country]), plan)
        if kind < 0.61:
            return _of_range(rng, rng.choice(plan.ranges), plan)
        if kind < 0.7:
            return _from_abroad(rng, rng.choice(self._plans))
        example, changed = rng.choice(self._foreign), rng.randint(0, 6)
        digits = example[: len(example) - changed] + random_digits(rng, changed)
        if digits.startswith(plan.dial_code) and chance(rng, 0.5):
            return Number(digits=plan.trunk_prefix + digits.removeprefix(plan.dial_code), abroad=False, full=True)
        return Number(digits=digits, abroad=True, full=True)


def digits_of(rng: Random, found: Range) -> str:
    """The digits of some number of a range, as they are dialled at home."""
    length = rng.randint(found.shortest, found.longest)
    return "".join(map(rng.choice, found.places)) + random_digits(rng, max(0, length - len(found.places)))


def abroad(digits: str, found: Range, plan: PlanFile) -> str:
    """The international form, without any prefix, of a family's number."""
    return plan.dial_codes[found.region] + digits.removeprefix(found.trunk or "")


def _short(rng: Random, digits: str, plan: PlanFile) -> Number:
    """A short number, which some phones dial behind the country code."""
    return _home_or_abroad(rng, digits, plan.dial_code + digits, full=False)


def _from_abroad(rng: Random, plan: PlanFile) -> Number:
    """A number of some country, as the others dial it."""
    found = rng.choice([found for found in plan.ranges if found.trunk is not None])
    return Number(digits=abroad(digits_of(rng, found), found, plan), abroad=True, full=True)


def _of_range(rng: Random, found: Range, plan: PlanFile) -> Number:
    digits = digits_of(rng, found)
    if found.trunk is None:
        return Number(digits=digits, abroad=False, full=False)
    return _home_or_abroad(rng, digits, abroad(digits, found, plan), full=True)


def _home_or_abroad(rng: Random, national: str, international: str, *, full: bool) -> Number:
    is_abroad = chance(rng, 0.35)
    return Number(digits=international if is_abroad else national, abroad=is_abroad, full=full)


def _examples() -> list[str]:
    """The example numbers of every region and type that libphonenumber knows, in international form."""
    kinds = sorted(phonenumbers.PhoneNumberType.values())
    parsed = [
        phonenumbers.example_number_for_type(region, kind)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
    ]
    codes = sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
    parsed += [phonenumbers.example_number_for_non_geo_entity(code) for code in codes]
    e164 = phonenumbers.PhoneNumberFormat.E164
    return sorted({phonenumbers.format_number(found, e164).removeprefix("+") for found in parsed if found is not None})
