"""What is the model's own: its clocks, its clinics, and what it answers to unsound requests."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from callgate.core.hold import Unavailable
from callgate.core.sighting import Ticks
from callgate.ledger.base import LedgerBook
from callgate.ledger.memory import MemoryLedger, at_second
from ledger.samples import T0, Clocks, answered, hold_id, policy, renewal, request

BAD = "not a clinic"


async def now_s(ledger: MemoryLedger, clinic: str = "clinic") -> int:
    await ledger.lapse(clinic, 1)
    book = await ledger.book(clinic)
    assert isinstance(book, LedgerBook)
    return int(book.now.timestamp())


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.hold(replace(request(), clinic=BAD)),
        lambda ledger: ledger.renew(replace(renewal(request(), 1), clinic=BAD)),
        lambda ledger: ledger.settle(replace(answered(), clinic=BAD)),
        lambda ledger: ledger.void(BAD, hold_id("a")),
        lambda ledger: ledger.lapse(BAD, 1),
        lambda ledger: ledger.audit(BAD),
        lambda ledger: ledger.set_clock(BAD, T0),
        lambda ledger: ledger.book(BAD),
        lambda ledger: ledger.publish(replace(policy(), clinic=BAD), 0),
        lambda ledger: ledger.fetch_policy(BAD),
        lambda ledger: ledger.policy_history(BAD),
    ],
)
async def test_an_unsound_request_is_refused(ask: Callable[[MemoryLedger], Awaitable[object]]) -> None:
    assert await ask(MemoryLedger(Clocks())) == Unavailable(cause="invalid: clinic")


async def test_nothing_is_ever_in_doubt() -> None:
    assert await MemoryLedger(Clocks()).void_doubtful() == 0


async def test_each_clinic_has_its_own_time() -> None:
    clocks = Clocks()
    ledger = MemoryLedger(clocks)
    assert await now_s(ledger, "first") == T0
    clocks.ticks = Ticks(boot="later", uptime_s=0, wall_s=T0 + 86_400)
    assert await now_s(ledger, "second") == T0 + 86_400
    assert await now_s(ledger, "first") == T0


async def test_a_clock_that_proves_every_second_loses_none_in_a_year() -> None:
    """Else a replay of 13 weeks would end a minute and a half late."""
    second = T0
    ledger = MemoryLedger(at_second(lambda: second))
    for day in range(366):
        second = T0 + day * 90_000
        await ledger.void("clinic", hold_id(f"{day}"))
        assert await now_s(ledger) == second


async def test_how_far_the_servers_clock_is_ahead_is_shown() -> None:
    clocks = Clocks()
    ledger = MemoryLedger(clocks)
    await ledger.lapse("clinic", 1)
    for wall_s, ahead_s in ((T0, 0), (T0 + 5000, 5000), (T0 - 7, -7)):
        clocks.ticks = replace(clocks.ticks, wall_s=wall_s)
        book = await ledger.book("clinic")
        assert isinstance(book, LedgerBook)
        assert (book.wall_ahead_s, book.epoch, book.frozen) == (ahead_s, "memory", None)


async def test_a_clock_that_only_has_a_second_proves_every_second_ahead() -> None:
    ahead_s = [0, 1, 86_400, 5, 100 * 86_400]
    seconds = iter([T0 + second for second in ahead_s for _ in range(3)])
    ledger = MemoryLedger(at_second(lambda: next(seconds)))
    assert [await now_s(ledger) - T0 for _ in ahead_s] == [0, 1, 86_400, 86_400, 100 * 86_400]


async def test_a_look_changes_nothing_not_even_ledger_time() -> None:
    clocks = Clocks()
    ledger = MemoryLedger(clocks)
    await ledger.book("clinic")
    clocks.ticks = Ticks(boot="later", uptime_s=0, wall_s=T0 + 86_400)
    assert await now_s(ledger) == T0 + 86_400, "the first operation that counts"
