"""The link to Redis waits as long as it says, repeats as often as it says, and stops asking when nobody answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis, SSLConnection
from redis.crc import key_slot
from redis.exceptions import RedisError

from callgate.core.hold import Unavailable
from callgate.ledger import scripts
from callgate.ledger.address import Endpoint
from callgate.ledger.client import (
    CIRCUIT_OPEN,
    FAILURES_TO_OPEN,
    OPEN_S,
    PROMPT,
    Access,
    Deadlines,
    ScriptRunner,
    Unreplicated,
    connect,
)
from callgate.ledger.keys import clinic_keys
from callgate.ledger.primaries import Primaries
from ledger.fake_stores import NONE, OK, Answer, FakeStore, all_slots, host_and_port, slots, stores
from ledger.samples import PATIENT

KEYS = clinic_keys("client")
REPLICA = b"-READONLY You can't write against a read only replica.\r\n"
QUICK = Deadlines(connect_s=0.3, answer_s=0.3)


NODE = Endpoint("node", 1)


def pool_of(client: Redis) -> ConnectionPool:
    """The pool of the one server, or of any server of many."""
    return (client._open_node(NODE) if isinstance(client, Primaries) else client).connection_pool


@pytest.mark.parametrize(
    "url",
    [
        "unix:///nowhere.sock",
        "redis://nowhere",
        "rediss://nowhere",
        "redis+cluster://nowhere,nowhere:7000",
        "rediss+cluster://nowhere/?socket_timeout=60&ssl_check_hostname=no",
        "redis+sentinel://nowhere,nowhere:26380/clinics",
        "rediss+sentinel://nowhere/clinics?socket_timeout=60",
        "redis://nowhere/3?socket_timeout=60&socket_connect_timeout=60&retry_on_timeout=yes&health_check_interval=30",
        "redis://nowhere/3?timeout=60&max_connections=1",
    ],
)
def test_the_defaults_of_the_library_do_not_leak_in(url: str) -> None:
    """Its retries executed one lost reply 11 times, and its time-outs are 5 s (facts/reliability.md 0.5)."""
    pool = pool_of(connect(url))
    assert isinstance(pool, BlockingConnectionPool)
    connection = pool.connection_class(**pool.connection_kwargs)
    assert connection.retry._retries == 0
    assert connection.retry_on_error == []
    assert connection.socket_connect_timeout == PROMPT.connect_s == 0.1
    assert connection.socket_timeout == PROMPT.answer_s == 0.12
    assert connection.health_check_interval == 0
    assert isinstance(connection, SSLConnection) is url.startswith("rediss")
    assert pool.timeout == PROMPT.free_connection_s == 0.05
    assert pool.max_connections == 64
    enabled: Callable[[], bool] = pool.maint_notifications_enabled
    assert not enabled(), "it would give out what the server has closed"


def here(store: FakeStore) -> str:
    return f"redis://{store.endpoint}"


def in_cluster(store: FakeStore) -> str:
    return f"redis+cluster://{store.endpoint}"


def behind_sentinel(store: FakeStore) -> str:
    return f"redis+sentinel://{store.endpoint}/clinics"


def unique(names: list[str]) -> list[str]:
    """Each once; the spare connection is greeted, too."""
    return list(dict.fromkeys(names))


KINDS = pytest.mark.parametrize("kind", [here, in_cluster, behind_sentinel])


@asynccontextmanager
async def whatever_kind(kind: Callable[[FakeStore], str], answer: Answer) -> AsyncIterator[tuple[str, FakeStore]]:
    """Serve one store that is the whole cluster and its own sentinel; `answer` is for all other commands."""

    def tell(words: list[str]) -> bytes | None:
        match words[0]:
            case "CLUSTER":
                return all_slots(store.endpoint)
            case "SENTINEL":
                return host_and_port(store.endpoint)
            case _:
                return answer(words)

    async with stores(tell) as (store,):
        yield kind(store), store


@KINDS
async def test_a_lost_reply_is_one_execution(kind: Callable[[FakeStore], str]) -> None:
    async with whatever_kind(kind, lambda _: None) as (url, store), connect(url, PATIENT) as client:
        with pytest.raises(RedisError):
            await client.incr("key")
    assert store.names().count("INCRBY") == 1


@KINDS
async def test_a_script_whose_reply_is_lost_is_repeated_once(kind: Callable[[FakeStore], str]) -> None:
    async with whatever_kind(kind, lambda _: None) as (url, store), connect(url, PATIENT) as client:
        assert await ScriptRunner(client, PATIENT).run(scripts.BOOK, KEYS) == Unavailable(cause="connection")
    assert store.names().count("EVALSHA") == 2


def test_two_tries_fit_into_300_ms() -> None:
    assert 2 * PROMPT.answer_s < 0.3


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://secret@nowhere", "redis://"),
        ("redis://:sec/ret@nowhere", "cannot be read"),
        ("redis://nowhere/?secret=1", "is not known"),
        ("redis://nowhere/?ssl_ca_certs=secret", "needs rediss://"),
        ("redis+cluster://nowhere/?secret=1", "is not known"),
        ("redis+sentinel://nowhere/clinics?db=secret", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_at_once_without_saying_its_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        connect(url)
    assert "sec" not in str(refused.value)


async def test_a_password_file_is_read_at_each_connection(tmp_path: Path) -> None:
    """A password that was changed needs no restart."""
    file = tmp_path / "password"
    async with stores(lambda words: OK if words[0] == "AUTH" else None) as (store,):
        for url, password in ((f"redis://gate@{store.endpoint}", "first\n"), (f"redis://{store.endpoint}", "no line")):
            file.write_text(password)
            async with connect(url, PATIENT, Access(password_file=file)) as client:
                assert await ScriptRunner(client, PATIENT).run(scripts.BOOK, KEYS) == Unavailable(cause="connection")
                file.write_text("second\r\n")
                await ScriptRunner(client, PATIENT).run(scripts.BOOK, KEYS)
    sent = [words[1:] for words in store.asked if words[0] == "AUTH"]
    assert sent[0] == ["gate", "first"]
    assert sent[-1] == ["second"]
    assert ["gate", "second"] in sent
    assert ["no line"] in sent


@pytest.mark.parametrize(("query", "told"), [("", ["SENTINEL"]), ("?sentinel_auth=yes", ["AUTH", "SENTINEL"])])
async def test_sentinels_are_told_a_password_only_if_they_are_to(tmp_path: Path, query: str, told: list[str]) -> None:
    access = Access(password_file=tmp_path / "password")
    (tmp_path / "password").write_text("secret")

    def tell(words: list[str]) -> bytes:
        return OK if words[0] == "AUTH" else host_and_port(store.endpoint)

    async with (
        stores(tell, lambda words: OK if words[0] == "AUTH" else NONE) as (sentinel, store),
        connect(behind_sentinel(sentinel) + query, PATIENT, access) as client,
    ):
        assert await ScriptRunner(client, PATIENT).run(scripts.POLICY, KEYS, "0") == ["NONE"]
    assert (sentinel.names(), unique(store.names())) == (told, ["AUTH", "EVALSHA"])
    assert (sentinel.connections, store.names().count("EVALSHA")) == (1, 1)


async def test_a_password_file_that_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    async with stores(lambda _: OK) as (store,):
        access = Access(password_file=tmp_path / "none")
        async with connect(f"redis://{store.endpoint}", PATIENT, access) as client:
            assert await ScriptRunner(client, PATIENT).run(scripts.BOOK, KEYS) == Unavailable(cause="filenotfound")
    assert store.asked == []


def test_a_password_stands_in_one_place_only() -> None:
    with pytest.raises(ValueError, match="another") as refused:
        connect("redis://:secret@nowhere", access=Access(password_file=Path("/nowhere")))
    assert "secret" not in str(refused.value)


def test_certificates_are_those_of_the_settings() -> None:
    access = Access(ca=Path("/ca"), certificate=Path("/certificate"), key=Path("/key"))
    for url in ("rediss://nowhere", "rediss+cluster://nowhere", "rediss+sentinel://nowhere/clinics"):
        told = pool_of(connect(url, access=access)).connection_kwargs
        assert (told["ssl_ca_certs"], told["ssl_certfile"], told["ssl_keyfile"]) == ("/ca", "/certificate", "/key")


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


async def test_a_far_store_that_wants_a_name_is_greeted_before_the_answer_is_waited_for() -> None:
    """Together both took longer than an answer may: each new connection was given up, and the next one was new."""
    patient = Deadlines(connect_s=5, answer_s=1)
    async with stores(lambda words: OK if words[0] == "AUTH" else b"*0\r\n") as (store,):
        store.far_s = 0.7
        async with connect(f"redis://callgate@{store.endpoint.host}:{store.port}", patient) as client:
            assert await ScriptRunner(client, patient).run(scripts.BOOK, KEYS) == []
    assert unique(store.names()) == ["AUTH", "EVALSHA"]
    assert store.names().count("EVALSHA") == 1


async def test_a_store_that_greets_and_then_hangs_is_asked_once() -> None:
    """There is no time for more: a call waits."""
    patient = Deadlines(connect_s=5, answer_s=0.5)
    async with stores(lambda words: OK if words[0] == "AUTH" else b"") as (store,):
        store.far_s = 0.4
        async with connect(f"redis://callgate@{store.endpoint.host}:{store.port}", patient) as client:
            assert await ScriptRunner(client, patient).run(scripts.BOOK, KEYS) == Unavailable(cause="timeout")
    assert unique(store.names()) == ["AUTH", "EVALSHA"]
    assert store.names().count("EVALSHA") == 1


async def test_a_process_that_stood_still_asks_again_what_was_answered_meanwhile(tmp_path: Path) -> None:
    """The time was not the store's: another call's long thought, or a collection of garbage, took it."""
    pauses = [2 * QUICK.answer_s]

    def answer_after_a_pause(_: bytes) -> bytes:
        if pauses:
            time.sleep(pauses.pop())  # the store is in this process, which is to stand still
        return b"*0\r\n"

    async with store_that(tmp_path, answer_after_a_pause) as (url, requests), connect(url, QUICK) as client:
        assert await ScriptRunner(client, QUICK).run(scripts.BOOK, KEYS) == []
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
        (b"-ERR Protocol error: unauthenticated multibulk length\r\n", "authentication"),
        (b"-NOREPLICAS Not enough good replicas to write.\r\n", "noreplicas"),
        (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", "authentication"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "masterdown"),
        (b"-CROSSSLOT Keys in request don't hash to the same slot\r\n", "clustercrossslot"),
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
        assert [answer.last_cause for answer in answers if isinstance(answer, Unavailable)][-1] == "connection"
        clock[0] += OPEN_S
        assert [await runner.run(scripts.BOOK, KEYS) for _ in range(2)] == [unreachable, closed]


async def test_an_answer_forgets_the_failures_before_it(tmp_path: Path) -> None:
    replies = [b"-BUSY\r\n", b"-BUSY\r\n", b"*0\r\n"] * 3
    async with store_that(tmp_path, lambda _: replies.pop(0)) as (url, _), connect(url, PATIENT) as client:
        runner = ScriptRunner(client, PATIENT)
        answers = [await runner.run(scripts.BOOK, KEYS) for _ in range(9)]
    assert answers == [Unavailable(cause="busy"), Unavailable(cause="busy"), []] * 3


@pytest.mark.parametrize("cause", ["err", "invalid"])
async def test_a_server_that_will_not_take_a_request_is_asked_the_next_one(tmp_path: Path, cause: str) -> None:
    """A few changes that no ledger takes once closed the road for the restoration of all others."""
    refusal = f"-{cause.upper()} purses\r\n".encode()
    async with store_that(tmp_path, lambda _: refusal) as (url, _), connect(url, PATIENT) as client:
        runner = ScriptRunner(client, PATIENT)
        answers = [await runner.run(scripts.BOOK, KEYS) for _ in range(FAILURES_TO_OPEN + 2)]
    assert answers == [Unavailable(cause=cause)] * (FAILURES_TO_OPEN + 2)


async def test_a_server_that_is_a_replica_now_is_looked_for_under_its_name_again() -> None:
    async with stores(lambda _: REPLICA) as (store,), connect(here(store), PATIENT) as client:
        runner = ScriptRunner(client, PATIENT)
        for _ in range(2):
            assert await runner.run(scripts.BOOK, KEYS) == Unavailable(cause="readonly")
    assert len(set(store.asked_on)) == len(store.asked) == 2


async def test_behind_sentinels_a_refusal_by_a_replica_is_repeated_at_the_primary() -> None:
    successor: list[Endpoint] = []
    replies = [REPLICA]
    async with stores(lambda _: host_and_port(successor.pop(0)), lambda _: replies.pop(), lambda _: NONE) as (
        sentinel,
        old,
        new,
    ):
        successor.extend((old.endpoint, new.endpoint))
        async with connect(behind_sentinel(sentinel), PATIENT) as client:
            assert isinstance(client, Primaries)
            client._monotonic = iter(range(10**9, 2 * 10**9)).__next__
            assert await ScriptRunner(client, PATIENT).run(scripts.POLICY, KEYS, "0") == ["NONE"]
    assert (old.names(), new.names()) == (["EVALSHA"], ["EVALSHA"])


async def test_a_primary_that_does_not_answer_closes_the_road_to_no_other() -> None:
    other_keys = clinic_keys("other")
    slot, other_slot = (key_slot(keys[0].encode()) for keys in (KEYS, other_keys))

    def tell(words: list[str]) -> bytes | None:
        rows = (slot, slot, dead.endpoint), (other_slot, other_slot, well.endpoint)
        return slots(*rows) if words[0] == "CLUSTER" else NONE

    async with stores(lambda _: None, tell) as (dead, well), connect(in_cluster(well), PATIENT) as client:
        runner = ScriptRunner(client, PATIENT, monotonic=lambda: 100.0)
        answers = [await runner.run(scripts.POLICY, KEYS, "0") for _ in range(FAILURES_TO_OPEN + 2)]
        assert answers[-1] == Unavailable(cause=CIRCUIT_OPEN)
        assert await runner.run(scripts.POLICY, other_keys, "0") == ["NONE"]


REPLICATED = replace(PATIENT, replicas=2, replica_s=0.05)


@KINDS
@pytest.mark.parametrize(
    ("acknowledged", "answer"),
    [(b":2\r\n", ["NONE"]), (b":3\r\n", ["NONE"]), (b":1\r\n", Unreplicated(["NONE"]))],
)
async def test_what_a_costly_call_depends_on_counts_once_enough_replicas_have_it(
    *, kind: Callable[[FakeStore], str], acknowledged: bytes, answer: object
) -> None:
    def reply(words: list[str]) -> bytes:
        return acknowledged if words[0] == "WAIT" else NONE

    async with whatever_kind(kind, reply) as (url, store), connect(url, REPLICATED) as client:
        runner = ScriptRunner(client, REPLICATED)
        for _ in range(FAILURES_TO_OPEN + 1):
            assert await runner.run(scripts.POLICY, KEYS, "0", replicated=True) == answer, "no circuit opens"
        assert await runner.run(scripts.POLICY, KEYS, "0") == ["NONE"]
    asked = [words for words in store.asked if words[0] in {"EVALSHA", "WAIT"}]
    assert [words[0] for words in asked] == ["EVALSHA", "WAIT"] * 4 + ["EVALSHA"]
    assert asked[1] == ["WAIT", "2", "50"]


async def test_a_script_not_known_is_sent_whole_and_then_acknowledged() -> None:
    def reply(words: list[str]) -> bytes:
        match words[0]:
            case "EVALSHA":
                return b"-NOSCRIPT No matching script.\r\n"
            case "EVAL":
                return NONE
            case _:
                return b":2\r\n"

    async with stores(reply) as (store,), connect(here(store), REPLICATED) as client:
        assert await ScriptRunner(client, REPLICATED).run(scripts.POLICY, KEYS, "0", replicated=True) == ["NONE"]
    assert store.names() == ["EVALSHA", "WAIT", "EVAL", "WAIT"]


async def test_what_follows_a_greeting_that_failed_is_no_repetition() -> None:
    """Nothing was sent before it, so replicas can acknowledge it."""
    greetings = [None]

    def reply(words: list[str]) -> bytes | None:
        match words[0]:
            case "AUTH":
                return greetings.pop() if greetings else OK
            case "WAIT":
                return b":2\r\n"
            case _:
                return NONE

    async with stores(reply) as (store,), connect(f"redis://gate:secret@{store.endpoint}", REPLICATED) as client:
        assert await ScriptRunner(client, REPLICATED).run(scripts.POLICY, KEYS, "0", replicated=True) == ["NONE"]
    assert not greetings
    assert [name for name in store.names() if name != "AUTH"] == ["EVALSHA", "WAIT"]


async def test_a_repetition_counts_as_not_replicated() -> None:
    """It finds its work done and writes nothing: from Redis 7.2 on, WAIT says yes to that at once."""
    replies = [None, NONE]
    async with stores(lambda _: replies.pop(0)) as (store,), connect(here(store), REPLICATED) as client:
        runner = ScriptRunner(client, REPLICATED)
        assert await runner.run(scripts.POLICY, KEYS, "0", replicated=True) == Unreplicated(["NONE"])
    assert store.names() == ["EVALSHA", "EVALSHA"]
    async with stores(lambda _: None) as (store,), connect(here(store), REPLICATED) as client:
        runner = ScriptRunner(client, REPLICATED)
        dead = Unavailable(cause="connection")
        assert await runner.run(scripts.POLICY, KEYS, "0", replicated=True) == dead
