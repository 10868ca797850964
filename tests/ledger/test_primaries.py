"""With many servers, each clinic's commands go to its primary, and find it again when it moved or died."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import ClusterDownError, MovedError, NoScriptError, RedisError, ResponseError

from callgate.ledger.address import Endpoint
from callgate.ledger.client import connect
from callgate.ledger.primaries import LOOK_AGAIN_S, ClusterDirectory, Primaries, SentinelDirectory, exchange
from ledger.fake_stores import HOST, OK, FakeStore, all_slots, host_and_port, slots, stores
from ledger.samples import PATIENT

KEY, OTHER_KEY = "cg:{a}:meta", "cg:{b}:meta"
"""Slots 15495 and 3300."""
MOVED, ASK = "-MOVED 15495 {}\r\n", "-ASK 15495 {}\r\n"


def open_node(endpoint: Endpoint) -> Redis:
    return connect(f"redis://{endpoint}", PATIENT)


class Clock:
    """Seconds that go on only when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def cluster(*witnesses: FakeStore, clock: Clock | None = None) -> AsyncIterator[Primaries]:
    directory = ClusterDirectory(tuple(witness.endpoint for witness in witnesses), open_node)
    async with Primaries(directory, open_node, clock or Clock()) as client:
        yield client


def told(layout: Callable[[], bytes], *replies: bytes) -> Callable[[list[str]], bytes]:
    """A node that tells the layout, and answers all else with the given replies in turn, the last one for ever."""
    left = list(replies)

    def answer(words: list[str]) -> bytes:
        if words[0] == "CLUSTER":
            return layout()
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


async def test_each_clinic_is_served_by_the_primary_of_its_slot() -> None:
    def layout() -> bytes:
        return slots((0, 8_000, low.endpoint), (8_001, 16_383, high.endpoint))

    async with stores(told(layout, OK), told(layout, OK)) as (low, high), cluster(low) as client:
        assert client.owner(KEY) is None
        await client.set(OTHER_KEY, "1")
        await client.eval("return 1", 1, KEY)
        await client.ping()
        assert (client.owner(OTHER_KEY), client.owner(KEY)) == (low.endpoint, high.endpoint)
        assert (await client.every()).keys() == {low.endpoint, high.endpoint}
    assert low.names() == ["CLUSTER", "SET", "PING"], "one look-up is enough; a command without a key goes anywhere"
    assert high.names() == ["EVAL"]


async def test_a_slot_that_moved_is_followed_and_remembered() -> None:
    def old_layout() -> bytes:
        return all_slots(old.endpoint)

    clock = Clock()
    async with stores(told(old_layout, b""), told(old_layout, OK)) as (old, new), cluster(old, clock=clock) as client:
        old.answer = told(old_layout, MOVED.format(new.endpoint).encode())
        for _ in range(3):
            await client.set(KEY, "1")
        assert (old.names().count("SET"), new.names().count("SET")) == (1, 3)


async def test_a_slot_on_its_way_is_asked_for_and_not_remembered() -> None:
    def layout() -> bytes:
        return all_slots(old.endpoint)

    def by_word(words: list[str]) -> bytes:
        return b":1\r\n" if words[0] == "WAIT" else OK

    async with stores(told(layout, b""), by_word) as (old, new), cluster(old) as client:
        old.answer = told(layout, ASK.format(new.endpoint).encode())
        for _ in range(2):
            assert await client.exchange(KEY, ("SET", KEY, "1"), ("WAIT", 1, 50)) == [True, 1]
    assert old.names().count("SET") == 2
    assert new.names() == ["ASKING", "SET", "WAIT"] * 2, "ASKING binds the next command of the same connection only"


async def test_servers_that_send_one_round_in_circles_are_given_up() -> None:
    def layout() -> bytes:
        return all_slots(first.endpoint)

    async with stores(told(layout, b""), told(layout, b"")) as (first, second), cluster(first) as client:
        first.answer = told(layout, MOVED.format(second.endpoint).encode())
        second.answer = told(layout, MOVED.format(first.endpoint).encode())
        with pytest.raises(MovedError):
            await client.set(KEY, "1")
    assert first.names().count("SET") + second.names().count("SET") == 3


async def test_a_node_that_does_not_know_its_own_host_is_the_one_that_was_reached() -> None:
    def layout() -> bytes:
        return all_slots(Endpoint("", first.port))

    async with stores(told(layout, b""), told(layout, OK)) as (first, second), cluster(first) as client:
        first.answer = told(layout, f"-MOVED 15495 :{second.port}\r\n".encode())
        await client.set(KEY, "1")
        assert client.owner(KEY) == Endpoint(HOST, second.port)


async def test_a_dead_primary_is_looked_up_again_and_its_successor_found() -> None:
    owner: list[Endpoint] = []

    def layout() -> bytes:
        return all_slots(owner[0])

    clock = Clock()
    async with (
        stores(told(layout, OK), told(layout, OK), lambda _: None) as (witness, successor, dead),
        cluster(witness, clock=clock) as client,
    ):
        owner.append(dead.endpoint)
        with pytest.raises(RedisError):
            await client.set(KEY, "1")
        owner[0] = successor.endpoint
        with pytest.raises(RedisError):
            await client.set(KEY, "1")
        assert witness.names() == ["CLUSTER"], "nobody is asked twice within a quarter of a second"
        clock.now += LOOK_AGAIN_S
        await client.set(KEY, "1")
        assert client.owner(KEY) == successor.endpoint
        assert list(client._nodes) == [successor.endpoint], "the link to the dead one is closed"
    assert dead.names() == ["SET", "SET"]


