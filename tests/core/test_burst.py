"""The rule that locks by itself: which refusals count, how many are a burst, and what is locked then."""

from datetime import timedelta
from functools import reduce

import pytest

from callgate.core.burst import (
    Refusals,
    Refused,
    burst_lock,
    burst_scope,
    counts,
    is_burst,
    one_more,
    refused_at,
)
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
        # A line that is seized by itself, as by rain in its cable, sends the outside prefix or nothing.
        ("", (Reason.INVALID,), False),
        ("9", (Reason.INVALID,), False),
        ("0", (Reason.INVALID,), False),
        ("9#", (Reason.INVALID,), False),
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
    assert counts(dialled, call.priced, reasons, book=call.book, instant=CLOSED) is is_counted
    assert not counts(dialled, call.priced, reasons, book=call.book, instant=OPEN)


@pytest.mark.parametrize("rules", ['mode = "observe"', 'automatic_lock.when = "never"'])
def test_a_clinic_that_observes_or_does_not_want_the_rule_counts_nothing(rules: str) -> None:
    call = Call(dialled=BRUSSELS, policy=clinic_rules(rules))
    assert not counts(BRUSSELS, call.priced, COUNTRY, book=call.book, instant=CLOSED)


def test_a_public_holiday_is_closed_all_day() -> None:
    call = Call(dialled=BRUSSELS, holidays=frozenset({OPEN.date()}))
    assert counts(BRUSSELS, call.priced, COUNTRY, book=call.book, instant=OPEN)


def refused(pause: timedelta, count: int, rule: AutomaticLock = RULE) -> Refusals:
    def next_one(before: Refusals | None, place: int) -> Refusals:
        return one_more(before, rule, 7, Refused(at=CLOSED + place * pause, abroad=True))

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
    assert len(refused(timedelta(0), 1000).calls) == 10


def test_whatever_is_decided_since_makes_what_was_counted_void() -> None:
    """An unlock, or a permission, is not undone by the refusals before it."""
    nine, tenth = refused(timedelta(seconds=1), 9), Refused(at=CLOSED + MINUTE, abroad=True)
    assert is_burst(one_more(nine, RULE, 7, tenth), RULE)
    assert one_more(nine, RULE, 8, tenth) == Refusals(revision=8, calls=(tenth,))


@pytest.mark.parametrize(
    ("dialled", "locked"),
    [
        ((BRUSSELS,), LockedCalls.INTERNATIONAL),
        ((BRUSSELS, IVORY_COAST), LockedCalls.INTERNATIONAL),
        # No number at all: a lock on calls abroad stops it, too.
        ((BRUSSELS, "900442071234567890", "0612"), LockedCalls.INTERNATIONAL),
        ((REUNION,), LockedCalls.COSTLY),
        ((PREMIUM,), LockedCalls.COSTLY),
        ((BRUSSELS, BRUSSELS, REUNION), LockedCalls.COSTLY),
    ],
)
def test_a_burst_is_answered_by_the_narrowest_lock_that_stops_each_call_of_it(
    dialled: tuple[str, ...], locked: LockedCalls
) -> None:
    """Ten refused calls to an overseas department locked the calls abroad, and the eleventh was not stopped."""
    calls = [Call(dialled=number, extension="23") for number in dialled]
    refusals = Refusals(revision=7, calls=tuple(refused_at(CLOSED, call.priced, call.plan) for call in calls))
    scope = burst_scope("23", refusals)
    assert scope == LockScope(calls=locked, extension="23")
    locks = (burst_lock(scope, "ten refused", CLOSED),)
    assert all(locks_on(locks, call.attempt, call.priced, plan=call.plan, instant=CLOSED) for call in calls)


def test_a_lock_by_rule_ends_when_a_person_unlocks() -> None:
    lock = burst_lock(LockScope(calls=LockedCalls.COSTLY, extension="23"), "ten refused", CLOSED)
    assert (lock.until, lock.cut, lock.author, lock.at) == (None, False, "callgate", CLOSED)


@pytest.mark.parametrize("locked", [LockedCalls.INTERNATIONAL, LockedCalls.COSTLY])
@pytest.mark.parametrize(
    ("dialled", "extension", "is_stopped"),
    [
        (BRUSSELS, "23", True),
        (BRUSSELS, "24", False),
        (PARIS, "23", False),
        (MOBILE, "23", False),
        (SUICIDE_HELPLINE, "23", False),
        ("15", "23", False),
    ],
)
def test_nobody_can_silence_the_practice_by_making_one_extension_fail(
    dialled: str, extension: str, locked: LockedCalls, *, is_stopped: bool
) -> None:
    call = Call(dialled=dialled, extension=extension)
    locks = (burst_lock(LockScope(calls=locked, extension="23"), "ten refused", CLOSED),)
    assert bool(locks_on(locks, call.attempt, call.priced, plan=call.plan, instant=CLOSED)) is is_stopped
