"""Who may wait at the port: a call that asks at once is never the one that is turned away."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from callgate.door import RESERVED_FILES, Door, file_room, raise_file_limit


@dataclass(eq=False)
class Caller:
    """A connection that remembers whether it was turned away."""

    is_away: bool = False

    def abort(self) -> None:
        self.is_away = True


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The file limits of this process, restored afterwards."""
    found = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield found
    resource.setrlimit(resource.RLIMIT_NOFILE, found)


def test_when_all_places_are_taken_whoever_waits_longest_goes() -> None:
    door, callers = Door(3), [Caller() for _ in range(5)]
    assert [door.enter(caller, 10) for caller in callers] == [0, 0, 0, 1, 1]
    assert [caller.is_away for caller in callers] == [True, True, False, False, False]


def test_who_has_asked_or_is_gone_keeps_nobody_out() -> None:
    door, callers = Door(2), [Caller() for _ in range(3)]
    door.enter(callers[0], 10)
    door.enter(callers[1], 10)
    door.leave(callers[0])
    door.leave(callers[0])
    assert door.enter(callers[2], 10) == 0
    assert not any(caller.is_away for caller in callers)


def test_the_last_files_are_kept_for_the_journal_and_the_ledger(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    assert file_room() == 1024 - RESERVED_FILES
    door, first, second = Door(100), Caller(), Caller()
    assert door.enter(first, file_room() - 1) == 0
    assert door.enter(second, file_room()) == 1
    assert (first.is_away, second.is_away) == (True, False)


def test_a_caller_who_is_alone_is_turned_away_himself_when_there_are_no_files(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, limits[1]))
    assert file_room() == 300
    door, caller = Door(100), Caller()
    assert door.enter(caller, 300) == 1
    assert caller.is_away


def test_the_limit_is_raised_as_far_as_the_system_allows(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    raise_file_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])
