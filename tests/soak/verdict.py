"""What a soak came to: the ledger's books beside the truth, once everything has ended."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from redis.asyncio import Redis

from callgate.core.hold import Settled, SettleState
from callgate.ledger.base import AuditReport, LapseReport, Ledger, LedgerBook
from callgate.ledger.client import Deadlines
from soak.diary import Story
from soak.plans import CEILINGS, CLINIC, LATE_MS, LINES
from soak.truth import Peak, most_up, owed, peaks

SWEEPS_MAX = 10_000
NEVER_EXPIRES = -1
PATIENT = Deadlines(connect_s=10, free_connection_s=10, answer_s=10)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found.

    Fields:
        answered, unanswered: calls that were up, and those that nobody answered.
        late, lost: settlements that set out when their hold was due to lapse, and those that never did.
        settled_micros: booked by settlements.
        peaks: of each ceiling, at real instants.
        faults: sentences; empty if all is right.
    """

    answered: int = 0
    unanswered: int = 0
    late: int = 0
    lost: int = 0
    settled_micros: int = 0
    peaks: list[Peak] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


async def judge(ledger: Ledger, stories: Iterable[Story], client: Redis | None = None) -> Verdict:
    """Let every hold lapse whose time is over, and compare the books with the truth.

    Args:
        ledger: whose messages meet no trouble. All that met some have arrived.
        stories: what really happened. All calls have ended a day ago.
        client: of the store, if the ledger has one.
    """
    await _close_books(ledger)
    told = list(stories)
    found = Verdict()
    for story in told:
        await _judge_story(ledger, story, found)
    book, audit = await ledger.book(CLINIC), await ledger.audit(CLINIC)
    assert isinstance(book, LedgerBook), book
    assert isinstance(audit, AuditReport), audit
    found.faults += [f"audit: {finding}" for finding in audit.findings]
    found.faults += [f"{hold.hold_id} is held for ever" for hold in book.holds]
    found.faults += _leaks(book) + _wrong_sums(book, told)
    found.peaks = peaks((call for story in told if (call := story.call)), CEILINGS)
    found.faults += [f"over the ceiling by {peak.over_micros}: {peak}" for peak in found.peaks if peak.over_micros]
    for purse, lines in LINES.items():
        spans = (
            (call.answer_ms, call.answer_ms + call.duration_ms)
            for story in told
            if (call := story.call) and purse in call.purses
        )
        if (most := most_up(spans)) > lines:
            found.faults.append(f"{most} calls up at once in {purse}, {lines} allowed")
    if client is not None:
        found.faults += [
            f"{key} expires" async for key in client.scan_iter() if await client.pttl(key) != NEVER_EXPIRES
        ]
    return found


async def _close_books(ledger: Ledger) -> None:
    for _ in range(SWEEPS_MAX):
        report = await ledger.lapse(CLINIC, 1000)
        assert isinstance(report, LapseReport), report
        if not report.left:
            return
    raise AssertionError("the lapse never comes to an end")


async def _judge_story(ledger: Ledger, story: Story, found: Verdict) -> None:
    """Look at one hold, and ask what stays booked for a settlement that is lost."""
    hold_id, call = story.asked.hold_id, story.call
    if story.is_lost:
        # The hold has lapsed, so this void changes nothing and says what the lapse booked.
        outcome = await ledger.void(CLINIC, hold_id)
        if not isinstance(outcome, Settled) or outcome.state is not SettleState.ALREADY:
            found.faults.append(f"{hold_id} was lost and is not booked: {outcome}")
            return
        story.booked_micros = outcome.amount_micros
        found.lost += 1
        if call and outcome.amount_micros < owed(call):
            found.faults.append(f"{hold_id} lapsed at {outcome.amount_micros}, and cost {owed(call)}")
        return
    if story.booked_micros is None:
        found.faults.append(f"{hold_id} was never closed")
    elif call and story.booked_micros != owed(call):
        found.faults.append(f"{hold_id} is booked at {story.booked_micros}, and cost {owed(call)}")
    elif story.dialled and not call and story.booked_micros:
        found.faults.append(f"{hold_id} is booked at {story.booked_micros}, and nobody answered")
    found.answered += call is not None
    found.unanswered += story.dialled is not None and call is None
    found.late += story.dialled is not None and story.dialled.settle_ms >= LATE_MS
    found.settled_micros += story.booked_micros or 0


def _leaks(book: LedgerBook) -> list[str]:
    return [
        f"{purse.name} holds {purse.held_micros} for {purse.live} calls, and all have ended"
        for purse in book.purses
        if purse.live or purse.held_micros
    ]


def _wrong_sums(book: LedgerBook, stories: list[Story]) -> list[str]:
    """Compare what each purse says of each month with what was acknowledged, one by one, to the gates."""
    acknowledged: Counter[tuple[str, str]] = Counter()
    for story in stories:
        for purse in story.asked.purses:
            acknowledged[purse, story.asked.month] += story.booked_micros or 0
    booked = Counter({(purse.name, spend.month): spend.micros for purse in book.purses for spend in purse.months})
    return [
        f"{purse} in {month}: the ledger says {booked[purse, month]}, its answers were {acknowledged[purse, month]}"
        for purse, month in sorted(booked.keys() | acknowledged.keys())
        if booked[purse, month] != acknowledged[purse, month]
    ]
