"""A crowd goes on one after the other, and everybody else between: nobody waits for a whole crowd."""

import asyncio
from collections.abc import Callable

import pytest

from callgate.journal import GROUP_S
from callgate.turns import BETWEEN_S, Turns
from waiting import until

DIALPLAN_WAITS_S = 1.2


async def test_who_is_alone_goes_on_at_once() -> None:
    with pytest.raises(StopIteration):
        Turns().turn("a flood").send(None)


async def test_of_a_crowd_one_goes_on_in_each_pass_in_the_order_of_their_coming() -> None:
    turns, gone_on = Turns(), list[int]()

    async def one(number: int) -> None:
        await turns.turn("a flood")
        gone_on.append(number)

    async with asyncio.TaskGroup() as crowd:
        for number in range(20):
            crowd.create_task(one(number))
        most, before = 0, 0
        while before < 20:
            await asyncio.sleep(0)
            most, before = max(most, len(gone_on) - before), len(gone_on)
    assert most == 1
    assert gone_on == list(range(20))


@pytest.mark.parametrize("many", [20, 5000])
async def test_others_have_time_between_two_of_a_crowd_and_the_last_of_a_large_one_is_in_time(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, waits = asyncio.get_running_loop(), list[float]()

    def at_once(delay: float, callback: Callable[..., None], *arguments: object) -> asyncio.Handle:
        waits.append(delay)
        return loop.call_soon(callback, *arguments)

    monkeypatch.setattr(loop, "call_later", at_once)
    turns = Turns()
    await asyncio.gather(*(turns.turn("a flood") for _ in range(many)))
    assert waits[many - 20 : many - 1] == [BETWEEN_S] * 19
    assert GROUP_S + sum(waits) < DIALPLAN_WAITS_S


async def test_another_extension_does_not_wait_for_the_crowd() -> None:
    turns = Turns()
    crowd = [asyncio.create_task(turns.turn("a flood")) for _ in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(StopIteration):
        turns.turn("another extension").send(None)
    await asyncio.gather(*crowd)


async def test_who_gives_up_holds_nobody_up_and_nothing_is_kept_of_a_crowd_that_is_over() -> None:
    turns = Turns()
    crowd = [asyncio.create_task(turns.turn("a flood")) for _ in range(20)]
    await asyncio.sleep(0)
    for gone in crowd[5:]:
        gone.cancel()
    ended = await asyncio.gather(*crowd, return_exceptions=True)
    assert ended[:5] == [None] * 5
    await until(lambda: not turns._waiting)
