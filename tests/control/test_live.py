"""All of live control in the background, with the time of a real loop."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from callgate.control import live
from clinic_samples import PARIS, POINTE_A_PITRE
from control.samples import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in ("FREE_PAUSE_S", "SLICES_PAUSE_S", "CUTS_PAUSE_S", "RECONCILE_PAUSE_S"):
        monkeypatch.setattr(live, name, 0.001)
    return await open_stage(tmp_path)


async def test_it_frees_renews_cuts_and_reconciles_by_itself(stage: Stage) -> None:
    helped, going_on = await stage.talk(PARIS), await stage.talk(POINTE_A_PITRE)
    forbidden, lost = await stage.talk(PARIS), await stage.dial(PARIS)
    stage.pbx.watcher.with_emergency(helped)
    stage.pbx.lost.add(lost.channel)
    stage.pbx.end(lost.channel)
    background = asyncio.create_task(stage.control.run())
    await until(stage, lambda: len(stage.pbx.done) > 1)
    while await stage.hold(lost) is not None:
        await until(stage, lambda: True)
    await stage.publish({"always_refuse = []": 'always_refuse = ["+33142685300"]'})
    await until(stage, lambda: forbidden.channel not in stage.pbx.up)
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background
    assert helped.channel in stage.pbx.up
    assert going_on.channel in stage.pbx.up
    assert {done.channel for done in stage.pbx.told("limit") if not done.seconds} == {helped.channel}


async def until(stage: Stage, condition: Callable[[], bool]) -> None:
    """Let the background work, half a second at a time, until something is so."""
    for _ in range(2000):
        await asyncio.sleep(0.005)
        stage.clock.s += 0.5
        if condition():
            return
    pytest.fail("it never was")
