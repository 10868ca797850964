"""Who may wait at the port: a call that asks at once is never the one that is turned away."""

import asyncio
import errno
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from asterisk_agi import AgiRequest, AgiSession
from callgate import door as door_module
from callgate.door import RESERVED_FILES, Door, file_room, raise_file_limit
from callgate.told_once import ToldOnce
from waiting import until

QUESTION = b"agi_network: yes\nagi_network_script: v1\n\n"


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The file limits of this process, restored afterwards."""
    found = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield found
    resource.setrlimit(resource.RLIMIT_NOFILE, found)


@dataclass(kw_only=True)
class Porch:
    """A door with three places, whoever comes to it, and whoever it let in."""

    door: Door
    address: tuple[str, int]
    welcome: list[socket.socket] = field(default_factory=list)
    outside: list[socket.socket] = field(default_factory=list)

    async def come(self, count: int = 1) -> list[socket.socket]:
        """Connect, and be accepted."""
        found = [socket.create_connection(self.address) for _ in range(count)]
        self.outside += found
        for link in found:
            link.settimeout(0)
        return found


async def is_away(link: socket.socket) -> bool:
    """Wait until the door has closed this one."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(link, 1), 5) == b""
    except ConnectionError:
        return True


@pytest.fixture
async def porch() -> AsyncIterator[Porch]:
    welcome: list[socket.socket] = []

    def take(link: socket.socket, _session: AgiSession, _request: AgiRequest) -> None:
        welcome.append(link)

    listening = socket.create_server(("127.0.0.1", 0))
    porch = Porch(door=Door(3, take, ToldOnce()), address=listening.getsockname(), welcome=welcome)
    porch.door.open(listening)
    yield porch
    porch.door.close()
    for link in (*porch.outside, *porch.welcome):
        link.close()
    await porch.door.emptied()


async def test_when_all_places_are_taken_whoever_waits_longest_goes(porch: Porch) -> None:
    links = await porch.come(5)
    assert await is_away(links[0])
    assert await is_away(links[1])
    for link in links[2:]:
        link.sendall(QUESTION)
    await until(lambda: len(porch.welcome) == 3)


async def test_who_has_asked_or_is_gone_keeps_nobody_out(porch: Porch) -> None:
    links = await porch.come(3)
    links[0].sendall(QUESTION)
    links[1].close()
    await until(lambda: len(porch.welcome) == 1 and len(porch.door._waiting) == 1)
    more = await porch.come(2)
    for link in (links[2], *more):
        link.sendall(QUESTION)
    await until(lambda: len(porch.welcome) == 4)


async def test_who_asks_nothing_is_let_go_in_the_order_of_coming_and_later_ones_too(
    porch: Porch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "HEADER_DEADLINE_S", 0.05)
    first = await porch.come(2)
    first[0].sendall(QUESTION[:-1])
    await until(lambda: len(porch.door._waiting) == 2)
    await asyncio.sleep(0.01)
    (second,) = await porch.come()
    assert [await is_away(link) for link in (*first, second)] == [True] * 3
    (third,) = await porch.come()
    assert await is_away(third)
    assert porch.welcome == []


async def test_no_question_comes_to_its_end_after_the_door_was_closed_but_for_those_who_were_there(
    porch: Porch,
) -> None:
    (link,) = await porch.come()
    await until(lambda: len(porch.door._waiting) == 1)
    porch.door.close()
    with pytest.raises(ConnectionRefusedError):
        await porch.come()
    link.sendall(QUESTION)
    await porch.door.emptied()
    assert len(porch.welcome) == 1


async def test_who_asks_nothing_does_not_hold_the_next_worker_up(porch: Porch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "HEADER_DEADLINE_S", 60.0)
    links = await porch.come(2)
    await until(lambda: len(porch.door._waiting) == 2)
    porch.door.close()
    await porch.door.emptied()
    assert [await is_away(link) for link in links] == [True, True]
    assert porch.welcome == []


async def test_the_last_files_are_kept_for_the_journal_and_the_ledger(
    porch: Porch, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    assert file_room() == 1024 - RESERVED_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, limits[1]))
    assert file_room() == 300
    (first,) = await porch.come()
    await until(lambda: len(porch.door._waiting) == 1)
    room = next(iter(porch.door._waiting)).link.fileno() + 1
    monkeypatch.setattr(door_module, "file_room", lambda: room)
    (second,) = await porch.come()
    assert await is_away(first)
    (third,) = await porch.come()
    assert await is_away(second)
    third.sendall(QUESTION)
    await until(lambda: len(porch.welcome) == 1)
    assert porch.welcome[0].fileno() < room


async def test_when_calls_themselves_have_all_the_files_the_next_one_gets_no_verdict_at_once(
    porch: Porch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "file_room", lambda: 0)
    (link,) = await porch.come()
    assert await is_away(link)
    monkeypatch.setattr(socket.socket, "dup", no_file)
    (link,) = await porch.come()
    assert await is_away(link)


def no_file(_: socket.socket) -> socket.socket:
    raise OSError(errno.EMFILE, "Too many open files")


class NoFiles(socket.socket):
    """A listening socket for which no file is left, twice."""

    tries = 0

    def accept(self) -> tuple[socket.socket, object]:
        type(self).tries += 1
        if self.tries <= 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_when_no_file_is_left_at_all_the_oldest_goes_and_acceptance_resumes_at_once() -> None:
    """Left to itself, asyncio accepts nobody for a whole second."""
    welcome: list[socket.socket] = []
    door = Door(3, lambda link, _session, _request: welcome.append(link), ToldOnce())
    listening = NoFiles(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    plain = socket.create_server(("127.0.0.1", 0))
    door.open(plain)
    waiting = socket.create_connection(plain.getsockname())
    await until(lambda: len(door._waiting) == 1)
    door.open(listening)
    with waiting, socket.create_connection(listening.getsockname()) as link:
        link.sendall(QUESTION)
        waiting.settimeout(0)
        assert await is_away(waiting)
        await until(lambda: len(welcome) == 1)
    door.close()
    welcome[0].close()


def test_the_limit_is_raised_as_far_as_the_system_allows(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    raise_file_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])
