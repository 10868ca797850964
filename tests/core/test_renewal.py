"""The next slice of a call in progress: by the policy in force now, with patience where time alone ended it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callgate.core.attempt import Origin
from callgate.core.hold import Held, RenewRequest
from callgate.core.judge import Refuse
from callgate.core.limits import purses
from callgate.core.policy import Policy
from callgate.core.reasons import Reason
from callgate.core.renewal import CallInProgress, Complete, Renewal, charge, forbidden, renewal
from core.samples import BRUSSELS, FRANCE, OPEN, PARIS, Call, clinic_rules

WITH_BELGIUM = (*FRANCE, "BE")
MINUTE = timedelta(minutes=1)
BEFORE_CLOSING = datetime(2026, 11, 24, 17, 50, tzinfo=UTC)
"""18:50 in Paris; the factory's clinic closes at 19:00."""
RATE = "+32 0 0.30 60 60"
PARIS_E164 = "+33142685300"


def belgium(*rules: str) -> Policy:
    return clinic_rules(*rules, allow=WITH_BELGIUM)


def in_slices(dialled: str = BRUSSELS, policy: Policy | None = None, at: datetime = OPEN, rate: str = RATE) -> Call:
    return Call(dialled=dialled, policy=policy or belgium(), at=at, rates=(rate,), slices=True)


def in_progress(call: Call, granted_s: int = 58, renewals: int = 0, elapsed_s: int = 58) -> CallInProgress:
    held = Held(hold_id=call.request.hold_id, seconds=granted_s, amount_micros=300_000, is_final=False)
    return CallInProgress(
        attempt=call.attempt, priced=call.priced, began=call.at, held=held, renewals=renewals, elapsed_s=elapsed_s
    )


def final(call: CallInProgress) -> CallInProgress:
    assert call.held is not None
    return replace(call, held=replace(call.held, is_final=True))


def renewed(call: Call, after: timedelta, policy: Policy | None = None) -> Renewal:
    """Renew a call some time after it began, by another policy if one has come into force since."""
    book = replace(call.book, policy=policy or call.policy, revision=8)
    return renewal(in_progress(call), book, call.at + after)


def test_the_next_slice_is_asked_for_by_the_policy_in_force_now() -> None:
    call = in_slices()
    stricter = belgium('ceilings.costly.per_call = "3.00"', 'ceilings.costly.hour = "4.00"')
    book = replace(call.book, policy=stricter, revision=8)
    assert renewal(in_progress(call, renewals=2), book, OPEN + MINUTE) == RenewRequest(
        clinic="cabinet",
        hold_id=call.request.hold_id,
        number=3,
        seconds=598,
        slice_s=60,
        partial=True,
        purses=purses(replace(call, policy=stricter).case),
        grace_s=150,
        policy_revision=8,
    )


@pytest.mark.parametrize(
    ("rate", "slice_s"),
    [("+32 0 0.30 60 60", 60), ("+32 0 1.00 60 60", 60), ("+32 0 1.01 60 60", 30)],
)
def test_a_dear_call_goes_on_by_half_minutes(rate: str, slice_s: int) -> None:
    asked = renewed(in_slices(policy=belgium('limits.max_rate_per_minute = "2.00"'), rate=rate), MINUTE)
    assert isinstance(asked, RenewRequest)
    assert asked.slice_s == slice_s


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        ('numbers.always_refuse = ["+32*"]', (Reason.NUMBER_REFUSED,)),
        ('classes.international_fixed = "refuse"', (Reason.CLASS_REFUSED,)),
        ('limits.max_rate_per_minute = "0.29"', (Reason.RATE_TOO_HIGH,)),
        ('ceilings.costly.per_call = "0.00"', (Reason.CEILING_CALL,)),
        ('extensions = [{match = "101", allow = "national"}]', (Reason.EXTENSION_RESTRICTED,)),
    ],
)
def test_a_policy_that_was_tightened_meanwhile_ends_the_call_with_its_slice(
    rules: str, reasons: tuple[Reason, ...]
) -> None:
    assert renewed(in_slices(), MINUTE, belgium(rules)) == Refuse(reasons=reasons)
    assert renewed(in_slices(), MINUTE, clinic_rules()) == Refuse(reasons=(Reason.COUNTRY_REFUSED,))


