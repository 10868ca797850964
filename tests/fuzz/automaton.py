"""A second reader of dialled strings, to hold the gate's own against: a digit automaton over the plan files.

It is written from numbers/RULES.md and knows nothing of `callgate.core`. It does not say what one number is; it says
what the truth may be, and is exact wherever money or a life hangs on it: emergency numbers, and what counts as cheap.
Of foreign numbers it knows the country code and that none of them is cheap.
"""

from collections.abc import Iterator, Sequence

import phonenumbers

from fuzz.plan_files import PlanFile, Range
from fuzz.spelling import Spelled, spell
from fuzz.truth import INVALID, NOTHING, Answer, Truth, possible, union

EXTENSION_MAX_DIGITS = 5
E164_MAX_DIGITS = 15
_UNIVERSAL_FREEPHONE = "800"
_UNIVERSAL_FREEPHONE_DIGITS = 11


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


def _zero_may_be_dropped(calling_code: int) -> bool:
    """Whether callers there write a trunk zero, as far as libphonenumber knows."""
    main_region = phonenumbers.region_code_for_country_code(calling_code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(main_region)
    return metadata is not None and "0" in (metadata.national_prefix_for_parsing or "")


_REGIONS = {str(code): frozenset(regions) for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()}
_ZERO_MAY_BE_DROPPED = {str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE if _zero_may_be_dropped(code)}


class Automaton:
    """Reads dialled strings for one home country."""

    def __init__(self, plan: PlanFile) -> None:
        self._plan = plan
        self._start = _State(0, plan.ranges)
        self._codes = plan.caller_id_codes
        self._international = tuple(
            {(plan.dial_codes[found.region], found.trunk) for found in plan.ranges if found.trunk is not None}
        )
        self._overseas_codes = {plan.dial_codes[region] for region in plan.overseas}
        self._emergencies = {
            start + number: Answer(number=number, region=plan.country, number_class="emergency")
            for number in plan.emergency
            for start in ("", *(start + plan.dial_code for start in ("+", *plan.international_prefixes)))
        }

    def truth(self, dialled: str, outside_prefix: str) -> Truth:
        """Say what may be said of a dialled string.

        Args:
            dialled: any text.
            outside_prefix: the digits that ask for an outside line, or "".
        """
        spelled = spell(dialled)
        if spelled is None:
            return NOTHING
        truth = self._of_body(spelled, outside_prefix)
        if spelled.has_after:
            # Digits for after the answer belong to a full number alone.
            full = {answer if answer.number.startswith("+") else INVALID for answer in truth.answers}
            truth = Truth(
                answers=frozenset(full),
                foreign_numbers=truth.foreign_numbers,
                foreign_regions=truth.foreign_regions,
            )
        return union([truth, NOTHING]) if spelled.doubtful else truth

    def _of_body(self, spelled: Spelled, prefix: str) -> Truth:
        heads = list(self._heads(spelled.body, prefix))
        for rest, _ in heads:
            emergency = self._emergencies.get(rest.removesuffix("#"))
            if emergency is not None:
                return Truth(answers=frozenset({emergency}))
        readings = [self._of_rest(rest, spelled, prefix, has_prefix=has_prefix) for rest, has_prefix in heads]
        found = possible(readings)
        shortest = min(len(rest) for rest, _ in heads)
        if found.answers == {INVALID} and spelled.body[:1] in {"*", "#"} and shortest <= EXTENSION_MAX_DIGITS:
            # A caller-id code, and then no number: a code of the phone system, or nothing.
            return union([_internal(spelled.body), found])
        return found

    def _heads(self, body: str, prefix: str) -> Iterator[tuple[str, bool]]:
        """Every way to take caller-id codes and one outside prefix off the front; whether the prefix was there."""
        for rest in self._without_codes(body):
            yield rest, False
            if prefix and rest.startswith(prefix):
                for inner in self._without_codes(rest.removeprefix(prefix)):
                    yield inner, True

    def _without_codes(self, text: str) -> Iterator[str]:
        """What is left without the caller-id code; one of plain digits may be no code but a number's beginning."""
        rests = [text]
        while rests:
            rest = rests.pop()
            shorter = [rest.removeprefix(code) for code in self._codes if rest.startswith(code) and rest != code]
            if rest[:1] not in {"*", "#"} or not shorter:
                yield rest
            rests += shorter

    def _of_rest(self, rest: str, spelled: Spelled, prefix: str, *, has_prefix: bool) -> Truth:
        number = rest.removesuffix("#")
        if "*" in number or "#" in number or rest == "#":
            return self._feature(rest, spelled)
        if not prefix or has_prefix or number.startswith("+"):
            public = self._public_number(number)
            # An address needs no prefix: it is read as it stands, and may be read without its prefix, too.
            return union([public, NOTHING]) if spelled.is_uri and has_prefix else public
        if number.isdigit() and len(number) <= EXTENSION_MAX_DIGITS:
            extension = _internal(spelled.body, rest, number)
            if spelled.is_uri:
                return union([self._public_number(number), extension])
            return NOTHING if number.startswith(prefix) else extension
        return self._public_number(number) if spelled.is_uri else NOTHING

    def _feature(self, rest: str, spelled: Spelled) -> Truth:
        internal = _internal(spelled.body, rest)
        sure = rest[0] in "*#" and rest != "#" and "+" not in rest and not spelled.is_uri
        return internal if sure else union([internal, NOTHING])

    def _public_number(self, digits: str) -> Truth:
        """A number as the public network gets it, in national form or after an international prefix."""
        if digits.startswith("+"):
            return self._international_number(digits.removeprefix("+"))
        readings = [
            self._international_number(digits.removeprefix(start))
            for start in self._plan.international_prefixes
            if digits.startswith(start)
        ]
        if not any(_begins(digits, places) for places in self._plan.carrier_selection):
            readings += [self._national_number(digits)]
            if self._plan.trunk_optional and not digits.startswith(self._plan.trunk_prefix):
                readings += [self._national_number(self._plan.trunk_prefix + digits)]
        return possible(readings)

    def _national_number(self, digits: str) -> Truth:
        found = self._range(digits)
        truth = NOTHING if found is None else self._truth_of(found, digits)
        if digits.startswith(self._plan.trunk_prefix):
            return self._or_shared(truth, self._plan.dial_code + digits.removeprefix(self._plan.trunk_prefix))
        return truth

    def _international_number(self, digits: str) -> Truth:
        if not digits.isdigit() or len(digits) > E164_MAX_DIGITS + len("0"):
            return NOTHING
        for code, trunk in self._international:
            if digits.startswith(code):
                found = self._planned_number(digits.removeprefix(code), code, trunk)
                if found is not None:
                    return self._or_shared(found, digits)
        return self._foreign_number(digits)

    def _or_shared(self, truth: Truth, digits: str) -> Truth:
        """What the plan cannot vouch for may be a number of a region that shares the home country code."""
        if self._plan.shared_with and INVALID in truth.answers and digits.startswith(self._plan.dial_code):
            return union([truth, self._foreign_number(digits)])
        return truth

    def _planned_number(self, rest: str, code: str, trunk: str) -> Truth | None:
        """A number of the plan in international form; one trunk zero that was left in it is dropped."""
        spellings = (rest, rest.removeprefix("0")) if self._plan.trunk_prefix == "0" else (rest,)
        for subscriber in spellings:
            found = self._range(trunk + subscriber)
            if found is not None and (found.trunk, self._plan.dial_codes[found.region]) == (trunk, code):
                return self._truth_of(found, trunk + subscriber)
        return None

    def _range(self, digits: str) -> Range | None:
        if not digits.isdigit():
            return None
        state = self._start
        for digit in digits:
            state = state.after(digit)
            if not state.alive:
                return None
        return state.accepted

    def _truth_of(self, found: Range, digits: str) -> Truth:
        number = digits
        if found.trunk is not None:
            number = f"+{self._plan.dial_codes[found.region]}{digits.removeprefix(found.trunk)}"
        answer = Answer(number=number, region=found.region, number_class=found.number_class)
        return Truth(answers=frozenset({answer} if found.sure else {answer, INVALID}))

    def _foreign_number(self, digits: str) -> Truth:
        code = next((digits[:length] for length in (1, 2, 3) if digits[:length] in _REGIONS), None)
        if code is None or code in self._overseas_codes:
            return NOTHING
        if code == _UNIVERSAL_FREEPHONE:
            if len(digits) != _UNIVERSAL_FREEPHONE_DIGITS:
                return NOTHING
            # Not every one is in service.
            return Truth(
                answers=frozenset({INVALID, Answer(number=f"+{digits}", region="001", number_class="freephone")})
            )
        regions = self._plan.shared_with if code == self._plan.dial_code else _REGIONS[code]
        numbers = {f"+{digits}"}
        if code in _ZERO_MAY_BE_DROPPED:
            numbers.add(f"+{code}{digits.removeprefix(code).removeprefix('0')}")
        return Truth(answers=frozenset({INVALID}), foreign_numbers=frozenset(numbers), foreign_regions=regions)


def _internal(*numbers: str) -> Truth:
    """An extension or feature code: it never goes to a trunk, so the form of its number is free."""
    answers = {Answer(number=number, region="", number_class="internal_feature") for number in numbers}
    return Truth(answers=frozenset(answers))


def _begins(digits: str, places: Sequence[str]) -> bool:
    return len(digits) >= len(places) and all(digit in place for digit, place in zip(digits, places, strict=False))
