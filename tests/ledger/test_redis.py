"""What only the real store can show: many gates at once, lost replies, a store that hangs, is full or forgets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Denied, Gone, Held, HoldRequest, Settled, SettleState, Unavailable
from callgate.core.sighting import Seen, Sighting, Ticks
from callgate.ledger.base import AuditReport, LedgerBook
from callgate.ledger.client import CIRCUIT_OPEN, FAILURES_TO_OPEN, Deadlines, connect
from callgate.ledger.keys import clinic_keys
from callgate.ledger.redis import DOUBTS_MAX, RedisLedger
from callgate.ledger.restoration import ForgetfulWitness
from ledger.samples import (
    CENT,
    EURO,
    PATIENT,
    PER_CALL,
    T0,
    Bench,
    Clocks,
    answered,
    costly,
    hold_id,
    local_call,
    policy,
    request,
    starts,
)
from redis_server import RedisServer

DAY_S = 86_400
SIGHTING = Sighting(gate="gate", seen=Seen(), offer="0" * 16, ticks=Ticks(boot="boot", uptime_s=1, wall_s=1))


@pytest.fixture
async def bench(client: Redis) -> Bench:
    clocks = Clocks()
    bench = Bench(ledger=RedisLedger(client, PATIENT, clock=clocks), clocks=clocks, client=client)
    await bench.begin()
    return bench


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may freeze or fill."""
    with RedisServer(tmp_path) as server:
        yield server


def call(name: str, clinic: str) -> HoldRequest:
    """A request made now, where time is left to the server."""
    return replace(request(name, clinic), hold_id=hold_id(name, int(time.time())))


async def book_of(client: Redis, clinic: str) -> LedgerBook:
    book = await RedisLedger(client, PATIENT).book(clinic)
    assert isinstance(book, LedgerBook), book
    return book


@pytest.mark.parametrize("run", range(20))
async def test_of_200_calls_at_once_exactly_as_many_are_held_as_the_money_pays(
    client: Redis, redis_server: RedisServer, run: int
) -> None:
    print(f"run {run} on Redis {redis_server.version}")
    clinic = f"simultaneous-{run}"
    ledger = RedisLedger(client, PATIENT)
    asked = replace(call("x", clinic), rate=PER_CALL, purses=costly(day=3000))
    calls = [replace(asked, hold_id=hold_id(f"c{number}", int(time.time()))) for number in range(200)]
    outcomes = await asyncio.gather(*(ledger.hold(each) for each in calls))
    assert sum(isinstance(outcome, Held) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, Denied) for outcome in outcomes) == 190
    assert (await book_of(client, clinic)).purses[0].held_micros == 30 * EURO


@asynccontextmanager
async def line_that_loses_the_first_reply(folder: Path, server: RedisServer) -> AsyncIterator[str]:
    """A relay to the store that hangs up instead of passing on the first reply to a script."""
    lost = False

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lost
        store_reader, store_writer = await asyncio.open_unix_connection(server.url.removeprefix("unix://"))
        while data := await reader.read(65_536):
            store_writer.write(data)
            reply = await store_reader.read(65_536)
            if b"EVAL" in data and b"NOSCRIPT" not in reply and not lost:
                lost = True
                break
            writer.write(reply)
        for each in (store_writer, writer):
            each.close()

    listener = await asyncio.start_unix_server(relay, folder / "relay")
    async with listener:
        yield f"unix://{folder}/relay"


async def test_a_hold_whose_answer_was_lost_is_held_once(
    client: Redis, redis_server: RedisServer, tmp_path: Path
) -> None:
    asked = replace(call("a", "lost-reply"), purses=costly(hour=60, lines=1), velocities=starts(1, 60))
    async with (
        line_that_loses_the_first_reply(tmp_path, redis_server) as url,
        connect(url, PATIENT) as unlucky,
    ):
        assert isinstance(await RedisLedger(unlucky, PATIENT).hold(asked), Held)
    book = await book_of(client, "lost-reply")
    assert (book.sequence, len(book.holds), book.purses[0].held_micros) == (1, 1, 60 * CENT)


async def test_a_second_try_tells_what_was_seen_since_the_first(redis_server: RedisServer, tmp_path: Path) -> None:
    """Sent again as it was, it once reached a store that had been set back meanwhile, and its loss was not found."""
    looks = iter(range(100))

    def clock() -> Ticks:
        return Ticks(boot="boot", uptime_s=1000 + next(looks), wall_s=1_735_689_600)

    async with line_that_loses_the_first_reply(tmp_path, redis_server) as url, connect(url, PATIENT) as unlucky:
        ledger = RedisLedger(unlucky, PATIENT, clock=clock)
        assert isinstance(await ledger.hold(call("a", "second-look")), Held)
    assert next(looks) == 3, "one for each try, and one for the answer"


async def never(_ledger: RedisLedger, _asked: HoldRequest) -> None:
    """Nothing else happened to the call."""


async def ends(ledger: RedisLedger, asked: HoldRequest) -> None:
    await ledger.void(asked.clinic, asked.hold_id)


