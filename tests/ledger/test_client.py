"""The link to Redis waits as long as it says, repeats as often as it says, and stops asking when nobody answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import BlockingConnectionPool

from callgate.core.hold import Unavailable
from callgate.ledger import scripts
from callgate.ledger.client import CIRCUIT_OPEN, FAILURES_TO_OPEN, OPEN_S, PROMPT, Deadlines, ScriptRunner, connect
from callgate.ledger.keys import clinic_keys
from ledger.samples import PATIENT

KEYS = clinic_keys("client")
QUICK = Deadlines(connect_s=0.3, answer_s=0.3)


@pytest.mark.parametrize(
    "url",
    [
        "unix:///nowhere.sock",
        "redis://nowhere",
        "redis://nowhere/3?socket_timeout=60&socket_connect_timeout=60&retry_on_timeout=yes&health_check_interval=30",
        "redis://nowhere/3?timeout=60&max_connections=1",
    ],
)
def test_the_defaults_of_the_library_do_not_leak_in(url: str) -> None:
    """Its retries executed one lost reply 11 times, and its time-outs are 5 s (facts/reliability.md 0.5)."""
    pool = connect(url).connection_pool
    assert isinstance(pool, BlockingConnectionPool)
    connection = pool.connection_class(**pool.connection_kwargs)
    assert connection.retry._retries == 0
    assert connection.retry_on_error == []
    assert connection.socket_connect_timeout == PROMPT.connect_s == 0.1
    assert connection.socket_timeout == PROMPT.answer_s == 0.12
    assert connection.health_check_interval == 0
    assert pool.timeout == PROMPT.free_connection_s == 0.05
    assert pool.max_connections == 64


def test_two_tries_fit_into_300_ms() -> None:
    assert 2 * PROMPT.answer_s < 0.3


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="redis://"):
        connect("http://nowhere")


@asynccontextmanager
async def store_that(folder: Path, answer: Callable[[bytes], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve a store that answers each whole request with the given bytes; b"" is silence."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if b"CLIENT" in data:
                writer.write(b"+OK\r\n" * data.count(b"SETINFO"))
                continue
            requests.append(data)
            writer.write(answer(data))
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "s")
    async with server:
        yield f"unix://{folder}/s", requests


async def test_a_store_that_never_answers_is_asked_twice(tmp_path: Path) -> None:
    async with store_that(tmp_path, lambda _: b"") as (url, requests), connect(url, QUICK) as client:
        assert await ScriptRunner(client, QUICK).run(scripts.BOOK, KEYS) == Unavailable(cause="timeout")
    assert len(requests) == 2


async def test_a_store_that_is_not_there_is_told_apart_from_a_slow_one(tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/none", PATIENT) as client:
        assert await ScriptRunner(client, PATIENT).run(scripts.BOOK, KEYS) == Unavailable(cause="connection")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "busyloading"),
        (b"-MISCONF Errors writing to the AOF file\r\n", "misconf"),
        (b"-READONLY You can't write against a read only replica.\r\n", "readonly"),
        (b"-BUSY Redis is busy running a script.\r\n", "busy"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "outofmemory"),
        (b"-CLUSTERDOWN The cluster is down\r\n", "clusterdown"),
        (b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", "tryagain"),
        (b"-NOAUTH Authentication required.\r\n", "authentication"),
        (b"-NOPERM no permissions to run the 'evalsha' command\r\n", "nopermission"),
        (b"-ERR user_script:7: attempt to index a nil value\r\n", "err"),
        (b"-WRONGTYPE Operation against a key\r\n", "wrongtype"),
        (b"no reply of any kind\r\n", "invalidresponse"),
    ],
)
async def test_every_failure_is_named_and_a_store_that_said_no_is_not_asked_again(
    tmp_path: Path, reply: bytes, cause: str
) -> None:
    async with store_that(tmp_path, lambda _: reply) as (url, requests), connect(url, PATIENT) as client:
        assert await ScriptRunner(client, PATIENT).run(scripts.BOOK, KEYS) == Unavailable(cause=cause)
    assert len(requests) == 1


async def test_a_script_the_store_does_not_know_is_sent_whole(tmp_path: Path) -> None:
    def answer(data: bytes) -> bytes:
        return b"-NOSCRIPT No matching script.\r\n" if b"EVALSHA" in data else b"*1\r\n$4\r\nNONE\r\n"

    async with store_that(tmp_path, answer) as (url, requests), connect(url, PATIENT) as client:
        assert await ScriptRunner(client, PATIENT).run(scripts.POLICY, KEYS, "0") == ["NONE"]
    assert [b"EVALSHA" in data for data in requests] == [True, False]


async def test_after_three_failures_nobody_is_asked_for_a_second(tmp_path: Path) -> None:
    clock = [100.0]
    async with connect(f"unix://{tmp_path}/none", PATIENT) as client:
        runner = ScriptRunner(client, PATIENT, monotonic=lambda: clock[0])
        unreachable, closed = Unavailable(cause="connection"), Unavailable(cause=CIRCUIT_OPEN)
        answers = [await runner.run(scripts.BOOK, KEYS) for _ in range(FAILURES_TO_OPEN + 1)]
        assert answers == [unreachable] * FAILURES_TO_OPEN + [closed]
        clock[0] += OPEN_S
        assert [await runner.run(scripts.BOOK, KEYS) for _ in range(2)] == [unreachable, closed]


async def test_an_answer_forgets_the_failures_before_it(tmp_path: Path) -> None:
    replies = [b"-ERR\r\n", b"-ERR\r\n", b"*0\r\n"] * 3
    async with store_that(tmp_path, lambda _: replies.pop(0)) as (url, _), connect(url, PATIENT) as client:
        runner = ScriptRunner(client, PATIENT)
        answers = [await runner.run(scripts.BOOK, KEYS) for _ in range(9)]
    assert answers == [Unavailable(cause="err"), Unavailable(cause="err"), []] * 3
