"""How slow the disk is, is measured before somebody waits for it."""

import os
import time
from pathlib import Path

import pytest

from callgate.disk import sync_p99_ms


def test_the_slowest_of_fifty_writes_counts_and_nothing_is_left_behind(tmp_path: Path) -> None:
    trials = []

    def slow_once(descriptor: int) -> None:
        trials.append(descriptor)
        time.sleep(0.03 if len(trials) == 30 else 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", slow_once)
        assert 30 <= sync_p99_ms(tmp_path) < 1000
    assert len(trials) == 50
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_p99_ms(tmp_path / "missing")
