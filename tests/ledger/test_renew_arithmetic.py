"""The money of a call in slices, worked out second by second in fractions: it shares no arithmetic with the ledger."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.hold import Ceiling, Denied, Held, HoldRequest, Purse, Window
from callgate.core.tariff import Rate
from callgate.ledger.memory import MemoryLedger
from ledger.samples import EURO, Clocks, renewal, request

LATE_S = 2
"""Asterisk cuts a call at most so long after its last granted second."""
LONGEST_S = 1500

increments = st.sampled_from((1, 6, 30, 60, 180)) | st.integers(1, 200)
rates = st.builds(
    Rate,
    prefix=st.just("32"),
    label=st.just("any"),
    connect_micros=st.sampled_from((0, 0, EURO)) | st.integers(0, 2 * EURO),
    per_minute_micros=st.sampled_from((0, 1, 59, 60)) | st.integers(0, 3 * EURO),
    first_increment_s=increments,
    increment_s=increments,
)
slicings = st.lists(st.sampled_from((30, 60)) | st.integers(1, 300), min_size=1, max_size=5)
longest = st.integers(1, LONGEST_S)


class Bill:
    """What a call at one rate costs by each second: an increment is owed in full from the instant it begins."""

    def __init__(self, rate: Rate) -> None:
        owed, ends = Fraction(rate.connect_micros), 0
        self.begins: set[int] = set()
        self.micros = [rate.connect_micros]
        for second in range(LONGEST_S + 400):
            if second == ends:
                self.begins.add(second)
                length = rate.increment_s if second else rate.first_increment_s
                ends += length
                owed += Fraction(rate.per_minute_micros, 60) * length
            self.micros.append(math.ceil(owed))

    def until_cut(self, seconds: int) -> int:
        """Say what a call granted for so long costs at most, in micros: every cut from its end to `LATE_S` later."""
        return max(self.micros[: seconds + LATE_S + 1])


@dataclass
class Call:
    """One call that is renewed as long as it can be, in slices of these lengths in turn."""

    asked: HoldRequest
    slices: Sequence[int]
    answers: list[Held] = field(default_factory=list)

    async def live(self) -> None:
        ledger = MemoryLedger(Clocks())
        outcome = await ledger.hold(replace(self.asked, slice_s=self.slices[0]))
        while isinstance(outcome, Held):
            self.answers.append(outcome)
            if outcome.is_final:
                return
            more = renewal(self.asked, len(self.answers))
            outcome = await ledger.renew(replace(more, slice_s=self.slice_of(len(self.answers))))
        assert isinstance(outcome, Denied)

    def slice_of(self, number: int) -> int:
        return self.slices[number % len(self.slices)]


def lived(asked: HoldRequest, slices: Sequence[int]) -> Call:
    call = Call(asked, slices)
    asyncio.run(call.live())
    return call


def in_slices(rate: Rate, seconds: int, limit_micros: int | None = None) -> HoldRequest:
    ceilings = () if limit_micros is None else (Ceiling(window=Window.HOUR, limit_micros=limit_micros),)
    purses = (Purse(name="costly", ceilings=ceilings),)
    return replace(request(), rate=rate, seconds=seconds, partial=True, purses=purses)


@given(rate=rates, seconds=longest, slices=slicings)
@settings(max_examples=150, deadline=None)
def test_each_slice_is_paid_to_its_latest_cut_and_not_a_micro_beyond(
    rate: Rate, seconds: int, slices: list[int]
) -> None:
    bill = Bill(rate)
    call = lived(in_slices(rate, seconds), slices)
    for held in call.answers:
        assert held.amount_micros == bill.until_cut(held.seconds)
    assert call.answers[-1].seconds == seconds


@given(rate=rates, seconds=longest, slices=slicings)
@settings(max_examples=150, deadline=None)
def test_a_slice_gains_as_much_as_it_can_without_paying_for_what_it_cannot_use(
    rate: Rate, seconds: int, slices: list[int]
) -> None:
    begins = Bill(rate).begins
    call = lived(in_slices(rate, seconds), slices)
    granted_s = 0
    for number, held in enumerate(call.answers):
        until_s = min(seconds, granted_s + call.slice_of(number))
        assert granted_s < held.seconds <= until_s
        ends = [begin for begin in begins if granted_s + LATE_S < begin <= until_s + LATE_S]
        assert held.seconds == (max(ends) - LATE_S if ends else until_s)
        granted_s = held.seconds


@given(rate=rates, seconds=longest, slices=slicings, limit_micros=st.integers(0, 10 * EURO))
@settings(max_examples=150, deadline=None)
def test_a_call_whose_money_gives_out_has_used_all_that_could_be_used(
    rate: Rate, seconds: int, slices: list[int], limit_micros: int
) -> None:
    bill = Bill(rate)
    call = lived(in_slices(rate, seconds, limit_micros), slices)
    granted_s = 0
    for held in call.answers:
        assert held.amount_micros == bill.until_cut(held.seconds) <= limit_micros
        granted_s = held.seconds
    if granted_s < seconds:
        assert bill.until_cut(granted_s + 1) > limit_micros


@given(rate=rates, seconds=longest)
@settings(max_examples=100, deadline=None)
def test_a_call_granted_at_once_is_paid_to_its_latest_cut(rate: Rate, seconds: int) -> None:
    held = asyncio.run(MemoryLedger(Clocks()).hold(replace(in_slices(rate, seconds), slice_s=None)))
    assert isinstance(held, Held)
    assert (held.seconds, held.amount_micros) == (seconds, Bill(rate).until_cut(seconds))
