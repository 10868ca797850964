"""The stage of each test of the matrix: set anew, and held to account when the test is done."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import practice
from faults.gate_process import wait_serving
from faults.stage import BESIDE_CALLGATE, Stage, is_measured
from faults.store import FaultyStore
from faults.wire import StoreWire
from lab import Lab
from soak.disk import compile_disk
from system.rig import Config, Rig


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes a disk fail."""
    return compile_disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def store(tmp_path: Path, disk: Path) -> Iterator[FaultyStore]:
    """A durable Redis of this machine."""
    with FaultyStore(tmp_path / "store", disk) as store:
        yield store


@pytest.fixture
def wire(store: FaultyStore) -> Iterator[StoreWire]:
    """The road to it."""
    with StoreWire(store.at) as wire:
        yield wire


@pytest.fixture
def extra() -> practice.Practice:
    """What a test wants otherwise of the practice; such a test defines a fixture of this name."""
    return practice.Practice()


@pytest.fixture
def lab(tmp_path: Path, wire: StoreWire, extra: practice.Practice) -> Iterator[Lab]:
    """Asterisk, the carrier and the gate."""
    extensions = extra.extensions + BESIDE_CALLGATE
    extra = replace(extra, redis=extra.redis or wire.url, extensions=extensions)
    lab = practice.lab(f"faults-{os.getpid()}", tmp_path, extra)
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
async def stage(lab: Lab, wire: StoreWire, store: FaultyStore, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The real stack with everything up; after the test the invariants of every row are checked."""
    numbers = " ".join(str(number) for mark in request.node.iter_markers("fault") for number in mark.args)
    request.node.user_properties.append(("fault", numbers))
    policy, dialplan = lab.folder / "config" / "policy.toml", lab.folder / "etc" / "callgate.conf"
    config = Config(policy=policy.read_text("utf-8"), dialplan=dialplan.read_text("utf-8"))
    rig = Rig(lab=lab, config=config, began=time.time())
    if is_measured():
        rig.log_no_steps()
    async with rig.phones("101") as (phone,):
        stage = Stage(rig=rig, phone=phone, wire=wire, store=store)
        await asyncio.to_thread(wait_serving, stage, 0)
        try:
            yield stage
            await stage.hold_to_account()
        finally:
            request.node.user_properties.append(("seen", "; ".join(stage.figures)))
            pairs = zip(stage.emergencies_ms, stage.beside_ms, strict=False)
            request.node.user_properties.append(("added", " ".join(f"{ours - bare:.2f}" for ours, bare in pairs)))
