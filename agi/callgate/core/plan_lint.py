"""What is unsound about a number plan although it can be read, and where it meets a clinic's own extensions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations

from callgate.core.dialling import EXTENSION_MAX_DIGITS, read_dialled
from callgate.core.plan import OUTSIDE_PREFIXES, NumberClass, NumberPlan
from callgate.core.ranges import meet, places_of

SHOWN_MAX = 5
"""Of what an exception is taken out of, so many ranges are named."""


class Flaw(StrEnum):
    """What can be found about a plan; the first six are mistakes, the others only worth knowing."""

    SOURCE_UNUSED = "source_unused"
    SOURCE_UNTITLED = "source_untitled"
    SOURCE_FROM_TOMORROW = "source_from_tomorrow"
    NAMED_TWICE = "named_twice"
    IN_NO_RANGE = "in_no_range"
    EXTENSION_IS_EMERGENCY = "extension_is_emergency"
    EXTENSION_IS_LIFELINE = "extension_is_lifeline"
    EXCEPTION = "exception"

    @property
    def wrong(self) -> bool:
        """Whether it has to be corrected."""
        return self not in {Flaw.EXTENSION_IS_LIFELINE, Flaw.EXCEPTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFinding:
    """One flaw, at `subject` (a source, a number, a range), with what else there is to say in `detail`."""

    flaw: Flaw
    subject: str
    detail: str = ""


def lint_plan(plan: NumberPlan, extensions: Iterable[str], on: date) -> tuple[PlanFinding, ...]:
    """Look for what reading a plan does not find.

    Args:
        plan: one that could be read.
        extensions: the clinic's internal numbers, as Asterisk patterns without the leading ``_``: ``1XX``.
        on: today; no source is from a later day.

    Returns:
        Mistakes first.
    """
    found = [*_sources(plan, on), *_named_numbers(plan), *_extensions(plan, extensions), *_exceptions(plan)]
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
    for entry in (*plan.must_reach, *plan.practice_numbers):
        found = read_dialled(entry.number, plan=plan, outside_prefix="")
        if found.number_class is NumberClass.EMERGENCY:
            yield PlanFinding(flaw=Flaw.NAMED_TWICE, subject=entry.number, detail=entry.service)
        elif found.number != entry.number:
            yield PlanFinding(flaw=Flaw.IN_NO_RANGE, subject=entry.number, detail=entry.service)


def _extensions(plan: NumberPlan, extensions: Iterable[str]) -> Iterator[PlanFinding]:
    """An emergency number wins over the extension of the same digits: whoever calls that desk gets the fire brigade."""
    emergency = {entry.number: entry.service for entry in plan.emergency}
    emergency |= {prefix + number: name for prefix in OUTSIDE_PREFIXES for number, name in emergency.items()}
    lifelines = {entry.number: entry.service for entry in plan.must_reach if len(entry.number) <= EXTENSION_MAX_DIGITS}
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
        if share and one.number_class is not other.number_class:
            taken.setdefault(one.prefix, []).append(other.prefix)
    for prefix, others in taken.items():
        shown = ", ".join(others[:SHOWN_MAX]) + (", ..." if len(others) > SHOWN_MAX else "")
        yield PlanFinding(flaw=Flaw.EXCEPTION, subject=prefix, detail=shown)
