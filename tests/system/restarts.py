"""Restarts of the gate under live calls and steady load: no call dropped, no hold lost, no wrong verdict.

    python -m system.restarts --count 20 --whole 2 --kills 5

A restart is a reload, as `systemctl reload` does it: each worker hands over to the next. A whole one ends the daemon
and starts it again, as `systemctl restart` does. A kill ends one worker on the spot. Calls that come while no daemon is
there, or that a killed worker was deciding, go by the contract, which has the same outcome for those dialled here: a
call at home connects, one to a forbidden country is refused. A reload leaves none to the contract.
"""

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

import practice
from callgate.core.reasons import Reason
from callgate.journal import JournalRow
from lab import Lab
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system import live_lab
from system.carrier_books import Books, compare
from system.live_lab import island, mobile, reunion
from system.rig import IVORY_COAST, Config, Rig, wait_for

WORKERS = 2
LIVE = 20
CALLERS = ("101", "102", "103")
WITHIN_S = 20.0
BETWEEN_CALLS_S = 0.3
UP_WITHIN_S = 60.0
GRANTED, REFUSED = 200, 403
GIVEN_UP_S = 1.3
"""By then the dialplan has given up a gate that says nothing."""


@dataclass(slots=True, kw_only=True)
class Load:
    """The calls that keep coming while the gate is restarted; each has one right outcome.

    Fields:
        wrong: those that had another one.
    """

    phones: list[Phone]
    granted: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def go_on(self, over: asyncio.Event) -> None:
        """Dial until it is over, at home and to a forbidden country in turn; then wait for the last ones."""
        number = LIVE
        while not over.is_set():
            number += 1
            phone = self.phones[number % len(self.phones)]
            self.calls.add(asyncio.create_task(self._dial(phone, number)))
            await asyncio.sleep(BETWEEN_CALLS_S)
        await asyncio.gather(*self.calls)

    async def _dial(self, phone: Phone, number: int) -> None:
        is_home = number % 2 == 0
        call = phone.call(mobile(number)[0] if is_home else IVORY_COAST)
        try:
            final = await call.wait_for_final(WITHIN_S)
            if final.code != (GRANTED if is_home else REFUSED):
                self.wrong.append(f"{number}: {final.code} {final.reason}")
            if final.code == GRANTED:
                await call.wait_connected(WITHIN_S)
                call.hang_up()
                await call.wait_ended(WITHIN_S)
        except (TimeoutError, AssertionError) as error:
            self.wrong.append(f"{number}: {error!r}")
        self.granted += is_home
        self.refused += not is_home


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run showed.

    Fields:
        whole: so many of the restarts.
        dropped: live calls that ended before they were hung up.
        lent: calls that the dialplan let go alone.
        unwritten: refusals that the journal lacks. One of a killed worker may stand there twice: its own, and that of
            the dialplan, which had no answer.
        stray: what the contract had to decide although a worker was there.
        by_contract: refusals that the gate did not write down under the country's name.
        reload_s, whole_s: the longest restart of each kind.
    """

    restarts: int
    whole: int
    kills: int
    live: int
    granted: int
    refused: int
    dropped: int
    by_contract: int
    lent: int
    unwritten: int
    stray: tuple[str, ...]
    wrong: tuple[str, ...]
    reload_s: float
    whole_s: float
    books: Books

    @property
    def is_sound(self) -> bool:
        """Whether it is as it must be."""
        return self.is_right and not self.stray

    @property
    def is_right(self) -> bool:
        """Whether it is, however slow: where a machine has no time for the gate, the contract decides for it."""
        return not (self.dropped or self.wrong or self.unwritten or self.books.wrong)

    def lines(self) -> Iterator[str]:
        """Tell it."""
        reloads = self.restarts - self.whole
        yield f"{reloads} reloads of {WORKERS} workers, the longest {self.reload_s:.1f} s"
        yield f"{self.whole} whole restarts, the longest {self.whole_s:.1f} s"
        yield f"{self.kills} workers killed"
        yield f"{self.live} calls were up all the time: {self.dropped} dropped"
        yield f"{self.granted} calls home and {self.refused} to a forbidden country meanwhile: {len(self.wrong)} wrong"
        yield f"by the contract alone: {self.lent} calls home, {self.by_contract} refusals; {len(self.stray)} astray"
        yield f"{self.unwritten} refusals are not in the journal"
        yield from (*self.wrong, *self.stray)
        yield from self.books.lines()


def serving(lab: Lab) -> list[int]:
    """The workers that have taken calls so far, by their process numbers in the container."""
    lines = [line for line in lab.gate_output().splitlines() if '"worker.serving"' in line]
    return [int(msgspec.json.decode(line)["pid"]) for line in lines]


async def until_serving(lab: Lab, number: int) -> None:
    """Wait until so many workers have taken calls."""
    await asyncio.to_thread(wait_for, lambda: len(serving(lab)) >= number, UP_WITHIN_S)


async def restart(lab: Lab) -> float:
    """Restart every worker, and tell how long that took."""
    before, began = len(await asyncio.to_thread(serving, lab)), time.monotonic()
    await asyncio.to_thread(lab.gate_reload)
    await until_serving(lab, before + WORKERS)
    return time.monotonic() - began


async def restart_whole(lab: Lab) -> float:
    """End the daemon and start it again, and tell how long that took."""
    before, began = len(await asyncio.to_thread(serving, lab)), time.monotonic()
    await asyncio.to_thread(lab.gate_stop)
    await asyncio.to_thread(lab.gate_start)
    await until_serving(lab, before + WORKERS)
    return time.monotonic() - began


async def kill(lab: Lab, which: int) -> None:
    """Kill the worker that took calls as the last but so many, and wait for the next one."""
    before = await asyncio.to_thread(serving, lab)
    await asyncio.to_thread(lab.gate_exec, "sh", "-c", f"kill -s KILL {before[-1 - which]}")
    await until_serving(lab, len(before) + 1)


@dataclass(slots=True, kw_only=True)
class Restarts:
    """How the gate was restarted.

    Fields:
        reload_s, whole_s: the longest of each kind.
        away: when calls could be left to the contract, each from and until, epoch seconds.
    """

    reload_s: float = 0.0
    whole_s: float = 0.0
    away: list[tuple[float, float]] = field(default_factory=list)

    async def restart_often(self, lab: Lab, count: int, kills: int, whole: int) -> None:
        """Restart so often, `whole` times the whole daemon, and the last time if ever; kill a worker after some."""
        for number in range(count):
            began = time.time()
            if (number + 1) * whole // count > number * whole // count:
                self.whole_s = max(self.whole_s, await restart_whole(lab))
                self.away.append((began, time.time()))
            else:
                self.reload_s = max(self.reload_s, await restart(lab))
            if number < kills:
                began = time.time()
                await kill(lab, number % WORKERS)
                self.away.append((began, time.time()))

    def is_stray(self, row: JournalRow) -> bool:
        """Whether the contract decided a call, and had no reason to: it may have waited for the gate before."""
        is_decided = row.event != "call.local" and Reason.COUNTRY_REFUSED in row.reasons
        at = row.at.timestamp()
        return not is_decided and not any(begin <= at <= end + GIVEN_UP_S for begin, end in self.away)


async def answered(phone: Phone, dialled: str) -> OutgoingCall:
    """Dial, and wait until the call is up."""
    call = phone.call(dialled)
    final = await call.wait_for_final(WITHIN_S)
    assert final.code == GRANTED, (dialled, final)
    await call.wait_connected(WITHIN_S)
    return call


async def run(lab: Lab, count: int, kills: int, *, live: int = LIVE, whole: int = 0) -> Outcome:
    """Restart the gate again and again under calls.

    Args:
        lab: started.
        count: how many restarts.
        kills: so many workers are killed, each after a restart.
        live: so many calls are up meanwhile.
        whole: so many of the restarts end the whole daemon; the last one does, if any.
    """
    rig = Rig(lab=lab, config=Config(policy="", dialplan=""), began=time.time())
    await until_serving(lab, WORKERS)
    over, restarts = asyncio.Event(), Restarts()
    async with rig.phones(*CALLERS) as phones:
        numbers = [(island, reunion, mobile)[place % 3](place) for place in range(live)]
        calls = [await answered(phones[place % 3], dialled) for place, (dialled, _) in enumerate(numbers)]
        load = Load(phones=phones)
        loading = asyncio.create_task(load.go_on(over))
        await restarts.restart_often(lab, count, kills, whole)
        over.set()
        await loading
        up = {number for _, number in numbers}
        dropped = [line for line in lab.carrier_log() if line.event == "ended" and line.user in up]
        for call in calls:
            call.hang_up()
        await asyncio.gather(*(call.wait_ended(WITHIN_S) for call in calls))
        book = await rig.wait_for_no_holds()
    books = compare(rig, book, math.inf)
    # What is counted of many refusals is written down at the latest now.
    await asyncio.to_thread(lab.gate_stop)
    refused, lent = rig.rows("call.refused"), rig.rows("call.local")
    decided = sum(row.count for row in refused if Reason.COUNTRY_REFUSED in row.reasons)
    return Outcome(
        restarts=count,
        whole=whole,
        kills=kills,
        live=live,
        granted=load.granted,
        refused=load.refused,
        dropped=len(dropped),
        by_contract=load.refused - decided,
        lent=len(lent),
        unwritten=max(0, load.refused - sum(row.count for row in refused)),
        stray=tuple(f"{row.at}: {row.event} {row.reasons}" for row in (*refused, *lent) if restarts.is_stray(row)),
        wrong=tuple(load.wrong),
        reload_s=restarts.reload_s,
        whole_s=restarts.whole_s,
        books=books,
    )


def restarts_lab(folder: Path) -> Lab:
    """Make the lab of a run, whose gate has several workers; it is not started yet."""
    lab = live_lab.live_lab("restarts", folder)
    settings = folder / "config" / "callgate.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace(f"workers = {practice.WORKERS}", f"workers = {WORKERS}"), encoding="utf-8")
    return lab


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Restarts of the gate under calls.")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--whole", type=int, default=2, help="so many of them end the daemon and start it again")
    parser.add_argument("--kills", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = restarts_lab(Path(folder))
        lab.start()
        try:
            outcome = asyncio.run(run(lab, arguments.count, arguments.kills, whole=arguments.whole))
        finally:
            lab.stop()
    print(*outcome.lines(), sep="\n")
    sys.exit(not outcome.is_sound)


if __name__ == "__main__":
    main()
