"""What a lock stops: one row, one lock, one call. Emergency calls are stopped by none."""

from dataclasses import replace
from datetime import timedelta

import pytest

from callgate.core.attempt import Origin
from callgate.core.locks import (
    LockedCalls,
    LockScope,
    is_cut,
    locks_in_force,
    locks_on,
    with_lock,
    without_lock,
)
from core.samples import (
    BRUSSELS,
    INMARSAT,
    MOBILE,
    OPEN,
    PARIS,
    POISON_CENTRE,
    PREMIUM,
    REUNION,
    SAINT_PIERRE,
    SHARED_COST,
    SUICIDE_HELPLINE,
    Call,
    a_lock,
)

ALL, COSTLY, INTERNATIONAL = LockedCalls
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("dialled", "stopped_by"),
    [
        ("15", ()),
        ("112", ()),
        ("116117", ()),
        (PARIS, (ALL,)),
        (MOBILE, (ALL,)),
        (SUICIDE_HELPLINE, (ALL,)),
        (POISON_CENTRE, (ALL,)),
        (SHARED_COST, (ALL, COSTLY)),
        (PREMIUM, (ALL, COSTLY)),
        (REUNION, (ALL, COSTLY)),
        (SAINT_PIERRE, (ALL, COSTLY, INTERNATIONAL)),
        (BRUSSELS, (ALL, COSTLY, INTERNATIONAL)),
        (INMARSAT, (ALL, COSTLY, INTERNATIONAL)),
        ("+80012345678", (ALL, COSTLY, INTERNATIONAL)),
    ],
)
def test_a_lock_stops_the_calls_it_speaks_of_and_never_an_emergency_call(
    dialled: str, stopped_by: tuple[LockedCalls, ...]
) -> None:
    call = Call(dialled=dialled)
    locks = tuple(map(a_lock, LockedCalls))
    found = locks_on(locks, call.attempt, call.priced, plan=call.plan, instant=OPEN)
    assert tuple(lock.scope.calls for lock in found) == stopped_by


@pytest.mark.parametrize(
    ("calls", "dialled", "stops"),
    [(ALL, PARIS, True), (COSTLY, PARIS, False), (COSTLY, REUNION, True), (INTERNATIONAL, REUNION, False)],
)
@pytest.mark.parametrize(("extension", "is_meant"), [("23", True), ("230", False), ("2", False), ("", False)])
def test_a_lock_of_an_extension_stops_no_other_one_and_nothing_that_has_none(
    calls: LockedCalls, dialled: str, extension: str, *, stops: bool, is_meant: bool
) -> None:
    call = Call(dialled=dialled, extension=extension)
    found = locks_on((a_lock(calls, "23"),), call.attempt, call.priced, plan=call.plan, instant=OPEN)
    assert bool(found) is (stops and is_meant)


@pytest.mark.parametrize("origin", Origin)
def test_wherever_a_call_comes_from_the_line_it_is_charged_to_is_locked(origin: Origin) -> None:
    call = Call(dialled=PARIS, extension="23", origin=origin)
    lock = a_lock(extension="23")
    assert locks_on((lock,), call.attempt, call.priced, plan=call.plan, instant=OPEN) == (lock,)


@pytest.mark.parametrize(("minutes", "is_locked"), [(-60, True), (0, True), (59, True), (60, False), (61, False)])
def test_a_lock_with_an_end_ends_by_itself(minutes: int, *, is_locked: bool) -> None:
    """Also an instant before it was made is locked: a call in progress has no grace from it."""
    locks = (a_lock(until=OPEN + HOUR),)
    assert bool(locks_in_force(locks, OPEN + timedelta(minutes=minutes))) is is_locked


@pytest.mark.parametrize(("dialled", "is_ended"), [("15", False), (PARIS, False), (REUNION, True), (BRUSSELS, True)])
def test_a_call_in_progress_ends_at_once_by_a_lock_that_stops_it_and_cuts(dialled: str, *, is_ended: bool) -> None:
    call = Call(dialled=dialled)
    patient, cutting = a_lock(), a_lock(COSTLY, until=OPEN + HOUR, cut=True)
    assert is_cut((patient, cutting), call.attempt, call.priced, plan=call.plan, instant=OPEN) is is_ended
    assert not is_cut((patient,), call.attempt, call.priced, plan=call.plan, instant=OPEN)
    assert not is_cut((cutting,), call.attempt, call.priced, plan=call.plan, instant=OPEN + HOUR)


def test_a_second_lock_of_the_same_kind_takes_the_place_of_the_first() -> None:
    first, other = a_lock(COSTLY), a_lock(COSTLY, "23")
    second = replace(first, cut=True, at=OPEN + HOUR)
    assert with_lock((first, other), second) == (other, second)


def test_what_has_ended_is_forgotten_when_something_is_locked_or_unlocked() -> None:
    ended, later = a_lock(until=OPEN + HOUR), a_lock(COSTLY)
    assert with_lock((ended,), replace(later, at=OPEN + HOUR)) == (replace(later, at=OPEN + HOUR),)
    assert without_lock((ended, later), LockScope(calls=INTERNATIONAL), OPEN + HOUR) == (later,)


@pytest.mark.parametrize(
    "scope", [LockScope(calls=calls, extension=line) for calls in LockedCalls for line in ("", "23")]
)
def test_the_lock_that_is_named_is_lifted_and_no_wider_or_narrower_one(scope: LockScope) -> None:
    locks = tuple(a_lock(calls, extension) for calls in LockedCalls for extension in ("", "23"))
    left = without_lock(locks, scope, OPEN)
    assert [lock for lock in locks if lock not in left] == [a_lock(scope.calls, scope.extension)]