async def is_overtaken(ledger: RedisLedger, asked: HoldRequest) -> None:
    await ledger.publish(replace(policy(2), clinic=asked.clinic), 0)


@pytest.mark.parametrize(
    ("before", "limit", "doubts"), [(never, 0, 1), (ends, 60, 1), (is_overtaken, 60, 0), (never, 60, 0)]
)
async def test_a_hold_that_its_second_try_did_not_get_is_voided_for_the_first_may_be_on_its_way(
    redis_server: RedisServer,
    tmp_path: Path,
    *,
    before: Callable[[RedisLedger, HoldRequest], Awaitable[None]],
    limit: int,
    doubts: int,
) -> None:
    """Unless it was stale: it is judged and held again under the same id, and must not be voided then."""
    asked = replace(call("a", f"second-{before.__name__}-{limit}"), purses=costly(hour=limit), policy_revision=1)
    async with connect(redis_server.url, PATIENT) as client:
        await before(RedisLedger(client, PATIENT), asked)
    async with line_that_loses_the_first_reply(tmp_path, redis_server) as url, connect(url, PATIENT) as unlucky:
        ledger = RedisLedger(unlucky, PATIENT)
        await ledger.hold(asked)
        assert len(ledger._doubts) == doubts
        assert await ledger.void_doubtful() == 0
        await ledger.hold(replace(asked, hold_id=call("z", asked.clinic).hold_id))
        assert len(ledger._doubts) == 0, "answered at once, nothing is in doubt"


async def test_a_hold_that_a_hanging_store_may_yet_carry_out_is_voided(own_server: RedisServer) -> None:
    """With the store stopped the client was told failure, and the hold was made when it went on."""
    asked = call("a", "hangs")
    hasty = Deadlines(connect_s=0.4, answer_s=0.4)
    async with connect(own_server.url, hasty) as impatient, connect(own_server.url, PATIENT) as patient:
        ledger = RedisLedger(impatient, hasty)
        assert isinstance(await ledger.book("hangs"), LedgerBook)
        own_server.freeze()
        assert await ledger.hold(asked) == Unavailable(cause="timeout")
        assert await ledger.void_doubtful() == 1
        own_server.thaw()
        # Whatever was still on its way to the store has arrived once it answers on a later connection.
        book = await book_of(patient, "hangs")
        assert len(book.holds) <= 1
        assert await ledger.void_doubtful() == 0
        assert await RedisLedger(patient, PATIENT).hold(asked) == Gone()
        book = await book_of(patient, "hangs")
        assert book.holds == ()
        assert all(purse.held_micros == 0 for purse in book.purses)


async def test_a_hold_that_is_given_up_midway_is_voided(own_server: RedisServer) -> None:
    async with connect(own_server.url, PATIENT) as patient:
        ledger, asked = RedisLedger(patient, PATIENT), call("a", "given-up")
        await ledger.book("given-up")
        own_server.freeze()
        holding = asyncio.create_task(ledger.hold(asked))
        await asyncio.wait([holding], timeout=0.05)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        own_server.thaw()
        assert await ledger.void_doubtful() == 0
        assert (await book_of(patient, "given-up")).holds == ()
        assert await ledger.hold(asked) == Gone()


