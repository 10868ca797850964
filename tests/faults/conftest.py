"""The stage of each test of the matrix: set anew, and held to account when the test is done."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import practice
from faults.stage import Stage
from faults.store import FaultyStore
from faults.wire import StoreWire
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
def extra() -> practice.Practice:
    """What a test wants otherwise of the practice; such a test defines a fixture of this name."""
    return practice.Practice()


@pytest.fixture
async def stage(
    tmp_path: Path, store: FaultyStore, extra: practice.Practice, request: pytest.FixtureRequest
) -> AsyncIterator[Stage]:
    """The real stack with everything up; after the test the invariants of every row are checked."""
    numbers = " ".join(str(number) for mark in request.node.iter_markers("fault") for number in mark.args)
    request.node.user_properties.append(("fault", numbers))
    with ExitStack() as ending:
        wire = ending.enter_context(StoreWire(store.at))
        told = replace(extra, redis=wire.url)
        lab = practice.lab(f"faults-{os.getpid()}", tmp_path, told)
        lab.start()
        ending.callback(lab.stop)
        config = Config(policy=practice.preset(), dialplan=(tmp_path / "etc" / "callgate.conf").read_text("utf-8"))
        rig = Rig(lab=lab, config=config, began=time.time())
        async with rig.phones("101") as (phone,):
            stage = Stage(rig=rig, phone=phone, wire=wire, store=store)
            try:
                yield stage
                await stage.hold_to_account()
            finally:
                request.node.user_properties.append(("seen", "; ".join(stage.figures)))
