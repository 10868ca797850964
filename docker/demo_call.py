"""One call of the demo: what is dialled, what has to come of it, what came of it, and where the two differ."""

from dataclasses import dataclass
from enum import StrEnum

from callgate.core.reasons import Reason
from carrier_log import CarrierEvent


class Verdict(StrEnum):
    """What became of a call."""

    EMERGENCY = "emergency"
    """Connected by the dialplan, the gate was not asked."""
    GRANTED = "granted"
    REFUSED = "refused"
    ALLOWANCE = "allowance"
    """No gate answered; the dialplan let an ordinary number go by its own counted allowance."""
    NONE = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call to place.

    Fields:
        what: a word or two for the reader.
        dialled: the user part of the phone's Request-URI, as it is sent.
        verdict: what has to come.
        reason: the heaviest one of a refusal.
        invites: what the carrier must see, ``carrier-a/+33142685300``, in order; nothing where empty.
        withheld: the INVITE has to ask for privacy; every other one must not.
        note: why a call that goes may go.
    """

    what: str
    dialled: str
    verdict: Verdict
    reason: Reason | None = None
    invites: tuple[str, ...] = ()
    withheld: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a call.

    Fields:
        extension: the phone that dialled.
        invites: what the carrier saw of it.
        delay_ms: from the phone's INVITE to the carrier's, or to the first sound of the refusal; None if neither came.
        held_micros, settled_micros: from the gate's journal; None where it has no such row.
    """

    extension: str
    verdict: Verdict
    reason: Reason | None = None
    invites: tuple[CarrierEvent, ...] = ()
    delay_ms: int | None = None
    held_micros: int | None = None
    settled_micros: int | None = None


def differences(step: Step, outcome: Outcome) -> list[str]:
    """Say where an outcome is not what the step asks for; nothing if it is."""
    seen = tuple(named(invite) for invite in outcome.invites)
    withheld = any("Privacy" in invite.headers for invite in outcome.invites)
    compared = (
        ("verdict", step.verdict.value, outcome.verdict.value),
        ("reason", step.reason or "none", outcome.reason or "none"),
        ("INVITE at the carrier", ", ".join(step.invites) or "none", ", ".join(seen) or "none"),
        ("number withheld", step.withheld, withheld),
    )
    return [
        f"{step.what} ({step.dialled}): {subject}: expected {expected}, came {came}"
        for subject, expected, came in compared
        if expected != came
    ]


def named(invite: CarrierEvent) -> str:
    """An INVITE as `Step.invites` writes it."""
    return f"{invite.trunk}/{invite.user}"
