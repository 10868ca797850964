"""The reason codes and their weight: safety, destination, time, money, velocity, a degraded gate, then alarms."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.reasons import WEIGHT, Reason, by_weight


@pytest.mark.parametrize(
    ("given_reasons", "expected"),
    [
        ((), ()),
        ((Reason.CLOSED,), (Reason.CLOSED,)),
        ((Reason.CLOSED, Reason.COUNTRY_REFUSED), (Reason.COUNTRY_REFUSED, Reason.CLOSED)),
        ((Reason.CLOSED, Reason.CLOSED), (Reason.CLOSED,)),
        (
            (Reason.TOO_MANY_STARTS, Reason.CEILING_DAY, Reason.CEILING_HOUR, Reason.LOCKED),
            (Reason.LOCKED, Reason.CEILING_HOUR, Reason.CEILING_DAY, Reason.TOO_MANY_STARTS),
        ),
    ],
)
def test_reasons_are_told_heaviest_first_and_each_once(
    given_reasons: tuple[Reason, ...], expected: tuple[Reason, ...]
) -> None:
    assert by_weight(given_reasons) == expected


@pytest.mark.parametrize(
    ("heavier", "lighter"),
    [
        *pairwise(
            (
                Reason.LOCKED,
                Reason.INVALID,
                Reason.COUNTRY_REFUSED,
                Reason.CLOSED,
                Reason.CEILING_CALL,
                Reason.TOO_MANY_LINES,
                Reason.LEDGER_UNAVAILABLE,
                Reason.LEDGER_FROZEN,
                Reason.EMERGENCY,
            )
        )
    ],
)
def test_safety_outweighs_destination_then_time_then_money_then_velocity_then_a_degraded_gate(
    heavier: Reason, lighter: Reason
) -> None:
    assert WEIGHT[heavier] < WEIGHT[lighter]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.EMERGENCY,
        Reason.LOCAL_ALLOWANCE,
        Reason.HOTSPOT,
        Reason.RISKY_NUMBER,
        Reason.WATCHED,
        Reason.FIRST_COUNTRY,
        Reason.NATIONAL_ALARM,
        Reason.BUNDLE_OVERRUN,
    ],
)
def test_what_a_grant_wants_noticed_refuses_nothing(reason: Reason) -> None:
    assert not reason.refuses


@pytest.mark.parametrize(
    "reason",
    [
        Reason.LOCKED,
        Reason.INVALID,
        Reason.CLOSED,
        Reason.CEILING_TOTAL,
        Reason.LEDGER_FROZEN,
        Reason.GATE_UNAVAILABLE,
    ],
)
def test_every_other_reason_refuses(reason: Reason) -> None:
    assert reason.refuses


@given(st.lists(st.sampled_from(Reason)))
def test_however_they_were_found_the_same_reasons_are_told_alike(found: list[Reason]) -> None:
    told = by_weight(found)
    assert set(told) == set(found)
    assert told == by_weight(reversed(found))
    assert all(WEIGHT[heavier] < WEIGHT[lighter] for heavier, lighter in pairwise(told))
