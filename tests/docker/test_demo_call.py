"""What counts as a difference between what a call of the demo had to do and what it did."""

import pytest

from callgate.core.reasons import Reason
from carrier_log import CarrierEvent
from demo_call import Outcome, Step, Verdict, differences


def invite(user: str, *, trunk: str = "carrier-a", private: bool = False) -> CarrierEvent:
    return CarrierEvent(at=1.0, event="invite", trunk=trunk, user=user, headers={"Privacy": "id"} if private else {})


PARIS = Step(what="Paris", dialled="00142685300", verdict=Verdict.GRANTED, invites=("carrier-a/+33142685300",))
PREMIUM = Step(what="0899", dialled="00899701234", verdict=Verdict.REFUSED, reason=Reason.CLASS_REFUSED)
EMERGENCY = Step(what="emergency", dialled="15", verdict=Verdict.EMERGENCY, invites=("carrier-a/15",))
WITHHELD = Step(
    what="withheld",
    dialled="0#31#0612345678",
    verdict=Verdict.GRANTED,
    invites=("carrier-a/+33612345678",),
    withheld=True,
)
FAILOVER = Step(
    what="Paris", dialled="0", verdict=Verdict.GRANTED, invites=("carrier-a/+33142685300", "carrier-b/0142685300")
)


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (PARIS, Outcome(extension="101", verdict=Verdict.GRANTED, invites=(invite("+33142685300"),))),
        (PREMIUM, Outcome(extension="101", verdict=Verdict.REFUSED, reason=Reason.CLASS_REFUSED)),
        (EMERGENCY, Outcome(extension="101", verdict=Verdict.EMERGENCY, invites=(invite("15"),))),
        (
            WITHHELD,
            Outcome(extension="101", verdict=Verdict.GRANTED, invites=(invite("+33612345678", private=True),)),
        ),
        (
            FAILOVER,
            Outcome(
                extension="101",
                verdict=Verdict.GRANTED,
                invites=(invite("+33142685300"), invite("0142685300", trunk="carrier-b")),
            ),
        ),
    ],
)
def test_a_call_that_went_as_it_should_differs_in_nothing(step: Step, outcome: Outcome) -> None:
    assert differences(step, outcome) == []


@pytest.mark.parametrize(
    ("step", "outcome", "problem"),
    [
        (
            PREMIUM,
            Outcome(
                extension="101",
                verdict=Verdict.REFUSED,
                reason=Reason.CLASS_REFUSED,
                invites=(invite("+33899701234"),),
            ),
            "0899 (00899701234): INVITE at the carrier: expected none, came carrier-a/+33899701234",
        ),
        (
            EMERGENCY,
            Outcome(extension="101", verdict=Verdict.EMERGENCY),
            "emergency (15): INVITE at the carrier: expected carrier-a/15, came none",
        ),
        (
            PARIS,
            Outcome(extension="101", verdict=Verdict.ALLOWANCE, invites=(invite("+33142685300"),)),
            "Paris (00142685300): verdict: expected granted, came allowance",
        ),
        (
            PARIS,
            Outcome(extension="101", verdict=Verdict.GRANTED, invites=(invite("+33142685301"),)),
            "Paris (00142685300): INVITE at the carrier: expected carrier-a/+33142685300, came carrier-a/+33142685301",
        ),
        (
            PARIS,
            Outcome(extension="101", verdict=Verdict.GRANTED, invites=(invite("+33142685300"), invite("+33142685300"))),
            (
                "Paris (00142685300): INVITE at the carrier: expected carrier-a/+33142685300, "
                "came carrier-a/+33142685300, carrier-a/+33142685300"
            ),
        ),
        (
            PREMIUM,
            Outcome(extension="101", verdict=Verdict.REFUSED, reason=Reason.CLOSED),
            "0899 (00899701234): reason: expected class_refused, came closed",
        ),
        (
            WITHHELD,
            Outcome(extension="101", verdict=Verdict.GRANTED, invites=(invite("+33612345678"),)),
            "withheld (0#31#0612345678): number withheld: expected True, came False",
        ),
    ],
)
def test_a_call_that_went_otherwise_is_named_with_what_came(step: Step, outcome: Outcome, problem: str) -> None:
    assert differences(step, outcome) == [problem]