@pytest.mark.parametrize(
    ("after", "goes_on"),
    [
        (9 * MINUTE, True),
        (10 * MINUTE, True),
        (25 * MINUTE - timedelta(seconds=1), True),
        (25 * MINUTE, False),
    ],
)
def test_closing_time_leaves_a_conversation_a_quarter_of_an_hour(after: timedelta, *, goes_on: bool) -> None:
    answer = renewed(in_slices(at=BEFORE_CLOSING), after)
    assert isinstance(answer, RenewRequest) if goes_on else answer == Refuse(reasons=(Reason.CLOSED,))


def test_a_permission_that_ends_leaves_the_same_time_and_its_ceiling_still_counts() -> None:
    """Without it the call would talk on the clinic's other money."""
    until = 'until = 2026-11-24T10:05:00+01:00, day = "5.00"'
    call = in_slices(policy=clinic_rules(f'countries.exception = [{{country = "BE", {until}}}]'))
    for minutes in (4, 5, 19):
        answer = renewed(call, minutes * MINUTE)
        assert isinstance(answer, RenewRequest)
        assert "country:BE" in {purse.name for purse in answer.purses}
    assert renewed(call, 20 * MINUTE) == Refuse(reasons=(Reason.COUNTRY_REFUSED,))


def test_a_call_that_began_when_the_clinic_was_closed_has_no_such_time() -> None:
    """A rule that lets Belgium be called at night is taken back: five minutes before closing counts for nothing."""
    at_night = belgium('countries.rule = [{country = "BE", hours = "always"}]')
    call = in_slices(policy=at_night, at=BEFORE_CLOSING + 11 * MINUTE)
    assert isinstance(renewed(call, MINUTE), RenewRequest)
    assert renewed(call, MINUTE, belgium()) == Refuse(reasons=(Reason.CLOSED,))


@pytest.mark.parametrize(
    ("rules", "granted_s", "complete"),
    [
        ('ceilings.costly.per_call = "0.60"', 58, False),
        ('ceilings.costly.per_call = "0.60"', 118, True),
        ('ceilings.costly.per_call = "0.30"', 58, True),
        # What was granted is not taken back.
        ('ceilings.costly.per_call = "0.30"', 118, True),
        ("limits.max_duration_s.costly = 118", 118, True),
        ("limits.max_duration_s.costly = 119", 118, False),
    ],
)
def test_a_call_that_has_all_it_may_last_asks_for_nothing_more(rules: str, granted_s: int, *, complete: bool) -> None:
    call = in_slices()
    answer = renewal(in_progress(call, granted_s), replace(call.book, policy=belgium(rules)), OPEN + MINUTE)
    assert isinstance(answer, Complete if complete else RenewRequest)


def test_nobody_asks_for_more_than_a_final_slice() -> None:
    call = in_slices()
    assert isinstance(renewal(in_progress(call), call.book, OPEN + MINUTE), RenewRequest)
    assert renewal(final(in_progress(call)), call.book, OPEN + MINUTE) == Complete()


@pytest.mark.parametrize("dialled", [PARIS, BRUSSELS])
def test_a_call_that_was_granted_at_once_has_no_next_slice(dialled: str) -> None:
    call = Call(dialled=dialled, policy=belgium())
    held = Held(hold_id=call.request.hold_id, seconds=600, amount_micros=0)
    whole = replace(in_progress(call), held=held)
    assert renewal(whole, call.book, OPEN + MINUTE) == Complete()


@pytest.mark.parametrize("now", ['mode = "observe"', ""])
def test_where_slices_are_given_up_the_rest_of_a_call_is_asked_for_at_once(now: str) -> None:
    call = in_slices()
    book = replace(call.book, policy=belgium(now), slices=now != "")
    answer = renewal(in_progress(call), book, OPEN + MINUTE)
    assert isinstance(answer, RenewRequest)
    assert answer.slice_s == answer.seconds == 958


def test_an_evening_call_is_not_brought_under_the_limits_of_the_night_by_closing_time() -> None:
    """The next slice of the third call at 19:00 would find both lines of the night taken, by its own like."""
    at_night = belgium('countries.rule = [{country = "BE", hours = "always"}]')
    call = in_slices(policy=at_night, at=BEFORE_CLOSING)
    asked = renewed(call, 20 * MINUTE)
    assert isinstance(asked, RenewRequest)
    assert "closed" not in {purse.name for purse in asked.purses}


