"""The lab: a real Asterisk 22, a fake carrier, Redis and the gate, in containers of one network.

One definition for the system tests, the demo and `make lab`. The gate shares Asterisk's network, so that FastAGI is on
127.0.0.1 as in a real installation. Phones run on this machine (`sip_phone`) and reach Asterisk by `asterisk_host`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from testcontainers.core.container import DockerContainer

from asterisk_conf import SIP_PORT, Secrets, asterisk_conf
from call_behaviour import Rules, write_rules
from callgate.journal import JOURNAL_FILE
from callgate.ledger.address import StoreKind
from callgate.ledger.permissions import store_rules
from carrier_log import CarrierEvent, read_log
from lab_containers import READY_MAX_S, LabContainers, until, wait_until
from lab_images import ASTERISK_IMAGE, CALLGATE_IMAGE, ROOT, build_all
from sip_transport import Address

TRUNKS = {"carrier-a": 5080, "carrier-b": 5081}
REDIS_PORT = 6379

GATE_USER = ("--user", "callgate", "on", "nopass", *store_rules(StoreKind.ONE))
"""Options of a server that the gate reaches over a network: the user of docs/scale.md, here without a password."""

_FOLDERS = ("etc", "spool", "log", "state", "carrier")
_REDIS = (
    "redis-server --bind 0.0.0.0 --protected-mode no --dir /tmp --save '' "
    "--appendonly yes --appendfsync always --maxmemory-policy noeviction " + " ".join(GATE_USER)
)
_REDIS_READY = ("redis-cli", "ping")
# Asterisk is started again when it ends, as systemd does; the shell stays, and with it the network the gate lives in.
# No umask: the gate, another user, must be able to move and cut what Asterisk writes to the spool.
_ASTERISK = "umask 0; while :; do asterisk -f; done"
_ASTERISK_READY = ("asterisk", "-rx", "core waitfullybooted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How the daemon is run.

    Fields:
        command: its words, such as ``("callgate", "serve")``.
        config: a folder of this machine that it sees as /etc/callgate.
        environment: more variables.
        ready: a command that succeeds inside the container once the gate serves.
    """

    command: tuple[str, ...]
    config: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: tuple[str, ...] = ("true",)


