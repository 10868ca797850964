"""Adds up what became of the attempts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from callgate.core.reasons import WEIGHT, Reason
from callgate.core.verdict import Grant, Refusal
from callgate.core.wire import mask
from callgate.replay.attempts import Attempt
from callgate.replay.peaks import Use
from callgate.replay.run import Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCalls:
    """The refused calls of one extension to one number, which is masked."""

    extension: str
    number: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a policy makes of some attempts.

    Fields:
        granted, refused: together all attempts; `cut` of the granted ones end at a limit, before their time.
        cost_micros: booked for the granted ones.
        avoided_micros: what the refused calls cost when they were made, and the rest of those that are cut; `unpriced`
            refused calls have no rate and are not in it.
        refused_by_reason: each refused call once, under its heaviest reason, heaviest first.
        noticed_by_reason: granted calls under each reason for which they want to be noticed, heaviest first.
        highest_use: of each ceiling, in the order it was first met.
        refused_calls: by extension and number, the most frequent first.
    """

    attempts: int
    granted: int
    refused: int
    cut: int
    cost_micros: int
    avoided_micros: int
    unpriced: int
    refused_by_reason: Mapping[Reason, int]
    noticed_by_reason: Mapping[Reason, int]
    highest_use: tuple[Use, ...]
    refused_calls: tuple[RefusedCalls, ...]


def report(attempts: Sequence[Attempt], replayed: Replayed) -> Report:
    """Add up.

    Args:
        attempts: those that were replayed, in the same order.
        replayed: what became of them.
    """
    outcomes = replayed.outcomes
    reasons = Counter(outcome.verdict.reasons[0] for outcome in outcomes if isinstance(outcome.verdict, Refusal))
    noticed = Counter(
        reason for outcome in outcomes if isinstance(outcome.verdict, Grant) for reason in outcome.verdict.reasons
    )
    by_call = Counter(
        (attempt.extension, outcome.destination.number or attempt.dialled)
        for attempt, outcome in zip(attempts, outcomes, strict=True)
        if isinstance(outcome.verdict, Refusal)
    )
    return Report(
        attempts=len(outcomes),
        granted=sum(isinstance(outcome.verdict, Grant) for outcome in outcomes),
        refused=reasons.total(),
        cut=sum(outcome.is_cut for outcome in outcomes),
        cost_micros=sum(outcome.cost_micros for outcome in outcomes),
        avoided_micros=sum(outcome.avoided_micros or 0 for outcome in outcomes),
        unpriced=sum(outcome.avoided_micros is None for outcome in outcomes),
        refused_by_reason=_heaviest_first(reasons),
        noticed_by_reason=_heaviest_first(noticed),
        highest_use=replayed.highest_use,
        refused_calls=tuple(
            RefusedCalls(extension=extension, number=mask(number), calls=calls)
            for (extension, number), calls in by_call.most_common()
        ),
    )


def _heaviest_first(counts: Counter[Reason]) -> Mapping[Reason, int]:
    return MappingProxyType({reason: counts[reason] for reason in sorted(counts, key=WEIGHT.__getitem__)})
