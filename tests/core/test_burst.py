"""The rule that locks by itself: which refusals count, how many are a burst, and what is locked then."""

from datetime import timedelta
from functools import reduce

import pytest

from callgate.core.burst import Refusals, burst_lock, counts, is_burst, one_more
from callgate.core.locks import LockedCalls, LockScope, locks_on
from callgate.core.policy_tables import AutomaticLock
from callgate.core.policy_values import StartLimit
from callgate.core.reasons import Reason
from core.samples import (
    BRUSSELS,
    CLOSED,
    IVORY_COAST,
    MOBILE,
    OPEN,
    PARIS,
    PREMIUM,
    REUNION,
    SUICIDE_HELPLINE,
    Call,
    clinic_rules,
)

COUNTRY = (Reason.COUNTRY_REFUSED, Reason.CLOSED)
MINUTE = timedelta(minutes=1)
RULE = AutomaticLock()


@pytest.mark.parametrize(
    ("dialled", "reasons", "is_counted"),
    [
        (BRUSSELS, COUNTRY, True),
        (IVORY_COAST, (Reason.COUNTRY_REFUSED, Reason.RATE_TOO_HIGH, Reason.CLOSED), True),
        (REUNION, (Reason.CLOSED,), True),
        (REUNION, (Reason.CEILING_DAY,), True),
        (REUNION, (Reason.TOO_MANY_LINES,), True),
        (PREMIUM, (Reason.CLASS_REFUSED,), True),
        # Who does not know the numbers of a country tries them out.
        ("0612", (Reason.INVALID,), True),
        ("900442071234567890", (Reason.INVALID,), True),
        # What is ordinary costs little, and a doctor calls at night.
        (PARIS, (Reason.CEILING_DAY,), False),
        (MOBILE, (Reason.TOO_MANY_LINES,), False),
        (SUICIDE_HELPLINE, (Reason.NUMBER_REFUSED,), False),
        ("*97", (Reason.NOT_A_PUBLIC_NUMBER,), False),
        # Locked already, or our own failure.
        (BRUSSELS, (Reason.LOCKED, *COUNTRY), False),
        (REUNION, (Reason.POLICY_UNAVAILABLE,), False),
        (REUNION, (Reason.LEDGER_UNAVAILABLE,), False),
        (REUNION, (Reason.LEDGER_FROZEN,), False),
        (REUNION, (Reason.ALLOWANCE_SPENT,), False),
        (REUNION, (Reason.GATE_UNAVAILABLE,), False),
    ],
)
def test_a_refusal_counts_when_closed_and_never_in_opening_hours(
    dialled: str, reasons: tuple[Reason, ...], *, is_counted: bool
) -> None:
    call = Call(dialled=dialled)
    assert counts(call.priced, reasons, call.book, CLOSED) is is_counted
    assert not counts(call.priced, reasons, call.book, OPEN)


@pytest.mark.parametrize("rules", ['mode = "observe"', 'automatic_lock.when = "never"'])
def test_a_clinic_that_observes_or_does_not_want_the_rule_counts_nothing(rules: str) -> None:
    call = Call(dialled=BRUSSELS, policy=clinic_rules(rules))
    assert not counts(call.priced, COUNTRY, call.book, CLOSED)


def test_a_public_holiday_is_closed_all_day() -> None:
    call = Call(dialled=BRUSSELS, holidays=frozenset({OPEN.date()}))
    assert counts(call.priced, COUNTRY, call.book, OPEN)


def refused(pause: timedelta, count: int, rule: AutomaticLock = RULE) -> Refusals:
    def next_one(before: Refusals | None, place: int) -> Refusals:
        return one_more(before, rule, 7, CLOSED + place * pause)

    found = reduce(next_one, range(count), None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pause_s", "count", "is_one"),
    [
        # An attack that was published: one call in 2.67 s; and a patient one that stays within ten minutes.
        (2.67, 9, False),
        (2.67, 10, True),
        (66, 10, True),
        (67, 10, False),
        (67, 1000, False),
        (0, 10, True),
    ],
)
def test_ten_refusals_within_ten_minutes_are_a_burst(pause_s: float, count: int, *, is_one: bool) -> None:
    assert is_burst(refused(timedelta(seconds=pause_s), count), RULE) is is_one


def test_the_clinic_may_say_how_many_are_a_burst() -> None:
    rule = AutomaticLock(refused=StartLimit(count_max=2, span_s=60))
    assert not is_burst(refused(MINUTE, 2, rule), rule)
    assert is_burst(refused(MINUTE / 2, 2, rule), rule)


def test_no_more_is_remembered_than_a_burst_has() -> None:
    assert len(refused(timedelta(0), 1000).instants) == 10


def test_whatever_is_decided_since_makes_what_was_counted_void() -> None:
    """An unlock, or a permission, is not undone by the refusals before it."""
    nine = refused(timedelta(seconds=1), 9)
    assert is_burst(one_more(nine, RULE, 7, CLOSED + MINUTE), RULE)
    assert one_more(nine, RULE, 8, CLOSED + MINUTE) == Refusals(revision=8, instants=(CLOSED + MINUTE,))


def test_a_burst_locks_the_calls_abroad_of_its_extension_until_a_person_unlocks() -> None:
    lock = burst_lock("23", "ten refused", CLOSED)
    assert lock.scope == LockScope(calls=LockedCalls.INTERNATIONAL, extension="23")
    assert (lock.until, lock.cut, lock.author, lock.at) == (None, False, "callgate", CLOSED)


@pytest.mark.parametrize(
    ("dialled", "extension", "is_stopped"),
    [
        (BRUSSELS, "23", True),
        (BRUSSELS, "24", False),
        (PARIS, "23", False),
        (MOBILE, "23", False),
        (REUNION, "23", False),
        (SUICIDE_HELPLINE, "23", False),
        ("15", "23", False),
    ],
)
def test_nobody_can_silence_the_practice_by_making_one_extension_fail(
    dialled: str, extension: str, *, is_stopped: bool
) -> None:
    call = Call(dialled=dialled, extension=extension)
    locks = (burst_lock("23", "ten refused", CLOSED),)
    assert bool(locks_on(locks, call.attempt, call.priced, plan=call.plan, instant=CLOSED)) is is_stopped
