"""What is unsound about a number plan although it can be read, and where it meets a clinic's own extensions."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations

from callgate.core.dialling import read_dialled
from callgate.core.plan import Family, NumberClass, NumberPlan, PriceCap, ShortCode
from callgate.core.ranges import meet, places_of

SHOWN_MAX = 5
"""Of what a finding is about, so many ranges are named."""
EMERGENCY_MAX_DIGITS = 6
CAP_MAX_MICROS = 1_000_000
"""No ordinary minute costs more than 1.00, whatever the currency of the thirteen plans."""


class Flaw(StrEnum):
    """What can be found about a plan; the last three are only worth knowing."""

    SOURCE_UNUSED = "source_unused"
    SOURCE_UNTITLED = "source_untitled"
    SOURCE_FROM_TOMORROW = "source_from_tomorrow"
    NAMED_TWICE = "named_twice"
    IN_NO_RANGE = "in_no_range"
    EMERGENCY_TOO_LONG = "emergency_too_long"
    CODE_TAKES_NUMBERS = "code_takes_numbers"
    CAP_TOO_HIGH = "cap_too_high"
    EXTENSION_IS_EMERGENCY = "extension_is_emergency"
    EXTENSION_IS_LIFELINE = "extension_is_lifeline"
    PRACTICE_UNPRICED = "practice_unpriced"
    EXCEPTION = "exception"

    @property
    def wrong(self) -> bool:
        """Whether it has to be corrected."""
        return self not in {Flaw.EXTENSION_IS_LIFELINE, Flaw.PRACTICE_UNPRICED, Flaw.EXCEPTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFinding:
    """One flaw, at `subject` (a source, a number, a range), with what else there is to say in `detail`."""

    flaw: Flaw
    subject: str
    detail: str = ""


def lint_plan(
    plan: NumberPlan, extensions: Iterable[str], outside_prefixes: Iterable[str], on: date
) -> tuple[PlanFinding, ...]:
    """Look for what reading a plan does not find.

    Args:
        plan: one that could be read.
        extensions: the clinic's internal numbers, as Asterisk patterns without the leading ``_``: ``1XX``.
        outside_prefixes: what may be dialled before an outside number there.
        on: today; no source is from a later day.

    Returns:
        Mistakes first.
    """
    found = [
        *_sources(plan, on),
        *_named_numbers(plan),
        *_codes(plan),
        *_extensions(plan, extensions, tuple(outside_prefixes)),
        *_exceptions(plan),
    ]
    if plan.unknown_rate_cap_micros > CAP_MAX_MICROS:
        found.append(PlanFinding(flaw=Flaw.CAP_TOO_HIGH, subject=plan.unknown_rate_cap))
    return tuple(sorted(found, key=lambda finding: not finding.flaw.wrong))


def _sources(plan: NumberPlan, on: date) -> Iterator[PlanFinding]:
    used = {entry.source for entry in plan.entries}
    for name, source in plan.sources.items():
        if name not in used:
            yield PlanFinding(flaw=Flaw.SOURCE_UNUSED, subject=name)
        if not source.title.strip():
            yield PlanFinding(flaw=Flaw.SOURCE_UNTITLED, subject=name)
        if source.date > on:
            yield PlanFinding(flaw=Flaw.SOURCE_FROM_TOMORROW, subject=name, detail=source.date.isoformat())


def _named_numbers(plan: NumberPlan) -> Iterator[PlanFinding]:
    """A number with a name must be one that a call can have, else nobody reaches it."""
    named = Counter(entry.number for entry in (*plan.emergency, *plan.must_reach, *plan.practice_numbers))
    for number, times in named.items():
        if times > 1:
            yield PlanFinding(flaw=Flaw.NAMED_TWICE, subject=number)
    for entry in plan.emergency:
        if len(entry.number) > EMERGENCY_MAX_DIGITS:
            yield PlanFinding(flaw=Flaw.EMERGENCY_TOO_LONG, subject=entry.number, detail=entry.service)
    for entry in (*plan.must_reach, *plan.practice_numbers):
        found = read_dialled(entry.number, plan=plan, outside_prefix="")
        if found.number != entry.number:
            yield PlanFinding(flaw=Flaw.IN_NO_RANGE, subject=entry.number, detail=entry.service)
        elif entry in plan.practice_numbers and found.cap is None:
            yield PlanFinding(flaw=Flaw.PRACTICE_UNPRICED, subject=entry.number, detail=entry.service)


def _codes(plan: NumberPlan) -> Iterator[PlanFinding]:
    """A caller-id code of digits must not be how a number begins: the number would lose its first digits."""
    numbers = [entry.number for entry in (*plan.emergency, *plan.must_reach, *plan.practice_numbers)]
    for code in (entry.code for entry in plan.caller_id_codes if entry.code.isdecimal()):
        places = places_of(code)
        taken = [number for number in numbers if number == code or _is_cut(number, code)]
        taken += [
            entry.prefix
            for entry in plan.ranges
            if entry.lengths[-1] > len(code) + 1 and meet(places, places_of(entry.prefix))
        ]
        if taken:
            yield PlanFinding(flaw=Flaw.CODE_TAKES_NUMBERS, subject=code, detail=_some(taken))


def _is_cut(number: str, code: str) -> bool:
    return number.startswith(code) and len(number) > len(code) + 1


def _extensions(
    plan: NumberPlan, extensions: Iterable[str], outside_prefixes: tuple[str, ...]
) -> Iterator[PlanFinding]:
    """An emergency number wins over the extension of the same digits: whoever calls that desk gets the fire brigade."""
    emergency = {prefix + entry.number: entry.service for prefix in ("", *outside_prefixes) for entry in plan.emergency}
    lifelines = {
        prefix + entry.number: entry.service
        for prefix in ("", *outside_prefixes)
        for entry in plan.must_reach
        if not entry.number.startswith("+")
    }
    for places in map(places_of, extensions):
        for flaw, dialled in ((Flaw.EXTENSION_IS_EMERGENCY, emergency), (Flaw.EXTENSION_IS_LIFELINE, lifelines)):
            for digits, service in dialled.items():
                if len(digits) == len(places) and meet(places, places_of(digits)):
                    yield PlanFinding(flaw=flaw, subject=digits, detail=service)


def _exceptions(plan: NumberPlan) -> Iterator[PlanFinding]:
    laid_out = [(entry, places_of(entry.prefix)) for entry in plan.ranges]
    taken: dict[str, list[str]] = {}
    for (one, places), (other, other_places) in combinations(laid_out, 2):
        share = set(one.lengths) & set(other.lengths) and meet(places, other_places)
        if share and _terms(one) != _terms(other):
            taken.setdefault(one.prefix, []).append(other.prefix)
    for prefix, others in taken.items():
        yield PlanFinding(flaw=Flaw.EXCEPTION, subject=prefix, detail=_some(others))


def _terms(entry: ShortCode) -> tuple[NumberClass, str, PriceCap | None]:
    """What a call to a range comes to."""
    return entry.number_class, entry.region if isinstance(entry, Family) else "", entry.price_cap


def _some(words: list[str]) -> str:
    more = f" (+{len(words) - SHOWN_MAX})" if len(words) > SHOWN_MAX else ""
    return ", ".join(words[:SHOWN_MAX]) + more
