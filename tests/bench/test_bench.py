"""The measurements run and say what they measured; how fast this machine is, no test judges."""

import re

from bench.drawn_numbers import any_numbers, practice_numbers, world_numbers
from bench.rates import deck_text, loaded, lookup_us
from bench.replaying import replay_line
from bench.run import memory_line, rate_lines, reading_lines
from bench.scale import scale_lines


def test_the_reader_is_measured_cold_preloaded_warm_and_over_a_mix_of_the_world() -> None:
    lines = reading_lines(50)
    assert [re.split(r"\s{2,}", line)[0] for line in lines] == [
        "cold, first call of a fresh process",
        "cold, first call after preload()",
        "warm, the same 200 numbers",
        "50 different numbers, first time",
        "50 different numbers, second time",
    ]
    assert all(re.search(r"[\d.]+ us +[\d.]+ us +[\d.]+ x$", line) for line in lines)


def test_the_rate_deck_is_measured_beside_a_scan_and_a_dictionary() -> None:
    assert [line.split()[0] for line in rate_lines(200)] == ["a", "rate", "rate"]


def test_memory_is_looked_at_twice() -> None:
    assert re.fullmatch(r"memory after 100 different numbers [\d,]+ KB, after 300 [\d,]+ KB", memory_line((100, 200)))


def test_the_numbers_of_a_measurement_are_different_and_the_same_in_every_run() -> None:
    assert len(set(practice_numbers(200))) == 200
    assert world_numbers(100, "a") == world_numbers(100, "a")
    assert world_numbers(100, "a") != world_numbers(100, "b")
    assert len(set(any_numbers(3000))) == 3000


def test_the_deck_of_a_measurement_has_as_many_rows_as_asked_for() -> None:
    deck, _ = loaded(deck_text(500))
    assert len(deck.rates) == 500
    assert lookup_us(deck).keys() == {"callgate", "scan", "dictionary"}


def test_the_ledger_is_measured_in_memory_processor_and_time() -> None:
    lines = scale_lines((3,), clinics=1, calls=100)
    assert re.fullmatch(r"memory of a clinic with 3 calls a day [\d,]+ KiB", lines[0])
    assert [line.partition(":")[0] for line in lines[1:3]] == [
        "a call held and settled, no file",
        "a call held and settled, appendfsync always",
    ]
    assert re.search(r"with one replica's acknowledgement [\d.]+ ms$", lines[3])


def test_replay_is_measured_in_rows_a_second_and_memory() -> None:
    figures = r"replay of 100 attempts [\d.]+ s, [\d,]+ rows a second, [\d,]+ MiB"
    assert re.fullmatch(figures, replay_line(100))
