"""A second reader of dialled strings, to hold the gate's own against: a digit automaton over the plan files.

It is written from numbers/RULES.md and knows nothing of `callgate.core`. It says what the truth may be: more than one
answer where the rules leave a choice, or where its sources contradict each other.
"""

from collections.abc import Iterator, Sequence

from fuzz.foreign import ForeignNumbers
from fuzz.plan_files import PlanFile
from fuzz.planned import PlannedNumbers
from fuzz.spelling import Spelled, spell
from fuzz.truth import INVALID, NOTHING, Answer, Truth, possible, truth_of, union

EXTENSION_MAX_DIGITS = 5
E164_MAX_DIGITS = 15


class Automaton:
    """Reads dialled strings for one home country."""

    def __init__(self, plan: PlanFile, foreign: ForeignNumbers) -> None:
        self._plan = plan
        self._planned = PlannedNumbers(plan)
        self._foreign = foreign
        self._codes = plan.caller_id_codes
        self._closed_codes = {plan.dial_code, *(plan.dial_codes[region] for region in plan.overseas)}
        self._emergencies = {
            start + number: Answer(number=number, region=plan.country, number_class="emergency")
            for number in plan.emergency
            for start in ("", *(start + plan.dial_code for start in ("+", *plan.international_prefixes)))
        }
        self._lifelines = {plan.dial_code + number: number for number in plan.must_reach if number.isdigit()}

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
            truth = truth_of(*(answer if answer.number.startswith("+") else INVALID for answer in truth.answers))
        return union([truth, NOTHING]) if spelled.doubtful else truth

    def _of_body(self, spelled: Spelled, prefix: str) -> Truth:
        heads = list(self._heads(spelled.body, prefix))
        for rest, _ in heads:
            emergency = self._emergencies.get(rest.removesuffix("#"))
            if emergency is not None:
                return truth_of(emergency)
        readings = [self._of_rest(rest, spelled, prefix, has_prefix=has_prefix) for rest, has_prefix in heads]
        found = possible(readings)
        if any(rest.startswith(code) and rest != code for rest, _ in heads for code in self._codes if code.isdecimal()):
            # A short string may be an extension, or a caller-id code of plain digits and then no number.
            found = union([found, NOTHING]) if found.is_internal else found
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
        found = self._planned.national(digits)
        if found is not None:
            return truth_of(found)
        is_full = digits.startswith(self._plan.trunk_prefix)
        return self._shared(digits.removeprefix(self._plan.trunk_prefix)) if is_full else NOTHING

    def _international_number(self, digits: str) -> Truth:
        if not digits.isdigit() or len(digits) > E164_MAX_DIGITS + len("0"):
            return NOTHING
        lifeline = self._planned.national(self._lifelines.get(digits, ""))
        if lifeline is not None:
            return truth_of(lifeline)
        spellings = self._without_trunk_zero(digits)
        planned = [found for spelling in spellings if (found := self._planned.international(spelling)) is not None]
        if planned:
            return truth_of(*planned)
        if digits.startswith(self._plan.dial_code):
            return possible(self._shared(spelling.removeprefix(self._plan.dial_code)) for spelling in spellings)
        return NOTHING if digits.startswith(tuple(self._closed_codes)) else self._foreign.truth(digits)

    def _without_trunk_zero(self, digits: str) -> list[str]:
        """The digits as they are, and without a trunk zero behind one of the plan's own codes."""
        zeros = (
            code for code in self._planned.codes if self._plan.trunk_prefix == "0" and digits.startswith(f"{code}0")
        )
        return [digits, *(code + digits.removeprefix(f"{code}0") for code in zeros)]

    def _shared(self, subscriber: str) -> Truth:
        """A number under the home country code that is not the plan's may be one of a region that shares the code."""
        if not self._plan.shared_with:
            return NOTHING
        truth = self._foreign.exact(self._plan.dial_code, subscriber)
        return truth_of(*(answer if answer.region in self._plan.shared_with else INVALID for answer in truth.answers))


def _internal(*numbers: str) -> Truth:
    """An extension or feature code: it never goes to a trunk, so the form of its number is free."""
    return truth_of(*(Answer(number=number, region="", number_class="internal_feature") for number in numbers))


def _begins(digits: str, places: Sequence[str]) -> bool:
    return len(digits) >= len(places) and all(digit in place for digit, place in zip(digits, places, strict=False))
