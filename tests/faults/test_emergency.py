"""Help is reached: in every form that a person dials, and with everything else dead."""

import asyncio
import csv
import os
from pathlib import Path
from statistics import median
from urllib.parse import quote

import pytest

import practice
from faults.matrix import proves
from faults.stage import ADDED_MS, BESIDE, EMERGENCY, Stage, as_many, is_measured
from sip_phone import Phone
from system.rig import IVORY_COAST, PARIS, WITHIN_S

pytestmark = pytest.mark.system

PUBLIC = Path(__file__).parent.parent / "data" / "public.csv"
SOME = 20
PAIRS = as_many(100, 5)
OTHERS = ("102", "103", "104", "105")
SPOOL, LOG = "/var/spool/callgate", "/var/log/asterisk"


def forms() -> list[tuple[str, str]]:
    """What a person dials in a French practice whose outside digit is 0, and the number that must ring."""
    with PUBLIC.open(encoding="utf-8", newline="") as file:
        return [
            (line["dialled"], line["expected_e164_or_short"])
            for line in csv.DictReader(file)
            if (line["home_country"], line["expected_class"]) == ("FR", "emergency")
            and line["outside_prefix"] in {"", "0"}
            and not line["dialled"].startswith(("sip:", "tel:"))
        ]


@proves(75)
async def test_help_is_reached_in_every_form_from_a_locked_phone_of_a_practice_without_money(stage: Stage) -> None:
    policy = practice.with_table(stage.rig.config.policy, "ceilings.costly", 'day = "0.01"')
    policy = practice.with_table(policy, "limits.concurrent", "clinic = 1")
    stage.rig.apply_policy(policy)
    locked = stage.rig.lab.gate_exec("callgate", "lock", "--reason", "test")
    assert (await stage.dial(PARIS)).refused, locked
    async with stage.during(lambda: None, lambda: None):
        for dialled, number in forms():
            heard = await stage.dial(quote(dialled, safe="*#+"))
            assert heard.went is not None, dialled
            assert (heard.went.user, heard.call.answered_at is not None) == (number, True), dialled
    stage.saw(f"{len(forms())} forms rang")


class TestEverythingIsDead:
    @pytest.fixture
    def extra(self) -> practice.Practice:
        """Asterisk's spool and log are on a disk that is easily filled."""
        return practice.Practice(small_disks={SPOOL: "64k", LOG: "256k"})

    @proves(76)
    async def test_help_is_reached_as_fast_as_ever(self, stage: Stage) -> None:
        """Gate and store are dead, Asterisk's disk is full, nobody resolves a name."""
        count = int(os.environ.get("EMERGENCY") or SOME)
        healthy = await _alone(stage)

        def kill_everything() -> None:
            stage.rig.lab.gate_kill()
            stage.store.kill()
            stage.wire.refuse()
            for folder in (SPOOL, LOG):
                said = stage.rig.in_asterisk("sh", "-c", f"dd if=/dev/zero of={folder}/full bs=1k 2>&1")
                assert "No space left" in said
            stage.rig.in_asterisk("sh", "-c", "echo nameserver 192.0.2.1 >/etc/resolv.conf")

        def revive() -> None:
            stage.rig.in_asterisk("rm", f"{SPOOL}/full", f"{LOG}/full")
            stage.store.start()
            stage.wire.restore()
            stage.rig.lab.gate_restore()

        async with stage.during(kill_everything, revive), stage.rig.phones(*OTHERS) as phones:
            dead = await _alone(stage)
            before = len(stage.rig.lab.invites(EMERGENCY))
            took = await asyncio.gather(*(_rings(phone, count // len(OTHERS)) for phone in phones))
            together = [took_ms for each in took for took_ms in each]
            rang = len(stage.rig.lab.invites(EMERGENCY)) - before
            final = await stage.phone.call(IVORY_COAST).wait_for_final(WITHIN_S)
            assert final.code == 403
        assert rang == len(together)
        stage.saw(f"{rang} of {count} rang, median {median(together):.0f} ms at {len(OTHERS)} a time")
        for state, (gated, beside) in {"healthy": healthy, "dead": dead}.items():
            added = gated - beside
            stage.saw(f"{state}: {gated:.1f} ms, without callgate {beside:.1f} ms: {added:+.1f} ms")
            assert not is_measured() or added <= ADDED_MS


async def _alone(stage: Stage) -> tuple[float, float]:
    """Medians of the milliseconds to the carrier's INVITE, one call at a time: through callgate, and past it."""
    gated, beside = [], []
    for _ in range(PAIRS):
        gated.append(await stage.emergency())
        beside.append((await stage.dial(BESIDE)).delay_ms)
    return median(gated), median(beside)


async def _rings(phone: Phone, count: int) -> list[float]:
    """Call for help so often, one call after the other; gives the milliseconds until each was answered."""
    took = []
    for _ in range(count):
        call = phone.call(EMERGENCY)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        assert call.answered_at is not None
        took.append((call.answered_at.epoch - call.authorized_at.epoch) * 1000)
        call.hang_up()
        await call.wait_ended(WITHIN_S)
    return took
