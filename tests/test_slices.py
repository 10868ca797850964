"""A call in slices, from the judge through the ledger and back: it costs what the whole would, and no more."""

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.hold import Denied, Held, RenewRequest
from callgate.core.judge import DEAR_SLICE_S, SLICE_S
from callgate.core.renewal import CallInProgress, Complete, renewal
from callgate.core.tariff import CUT_MARGIN_S, price
from callgate.ledger.memory import MemoryLedger, at_second
from core.samples import BRUSSELS, CENT, EURO, FRANCE, OPEN, Call, clinic_rules


async def lives(call: Call) -> tuple[list[Held], Denied | Complete]:
    """Let a call go on as long as rules and money allow; returns every answer, and what ended it."""
    ledger = MemoryLedger(at_second(lambda: int(OPEN.timestamp())))
    held = await ledger.hold(call.request)
    answers: list[Held] = []
    while isinstance(held, Held):
        assert not answers or held.seconds > answers[-1].seconds
        answers.append(held)
        going_on = CallInProgress(
            attempt=call.attempt,
            priced=call.priced,
            began=OPEN,
            held=held,
            renewals=len(answers) - 1,
            elapsed_s=held.seconds,
        )
        asked = renewal(going_on, call.book, OPEN)
        if isinstance(asked, Complete):
            return answers, asked
        assert isinstance(asked, RenewRequest)
        held = await ledger.renew(asked)
    assert isinstance(held, Denied), held
    return answers, held


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A costly call at any rate, of which two connect fees or two minutes always fit the ceiling of one call."""
    minute, connect = draw(st.integers(0, 240)) * CENT, draw(st.integers(0, 100)) * CENT
    first, following = draw(st.sampled_from(((1, 1), (6, 6), (30, 6), (60, 1), (60, 60), (180, 60), (7, 90))))
    rate = f"+32 {connect / EURO:.2f} {minute / EURO:.2f} {first} {following}"
    rules = (
        'limits.max_rate_per_minute = "2.40"',
        f'ceilings.costly.per_call = "{draw(st.integers(850, 2000)) / 100:.2f}"',
        f'ceilings.costly.hour = "{draw(st.integers(850, 4000)) / 100:.2f}"',
        'ceilings.costly.day = "99.00"\nceilings.costly.week = "99.00"\nceilings.costly.calendar_month = "99.00"',
        'ceilings.international.day = "99.00"\nceilings.international.week = "99.00"\nceilings.extension.day = "99.00"',
        f"limits.max_duration_s.costly = {draw(st.integers(1, 1800))}",
    )
    policy = clinic_rules(*rules, allow=(*FRANCE, "BE"))
    return Call(dialled=BRUSSELS, policy=policy, rates=(rate,), slices=True)


@settings(deadline=None, max_examples=60)
@given(calls())
def test_slice_by_slice_a_call_gets_what_it_would_have_had_at_once_and_pays_no_more(call: Call) -> None:
    """Each slice ends where its two seconds of margin are paid, so that no cut ever falls on a new increment."""
    answers, end = asyncio.run(lives(call))
    rate, costly = call.request.rate, call.policy.ceilings.costly
    assert costly.per_call is not None
    assert costly.hour is not None
    longest_slice_s = DEAR_SLICE_S if rate.per_minute_micros > EURO else SLICE_S
    granted_s = 0
    for held in answers:
        assert held.seconds - granted_s <= longest_slice_s
        assert held.amount_micros == price(rate, held.seconds + CUT_MARGIN_S) <= min(costly.per_call, costly.hour)
        granted_s = held.seconds
    assert all(not held.is_final for held in answers[:-1])
    assert answers[-1].is_final == isinstance(end, Complete)

    ledger = MemoryLedger(at_second(lambda: int(OPEN.timestamp())))
    at_once = asyncio.run(ledger.hold(replace(call, slices=False).request))
    assert isinstance(at_once, Held)
    assert (granted_s, answers[-1].amount_micros) == (at_once.seconds, at_once.amount_micros)
