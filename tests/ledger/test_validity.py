"""Requests that are not sound never reach either ledger: they are answered Unavailable, and so refused."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from callgate.core.hold import Ceiling, Purse, Unavailable, Velocity, Window
from callgate.core.locks import LOCKS_MAX
from callgate.core.money import AMOUNT_MAX_MICROS
from callgate.ledger.base import OrphanCharge
from callgate.ledger.redis import RedisLedger
from callgate.ledger.restoration import Coverage
from callgate.ledger.validity import (
    COUNT_MAX,
    DOCUMENT_MAX,
    KEPT_S,
    PATIENCE_MAX_S,
    RATE_MAX_MICROS,
    RECORD_MAX,
    RECORDS_MAX,
)
from ledger.samples import MONTH, PATIENT, PER_SECOND, Bench, answered, hold_id, lock, policy, renewal, request

NO_ZONE = lock().at.replace(tzinfo=None)
TWICE = (Ceiling(window=Window.DAY, limit_micros=1), Ceiling(window=Window.DAY, limit_micros=2))
STARTS = Velocity(name="starts", count_max=1, span_s=60)
COVERED = Coverage(covered=0, highest=0)
ORPHAN = OrphanCharge(purses=("national",), amount_micros=1, month=MONTH)


def purse(**changes: Any) -> tuple[Purse, ...]:  # noqa: ANN401 - a row of the table may hold anything, that is its point
    return (replace(Purse(name="costly"), **changes),)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clinic", ""),
        ("clinic", "a}b"),
        ("clinic", "é"),
        ("clinic", "c" * 65),
        ("hold_id", "without a time"),
        ("hold_id", "pbx.boot.a"),
        ("hold_id", "pbx boot.1"),
        ("hold_id", "pbx\udc80.1"),
        ("hold_id", "pbx.12345678901"),
        ("hold_id", "x" * 190 + ".1"),
        ("supersedes", "not an id"),
        ("supersedes", hold_id("a")),
        ("rate", replace(PER_SECOND, connect_micros=-1)),
        ("rate", replace(PER_SECOND, connect_micros=AMOUNT_MAX_MICROS + 1)),
        ("rate", replace(PER_SECOND, per_minute_micros=RATE_MAX_MICROS + 1)),
        ("rate", replace(PER_SECOND, first_increment_s=0)),
        ("rate", replace(PER_SECOND, increment_s=0)),
        ("rate", replace(PER_SECOND, increment_s=3601)),
        ("rate", replace(PER_SECOND, label="\ud800")),
        ("seconds", 0),
        ("seconds", 7201),
        ("slice_s", 0),
        ("slice_s", 7201),
        ("purses", tuple(Purse(name=f"p{number}") for number in range(9))),
        ("purses", (Purse(name="a"), Purse(name="a"))),
        ("purses", purse(name="")),
        ("purses", purse(name="é")),
        ("purses", purse(ceilings=TWICE)),
        ("purses", purse(ceilings=(Ceiling(window=Window.DAY, limit_micros=-1),))),
        ("purses", purse(ceilings=(Ceiling(window=Window.DAY, limit_micros=AMOUNT_MAX_MICROS + 1),))),
        ("purses", purse(concurrent_max=-1)),
        ("velocities", tuple(replace(STARTS, name=f"v{number}") for number in range(9))),
        ("velocities", (STARTS, STARTS)),
        ("velocities", (replace(STARTS, name=""),)),
        ("velocities", (replace(STARTS, count_max=1001),)),
        ("velocities", (replace(STARTS, span_s=0),)),
        ("velocities", (replace(STARTS, tag="\n"),)),
        ("month", "2026-13"),
        ("month", "26-11"),
        ("grace_s", -1),
        ("grace_s", 86_401),
        ("policy_revision", -1),
        ("novelty", "country:\n"),
        ("novelty", "n" * 101),
    ],
)
async def test_an_unsound_hold_is_not_held(bench: Bench, field: str, value: object) -> None:
    changes: dict[str, Any] = {"clinic": bench.clinic, field: value}
    assert await bench.ledger.hold(replace(request(), **changes)) == Unavailable(cause=f"invalid: {field}")
    assert (await bench.book()).sequence == 0
    assert await bench.ledger.void_doubtful() == 0, "nothing was sent, nothing is in doubt"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clinic", "{"),
        ("hold_id", "local:a"),
        ("number", 0),
        ("number", 7201),
        ("seconds", 0),
        ("seconds", 7201),
        ("slice_s", 0),
        ("slice_s", 7201),
        ("purses", tuple(Purse(name=f"p{number}") for number in range(9))),
        ("purses", (Purse(name="a"), Purse(name="a"))),
        ("purses", purse(ceilings=TWICE)),
        ("grace_s", 86_401),
        ("policy_revision", -1),
    ],
)
async def test_an_unsound_renewal_is_not_held(bench: Bench, field: str, value: object) -> None:
    await bench.held(request())
    before = await bench.book()
    changes: dict[str, Any] = {"clinic": bench.clinic, field: value}
    unsound = replace(renewal(request(), 1), **changes)
    assert await bench.ledger.renew(unsound) == Unavailable(cause=f"invalid: {field}")
    assert await bench.book() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clinic", "{"),
        ("hold_id", ""),
        ("hold_id", "with space"),
        ("duration_s", -1),
        ("duration_s", KEPT_S + 1),
        ("orphan", replace(ORPHAN, purses=("a", "a"))),
        ("orphan", replace(ORPHAN, purses=tuple(f"p{number}" for number in range(9)))),
        ("orphan", replace(ORPHAN, purses=("",))),
        ("orphan", replace(ORPHAN, amount_micros=-1)),
        ("orphan", replace(ORPHAN, month="november")),
    ],
)
async def test_an_unsound_settlement_is_not_booked(bench: Bench, field: str, value: object) -> None:
    changes: dict[str, Any] = {"clinic": bench.clinic, field: value}
    assert await bench.ledger.settle(replace(answered(), **changes)) == Unavailable(cause=f"invalid: {field}")
    assert (await bench.book()).sequence == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clinic", "{"),
        ("revision", 0),
        ("revision", 1_000_000_001),
        ("at", datetime(2027, 1, 1)),  # noqa: DTZ001 - an instant without a zone is what must be refused
        ("author", "a" * 1001),
        ("origin", "\ud800"),
        ("reason", "\udfff"),
        ("document", "x" * (DOCUMENT_MAX + 1)),
        ("locks", (lock(),) * (LOCKS_MAX + 1)),
        ("locks", (lock(extension="2 3"),)),
        ("locks", (lock(extension="1" * 65),)),
        ("locks", (lock(author="a" * 1001),)),
        ("locks", (lock(), lock(reason="\ud800"))),
        ("locks", (replace(lock(), at=NO_ZONE),)),
        ("locks", (replace(lock(), until=NO_ZONE),)),
    ],
)
async def test_an_unsound_policy_is_not_published(bench: Bench, field: str, value: object) -> None:
    changes: dict[str, Any] = {"clinic": bench.clinic, field: value}
    outcome = await bench.ledger.publish(replace(policy(), **changes), 0)
    assert outcome == Unavailable(cause=f"invalid: {field}")
    assert await bench.ledger.policy_history(bench.clinic) == ()


@pytest.mark.parametrize(
    ("field", "ask"),
    [
        ("revision", lambda bench: bench.ledger.publish(policy(), -1)),
        ("revision", lambda bench: bench.ledger.publish(policy(), 1)),
        ("revision", lambda bench: bench.ledger.fetch_policy(bench.clinic, 0)),
        ("clinic", lambda bench: bench.ledger.fetch_policy("")),
        ("clinic", lambda bench: bench.ledger.policy_history("")),
        ("clinic", lambda bench: bench.ledger.book("")),
        ("clinic", lambda bench: bench.ledger.void("", "a")),
        ("hold_id", lambda bench: bench.ledger.void(bench.clinic, "")),
        ("clinic", lambda bench: bench.ledger.lapse("", 1)),
        ("limit", lambda bench: bench.ledger.lapse(bench.clinic, 0)),
        ("limit", lambda bench: bench.ledger.lapse(bench.clinic, 1001)),
        ("clinic", lambda bench: bench.ledger.audit("")),
        ("clinic", lambda bench: bench.ledger.set_clock("", None)),
        ("to_s", lambda bench: bench.ledger.set_clock(bench.clinic, -1)),
        ("to_s", lambda bench: bench.ledger.set_clock(bench.clinic, 10**10)),
    ],
)
async def test_an_unsound_question_gets_no_answer(
    bench: Bench, field: str, ask: Callable[[Bench], Awaitable[object]]
) -> None:
    assert await ask(bench) == Unavailable(cause=f"invalid: {field}")


@pytest.mark.parametrize(
    ("field", "ask"),
    [
        ("clinic", lambda ledger: ledger.restore("", ())),
        ("records", lambda ledger: ledger.restore("clinic", ("{}",) * (RECORDS_MAX + 1))),
        ("records", lambda ledger: ledger.restore("clinic", ("",))),
        ("records", lambda ledger: ledger.restore("clinic", ("\ud800",))),
        ("records", lambda ledger: ledger.restore("clinic", ("x" * (RECORD_MAX + 1),))),
        ("clinic", lambda ledger: ledger.thaw("", COVERED, 0, 0)),
        ("coverage", lambda ledger: ledger.thaw("clinic", replace(COVERED, covered=-1), 0, 0)),
        ("coverage", lambda ledger: ledger.thaw("clinic", replace(COVERED, highest=COUNT_MAX + 1), 0, 0)),
        ("price_micros", lambda ledger: ledger.thaw("clinic", COVERED, -1, 0)),
        ("price_micros", lambda ledger: ledger.thaw("clinic", COVERED, AMOUNT_MAX_MICROS + 1, 0)),
        ("patience_s", lambda ledger: ledger.thaw("clinic", COVERED, 0, -1)),
        ("patience_s", lambda ledger: ledger.thaw("clinic", COVERED, 0, PATIENCE_MAX_S + 1)),
    ],
)
async def test_a_ledger_is_not_restored_from_what_is_unsound(
    client: Redis, field: str, ask: Callable[[RedisLedger], Awaitable[object]]
) -> None:
    assert await ask(RedisLedger(client, PATIENT)) == Unavailable(cause=f"invalid: {field}")
