"""What the rules say of a practice number: it looks special, and a practice needs it, also at night."""

from datetime import datetime

import msgspec
import pytest

from callgate.core.plan import ServiceNumber
from callgate.core.reasons import Reason
from core.samples import CLOSED, OPEN, PLAN, SHARED_COST, Call, clinic_rules

GO: tuple[Reason, ...] = ()
CLASS, RATE, ONE_CALL = Reason.CLASS_REFUSED, Reason.RATE_TOO_HIGH, Reason.CEILING_CALL

DUTY_DOCTOR = "3624"
DUTY_PLAN = msgspec.structs.replace(
    PLAN,
    practice_numbers=(
        ServiceNumber(number=DUTY_DOCTOR, service="doctor on duty", source=PLAN.emergency[0].source),
        ServiceNumber(number="+33826123456", service="pharmacy on duty", source=PLAN.emergency[0].source),
    ),
)


@pytest.mark.parametrize("at", [OPEN, CLOSED])
@pytest.mark.parametrize(
    ("dialled", "rules", "reasons"),
    [
        (DUTY_DOCTOR, "", GO),
        (SHARED_COST, "", GO),
        (DUTY_DOCTOR, 'classes.special_short = "allow"', GO),
        (DUTY_DOCTOR, 'hours.outside = "emergency"', GO),
        # They are listed by the plan and not by the clinic, whose word counts more.
        (DUTY_DOCTOR, 'classes.special_short = "refuse"', (CLASS,)),
        (DUTY_DOCTOR, 'numbers.always_refuse = ["3624"]', (Reason.NUMBER_REFUSED,)),
        # They stay costly.
        (DUTY_DOCTOR, 'limits.max_rate_per_minute = "0.14"', (RATE,)),
        (DUTY_DOCTOR, 'ceilings.costly.per_call = "0.14"', (ONE_CALL,)),
        (DUTY_DOCTOR, 'extensions = [{match = "101", allow = "national"}]', (Reason.EXTENSION_RESTRICTED,)),
    ],
)
def test_a_practice_number_of_the_plan_may_be_called_at_night_but_stays_costly(
    dialled: str, at: datetime, rules: str, reasons: tuple[Reason, ...]
) -> None:
    rates = ("short:3624 0 0.15 60 60", "+33826 0 0.15 60 60")
    call = Call(dialled=dialled, at=at, policy=clinic_rules(rules), rates=rates, plan=DUTY_PLAN)
    assert call.reasons == reasons
    assert not call.priced.ordinary


def test_another_number_of_its_class_is_not_listed_with_it() -> None:
    rates = ("short:36 0 0.15 60 60",)
    assert Call(dialled="3625", at=CLOSED, rates=rates, plan=DUTY_PLAN).reasons == (CLASS, Reason.CLOSED)
