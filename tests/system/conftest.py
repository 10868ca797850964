"""One lab for all system tests; what a test changes is restored before the next one."""

import os
import time
from collections.abc import Iterator

import pytest

import practice
from callgate.ledger.keys import clinic_keys
from lab import Lab
from system.rig import Config, Rig, wait_for


@pytest.fixture(scope="session")
def system_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Config]]:
    """The practice's lab, as `make lab` starts it."""
    folder = tmp_path_factory.mktemp("system")
    lab = practice.lab(f"system-{os.getpid()}", folder)
    lab.start()
    dialplan = (folder / "etc" / "callgate.conf").read_text(encoding="utf-8")
    print(lab.asterisk_cli("core", "show", "version"))
    yield lab, Config(policy=practice.preset(), dialplan=dialplan)
    lab.stop()


@pytest.fixture
def rig(system_lab: tuple[Lab, Config]) -> Iterator[Rig]:
    """The lab in its first state: gate up, carriers answering, the preset in force, an empty ledger."""
    lab, config = system_lab
    rig = Rig(lab=lab, config=config, began=time.time())
    lab.set_rules({})
    # What an earlier test left in the spool is booked before the money is wiped.
    spool, offset = lab.folder / "spool" / "calls.log", lab.folder / "state" / "spool.offset"
    wait_for(lambda: not spool.exists() or offset.read_text() == str(spool.stat().st_size))
    lab.redis_cli("DEL", *(key for key in clinic_keys(practice.CLINIC) if not key.endswith((":meta", ":policies"))))
    yield rig
    rig.stop_stub()
    lab.gate_restore()
    if (lab.folder / "etc" / "callgate.conf").read_text(encoding="utf-8") != config.dialplan:
        rig.load_dialplan(config.dialplan)
    if (lab.folder / "config" / "policy.toml").read_text(encoding="utf-8") != config.policy:
        rig.apply_policy(config.policy)
    lab.asterisk_cli("channel", "request", "hangup", "all")
