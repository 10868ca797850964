"""Calls at a steady rate through a real Asterisk, and what they leave behind: memory, descriptors, keys, the books.

    python -m system.soak --calls 100000 --rate 30

SIPp dials from beside Asterisk: national mobiles, one call in thirty-two to a dear island, one that is refused, one to
15. The gate's processes are looked at every few seconds. What they hold once they are warm must not grow with the
calls; a quarter as many calls come before, to warm them.
"""

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from call_behaviour import Behaviour
from callgate.core.tariff import price
from callgate.journal import JournalRow
from callgate.ledger.base import LedgerBook
from callgate.ledger.client import CONNECTIONS_MAX
from carrier_log import CarrierEvent
from lab import Lab
from lab_images import ROOT
from system import live_lab
from system.carrier_books import rate_of
from system.live_lab import island, mobile
from system.rig import Config, Rig, wait_for

TALK_MS = 500
"""Far from a whole second: what the carrier and Asterisk see apart is no second of a call."""
REFUSED = "00899123456"
"""A premium number."""
LOOK_S = 5.0
TOLD_EVERY = 12
"""Looks."""
SLOPE_MAX = 1_000_000
"""Bytes of memory for 100,000 calls."""
WARM = 0.25
"""So many calls, of those counted, come before them: memory was seen to reach its level within 25,000."""
MORE_MAX = 16
"""Connections to the store that may be there at the end and were not at the beginning. One is opened when more is asked
of the store at once than ever before, and stays: of a moment in an hour in which the disk stood still, say. What leaks
with the calls is thousands in 100,000."""
SETTLED_WITHIN_S = 120
STRETCHED_TOLD = 20
BOOKED = ("call.settled", "call.lost", "call.local")
_OTHERS = 32
_SCENARIO = ROOT / "docker" / "outbound_call.xml"
_LOOK = """\
for process in /proc/[0-9]*; do
    grep -qE 'bin/callgat[e]|callgate.cl[i]' $process/cmdline || continue
    echo $(grep VmRSS $process/status | tr -dc 0-9) $(ls $process/fd | wc -l)
done 2>/dev/null
grep -cE ' [0-9A-F]{8}:18EB 01 ' /proc/net/tcp || true"""
"""Its last line: connections to the store's port that are up."""
_BYTES_A_KB = 1024
_STARTS = 'overseas = "900/1h"\nsame_number = "900/15m"', 'overseas = "900/5m"\nsame_number = "900/5m"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the gate's processes hold after a number of calls.

    Fields:
        memory: in bytes.
        descriptors: that are open, but for the connections to the store: those stay for the next time that so many
            calls come at once, up to `CONNECTIONS_MAX`.
    """

    calls: int
    processes: int
    memory: int
    descriptors: int
    connections: int = 0

    def line(self) -> str:
        """Tell it, while the run goes on."""
        return (
            f"about {self.calls} calls: {self.memory / 1e6:.1f} MB, {self.descriptors} descriptors,"
            f" {self.connections} connections to the store"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What a run showed.

    Fields:
        calls: counted.
        failed: calls that neither connected nor were refused as they should be, of all that were dialled.
        rate: calls a second, as they were really placed.
        sights: from warm to the last call.
        keys: of the ledger's store, warm and at the end.
        held: holds that remain.
        refused: calls that were to be refused, the refusals in the journal, and the INVITEs for them at the carrier.
        seconds_off: answered calls whose booked seconds are not those of the carrier's log.
        costs: in micros: by the carrier's log, by the journal, by the ledger.
        stretched: calls that the carrier saw last over a second, though every phone talks for half a one: something
            stood still, and what came of them need not be the same on both sides.
    """

    calls: int
    failed: int
    rate: float
    sights: tuple[Sight, ...]
    keys: tuple[int, int]
    held: int
    refused: tuple[int, int, int]
    seconds_off: int
    costs: tuple[int, int, int]
    stretched: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing failed, nothing was left behind, and the books are right."""
        dialled, written, invited = self.refused
        return (
            self.failed == 0
            and self.slope * 1e5 < SLOPE_MAX
            and self.sights[-1].processes == self.sights[0].processes
            and self.descriptors[1] <= self.descriptors[0]
            and self.connections <= CONNECTIONS_MAX
            and self.open_files[1] <= self.open_files[0] + MORE_MAX
            and self.keys[0] == self.keys[1]
            and self.held == 0
            and (dialled, 0) == (written, invited)
            and self.seconds_off == 0
            and len(set(self.costs)) == 1
        )

    @property
    def descriptors(self) -> tuple[int, int]:
        """The fewest that were open in the first half of the run, and in the last: calls under way have some, too."""
        halves = self.sights[: len(self.sights) // 2], self.sights[len(self.sights) // 2 :]
        first, last = (min(sight.descriptors for sight in half) for half in halves)
        return first, last

    @property
    def open_files(self) -> tuple[int, int]:
        """Descriptors and connections together: the fewest in the first tenth of the run, and in the last."""
        looks = max(1, len(self.sights) // 10)
        ends = self.sights[:looks], self.sights[-looks:]
        first, last = (min(sight.descriptors + sight.connections for sight in end) for end in ends)
        return first, last

    @property
    def connections(self) -> int:
        """The most connections to the store that were seen."""
        return max(sight.connections for sight in self.sights)

    @property
    def slope(self) -> float:
        """How fast memory grows: bytes a call, by least squares."""
        return _slope([(sight.calls, sight.memory) for sight in self.sights])

    def lines(self) -> Iterator[str]:
        """Tell it."""
        first, last = self.sights[0], self.sights[-1]
        yield f"{self.calls} calls at {self.rate:.1f} a second, {self.failed} failed"
        yield f"processes of the gate: {first.processes}, at the end {last.processes}"
        yield f"descriptors: {self.descriptors[0]} in the first half, {self.descriptors[1]} in the last"
        yield (
            f"connections to the store: {first.connections}, at the end {last.connections};"
            f" {self.connections} at most, of {CONNECTIONS_MAX}"
        )
        yield (
            f"both together: {self.open_files[0]} in the first tenth, {self.open_files[1]} in the last;"
            f" at most {MORE_MAX} more are taken for no leak"
        )
        yield (
            f"memory: {first.memory / 1e6:.1f} MB, then {last.memory / 1e6:.1f} MB:"
            f" {self.slope * 1e5 / 1e6:+.2f} MB per 100,000 calls ({len(self.sights)} looks)"
        )
        yield f"keys in the store: {self.keys[0]}, at the end {self.keys[1]}; holds that remain: {self.held}"
        dialled, written, invited = self.refused
        yield f"refused: {dialled} dialled, {written} in the journal, {invited} at the carrier"
        carrier, journal, ledger = self.costs
        yield f"booked: carrier {carrier}, journal {journal}, ledger {ledger} micros"
        yield f"{self.seconds_off} calls whose seconds differ from the carrier's log"
        yield f"{len(self.stretched)} calls lasted over a second at the carrier, and {TALK_MS} ms at the phone"
        yield from self.stretched[:STRETCHED_TOLD]


def _stretched(events: Sequence[CarrierEvent], ended: Sequence[CarrierEvent]) -> Iterator[str]:
    """When such calls ended, how long they lasted, and how late the ACK of each answer was."""
    answered = {event.call_id: event.at for event in events if event.event == "answered"}
    acked = {event.call_id: event.at for event in events if event.event == "ack"}
    for event in ended:
        if event.duration_s > 1:
            late_s = acked.get(event.call_id, math.nan) - answered.get(event.call_id, math.nan)
            yield f"  until {event.at:.2f}: {event.duration_s:.2f} s, its ACK came after {late_s:.2f} s"


def _slope(points: Sequence[tuple[float, float]]) -> float:
    mean_x, mean_y = (math.fsum(point[axis] for point in points) / len(points) for axis in (0, 1))
    spread = math.fsum((x - mean_x) ** 2 for x, _ in points)
    return math.fsum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def numbers(calls: int) -> list[str]:
    """What is dialled, in order."""
    special = {1: island(1)[0], 2: REFUSED, 3: "15"}
    return [special.get(place % _OTHERS, mobile(place % 90_000)[0]) for place in range(calls)]


def soak_lab(folder: Path) -> Lab:
    """Make the lab; it is not started yet."""
    lab = live_lab.live_lab("soak", folder)
    (folder / "config" / "policy.toml").write_text(live_lab.policy().replace(*_STARTS), encoding="utf-8")
    return lab


class Soak:
    """One run in a lab that is up."""

    def __init__(self, lab: Lab, calls: int, rate: int) -> None:
        self._rig = Rig(lab=lab, config=Config(policy="", dialplan=""), began=time.time())
        self._lab = lab
        self._calls = calls
        self._dialled = numbers(calls + max(1, int(calls * WARM)))
        self._rate = rate
        self._sights: list[Sight] = []

    async def run(self) -> Soaked:
        """Place the calls, look meanwhile, and hold the books against each other."""
        self._lab.set_rules({"": Behaviour()})
        self._rig.log_no_steps()
        warm = len(self._dialled) - self._calls
        failed = await self._place(self._dialled[:warm])
        began_at, keys = time.monotonic(), self._keys()
        failed += await self._place(self._dialled[warm:], done=warm)
        took_s = time.monotonic() - began_at
        book = await self._settled()
        events = self._lab.carrier_log()
        ended = [event for event in events if event.event == "ended" and event.code == 200 and event.user != "15"]
        rows = await self._booked(len(ended))
        seen = Counter((event.user.startswith("+590"), math.ceil(event.duration_s)) for event in ended)
        booked = Counter((row.number.startswith("+590"), row.seconds) for row in rows)
        return Soaked(
            calls=self._calls,
            failed=failed,
            rate=self._calls / took_s,
            sights=tuple(self._sights),
            keys=(keys, self._keys()),
            held=len(book.holds),
            refused=(
                self._dialled.count(REFUSED),
                sum(row.count for row in self._rig.rows("call.refused")),
                len([event for event in events if event.event == "invite" and event.user.endswith(REFUSED[2:])]),
            ),
            seconds_off=(seen - booked).total() + (booked - seen).total(),
            costs=(
                sum(price(rate_of(event.user), math.ceil(event.duration_s)) for event in ended),
                sum(row.amount_micros for row in rows),
                sum(purse.day_micros for purse in book.purses if purse.name in {"national", "costly"}),
            ),
            stretched=tuple(_stretched(events, ended)),
        )

    async def _place(self, dialled: Sequence[str], done: int = 0) -> int:
        """Have SIPp place calls, and look meanwhile if some were placed before; gives how many failed."""
        lines = "".join(f"{number}\n" for number in ("SEQUENTIAL", *dialled))
        self._lab.copy_to_asterisk("/root/numbers.csv", lines)
        scenario = _SCENARIO.read_text("utf-8").replace("[service]", "[field0]")
        self._lab.copy_to_asterisk("/root/soak.xml", scenario.replace('"2000"', f'"{TALK_MS}"'))
        words = f"-sf soak.xml -inf numbers.csv -au 101 -ap {self._lab.secrets.phones} -m {len(dialled)}"
        command = f"sipp {words} -r {self._rate} -l 500 -nostdin -trace_err -error_file errors.log"
        command += f" -trace_stat -stf stat.csv -fd 60 -timeout_error {self._lab.asterisk_host}"
        began = time.monotonic()
        placing = asyncio.create_task(
            asyncio.to_thread(
                self._lab.asterisk_exec,
                "sh", "-c", f"cd; rm -f stat.csv errors.log; {command} >sipp.log 2>&1; echo $?",
            )
        )  # fmt: skip
        while not (await asyncio.wait({placing}, timeout=LOOK_S))[0]:
            if done:
                placed = min(len(dialled), int((time.monotonic() - began) * self._rate))
                self._sights.append(await asyncio.to_thread(self._look, done + placed))
                if len(self._sights) % TOLD_EVERY == 0:
                    print(self._sights[-1].line(), flush=True)
        assert placing.result() in {"0", "1"}, self._lab.asterisk_exec("tail", "-n", "20", "/root/sipp.log")
        return self._failed()

    def _failed(self) -> int:
        """How many of the calls SIPp counts as failed; tells what it saw of the first."""
        head, *_, last = self._lab.asterisk_exec("cat", "/root/stat.csv").splitlines()
        failed = int(last.split(";")[head.split(";").index("FailedCall(C)")])
        if failed:
            print(self._lab.asterisk_exec("sh", "-c", "head -c 4000 /root/errors.log"))
        return failed

    def _look(self, calls: int) -> Sight:
        *lines, connections = self._lab.gate_exec("sh", "-c", _LOOK).splitlines()
        found = [tuple(map(int, line.split())) for line in lines]
        return Sight(
            calls=calls,
            processes=len(found),
            memory=sum(kilobytes for kilobytes, _ in found) * _BYTES_A_KB,
            descriptors=sum(descriptors for _, descriptors in found) - int(connections),
            connections=int(connections),
        )

    def _keys(self) -> int:
        return int(self._lab.redis_cli("dbsize").split()[-1])

    async def _settled(self) -> LedgerBook:
        for _ in range(SETTLED_WITHIN_S):
            if not (await self._rig.book()).holds:
                break
            await asyncio.sleep(1)
        return await self._rig.book()

    async def _booked(self, wanted: int) -> list[JournalRow]:
        """The settlements, once there are so many, or when no more come."""
        rows: list[JournalRow] = []
        for _ in range(SETTLED_WITHIN_S):
            rows = [row for row in self._rig.rows() if row.event in BOOKED]
            if len(rows) >= wanted:
                break
            await asyncio.sleep(1)
        return rows


async def soak(calls: int, rate: int, folder: Path) -> Soaked:
    """Run a lab under calls.

    Args:
        calls: how many.
        rate: a second.
        folder: the lab's.
    """
    lab = soak_lab(folder)
    lab.start()
    try:
        wait_for(lambda: "control.linked" in lab.gate_output())
        return await Soak(lab, calls, rate).run()
    finally:
        lab.stop()


def main(words: list[str]) -> int:
    """Soak, tell what was seen; 0 if nothing grew, nothing failed and the books are right."""
    parser = argparse.ArgumentParser(description="Calls at a steady rate through a real Asterisk.")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=30)
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        soaked = asyncio.run(soak(arguments.calls, arguments.rate, Path(folder)))
    print(*soaked.lines(), sep="\n")
    return 0 if soaked.is_sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