@pytest.mark.parametrize(
    ("elapsed_s", "granted_s", "slice_s"),
    [(29, 58, 31), (30, 60, 30), (58, 58, 60), (59, 58, 61), (0, 58, 2), (0, 118, 1)],
)
def test_a_call_is_never_more_than_one_slice_ahead_of_what_is_spoken(
    elapsed_s: int, granted_s: int, slice_s: int
) -> None:
    """Whatever dies, a costly call then ends within a minute: asked at half a slice, a whole one would make it 90 s."""
    call = in_slices()
    asked = renewal(in_progress(call, granted_s, elapsed_s=elapsed_s), call.book, OPEN + MINUTE)
    assert isinstance(asked, RenewRequest)
    assert asked.slice_s == slice_s


# Calls left to outside parties.


def listed(*rules: str) -> Policy:
    return belgium('external_to_external.number = [{number = "+3225551212", day = "1.00"}]', *rules)


def left_to_outsiders(call: CallInProgress) -> CallInProgress:
    return replace(call, attempt=replace(call.attempt, origin=Origin.EXTERNAL))


def purses_of(asked: RenewRequest | Refuse) -> list[str]:
    assert isinstance(asked, RenewRequest)
    return [purse.name.partition(":")[0] for purse in asked.purses]


def test_a_call_left_to_two_outside_parties_is_judged_as_theirs() -> None:
    call = in_slices()
    left = left_to_outsiders(in_progress(call))
    forbidden_now = Refuse(reasons=(Reason.EXTERNAL_TO_EXTERNAL,))
    assert renewal(left, call.book, OPEN + MINUTE) == charge(left, call.book, OPEN + MINUTE) == forbidden_now
    asked = charge(left, replace(call.book, policy=listed()), OPEN + MINUTE)
    assert purses_of(asked)[-2:] == ["external_to_external", "external"]
    assert asked == renewal(left, replace(call.book, policy=listed()), OPEN + MINUTE)


@pytest.mark.parametrize(("granted_s", "rules"), [(958, ""), (118, "limits.max_duration_s.costly = 100")])
def test_a_call_that_has_all_it_may_last_is_charged_there_all_the_same(granted_s: int, rules: str) -> None:
    call = in_slices()
    left = left_to_outsiders(in_progress(call, granted_s))
    for whole in (left, final(left)):
        asked = charge(whole, replace(call.book, policy=listed(rules)), OPEN + MINUTE)
        assert purses_of(asked)[-2:] == ["external_to_external", "external"]
        assert isinstance(asked, RenewRequest)
        assert asked.seconds == granted_s


def test_an_ordinary_call_too() -> None:
    call = Call(dialled=PARIS, policy=clinic_rules(f'external_to_external.number = [{{number = "{PARIS_E164}"}}]'))
    asked = charge(left_to_outsiders(final(in_progress(call, 7200))), call.book, OPEN + MINUTE)
    assert purses_of(asked) == ["clinic", "national", "external_to_external", "external"]


# What ends a call at once.


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        ("", ()),
        ('numbers.always_refuse = ["+32*"]', (Reason.NUMBER_REFUSED,)),
        ('extensions = [{match = "101", allow = "internal"}]', (Reason.EXTENSION_RESTRICTED,)),
        ('ceilings.costly.per_call = "0.00"', (Reason.CEILING_CALL,)),
    ],
)
def test_a_policy_that_was_tightened_forbids_a_call_that_is_up(rules: str, reasons: tuple[Reason, ...]) -> None:
    call = in_slices()
    assert forbidden(in_progress(call), replace(call.book, policy=belgium(rules)), OPEN + MINUTE) == reasons


def test_closing_time_alone_ends_no_call_that_is_up() -> None:
    call = in_slices(at=BEFORE_CLOSING)
    assert forbidden(in_progress(call), call.book, BEFORE_CLOSING + 24 * MINUTE) == ()
    assert forbidden(in_progress(call), call.book, BEFORE_CLOSING + 25 * MINUTE) == (Reason.CLOSED,)


def test_a_call_that_the_ledger_never_held_is_judged_too() -> None:
    """One of the local allowance, say."""
    call = Call(dialled=PARIS)
    lent = CallInProgress(attempt=call.attempt, priced=call.priced, began=OPEN, held=None)
    assert forbidden(lent, call.book, OPEN + MINUTE) == ()
    refusing = clinic_rules(f'numbers.always_refuse = ["{PARIS_E164}"]')
    assert forbidden(lent, replace(call.book, policy=refusing), OPEN + MINUTE) == (Reason.NUMBER_REFUSED,)
