"""`make idle`: ten thousand connections that ask nothing, and calls beside them: what they wait, and whether any errs.

The real daemon with its own Redis. The idle ones come from four processes; what the gate drops is opened again, so the
crowd stands all the time. A call is asked as the dialplan asks it, sealed, over a connection of its own. What is held
for it is released by a line of the spool: nobody answered.
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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from asterisk_agi import CommandReader
from clinic_samples import BRUSSELS, PARIS, POINTE_A_PITRE, header, policy_text
from flood.real_gate import RealGate, real_gate

PROCESSES = 4
PATIENCE_S = 5
NICE = 10
"""The crowd is to cost the gate its attention, not the machine its processor."""
OPENED_AGAIN_A_SECOND = 250
"""By each process: so many of the dropped come back."""
RATIO_MAX = 2.0
"""What p99 may become beside them, as a multiple."""
HELD = "grant ok"
"""The verdict where the ledger holds money."""
CALLS = (
    *(("*31#*31#15", "grant emergency"),) * 2,
    *((PARIS, HELD),) * 3,
    *((POINTE_A_PITRE, HELD),) * 2,
    (BRUSSELS, "refuse country_refused"),
)
"""What is dialled in turn, and the right verdict. A refusal is on the disk before its answer."""
POLICY = policy_text(
    {
        'outside = "national"': 'outside = "as_open"',
        'first_country       = "alert"': 'first_country = "ignore"',
        "overseas             = 2": "overseas = 40\nclinic = 40",
        "closed               = 2": "closed = 40",
        'overseas         = "6/1h"': 'overseas = "900/1m"',
        'same_number      = "6/15m"': 'same_number = "900/1m"',
        'when    = "closed"': 'when = "never"',
        'hour           = "10.00"': 'hour = "900.00"',
        'day            = "15.00"': 'day = "900.00"',
        'week           = "30.00"': 'week = "900.00"',
        'calendar_month = "60.00"': 'calendar_month = "900.00"',
        'day  = "5.00"\nweek = "15.00"': 'day = "900.00"\nweek = "900.00"',
        'chaque poste\nday = "10.00"': 'chaque poste\nday = "900.00"',
        'day            = "50.00"\ncalendar_month = "200.00"': 'hour = "1000.00"',
    }
)
"""At any hour and however often, as long as what is held is released: what is refused else is the crowd's doing."""
ARRIVAL_S = 2
"""By then all have come: before, calls stand behind them in the kernel's queue."""
EXTENSIONS = 10
"""So many call in turn, and few of them abroad: the refusals of a flood wait for one another (`journal_tally`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What calls waited for their verdict, in milliseconds, sorted; and what came instead of the right ones."""

    ms: list[float]
    wrong: Counter[str]

    def of(self, share: float) -> float:
        """The wait that this share of calls did not exceed."""
        return self.ms[min(len(self.ms) - 1, int(share * len(self.ms)))]


def ask(port: int, dialled: str, extension: str) -> list[str]:
    """One call; returns the fields of its verdict, none without one."""
    now, passage, nonce = f"{time.time():.3f}", str(uuid4()), str(uuid4())
    question = header(passage=passage, nonce=nonce, extension=extension, dialled=dialled, asked=now)
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as link, link.makefile("rb") as heard:
        link.sendall(question)
        commands = CommandReader().receive(heard.read())
        if not commands:
            return []
        link.sendall(b"200 result=1\n")
    return commands[0][-1].split("|")


def release(gate: RealGate, verdict: list[str]) -> None:
    """Write what the dialplan writes of a call that nobody answered."""
    with (gate.folder / "spool" / "calls.log").open("a", encoding="utf-8") as spool:
        spool.write(f"1|settle|{verdict[4]}|callgate|{verdict[3]}||{time.time():.3f}|19|end\n")