async def test_a_primary_that_hangs_is_looked_up_again() -> None:
    def layout() -> bytes:
        return all_slots(silent.endpoint)

    clock = Clock()
    async with stores(told(layout, b"")) as (silent,), cluster(silent, clock=clock) as client:
        for _ in range(2):
            clock.now += LOOK_AGAIN_S
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.set(KEY, "1")
    assert silent.names() == ["CLUSTER", "SET"] * 2


async def test_a_script_that_is_not_known_is_no_reason_to_look_up_again() -> None:
    def layout() -> bytes:
        return all_slots(store.endpoint)

    clock = Clock()
    unknown = b"-NOSCRIPT No matching script.\r\n"
    async with stores(told(layout, unknown)) as (store,), cluster(store, clock=clock) as client:
        for _ in range(2):
            clock.now += LOOK_AGAIN_S
            with pytest.raises(NoScriptError):
                await client.evalsha("0" * 40, 1, KEY)
    assert store.names().count("CLUSTER") == 1


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"*0\r\n", id="knows no slots"),
        pytest.param(b"*1\r\n:1\r\n", id="says something else"),
        pytest.param(b"*1\r\n*1\r\n:1\r\n", id="says too little"),
        pytest.param(b"-LOADING\r\n", id="is not ready"),
        pytest.param(None, id="hangs up"),
    ],
)
async def test_the_next_node_is_asked_where_one_cannot_tell(broken: bytes | None) -> None:
    def layout() -> bytes:
        return all_slots(good.endpoint)

    async with stores(lambda _: broken, told(layout, OK)) as (bad, good), cluster(bad, good) as client:
        await client.set(KEY, "1")
    assert (bad.names(), good.names()) == (["CLUSTER"], ["CLUSTER", "SET"])


async def test_nodes_found_later_are_asked_when_those_in_the_address_are_gone() -> None:
    def layout() -> bytes:
        return all_slots(second.endpoint)

    clock = Clock()
    async with stores(told(layout, OK), told(layout, OK)) as (first, second), cluster(first, clock=clock) as client:
        await client.set(KEY, "1")
        first.answer = lambda _: None
        second.answer = told(layout, b"-CLUSTERDOWN no majority\r\n", OK)
        with pytest.raises(ClusterDownError):
            await client.set(KEY, "1")
        clock.now += LOOK_AGAIN_S
        await client.set(KEY, "1")
    assert second.names() == ["SET", "SET", "CLUSTER", "SET"]


async def test_without_anybody_who_can_tell_nothing_is_sent() -> None:
    async with stores(lambda _: None) as (only,), cluster(only) as client:
        for attempt in (client.set(KEY, "1"), client.every()):
            with pytest.raises(ClusterDownError):
                await attempt
    assert only.names() == ["CLUSTER"]


async def test_calls_at_the_same_moment_share_one_look_up() -> None:
    def layout() -> bytes:
        return all_slots(store.endpoint)

    async with stores(told(layout, OK)) as (store,), cluster(store) as client:
        await asyncio.gather(*(client.set(KEY, "1") for _ in range(5)))
    assert store.names() == ["CLUSTER"] + ["SET"] * 5


async def test_sentinels_name_the_primary_and_its_successor() -> None:
    owner: list[Endpoint] = []
    replica = b"-READONLY You can't write against a read only replica.\r\n"
    clock = Clock()
    async with stores(lambda _: b"*-1\r\n", lambda _: host_and_port(owner[0]), lambda _: replica, lambda _: OK) as (
        ignorant,
        knowing,
        old,
        new,
    ):
        directory = SentinelDirectory((ignorant.endpoint, knowing.endpoint), open_node, "clinics")
        async with Primaries(directory, open_node, clock) as client:
            owner.append(old.endpoint)
            with pytest.raises(RedisError):
                await client.set(KEY, "1")
            owner[0] = new.endpoint
            clock.now += LOOK_AGAIN_S
            await client.set(KEY, "1")
            await client.set(OTHER_KEY, "1")
    question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "clinics"]
    assert (ignorant.asked, knowing.asked) == ([question] * 2, [question] * 2)
    assert (old.names(), new.names()) == (["SET"], ["SET", "SET"])


async def test_several_commands_go_in_one_write_and_the_first_error_counts() -> None:
    def answer(words: list[str]) -> bytes:
        return b":1\r\n" if words[0] == "WAIT" else b"-OOM no memory\r\n"

    async with stores(answer) as (store,), open_node(store.endpoint) as client:
        assert await exchange(client, ("WAIT", 1, 50), ("WAIT", 1, 50)) == [1, 1]
        with pytest.raises(ResponseError, match="no memory"):
            await exchange(client, ("SET", "key", "1"), ("WAIT", 1, 50))
