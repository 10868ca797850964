"""What systemd is told (sd_notify(3)): readiness, a sentence on the state, and that the supervisor is alive."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Where to tell it.

    Fields:
        address: of a datagram socket, ``@`` for an abstract one; "" where nobody wants to know.
        watchdog_s: tell `alive` at least as often; 0 where nobody waits for it.
    """

    address: str = ""
    watchdog_s: float = 0.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """Read what systemd says in the environment: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC``, ``WATCHDOG_PID``."""
        micros = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        # Half of it, as sd_watchdog_enabled(3) advises.
        watchdog_s = int(micros) / _MICROS / 2 if micros.isdecimal() and is_ours else 0.0
        return cls(address=environment.get("NOTIFY_SOCKET", ""), watchdog_s=watchdog_s)

    def ready(self, status: str) -> None:
        """Calls are taken."""
        self._tell(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """Say what goes on, for ``systemctl status``."""
        self._tell(f"STATUS={status}")

    def reloading(self, status: str) -> None:
        """The settings are read again; `ready` ends it."""
        micros = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS={status}")

    def stopping(self, status: str) -> None:
        """No more calls are taken."""
        self._tell(f"STOPPING=1\nSTATUS={status}")

    def alive(self) -> None:
        """The watchdog need not bite."""
        self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            # A systemd that does not read must not hold the supervisor up.
            link.settimeout(0)
            link.sendto(text.encode(), address)
