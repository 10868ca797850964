"""Real servers on loopback ports for tests: one, a cluster with replicas, or a primary with replicas and sentinels.

Each runs from entry to exit of its ``with`` block, writes to a folder of its own and is ended by its process.
"""

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from redis_server import PROGRAM

HOST = "127.0.0.1"
START_PATIENCE_S = 20.0
SLOTS = 16_384
BUS = 10_000
"""A cluster node also listens so far above its port."""

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
FAST_REPLICAS = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
"""A replica is in step within moments; the default makes it wait 5 s for others to join."""
FAILOVER_MS = 1_000


def free_port() -> int:
    """A port that nobody listens on now, with that of its cluster bus; below those the system gives to clients."""
    for _ in range(100):
        port = random.randrange(12_000, 22_000)
        if not any(is_taken(used) for used in (port, port + BUS)):
            return port
    raise RuntimeError("no port is free")


def is_taken(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as tried:
        return tried.connect_ex((HOST, port)) == 0


def wait_until(is_so: Callable[[], bool], what: str, patience_s: float = START_PATIENCE_S) -> None:
    """Look every 20 ms, at most so long."""
    end = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {patience_s} s: {what}")
        time.sleep(0.02)


class StoreServer:
    """One server on a port.

    Args:
        folder: where it may write; made if it is not there.
        settings: more options, such as ``("--appendonly", "yes")``.
        port: its port; a free one unless said.
    """

    def __init__(self, folder: Path, *settings: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Its own address."""
        return f"redis://{self.place}"

    def link(self) -> Redis:
        """A client of the test's own; blocking, without repeats."""
        return Redis(HOST, self.port, decode_responses=True, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def ask(self, *words: str | int) -> object:
        """Send one command on a connection of its own."""
        with self.link() as link:
            execute: Callable[..., object] = link.execute_command
            return execute(*words)

    def start(self) -> None:
        """Start it, again after it was killed, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.words(), stdout=log, stderr=log)
        wait_until(self.answers, f"{self.place} answers; see {self.folder}/log")

    def words(self) -> list[str]:
        """The command line."""
        ours = ("--port", str(self.port), "--bind", HOST, "--dir", str(self.folder), "--save", "")
        return [PROGRAM, *ours, *self.settings]

    def answers(self) -> bool:
        """Whether it is up and has read its file back."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        try:
            return bool(self.ask("PING"))
        except RedisError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def is_up(self) -> bool:
        """Whether it was not ended."""
        return self.process is not None and self.process.poll() is None

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay up, nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


def is_in_step(replica: StoreServer) -> bool:
    """Whether a replica has its first copy and is linked."""
    with replica.link() as link:
        return bool(link.info("replication").get("master_link_status") == "up")


class StoreCluster:
    """Three primaries, each with one replica, that fail over after a second of silence.

    Args:
        folder: where they may write.
        settings: more options for all of them.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        clustered = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(FAILOVER_MS))
        partial = ("--cluster-require-full-coverage", "no")
        shared = (*clustered, *partial, *FAST_REPLICAS, *settings)
        self.nodes = [StoreServer(folder / str(number), *shared) for number in range(6)]
        self._ending = ExitStack()

    @property
    def url(self) -> str:
        """What the gate is told: two of six."""
        return f"redis+cluster://{self.nodes[0].place},{self.nodes[4].place}"

    @property
    def version(self) -> str:
        """Of the program, and what it is here."""
        with self.nodes[0].link() as link:
            return f"{link.info('server')['redis_version']}, a cluster of {len(self.nodes)}"

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            for node in self.nodes:
                on_failure.enter_context(node)
            self._join()
            self._ending = on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.close()

    def _join(self) -> None:
        primaries, replicas = self.nodes[:3], self.nodes[3:]
        for number, primary in enumerate(primaries):
            primary.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            primary.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", HOST, self.nodes[0].port)
        wait_until(lambda: all(self._known(node) == len(self.nodes) for node in self.nodes), "all know each other")
        for primary, replica in zip(primaries, replicas, strict=True):
            replica.ask("CLUSTER", "REPLICATE", str(primary.ask("CLUSTER", "MYID")))
        wait_until(lambda: all(is_in_step(replica) for replica in replicas), "the replicas are in step")
        wait_until(lambda: all(self._is_well(node) for node in self.nodes), "the cluster is well")

    def _known(self, node: StoreServer) -> int:
        return len([row for row in str(node.ask("CLUSTER", "NODES")).splitlines() if "handshake" not in row])

    def _is_well(self, node: StoreServer) -> bool:
        nodes, facts = str(node.ask("CLUSTER", "NODES")), str(node.ask("CLUSTER", "INFO"))
        replicas = sum("slave" in row.split()[2] for row in nodes.splitlines())
        return replicas == 3 and "cluster_state:ok" in facts and f"cluster_slots_ok:{SLOTS}" in facts

    def primary_of(self, slot: int) -> StoreServer:
        """Who says that it owns a slot; asked on a node that answers."""
        for node in self.nodes:
            if node.is_up():
                rows = node.ask("CLUSTER", "SLOTS")
                assert isinstance(rows, list)
                port = next(row[2][1] for row in rows if row[0] <= slot <= row[1])
                return next(owner for owner in self.nodes if owner.port == port)
        raise RuntimeError("no node answers")

    def move(self, slot: int, source: StoreServer, target: StoreServer) -> None:
        """Move a slot and its keys, as ``redis-cli --cluster reshard`` does."""
        ids = {node: str(node.ask("CLUSTER", "MYID")) for node in (source, target)}
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        assert isinstance(keys, list)
        if keys:
            source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])

    def replica_of(self, primary: StoreServer) -> StoreServer:
        """The first replica that a primary lists."""
        with primary.link() as link:
            return self._named(str(link.info("replication")["slave0"]["port"]))

    def _named(self, port: str) -> StoreServer:
        return next(node for node in self.nodes if str(node.port) == port)


class SentinelGroup:
    """A primary with two replicas, and three sentinels that promote one of them after a second of silence.

    Args:
        folder: where they may write.
        settings: more options for the three that hold data.
    """

    NAME = "clinics"

    def __init__(self, folder: Path, *settings: str) -> None:
        self.stores = [StoreServer(folder / f"store{n}", *FAST_REPLICAS, *settings) for n in range(3)]
        self.sentinels = [SentinelServer(folder / f"sentinel{n}", self.stores[0].port) for n in range(3)]
        self._ending = ExitStack()

    @property
    def url(self) -> str:
        """What the gate is told: all sentinels."""
        return f"redis+sentinel://{','.join(sentinel.place for sentinel in self.sentinels)}/{self.NAME}"

    @property
    def primary(self) -> StoreServer:
        """Who the sentinels say it is."""
        found = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)
        assert isinstance(found, list)
        return next(store for store in self.stores if str(store.port) == found[1])

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            for store in self.stores:
                on_failure.enter_context(store)
            for replica in self.stores[1:]:
                replica.ask("REPLICAOF", HOST, self.stores[0].port)
            wait_until(lambda: all(is_in_step(replica) for replica in self.stores[1:]), "the replicas are in step")
            for sentinel in self.sentinels:
                on_failure.enter_context(sentinel)
            wait_until(lambda: all(self._is_well(sentinel) for sentinel in self.sentinels), "the sentinels are well")
            self._ending = on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.close()

    def _is_well(self, sentinel: StoreServer) -> bool:
        rows = sentinel.ask("SENTINEL", "MASTER", self.NAME)
        assert isinstance(rows, list | dict)
        facts = rows if isinstance(rows, dict) else dict(zip(rows[::2], rows[1::2], strict=True))
        return (str(facts["num-slaves"]), str(facts["num-other-sentinels"])) == ("2", "2")


class SentinelServer(StoreServer):
    """One sentinel that watches the primary on a port."""

    def __init__(self, folder: Path, primary: int) -> None:
        super().__init__(folder)
        self._primary = primary

    def words(self) -> list[str]:
        """The command line; a sentinel keeps what it learns in its settings file."""
        watched = f"{SentinelGroup.NAME} {HOST} {self._primary} 2"
        lines = [
            f"port {self.port}",
            f"bind {HOST}",
            f"dir {self.folder}",
            f"sentinel monitor {watched}",
            f"sentinel down-after-milliseconds {SentinelGroup.NAME} {FAILOVER_MS}",
            f"sentinel failover-timeout {SentinelGroup.NAME} 5000",
        ]
        file = self.folder / "sentinel.conf"
        file.write_text("\n".join(lines) + "\n")
        return [PROGRAM, str(file), "--sentinel"]