class Lab:
    """One lab. Everything it writes is under `folder`: etc/ spool/ log/ state/ and carrier/.

    Args:
        name: what its containers are labelled with; starting a lab ends an older one of the same name.
        folder: made if missing.
        asterisk_conf: files put over the lab's own in /etc/asterisk, by path inside it.
        gate: how to run the daemon; None leaves it out.
        mounts: folders of this machine that Asterisk sees, read-only, by path inside the container.
        language: of the prompts.
        small_disks: folders that Asterisk has on a disk of their own, in memory, of this size (such as ``64k``), by
            path inside the container.
        has_store: whether it brings a Redis; without it the gate's settings name one of somebody else's.
    """

    def __init__(  # noqa: PLR0913  # one container's worth of choices, each by name
        self,
        name: str,
        folder: Path,
        *,
        asterisk_conf: Mapping[str, bytes | str] | None = None,
        gate: Gate | None = None,
        mounts: Mapping[str, Path] | None = None,
        language: str = "fr",
        small_disks: Mapping[str, str] | None = None,
        has_store: bool = True,
    ) -> None:
        self.name = name
        self.folder = folder.resolve()
        self.secrets = Secrets(phones=secrets.token_hex(8), manager=secrets.token_hex(8))
        self._asterisk_conf = asterisk_conf or {}
        self._gate = gate
        self._mounts = mounts or {}
        self._language = language
        self._small_disks = small_disks or {}
        self._has_store = has_store
        self._containers = LabContainers(name)

    def start(self) -> None:
        """Build what is not current, and start everything; about two seconds once the images are there.

        Raises:
            LabError: if an image cannot be built.
            TimeoutError: if a container is not ready in 30 s; its log is in the note of the exception.
        """
        build_all()
        for folder in _FOLDERS:
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            (self.folder / folder).chmod(0o777)  # the gate is not root, Asterisk is
        self._forget_ledger()
        self._log_path.unlink(missing_ok=True)
        self._containers.open()
        try:
            self._start_carrier()
            self._start_redis()
            self._start_asterisk()
            self._start_gate()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Remove the containers and the network; the folder stays."""
        self._containers.close()

    @property
    def asterisk_host(self) -> str:
        """Asterisk's address, reachable from this machine."""
        return self._containers.address("asterisk")

    @property
    def sip(self) -> Address:
        """Where phones send their SIP."""
        return self.asterisk_host, SIP_PORT

    @property
    def carrier_host(self) -> str:
        """The carrier's address; its ports are `TRUNKS`."""
        return self._containers.address("carrier")

    @property
    def redis_host(self) -> str:
        """Redis's address, port 6379, for who may do anything; the gate is the user ``callgate`` at ``redis``."""
        return self._containers.address("redis")

    def asterisk_cli(self, *words: str) -> str:
        """Run an Asterisk command, such as ``("core", "show", "channels")``, and return what it printed."""
        return self._containers.execute("asterisk", "asterisk", "-rx", " ".join(words))

    def copy_to_asterisk(self, path: str, text: bytes | str) -> None:
        """Write a file in Asterisk's container; a relative path is inside /etc/asterisk. Reload by `asterisk_cli`."""
        content = text.encode() if isinstance(text, str) else text
        if not path.startswith("/"):
            target = self.folder / "etc" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            return
        self._containers.write("asterisk", path, content)

    def restart_asterisk(self, signal: Literal["TERM", "KILL"] = "TERM") -> None:
        """End Asterisk, gently or not, and wait until the next one is up.

        Raises:
            TimeoutError: if it is not up in 30 s.
        """
        process = self._process_of_asterisk()
        self._containers.execute("asterisk", "sh", "-c", f"kill -s {signal} {process}")
        wait_until(lambda: self._process_of_asterisk() not in {"", process}, READY_MAX_S)
        self._containers.wait("asterisk", *_ASTERISK_READY)

    def gate_signal(self, signal: Literal["STOP", "CONT", "TERM"]) -> None:
        """Send a signal to every process of the gate; STOP freezes it, CONT thaws it."""
        self._containers.execute("gate", "sh", "-c", f"kill -s {signal} -- -1")

    def gate_reload(self) -> None:
        """Have the daemon hand over to a worker with the settings as they are now, as ``systemctl reload`` does."""
        # The container's init has one child, the supervisor.
        self._containers.execute("gate", "sh", "-c", "kill -s HUP $(cat /proc/1/task/1/children)")

    def gate_kill(self) -> None:
        """Crash the gate: every process ends at once, and with them every connection."""
        self._containers.crash("gate")

    def asterisk_exec(self, *words: str) -> str:
        """Run a program beside Asterisk, in the network that the gate shares, and return what it printed."""
        return self._containers.execute("asterisk", *words)

    def gate_restore(self) -> None:
        """Bring the gate back from whatever was done to it: thaw it, or start it."""
        if self._containers.runs("gate"):
            self.gate_signal("CONT")
        else:
            self.gate_start()

    def gate_exec(self, *words: str) -> str:
        """Run a program beside the gate, as its user, and return what it printed, errors too."""
        return self._containers.execute("gate", *words)

    def gate_stop(self) -> None:
        """End the gate as an init system does: TERM, and KILL after 10 s."""
        self._containers.halt("gate")

    def gate_start(self) -> None:
        """Start it again, with the same state, and wait until it is ready."""
        assert self._gate is not None
        self._containers.resume("gate", *self._gate.ready)

    def gate_begin(self) -> None:
        """Start it again, with the same state, and wait for nothing."""
        self._containers.begin("gate")

    def gate_ending(self) -> int:
        """Wait until it has ended by itself, and return its exit status."""
        return self._containers.ending("gate")

    def gate_memory(self, mebibytes: int) -> None:
        """What it may use from now on."""
        self._containers.limit_memory("gate", mebibytes)

    def gate_output(self) -> str:
        """What the gate has printed so far, standard output and error."""
        return self._containers.output("gate")

    def redis_stop(self) -> None:
        """End Redis; nobody answers at its address any more."""
        self._containers.halt("redis")

    def redis_start(self) -> None:
        """Start it again with what it had kept."""
        self._containers.resume("redis", *_REDIS_READY)

    def redis_cli(self, *words: str) -> str:
        """Run a Redis command and return what it printed."""
        return self._containers.execute("redis", "redis-cli", *words)

    def set_rules(self, rules: Rules) -> None:
        """How the carrier meets calls from now on, by number prefix (`call_behaviour`)."""
        write_rules(self.folder / "carrier" / "rules.json", rules)

    def carrier_log(self) -> list[CarrierEvent]:
        """Everything the carrier saw, oldest first."""
        return read_log(self._log_path)

    def invites(self, user: str | None = None) -> list[CarrierEvent]:
        """The INVITEs the carrier got, for one called number or for all."""
        return [line for line in self.carrier_log() if line.event == "invite" and user in {None, line.user}]

    def wait_for_carrier(self, event: str, user: str, within_s: float) -> CarrierEvent:
        """Wait until the carrier has logged `event` for the called number, and return the last such line.

        It blocks: in a coroutine use ``await asyncio.to_thread(lab.wait_for_carrier, ...)``.

        Raises:
            TimeoutError: if it has not in time.
        """

        def found() -> list[CarrierEvent]:
            return [line for line in self.carrier_log() if (line.event, line.user) == (event, user)]

        return wait_until(found, within_s)[-1]

    @property
    def _log_path(self) -> Path:
        return self.folder / "carrier" / "carrier.jsonl"

    def _start_carrier(self) -> None:
        words = ["python3", "/lab/code/fake_carrier.py", "--log", "/lab/run/carrier.jsonl"]
        words += ["--rules", "/lab/run/rules.json", *(f"{name}:{port}" for name, port in TRUNKS.items())]
        container = DockerContainer(ASTERISK_IMAGE).with_command(words)
        container.with_volume_mapping(ROOT / "docker", "/lab/code").with_env("PYTHONDONTWRITEBYTECODE", "1")
        container.with_volume_mapping(self.folder / "carrier", "/lab/run", "rw")
        self._containers.run("carrier", container)
        wait_until(lambda: len(self.carrier_log()) >= len(TRUNKS), READY_MAX_S)

    def _forget_ledger(self) -> None:
        """Put aside what the gate knew of the last lab's ledger: it would restore that into the new one."""
        state = self.folder / "state"
        for file in (state / JOURNAL_FILE, *state.glob("policy-*.json")):
            if file.exists():
                file.replace(file.with_name(f"before-{file.name}"))

    def _start_redis(self) -> None:
        if not self._has_store:
            return
        container = DockerContainer(ASTERISK_IMAGE).with_command(_REDIS)
        self._containers.run("redis", container.waiting_for(until(*_REDIS_READY)))

    def _start_asterisk(self) -> None:
        own = asterisk_conf(
            secrets=self.secrets, language=self._language, carrier_host=self.carrier_host, trunks=TRUNKS
        )
        for path, text in {**own, **self._asterisk_conf}.items():
            self.copy_to_asterisk(path, text)
        container = DockerContainer(ASTERISK_IMAGE).with_command(["sh", "-c", _ASTERISK])
        shared = {"etc": "/etc/asterisk", "spool": "/var/spool/callgate", "log": "/var/log/asterisk"}
        for name, inside in shared.items():
            if inside not in self._small_disks:
                container.with_volume_mapping(self.folder / name, inside, "rw")
        for inside, size in self._small_disks.items():
            container.with_tmpfs_mount(inside, f"size={size}")
        for inside, folder in self._mounts.items():
            container.with_volume_mapping(folder, inside)
        self._containers.run("asterisk", container.waiting_for(until(*_ASTERISK_READY)))

    def _start_gate(self) -> None:
        if self._gate is None:
            return
        container = DockerContainer(CALLGATE_IMAGE).with_command(list(self._gate.command))
        container.with_envs(**self._gate.environment)
        container.with_volume_mapping(self._gate.config, "/etc/callgate")
        container.with_volume_mapping(self.folder / "spool", "/var/spool/callgate", "rw")
        container.with_volume_mapping(self.folder / "state", "/var/lib/callgate", "rw")
        container.waiting_for(until(*self._gate.ready))
        self._containers.run("gate", container, beside="asterisk", confined=True)

    def _process_of_asterisk(self) -> str:
        """Its process number, or "" while there is none."""
        return self._containers.execute("asterisk", "sh", "-c", "cat /run/asterisk/asterisk.pid 2>/dev/null")
