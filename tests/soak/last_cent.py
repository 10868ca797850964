"""Two gate processes race for the last EUR 30: 200 simultaneous set-ups at EUR 3 a minute, run after run.

``python -m soak.last_cent URL GATE`` is one of the gates: for each line on its standard input, a clinic's name, it lets
its callers dial all at once, settles what was granted as used to the last second, and says what that cost.
"""

import asyncio
import sys
import time
from dataclasses import dataclass

from callgate.core.hold import Ceiling, Held, HoldRequest, Purse, Settled, Window
from callgate.core.tariff import Rate
from callgate.ledger.base import LedgerBook, OrphanCharge, Settlement
from callgate.ledger.client import Deadlines, connect
from callgate.ledger.redis import RedisLedger
from soak.mortals import ENVIRONMENT

EURO = 1_000_000
LEFT_MICROS = 30 * EURO
SPENT_MICROS = 70 * EURO
CALLERS = 100
GATES = ("north", "south")
MONTH = "2026-11"
PATIENT = Deadlines(connect_s=10, free_connection_s=10, answer_s=10)
RATE = Rate(prefix="32", label="", connect_micros=0, per_minute_micros=3 * EURO, first_increment_s=60, increment_s=60)
PURSE = Purse(
    name="costly", ceilings=(Ceiling(window=Window.HOUR, limit_micros=SPENT_MICROS + LEFT_MICROS),), concurrent_max=None
)


@dataclass(frozen=True, slots=True)
class Race:
    """One run: what both gates settled, and what the ledger says was spent of the last EUR 30, in micros."""

    settled_micros: int
    booked_micros: int


async def race(url: str, runs: int) -> list[Race]:
    """Run it so many times, each in a clinic of its own.

    Args:
        url: of the store.
        runs: how many.
    """
    command = (sys.executable, "-m", "soak.last_cent", url)
    pipe = asyncio.subprocess.PIPE
    gates = [
        await asyncio.create_subprocess_exec(*command, gate, stdin=pipe, stdout=pipe, env=ENVIRONMENT) for gate in GATES
    ]
    try:
        async with connect(url, PATIENT) as client:
            ledger = RedisLedger(client, PATIENT, gate="drill")
            return [await _run(ledger, gates, f"last-cent-{number}") for number in range(runs)]
    finally:
        for gate in gates:
            gate.kill()
            await gate.wait()


async def _run(ledger: RedisLedger, gates: list[asyncio.subprocess.Process], clinic: str) -> Race:
    charge = OrphanCharge(purses=("costly",), amount_micros=SPENT_MICROS, month=MONTH)
    spent = Settlement(clinic=clinic, hold_id=_hold_id("before"), answered=True, duration_s=1, orphan=charge)
    assert isinstance(await ledger.settle(spent), Settled)
    for gate in gates:
        assert gate.stdin is not None
        gate.stdin.write(f"{clinic}\n".encode())
    settled = [int(await gate.stdout.readline()) for gate in gates if gate.stdout is not None]
    book = await ledger.book(clinic)
    assert isinstance(book, LedgerBook), book
    return Race(settled_micros=sum(settled), booked_micros=book.purses[0].hour_micros - SPENT_MICROS)


async def take_part(url: str, gate: str) -> None:
    """Be one of the gates."""
    async with connect(url, PATIENT) as client:
        ledger = RedisLedger(client, PATIENT, gate=gate)
        while clinic := (await asyncio.to_thread(sys.stdin.readline)).strip():
            costs = await asyncio.gather(*(_call(ledger, clinic, f"{gate}-{number}") for number in range(CALLERS)))
            print(sum(costs), flush=True)


async def _call(ledger: RedisLedger, clinic: str, name: str) -> int:
    """Dial once; talk as long as it is granted, and be cut two seconds late.

    Returns:
        What it cost, in micros.
    """
    hold_id = _hold_id(name)
    held = await ledger.hold(_request(clinic, hold_id))
    if not isinstance(held, Held):
        return 0
    settlement = Settlement(clinic=clinic, hold_id=hold_id, answered=True, duration_s=held.seconds + 2)
    settled = await ledger.settle(settlement)
    assert isinstance(settled, Settled), settled
    return settled.amount_micros


def _hold_id(name: str) -> str:
    return f"pbx.boot.{name}.{int(time.time())}"


def _request(clinic: str, hold_id: str) -> HoldRequest:
    return HoldRequest(
        clinic=clinic,
        hold_id=hold_id,
        supersedes="",
        rate=RATE,
        seconds=58,
        costly=True,
        slice_s=None,
        partial=True,
        purses=(PURSE,),
        velocities=(),
        month=MONTH,
        grace_s=90,
        policy_revision=0,
    )


if __name__ == "__main__":
    asyncio.run(take_part(*sys.argv[1:]))
