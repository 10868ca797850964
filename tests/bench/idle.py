"""`make idle`: ten thousand connections that ask nothing, and calls beside them: what they wait, and whether any errs.

The real daemon with its own Redis. The idle ones come from four processes; what the gate drops is opened again, so the
crowd stands all the time. A call is asked as the dialplan asks it, sealed, over a connection of its own.
"""

import argparse
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from asterisk_agi import CommandReader
from clinic_samples import BRUSSELS, header
from flood.real_gate import real_gate

PROCESSES = 4
PATIENCE_S = 5
NICE = 10
"""The crowd is to cost the gate its attention, not the machine its processor."""
OPENED_AGAIN_A_SECOND = 250
"""By each process: so many of the dropped come back."""
CALLS = (*(("*31#*31#15", "grant"),) * 7, (BRUSSELS, "refuse"))
"""Neither is held, so that no ceiling is met; a refusal is on the disk before its answer."""
ARRIVAL_S = 2
"""By then all have come: before, calls stand behind them in the kernel's queue."""
EXTENSIONS = 10
"""So many call in turn, and few of them abroad: the refusals of a flood wait for one another (`journal_tally`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What calls waited for their verdict, in milliseconds, sorted; and how many got none or the wrong one."""

    ms: list[float]
    wrong: int

    def of(self, share: float) -> float:
        """The wait that this share of calls did not exceed."""
        return self.ms[min(len(self.ms) - 1, int(share * len(self.ms)))]


def ask(port: int, dialled: str, extension: str) -> str:
    """One call; returns its verdict, "" for none."""
    now, passage, nonce = f"{time.time():.3f}", str(uuid4()), str(uuid4())
    question = header(passage=passage, nonce=nonce, extension=extension, dialled=dialled, asked=now)
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as link, link.makefile("rb") as heard:
        link.sendall(question)
        commands = CommandReader().receive(heard.read())
        if not commands:
            return ""
        link.sendall(b"200 result=1\n")
    return commands[0][-1].split("|")[1]


def measure(port: int, calls: int, a_second: int) -> Waits:
    """Ask at a steady pace, one call after the other."""
    waits, wrong, begin = [], 0, time.monotonic()
    for number in range(calls):
        time.sleep(max(0.0, begin + number / a_second - time.monotonic()))
        dialled, expected = CALLS[number % len(CALLS)]
        extension = str(100 + number // len(CALLS) % EXTENSIONS)
        asked = time.perf_counter()
        try:
            wrong += ask(port, dialled, extension) != expected
        except OSError:
            wrong += 1
        waits.append(1000 * (time.perf_counter() - asked))
    return Waits(ms=sorted(waits), wrong=wrong)


def stand_idle(port: int, size: int) -> None:
    """Keep so many connections open until the standard input ends; say when they stand."""
    os.nice(NICE)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)

    def open_one() -> None:
        link = socket.socket()
        link.settimeout(0)
        link.connect_ex(("127.0.0.1", port))
        selector.register(link, selectors.EVENT_READ)

    for _ in range(size):
        open_one()
    print("standing", flush=True)
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        if sys.stdin in ready:
            return
        for link in ready[: OPENED_AGAIN_A_SECOND // 10]:
            assert isinstance(link, socket.socket)
            selector.unregister(link)
            link.close()
            open_one()
        time.sleep(0.1)


@contextmanager
def crowd(port: int, size: int) -> Iterator[None]:
    """So many idle connections, of several processes."""
    words = [sys.executable, "-m", "bench.idle", "--stand", str(port), str(size // PROCESSES)]
    with ExitStack() as stack:
        pipe = subprocess.PIPE
        standing = [stack.enter_context(subprocess.Popen(words, stdin=pipe, stdout=pipe)) for _ in range(PROCESSES)]
        for process in standing:
            assert process.stdout is not None
            assert process.stdout.readline() == b"standing\n"
        yield
        for process in standing:
            process.communicate()


def lines(size: int, calls: int, a_second: int) -> list[str]:
    """Measure without the crowd, while it comes, while it stands, and when it is gone.

    What the first and the last differ by is no crowd's.
    """
    beside, spent_ms = f"{size:,} idle", Counter[str]()
    with tempfile.TemporaryDirectory(prefix="callgate-idle") as folder, real_gate(Path(folder)) as gate:
        found = {"nobody": measure(gate.port, calls, a_second)}
        with crowd(gate.port, size):
            found["as they come"] = measure(gate.port, ARRIVAL_S * a_second, a_second)
            spent_ms.subtract(gate.spent_ms())
            found[beside] = measure(gate.port, calls, a_second)
            spent_ms.update(gate.spent_ms())
        found["gone again"] = measure(gate.port, calls, a_second)
    quiet = Waits(ms=sorted(found["nobody"].ms + found["gone again"].ms), wrong=0)
    return [
        *(
            f"{who:<14}{waits.of(0.5):8.2f} ms{waits.of(0.99):8.2f} ms{waits.ms[-1]:8.2f} ms{waits.wrong:6}"
            for who, waits in found.items()
        ),
        f"p99 beside them: {found[beside].of(0.99) / quiet.of(0.99):.2f} times that of the other two together",
        f"processor time of the gate beside them: {spent_ms['the gate'] * a_second / calls:.0f} ms a second",
    ]


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000, help="idle connections")
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--a-second", type=int, default=20)
    parser.add_argument("--stand", type=int, nargs=2, metavar=("PORT", "SIZE"), help="be one process of the crowd")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if arguments.stand:
        stand_idle(*arguments.stand)
        return 0
    print(f"{'beside':<14}{'median':>11}{'p99':>11}{'longest':>11}{'wrong':>6}")
    print("\n".join(lines(arguments.size, arguments.calls, arguments.a_second)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
