"""What is booked equals the tariff for the time the carrier saw, also after transfers."""

import asyncio
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import practice
from callgate.core.deck import parse_deck
from callgate.core.tariff import price
from system.rig import MOBILE, WITHIN_S, Rig

if TYPE_CHECKING:
    from sip_call import Call

pytestmark = pytest.mark.system

MOBILE_WIRE = "+33612345678"


@pytest.mark.parametrize("story", ["plain", "blind transfer", "attended transfer"])
async def test_the_settled_cost_is_the_tariff_of_the_carriers_time(rig: Rig, story: str) -> None:
    """The call lasts 3.5 s at the carrier, half of it after the transfer; mobiles are billed by the second."""
    settled_before = len(rig.rows("call.settled"))
    async with rig.phones("101", "102") as (caller, other):
        last: Call
        call = caller.call(MOBILE)
        await call.wait_for_final(WITHIN_S)
        await call.wait_joined(WITHIN_S)
        answered = await rig.logged("answered", MOBILE_WIRE)
        if story == "blind transfer":
            await call.transfer(caller.uri("102"), WITHIN_S)
            last = await other.wait_for_call(WITHIN_S)
        elif story == "attended transfer":
            second = caller.call("102")
            await second.wait_for_final(WITHIN_S)
            await second.wait_joined(WITHIN_S)
            await caller.join(call, second, WITHIN_S)
            last = other.calls_in[-1]
        else:
            last = call
        await asyncio.sleep(max(0.0, answered.at + 3.5 - rig.now()))
        last.hang_up()
        ended = await rig.logged("ended", MOBILE_WIRE)
    assert 0.2 < ended.duration_s % 1 < 0.8, "too near a whole second to tell"
    row = rig.last_row("call.settled", settled_before)
    deck = parse_deck(practice.RATES.read_text(encoding="utf-8"), "EUR")
    rate = deck.rate_for(MOBILE_WIRE, datetime.now(UTC).date())
    assert rate is not None
    assert rate.increment_s == rate.first_increment_s == 1
    tariff = price(rate, math.ceil(ended.duration_s))
    print(f"{story}: carrier {ended.duration_s:.3f} s, tariff {tariff} micros, settled {row.amount_micros} micros")
    assert row.amount_micros == tariff
    book = await rig.wait_for_no_holds()
    assert next(purse for purse in book.purses if purse.name == "national").day_micros == tariff


async def test_a_line_lost_by_a_frozen_gate_is_booked_when_it_wakes(rig: Rig) -> None:
    settled_before = len(rig.rows("call.settled"))
    async with rig.phones("101") as (caller,):
        call = caller.call(MOBILE)
        await call.wait_for_final(WITHIN_S)
        await call.wait_connected(WITHIN_S)
        rig.lab.gate_signal("STOP")
        call.hang_up()
        await call.wait_ended(WITHIN_S)
    rig.lab.gate_signal("CONT")
    assert rig.last_row("call.settled", settled_before).amount_micros > 0
    await rig.wait_for_no_holds()
