"""A disk is asked for plain files and sure names, and how slow it is, is measured before somebody waits for it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from callgate.disk import open_plain, sync_folder, sync_p99_ms


def test_the_slowest_of_fifty_writes_counts_and_nothing_is_left_behind(tmp_path: Path) -> None:
    trials, now_ns = [], [0]

    def slow_once(descriptor: int) -> None:
        trials.append(descriptor)
        now_ns[0] += 30_000_001 if len(trials) == 30 else 1_000_000

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", slow_once)
        patch.setattr(time, "monotonic_ns", lambda: now_ns[0])
        assert sync_p99_ms(tmp_path) == 31
    assert len(trials) == 50
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_p99_ms(tmp_path / "missing")


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "there")
    with pytest.raises(OSError, match="no plain file"):
        open_plain(tmp_path / "there")


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with open_plain(tmp_path / "file") as stream:
        assert stream.read() == b"content"


def test_the_names_of_a_folder_can_be_brought_to_the_disk_and_those_of_none_cannot(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
