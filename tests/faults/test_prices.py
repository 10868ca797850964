"""What a call costs is what was held for it or more, whatever the operator bills, and nothing without an answer."""

import asyncio
import math

import pytest

import practice
from ami_client import AmiClient
from call_behaviour import Behaviour, Reaction
from callgate.core.money import MICROS_PER_UNIT
from callgate.core.reasons import Reason
from callgate.core.risk import Tier
from callgate.core.tariff import price
from callgate.store_watch import WARNING
from faults.gate_process import said
from faults.matrix import proves
from faults.stage import APART_S, REUNION, REUNION_WIRE, Stage
from system import live_lab
from system.carrier_books import rate_of
from system.live_lab import island
from system.rig import PREMIUM, WITHIN_S, wait_for

pytestmark = pytest.mark.system

FEE_MICROS, MINUTE_MICROS = 1_200_000, 250_000
CEILING_MICROS = 100_000
PREMIUM_WIRE, PREMIUM_FEE_MICROS = "+33899701234", 3_000_000
REFUSES_PREMIUM = 'premium               = "refuse"'
TALKS_S = 7.5
"""No whole second: the carrier and Asterisk each have their own instant of the answer."""


async def booked(stage: Stage) -> int:
    """What is booked of costly calls, in micros, once nothing is held any more."""
    book = await stage.books_at_rest()
    return next((purse.day_micros for purse in book.purses if purse.name == "costly"), 0)


class TestBilledRing:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """Each call to Reunion costs 1.20 before the first minute."""
        usual = "+262,assumed: overseas,0,0.25,60,60,"
        rates = practice.RATES.read_text("utf-8")
        assert usual in rates
        return practice.Practice(rates=rates.replace(usual, "+262,billed ring,1.20,0.25,60,60,"))

    @proves(61)
    async def test_the_connect_fee_is_held_before_the_answer_and_costs_nothing_if_there_is_none(
        self, stage: Stage
    ) -> None:
        """The carrier sends speech before the answer, as one that is billed would, and never answers."""
        lab = stage.rig.lab
        only_early = Behaviour(reaction=Reaction.RING, early_media=True)
        async with stage.during(lambda: lab.set_rules({REUNION_WIRE: only_early}), lambda: lab.set_rules({})):
            call = stage.phone.call(REUNION)
            await call.wait_for_code(183, WITHIN_S)
            (hold,) = (await stage.book()).holds
            assert hold.amount_micros >= FEE_MICROS + MINUTE_MICROS
            call.cancel()
            await call.wait_ended(WITHIN_S)
        assert await booked(stage) == 0
        await stage.costly_goes()
        assert await booked(stage) == FEE_MICROS + MINUTE_MICROS
        stage.saw(f"held {hold.amount_micros / MICROS_PER_UNIT:.2f}; unanswered 0.00, answered 1.45")


class TestPremium:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """A practice that may call premium numbers."""
        policy = live_lab.policy()
        assert policy.count(REFUSES_PREMIUM) == 1
        return practice.Practice(policy=policy.replace(REFUSES_PREMIUM, 'premium               = "allow"'))

    @proves(61)
    async def test_a_premium_number_that_only_sends_early_media_is_flagged_held_with_its_fee_and_costs_nothing(
        self, stage: Stage
    ) -> None:
        """The flag is the number's own, in the row of its grant: whether it speaks before it answers nobody looks."""
        lab = stage.rig.lab
        only_early = Behaviour(reaction=Reaction.RING, early_media=True)
        async with stage.during(lambda: lab.set_rules({PREMIUM_WIRE: only_early}), lambda: lab.set_rules({})):
            call = stage.phone.call(PREMIUM)
            await call.wait_for_code(183, WITHIN_S)
            (hold,) = (await stage.book()).holds
            assert hold.amount_micros > PREMIUM_FEE_MICROS
            granted = await asyncio.to_thread(stage.rig.last_row, "call.granted")
            assert (granted.grant, granted.risk, granted.risk_because) == (hold.hold_id, Tier.SPECIAL, "class:premium")
            call.cancel()
            await call.wait_ended(WITHIN_S)
        assert await booked(stage) == 0
        stage.saw(f"premium: held {hold.amount_micros / MICROS_PER_UNIT:.2f}, flagged {granted.risk}; unanswered 0.00")


class TestOverrun:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """A dear island, 0.02 a second, and 0.10 a day for it."""
        policy = practice.with_table(live_lab.policy(), "ceilings.overseas", 'day = "0.10"')
        return practice.Practice(policy=policy, rates=live_lab.rates())

    @proves(54)
    async def test_a_call_that_outlives_its_hold_is_booked_in_full_and_said(self, stage: Stage) -> None:
        """Its limit is put off, as if Asterisk's cut had failed."""
        lab, (far, wire) = stage.rig.lab, island(1)
        async with stage.during(lambda: lab.set_rules({wire: Behaviour(hang_up_after_s=TALKS_S)}), lambda: None):
            await stage.ordinary()
            await booked(stage)
            assert "more was spent" not in stage.rig.lab.gate_exec("callgate", "--language", "en", "status")
            call = stage.phone.call(far)
            assert (await call.wait_for_final(WITHIN_S)).code == 200
            async with AmiClient(lab.asterisk_host, lab.secrets.manager) as program:
                for channel in await program.channels():
                    await program.ask("AbsoluteTimeout", Channel=channel, Timeout="60")
            await call.wait_ended(TALKS_S + WITHIN_S)
            paid = await booked(stage)
            (warning,) = await asyncio.to_thread(wait_for, lambda: stage.rig.rows(WARNING))
        (granted,) = stage.rig.rows("call.granted")[-1:]
        assert warning.note == f"more was spent than was held, so Asterisk cut too late: {granted.grant}"
        (line,) = said(stage, "call.overran")
        assert (line["grant"], line["amount_micros"]) == (granted.grant, paid)
        ended = await stage.rig.logged("ended", wire)
        least, most = (price(rate_of(wire), math.ceil(ended.duration_s + apart)) for apart in (-APART_S, APART_S))
        assert least <= paid <= most, "all of it"
        assert warning.note in stage.rig.lab.gate_exec("callgate", "--language", "en", "status")
        assert granted.held_micros <= CEILING_MICROS < paid
        assert (await stage.dial(island(2)[0])).refused
        assert stage.rig.last_row("call.refused").reasons == (Reason.CEILING_DAY,)
        stage.saw(f"held {granted.held_micros / MICROS_PER_UNIT:.2f}, booked {paid / MICROS_PER_UNIT:.2f}, all of it")
        stage.saw("the status, the journal and the log name the call")
