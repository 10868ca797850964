"""How many workers answer calls: as many as somebody says, or as the machine has processors and the unit memory for."""

import os

import pytest
from msgspec import structs

from callgate.commands.crew import worker_count
from callgate.settings import Settings, parse_settings
from clinic_samples import SETTINGS


def settings(workers: int) -> Settings:
    sample = parse_settings(SETTINGS)
    return structs.replace(sample, gate=structs.replace(sample.gate, workers=workers))


@pytest.mark.parametrize(
    ("workers", "processors", "expected"),
    [(0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 2), (0, 16, 8), (0, 18, 8), (0, 64, 8), (1, 64, 1), (9, 2, 9)],
)
def test_there_is_a_worker_for_every_two_processors_and_no_more_than_eight_unless_asked_for(
    workers: int, processors: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(processors)))
    assert worker_count(settings(workers)) == expected
