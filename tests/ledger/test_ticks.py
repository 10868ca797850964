"""The gate tells the ledger how much time it can prove, and believes a wall clock only while a time server keeps it."""

import ctypes
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from callgate.core.sighting import Ticks
from callgate.ledger.ticks import MachineClocks, boot_id, is_kept, is_wall_kept, machine_ticks


@dataclass(kw_only=True)
class Machine:
    """A machine whose clocks stand where the test puts them."""

    up: float = 100.9
    wall: float = 1_800_000_000.9
    kept: bool = True
    looks: int = 0
    clocks: MachineClocks = field(init=False)

    def __post_init__(self) -> None:
        self.clocks = MachineClocks(
            boot="boot", uptime=lambda: self.up, wall=lambda: self.wall, is_kept=self.is_wall_kept
        )

    def is_wall_kept(self) -> bool:
        self.looks += 1
        return self.kept

    def is_synced_at(self, up: float) -> bool:
        self.up = up
        return self.clocks.read().is_synced


def test_the_clocks_are_told_in_whole_seconds() -> None:
    told = Machine().clocks.read()
    assert told == Ticks(boot="boot", uptime_s=100, wall_s=1_800_000_000, is_synced=False)


def test_a_wall_clock_is_believed_once_it_was_kept_for_a_minute() -> None:
    machine = Machine()
    assert [machine.is_synced_at(up) for up in (200, 259.9, 260, 10_000)] == [False, False, True, True]


def test_a_time_server_that_was_lost_once_is_not_believed_for_another_minute() -> None:
    machine = Machine()
    assert [machine.is_synced_at(up) for up in (200, 260)] == [False, True]
    machine.kept = False
    assert not machine.is_synced_at(270)
    machine.kept = True
    assert [machine.is_synced_at(up) for up in (280, 339, 340)] == [False, False, True]


def test_the_kernel_is_asked_at_most_once_a_second() -> None:
    machine = Machine()
    for up in (101, 101.5, 101.9, 102, 102.9, 110):
        machine.is_synced_at(up)
    assert machine.looks == 3


@pytest.mark.parametrize(
    ("state", "status", "kept"),
    [
        pytest.param(0, 0x2001, True, id="kept by a time server"),
        pytest.param(1, 0x0011, True, id="kept, a leap second is announced"),
        pytest.param(0, 0x0040, False, id="nobody keeps it"),
        pytest.param(5, 0x2041, False, id="nobody keeps it any more"),
        pytest.param(5, 0x2001, False, id="the kernel reports an error"),
        pytest.param(-1, 0, False, id="the kernel refuses to tell"),
    ],
)
def test_the_kernel_says_whether_a_time_server_keeps_the_clock(*, state: int, status: int, kept: bool) -> None:
    assert is_kept(state, status) is kept


def test_this_machine_tells_its_clocks() -> None:
    first, second = machine_ticks(), machine_ticks()
    assert first.boot == second.boot == boot_id()
    assert first.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert first.uptime_s <= second.uptime_s <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(first.wall_s - time.time()) < 5
    assert isinstance(is_wall_kept(), bool)


@pytest.mark.parametrize("problem", [AttributeError, OSError])
def test_a_machine_that_cannot_tell_is_not_believed(monkeypatch: pytest.MonkeyPatch, problem: type[Exception]) -> None:
    def no_library(_name: None) -> None:
        raise problem

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert is_wall_kept() is False


def test_where_the_kernel_names_no_boot_a_process_proves_only_its_own_life(tmp_path: Path) -> None:
    assert boot_id(tmp_path / "none") != boot_id(tmp_path / "none")
