"""Containers of one lab: one network, one label, started, asked and removed by role."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import ExecWaitStrategy

# Ryuk, its sweeper, is an image from a registry that need not be reachable; `sweep` does its work. Read at each start.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

READY_MAX_S = 30
STOP_MAX_S = 10
POLL_S = 0.02
Found = TypeVar("Found")

_LABEL = "callgate.lab"
# Docker takes ::1 away from a container whose network has no IPv6; every machine has it.
_IPV6_AT_HOME = {"net.ipv6.conf.lo.disable_ipv6": "0"}
_CONFINED: dict[str, object] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}


class LabContainers:
    """The containers of the lab called `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._network: Network | None = None
        self._containers: dict[str, DockerContainer] = {}

    def open(self) -> None:
        """Make the network; what an older lab of this name, or one whose program is dead, has left is removed first."""
        sweep(self.name)
        sweep_orphans()
        self._network = Network(docker_network_kw={"labels": {_LABEL: self.name}}).create()

    def close(self) -> None:
        """Remove the containers and the network."""
        for role in reversed(list(self._containers)):
            self._containers.pop(role).stop()
        if self._network is not None:
            self._network.remove()
            self._network = None

    def run(self, role: str, container: DockerContainer, *, beside: str = "", confined: bool = False) -> None:
        """Start a container, reached by the others under its role.

        It gets an init, so that a signal to all its processes spares the container.

        Args:
            role: its name in this lab.
            container: image, command, mounts and wait strategy.
            beside: share the network of this role's container instead of having an own address.
            confined: nothing but its mounts can be written, and no process in it has or gets a capability.
        """
        options: dict[str, object] = dict(_CONFINED) if confined else {}
        if beside:
            options["network_mode"] = f"container:{self._containers[beside].get_container_id()}"
        else:
            options["sysctls"] = _IPV6_AT_HOME
        container.with_kwargs(labels={_LABEL: self.name}, init=True, **options)
        if not beside and self._network is not None:
            container.with_network(self._network).with_network_aliases(role)
        self._containers[role] = container
        container.start()

    def execute(self, role: str, *words: str) -> str:
        """Run a program inside, as the container's user, and return what it printed, errors too."""
        return run_inside(self._containers[role].get_container_id(), *words)

    def write(self, role: str, path: str, content: bytes) -> None:
        """Write a file inside."""
        self._containers[role].copy_into_container(content, path)

    def output(self, role: str) -> str:
        """What the container has printed so far, standard output and error."""
        return b"".join(self._containers[role].get_logs()).decode(errors="replace")

    def runs(self, role: str) -> bool:
        """Whether it is up; a frozen one is."""
        container = self._containers[role].get_wrapped_container()
        container.reload()
        return bool(container.status == "running")

    def halt(self, role: str) -> None:
        """End it as an init system does: TERM, and KILL after 10 s. It keeps its files."""
        self._containers[role].get_wrapped_container().stop(timeout=STOP_MAX_S)

    def crash(self, role: str) -> None:
        """End every process in it at once."""
        container = self._containers[role].get_wrapped_container()
        container.kill()
        container.wait(timeout=READY_MAX_S)

    def begin(self, role: str) -> None:
        """Start it again and wait for nothing."""
        self._containers[role].get_wrapped_container().start()

    def resume(self, role: str, *ready: str) -> None:
        """Start it again and wait until the command `ready` succeeds inside."""
        self.begin(role)
        self.wait(role, *ready)

    def ending(self, role: str) -> int:
        """Wait until it has ended by itself, and return its exit status."""
        found = self._containers[role].get_wrapped_container().wait(timeout=READY_MAX_S)
        return int(found["StatusCode"])

    def limit_memory(self, role: str, mebibytes: int) -> None:
        """What it may use from now on; beyond it the kernel ends one of its processes."""
        limit = f"{mebibytes}m"
        self._containers[role].get_wrapped_container().update(mem_limit=limit, memswap_limit=limit)

    def wait(self, role: str, *ready: str) -> None:
        """Wait until a command succeeds inside.

        Raises:
            TimeoutError: if it does not within 30 s.
        """
        until(*ready).wait_until_ready(self._containers[role])

    def address(self, role: str) -> str:
        """Its address in the lab's network, reachable from this machine."""
        container = self._containers[role].get_wrapped_container()
        container.reload()
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])


def run_inside(container: str, *words: str) -> str:
    """Run a program in a container, by its id, and return what it printed, errors too."""
    # Not by docker-py: what is printed before it has read the head of the reply is lost, which a busy machine shows.
    command = ("docker", "exec", container, *words)
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return ended.stdout.decode(errors="replace").strip()


def until(*command: str) -> ExecWaitStrategy:
    """A container is ready when `command` succeeds inside it."""
    return ExecWaitStrategy(list(command)).with_startup_timeout(READY_MAX_S).with_poll_interval(POLL_S)


def sweep(name: str) -> None:
    """Remove what a lab of this name has left, if its program was killed; other labs are not touched."""
    client = DockerClient().client
    try:
        for container in client.containers.list(all=True, filters={"label": f"{_LABEL}={name}"}):
            container.remove(force=True, v=True)
        for network in client.networks.list(filters={"label": f"{_LABEL}={name}"}):
            network.remove()
    finally:
        client.close()


def sweep_orphans() -> None:
    """Remove labs named after a process, such as ``test-lab-4711``, that is gone: it was killed before it could."""
    client = DockerClient().client
    try:
        # Others start and end labs meanwhile.
        there = client.containers.list(all=True, filters={"label": _LABEL}, ignore_removed=True)
        found = [container.labels for container in there]
        found += [network.attrs["Labels"] for network in client.networks.list(filters={"label": _LABEL})]
    finally:
        client.close()
    for name in {labels[_LABEL] for labels in found}:
        process = name.rpartition("-")[2]
        if process.isdecimal() and not Path("/proc", process).exists():
            sweep(name)


def wait_until(condition: Callable[[], Found], within_s: float) -> Found:
    """Ask every 20 ms until the answer is true, and return it.

    Raises:
        TimeoutError: if it was false for `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            message = f"nothing came of it in {within_s} s"
            raise TimeoutError(message)
        time.sleep(POLL_S)
    return found
