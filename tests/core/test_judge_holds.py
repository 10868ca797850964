"""What a call that the rules let go asks of the ledger: how long it may last, and how much money is held for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from callgate.core.hold import HoldRequest
from callgate.core.judge import hold_id
from callgate.core.limits import purses, velocities
from callgate.core.reasons import Reason
from core.samples import (
    BRUSSELS,
    CLOSED,
    FRANCE,
    MOBILE,
    OPEN,
    PARIS,
    POISON_CENTRE,
    REUNION,
    Call,
    clinic_rules,
)

EUROPE = (*FRANCE, "BE", "CH")
ONE_CALL = Reason.CEILING_CALL


@pytest.mark.parametrize(
    ("row", "most", "seconds"),
    [
        ("+32 0 0.30 60 60", "5.00", 958),
        ("+32 0 0.30 60 60", "0.30", 58),
        ("+32 0.10 0.30 60 60", "1.00", 178),
        ("+32 0 0.30 1 1", "5.00", 998),
        ("+32 3.00 0 1 1", "3.00", 1800),
        ("+32 0 0.01 60 60", "5.00", 1800),
        ("+32 0 0 1 1", "0.00", 1800),
    ],
)
def test_a_costly_call_is_granted_as_long_as_one_call_may_cost_and_ends_before_the_next_increment(
    row: str, most: str, seconds: int
) -> None:
    rules = clinic_rules(f'ceilings.costly.per_call = "{most}"', allow=EUROPE)
    assert Call(dialled=BRUSSELS, policy=rules, rates=(row,)).request.seconds == seconds


@pytest.mark.parametrize(
    ("row", "most"),
    [
        ("+32 0 0.30 60 60", "0.29"),
        ("+32 0.10 0.30 60 60", "0.39"),
        ("+32 3.00 0 1 1", "2.99"),
        # Two seconds are kept for the cut: one second of talk needs three.
        ("+32 0 0.30 1 1", "0.01"),
    ],
)
def test_a_call_whose_first_increment_costs_more_than_one_call_may_is_refused(row: str, most: str) -> None:
    rules = clinic_rules(f'ceilings.costly.per_call = "{most}"', allow=EUROPE)
    assert Call(dialled=BRUSSELS, policy=rules, rates=(row,)).reasons == (ONE_CALL,)


@pytest.mark.parametrize(
    ("dialled", "at", "purse", "seconds"),
    [
        (BRUSSELS, OPEN, "international", 58),
        (BRUSSELS, OPEN, "overseas", 958),
        (BRUSSELS, OPEN, "extension", 58),
        (BRUSSELS, OPEN, "national", 958),
        (REUNION, OPEN, "overseas", 58),
        (REUNION, OPEN, "international", 1198),
        (MOBILE, OPEN, "costly", 7200),
        # National ceilings alarm in opening hours and bind outside them, but never a number that must be reached.
        (MOBILE, OPEN, "national", 7200),
        (MOBILE, CLOSED, "national", 298),
        (POISON_CENTRE, CLOSED, "national", 7200),
    ],
)
def test_what_one_call_may_cost_binds_in_every_purse_that_counts_it(
    dialled: str, at: datetime, purse: str, seconds: int
) -> None:
    """`per_call` was read in the costly purse alone: the same line in another purse silently did nothing."""
    rules = clinic_rules(f'ceilings.{purse}.per_call = "0.30"', allow=EUROPE)
    assert Call(dialled=dialled, policy=rules, at=at).request.seconds == seconds


def test_a_call_without_a_ceiling_for_one_call_is_granted_as_long_as_its_kind_allows() -> None:
    """A hold is never longer than two hours; without `per_call` only the duration bounds a costly call."""
    rules = clinic_rules("limits.max_duration_s = {ordinary = 600, costly = 90}", allow=EUROPE)
    no_ceiling = msgspec.structs.replace(
        rules,
        ceilings=msgspec.structs.replace(
            rules.ceilings, costly=msgspec.structs.replace(rules.ceilings.costly, per_call=None)
        ),
    )
    assert Call(dialled=BRUSSELS, policy=no_ceiling).request.seconds == 90
    assert Call(dialled=PARIS, policy=no_ceiling).request.seconds == 600


def test_an_ordinary_call_holds_one_minute_of_money_and_is_granted_in_full() -> None:
    call = Call(dialled=MOBILE)
    assert call.priced.rate is not None
    assert call.request == HoldRequest(
        clinic="cabinet",
        hold_id="pbx1.9b2f.1.1795510800",
        supersedes="",
        rate=call.priced.rate,
        seconds=7200,
        costly=False,
        slice_s=60,
        partial=False,
        purses=purses(call.case),
        velocities=velocities(call.case),
        month="2026-11",
        grace_s=150,
        policy_revision=7,
    )


def test_an_ordinary_call_of_less_than_a_minute_holds_no_more_than_it_may_last() -> None:
    assert Call(dialled=MOBILE, policy=clinic_rules("limits.max_duration_s.ordinary = 30")).request.slice_s == 30


def test_a_costly_call_holds_money_for_all_its_seconds_or_for_fewer() -> None:
    request = Call(dialled=REUNION).request
    assert (request.seconds, request.costly, request.slice_s, request.partial) == (1198, True, None, True)
    assert (request.grace_s, request.novelty) == (150, "")
    assert Call(dialled=BRUSSELS, policy=clinic_rules(allow=EUROPE)).request.novelty == "country:BE"


OBSERVING = 'mode = "observe"'


@pytest.mark.parametrize(
    ("row", "rules", "slice_s"),
    [
        ("+32 0 0.30 60 60", "", 60),
        ("+32 0 1.00 60 60", "", 60),
        ("+32 0 1.01 60 60", "", 30),
        # What a call costs once is paid by the first slice, however short.
        ("+32 3.00 0 1 1", "", 60),
        # One call costs at most 5.00: of ten a minute, 28 seconds are left.
        ("+32 0 10.00 1 1", "", 28),
        ("+32 0 0.30 60 60", "limits.max_duration_s.costly = 45", 45),
        # Where nothing is refused nobody is cut, and nothing is renewed.
        ("+32 0 0.30 60 60", OBSERVING, None),
    ],
)
def test_where_holds_are_renewed_a_costly_call_asks_for_a_minute_at_a_time_and_a_dear_one_for_half(
    row: str, rules: str, slice_s: int | None
) -> None:
    policy = clinic_rules('limits.max_rate_per_minute = "20.00"', rules, allow=EUROPE)
    call = Call(dialled=BRUSSELS, policy=policy, rates=(row,), slices=True)
    assert call.request.slice_s == slice_s
    assert call.request == replace(replace(call, slices=False).request, slice_s=slice_s)


@pytest.mark.parametrize("slices", [False, True])
def test_an_ordinary_call_holds_a_minute_whoever_renews_what(*, slices: bool) -> None:
    # That a number must be reached, whatever it costs, makes it ordinary.
    for dialled in (MOBILE, POISON_CENTRE):
        assert Call(dialled=dialled, slices=slices).request.slice_s == 60
    dear = Call(dialled=POISON_CENTRE, slices=slices, rates=("+33 0 2.00 60 60",))
    assert dear.request.slice_s == 60


FLAT_RATE = 'bundle = {included = ["national_mobile"], max_call_s = 1800}'
SPOKEN_FOR = 'numbers.always_allow = ["+33612345678"]'


@pytest.mark.parametrize(
    ("dialled", "at", "rules", "seconds"),
    [
        # A conversation is not cut: what runs over is an alert when the call is settled.
        (MOBILE, OPEN, [FLAT_RATE], 7200),
        # When closed, no call goes beyond what costs nothing: no ceiling would count it.
        (MOBILE, CLOSED, [FLAT_RATE], 1798),
        (MOBILE, CLOSED, [FLAT_RATE, "limits.max_duration_s.ordinary = 600"], 600),
        (MOBILE, CLOSED, ['bundle = {included = ["national_mobile"], max_call_s = 1}'], 1),
        (MOBILE, CLOSED, [FLAT_RATE, SPOKEN_FOR], 7200),
        (PARIS, CLOSED, [FLAT_RATE], 7200),
        (POISON_CENTRE, CLOSED, ['bundle = {included = ["national_fixed"], max_call_s = 60}'], 7200),
        (REUNION, OPEN, ['bundle = {included = ["national_fixed"], max_call_s = 60}'], 1198),
    ],
)
def test_when_closed_a_call_of_the_flat_rate_ends_while_it_still_costs_nothing(
    dialled: str, at: datetime, rules: list[str], seconds: int
) -> None:
    assert Call(dialled=dialled, at=at, policy=clinic_rules(*rules)).request.seconds == seconds


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC), "2026-11"),
        (datetime(2026, 11, 30, 23, 0, tzinfo=UTC), "2026-12"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "2027-01"),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), "2026-07"),
    ],
)
def test_a_call_counts_in_the_month_it_starts_in_on_the_clinics_clock(at: datetime, month: str) -> None:
    assert Call(dialled=PARIS, at=at).request.month == month


def test_a_hold_is_named_after_its_passage_its_attempt_and_its_second() -> None:
    instant = OPEN + timedelta(microseconds=999_999)
    assert hold_id(Call(dialled=PARIS).attempt, instant) == "pbx1.9b2f.1.1795510800"
