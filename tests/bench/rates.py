"""How long a rate deck needs to load, and one look-up in it beside a scan of all rows and a plain dictionary."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from random import Random

from bench.drawn_numbers import world_numbers
from callgate.core.deck import COLUMNS, RateDeck, parse_deck

LOOKED_UP = 1000
SCANNED = 20
ON = date(2026, 1, 1)
_NANOSECONDS_PER_US = 1000


def deck_text(rows: int) -> str:
    """A deck of so many prefixes of 2 to 9 digits, as a wholesale operator sells them."""
    rng, prefixes = Random("deck"), dict.fromkeys(str(code) for code in range(1, 10))
    numbers = [number.removeprefix("+") for number in world_numbers(max(LOOKED_UP, rows // 8), "deck")]
    while len(prefixes) < rows:
        number = rng.choice(numbers)
        prefixes[number[: rng.randint(2, 6)] + "".join(rng.choices("0123456789", k=rng.randint(0, 3)))] = None
    lines = [",".join(COLUMNS)]
    lines += [f"+{prefix},place {prefix},0,{rng.randint(1, 900) / 1000:.3f},60,1,EUR,0.20,," for prefix in prefixes]
    return "\n".join(lines) + "\n"


def loaded(text: str) -> tuple[RateDeck, float]:
    """The deck, and the seconds it took to read it."""
    started = time.perf_counter()
    deck = parse_deck(text, "EUR")
    return deck, time.perf_counter() - started


def lookup_us(deck: RateDeck) -> dict[str, float]:
    """Microseconds for the rate of one number: callgate, a scan of all rows, and one look into a dictionary."""
    numbers = world_numbers(LOOKED_UP, "deck")
    exact = dict.fromkeys(numbers, deck.rate_for(numbers[0], ON))
    return {
        "callgate": _each_us(lambda number: deck.rate_for(number, ON), numbers),
        "scan": _each_us(lambda number: _scan(deck.rates, number), numbers[:SCANNED]),
        "dictionary": _each_us(exact.get, numbers),
    }


def _scan(prefixes: Mapping[str, object], number: str) -> str:
    return max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default="")


def _each_us(find: Callable[[str], object], numbers: Sequence[str]) -> float:
    started = time.perf_counter_ns()
    for number in numbers:
        find(number)
    return (time.perf_counter_ns() - started) / _NANOSECONDS_PER_US / len(numbers)
