"""Seven planted bugs, each a change of the scripts' text, and rounds of the short soak that must find them.

``python -m soak.bugs NAME SEED`` plants one bug and runs rounds until a fault is found: its status is then 1.
The name "none" plants nothing. The same seed gives the same rounds.
"""

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from random import Random

from callgate.ledger import scripts
from callgate.ledger.client import connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.scripts import Script
from redis_server import RedisServer
from soak.short import Bench, soak
from soak.verdict import PATIENT, judge
from soak.wire import RoughRedis, Traffic

ROUNDS = 3
OPERATIONS = 4_000
FAULTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """Text of the scripts, and what stands in its place."""

    right: str
    wrong: str


NONE = "none"
BUGS: dict[str, tuple[Change, ...]] = {
    "refund posted now": (
        Change(
            "cost <= booked and {{lapsed_at, cost}} or {{lapsed_at, booked}, {now, cost - booked}}",
            "{{lapsed_at, booked}, {now, cost - booked}}",
        ),
    ),
    "expiry by key time to live": (
        # In a short soak a millisecond is about a simulated second; four of them, to be quick enough anywhere.
        Change(
            "redis.call('ZADD', LIVE, digits(record.score), id)",
            "redis.call('ZADD', LIVE, digits(record.score), id)\n"
            "redis.call('PEXPIRE', LIVE, digits((record.score - now) / 4))",
        ),
    ),
    "void on expiry": (
        Change("ending(id, 'lapsed', before.amount, before)", "ending(id, 'void', 0, before)"),
        Change("after.posts = {{now, before.amount}}", "after.posts = {}"),
    ),
    "no tombstone": (
        Change(
            "turn(id, record, ending(id, 'void', 0, record))",
            "if not record then return finish({'orphan', 0}) end\nturn(id, record, ending(id, 'void', 0, record))",
        ),
    ),
    "caller's clock": (Change("now = math.max(now, proven - taken)", "now = ticks.wall_s"),),
    "slice ending on an increment": (Change("local CUT_MARGIN_S = 2", "local CUT_MARGIN_S = 0"),),
    "trunk attempt counted twice": (Change("if previous_is_live then", "if false then"),),
}


def plant(name: str) -> None:
    """Change the scripts of this process.

    Raises:
        AssertionError: if the text to change is in none of them: then this is no test any more.
    """
    for change in BUGS.get(name, ()):
        hit = {title: script for title, script in vars(scripts).items() if isinstance(script, Script)}
        hit = {title: script for title, script in hit.items() if change.right in script.source}
        assert hit, change.right
        for title, script in hit.items():
            source = script.source.replace(change.right, change.wrong)
            setattr(scripts, title, Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest()))


async def find_faults(folder: Path, seed: str) -> list[str]:
    """Run one round on a Redis of its own.

    Returns:
        What was found.
    """
    bench = Bench(folder=folder)
    with RedisServer(folder) as store:
        pool = connect(store.url, PATIENT).connection_pool
        async with RoughRedis(pool, Random(f"{seed}/wire"), Traffic()) as rough:
            ledger = RedisLedger(rough, PATIENT, clock=bench.machine.ticks)
            stories = await soak(bench, ledger, seed, OPERATIONS)
            await rough.deliver_all()
        async with connect(store.url, PATIENT) as client:
            verdict = await judge(RedisLedger(client, PATIENT, clock=bench.machine.ticks), stories, client)
    return verdict.faults


def main(name: str, seed: str) -> int:
    """Plant one bug and see whether it is found; 1 if it is."""
    plant(name)
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="bug-") as folder:
            faults = asyncio.run(find_faults(Path(folder), f"{seed}/{number}"))
        if faults:
            print(f"{name}, seed {seed}/{number}: {len(faults)} faults", *faults[:FAULTS_SHOWN], sep="\n")
            return 1
    print(f"{name}, seed {seed}: nothing found in {ROUNDS} rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
