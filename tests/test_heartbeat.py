"""When a worker counts as dead, and how soon the next one may start."""

import asyncio
import math
import socket
import threading

import pytest
from structlog.testing import capture_logs

from callgate.heartbeat import BEAT_S, LATE_S, Heart, Silence, Word, restart_pause_s


@pytest.mark.parametrize(
    ("looks", "is_dead"),
    [
        ([(0.1 * number, False) for number in range(1, 8)], False),
        ([(0.1 * number, False) for number in range(1, 10)], True),
        ([(0.1 * number, number == 5) for number in range(1, 13)], False),
        ([(60.0, False)], False),
        ([(60.0, False), (60.1, True), (60.8, False)], False),
        ([(20.0 * number, False) for number in range(1, 5)], True),
    ],
    ids=[
        "silent for 0.7 s",
        "silent for 0.9 s",
        "one beat in between",
        "the supervisor was frozen for a minute",
        "and the worker beats when both go on",
        "the supervisor is often away, and at every look nothing came",
    ],
)
def test_a_worker_is_dead_when_nothing_was_heard_while_somebody_listened(
    looks: list[tuple[float, bool]], *, is_dead: bool
) -> None:
    silence = Silence(0.0)
    found = [silence.look(now_s, heard=heard) for now_s, heard in looks]
    assert found[-1] == is_dead


@pytest.mark.parametrize(
    ("free_s", "is_dead"),
    [(math.inf, True), (0.1, True), (0.05, False), (0.0, False)],
    ids=[
        "it waits for nothing",
        "it runs all the time",
        "it runs half of the time",
        "it waits for its turn, or a disk",
    ],
)
def test_a_worker_that_the_machine_holds_up_is_not_dead(free_s: float, *, is_dead: bool) -> None:
    silence = Silence(0.0)
    assert [silence.look(0.1 * n, heard=False, free_s=free_s) for n in range(1, 11)][-1] == is_dead
    assert any(silence.look(1.0 + 0.1 * n, heard=False) for n in range(1, 10)), "it is when it can speak, and does not"


@pytest.mark.parametrize(
    ("deaths", "pause_s"), [(0, 0.0), (1, 0.0), (2, 0.25), (3, 0.5), (4, 1.0), (6, 4.0), (7, 5.0), (10_000, 5.0)]
)
def test_the_first_death_is_made_good_at_once_and_each_further_one_later(deaths: int, pause_s: float) -> None:
    assert restart_pause_s(deaths) == pause_s


async def test_a_worker_that_is_prepared_waits_until_it_may_go() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        heart = Heart(theirs, asyncio.Event())
        waits = asyncio.create_task(heart.may_go())
        assert await asyncio.to_thread(ours.recv, 1) == bytes([Word.PREPARED])
        ours.send(bytes([Word.GO]))
        assert await waits
        heart.close()


async def test_a_worker_whose_supervisor_is_gone_ends_and_talks_to_nobody() -> None:
    ours, theirs = socket.socketpair()
    stop = asyncio.Event()
    heart = Heart(theirs, stop)
    ours.close()
    assert not await heart.may_go()
    await stop.wait()
    heart.say(Word.BEAT)
    heart.close()


async def test_a_supervisor_that_is_frozen_holds_no_worker_up() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        heart = Heart(theirs, asyncio.Event())
        for _ in range(100_000):
            heart.say(Word.BEAT)
        heart.close()


async def test_how_long_a_worker_did_nothing_else_is_said() -> None:
    ours, theirs = socket.socketpair()
    with ours, capture_logs() as said:
        heart = Heart(theirs, asyncio.Event())
        beating = asyncio.create_task(heart.beat())
        asyncio.get_running_loop().call_soon(threading.Event().wait, BEAT_S + 2 * LATE_S)
        await asyncio.wait([beating], timeout=2 * BEAT_S + 2 * LATE_S)
        beating.cancel()
        heart.close()
    assert said[0]["event"] == "loop.late"
    assert said[0]["late_ms"] >= 1000 * LATE_S
