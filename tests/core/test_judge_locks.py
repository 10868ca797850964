"""A lock refuses whatever the policy allows, beside every other reason, and an emergency call passes it."""

from datetime import datetime, timedelta

import pytest

from callgate.core.judge import Pass
from callgate.core.locks import LockedCalls
from callgate.core.reasons import Reason
from core.samples import BRUSSELS, CLOSED, OPEN, PARIS, PREMIUM, REUNION, SUICIDE_HELPLINE, Call, a_lock, clinic_rules

EVERYTHING = clinic_rules('numbers.always_allow = ["+3225551212", "+33899123456"]', 'hours.outside = "as_open"')
WHOLE, COSTLY = a_lock(), a_lock(LockedCalls.COSTLY)


@pytest.mark.parametrize("dialled", [PARIS, REUNION, BRUSSELS, PREMIUM, SUICIDE_HELPLINE])
@pytest.mark.parametrize("at", [OPEN, CLOSED])
def test_a_whole_lock_beats_every_permission_of_the_policy(dialled: str, at: datetime) -> None:
    call = Call(dialled=dialled, policy=EVERYTHING, at=at)
    assert call.reasons == ()
    assert Call(dialled=dialled, policy=EVERYTHING, at=at, locks=(WHOLE,)).reasons == (Reason.LOCKED,)


@pytest.mark.parametrize("dialled", ["15", "112", "116117"])
def test_an_emergency_number_passes_every_lock(dialled: str) -> None:
    assert Call(dialled=dialled, locks=(WHOLE, COSTLY)).ruling == Pass()


def test_a_locked_call_is_told_every_other_reason_too_and_the_lock_first() -> None:
    assert Call(dialled=BRUSSELS, at=CLOSED, locks=(COSTLY,)).reasons == (
        Reason.LOCKED,
        Reason.COUNTRY_REFUSED,
        Reason.CLOSED,
    )
    assert Call(dialled="0612", locks=(WHOLE,)).reasons == (Reason.INVALID,)


def test_what_a_lock_does_not_speak_of_goes_on() -> None:
    assert Call(dialled=PARIS, locks=(COSTLY,)).reasons == ()
    assert Call(dialled=REUNION, locks=(a_lock(extension="23"),)).reasons == ()
    assert Call(dialled=REUNION, extension="23", locks=(a_lock(extension="23"),)).reasons == (Reason.LOCKED,)


def test_the_first_call_after_the_end_of_a_lock_goes() -> None:
    ending = (a_lock(until=OPEN + timedelta(hours=1)),)
    before, after = (OPEN + timedelta(seconds=second) for second in (3599, 3600))
    assert Call(dialled=PARIS, at=before, locks=ending).reasons == (Reason.LOCKED,)
    assert Call(dialled=PARIS, at=after, locks=ending).reasons == ()
