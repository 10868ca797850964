"""`make bench`: how fast callgate reads and prices numbers, as ratios to the naive way; what ledger and replay take.

A ratio above 1 says how many times faster callgate is. Only ratios travel: the microseconds are those of this machine.
The ledger's figures are those of docs/scale.md.
"""

import argparse
import sys

from bench import rates, reading
from bench.replaying import replay_line
from bench.scale import scale_lines
from callgate.core.dialling import preload

DECK_ROWS = 40_000
WORLD_NUMBERS = 10_000
LEDGER_CALLS = 5_000
ATTEMPTS = 100_000
MEMORY_NUMBERS = (100_000, 900_000)


def reading_lines(world: int) -> list[str]:
    """The figures of the reader, a line each."""
    naive_us = reading.cold_us("phonenumbers", preloaded=False)
    lines = [
        _line("cold, first call of a fresh process", reading.cold_us("callgate", preloaded=False), naive_us),
        _line("cold, first call after preload()", reading.cold_us("callgate", preloaded=True), naive_us),
    ]
    preload()
    warm = reading.warm_us()
    lines.append(_line(f"warm, the same {reading.WARM_NUMBERS} numbers", warm["callgate"], warm["phonenumbers"]))
    found = reading.world_us(world)
    for time_round, name in enumerate(("first time", "second time")):
        own_us, naive_us = found["callgate"][time_round], found["phonenumbers"][time_round]
        lines.append(_line(f"{world:,} different numbers, {name}", own_us, naive_us))
    return lines


def rate_lines(rows: int) -> list[str]:
    """The figures of the rate deck, a line each."""
    deck, taken_s = rates.loaded(rates.deck_text(rows))
    found = rates.lookup_us(deck)
    return [
        f"a deck of {rows:,} rows loads in {taken_s:.2f} s",
        _line("rate of a number, beside a scan of the deck", found["callgate"], found["scan"]),
        _line("rate of a number, beside one dict look-up", found["callgate"], found["dictionary"]),
    ]


def memory_line(counts: tuple[int, int]) -> str:
    """How much memory the reader takes and goes on taking."""
    first_kb, second_kb = reading.memory_kb(counts)
    first, second = counts[0], sum(counts)
    return f"memory after {first:,} different numbers {first_kb:,} KB, after {second:,} {second_kb:,} KB"


def _line(what: str, own_us: float, naive_us: float) -> str:
    return f"{what:<48}{own_us:>12.2f} us{naive_us:>12.2f} us{naive_us / own_us:>10.2f} x"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", type=int, default=WORLD_NUMBERS, help="different numbers in the world mix")
    parser.add_argument("--rows", type=int, default=DECK_ROWS, help="of the rate deck")
    parser.add_argument("--memory", type=int, nargs=2, default=MEMORY_NUMBERS, help="numbers between looks at memory")
    parser.add_argument("--calls", type=int, default=LEDGER_CALLS, help="held and settled to measure the ledger")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="that are replayed")
    arguments = parser.parse_args()
    first, more = arguments.memory
    print(f"{'':<48}{'callgate':>15}{'naive':>15}{'ratio':>12}")
    print("\n".join([*reading_lines(arguments.world), *rate_lines(arguments.rows), memory_line((first, more))]))
    print("\n".join(scale_lines(calls=arguments.calls)))
    print(replay_line(arguments.attempts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
