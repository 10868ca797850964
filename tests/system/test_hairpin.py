"""The hairpin of docs/control.md: the trunk that everything dials leads back to the gate, so that there is no race."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import practice
from lab import Lab
from lab_images import ROOT
from system.guarded import originate
from system.rig import PARIS_WIRE, Config, Rig, assert_emergency

pytestmark = pytest.mark.system

ENTRY = f"""
[[entry]]
context        = "hairpin"
clinic         = "{practice.CLINIC}"
outside_prefix = ""
"""
HOLES = """
[internal]
exten => _9.,1,Dial(PJSIP/${EXTEN:1}@trunk,10)
"""


def add_hairpin(lab: Lab, config: Path) -> None:
    """Set the lab up as the sample says: `trunk` is the name that the old dialplan dials."""
    (config / "callgate.toml").write_text((config / "callgate.toml").read_text() + ENTRY)
    lab.copy_to_asterisk("callgate.conf", practice.dialplan(config) + HOLES)
    sample = (ROOT / "asterisk-conf" / "hairpin.conf").read_text(encoding="utf-8")
    lab.copy_to_asterisk("hairpin.conf", sample.replace("OLD-TRUNK", "trunk").replace("CHANGE-THIS", "s3cret"))
    pjsip = (lab.folder / "etc" / "pjsip.conf").read_text(encoding="utf-8")
    lab.copy_to_asterisk("pjsip.conf", f'{pjsip}\n#include "hairpin.conf"\n')


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("hairpin")
    lab = practice.lab(f"hairpin-{os.getpid()}", folder)
    lab.start()
    try:
        add_hairpin(lab, folder / "config")
        lab.restart_asterisk()  # a new transport wants one
        lab.gate_stop()
        lab.gate_start()
        yield Rig(lab=lab, config=Config(policy=practice.preset(), dialplan=""), began=time.time())
    finally:
        lab.stop()


def test_a_call_placed_straight_on_the_old_trunk_is_refused_by_the_gate(rig: Rig) -> None:
    before = len(rig.rows("call.refused"))
    for number in ("0088216001", "+2250123456615"):
        originate(rig, f"PJSIP/{number}@trunk")
    rows = [rig.last_row("call.refused", before + place) for place in range(2)]
    assert all(row.reasons for row in rows)
    assert rig.lab.invites() == []


async def test_help_is_reached_through_the_old_trunk(rig: Rig) -> None:
    rig.lab.gate_stop()
    try:
        assert_emergency(await rig.dial("915"), "15")
    finally:
        rig.lab.gate_start()


async def test_an_old_context_goes_on_and_the_callers_number_crosses(rig: Rig) -> None:
    outcome = await rig.dial("90142685300", "103")
    assert (outcome.users, outcome.final.code) == ([PARIS_WIRE], 200)
    assert "<sip:103@" in outcome.invites[0].headers["P-Asserted-Identity"]
    granted = rig.last_row("call.granted")
    assert (granted.trunk, granted.extension) == ("carrier-a", "callgate-loop")
