"""Asterisk is killed, its manager interface is away, or a trunk fails: each call keeps its grant, limit and price."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import practice
from ami_client import AmiClient
from asterisk_conf import manager_conf
from call_behaviour import Behaviour, Reaction
from callgate.core.judge import DEAR_SLICE_S
from callgate.core.tariff import CUT_MARGIN_S, price
from callgate.journal import JournalRow
from faults.matrix import proves
from faults.stage import REUNION, REUNION_WIRE, Stage, as_many
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system import live_lab
from system.carrier_books import rate_of
from system.live_lab import island, reunion
from system.rig import MOBILE, WITHIN_S, wait_for

pytestmark = pytest.mark.system

RESTARTS = as_many(30, 6)
"""As many as fit a minute."""
UNIQUE_ID = "1795400000.7"
LINKED_WITHIN_S = 15
CUT_SLACK_S = 0.3
LONG_S = 300
SOON = timedelta(minutes=20)
"""Sooner than the longest costly call is over."""


async def answered(phone: Phone, dialled: str) -> OutgoingCall:
    call = phone.call(dialled)
    assert (await call.wait_for_final(WITHIN_S)).code == 200
    return call


def links(stage: Stage) -> int:
    """How often control was linked."""
    return stage.rig.lab.gate_output().count("control.linked")


async def linked(stage: Stage, times: int) -> None:
    """Wait until it was linked so often."""
    await asyncio.to_thread(wait_for, lambda: links(stage) >= times, LINKED_WITHIN_S)


def grants(stage: Stage) -> list[JournalRow]:
    return [row for row in stage.rig.rows("call.granted") if row.held_micros]


class TestControlled:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """Control looks after live calls; ceilings and lines are wide, and one island is dear: slices of 30 s."""
        return practice.Practice(control=True, policy=live_lab.policy(), rates=live_lab.rates())

    @proves(55, 56)
    async def test_a_call_that_has_the_unique_id_of_one_from_before_the_crash_is_another_call(
        self, stage: Stage
    ) -> None:
        """A program gives each call the same id, and Asterisk is killed between them, with the call up.

        What Asterisk never told the end of is booked as far as it was seen; the carrier notices by itself 2 s after.
        """
        lab = stage.rig.lab
        lab.set_rules({"": Behaviour(hang_up_after_s=2.0)})
        async with stage.during(lambda: None, lambda: None):
            for number in range(RESTARTS):
                await linked(stage, number + 1)
                await stage.phone.register(WITHIN_S)
                dialled, wire = reunion(number)
                async with AmiClient(lab.asterisk_host, lab.secrets.manager) as program:
                    where = {"Context": "phones", "Exten": dialled, "Priority": "1", "ChannelId": UNIQUE_ID}
                    await program.originate("PJSIP/101", **where)
                    await stage.rig.logged("answered", wire)
                await asyncio.to_thread(lab.restart_asterisk, "KILL")
                stage.phone.forget()
            await linked(stage, RESTARTS + 1)
            await stage.phone.register(WITHIN_S)
        found = grants(stage)
        assert len(found) == len({row.grant for row in found}) == RESTARTS
        stage.saw(f"{RESTARTS} calls with one unique id and {RESTARTS} crashes: {RESTARTS} grants")

    @proves(60)
    async def test_without_the_manager_interface_a_call_ends_with_its_slice_and_new_ones_are_held_whole(
        self, stage: Stage
    ) -> None:
        lab, (far, far_wire) = stage.rig.lab, island(1)
        await linked(stage, 1)

        def take_away() -> None:
            stage.rig.in_asterisk("sed", "-i", "s/^enabled = yes/enabled = no/", "/etc/asterisk/manager.conf")
            lab.asterisk_cli("manager", "reload")
            for line in lab.asterisk_cli("manager", "show", "connected").splitlines():
                if line.strip().startswith("callgate-"):
                    lab.asterisk_cli("manager", "kick", "session", line.split()[4])

        def bring_back() -> None:
            lab.copy_to_asterisk("manager.conf", manager_conf(lab.secrets.manager))
            lab.asterisk_cli("manager", "reload")

        async with stage.rig.phones("102", "103") as (other, third):
            costly, ordinary = await answered(stage.phone, far), await answered(other, MOBILE)
            sliced = grants(stage)[0]
            async with stage.during(take_away, bring_back):
                whole = await answered(third, island(2)[0])
                assert grants(stage)[-1].seconds > LONG_S > DEAR_SLICE_S >= sliced.seconds
                ended = await stage.rig.logged("ended", far_wire, DEAR_SLICE_S + WITHIN_S)
                await costly.wait_ended(WITHIN_S)
                stage.saw(f"the sliced call ended after {ended.duration_s:.1f} s")
                assert ended.duration_s <= DEAR_SLICE_S + CUT_SLACK_S
                assert (ordinary.ending, whole.ending) == (None, None)
                for call in (ordinary, whole):
                    call.hang_up()
                    await call.wait_ended(WITHIN_S)
            await linked(stage, 2)
            again = await answered(stage.phone, island(3)[0])
            assert grants(stage)[-1].seconds <= DEAR_SLICE_S
            again.hang_up()
            await again.wait_ended(WITHIN_S)


def rates_that_rise() -> str:
    """The shipped deck, where a minute to Reunion costs 0.05 now and will cost 0.25 before a call of now is over."""
    dear = "+262,assumed: overseas,0,0.25,60,60,EUR,0,,"
    now = datetime.now(ZoneInfo("Europe/Paris"))
    span = f"mon-sun {now - timedelta(minutes=2):%H:%M}-{now + SOON:%H:%M}"
    lines = [
        line if line.startswith("#") else f"{line},hours" if line.startswith("prefix,") else f"{line},"
        for line in practice.RATES.read_text("utf-8").splitlines()
    ]
    assert lines.count(f"{dear},") == 1
    return "\n".join([*lines, dear.replace("0.25", "0.05") + f",{span}", ""])


class TestTwoTrunks:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """What a call costs is not the same all the while."""
        return practice.Practice(rates=rates_that_rise())

    @proves(58)
    async def test_a_call_that_goes_on_to_another_trunk_is_asked_again_and_pays_once_by_the_dearer_rate(
        self, stage: Stage
    ) -> None:
        """What was held for the trunk that failed is given back in the same step.

        Each is held by the dearer of the rates that the call may meet, though it would begin at the cheaper one. A deck
        has no rates by trunk: it is to have the dearer operator's (docs/rates.md).
        """
        lab, ring = stage.rig.lab, Behaviour(reaction=Reaction.RING)

        def fail() -> None:
            lab.set_rules({"carrier-a/+262": Behaviour(reaction=Reaction.REJECT, code=503), "carrier-b/": ring})

        async with stage.during(fail, lambda: lab.set_rules({})):
            call = stage.phone.call(REUNION)
            await call.wait_for_code(180, WITHIN_S)
            first, second = grants(stage)
            assert (first.attempt, second.attempt, first.call) == (1, 2, second.call)
            assert first.number == second.number
            (hold,) = (await stage.book()).holds
            assert (hold.hold_id, hold.amount_micros) == (second.grant, second.held_micros)
            dear = rate_of(REUNION_WIRE)
            assert [row.held_micros for row in (first, second)] == [
                price(dear, row.seconds + CUT_MARGIN_S) for row in (first, second)
            ]
            call.cancel()
            await call.wait_ended(WITHIN_S)
        trunks = [invite.trunk for invite in lab.invites() if invite.user.endswith("262905000")]
        assert trunks == ["carrier-a", "carrier-b"]
        stage.saw(f"held {first.held_micros / 1e6:.2f}, then {second.held_micros / 1e6:.2f} in its place")
        stage.saw(f"by the dearer rate: at 0.05 a minute it were {(first.seconds + CUT_MARGIN_S) / 60 * 0.05:.2f}")