async def test_a_hold_that_was_never_sent_is_not_in_doubt(tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/none", PATIENT) as client:
        ledger = RedisLedger(client, PATIENT)
        ledger._runner._monotonic = lambda: 0.0
        for number in range(FAILURES_TO_OPEN):
            assert await ledger.hold(call(f"c{number}", "absent")) == Unavailable(cause="connection")
        assert await ledger.hold(call("z", "absent")) == Unavailable(cause=CIRCUIT_OPEN)
        assert await ledger.void_doubtful() == FAILURES_TO_OPEN


async def test_no_more_doubts_are_remembered_than_there_is_room_for(client: Redis) -> None:
    ledger = RedisLedger(client, PATIENT)
    for number in range(DOUBTS_MAX + 5):
        ledger._doubt("clinic", f"c{number}")
    assert len(ledger._doubts) == DOUBTS_MAX
    assert ("clinic", "c4") not in ledger._doubts


async def test_a_full_store_refuses_before_it_changes_anything(own_server: RedisServer) -> None:
    async with connect(own_server.url, PATIENT) as client:
        ledger = RedisLedger(client, PATIENT)
        await ledger.hold(call("a", "full"))
        before = await book_of(client, "full")
        await client.config_set("maxmemory", 1)
        assert await ledger.hold(call("b", "full")) == Unavailable(cause="outofmemory")
        await client.config_set("maxmemory", 0)
        after = await book_of(client, "full")
        assert replace(after, now=before.now, wall_ahead_s=before.wall_ahead_s) == before


async def test_a_store_that_forgot_the_scripts_learns_them_again(own_server: RedisServer) -> None:
    async with connect(own_server.url, PATIENT) as client:
        ledger = RedisLedger(client, PATIENT)
        for name in "ab":
            await client.script_flush()
            assert isinstance(await ledger.hold(call(name, "flushed")), Held)
        assert len((await book_of(client, "flushed")).holds) == 2


async def test_looking_at_a_ledger_writes_nothing(client: Redis) -> None:
    ledger = RedisLedger(client, PATIENT)
    await ledger.audit("looked-at")
    await ledger.policy_history("looked-at")
    await ledger.fetch_policy("looked-at")
    assert (await book_of(client, "looked-at")).epoch == ""
    assert await client.exists(*clinic_keys("looked-at")) == 0


async def test_an_audit_finds_what_does_not_add_up(bench: Bench) -> None:
    assert bench.client is not None
    meta, holds, live, ended, books, *_ = clinic_keys(bench.clinic)
    await bench.held(request("a"))
    await bench.held(request("b"))
    await bench.settle(answered("b"))
    assert await bench.audit() == AuditReport(sequence=3, records=2, findings=())
    await bench.client.hdel(holds, hold_id("b"))
    await bench.client.zrem(live, hold_id("a"))
    findings = [(each.place, each.expected, each.found) for each in (await bench.audit()).findings]
    assert findings == [
        ("costly day", 0, 60 * CENT),
        ("costly hour", 0, 60 * CENT),
        ("costly week", 0, 60 * CENT),
        ("ended", 0, 1),
        ("live", 1, 0),
        (f"{hold_id('a')} live", T0 + 148, 0),
    ]
    await bench.client.delete(books, ended)
    findings = [(each.place, each.expected, each.found) for each in (await bench.audit()).findings]
    assert findings == [
        ("costly held", 60 * CENT, 0),
        ("costly live", 1, 0),
        ("live", 1, 0),
        (f"{hold_id('a')} live", T0 + 148, 0),
    ]
    assert await bench.client.hget(meta, "sequence") == "3", "it only looks"


async def test_a_void_without_an_answer_is_tried_again(own_server: RedisServer) -> None:
    """Its grant never reached the dialplan: the money must not stay set aside until the hold lapses."""
    asked = call("a", "voided")
    hasty = Deadlines(connect_s=0.4, answer_s=0.4)
    async with connect(own_server.url, hasty) as impatient, connect(own_server.url, PATIENT) as patient:
        ledger = RedisLedger(impatient, hasty)
        assert isinstance(await ledger.hold(asked), Held)
        own_server.freeze()
        assert await ledger.void("voided", asked.hold_id) == Unavailable(cause="timeout")
        own_server.thaw()
        await book_of(patient, "voided")
        assert await ledger.void_doubtful() == 0
        assert (await book_of(patient, "voided")).holds == ()


@pytest.mark.parametrize(
    ("field", "sighting"),
    [
        ("gate", replace(SIGHTING, gate="")),
        ("gate", replace(SIGHTING, gate="gate a")),
        ("gate", replace(SIGHTING, gate="g" * 65)),
        ("epoch", replace(SIGHTING, seen=Seen(epoch="short"))),
        ("mine", replace(SIGHTING, seen=Seen(epoch="0" * 16, mine=-1))),
        ("boot", replace(SIGHTING, ticks=replace(SIGHTING.ticks, boot=""))),
        ("uptime_s", replace(SIGHTING, ticks=replace(SIGHTING.ticks, uptime_s=-1))),
        ("wall_s", replace(SIGHTING, ticks=replace(SIGHTING.ticks, wall_s=-1))),
        ("wall_s", replace(SIGHTING, ticks=replace(SIGHTING.ticks, wall_s=10**10))),
    ],
)
async def test_a_gate_that_does_not_know_itself_reaches_no_ledger(
    client: Redis, field: str, sighting: Sighting
) -> None:
    witness = ForgetfulWitness()
    witness.witness("unsound", sighting.seen, None)
    clocks = Clocks(ticks=sighting.ticks)
    ledger = RedisLedger(client, PATIENT, gate=sighting.gate, witness=witness, clock=clocks)
    assert await ledger.book("unsound") == Unavailable(cause=f"invalid: {field}")


async def test_a_ledger_keeps_to_its_clinics_keys_and_lets_none_expire(bench: Bench) -> None:
    """An expiry by the server's clock vanished a hold when the clock was a day ahead (facts/reliability.md 0.9)."""
    assert bench.client is not None
    await bench.publish(policy(), 0)
    await bench.held(replace(request("a"), velocities=starts(1, 60), novelty="country:BE"))
    await bench.settle(answered("a"))
    await bench.settle(local_call(hold_id("b"), 5))
    await bench.held(request("c"))
    await bench.void("d")
    keys = clinic_keys(bench.clinic)
    assert set(await bench.client.keys(f"*{bench.clinic}*")) == set(keys)
    assert {await bench.client.ttl(key) for key in keys} == {-1}


async def test_a_void_of_a_hold_already_settled_says_what_it_cost(client: Redis) -> None:
    ledger = RedisLedger(client, PATIENT)
    asked = call("a", "late-void")
    await ledger.hold(asked)
    await ledger.settle(replace(answered("a", 5), clinic="late-void", hold_id=asked.hold_id))
    outcome = await ledger.void("late-void", asked.hold_id)
    assert outcome == Settled(state=SettleState.ALREADY, amount_micros=5 * CENT)
