"""What a call costs is what was held for it or more, whatever the operator bills, and nothing without an answer."""

import asyncio

import pytest

import practice
from ami_client import AmiClient
from call_behaviour import Behaviour, Reaction
from callgate.core.money import MICROS_PER_UNIT
from callgate.core.reasons import Reason
from callgate.store_watch import WARNING
from faults.matrix import proves
from faults.stage import REUNION, REUNION_WIRE, Stage
from system import live_lab
from system.live_lab import island
from system.rig import WITHIN_S, wait_for

pytestmark = pytest.mark.system

FEE_MICROS, MINUTE_MICROS = 1_200_000, 250_000
CEILING_MICROS = 100_000
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
            call = stage.phone.call(far)
            assert (await call.wait_for_final(WITHIN_S)).code == 200
            async with AmiClient(lab.asterisk_host, lab.secrets.manager) as program:
                for channel in await program.channels():
                    await program.ask("AbsoluteTimeout", Channel=channel, Timeout="60")
            await call.wait_ended(TALKS_S + WITHIN_S)
            paid = await booked(stage)
            (warning,) = await asyncio.to_thread(wait_for, lambda: stage.rig.rows(WARNING))
        (granted,) = stage.rig.rows("call.granted")[-1:]
        assert granted.grant in warning.note
        assert warning.note in stage.rig.lab.gate_exec("callgate", "--language", "en", "status")
        assert granted.held_micros <= CEILING_MICROS < paid
        assert (await stage.dial(island(2)[0])).refused
        assert stage.rig.last_row("call.refused").reasons == (Reason.CEILING_DAY,)
        stage.saw(f"held {granted.held_micros / MICROS_PER_UNIT:.2f}, booked {paid / MICROS_PER_UNIT:.2f}")
