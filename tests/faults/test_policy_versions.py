"""The policy changes while a call is up, or another gate has another one: each slice goes by the one in force."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import practice
from callgate.core.hold import Stale
from callgate.core.judge import DEAR_SLICE_S
from callgate.core.reasons import Reason
from callgate.core.tariff import CUT_MARGIN_S, price
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import Outdated, PolicyRevision, Published
from faults.matrix import proves
from faults.stage import APART_S, Stage
from ledger.samples import PATIENT, hold_id, request
from system import live_lab
from system.carrier_books import rate_of
from system.live_lab import island
from system.rig import PARIS, PARIS_WIRE, WITHIN_S

pytestmark = pytest.mark.system

WIDE, TIGHT = 'per_call = "40.00"', 'per_call = "0.80"'
PAID_S = 38
"""What 0.80 pays at 0.02 a second, less the margin of a cut."""
PUBLISHED_EVERY_S = 0.1
DUE_S = DEAR_SLICE_S / 2 - 1
"""A slice is renewed when half of it is over."""


@asynccontextmanager
async def other_gate(stage: Stage) -> AsyncIterator[RedisLedger]:
    """The store as another gate sees it, or the console."""
    async with connect(f"redis://{stage.store.place}", PATIENT) as client:
        yield RedisLedger(client, PATIENT, gate="other")


async def publish(ledger: RedisLedger, document: str) -> PolicyRevision:
    """Put a policy in force, past the stage's gate."""
    found = await ledger.fetch_policy(practice.CLINIC)
    assert isinstance(found, PolicyRevision)
    told = replace(
        found, revision=found.revision + 1, at=datetime.now(UTC), origin="console", reason="test", document=document
    )
    assert await ledger.publish(told, found.revision) == Published(revision=told.revision)
    return told


class TestCallThatIsUp:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """Control renews half a minute at a time; a second costs 0.02."""
        return practice.Practice(control=True, policy=live_lab.policy(), rates=live_lab.rates())

    @proves(14)
    async def test_a_call_has_its_terms_until_its_next_slice_and_no_permission_reaches_back(self, stage: Stage) -> None:
        """Ten times a second there is a new policy: tightened at first, and wide again once the call is renewed."""
        (far, wire), (other_far, _) = island(1), island(2)
        wide = live_lab.policy()
        assert wide.count(WIDE) == 1
        tight = wide.replace(WIDE, TIGHT)
        rate = rate_of(wire)
        assert price(rate, PAID_S + CUT_MARGIN_S) == 800_000
        revisions = 0
        async with (
            stage.during(lambda: None, lambda: None),
            other_gate(stage) as console,
            stage.rig.phones("102") as (other,),
        ):
            call = stage.phone.call(far)
            assert (await call.wait_for_final(WITHIN_S)).code == 200
            began = time.monotonic()
            first = holds = (await stage.book()).holds
            terms = [(hold.seconds, hold.amount_micros) for hold in first]
            assert terms == [(DEAR_SLICE_S, price(rate, DEAR_SLICE_S + CUT_MARGIN_S))]
            while holds == first:
                revisions += 1
                await publish(console, f"# {revisions}\n{tight}")
                holds = (await stage.book()).holds
                assert call.ending is None
                await asyncio.sleep(PUBLISHED_EVERY_S)
            renewed_s = time.monotonic() - began
            assert DUE_S < renewed_s < DEAR_SLICE_S, "it was renewed while it was up, and no sooner than was due"
            (held,) = holds
            assert (held.renewals, held.seconds, held.amount_micros) == (1, PAID_S, 800_000), "as far as 0.80 goes"
            widened = await publish(console, wide)
            free = other.call(other_far)
            assert (await free.wait_for_final(WITHIN_S)).code == 200
            granted = stage.rig.last_row("call.granted")
            assert (granted.policy_revision, granted.seconds) == (widened.revision, DEAR_SLICE_S)
            ended = await stage.rig.logged("ended", wire, DEAR_SLICE_S + WITHIN_S)
            assert free.ending is None
            free.hang_up()
            await free.wait_ended(WITHIN_S)
        assert DEAR_SLICE_S < ended.duration_s <= PAID_S + 3 * APART_S
        stage.saw(f"{revisions} revisions; renewed after {renewed_s:.0f} s as far as the new ceiling pays")
        stage.saw(f"widened at once, it ended after {ended.duration_s:.1f} s all the same")


@proves(18)
async def test_of_two_gates_the_one_with_the_older_policy_holds_nothing_by_it_and_judges_again(stage: Stage) -> None:
    """The stage's gate is the one that has the older one, and then the other one is."""
    forbids = practice.with_table(stage.rig.config.policy, "numbers", f'always_refuse = ["{PARIS_WIRE}"]')
    async with stage.during(lambda: None, lambda: None), other_gate(stage) as other:
        await stage.ordinary()
        known = stage.rig.last_row("call.granted").policy_revision
        newer = await publish(other, forbids)
        assert newer.revision == known + 1
        assert (await stage.dial(PARIS)).refused
        refused = stage.rig.last_row("call.refused")
        assert (refused.reasons, refused.policy_revision) == ((Reason.NUMBER_REFUSED,), newer.revision)
        stage.rig.apply_policy(stage.rig.config.policy)
        await stage.ordinary()
        newest = stage.rig.last_row("call.granted").policy_revision
        assert newest == newer.revision + 1
        await stage.books_at_rest()
        asked = replace(request("older", practice.CLINIC), hold_id=hold_id("older", int(time.time())))
        assert await other.hold(replace(asked, policy_revision=newer.revision)) == Stale(revision=newest)
        late = replace(newer, revision=newest, reason="by one who has not read the last")
        assert await other.publish(late, newer.revision) == Outdated(revision=newest)
        assert (await stage.book()).holds == ()
    stage.saw(f"revision {known} is refused once {newer.revision} is in force, and {newer.revision} after {newest}")
