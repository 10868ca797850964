"""How long callgate needs to read a dialled string, and how long a naive use of `phonenumbers` in the same run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import phonenumbers

from bench.drawn_numbers import any_numbers, practice_numbers, world_numbers
from callgate.core.dialling import preload, read_dialled
from callgate.core.plan import parse_plan

ROOT = Path(__file__).resolve().parents[2]
HOME = "FR"
PLAN = parse_plan((ROOT / "policies" / "plans" / f"{HOME}.toml").read_text(encoding="utf-8"))
WARM_NUMBERS = 200
WARM_ROUNDS = 25
COLD_NUMBERS = ("0142685300", "+442079460958", "+18765551234")
COLD_PROCESSES = 3
_NANOSECONDS_PER_US = 1000


def by_callgate(dialled: str) -> object:
    """Read as the gate does."""
    return read_dialled(dialled, plan=PLAN, outside_prefix="")


def by_phonenumbers(dialled: str) -> object:
    """Parse, ask whether it is valid, of which type and of which region."""
    number = phonenumbers.parse(dialled, HOME)
    return (
        phonenumbers.is_valid_number(number),
        phonenumbers.number_type(number),
        phonenumbers.region_code_for_number(number),
    )


READERS: dict[str, Callable[[str], object]] = {"callgate": by_callgate, "phonenumbers": by_phonenumbers}


def each_us(reader: Callable[[str], object], dialled: Sequence[str], rounds: int = 1) -> float:
    """Microseconds for one string, over all of them."""
    started = time.perf_counter_ns()
    for _ in range(rounds):
        for text in dialled:
            reader(text)
    return (time.perf_counter_ns() - started) / _NANOSECONDS_PER_US / rounds / len(dialled)


def cold_us(reader: str, *, preloaded: bool) -> float:
    """Microseconds for the first string of a fresh process: the middle one of several processes and numbers."""
    runs = [_first(reader, number, preloaded=preloaded) for number in COLD_NUMBERS for _ in range(COLD_PROCESSES)]
    return median(runs)


def _first(reader: str, number: str, *, preloaded: bool) -> float:
    return float(_in_fresh_process("cold", reader, number, "preloaded" if preloaded else "bare"))


def memory_kb(counts: tuple[int, int]) -> tuple[int, int]:
    """Kilobytes resident after so many and after so many more different numbers, in a fresh process."""
    first, second = _in_fresh_process("memory", *map(str, counts)).split()
    return int(first), int(second)


def _in_fresh_process(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-m", "bench.reading", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def warm_us() -> dict[str, float]:
    """Microseconds for one of the 200 numbers a practice dials again and again."""
    numbers = practice_numbers(WARM_NUMBERS)
    for reader in READERS.values():
        each_us(reader, numbers)
    return {name: each_us(reader, numbers, WARM_ROUNDS) for name, reader in READERS.items()}


def world_us(count: int) -> dict[str, tuple[float, float]]:
    """Microseconds for one of so many different numbers of all regions, the first time and the second."""
    numbers = world_numbers(count, "world")
    return {name: (each_us(reader, numbers), each_us(reader, numbers)) for name, reader in READERS.items()}


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def main(arguments: list[str]) -> None:
    """Measure once in this fresh process and print the figure: `cold READER NUMBER STATE` or `memory COUNT MORE`."""
    match arguments:
        case ["cold", reader, number, state]:
            if state == "preloaded":
                preload()
            print(each_us(READERS[reader], [number]))
        case ["memory", first, more]:
            preload()
            numbers = any_numbers(int(first) + int(more))
            for count in (int(first), int(more)):
                for _ in range(count):
                    by_callgate(next(numbers))
                print(_resident_kb())
        case _:
            raise SystemExit(main.__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
