"""A crowd goes on one after the other, and everybody else between: nobody waits for a whole crowd."""

import asyncio

import pytest

from callgate.turns import Turns


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
    await asyncio.sleep(0)
    assert turns._waiting == {}
