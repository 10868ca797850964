"""How the gate starts: without a policy, in any order with what it needs, and under any name of this machine."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from faults.gate_process import SERVING, said, wait_said
from faults.matrix import proves
from faults.stage import Stage

pytestmark = pytest.mark.system

POLICY_MISSING = 3
NAMED_MS = 100
"""Far from the 2 s of an address that nobody answers at."""
LISTEN, AGI = 'listen = "127.0.0.1:4599"', "agi://127.0.0.1:4599/v1"
FIRST_IPV6 = "::1 localhost\n127.0.0.1 localhost\n"


@proves(17)
@pytest.mark.parametrize("policy", [None, ""], ids=["missing", "empty"])
async def test_without_a_policy_the_gate_says_so_and_does_not_start_and_the_contract_holds(
    stage: Stage, policy: str | None
) -> None:
    """A first start: neither the state folder nor the store has a policy of before."""
    lab = stage.rig.lab
    file = lab.folder / "config" / "policy.toml"
    told: list[str] = []

    def start_for_the_first_time() -> None:
        lab.gate_stop()
        stage.store.ask("FLUSHALL")
        for kept in (lab.folder / "state").iterdir():
            if kept.is_file():
                kept.unlink()
        if policy is None:
            file.unlink()
        else:
            file.write_text(policy, encoding="utf-8")
        before = len(lab.gate_output())
        lab.gate_begin()
        assert lab.gate_ending() == POLICY_MISSING
        told.append(lab.gate_output()[before:].strip())

    def provide_one() -> None:
        file.write_text(stage.rig.config.policy, encoding="utf-8")
        lab.gate_start()

    async with stage.during(start_for_the_first_time, provide_one):
        await stage.contract()
        assert "policy.toml" in told[0]
        assert "Remedy: " in told[0]
        stage.saw(f"exit {POLICY_MISSING}, and what is missing")
    await stage.recovers()


def begin_gate(stage: Stage) -> None:
    before = len(said(stage, SERVING))
    stage.rig.lab.gate_begin()
    wait_said(stage, SERVING, before)


def begin_store(stage: Stage) -> None:
    stage.store.start()


def begin_asterisk(stage: Stage) -> None:
    stage.rig.lab.restart_asterisk("KILL")


STARTS: dict[str, Callable[[Stage], None]] = {"gate": begin_gate, "store": begin_store, "Asterisk": begin_asterisk}


@proves(72)
@pytest.mark.parametrize("order", list(itertools.permutations(STARTS)), ids=" ".join)
async def test_in_whatever_order_they_start_the_contract_holds_until_all_are_up_and_then_calls_are_decided(
    stage: Stage, order: tuple[str, ...]
) -> None:
    """After a boot. Of Asterisk only its start can be staged: its container starts another one at once."""

    def boot() -> None:
        stage.rig.lab.gate_kill()
        stage.store.kill()

    async with stage.during(boot, lambda: None):
        for place, name in enumerate(order):
            await asyncio.to_thread(STARTS[name], stage)
            if "Asterisk" in order[: place + 1] and place + 1 < len(order):
                await stage.contract()
        stage.figures.clear()
        stage.saw(", ".join(order))
        await stage.recovers()


def rename(stage: Stage, listen: str, agi: str) -> None:
    """Let the gate listen there, and Asterisk ask there."""
    lab = stage.rig.lab
    file = lab.folder / "config" / "callgate.toml"
    told = file.read_text(encoding="utf-8")
    assert LISTEN in told
    file.write_text(told.replace(LISTEN, f'listen = "{listen}"').replace(AGI, agi), encoding="utf-8")
    stage.rig.load_dialplan(stage.rig.config.dialplan.replace(AGI, agi))
    lab.gate_stop()
    lab.gate_start()


def prefer_ipv6(stage: Stage) -> None:
    """`localhost` is ::1 first, in the network that gate and Asterisk share."""
    stage.rig.lab.copy_to_asterisk("/root/hosts", FIRST_IPV6)
    stage.rig.in_asterisk("sh", "-c", "cat /root/hosts >/etc/hosts")
    found = stage.rig.in_asterisk("python3", "-c", "import socket; print(socket.getaddrinfo('localhost', 1)[0][4][0])")
    assert found == "::1"


@proves(73)
@pytest.mark.parametrize(
    ("listen", "agi"),
    [
        ("localhost:4599", "agi://localhost:4599/v1"),
        ("127.0.0.1:4599", "agi://localhost:4599/v1"),
        ("[::1]:4599", "agi://localhost:4599/v1"),
        ("[::1]:4599", "agi://[::1]:4599/v1"),
    ],
)
async def test_where_localhost_is_ipv6_first_the_gate_is_reached_without_a_wait(
    stage: Stage, listen: str, agi: str
) -> None:
    prefer_ipv6(stage)
    async with stage.during(lambda: rename(stage, listen, agi), lambda: None):
        granted = len(stage.rig.rows("call.granted"))
        added = sorted([await stage.ordinary() - stage.emergencies_ms[0] for _ in range(5)])[2]
        stage.within(added, NAMED_MS, f"{listen} by {agi}: added")
        await stage.costly_goes()
        assert all(row.reasons == () for row in stage.rig.rows("call.granted")[granted:]), "each was decided"