def measure(gate: RealGate, calls: int, a_second: int) -> Waits:
    """Ask at a steady pace, one call after the other."""
    waits, wrong, begin = [], Counter[str](), time.monotonic()
    for number in range(calls):
        time.sleep(max(0.0, begin + number / a_second - time.monotonic()))
        dialled, expected = CALLS[number % len(CALLS)]
        extension = str(100 + number // len(CALLS) % EXTENSIONS)
        asked, verdict, found = time.perf_counter(), list[str](), "no verdict"
        with suppress(OSError):
            verdict = ask(gate.port, dialled, extension)
        waits.append(1000 * (time.perf_counter() - asked))
        if verdict:
            found = f"{verdict[1]} {verdict[6]}"
        if found == HELD:
            release(gate, verdict)
        if found != expected:
            wrong[f"{found} for {expected}"] += 1
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
        path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        opened = (subprocess.Popen(words, stdin=pipe, stdout=pipe, env=path) for _ in range(PROCESSES))
        standing = [stack.enter_context(process) for process in opened]
        for process in standing:
            assert process.stdout is not None
            assert process.stdout.readline() == b"standing\n"
        yield
        for process in standing:
            process.communicate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What calls waited without the crowd, while it came, while it stood, and when it was gone.

    What the first and the last differ by is no crowd's.
    """

    nobody: Waits
    coming: Waits
    standing: Waits
    gone: Waits
    spent_ms: float
    """Processor time of the gate beside the crowd, a second."""

    @property
    def ratio(self) -> float:
        """The p99 of those beside the crowd as a multiple of that of the first and the last together."""
        quiet = Waits(ms=sorted(self.nobody.ms + self.gone.ms), wrong=Counter())
        return self.standing.of(0.99) / quiet.of(0.99)

    def wrong(self, ratio_max: float = RATIO_MAX) -> Iterator[str]:
        """What is not as it must be."""
        came = self.nobody.wrong + self.coming.wrong + self.standing.wrong + self.gone.wrong
        yield from (f"{count} times {what}" for what, count in came.items())
        if self.ratio > ratio_max:
            yield f"p99 became more than {ratio_max:g} times as long"

    def lines(self) -> Iterator[str]:
        """Tell it."""
        yield f"{'beside':<14}{'median':>11}{'p99':>11}{'longest':>11}{'wrong':>6}"
        told = {"nobody": self.nobody, "as they come": self.coming, "them": self.standing, "gone again": self.gone}
        for who, waits in told.items():
            waited = "".join(f"{waits.of(share):8.2f} ms" for share in (0.5, 0.99, 1))
            yield f"{who:<14}{waited}{waits.wrong.total():6}"
        yield f"p99 beside them: {self.ratio:.2f} times that of the first and the last together"
        yield f"processor time of the gate beside them: {self.spent_ms:.0f} ms a second"


def beside(size: int, calls: int, a_second: int) -> Beside:
    """Measure beside so many idle connections."""
    spent_ms = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="callgate-idle") as folder, real_gate(Path(folder), POLICY) as gate:
        nobody = measure(gate, calls, a_second)
        with crowd(gate.port, size):
            coming = measure(gate, ARRIVAL_S * a_second, a_second)
            spent_ms.subtract(gate.spent_ms())
            standing = measure(gate, calls, a_second)
            spent_ms.update(gate.spent_ms())
        gone = measure(gate, calls, a_second)
    spent = spent_ms["the gate"] * a_second / calls
    return Beside(nobody=nobody, coming=coming, standing=standing, gone=gone, spent_ms=spent)


def main() -> int:
    """Run from the command line; 1 if a verdict was wrong, or calls waited too long."""
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
    print(f"{arguments.size:,} idle connections, {arguments.a_second} calls a second")
    found = beside(arguments.size, arguments.calls, arguments.a_second)
    wrong = list(found.wrong())
    print(*found.lines(), *(f"WRONG: {fault}" for fault in wrong), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
